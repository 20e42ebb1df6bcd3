"""NAME: a plug-in of infer. Three bumps, as a density and as the scores of its blurred versions; put your model here.

Test it:   python3 -m infer_plugin.test model.py
Try it:    infer sample --density NAME --plugin-dev .
"""

import numpy as np

import infer_plugin as infer

CENTRES = np.array([[-2.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
WIDTH = 0.7


def mixture(x, variance):
    """Log p, shape (n,), and its gradient, shape (n, 2), of bumps with a variance of shape (n, 1)."""
    away = x[:, None, :] - CENTRES  # (n, 3, 2)
    logs = -(away**2).sum(axis=2) / (2 * variance) - np.log(variance)  # (n, 3)
    top = logs.max(axis=1, keepdims=True)
    weights = np.exp(logs - top)
    total = weights.sum(axis=1, keepdims=True)
    gradient = -(weights[:, :, None] * away).sum(axis=1) / (total * variance)
    return (top + np.log(total))[:, 0], gradient


@infer.density(dim=2, gradient=True, names=["x", "y"])
def density(x):  # x has shape (n, 2), n is large
    return mixture(x, np.full((len(x), 1), WIDTH**2))


@infer.score(dim=2, noise=(0.05, 10.0), names=["x", "y"])
def score(x, sigma):  # sigma, the noise level of each point, has shape (n, 1)
    return mixture(x, WIDTH**2 + sigma**2)[1]


infer.serve(name="NAME", version="0.1.0")
