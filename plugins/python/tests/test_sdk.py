"""Tests of the SDK: python3 -m unittest discover plugins/python/tests. They need numpy."""

import contextlib
import io
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import unittest

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from infer_plugin import frames, models, noise, server, test  # noqa: E402

server.testing = True

DONUT = """
    import numpy as np, os, sys, time
    import infer_plugin as infer
    @infer.density(dim=2, gradient=True, batch=100, config={"radius": 2.6, "pause": 0.0})
    def donut(x, radius, pause):
        time.sleep(pause)
        if (x[:, 0] == 77).any():
            raise ValueError("no 77, please")
        r = np.sqrt((x * x).sum(axis=1))
        logp = -(r - radius) ** 2 / 0.033
        logp[x[:, 1] > 50] = -np.inf
        return logp, x * (-2 * (r - radius) / (0.033 * np.maximum(r, 1e-300)))[:, None]
    infer.serve()
"""


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, text):
        path = os.path.join(self.folder.name, "my_plugin.py")
        with open(path, "w") as f:
            f.write(textwrap.dedent(text))
        return path

    def start(self, text, config=None):
        """A plug-in of this text as a process, its model opened with handle 1."""
        host = test.Host(self.write(text))
        self.addCleanup(host.close)
        name = host.hello.header["models"][0]["name"]
        self.assertNotIn("error", host.ask(frames.OPEN, model=1, header={"model": name, "config": config or {}}).header)
        return host


def points(*rows):
    return [("x", np.array(rows, float).T, None, 0)]


class Noise(unittest.TestCase):
    def test_philox_is_that_of_its_authors(self):
        """Known answers of Random123."""
        ones = 0xFFFFFFFF
        for counter, key, want in ((0, (0, 0), "6627e8d5 e169c58d bc57ac4c 9b00dbd8"), (ones, (ones, ones), "408f276d 41c83b0e a20bc7c6 6d5451fd")):
            words = noise._philox([np.array([counter], np.uint64)] * 4, key)
            self.assertEqual(" ".join("%08x" % int(w[0]) for w in words), want)

    def test_numbers_belong_to_the_row(self):
        for seed, first in ((0, 0), (2**64 - 1, 2**63), (5, 2**64 - 2)):
            a, b = noise.Noise(seed, first, 10), noise.Noise(seed, (first + 4) % 2**64, 3)
            for method in ("normal", "uniform", "normal"):
                self.assertTrue((getattr(a, method)(3)[4:7] == getattr(b, method)(3)).all())
            self.assertEqual(a.generator(4).normal(), b.generator(0).normal())
        self.assertNotEqual(a.generator(4).normal(), a.generator(5).normal())

    def test_laws(self):
        n = 200000
        u, z = noise.Noise(1, 0, n).uniform(2), noise.Noise(2, 0, n).normal(3)
        self.assertTrue((u > 0).all() and (u < 1).all())
        scores = list((u.mean(axis=0) - 0.5) * np.sqrt(12 * n)) + list(z.mean(axis=0) * np.sqrt(n)) + list((z.var(axis=0) - 1) * np.sqrt(n / 2))
        scores += [(z[:, 0] * z[:, 1]).mean() * np.sqrt(n), (z**4).mean(axis=0).sum() * 0]
        print("z-scores:", " ".join("%.2f" % s for s in scores))
        self.assertLess(max(map(abs, scores)), 4.5)


class Decorators(unittest.TestCase):
    def setUp(self):
        models.registry.clear()

    def test_what_is_wrong_is_said(self):
        def f(x):
            return x

        for words, make in (
            ("dim = 0", lambda: models.density(dim=0)(f)),
            ("dim = 2.5", lambda: models.density(dim=2.5)(f)),
            ("names has 1 entries", lambda: models.density(dim=2, names=["a"])(f)),
            ("dtype = 'int'", lambda: models.density(dim=2, dtype="int")(f)),
            ("name = 'A b'", lambda: models.density(dim=2, name="A b")(f)),
            ("batch = 0", lambda: models.density(dim=2, batch=0)(f)),
            ("called with (x, sigma)", lambda: models.score(dim=2, noise=True)(f)),
            ("called with (x, radius)", lambda: models.density(dim=2, config={"radius": 1.0})(f)),
            ("called with (theta, noise)", lambda: models.simulator(parameters=1, dim=2)(f)),
            ("needs noise=True", lambda: models.score(dim=2, returns="eps")(f)),
            ("returns = 'v'", lambda: models.score(dim=2, noise=True, returns="v")(f)),
            ("two levels", lambda: models.score(dim=2, noise=(2, 1), name="a")(lambda x, s: x)),
            ("two models", lambda: [models.density(dim=2, name="a")(f), models.density(dim=2, name="a")(f)]),
            ("unexpected keyword", lambda: models.density(dim=2, gradeint=True)(f)),
        ):
            with self.assertRaises((ValueError, TypeError), msg=words) as e:
                make()
            self.assertIn(words, str(e.exception))

    def test_options_of_a_run(self):
        @models.density(dim=lambda config: config["size"], config={"size": 3, "radius": 2.0, "fast": True, "text": "a"})
        def f(x, size, radius, fast, text):
            return np.full(len(x), radius)

        opened = f.model.open({"size": 5, "radius": 4})
        self.assertEqual((opened.describe()["dim"], opened.config["radius"], type(opened.config["radius"])), (5, 4.0, float))
        for config, words in (({"raduis": 1}, "no option 'raduis'"), ({"size": 2.5}, "a value like 3"), ({"size": 0}, "dim = 0"),
                              ({"fast": 1}, "a value like True"), ({"text": 3}, "a value like 'a'"), ({"radius": "x"}, "a value like 2.0")):
            with self.assertRaises(models.Invalid) as e:
                f.model.open(config)
            self.assertIn(words, str(e.exception))

    def test_padding_calls_with_one_shape(self):
        shapes = []

        @models.score(dim=2, noise=True, given={"label": 3}, batch=8, pad=True)
        def f(x, sigma, label):
            shapes.append((x.shape, sigma.shape, label.shape))
            return x * sigma + label.sum(axis=1, keepdims=True)

        rng = np.random.default_rng(1)
        opened = f.model.open({})
        inputs = {"x": rng.normal(size=(2, 19)), "sigma": rng.uniform(1, 2, 19), "label": rng.normal(size=(3, 19))}
        out = test.call(opened, inputs)["score"]
        self.assertEqual(set(shapes), {((8, 2), (8, 1), (8, 3))})
        self.assertEqual(len(shapes), 4)
        np.testing.assert_allclose(out, inputs["x"] * inputs["sigma"] + inputs["label"].sum(axis=0), rtol=1e-14)

    def test_wrong_results_are_said(self):
        for result, words in ((lambda x: x, "returned ndarray of shape (4, 2)"), (lambda x: (x, x), "log p of f has shape (4, 2); for 4 points (4,)"),
                              (lambda x: (x[:, 0], x.T), "the gradient of f has shape (2, 4)"), (lambda x: (x[:, 0] + 1j, x), "complex128"),
                              (lambda x: None, "returned NoneType")):
            models.registry.clear()
            opened = models.density(dim=2, gradient=True, name="f")(result).model.open({})
            with self.assertRaises(TypeError) as e:
                test.call(opened, {"x": np.ones((2, 4))})
            self.assertIn(words, str(e.exception))

    def test_a_slow_call_is_told_once(self):
        @models.density(dim=2, batch=50)
        def f(x):
            time.sleep(0.6 if x[0, 0] else 0)
            return x[:, 0]

        opened, told = f.model.open({}), io.StringIO()
        with contextlib.redirect_stderr(told):
            test.call(opened, {"x": np.ones((2, 1))})  # no smaller batch would help
            test.call(opened, {"x": np.zeros((2, 60))})
            self.assertEqual(told.getvalue(), "")
            test.call(opened, {"x": np.ones((2, 100))})
        self.assertRegex(told.getvalue(), "^infer_plugin: a call of f for 50 points took 0.[67] s, .*\n$")

    def test_status_of_rows(self):
        @models.density(dim=2, gradient=True)
        def f(x):
            return np.array([0.0, -np.inf, np.nan, np.inf, 1.0]), np.array([[1, 1], [np.nan, 1], [1, 1], [1, 1], [np.nan, 1]])

        out = test.call(f.model.open({}), {"x": np.zeros((2, 5))})
        self.assertEqual(out["status"].tolist(), [0, 1, 2, 2, 2])
        self.assertEqual(out["grad"][:, 1].tolist(), [0, 0])


class Process(Files):
    def test_answers(self):
        host = self.start(DONUT)
        reply = host.ask(frames.EVAL, model=1, want=3, tensors=points((2.6, 0), (0, 3.6), (1, 60)))
        self.assertEqual(reply.tensors["status"].tolist(), [0, 1 - 1, 1])
        np.testing.assert_allclose(reply.tensors["logp"], [0, -1 / 0.033, -np.inf])
        np.testing.assert_allclose(reply.tensors["grad"], [[0, 0, 0], [0, -2 / 0.033, 0]], atol=1e-13)
        self.assertGreater(reply.time, 0)
        self.assertEqual(host.stop(), 0)

    def test_print_before_anything_else(self):
        text = "print('loading the weights')\nimport os; os.write(1, b'more')\n" + textwrap.dedent(DONUT)
        host = self.start(text)
        self.assertNotIn("error", host.ask(frames.EVAL, model=1, want=1, tensors=points((1, 1))).header)

    def test_an_exception_is_an_error_and_no_end(self):
        host = self.start(DONUT)
        with contextlib.redirect_stderr(io.StringIO()):
            error = host.ask(frames.EVAL, model=1, want=3, tensors=points((77, 0))).header["error"]
        self.assertEqual(error["code"], "internal")
        self.assertRegex(error["message"], r"^ValueError: no 77, please \(my_plugin.py, line 8, in donut\)$")
        self.assertNotIn("error", host.ask(frames.EVAL, model=1, want=3, tensors=points((7, 0))).header)
        error = host.ask(frames.OPEN, model=2, header={"model": "donat", "config": {}}).header["error"]
        self.assertEqual((error["code"], error["hint"]), ("unavailable", "there are: donut"))
        error = host.ask(frames.OPEN, model=2, header={"model": "donut", "config": {"raduis": 1}}).header["error"]
        self.assertEqual(error["code"], "invalid")

    def test_cancel_and_deadline(self):
        host = self.start(DONUT, {"pause": 0.02})
        many = [("x", np.ones((2, 5000)), None, 0)]  # 50 calls of 20 ms
        host.sequence += 1
        host.connection.send(frames.EVAL, host.sequence, model=1, want=3, tensors=many)
        host.connection.send(frames.EVAL, host.sequence + 1, model=1, want=3, tensors=points((1, 1)))
        time.sleep(0.1)
        begin = time.monotonic()
        host.connection.send(frames.CANCEL, host.sequence, model=1)
        reply = host.receive()
        self.assertEqual((reply.sequence, reply.header["error"]["code"]), (host.sequence, "cancelled"))
        self.assertLess(time.monotonic() - begin, 0.5)
        host.sequence += 1
        reply = host.receive()  # what was asked meanwhile is answered in its turn
        self.assertEqual((reply.sequence, reply.header), (host.sequence, {}))
        reply = host.ask(frames.EVAL, model=1, want=3, time=50_000_000, tensors=many)
        self.assertEqual(reply.header["error"]["code"], "deadline")
        host.connection.send(frames.CANCEL, host.sequence, model=1)  # too late: no effect
        self.assertEqual(host.ask(frames.EVAL, model=1, want=3, tensors=points((1, 1))).header, {})

    def test_control_c_goes_to_the_host(self):
        host = self.start(DONUT, {"pause": 0.3})
        host.sequence += 1
        host.connection.send(frames.EVAL, host.sequence, model=1, want=3, tensors=points((1, 1)))
        os.kill(host.process.pid, signal.SIGINT)
        self.assertEqual(host.receive().header, {})
        self.assertEqual(host.stop(), 0)

    def test_no_child_outlives_the_host(self):
        """Whether the host goes during a call, before one, or with nothing to do."""
        started = os.path.join(self.folder.name, "child")
        text = textwrap.dedent(DONUT).replace("infer.serve()", textwrap.dedent("""
            import subprocess
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            print(subprocess.Popen(["sleep", "60"], **quiet).pid, file=open(%r, "w"), flush=True)
            infer.serve()""" % started))
        for wait in (0.3, 0, None):
            host = self.start(text, {"pause": 60.0})
            if wait is not None:
                host.connection.send(frames.EVAL, 9, model=1, want=3, tensors=points((1, 1)))
                time.sleep(wait)
            host.connection.sock.close()
            begin = time.monotonic()
            host.process.wait(5)
            with open(started) as f:
                child = int(f.read())
            while os.path.exists("/proc/%d" % child) and time.monotonic() < begin + 3:
                with open("/proc/%d/stat" % child) as f:
                    if f.read().rsplit(")", 1)[1].split()[0] in "ZX":
                        break
                time.sleep(0.05)
            self.assertLess(time.monotonic() - begin, 2)

    def test_garbage_ends_it_with_words(self):
        good = frames.PREFIX.pack(frames.MAGIC, frames.PING, 0, 0, 1, 0, 0, 0, 0)
        entry = frames.ENTRY.pack(b"x", 1, 2, 0, 0, 0, 0, 2, 3, 0, 0)
        rng = np.random.default_rng(1)
        cases = [b"GET / HTTP/1.1\r\n" + bytes(40), good[:4] + b"\x63" + good[5:],
                 frames.PREFIX.pack(frames.MAGIC, frames.EVAL, 0, 0, 1, 0, 2**31, 0, 0),
                 frames.PREFIX.pack(frames.MAGIC, frames.EVAL, 0, 0, 1, 0, 0, 2**62, 0),
                 frames.PREFIX.pack(frames.MAGIC, frames.EVAL, 0, 0, 1, 0, 3, 0, 0) + b"{]}",
                 frames.PREFIX.pack(frames.MAGIC, frames.EVAL, 1, 3, 1, 1, 0, 0, 0) + entry,
                 frames.PREFIX.pack(frames.MAGIC, frames.EVAL, 1, 3, 1, 1, 0, 48, 0) + entry[:16] + b"\x09" + entry[17:] + bytes(48)]
        cases += [bytes(rng.integers(0, 256, 60, dtype=np.uint8)) for _ in range(20)]
        for case in cases:
            ours, theirs = socket.socketpair()
            theirs.sendall(case)
            theirs.close()
            with self.assertRaises(frames.Broken):
                f = frames.Connection(ours).receive()
                if f.kind == frames.EVAL and f.tensors:
                    raise AssertionError("a wrong tensor was taken: %r" % f.tensors)
                frames.Connection(ours).receive()
            ours.close()

    def test_mutated_frames_are_refused_or_read(self):
        """Any byte of a frame may be wrong: it is read, refused, or the end; no other exception."""
        ours, theirs = socket.socketpair()
        frames.Connection(ours).send(frames.EVAL, 1, model=1, want=3, header={"seed": 3}, tensors=points((1, 2), (3, 4)) + [("sigma", np.ones(2), None, 0)])
        ours.close()
        whole = theirs.recv(10000)
        theirs.close()
        rng = np.random.default_rng(2)
        read = 0
        for _ in range(2000):
            broken = bytearray(whole)
            for at in rng.integers(0, len(broken), 1 + int(rng.integers(0, 3))):
                broken[at] = int(rng.integers(0, 256))
            ours, theirs = socket.socketpair()
            theirs.sendall(broken)
            theirs.close()
            try:
                read += frames.Connection(ours, 1 << 20).receive() is not None
            except frames.Broken:
                pass
            ours.close()
        self.assertGreater(read, 100)

    def test_without_a_host(self):
        done = subprocess.run([sys.executable, self.write(DONUT)], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": os.path.dirname(HERE)})
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("start it with infer", done.stderr)

    def test_shared_memory_that_is_too_small(self):
        host = self.start(DONUT)
        with tempfile.TemporaryFile() as file:
            file.truncate(100)
            host.sequence += 1
            host.connection.send(frames.MAP, host.sequence, header={"region": 0, "bytes": 4096}, descriptors=[file.fileno()])
            self.assertEqual(host.receive().header["error"]["code"], "unavailable")
        self.assertEqual(host.ask(frames.EVAL, model=1, want=3, tensors=points((1, 1))).header, {})

    def test_descriptors_do_not_pile_up(self):
        host = self.start(DONUT)
        count = lambda: len(os.listdir("/proc/%d/fd" % host.process.pid)) if os.path.isdir("/proc") else 0
        before = count()
        for i in range(50):
            with tempfile.TemporaryFile() as file:
                file.truncate(4096 + i)
                host.sequence += 1
                host.connection.send(frames.MAP, host.sequence, header={"region": 0, "bytes": 4096 + i}, descriptors=[file.fileno()])
                self.assertEqual(host.receive().header, {})
        self.assertLessEqual(count(), before + 2)


class SelfTest(Files):
    """infer_plugin.test finds what is wrong with a plug-in."""

    def run_test(self, text):
        models.registry.clear()
        sys.path_importer_cache.clear()
        path = self.write(text)
        done = subprocess.run([sys.executable, "-m", "infer_plugin.test", path], capture_output=True, text=True,
                              env={**os.environ, "PYTHONPATH": os.path.dirname(HERE)})
        return done.returncode, done.stdout + done.stderr

    def test_a_good_one_passes(self):
        code, out = self.run_test(DONUT)
        self.assertEqual(code, 0, out)
        self.assertIn("all checks passed", out)

    def test_faults_are_found(self):
        density = "import numpy as np, time\nimport infer_plugin as infer\n@infer.density(dim=2, gradient=True%s)\ndef f(x):\n    %s\ninfer.serve()\n"
        simulator = "import numpy as np\nimport infer_plugin as infer\n@infer.simulator(parameters=2, dim=2)\ndef f(theta, noise):\n    %s\ninfer.serve()\n"
        for words, text in (
            ("the gradient is", density % ("", "return -(x**2).sum(axis=1), -x")),
            ("row 0 alone", density % ("", "return -(x**2).sum(axis=1) + x.mean(), -2 * x")),
            ("permuted rows", density % ("", "return -(x**2).sum(axis=1) + (np.arange(len(x)) == 40), -2 * x")),
            ("beside NaN", density % ("", "return -(x**2).sum(axis=1) + 0 * x.sum(), -2 * x")),
            ("rows are NaN", density % ("", "return np.log(-(x**2).sum(axis=1)), -2 * x")),
            ("-inf at all", density % ("", "return np.full(len(x), -np.inf), -2 * x")),
            ("IndexError", density % ("", "x[2]; return -(x**2).sum(axis=1), -2 * x")),
            ("says deterministic=True", density % (", deterministic=True", "return -(x**2).sum(axis=1) + 1e-9 * x.mean(), -2 * x")),
            ("over the socket", density % ("", "return -(x**2).sum(axis=1) + infer.server.testing, -2 * x")),
            ("has no model", "import infer_plugin as infer\ninfer.serve()\n"),
            ("do not depend on the seed", simulator % "return theta"),
            ("the same seed", simulator % "return theta + np.random.normal(size=theta.shape)"),
            ("ends itself with code 0", density % ("", "return -(x**2).sum(axis=1), -2 * x") + "import sys; sys.exit(0)\n"),
            ("the plug-in ended with code 3", (density % ("", "return 0")).replace("infer.serve()", "import sys; infer.server.testing or sys.exit(3)")),
        ):
            code, out = self.run_test(text)
            self.assertEqual(code, 1, words + "\n" + out)
            self.assertIn(words, "\n".join(line for line in out.splitlines() if line.startswith("FAIL")), words)


if __name__ == "__main__":
    unittest.main()
