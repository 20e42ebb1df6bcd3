"""Decorators that make a model of a batched function, and the calls of it.

A function gets points of shape (n, dim), n at least 1, in an array that is its own to overwrite during the call and not
to keep. What it returns may be an array of numpy, jax or torch. Row i of a result depends on row i of the arguments
alone; n is whatever the host and `batch` make it.
"""

import inspect
import math
import re
import sys
import time

import numpy as np

from . import frames
from .noise import Noise

registry = {}  # models of this process by name
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
BATCH = 16384  # points of a call where the author says nothing
SLOW = 500_000_000  # nanoseconds of a call that its author is told of, once


class Stopped(Exception):
    """The evaluation is not wanted any more. code is "cancelled" or "deadline"."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Invalid(Exception):
    """The request does not fit the model."""


def density(dim, gradient=False, **options):
    """Makes a density of f(x): log p of shape (n,), or with gradient=True the pair of log p and its gradient (n, dim).

    Log p may be off by a constant; out of the support it is -inf, and the gradient there does not matter. A row with NaN
    is a numerical failure of that point, no error. An exception is an error of the whole call.

    Options of all three decorators:

        name           of the model; that of the function by default
        names          of the coordinates
        dtype          "float64" (default) or "float32": of the arrays that f gets; results are converted
        low, high      bounds of the support, one number (or None) a coordinate
        batch          points of a call at most (default 16384). Between calls the plug-in can be cancelled, so a slow
                       function should take less than 0.1 s for a batch
        pad            True: every call has exactly `batch` points, the last one repeated, and one call is made before
                       the run: for functions that are compiled for one shape, as jax.jit does
        config         options that a run may set, with their defaults: config={"radius": 2.6} calls f(x, radius=...).
                       dim may be a function of them: dim=lambda config: config["dim"]
        deterministic  True: a row has the same bits alone and in any batch
        device         where it computes, for information
    """
    return _decorator("density", dim, options, gradient=gradient)


def score(dim, noise=False, given=None, returns="score", **options):
    """Makes a score, the gradient of log p, of f(x): shape (n, dim).

    noise=True is a score of noise levels, f(x, sigma) with sigma of shape (n, 1): the score of the density blurred by
    Gaussian noise of that standard deviation. noise=(low, high) says which levels it knows.

    given={"label": 10} conditions it on vectors: f(x, sigma, label=...) gets label of shape (n, 10).

    returns says what f returns: "score"; "eps", the noise in x = x0 + sigma eps; "x0", the denoised point. The last two
    need noise. For the other options see density.
    """
    return _decorator("score", dim, options, noise=noise, given=given, returns=returns)


def simulator(parameters, dim, **options):
    """Makes a simulator of f(theta, noise): draws of shape (n, dim) for parameters theta of shape (n, parameters).

    All randomness comes from noise, an infer_plugin.noise.Noise: noise.normal(k) and noise.uniform(k) have shape (n, k),
    noise.generator(i) is a numpy Generator for row i. Then the same seed gives the same draws, whatever the batch. For
    the other options see density.
    """
    return _decorator("simulator", dim, options, parameters=parameters)


def _decorator(kind, dim, options, **special):
    def make(function):
        model = Model(kind, function, dim, special, **options)
        if model.name in registry:
            raise ValueError("there are two models with the name %r; give one of them another: name=..." % model.name)
        registry[model.name] = model
        function.model = model
        return function

    return make


def _whole(what, value, least):
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or not least <= value < 2**31:
        raise ValueError("%s = %r: a whole number of at least %d is wanted" % (what, value, least))
    return int(value)


class Model:
    """What a decorator made: a function and what the host has to know of it."""

    def __init__(self, kind, function, dim, special, name=None, names=None, dtype="float64", low=None, high=None,
                 batch=BATCH, pad=False, config=None, deterministic=False, device="cpu"):
        self.kind, self.function, self.told_slow = kind, function, False
        self.name = name if name is not None else function.__name__.replace("_", "-").lower().strip("-")
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ValueError("name = %r: small letters, digits and hyphens are wanted, at most 64" % (self.name,))
        self.config = dict(config or {})
        self.dim = dim if callable(dim) else _whole("dim", dim, 1)
        self.names, self.low, self.high = names, low, high
        if dtype not in ("float64", "float32"):
            raise ValueError('dtype = %r: "float64" or "float32" is wanted' % (dtype,))
        self.dtype = np.dtype(dtype)
        self.batch, self.pad = _whole("batch", batch, 1), bool(pad)
        self.deterministic, self.device = bool(deterministic), device
        self.gradient = bool(special.get("gradient", False))
        self.noise = special.get("noise", False)
        self.returns = special.get("returns", "score")
        if self.returns not in ("score", "eps", "x0"):
            raise ValueError('returns = %r: "score", "eps" or "x0" is wanted' % (self.returns,))
        if self.returns != "score" and not self.noise:
            raise ValueError("returns = %r needs noise=True: it is defined by a noise level" % self.returns)
        self.given = {k: _whole("given[%r]" % k, v, 1) for k, v in (special.get("given") or {}).items()}
        self.parameters = _whole("parameters", special["parameters"], 1) if kind == "simulator" else 0
        if not callable(dim):
            self.describe(self.dim)  # complains now and not when the host asks
        self._signature()

    def _signature(self):
        """Complains about a function that cannot be called as it will be."""
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):
            return  # a compiled function without one
        positional = 1 + bool(self.noise) + (self.kind == "simulator")
        names = list(self.config) + list(self.given)
        try:
            signature.bind(*range(positional), **dict.fromkeys(names))
        except TypeError as e:
            words = ["theta" if self.kind == "simulator" else "x"] + ["sigma"] * bool(self.noise) + names
            words += ["noise"] * (self.kind == "simulator")
            raise TypeError("%s is called with (%s), and its definition does not allow that: %s"
                            % (self.name, ", ".join(words), e)) from None

    def describe(self, dim):
        """The model as the protocol says it, for a number of coordinates; 0 where the configuration decides."""
        d = {"name": self.name, "kinds": [self.kind], "dim": dim, "dtype": self.dtype.name,
             "deterministic": self.deterministic, "preferred_batch": self.batch, "device": str(self.device)}
        if self.gradient:
            d["gradient"] = True
        if self.noise:
            d["noise"] = True
            if self.noise is not True:
                low, high = (float(v) for v in self.noise)
                if not 0 <= low <= high < math.inf:
                    raise ValueError("noise = %r: two levels, the smaller first, are wanted" % (self.noise,))
                d["sigma_min"], d["sigma_max"] = low, high
        if self.returns != "score":
            d["score_param"] = self.returns
        if self.given:
            d["given"] = [{"name": k, "dim": v} for k, v in self.given.items()]
        if self.parameters:
            d["parameters"] = self.parameters
        for key in ("names", "low", "high"):
            value = getattr(self, key)
            if value is None or dim == 0:
                continue
            value = list(value)
            if len(value) != dim:
                raise ValueError("%s has %d entries for %d coordinates" % (key, len(value), dim))
            if key == "names":
                d[key] = [str(v) for v in value]
            else:
                d[key] = [None if v is None or math.isinf(v) else float(v) for v in value]
        return d

    def open(self, config):
        """The model with the options of a run. Raises Invalid for options that it does not have."""
        values = dict(self.config)
        for key, value in config.items():
            if key not in values:
                known = ", ".join(values) or "none"
                raise Invalid("the model %s has no option %r; there are: %s" % (self.name, key, known))
            default = values[key]
            if default is not None:
                kind = float if isinstance(default, float) else type(default)
                if kind is float and type(value) is int:
                    value = float(value)
                if type(value) is not kind:
                    raise Invalid("option %r of %s = %r: a value like %r is wanted" % (key, self.name, value, default))
            values[key] = value
        dim = self.dim
        if callable(dim):
            try:
                dim = _whole("dim", dim(dict(values)), 1)
            except ValueError as e:
                raise Invalid(str(e)) from None
        return Opened(self, dim, values)


def as_array(value):
    """An array of numpy, of what is one of numpy, jax or torch."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "detach"):  # torch
        value = value.detach().cpu()
    return np.asarray(value)


class Opened:
    """A model with its configuration: what a handle of the host stands for."""

    def __init__(self, model, dim, config):
        self.model, self.dim, self.config = model, dim, config
        self.columns = model.parameters or dim
        if model.pad:
            self._warm()

    def describe(self):
        return self.model.describe(self.dim)

    def _warm(self):
        """One call with a batch of zeros, so that what compiles does so before the run."""
        m = self.model
        want = {"density": frames.GRAD if m.gradient else frames.LOGP, "score": frames.SCORE}.get(m.kind, frames.SIMULATE)
        inputs = {"x": np.zeros((self.columns, 1), m.dtype), "sigma": np.ones(1, m.dtype)}
        inputs.update({k: np.zeros((v,), m.dtype) for k, v in m.given.items()})
        self.evaluate(want, inputs, self.outputs(want, 1), {"seed": 0, "first": 0}, lambda: None)

    def outputs(self, want, n, rooms=None):
        """Arrays to write results into, in the layout of the protocol, by name: the host's rooms, or new ones."""
        shapes = {}
        if want & frames.LOGP:
            shapes["logp"] = (n,)
        for bit, name in ((frames.GRAD, "grad"), (frames.SCORE, "score"), (frames.SIMULATE, "draw")):
            if want & bit:
                shapes[name] = (self.dim, n)
        if not rooms:
            return {name: np.empty(shape, self.model.dtype) for name, shape in shapes.items()}
        for name, shape in shapes.items():
            room = rooms.get(name)
            if room is None or room.shape != shape or room.dtype != self.model.dtype:
                raise Invalid("there is no room for %s of %s numbers of type %s" % (name, shape, self.model.dtype.name))
        return {name: rooms[name] for name in shapes}

    def points(self, want, inputs):
        """The number of points of a request. Raises Invalid for one that does not fit the model."""
        m = self.model
        able = {"density": frames.LOGP | (frames.GRAD if m.gradient else 0), "score": frames.SCORE}.get(m.kind, frames.SIMULATE)
        if want == 0 or want & ~able:
            what = {"density": "log p and its gradient" if m.gradient else "log p", "score": "the score"}.get(m.kind, "draws")
            raise Invalid("the model %s has %s; it was asked for something else (want = %d)" % (m.name, what, want))
        x = inputs.get("x")
        if x is None or x.ndim != 2 or x.shape[0] != self.columns or x.dtype != m.dtype:
            raise Invalid("x is wanted with shape (%d, n) and type %s" % (self.columns, m.dtype.name) +
                          ("" if x is None else "; it has shape %s and type %s" % (x.shape, x.dtype.name)))
        n = x.shape[1]
        extra = {name: (k, "%d" % k) for name, k in m.given.items()}
        if m.noise:
            extra["sigma"] = (None, "1")
        for name, (k, text) in extra.items():
            a = inputs.get(name)
            shapes = ((1,), (n,)) if k is None else ((k,), (k, n))
            if a is None or a.shape not in shapes or a.dtype != m.dtype:
                raise Invalid("%s is wanted with a shape of %s and type %s" % (name, " or ".join(map(str, shapes)), m.dtype.name) +
                              ("" if a is None else "; it has shape %s and type %s" % (a.shape, a.dtype.name)))
        return n

    def evaluate(self, want, inputs, outputs, header, between):
        """Calls the function on all points and fills outputs. between is called before each call but the first, and may
        raise Stopped. Returns the status of the rows, or None if nothing is amiss, and the nanoseconds in the function."""
        m, n = self.model, inputs["x"].shape[1]
        x, nanoseconds, status = inputs["x"].T, 0, None
        for at in range(0, n, m.batch):
            if at:
                between()
            to = min(n, at + m.batch)
            arguments, named = self._arguments(x, inputs, header, at, to)
            begin = time.perf_counter_ns()
            result = m.function(*arguments, **named)
            if m.gradient:
                if not isinstance(result, (tuple, list)) or len(result) != 2:
                    raise TypeError("%s has gradient=True and has to return (log p, gradient); it returned %s" % (m.name, _kind(result)))
                results = [as_array(r) for r in result]
            else:
                results = [as_array(result)]
            spent = time.perf_counter_ns() - begin
            nanoseconds += spent
            if spent > SLOW and to - at > 1 and not m.told_slow:
                m.told_slow = True
                sys.stderr.write("infer_plugin: a call of %s for %d points took %.1f s, and it cannot be cancelled before it ends: "
                                 "give the decorator a smaller batch=\n" % (m.name, to - at, spent * 1e-9))
            bad = self._store(results, outputs, at, to)
            if bad is not None:
                if status is None:
                    status = np.zeros(n, np.uint8)
                status[at:to] = bad
        return status, nanoseconds

    def _arguments(self, x, inputs, header, at, to):
        m = self.model
        rows = m.batch if m.pad else to - at
        arguments = [_rows(x[at:to], rows)]
        if m.noise:
            sigma = inputs["sigma"]
            arguments.append(_rows(sigma[at:to, None], rows) if len(sigma) > 1 else np.full((rows, 1), sigma[0] if len(sigma) else 0, m.dtype))
        if m.kind == "simulator":
            arguments.append(Noise(header["seed"], header["first"] + at, rows))
        named = dict(self.config)
        for name in m.given:
            a = inputs[name]
            named[name] = _rows(a[:, at:to].T, rows) if a.ndim == 2 else np.repeat(a[None, :], rows, axis=0)
        return arguments, named

    def _store(self, results, outputs, at, to):
        """Checks the results of a call, writes its rows to the outputs, and returns the status of rows or None."""
        m, rows = self.model, to - at
        called = m.batch if m.pad else rows
        shapes = [(called, self.dim)] if m.kind != "density" else [(called,), (called, self.dim)]
        for what, r, shape in zip(("log p", "the gradient") if m.kind == "density" else ("the result",), results, shapes):
            if r.shape != shape:
                raise TypeError("%s of %s has shape %s; for %d points %s is wanted" % (what, m.name, r.shape, called, shape))
            if r.dtype.kind not in "fiu" and r.dtype.name != "bfloat16":
                raise TypeError("%s of %s has numbers of type %s; real ones are wanted" % (what, m.name, r.dtype))
        bad = None
        with np.errstate(all="ignore"):
            if m.kind == "density":
                logp = results[0][:rows]
                if not np.isfinite(logp).all():
                    bad = np.where(np.isneginf(logp), 1, np.where(np.isfinite(logp), 0, 2)).astype(np.uint8)
                if "logp" in outputs:
                    outputs["logp"][at:to] = logp
                if "grad" not in outputs:
                    return bad
                out, result = outputs["grad"][:, at:to], results[1][:rows]
            else:
                out, result = outputs.get("score", outputs.get("draw"))[:, at:to], results[0][:rows]
            out.T[...] = result
            if bad is not None:
                out[:, bad == 1] = 0
            if not np.isfinite(out).all():
                if bad is None:
                    bad = np.zeros(rows, np.uint8)
                bad[(bad == 0) & ~np.isfinite(out).all(axis=0)] = 2
        return bad


def _rows(a, rows):
    """a with its last row repeated until there are so many."""
    if len(a) == rows:
        return a
    return np.concatenate([a, np.repeat(a[-1:], rows - len(a), axis=0)])


def _kind(value):
    shape = getattr(value, "shape", None)
    return type(value).__name__ + (" of shape %s" % (tuple(shape),) if shape is not None else "")
