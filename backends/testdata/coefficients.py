"""Prints the tables of coefficients of exp.go, log.go, trig.go, power.go, erf.go and gamma.go, and of those of them in float32, with mpmath 1.3:

    python3 coefficients.py

Each is the polynomial c0 + c1 x + ... of so many coefficients that minimises the largest |weight(x) (f(x) - polynomial)|
on an interval (Remez' exchange algorithm), rounded to float64 and printed from the highest power down, as Horner's
scheme wants it.
"""

from struct import pack, unpack

from mpmath import (atanh, cos, digamma, erf, erfc, euler, exp, expm1, findroot, log, loggamma, lu_solve, matrix, mp, mpf, nstr, pi, polyval, psi, sin,
                    sqrt, zeta)

mp.prec = 300


def remez(f, weight, low, high, terms, rounds=60):
    low, high = mpf(low), mpf(high)

    def nodes(count, shift):
        return [(low + high) / 2 - (high - low) / 2 * cos(pi * (i + shift) / count) for i in range(count)]

    grid = nodes(60 * terms, mpf(1) / 2)
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    points = nodes(terms + 1, mpf("0.47"))
    for _ in range(rounds):
        system, right = matrix(terms + 1, terms + 1), matrix(terms + 1, 1)
        for i, x in enumerate(points):
            for j in range(terms):
                system[i, j] = x ** j
            system[i, terms] = (-1) ** i / weight(x)
            right[i] = f(x)
        solution = lu_solve(system, right)
        highest_first = [solution[j] for j in range(terms)][::-1]
        errors = [w * (v - polyval(highest_first, x)) for x, v, w in zip(grid, values, weights)]
        extrema = [0]  # the largest error between two changes of sign
        for i in range(1, len(grid)):
            if errors[i] * errors[extrema[-1]] < 0:
                extrema.append(i)
            elif abs(errors[i]) > abs(errors[extrema[-1]]):
                extrema[-1] = i
        while len(extrema) > terms + 1:
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        worst = max(abs(e) for e in errors)
        points = [grid[i] for i in extrema]
        if worst < abs(solution[terms]) * mpf("1.02"):
            break
    return highest_first, worst


def table(name, *arguments):
    coefficients, worst = remez(*arguments)
    print("%s: error 2^%s" % (name, nstr(log(worst, 2), 4)))
    for c in coefficients:
        print("\t%s," % float(c).hex())


def limit(f, series):
    """f, but near 0, where f cancels, its series."""
    return lambda x: f(x) if abs(x) > mpf(2) ** -60 else sum(c * x ** i for i, c in enumerate(series))


half = mpf(1) / 2
wide = 1 + mpf(2) ** -12
edge = log(mpf(2)) / 2 * wide
exp_rest = limit(lambda r: (exp(r) - 1 - r) / r ** 2, [half, mpf(1) / 6, mpf(1) / 24])
table("exp", exp_rest, lambda r: r * r / exp(r), -edge, edge, 10)
table("expm1", exp_rest, lambda r: r * r / abs(expm1(r)) if r else mpf(0), -edge, edge, 11)

edge = ((sqrt(mpf(2)) - 1) / (sqrt(mpf(2)) + 1)) ** 2 * wide
log_rest = limit(lambda z: (2 * atanh(sqrt(z)) / sqrt(z) - 2) / z, [mpf(2) / 3, mpf(2) / 5, mpf(2) / 7])
table("log", log_rest, lambda z: z, 0, edge, 7)
table("power", limit(lambda z: (log_rest(z) - mpf(2) / 3) / z, [mpf(2) / 5, mpf(2) / 7]), lambda z: z * z, 0, edge, 7)
table("reciprocal, doubled", lambda f: 1 / (1 + f), lambda f: 1 + f, sqrt(half) - 1, sqrt(mpf(2)) - 1, 3)

edge = (pi / 4 * (1 + mpf(2) ** -9)) ** 2
table("sin", limit(lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, [-mpf(1) / 6, mpf(1) / 120]), lambda z: z * sqrt(z) / sin(sqrt(z)) if z else mpf(0), 0, edge, 6)
table("cos", limit(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z ** 2, [mpf(1) / 24, -mpf(1) / 720]), lambda z: z * z / cos(sqrt(z)), 0, edge, 6)

ratio = limit(lambda z: erf(sqrt(z)) / sqrt(z) - 1, [2 / sqrt(pi) - 1, -2 / sqrt(pi) / 3])
table("erf", ratio, lambda z: 1 / (1 + ratio(z)), 0, mpf(81) / 64 * wide, 13)
table("logErfc", lambda a: log(erfc(a)), lambda a: erfc(a) / erf(a), mpf(9) / 8, 6, 16)


def scaled(q):
    a = 4 * (1 + q) / (1 - q)
    return (a + 4) * erfc(a) * exp(a * a)


table("erfc", scaled, lambda q: 1 / scaled(q), -1, mpf(24) / 32, 23)

constant = (log(2 * pi) - 1) / 2


def inverse_square(f, series):
    """f(1/sqrt(z)) as a function of z, by its asymptotic series near 0."""
    return lambda z: f(1 / sqrt(z)) if z > mpf(2) ** -40 else sum(c * z ** i for i, c in enumerate(series))


def at(weight):
    return lambda z: weight(1 / sqrt(z)) if z else mpf(0)


shifted = limit(lambda d: loggamma(2 + d) / d, [1 - euler, (zeta(2) - 1) / 2])
table("lgamma", shifted, lambda d: 1 / shifted(d), -half, half, 18)
table("stirling", inverse_square(lambda x: (loggamma(x) - (x - half) * (log(x) - 1) - constant) * x, [mpf(1) / 12, -mpf(1) / 360, mpf(1) / 1260]),
      at(lambda x: 1 / x / abs(loggamma(x))), 0, mpf(4) / 25, 12)

root = findroot(digamma, mpf("1.4616321449683623412626595423257"))


def without_root(u):
    y = 3 * half + u
    return digamma(y) / (y - root) if abs(y - root) > mpf(2) ** -100 else psi(1, root)


table("digamma", without_root, lambda u: 1 / without_root(u), -half, half, 22)
table("digammaTail", inverse_square(lambda x: (log(x) - 1 / (2 * x) - digamma(x)) * x * x, [mpf(1) / 12, -mpf(1) / 120, mpf(1) / 252]),
      at(lambda x: 1 / x ** 2 / digamma(x)), 0, half / 2, 16)
table("trigammaTail", inverse_square(lambda x: (psi(1, x) - 1 / x - 1 / (2 * x * x)) * x ** 3, [mpf(1) / 6, -mpf(1) / 30, mpf(1) / 42]),
      at(lambda x: 1 / x ** 3 / psi(1, x)), 0, half / 8, 11)

ratio = limit(lambda z: (sin(pi * sqrt(z)) / (pi * sqrt(z)) - 1) / z, [-pi ** 2 / 6])
table("sinPi", ratio, lambda z: z / (1 + z * ratio(z)), 0, half / 2, 8)
cosine = limit(lambda z: (cos(pi * sqrt(z)) - 1) / z, [-pi ** 2 / 2])
table("cosPi", cosine, lambda z: z / (1 + z * cosine(z)), 0, half / 8, 7)


def table32(name, *arguments):
    """table, rounded to float32."""
    coefficients, worst = remez(*arguments)
    print("%s: error 2^%s" % (name, nstr(log(worst, 2), 4)))
    for c in coefficients:
        print("\t%s," % unpack("f", pack("f", float(c)))[0].hex())


wide = 1 + mpf(2) ** -9
edge = log(mpf(2)) / 2 * wide
table32("exp32", exp_rest, lambda r: r * r / exp(r), -edge, edge, 5)
table32("expm32", exp_rest, lambda r: r * r / abs(expm1(r)) if r else mpf(0), -edge, edge, 6)
table32("log32", limit(lambda f: (log(1 + f) - f + f * f / 2) / f ** 3, [mpf(1) / 3, -mpf(1) / 4]), lambda f: f ** 3 / log(1 + f) if f else mpf(0),
        sqrt(half) - 1, sqrt(mpf(2)) - 1, 8)
table32("log1p32", log_rest, lambda z: z / 2, 0, mpf(1) / 9 * wide, 4)
edge = (pi / 4 * wide) ** 2
table32("sin32", limit(lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z, [-mpf(1) / 6, mpf(1) / 120]), lambda z: z * sqrt(z) / sin(sqrt(z)) if z else mpf(0), 0, edge, 3)
table32("cos32", limit(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z ** 2, [mpf(1) / 24, -mpf(1) / 720]), lambda z: z * z / cos(sqrt(z)), 0, edge, 3)
ratio = limit(lambda z: erf(sqrt(z)) / sqrt(z) - 1, [2 / sqrt(pi) - 1, -2 / sqrt(pi) / 3])
table32("erf32", ratio, lambda z: 1 / (1 + ratio(z)), 0, 1, 7)
table32("logErfc32", lambda a: log(erfc(a)), lambda a: erfc(a) / erf(a), 1, 4, 7)
