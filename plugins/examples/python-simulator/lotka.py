"""A simulator: foxes and rabbits with noise in their growth, counted at eight times (Lotka and Volterra)."""

import numpy as np

import infer_plugin as infer

TIMES, STEPS, DT = 8, 20, 0.1  # observations, steps between two, length of a step
NAMES = ["%s%d" % (kind, t) for t in range(TIMES) for kind in ("rabbits", "foxes")]


@infer.simulator(parameters=4, dim=2 * TIMES, names=NAMES, batch=500)  # 25 ms a call: it can be cancelled between two
def lotka(theta, noise):
    """theta: logarithms of the birth and death rates of rabbits, then of foxes. All rows advance together."""
    birth, eaten, grow, starve = np.exp(np.clip(theta, -10, 3)).T
    rabbits, foxes = np.full(len(theta), 30.0), np.full(len(theta), 10.0)
    z = 0.02 * np.sqrt(DT) * noise.normal(2 * TIMES * STEPS).reshape(len(theta), TIMES, STEPS, 2)
    seen = []
    with np.errstate(all="ignore"):
        for t in range(TIMES):
            for s in range(STEPS):
                rabbits, foxes = (rabbits * np.exp((birth - eaten * foxes) * DT + z[:, t, s, 0]),
                                  foxes * np.exp((grow * rabbits - starve) * DT + z[:, t, s, 1]))
                rabbits, foxes = np.minimum(rabbits, 1e6), np.minimum(foxes, 1e6)
            seen += [rabbits, foxes]
    return np.stack(seen, axis=1)


infer.serve(name="python-simulator", version="1.0.0")
