"""Frames of infer.plugin.v1: bytes on a socket to messages with numpy arrays, and back.

The format is written down in plugins/protocol/frames.md. Arrays of a received frame are views of the memory they came
in; nothing is copied.
"""

import array
import json
import mmap
import os
import socket
import struct

import numpy as np

PREFIX = struct.Struct("<4sBBHQIIQQ")
ENTRY = struct.Struct("<16sBBBBIQ4Q")
MAGIC = b"INF1"
HELLO, WELCOME, OPEN, EVAL, REPLY, CLOSE, CANCEL, MAP, PING, STOP = range(1, 11)
LOGP, GRAD, SCORE, SIMULATE = 1, 2, 4, 8
DTYPES = {1: np.dtype("<f8"), 2: np.dtype("<f4"), 3: np.dtype("u1"), 4: np.dtype("<u8")}
CODES = {dtype: code for code, dtype in DTYPES.items()}
LONGEST_HEADER = 1 << 20
MOST_TENSORS = 32


class Broken(Exception):
    """The other side sent what is no frame; the connection is of no use any more."""


class Frame:
    """A received frame. tensors and rooms are arrays by name: what was sent, and memory to write results into."""

    __slots__ = ("kind", "want", "sequence", "model", "time", "header", "tensors", "rooms", "places", "descriptor")


class Connection:
    """Frames over a connected socket."""

    def __init__(self, sock, max_body=1 << 30):
        self.sock = sock
        self.max_body = max_body
        self.regions = {}  # number of a shared memory: its mmap
        self._prefix = bytearray(PREFIX.size)
        self._spare = np.empty(0, np.uint8)  # memory for bodies, where it is free

    def _fill(self, view, started=False):
        """Reads until view is full; False at the end of the connection, if nothing was read."""
        got = 0
        while got < len(view):
            n = self.sock.recv_into(view[got:])
            if n == 0:
                if got == 0 and not started:
                    return False
                raise Broken("the connection ended within a frame")
            got += n
        return True

    def _begin(self):
        """Reads a prefix and the descriptors that came with its first byte; False at the end of the connection."""
        view = memoryview(self._prefix)
        space = socket.CMSG_SPACE(array.array("i").itemsize)
        n, ancillary, _, _ = self.sock.recvmsg_into([view], space)
        descriptor = None
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                for fd in struct.unpack("i" * (len(data) // 4), data[: len(data) // 4 * 4]):
                    if descriptor is not None:
                        os.close(descriptor)
                    descriptor = fd
        if n == 0:
            return False, descriptor
        if n < len(view):
            self._fill(view[n:], started=True)
        return True, descriptor

    def receive(self):
        """The next frame, or None at the end of the connection."""
        more, descriptor = self._begin()
        if not more:
            return None
        f = Frame()
        f.descriptor = descriptor
        magic, f.kind, count, f.want, f.sequence, f.model, header, body, f.time = PREFIX.unpack(self._prefix)
        if magic != MAGIC:
            raise Broken("a frame begins with %r" % bytes(magic))
        if not HELLO <= f.kind <= STOP:
            raise Broken("a frame of kind %d" % f.kind)
        if header > LONGEST_HEADER or count > MOST_TENSORS or body > self.max_body:
            raise Broken("a frame with a header of %d bytes, %d tensors and a body of %d bytes" % (header, count, body))
        f.header, f.tensors, f.rooms, f.places = {}, {}, {}, {}
        if header == 0 and count == 0 and body == 0:
            return f
        top = bytearray(header + count * ENTRY.size)
        self._fill(memoryview(top), started=True)
        if header:
            try:
                f.header = json.loads(top[:header].decode("utf-8"))
            except ValueError as e:
                raise Broken("a header that is no JSON: %s" % e) from None
            if not isinstance(f.header, dict):
                raise Broken("a header that is no JSON object")
        memory = None
        if body:
            memory = self._spare if len(self._spare) >= body else np.empty(max(body, 4096), np.uint8)
            self._spare = np.empty(0, np.uint8)
            self._fill(memoryview(memory)[:body], started=True)
        for at in range(header, len(top), ENTRY.size):
            self._tensor(f, ENTRY.unpack_from(top, at), memory, body)
        return f

    def _tensor(self, f, entry, memory, body):
        name, dtype, rank, place, room, region, offset = entry[:7]
        name = name.rstrip(b"\0").decode("ascii", "replace")
        dtype = DTYPES.get(dtype)
        if dtype is None or rank > 4 or place > 1 or room > 1 or offset % 8 or (room and not place):
            raise Broken("tensor %r has an unknown dtype, rank or place, or no multiple of 8 as its offset" % name)
        shape, size = entry[7 : 7 + rank], dtype.itemsize
        for side in shape:
            size *= side
        if place:
            memory = self.regions.get(region)
            if memory is None:
                raise Broken("tensor %r is in shared memory %d, which was not sent" % (name, region))
            body = len(memory)
        if offset + size > body:
            raise Broken("tensor %r of %d bytes at %d does not fit into %d" % (name, size, offset, body))
        a = np.ndarray(shape, dtype, memory, offset) if size else np.empty(shape, dtype)
        (f.rooms if room else f.tensors)[name] = a
        if place:
            f.places[name] = (region, offset)

    def release(self, f):
        """Says that nobody looks at the arrays of a frame any more: its memory is used for the next body."""
        for a in f.tensors.values():
            memory = a.base
            if isinstance(memory, np.ndarray) and len(memory) > len(self._spare):
                self._spare = memory
        f.tensors = f.rooms = None

    def send(self, kind, sequence=0, model=0, want=0, time=0, header=None, tensors=(), descriptors=()):
        """Sends a frame. tensors are (name, array, place, room): place is None for the body, or (region, offset) for an
        array that is already in shared memory."""
        text = json.dumps(header, allow_nan=False).encode() if header else b""
        table, parts, body = [], [], 0
        for name, a, place, room in tensors:
            if place is None:
                a = np.ascontiguousarray(a)
                region, offset = 0, body
                if a.nbytes:
                    parts.append(memoryview(a).cast("B"))
                if a.nbytes % 8:
                    parts.append(bytes(-a.nbytes % 8))
                body += (a.nbytes + 7) // 8 * 8
            else:
                region, offset = place
            shape = a.shape + (0,) * (4 - a.ndim)
            table.append(ENTRY.pack(name.encode(), CODES[a.dtype], a.ndim, place is not None, room, region, offset, *shape))
        prefix = PREFIX.pack(MAGIC, kind, len(table), want, sequence, model, len(text), body, time)
        self._write([prefix + text + b"".join(table)] + parts, descriptors)

    def _write(self, parts, descriptors):
        ancillary = []
        if descriptors:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors).tobytes())]
        while parts:
            sent = self.sock.sendmsg(parts, ancillary)
            ancillary = []
            while parts and sent >= len(parts[0]):
                sent -= len(parts.pop(0))
            if sent:
                parts[0] = memoryview(parts[0])[sent:]

    def map(self, f):
        """Takes the shared memory of a MAP frame. Raises ValueError or OSError if it cannot be used."""
        if f.descriptor is None:
            raise ValueError("no descriptor came with the shared memory")
        try:
            region, size = f.header.get("region"), f.header.get("bytes")
            if not isinstance(region, int) or not isinstance(size, int) or not 0 < size <= os.fstat(f.descriptor).st_size:
                raise ValueError("the shared memory is smaller than its frame says")
            self.regions[region] = mmap.mmap(f.descriptor, size)
        finally:
            os.close(f.descriptor)
            f.descriptor = None
