"""Trains the network of score.py on exact draws of the donut and writes weights.npz. About a minute on a CPU.

    python3 train.py
"""

import jax
import jax.numpy as jnp
import numpy as np

import score

WIDTHS = [3, 64, 64, 64, 2]
STEPS, BATCH = 20000, 1024


def draws(count, rng):
    """Points of the donut: the radius has density r exp(-(r - 2.6)^2 / 0.033), by rejection below r = 4."""
    r = rng.normal(2.6, np.sqrt(0.033 / 2), 4 * count)
    r = r[(r > 0) & (r < 4) & (rng.uniform(0, 4, 4 * count) < r)][:count]
    angle = rng.uniform(0, 2 * np.pi, count)
    return np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1).astype(np.float32)


def loss(weights, x0, sigma, eps):
    return jnp.mean((score.network(weights, x0 + sigma * eps, sigma) - eps) ** 2)


@jax.jit
def step(weights, first, second, average, t, x0, sigma, eps):
    """One step of Adam; average follows the weights."""
    value, gradient = jax.value_and_grad(loss)(weights, x0, sigma, eps)
    rate = 2e-3 * 0.5 * (1 + jnp.cos(jnp.pi * t / STEPS))
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
    weights = jax.tree.map(lambda w, m, v: w - rate * (m / (1 - 0.9 ** (t + 1))) / (jnp.sqrt(v / (1 - 0.999 ** (t + 1))) + 1e-8),
                           weights, first, second)
    average = jax.tree.map(lambda a, w: 0.999 * a + 0.001 * w, average, weights)
    return weights, first, second, average, value


def main():
    rng = np.random.default_rng(1)
    weights = [(jnp.asarray(rng.normal(0, 1 / np.sqrt(a), (a, b)), jnp.float32), jnp.zeros(b, jnp.float32))
               for a, b in zip(WIDTHS, WIDTHS[1:])]
    zeros = jax.tree.map(jnp.zeros_like, weights)
    first, second, average, total = zeros, zeros, weights, 0.0
    low, high = np.log(score.LEVELS)
    for t in range(STEPS):
        sigma = np.exp(rng.uniform(low, high, (BATCH, 1))).astype(np.float32)
        eps = rng.normal(size=(BATCH, 2)).astype(np.float32)
        weights, first, second, average, value = step(weights, first, second, average, t, draws(BATCH, rng), sigma, eps)
        total += float(value) / 2000
        if t % 2000 == 1999:
            print("step %5d  loss %.4f" % (t + 1, total), flush=True)
            total = 0.0
    arrays = {}
    for i, (w, b) in enumerate(average):
        arrays["w%d" % i], arrays["b%d" % i] = np.asarray(w), np.asarray(b)
    np.savez("weights.npz", **arrays)


if __name__ == "__main__":
    main()
