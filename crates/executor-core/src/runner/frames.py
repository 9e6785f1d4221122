# The runner's side of the stream: frames in and out, and the limits both sides know.
#
# The files of this directory are sent to process 1 as one text, in the order frames, proxy, names, program, leave,
# ahead, browser, child, collect, value, announced, displays, trust, surroundings, order, check (of the environments),
# sets, supervise, rehearsal, main; they share one namespace. CPython 3.9 and the standard library are all they
# may use.

import collections
import json
import os
import struct
import time

PROTOCOL = 2

# Kinds. The first digit says who may send it: 0 the host, 1 the runner, 2 both.
RUN, PING, PREPARE = 0x01, 0x02, 0x03
READY, STARTED, DONE, PONG, OPEN, ITEM, SHOWN, PREPARED = 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18
COMPILED, TRUSTED = 0x19, 0x1A
DATA, END, RESET, CREDIT = 0x21, 0x22, 0x23, 0x24

INPUT, STDOUT, STDERR, RESULTS, FIRST_PROXIED = 0, 1, 2, 3, 16

MAX_DATA = 64 * 1024
MAX_CONTROL = 1024 * 1024
WINDOW = 256 * 1024
# Credit is given back in pieces of at least this size, so that it costs few frames.
CREDIT_STEP = WINDOW // 4
# Nothing more is read from the program or its connections while this much waits to be sent.
MAX_UNSENT = 256 * 1024
MAX_PROGRAM = 64 * 1024 * 1024


class HostGone(Exception):
    """The stream has ended or cannot be understood: there is nobody left to work for."""


class Stream:
    """Frames over two file descriptors, without ever blocking."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        os.set_blocking(source, False)
        os.set_blocking(sink, False)
        self.received = bytearray()
        self.unsent = collections.deque()
        self.unsent_bytes = 0
        self.last_heard = time.monotonic()

    def control(self, kind, message):
        self._queue(kind, json.dumps(message).encode())

    def number(self, kind, channel):
        self._queue(kind, struct.pack(">I", channel))

    def compiled(self, code):
        self._queue(COMPILED, code)

    def pong(self, token):
        self._queue(PONG, token)

    def credit(self, channel, amount):
        self._queue(CREDIT, struct.pack(">II", channel, amount))

    def data(self, channel, payload):
        self._queue(DATA, struct.pack(">I", channel), payload)

    def has_room(self):
        return self.unsent_bytes < MAX_UNSENT

    def _queue(self, kind, payload, rest=b""):
        head = struct.pack(">BI", kind, len(payload) + len(rest)) + payload
        self.unsent.append(memoryview(head))
        if rest:
            self.unsent.append(memoryview(rest))
        self.unsent_bytes += len(head) + len(rest)

    def flush(self):
        """Writes what the pipe takes now."""
        while self.unsent:
            pieces = [self.unsent[i] for i in range(min(len(self.unsent), 32))]
            try:
                written = os.writev(self.sink, pieces)
            except BlockingIOError:
                return
            except OSError:
                raise HostGone
            self.unsent_bytes -= written
            while written:
                first = self.unsent[0]
                if written < len(first):
                    self.unsent[0] = first[written:]
                    break
                written -= len(first)
                self.unsent.popleft()

    def receive(self):
        """Reads what is there now and returns the complete frames as (kind, payload) pairs."""
        try:
            chunk = os.read(self.source, 256 * 1024)
        except BlockingIOError:
            return []
        except OSError:
            raise HostGone
        if not chunk:
            raise HostGone
        self.received += chunk
        frames, at = [], 0
        while len(self.received) - at >= 5:
            kind, length = struct.unpack_from(">BI", self.received, at)
            if length > MAX_CONTROL:
                raise HostGone
            if len(self.received) - at - 5 < length:
                break
            frames.append((kind, bytes(self.received[at + 5 : at + 5 + length])))
            at += 5 + length
        del self.received[:at]
        if frames:
            self.last_heard = time.monotonic()
        return frames
