"""A score network in JAX, trained outside by train.py: it predicts the noise in a point, at any noise level."""

import os

import jax
import jax.numpy as jnp
import numpy as np

import infer_plugin as infer

SPREAD = 1.9  # standard deviation of a coordinate of the data
LEVELS = (0.02, 10.0)


def network(weights, x, sigma):
    """The noise eps in x = x0 + sigma eps, shape (n, 2), of x and sigma of shapes (n, 2) and (n, 1)."""
    h = jnp.concatenate([x / jnp.sqrt(sigma**2 + SPREAD**2), jnp.log(sigma) / 4], axis=1)
    for w, b in weights[:-1]:
        h = jax.nn.silu(h @ w + b)
    w, b = weights[-1]
    # Far out the noise is what is left of x: the network learns the rest.
    return x * sigma / (sigma**2 + SPREAD**2) + (h @ w + b) * SPREAD / jnp.sqrt(sigma**2 + SPREAD**2)


def load(path):
    with np.load(path) as file:
        return [(jnp.asarray(file["w%d" % i]), jnp.asarray(file["b%d" % i])) for i in range(len(file.files) // 2)]


def serve():
    weights = load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights.npz"))
    compiled = jax.jit(lambda x, sigma: network(weights, x, sigma))

    @infer.score(dim=2, noise=LEVELS, returns="eps", dtype="float32", batch=4096, pad=True, name="donut-score")
    def donut_score(x, sigma):
        return compiled(x, sigma)

    infer.serve(name="jax-score", version="1.0.0")


if __name__ == "__main__":
    serve()
