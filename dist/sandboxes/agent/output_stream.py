"""What a program prints, bounded."""

import json
import os
import time

from wire import MIB

HEAD_BYTES = 8 * MIB
TAIL_BYTES = MIB
ERROR_MARKS = (b"Traceback (", b"rror", b"ERROR", b"xception", b"fatal", b"FATAL", b"Killed", b"Segmentation")
ERROR_LINE_BYTES = 400
ERROR_LINES_BYTES = 1 << 16
# Lines looked at more closely in one chunk, so that output full of them costs no more than any other.
LINES_A_CHUNK = 100
# Looking for marks costs about 4 ms a MiB: from here on, only one MiB in four is searched.
SEARCHED_BYTES = 256 * MIB
# Part of a line that a chunk breaks off, to be looked at together with the next.
CARRY_BYTES = 512
LEFT_OUT_SECONDS = 2


class OutputStream:
    """One stream of a program: its head goes out as it is; of the rest the end, and lines that look like errors."""

    def __init__(self, kind, wire):
        self.kind = kind
        self.wire = wire
        self.read_end, self.write_end = os.pipe()
        self.buffer = bytearray(CARRY_BYTES + MIB)
        self.head_left = HEAD_BYTES
        self.tail = None
        self.left_out = 0
        self.told_at = time.monotonic()
        self.searched = 0
        self.carried = 0
        self.lines = []
        self.seen = set()
        self.lines_left = ERROR_LINES_BYTES
        self.ended = False

    def open_to(self, uid):
        """Lets scripts open /dev/stdout again, which takes the right to the pipe itself."""
        try:
            os.fchown(self.write_end, uid, uid)
        except OSError:
            pass
        self.enlarge()

    def enlarge(self):
        try:
            import fcntl

            fcntl.fcntl(self.read_end, 1031, MIB)  # F_SETPIPE_SZ
        except OSError:
            pass
        os.set_blocking(self.read_end, False)

    def wants_more(self):
        return not self.ended and (self.head_left == 0 or self.wire.queued_bytes < MIB)

    def read(self):
        """Reads once; returns whether there was anything."""
        view = memoryview(self.buffer)[CARRY_BYTES:]
        try:
            count = os.readv(self.read_end, [view])
        except BlockingIOError:
            return False
        if count == 0:
            self.ended = True
            return False
        head = min(count, self.head_left)
        if head:
            self.head_left -= head
            self.wire.offer(self.kind, bytes(view[:head]))
        if count > head:
            self.keep(view[head:count], CARRY_BYTES + head, CARRY_BYTES + count)
        return True

    def keep(self, chunk, start, end):
        if self.tail is None:
            self.tail = Tail()
        self.left_out += self.tail.append(chunk)
        self.searched += len(chunk)
        if self.lines_left > 0 and (self.searched <= SEARCHED_BYTES or self.searched // MIB % 4 == 0):
            self.search(start - self.carried, end)
        # The next chunk is read in right behind what is carried over.
        begin = max(self.buffer.rfind(b"\n", start, end) + 1, end - CARRY_BYTES, start)
        self.carried = end - begin
        self.buffer[CARRY_BYTES - self.carried : CARRY_BYTES] = self.buffer[begin:end]

    def search(self, start, end):
        looked = 0
        for mark in ERROR_MARKS:
            at = self.buffer.find(mark, start, end)
            while at >= 0 and looked < LINES_A_CHUNK:
                looked += 1
                after = self.buffer.find(b"\n", at, end)
                begin = max(self.buffer.rfind(b"\n", start, at) + 1, start, at - ERROR_LINE_BYTES // 2)
                if after < 0 and end - begin <= CARRY_BYTES:
                    break
                self.note(bytes(self.buffer[begin : min(after if after >= 0 else end, begin + ERROR_LINE_BYTES)]))
                at = self.buffer.find(mark, after, end) if after >= 0 else -1

    def note(self, line):
        if line in self.seen or len(line) >= self.lines_left:
            return
        # As text it must stand for "rror:" or "Error", which are searched for as one.
        if b"rror" in line and b"rror:" not in line and b"Error" not in line:
            if not any(mark in line for mark in ERROR_MARKS if mark != b"rror"):
                return
        self.seen.add(line)
        self.lines_left -= len(line) + 1
        self.lines.append(line.decode("utf-8", "replace"))

    def tell(self, now, last=False):
        """Says how much was left out since it last did, now and then; and in the end what was kept."""
        if self.left_out and (last or (now - self.told_at >= LEFT_OUT_SECONDS and self.wire.queued_bytes < 1 << 16)):
            told = {"stream": self.kind.decode(), "bytes": self.left_out, "lines": self.lines}
            self.wire.offer(b"s", json.dumps(told).encode())
            self.left_out = 0
            self.lines = []
            self.told_at = now
        if last and self.tail is not None:
            self.wire.offer(self.kind, self.tail.content())


class Tail:
    """The last bytes of what was appended."""

    def __init__(self):
        self.ring = bytearray(TAIL_BYTES)
        self.at = 0
        self.filled = 0

    def append(self, chunk):
        """Returns how many bytes fell out."""
        count = len(chunk)
        if count > TAIL_BYTES:
            return count - TAIL_BYTES + self.append(chunk[-TAIL_BYTES:])
        first = min(count, TAIL_BYTES - self.at)
        self.ring[self.at : self.at + first] = chunk[:first]
        self.ring[: count - first] = chunk[first:]
        self.at = (self.at + count) % TAIL_BYTES
        fell_out = max(0, self.filled + count - TAIL_BYTES)
        self.filled = min(TAIL_BYTES, self.filled + count)
        return fell_out

    def content(self):
        if self.filled < TAIL_BYTES:
            return bytes(self.ring[: self.filled])
        return bytes(self.ring[self.at :] + self.ring[: self.at])
