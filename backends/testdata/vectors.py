"""Writes vectors/NAME.csv, the reference values of the elementary functions, with mpmath 1.3:

    python3 vectors.py [points a function [folder]]

A row is the arguments, the result rounded to float64, and what is left of the result in units in the last place
of that float64 (2^-1074 for zero and subnormal results). Numbers but the last are hexadecimal.
"""

import math
import os
import random
import struct
import sys

from mpmath import mp, mpf

mp.prec = 420
points = int(sys.argv[1]) if len(sys.argv) > 1 else 1200
folder = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors")

INF, NAN, TINY, LARGE = math.inf, math.nan, 5e-324, sys.float_info.max
SPECIAL = [0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, TINY, -TINY, 2.0 ** -1022, -(2.0 ** -1022), LARGE, -LARGE, 2.5e-310, -2.5e-310]


def near(x, steps=3):
    """x and its neighbours."""
    out, up, down = [x], x, x
    for _ in range(steps):
        up, down = math.nextafter(up, INF), math.nextafter(down, -INF)
        out += [up, down]
    return out


def uniform(r, a, b, n):
    return [r.uniform(a, b) for _ in range(n)]


def grid(a, b, n):
    return [a + (b - a) * i / n for i in range(n + 1)]


def scales(r, low, high, n, signs=(1, -1)):
    """Magnitudes from 2^low to 2^high, each octave alike."""
    return [r.choice(signs) * math.ldexp(r.uniform(1, 2), r.randrange(low, high)) for _ in range(n)]


def around(r, x, n):
    """Points ever closer to x."""
    return [x + r.choice((1, -1)) * 2.0 ** r.uniform(-50, -1) for _ in range(n)] + near(x)


def lgamma(x):
    if x <= 0 and x == mp.floor(x):
        return mpf("inf")
    if x > 0:
        return mp.re(mp.loggamma(x))
    return mp.log(mp.pi / abs(mp.sinpi(x))) - mp.re(mp.loggamma(1 - x))


def digamma(x):
    if x <= 0 and x == mp.floor(x):
        return mpf("nan")
    if x > 0:
        return mp.digamma(x)
    return mp.digamma(1 - x) - mp.pi * mp.cospi(x) / mp.sinpi(x)


def trigamma(x):
    if x <= 0 and x == mp.floor(x):
        return mpf("inf")
    if x > 0:
        return mp.psi(1, x)
    return (mp.pi / mp.sinpi(x)) ** 2 - mp.psi(1, 1 - x)


def erf(x):
    return mp.erf(x) if abs(x) < 30 else mp.sign(x)


def erfc(x):
    return mp.erfc(min(x, mpf(40))) if x > -30 else mpf(2)


def exp(x):
    return mp.exp(max(min(x, mpf(2000)), mpf(-2000)))


def sigmoid(x):
    return 1 / (1 + exp(-x))


def softplus(x):
    return mp.log1p(exp(x)) if x < 1500 else x


def log(x):
    return mp.log(x) if x > 0 else mpf("-inf") if x == 0 else mpf("nan")


def log1p(x):
    return mp.log1p(x) if x > -1 else mpf("-inf") if x == -1 else mpf("nan")


def expm1(x):
    return mp.expm1(max(min(x, mpf(2000)), mpf(-2000)))


def tanh(x):
    return mp.tanh(max(min(x, mpf(400)), mpf(-400)))


QUARTERS = [float(n * mp.pi / 2) for n in list(range(1, 200)) + [2 ** i + j for i in range(8, 39) for j in range(3)]]
SINE_LIMIT = 2.0 ** 40  # beyond, sin and cos are NaN


def circle(r, n):
    xs = uniform(r, -10, 10, n // 3) + scales(r, -1074, 40, n // 3) + uniform(r, -1e5, 1e5, n // 4)
    for q in QUARTERS:
        xs += [r.choice((1, -1)) * x for x in near(q, 1)]
    # of the multiples of pi/2 the ones closest to a float64
    best = []
    for i in range(17):
        for m in range(2 ** i, min(2 ** (i + 1), 2 ** i + 4096)):
            x = float(m * HALF_PI)
            best.append((abs(mpf(x) - m * HALF_PI) * 2 ** i, x))
    best.sort()
    return xs + [x for _, x in best[:60]] + near(SINE_LIMIT)


HALF_PI = mp.pi / 2


def limited(f):
    return lambda x: f(x) if abs(x) <= SINE_LIMIT else mpf("nan")


FUNCTIONS = {
    "exp": (exp, lambda r, n: uniform(r, -746, 710, n // 2) + uniform(r, -2, 2, n // 4) + scales(r, -1074, 10, n // 8) + uniform(r, -746, -707, n // 8)
            + near(709.782712893384) + near(-745.1332191019411) + near(-708.3964185322641) + [x for k in range(-20, 20) for x in near((k + 0.5) * math.log(2), 1)]),
    "expm1": (expm1, lambda r, n: uniform(r, -40, 60, n // 4) + uniform(r, -3, 3, n // 2) + scales(r, -1074, 10, n // 4) + uniform(r, 36, 41, n // 8)
              + near(709.782712893384) + [x for k in range(-20, 60) for x in near((k + 0.5) * math.log(2), 1)]),
    "log": (log, lambda r, n: scales(r, -1074, 1024, n // 3, (1,)) + uniform(r, 0, 3, n // 2) + around(r, 1.0, n // 6)
            + [x for k in range(-5, 5) for x in near(2.0 ** (k + 0.5), 2)]),
    "log1p": (log1p, lambda r, n: scales(r, -1074, 1024, n // 4, (1,)) + scales(r, -1074, 0, n // 4) + uniform(r, -1, 3, n // 2) + around(r, -1.0, n // 8)
              + [x for k in range(-5, 55) for x in near(2.0 ** (k + 0.5) - 1, 1)] + [2.0 ** k for k in range(45, 60)]),
    "pow": (None, None),
    "sin": (limited(mp.sin), circle),
    "cos": (limited(mp.cos), circle),
    "tanh": (tanh, lambda r, n: uniform(r, -2, 2, n // 2) + uniform(r, -25, 25, n // 4) + scales(r, -1074, 10, n // 4)),
    "sigmoid": (sigmoid, lambda r, n: uniform(r, -5, 5, n // 3) + uniform(r, -750, 40, n // 3) + scales(r, -1074, 10, n // 4) + uniform(r, -746, -707, n // 8)),
    "softplus": (softplus, lambda r, n: uniform(r, -5, 5, n // 3) + uniform(r, -750, 40, n // 3) + scales(r, -1074, 20, n // 4) + uniform(r, -746, -707, n // 8)),
    "erf": (erf, lambda r, n: uniform(r, -1.5, 1.5, n // 2) + uniform(r, -7, 7, n // 4) + scales(r, -1074, 10, n // 4)),
    "erfc": (erfc, lambda r, n: uniform(r, -1.5, 1.5, n // 4) + uniform(r, -7, 28, n // 2) + scales(r, -1074, 10, n // 8) + uniform(r, 26.5, 27.3, n // 8)),
    "lgamma": (lgamma, lambda r, n: uniform(r, 0, 8, n // 4) + scales(r, -1074, 1024, n // 6) + uniform(r, -10, 20, n // 6) + uniform(r, -200, 200, n // 12)
               + around(r, 1.0, n // 12) + around(r, 2.0, n // 12) + [x for k in range(-12, 13) for x in near(k / 2.0, 2)] + scales(r, 4, 40, n // 12)
               + near(-2.4570247382208006) + near(-2.7476826467274127) + near(-3.1435808883499798) + near(2.5563481638716906e305)),
    "digamma": (digamma, lambda r, n: uniform(r, 0, 8, n // 4) + scales(r, -1074, 1024, n // 6) + uniform(r, -10, 20, n // 4) + uniform(r, -200, 200, n // 12)
                + around(r, 1.4616321449683622, n // 8) + [x for k in range(-24, 26) for x in near(k / 4.0, 2)] + scales(r, 4, 40, n // 8) + near(-0.5040830082644554)),
    "trigamma": (trigamma, lambda r, n: uniform(r, 0, 8, n // 4) + scales(r, -1074, 1024, n // 6) + uniform(r, -10, 20, n // 4) + uniform(r, -200, 200, n // 12)
                 + [x for k in range(-24, 26) for x in near(k / 4.0, 2)] + scales(r, 4, 40, n // 8) + near(7.4583407312002077e-155) + scales(r, -516, -505, n // 12)),
}


def powers(r, n):
    xs = [(x, y) for x in SPECIAL + [0.5, -0.5, -2.0, 3.0, -3.0] for y in SPECIAL + [0.5, -0.5, 2.0, -2.0, 3.0, -3.0, 2.0 ** 53, 2.0 ** 53 - 1, 2.0 ** 52 + 0.5, -0.1]]
    for _ in range(n // 3):  # results of every size
        x = math.ldexp(r.uniform(1, 2), r.randrange(-1074, 1024))
        t = r.uniform(-750, 715) if r.random() < 0.8 else r.choice((r.uniform(-746, -700), r.uniform(700, 710)))
        xs.append((x, t / math.log(x)))
    for _ in range(n // 3):  # near 1, with large powers
        x = 1 + r.choice((1, -1)) * 2.0 ** r.uniform(-52, -1)
        if x != 1 and x > 0:
            xs.append((x, r.uniform(-745, 709) / math.log(x)))
    for _ in range(n // 6):
        xs.append((r.uniform(0, 10), r.uniform(-10, 10)))
        xs.append((r.uniform(-10, 10), float(r.randrange(-40, 40))))
    for _ in range(n // 6):  # near the square roots of powers of 2
        x = 2.0 ** (r.randrange(-3, 3) + 0.5) * (1 + r.uniform(-1e-3, 1e-3))
        xs.append((x, r.uniform(-745, 709) / math.log(x)))
    return xs


def power(x, y):
    if x != x or y != y or math.isinf(x) or math.isinf(y) or x == 0 or y == 0 or abs(x) == 1:
        try:
            return math.pow(x, y)  # C99 decides
        except ValueError:
            return NAN if x < 0 else INF if not (math.copysign(1, x) < 0 and y % 2 == 1) else -INF
    odd = y == math.floor(y) and abs(y) < 2.0 ** 53 and int(y) % 2 == 1
    if x < 0 and y != math.floor(y):
        return NAN
    t = mpf(y) * mp.log(abs(mpf(x)))
    v = mp.exp(max(min(t, mpf(2000)), mpf(-2000)))
    return -v if odd and x < 0 else v


def rounded(v):
    """An mpf rounded to nearest float64, subnormals once, and the rest in units in the last place."""
    if v == 0:
        return 0.0, mpf(0)
    m, e = mp.frexp(v)
    unit = mp.ldexp(1, max(int(e) - 53, -1074))
    n = mp.nint(v / unit)  # ties to even
    if n * unit >= mp.ldexp(1, 1024) or n * unit <= -mp.ldexp(1, 1024):
        return (INF if v > 0 else -INF), mpf(0)
    hi = math.ldexp(int(n), int(mp.log(unit, 2)))
    m, e = math.frexp(hi)
    last = mp.ldexp(1, max(e - 53, -1074)) if hi != 0 else mp.ldexp(1, -1074)
    return hi, (v - n * unit) / last


def limit(name, x):
    """The values that a formula does not give: at zeros of a sign, infinities and NaN."""
    if x != x:
        return NAN
    odd = ("expm1", "log1p", "sin", "tanh", "erf")
    if x == 0:
        return {**{f: x for f in odd}, "digamma": math.copysign(INF, -x)}.get(name)
    if x == INF:
        return {"exp": INF, "expm1": INF, "log": INF, "log1p": INF, "tanh": 1.0, "sigmoid": 1.0, "softplus": INF, "erf": 1.0, "erfc": 0.0,
                "lgamma": INF, "digamma": INF, "trigamma": 0.0}.get(name, NAN)
    if x == -INF:
        return {"exp": 0.0, "expm1": -1.0, "tanh": -1.0, "sigmoid": 0.0, "softplus": 0.0, "erf": -1.0, "erfc": 2.0, "lgamma": INF}.get(name, NAN)
    return None


def main():
    os.makedirs(folder, exist_ok=True)
    chosen = sys.argv[3:] or FUNCTIONS
    for name in chosen:
        f, inputs = FUNCTIONS[name]
        r = random.Random(name)
        rows = []
        for arguments in (powers(r, points) if name == "pow" else [(x,) for x in SPECIAL + inputs(r, points)]):
            if name == "pow":
                v = power(*arguments)
            else:
                v = limit(name, arguments[0])
                if v is None:
                    v = f(mpf(arguments[0]))
            if isinstance(v, float) and (math.isinf(v) or math.isnan(v) or v == 0):
                hi, rest = v, 0
            elif mp.isnan(v) or mp.isinf(v):
                hi, rest = float(v), 0
            else:
                hi, rest = rounded(mpf(v))
            if hi == 0 and rest != 0 and v < 0:
                hi = -0.0
            rows.append(",".join([x.hex() for x in arguments] + [hi.hex(), "%.4f" % rest]))
        with open(os.path.join(folder, name + ".csv"), "w") as out:
            out.write("\n".join(rows) + "\n")


main()
