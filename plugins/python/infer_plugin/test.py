"""Tests a plug-in without infer:  python -m infer_plugin.test my_plugin.py [--scale 3]

Calls every model of the file directly, then starts the file as infer does and asks it over the socket. Prints a line a
check and exits 1 if one failed. `infer plugin test` checks more.
"""

import argparse
import mmap
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import time
import traceback

import numpy as np

from . import frames, models, server

POINTS = 64  # of most checks


class Failed(Exception):
    """A check that did not hold; its text says what was wrong."""


def load(path):
    """The models of a file by name, whose serve() does nothing."""
    server.testing = True
    models.registry.clear()
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    try:
        runpy.run_path(path, run_name="__main__")
    except SystemExit as e:
        raise Failed("the program ends itself with code %s, before infer tells it to" % e.code) from None
    return dict(models.registry)


def want_of(model):
    return {"density": frames.LOGP | (frames.GRAD if model.gradient else 0), "score": frames.SCORE}.get(model.kind, frames.SIMULATE)


def inputs_of(opened, n, scale, rng):
    """A request of n points: normal ones of a scale, moved into the bounds of the support."""
    m = opened.model
    x = scale * rng.standard_normal((opened.columns, n))
    if m.kind != "simulator" and (m.low is not None or m.high is not None):
        low = np.array([-np.inf if v is None else v for v in m.low or [None] * opened.dim], float)[:, None]
        high = np.array([np.inf if v is None else v for v in m.high or [None] * opened.dim], float)[:, None]
        both, u = np.isfinite(low) & np.isfinite(high), rng.random((opened.columns, n))
        with np.errstate(all="ignore"):
            x = np.where(both, low + u * (high - low), np.where(np.isfinite(low), low + abs(x), np.where(np.isfinite(high), high - abs(x), x)))
    inputs = {"x": x}
    if m.noise:
        low, high = (0.1, 2.0) if m.noise is True else m.noise
        inputs["sigma"] = np.exp(rng.uniform(np.log(max(low, 1e-3)), np.log(max(high, 1e-3)), n))
    for name, k in m.given.items():
        inputs[name] = rng.standard_normal((k, n))
    return {name: np.ascontiguousarray(a, m.dtype) for name, a in inputs.items()}


def call(opened, inputs, seed=1, first=0):
    """The results of a request by name, its status among them."""
    want = want_of(opened.model)
    n = opened.points(want, inputs)
    outputs = opened.outputs(want, n)
    inputs = {name: a.copy() for name, a in inputs.items()}  # which the function may overwrite
    status, _ = opened.evaluate(want, inputs, outputs, {"seed": seed, "first": first}, lambda: None)
    outputs["status"] = np.zeros(n, np.uint8) if status is None else status
    return outputs


def take(inputs, rows):
    return {name: np.ascontiguousarray(a[..., rows]) for name, a in inputs.items()}


def same(model, what, a, b):
    """Wants two results to be the same: bits of a model that claims them, otherwise to 1e-6, or 1e-4 in float32."""
    for name in a:
        x, y = a[name].astype(float), b[name].astype(float)
        with np.errstate(all="ignore"):
            if model.deterministic or name == "status":
                equal = (x == y) | (np.isnan(x) & np.isnan(y))
            else:
                near = 1e-6 if model.dtype == np.float64 else 1e-4
                equal = (x == y) | (np.isnan(x) & np.isnan(y)) | (abs(x - y) <= near * (abs(x) + abs(y) + 1))
        if not equal.all():
            at = tuple(int(i) for i in np.argwhere(~equal)[0])
            bits = ", of a model that says deterministic=True" if model.deterministic else ""
            raise Failed("%s: %s%s is %r and %r%s" % (what, name, list(at), x[at], y[at], bits))


def check_values(opened, scale, rng):
    """results have the right shapes, and most rows are numbers"""
    out = call(opened, inputs_of(opened, POINTS, scale, rng))
    fine = int((out["status"] != 2).sum())
    if fine < POINTS // 2:
        raise Failed("%d of %d rows are NaN" % (POINTS - fine, POINTS))
    if "logp" in out and not np.isfinite(out["logp"]).any():
        raise Failed("log p is -inf at all of %d points of scale %g: try another --scale" % (POINTS, scale))


def check_alone(opened, scale, rng):
    """a row alone is the row in a batch"""
    inputs = inputs_of(opened, POINTS, scale, rng)
    out = call(opened, inputs)
    for i in (0, 1, POINTS // 2, POINTS - 1):
        same(opened.model, "row %d alone" % i, {k: a[..., i : i + 1] for k, a in out.items()}, call(opened, take(inputs, [i]), first=i))


def check_order(opened, scale, rng):
    """rows in another order give the same results"""
    inputs, order = inputs_of(opened, POINTS, scale, rng), rng.permutation(POINTS)
    same(opened.model, "permuted rows", take(call(opened, inputs), order), call(opened, take(inputs, order)))


def check_sizes(opened, scale, rng):
    """batches of 0, 1, 3 and some more rows"""
    for n in (0, 1, 3, min(opened.model.batch, 500) + 1):
        for name, a in call(opened, inputs_of(opened, n, scale, rng)).items():
            if a.shape[-1] != n:
                raise Failed("%s of %d rows has %d" % (name, n, a.shape[-1]))


def check_strange(opened, scale, rng):
    """NaN and infinite coordinates leave other rows alone"""
    inputs = inputs_of(opened, 8, scale, rng)
    out = call(opened, inputs)
    strange = {name: a.copy() for name, a in inputs.items()}
    strange["x"][:, 1], strange["x"][:, 4], strange["x"][:, 6] = np.nan, np.inf, -np.inf
    got, rest = call(opened, strange), [0, 2, 3, 5, 7]
    same(opened.model, "a row beside NaN", take(out, rest), take(got, rest))


def check_gradient(opened, scale, rng):
    """the gradient is that of log p, by central differences"""
    m, inputs = opened.model, inputs_of(opened, POINTS, scale, rng)
    out, x = call(opened, inputs), inputs["x"]
    tolerance, root = (1e-4, 6e-6) if m.dtype == np.float64 else (3e-2, 5e-3)
    for j in range(min(opened.dim, 32)):
        h = (root * (1 + abs(x[j].astype(float)))).astype(m.dtype)
        up, down = x.copy(), x.copy()
        up[j] += h
        down[j] -= h
        span = up[j].astype(float) - down[j].astype(float)
        with np.errstate(all="ignore"):
            difference = (call(opened, {**inputs, "x": up})["logp"].astype(float) - call(opened, {**inputs, "x": down})["logp"]) / span
        g = out["grad"][j].astype(float)
        known = np.isfinite(difference) & (out["status"] == 0)
        wrong = known & (abs(g - difference) > tolerance * (1 + abs(g) + abs(difference)))
        if wrong.sum() > known.sum() // 10:  # a kink beside a point is no wrong gradient
            i = int(np.argwhere(wrong)[0][0])
            raise Failed("coordinate %d at x = %s: the gradient is %g, differences give %g" % (j, x[:, i].tolist()[:8], g[i], difference[i]))


def check_shared(opened, scale, rng):
    """a noise level or a given vector for all rows is that for each"""
    m, inputs = opened.model, inputs_of(opened, POINTS, scale, rng)
    for name in list(m.given) + ["sigma"] * bool(m.noise):
        one = inputs[name][..., :1]
        each = {**inputs, name: np.ascontiguousarray(np.repeat(one, POINTS, axis=-1))}
        same(m, name + " for all rows", call(opened, {**inputs, name: np.ascontiguousarray(one[..., 0]) if name != "sigma" else one}), call(opened, each))


def check_seeds(opened, scale, rng):
    """the same seed draws the same, another one does not"""
    inputs = inputs_of(opened, POINTS, scale, rng)
    inputs["x"][:] = inputs["x"][:, :1]
    out = call(opened, inputs)
    same(opened.model, "the same seed", out, call(opened, inputs))
    if (call(opened, inputs, seed=2)["draw"] == out["draw"]).all() or (out["draw"] == out["draw"][:, :1]).all():
        raise Failed("draws do not depend on the seed and the row: take all random numbers from the argument `noise`")


def checks_of(opened, scale):
    """The checks that fit a model, each with what it says."""
    m = opened.model
    fitting = [check_values, check_alone, check_sizes, check_strange]
    fitting += [check_seeds] if m.kind == "simulator" else [check_order]
    fitting += [check_gradient] * m.gradient + [check_shared] * bool(m.noise or m.given)
    for check in fitting:
        yield check.__doc__, lambda check=check: check(opened, scale, np.random.default_rng(1))


class Host:
    """A plug-in started as infer starts it, and the host's end of its socket."""

    def __init__(self, path, arguments=()):
        ours, theirs = socket.socketpair()
        ours.settimeout(120)
        environment = dict(os.environ, INFER_PLUGIN_FD="3", INFER_PLUGIN_COOKIE=server.COOKIE, INFER_PLUGIN_PROTOCOL="1",
                           INFER_PLUGIN_PARENT=str(os.getpid()), PYTHONPATH=os.pathsep.join(p for p in sys.path if p))
        start = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.execv(sys.executable, [sys.executable] + sys.argv[2:])"
        begin = time.perf_counter()
        self.process = subprocess.Popen([sys.executable, "-S", "-c", start, str(theirs.fileno()), path, *arguments], env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True)
        theirs.close()
        self.connection, self.sequence = frames.Connection(ours), 0
        self.hello = self.receive()
        self.started = time.perf_counter() - begin
        if self.hello.kind != frames.HELLO:
            raise Failed("the first frame is of kind %d, not HELLO" % self.hello.kind)
        self.connection.send(frames.WELCOME, header={"protocol": 1, "host": "infer_plugin.test", "capabilities": ["shm"], "max_body": 1 << 30})

    def receive(self):
        frame = self.connection.receive()
        if frame is None:
            raise Failed("the plug-in ended with code %s; its log is above" % self.process.wait())
        return frame

    def ask(self, kind, **parts):
        self.sequence += 1
        self.connection.send(kind, self.sequence, **parts)
        reply = self.receive()
        if reply.kind != frames.REPLY or reply.sequence != self.sequence:
            raise Failed("frame %d was answered by one of kind %d with number %d" % (self.sequence, reply.kind, reply.sequence))
        return reply

    def stop(self):
        self.connection.send(frames.STOP)
        return self.process.wait(5)

    def close(self):
        self.connection.sock.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def ask_over_socket(host, opened, scale, rng):
    """The checks of one model over the socket. Returns the overhead of a call in seconds, the median of 200."""
    m, want = opened.model, want_of(opened.model)
    reply = host.ask(frames.OPEN, model=7, header={"model": m.name, "config": {}})
    if "error" in reply.header:
        raise Failed("OPEN: " + reply.header["error"]["message"])
    if reply.header.get("dim") != opened.dim:
        raise Failed("OPEN says dim %r and not %d" % (reply.header.get("dim"), opened.dim))
    n = min(1000, m.batch)
    inputs = inputs_of(opened, n, scale, rng)
    tensors = [(name, a, None, 0) for name, a in inputs.items()]
    header = {"seed": 1, "first": 0} if m.kind == "simulator" else None
    by_body = host.ask(frames.EVAL, model=7, want=want, header=header, tensors=tensors)
    if "error" in by_body.header:
        raise Failed("EVAL: " + by_body.header["error"]["message"])
    direct = call(opened, inputs)
    if "status" not in by_body.tensors:
        direct.pop("status")
    same(m, "over the socket", direct, by_body.tensors)
    # The same through shared memory.
    rooms = opened.outputs(want, n)
    sizes = [(name, a, room) for room, group in ((0, inputs), (1, rooms)) for name, a in group.items()]
    places, end = {}, 0
    for name, a, room in sizes:
        places[name], end = (0, end), end + (a.nbytes + 63) // 64 * 64
    with tempfile.TemporaryFile() as file:
        file.truncate(end)
        memory = mmap.mmap(file.fileno(), end)
        host.sequence += 1
        host.connection.send(frames.MAP, host.sequence, header={"region": 0, "bytes": end}, descriptors=[file.fileno()])
        if "error" in host.receive().header:
            raise Failed("the plug-in cannot map shared memory")
    host.connection.regions[0] = memory
    arrays = {name: np.ndarray(a.shape, a.dtype, memory, places[name][1]) for name, a, _ in sizes}
    shared = [(name, arrays[name], places[name], room) for name, _, room in sizes]
    overheads = []
    for _ in range(200 if n <= 1000 else 20):
        begin = time.perf_counter()
        for name, a in inputs.items():
            arrays[name][...] = a
        reply = host.ask(frames.EVAL, model=7, want=want, header=header, tensors=shared)
        overheads.append(time.perf_counter() - begin - reply.time * 1e-9)
        if sum(overheads) + reply.time * 1e-9 > 2:
            break
    same(m, "through shared memory", by_body.tensors, reply.tensors)
    # What a plug-in has to refuse, and to survive.
    for what, parts in (("an unknown handle", {"model": 99, "want": want, "tensors": tensors}),
                        ("no tensors", {"model": 7, "want": want}),
                        ("a wrong dimension", {"model": 7, "want": want, "tensors": [("x", np.zeros((opened.columns + 1, 2), m.dtype), None, 0)]}),
                        ("a wrong want", {"model": 7, "want": 16, "tensors": tensors})):
        if "error" not in host.ask(frames.EVAL, header=header, **parts).header:
            raise Failed("%s was no error" % what)
    if "error" in host.ask(frames.PING).header or "error" in host.ask(frames.CLOSE, model=7).header:
        raise Failed("PING or CLOSE is an error")
    return float(np.median(overheads))


def main(arguments=None):
    p = argparse.ArgumentParser(prog="python -m infer_plugin.test", description="Tests a plug-in of infer without infer.")
    p.add_argument("file", help="the plug-in's program")
    p.add_argument("--scale", type=float, default=3.0, help="standard deviation of the test points (default 3)")
    options = p.parse_args(arguments)
    failures = 0

    def run(what, check):
        nonlocal failures
        try:
            detail = check()
            print("pass  %s%s" % (what, ": " + detail if detail else ""))
        except Failed as e:
            failures += 1
            print("FAIL  %s: %s" % (what, e))
        except Exception as e:
            failures += 1
            traceback.print_exc()
            print("FAIL  %s: %s" % (what, server.describe(e)))

    try:
        loaded = load(options.file)
        if not loaded:
            raise Failed("the file has no model: put @infer.density, @infer.score or @infer.simulator before a function")
    except Failed as e:
        print("FAIL  %s" % e)
        return 1
    host = None
    opened = {}
    for name, model in loaded.items():
        try:
            opened[name] = model.open({})
        except Exception as e:
            failures += 1
            print("FAIL  %s opens: %s" % (name, server.describe(e)))
            continue
        for what, check in checks_of(opened[name], options.scale):
            run("%s: %s" % (name, what), check)

    def start():
        nonlocal host
        host = Host(options.file)
        return "%.0f ms" % (host.started * 1e3)

    run("it starts as a plug-in", start)
    if host is not None:
        for name, o in opened.items():
            run("%s: over the socket and through shared memory" % name, lambda o=o: "overhead %.0f us a call, median" % (
                1e6 * ask_over_socket(host, o, options.scale, np.random.default_rng(1))))

        def stop():
            code = host.stop()
            if code != 0:
                raise Failed("it ended with code %d" % code)

        run("it stops when told to", stop)
        host.close()
    print("%s: %d of the checks failed" % (options.file, failures) if failures else "%s: all checks passed" % options.file)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
