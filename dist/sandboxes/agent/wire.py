"""The protocol: frames on the standard streams. What it looks like is told in agent.py."""

import collections
import itertools
import json
import os
import select

MIB = 1 << 20


class Refusal(Exception):
    """An operation that cannot be done, with a code for the host."""

    def __init__(self, code, detail):
        Exception.__init__(self, detail)
        self.code = code
        self.detail = detail


class WireClosed(Exception):
    """Nobody listens any more."""


class Wire:
    """Frames on the standard streams. Output can wait in a queue, so that a slow reader stops nothing else."""

    def __init__(self):
        self.queue = collections.deque()
        self.queued_bytes = 0

    def waits_for_request(self, seconds):
        """Whether something arrives in time."""
        return bool(select.select([0], [], [], seconds)[0])

    def receive_request(self):
        """The next request. The rest of an archive, or word to end a program that has ended, may lie before it."""
        kind, payload = self.receive()
        while kind in (b"d", b"k"):
            kind, payload = self.receive()
        if kind == b"":
            raise WireClosed("The input has ended.")
        if kind != b"q":
            raise Refusal("bad-request", "The frame is no request.")
        try:
            request = json.loads(payload.decode())
        except ValueError as error:
            raise Refusal("bad-request", "The request cannot be read: %s" % error)
        if not isinstance(request, dict):
            raise Refusal("bad-request", "The request is no object.")
        return request

    def receive(self):
        """Returns (type, payload); type is empty at the end of the input."""
        head = self.read_exactly(5)
        if len(head) < 5:
            return b"", b""
        length = int.from_bytes(head[1:], "big")
        if length > MIB:
            raise Refusal("bad-request", "A frame is longer than 1 MiB.")
        payload = self.read_exactly(length)
        return (head[:1], payload) if len(payload) == length else (b"", b"")

    def read_exactly(self, length):
        parts = []
        while length > 0:
            part = os.read(0, length)
            if not part:
                break
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def offer(self, kind, payload=b""):
        """Queues a frame; the payload must not change afterwards."""
        frame = [kind + len(payload).to_bytes(4, "big"), payload] if payload else [kind + bytes(4)]
        for part in frame:
            self.queue.append(memoryview(part))
            self.queued_bytes += len(part)

    def send(self, kind, payload=b""):
        self.offer(kind, payload)
        self.flush(wait=True)

    def flush(self, wait=False):
        """Writes what is queued; without `wait` only as much as is taken at once."""
        os.set_blocking(1, wait)
        try:
            while self.queue:
                written = os.writev(1, list(itertools.islice(self.queue, 64)))
                self.queued_bytes -= written
                while self.queue and written >= len(self.queue[0]):
                    written -= len(self.queue.popleft())
                if written:
                    self.queue[0] = self.queue[0][written:]
        except BlockingIOError:
            pass
        except OSError as error:
            raise WireClosed(str(error))


class TarInput:
    """The `d` frames of a request, as a file that tarfile can read."""

    def __init__(self, wire):
        self.wire = wire
        self.waiting = b""
        self.ended = False

    def read(self, length):
        parts = []
        while length > 0 and (self.waiting or not self.ended):
            if not self.waiting:
                self.receive()
            part, self.waiting = self.waiting[:length], self.waiting[length:]
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def receive(self):
        kind, self.waiting = self.wire.receive()
        if kind != b"d":
            self.ended = True
            raise Refusal("bad-request", "The tar was cut off.")
        self.ended = not self.waiting

    def drain(self):
        """So that whoever sends need not care how an operation ended."""
        try:
            while not self.ended:
                self.receive()
        except Refusal:
            pass
