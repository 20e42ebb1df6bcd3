"""The loop of a plug-in: says HELLO to the host and answers its frames until the connection ends."""

import os
import re
import select
import signal
import socket
import sys
import threading
import time
import traceback

COOKIE = "b7e0c1a5-infer-plugin-v1"
PROTOCOL = 1
testing = False  # set by infer_plugin.test, which loads a plug-in without serving it


def hosted():
    """Whether infer started this process."""
    return os.environ.get("INFER_PLUGIN_COOKIE") == COOKIE and "INFER_PLUGIN_FD" in os.environ


def quiet():
    """What is printed goes to the log, and Ctrl-C to the host alone. Does nothing in a process of its own."""
    if not hosted():
        return
    os.dup2(2, 1)
    if sys.stdout is not None:
        sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.set_inheritable(int(os.environ["INFER_PLUGIN_FD"]), False)


def serve(name=None, version="0.0.0", licence=""):
    """Serves the models of this process; the last line of a plug-in. Returns when the host says so.

    name is that of the program's file by default; version and licence are for information.
    """
    from . import models

    if testing:
        return
    if not hosted():
        sys.stderr.write("this is a plug-in of infer; start it with infer, or test it with: python -m infer_plugin.test %s\n" % sys.argv[0])
        sys.exit(2)
    if not models.registry:
        raise RuntimeError("the plug-in has no model: put @infer.density, @infer.score or @infer.simulator before a function")
    if name is None:
        file = os.path.splitext(os.path.basename(sys.argv[0]))[0].lower()
        name = re.sub("[^a-z0-9]", "-", file).strip("-")[:64] or "plug-in"
    sock = socket.socket(fileno=int(os.environ["INFER_PLUGIN_FD"]))
    sock.setblocking(True)
    _watch(sock, os.getppid())
    try:
        told = Server(sock, {"name": name, "version": str(version), "licence": licence}).run()
    except (BrokenPipeError, ConnectionResetError):
        told = False  # the host is gone
    if not told:
        _end_children()
    sock.close()


def _end_children():
    """Ends the other processes of the group, which this process leads."""
    if os.getpgrp() == os.getpid() and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)


def _watch(sock, parent):
    """Ends this process and its children when the host is gone, also during a long call."""
    poller = select.poll()
    poller.register(sock, 0)  # hang-ups are always reported

    def wait():
        while True:
            gone = any(event & (select.POLLHUP | select.POLLERR | select.POLLNVAL) for _, event in poller.poll(500))
            if gone:
                time.sleep(1)  # the loop sees the end of the connection too, and leaves in an orderly way
            if gone or os.getppid() != parent:
                if os.getpgrp() == os.getpid():
                    os.killpg(0, signal.SIGKILL)
                os._exit(1)

    threading.Thread(target=wait, name="infer-parent-watch", daemon=True).start()


class Server:
    """Answers the frames of one host, in the order in which they come."""

    def __init__(self, sock, about):
        from . import frames, models

        self.frames, self.models = frames, models
        self.connection = frames.Connection(sock)
        self.about = about
        self.handles = {}
        self.waiting = []  # frames that were read while one was evaluated
        self.cancelled = set()
        self.poller = select.poll()
        self.poller.register(sock, select.POLLIN)

    def run(self):
        """Answers until the end. Returns whether the host said so, and is not just gone."""
        f = self.frames
        self.connection.send(f.HELLO, header=self.info())
        while True:
            frame = self.waiting.pop(0) if self.waiting else self.connection.receive()
            if frame is None:
                return False
            if frame.kind == f.STOP:
                return True
            if frame.kind == f.WELCOME:
                limit = frame.header.get("max_body")
                if isinstance(limit, int) and limit > 0:
                    self.connection.max_body = limit
            elif frame.kind != f.CANCEL:  # a cancelled evaluation that is not under way was answered already
                self.answer(frame)
            self.connection.release(frame)

    def info(self):
        from .version import VERSION

        dims = [(m, 0 if callable(m.dim) else m.dim) for m in self.models.registry.values()]
        return {"protocol": PROTOCOL, "sdk": "python " + VERSION, "capabilities": ["shm"],
                "models": [m.describe(dim) for m, dim in dims], **self.about}

    def answer(self, frame):
        """Sends the reply to a frame; what goes wrong is a reply too."""
        f, models = self.frames, self.models
        reply = {}
        try:
            if frame.kind == f.EVAL:
                reply = self.evaluate(frame)
            elif frame.kind == f.OPEN:
                reply = {"header": self.open(frame)}
            elif frame.kind == f.CLOSE:
                self.handles.pop(frame.model, None)
            elif frame.kind == f.MAP:
                self.connection.map(frame)
            elif frame.kind != f.PING:
                raise f.Broken("a frame of kind %d from the host" % frame.kind)
        except f.Broken:
            raise
        except models.Stopped as e:
            words = {"cancelled": "the host does not want the result any more", "deadline": "the time for the call is over"}
            reply = {"header": _error(e.code, words[e.code])}
        except models.Invalid as e:
            reply = {"header": _error("invalid", str(e))}
        except Exception as e:  # of the author's function
            if frame.kind == f.MAP:
                reply = {"header": _error("unavailable", str(e))}
            else:
                traceback.print_exc()
                sys.stderr.flush()
                reply = {"header": _error("internal", describe(e))}
        self.connection.send(f.REPLY, frame.sequence, frame.model, **reply)

    def open(self, frame):
        model = self.models.registry.get(frame.header.get("model"))
        if model is None:
            known = ", ".join(self.models.registry)
            return _error("unavailable", "there is no model %r" % (frame.header.get("model"),), "there are: " + known)
        config = frame.header.get("config") or {}
        if not isinstance(config, dict):
            raise self.models.Invalid("the configuration is no JSON object")
        opened = model.open(config)
        self.handles[frame.model] = opened
        return opened.describe()

    def evaluate(self, frame):
        opened = self.handles.get(frame.model)
        if opened is None:
            raise self.models.Invalid("no model is open with the handle %d" % frame.model)
        deadline = time.monotonic_ns() + frame.time if frame.time else None
        self.check(frame, deadline)
        n = opened.points(frame.want, frame.tensors)
        header = {key: frame.header.get(key, 0) for key in ("seed", "first")}
        if not all(isinstance(v, int) and 0 <= v < 2**64 for v in header.values()):
            raise self.models.Invalid("seed and first are whole numbers below 2^64")
        rooms = opened.outputs(frame.want, n, frame.rooms)
        status, nanoseconds = opened.evaluate(frame.want, frame.tensors, rooms, header, lambda: self.check(frame, deadline))
        tensors = [(name, a, frame.places.get(name) if frame.rooms else None, 0) for name, a in rooms.items()]
        if status is not None:
            tensors.append(("status", status, None, 0))
        return {"time": nanoseconds, "tensors": tensors}

    def check(self, frame, deadline):
        """Reads what the host has sent meanwhile, and stops an evaluation that was cancelled or is too late."""
        # What follows a MAP may lie in its memory, so it is read after that.
        while not (self.waiting and self.waiting[-1].kind == self.frames.MAP) and self.poller.poll(0):
            more = self.connection.receive()
            if more is None:  # nobody waits for anything
                _end_children()
                os._exit(0)
            if more.kind == self.frames.CANCEL:
                if more.sequence >= frame.sequence:  # smaller ones were answered already
                    self.cancelled.add(more.sequence)
            else:
                self.waiting.append(more)
        if frame.sequence in self.cancelled:
            self.cancelled.discard(frame.sequence)
            raise self.models.Stopped("cancelled")
        if deadline is not None and time.monotonic_ns() > deadline:
            raise self.models.Stopped("deadline")


def _error(code, message, hint=""):
    return {"error": {"code": code, "message": message, "hint": hint}}


def describe(e):
    """An exception in a line, with the place in the author's file."""
    text = "".join(traceback.format_exception_only(type(e), e)).strip().replace("\n", " ")
    here = os.path.dirname(os.path.abspath(__file__))
    calls = [c for c in traceback.extract_tb(e.__traceback__) if os.path.dirname(os.path.abspath(c.filename)) != here]
    if calls:
        text += " (%s, line %d, in %s)" % (os.path.basename(calls[-1].filename), calls[-1].lineno, calls[-1].name)
    return text[:2000]
