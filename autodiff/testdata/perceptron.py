"""Writes perceptron.json: a network 2-32-32-32-2 with ReLU, its loss under denoising score matching and all gradients, by
JAX in float64 from numbers that float32 holds exactly. Needs jax and numpy.

    python perceptron.py
"""
import json
import os

os.environ["JAX_ENABLE_X64"] = "1"
import jax
import jax.numpy as jnp
import numpy as np

WIDTHS = [2, 32, 32, 32, 2]
ROWS, SIGMA = 20, 0.5

rng = np.random.default_rng(7)


def draw(*shape, scale):
    """Multiples of 1/4096: few digits, exact in float32."""
    return np.round(rng.normal(size=shape) * scale * 4096) / 4096


params = []
for i, o in zip(WIDTHS, WIDTHS[1:]):
    params += [draw(i, o, scale=i**-0.5), draw(o, scale=0.1)]
x, z = draw(ROWS, 2, scale=2), draw(ROWS, 2, scale=1)


def score(params, x):
    for w, b in zip(params[0::2], params[1::2]):
        x = x @ w + b
        if w.shape[1] != WIDTHS[-1]:
            x = jax.nn.relu(x)
    return x


def losses(params, x, z):
    """|s(x) + z/sigma|^2, a number a row."""
    return jnp.sum((score(params, x) + z / SIGMA) ** 2, axis=1)


gradients = jax.grad(lambda p: jnp.sum(losses(p, x, z)))(params)
inputs = jax.grad(lambda x: jnp.sum(losses(params, x, z)))(x)


def hutchinson(params, x, z):
    """z . (ds/dx) z, a number a row, and so its gradient in the parameters is one through a gradient."""
    slope = jax.grad(lambda x: jnp.sum(score(params, x) * z))(x)
    return jnp.sum(slope * z, axis=1)


second = jax.grad(lambda p: jnp.sum(hutchinson(p, x, z)))(params)


def flat(a):
    return [float(f"{v:.9g}") for v in np.asarray(a).ravel()]


out = {
    "made_by": f"jax {jax.__version__}, float64",
    "widths": WIDTHS,
    "sigma": SIGMA,
    "params": [flat(p) for p in params],
    "x": flat(x),
    "z": flat(z),
    "score": flat(score(params, x)),
    "losses": flat(losses(params, x, z)),
    "gradients": [flat(g) for g in gradients],
    "gradient_x": flat(inputs),
    "hutchinson": flat(hutchinson(params, x, z)),
    "hutchinson_gradients": [flat(g) for g in second],
}
folder = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(folder, "perceptron.json"), "w") as f:
    f.write("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in out.items()) + "\n}\n")
