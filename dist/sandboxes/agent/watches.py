"""The limits of a program: memory, processes and disk, looked at while it runs."""

import os
import time

from folders import LOOSE_FOLDERS, read_list
from system_files import SEARCH_PATH, count_memory_kills, number_after
from wire import MIB


class MemoryAndProcessWatch:
    def __init__(self, limits):
        self.limit_kb = limits["memoryMb"] * 1024
        self.processes = limits["processes"]
        self.kills_before = count_memory_kills()
        self.peak_kb = 0
        self.full_looks = 0

    def judge(self, look):
        """Returns why the program must end, or None."""
        resident_kb = look.resident_kb()
        self.peak_kb = max(self.peak_kb, resident_kb, look.highest_kb)
        if self.kernel_killed():
            return "out-of-memory"
        # Shared pages are counted once for every process: this only says when to look closer.
        if resident_kb > self.limit_kb and look.proportional_kb() > self.limit_kb:
            return "out-of-memory"
        self.full_looks = self.full_looks + 1 if look.tasks >= self.processes else 0
        return "processes" if self.full_looks >= 2 else None

    def kernel_killed(self):
        return count_memory_kills() > self.kills_before


# What a file counts for at least, in bytes: empty ones take room as well, and a file system has only so many.
LEAST_FILE_BYTES = 4096


class DiskWatch:
    """Counts the writable folders, with du(1) and beside everything else.

    Counting every file is dear, so the file system's free space is asked first: only when it fell by a good part of
    what is left to the program are the folders counted, and now and then in any case.
    """

    LONGEST_UNCOUNTED_SECONDS = 5

    def __init__(self, limits):
        self.limit = limits["diskMb"] * MIB
        self.folders = [path for path in ("/work",) + LOOSE_FOLDERS if os.path.isdir(path)]
        self.spared = read_list("kept") + read_list("shown")
        self.free_at_start = self.free_at_counting = self.free_room()
        self.counted = None
        self.counted_at = time.monotonic()
        self.counter = None

    def free_room(self):
        """Returns (bytes, bytes that as many files as can be made count for)."""
        systems = {}
        for folder in self.folders:
            found = os.statvfs(folder)
            systems[os.stat(folder).st_dev] = (found.f_bfree * found.f_frsize, found.f_ffree * LEAST_FILE_BYTES)
        return [sum(parts) for parts in zip(*systems.values())]

    def consumed_since(self, before):
        return max(then - now for then, now in zip(before, self.free_room()))

    def judge(self, look):
        """Returns "disk" or None; starts a counting where one is due."""
        if self.counter is not None:
            return self.finish(look) if self.counter.read() else None
        since = time.monotonic() - self.counted_at
        consumed = self.consumed_since(self.free_at_counting)
        suspicious = consumed > (self.limit - (self.counted or 0)) / 4 and since > 0.25
        if suspicious or since > (1 if self.counted is None else self.LONGEST_UNCOUNTED_SECONDS):
            self.free_at_counting = self.free_room()
            excluded = ["--exclude=" + escape_pattern(path) for path in self.spared]
            script = 'du -skx "$@"; echo; du -sx --inodes "$@"'
            self.counter = BackgroundCommand(["/bin/sh", "-c", script, "du"] + excluded + ["--"] + self.folders)
        return None

    def finish(self, look):
        sizes, _empty, files = self.counter.output.decode("latin-1").partition("\n\n")
        self.counter.close()
        self.counter = None
        deleted, hidden = look.deleted_bytes(self.folders)
        self.counted = max(add_up(sizes) * 1024 + deleted, add_up(files) * LEAST_FILE_BYTES)
        if hidden:
            self.counted = max(self.counted, self.consumed_since(self.free_at_start))
        self.counted_at = time.monotonic()
        return "disk" if self.counted > self.limit else None

    def close(self):
        if self.counter is not None:
            self.counter.close()


def add_up(lines):
    """The sum of what du(1) says of each folder."""
    return sum(number_after(" " + line, " ") for line in lines.splitlines())


def escape_pattern(path):
    return "".join("\\" + letter if letter in "\\*?[" else letter for letter in path)


class BackgroundCommand:
    def __init__(self, argv):
        import subprocess

        self.process = subprocess.Popen(
            argv,
            env={"PATH": SEARCH_PATH, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.output = b""

    def read(self):
        """Returns whether all has been read."""
        try:
            while True:
                part = os.read(self.process.stdout.fileno(), 1 << 16)
                if not part:
                    return True
                self.output += part
        except BlockingIOError:
            return False

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
