"""What a container or a remote sandbox runs for us, as root.

It reads requests from its input, one after another, and answers on its output, in frames: one byte of type, four bytes
of length (big-endian), and a payload of at most 1 MiB.

    in   q  the request, JSON         d  tar bytes of `put`, ended by an empty one      k  (or the end) ends the program
    out  o  e  bytes of the program   d  tar bytes of `get`   s  bytes left out   r  the one result, JSON, at the end

The programs it starts run as an account of their own and are hostile: nothing they leave is followed, trusted or kept
waiting for. Python 3.7 and later, standard library alone; modules are imported where they are needed, because every
sandbox pays for the time to start.
"""

import collections
import errno
import itertools
import json
import os
import select
import stat
import sys
import time

MIB = 1 << 20
KILL = 9
STATE_FOLDER = "/var/lib/codedistiller"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOME = "/work/home"
# Folders that everybody may write to: they are counted, and emptied between programs.
LOOSE_FOLDERS = ("/tmp", "/var/tmp", "/run/lock", "/dev/shm", "/dev/mqueue")


class Refusal(Exception):
    """An operation that cannot be done, with a code for the host."""

    def __init__(self, code, detail):
        Exception.__init__(self, detail)
        self.code = code
        self.detail = detail


def main():
    wire = Wire()
    first = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {"op": "serve"}
    try:
        if first.get("op") != "serve":
            answer(first, wire)
            return
        while wire.waits_for_request(UNASKED_SECONDS):
            answer(wire.receive_request(), wire)
    except (WireClosed, Refusal):
        # What comes next on the wire is no request: whoever is there begins anew.
        pass


# An agent that nobody asks anything leaves: whoever started it may be no more.
UNASKED_SECONDS = 300


def answer(request, wire):
    """Does what a request asks for and sends the result; raises WireClosed where nobody listens."""
    try:
        operation = OPERATIONS.get(request.get("op"))
        if operation is None:
            raise Refusal("bad-request", "There is no operation %r." % request.get("op"))
        result = dict(operation(request, wire), ok=True)
    except Refusal as refusal:
        result = {"ok": False, "code": refusal.code, "detail": refusal.detail[:2000]}
    except WireClosed:
        raise
    except Exception as error:
        code = "disk-full" if isinstance(error, OSError) and error.errno in FULL else "agent-failed"
        result = {"ok": False, "code": code, "detail": "%s: %s" % (type(error).__name__, str(error)[:2000])}
    wire.send(b"r", json.dumps(result).encode())


FULL = (errno.ENOSPC, errno.EDQUOT)


# ---------------------------------------------------------------------------------------------------------- protocol


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


# ------------------------------------------------------------------------------------------------------------- files

FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


def refuse_path(path):
    return Refusal("path-refused", "The path %s is not one that a sandbox offers for this." % json.dumps(path))


def normalize(path):
    """An absolute path without empty parts; refuses one that could lead elsewhere."""
    if not isinstance(path, str) or not path.startswith("/"):
        raise refuse_path(path)
    return "/" + "/".join(parts_of(path[1:]))


def parts_of(relative):
    parts = [part for part in relative.split("/") if part not in ("", ".")]
    if relative.startswith("/") or "\0" in relative or ".." in parts:
        raise refuse_path(relative)
    return parts


def is_below(path, folder):
    return path.startswith(folder + "/")


def is_within(path, folder):
    return path == folder or is_below(path, folder)


def open_folder(path, make=None):
    """Opens an absolute path part by part and follows no link. `make(parent, name, path)` makes what is missing."""
    folder = os.open("/", FOLDER_FLAGS)
    so_far = ""
    for name in parts_of(path[1:]):
        so_far += "/" + name
        try:
            folder = enter(folder, name, so_far, make)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENOENT, errno.ENAMETOOLONG):
                refusal = refuse_path(path)
                refusal.errno = error.errno
                raise refusal
            raise
    return folder


def enter(folder, name, path, make):
    """Opens a folder in a folder, and closes the latter."""
    try:
        try:
            return os.open(name, FOLDER_FLAGS, dir_fd=folder)
        except FileNotFoundError:
            if make is None:
                raise
        make(folder, name, path)
        return os.open(name, FOLDER_FLAGS, dir_fd=folder)
    finally:
        os.close(folder)


def make_folder(folder, name, owner, mode=0o755):
    os.mkdir(name, mode, dir_fd=folder)
    os.chown(name, owner, owner, dir_fd=folder, follow_symlinks=False)


def settle_folder(path, owner, mode):
    """Makes a folder if it is not there, and gives it owner and mode."""
    folder = open_folder(path, lambda parent, name, _path: make_folder(parent, name, 0))
    try:
        own(folder, owner, mode)
    except OSError:
        os.close(folder)
        raise
    return folder


def own(file, owner, mode):
    os.fchown(file, owner, owner)
    os.fchmod(file, mode)


def empty_folder(folder, path, spared=()):
    """Removes what is in an opened folder, except for the spared paths and what leads to them."""
    doomed = []
    with os.scandir(folder) as entries:
        for entry in entries:
            inner = path + "/" + entry.name
            if inner in spared:
                continue
            if entry.is_dir(follow_symlinks=False) and any(is_below(one, inner) for one in spared):
                child = os.open(entry.name, FOLDER_FLAGS, dir_fd=folder)
                try:
                    empty_folder(child, inner, spared)
                finally:
                    os.close(child)
            else:
                doomed.append("./" + entry.name)
    remove(folder, doomed)


def remove(folder, names):
    """Left to rm(1): it follows no link, and copes with trees of any depth."""
    import subprocess

    os.fchdir(folder)
    try:
        for start in range(0, len(names), 500):
            command = ["rm", "-rf", "--"] + names[start : start + 500]
            done = subprocess.run(command, env={"PATH": SEARCH_PATH}, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
            if done.returncode != 0:
                raise Refusal("agent-failed", done.stderr.decode("utf-8", "replace")[:500])
    finally:
        os.chdir("/")


def empty_loose_folders(spared=()):
    for path in LOOSE_FOLDERS:
        try:
            folder = open_folder(path)
        except Refusal:
            continue
        try:
            empty_folder(folder, path, spared)
        except (Refusal, OSError):
            if path == "/tmp":
                raise
        finally:
            os.close(folder)


def read_list(name):
    """One of our own lists of paths: `kept`, which snapshots carry, or `shown`, the read-only folders."""
    try:
        with open("%s/%s.json" % (STATE_FOLDER, name), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return []


def write_list(name, paths):
    os.close(settle_folder(STATE_FOLDER, 0, 0o700))
    path = "%s/%s.json" % (STATE_FOLDER, name)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(sorted(set(paths)), file)
    os.replace(path + ".new", path)


# -------------------------------------------------------------------------------------------------- processes of /proc


class Look:
    """What the processes of an account are and take at one moment."""

    def __init__(self, uid):
        self.uid = uid
        self.resident = {}
        self.tasks = 0
        self.highest_kb = 0
        for name in os.listdir("/proc"):
            if name.isdigit():
                self.add(name)

    def add(self, pid):
        status = read_text("/proc/%s/status" % pid)
        if number_after(status, "\nUid:") != self.uid:
            return
        threads = number_after(status, "\nThreads:")
        # One that waits to be collected takes a place, too.
        self.tasks += threads
        if "\nState:\tZ" in status or "\nState:\tX" in status:
            # Its first thread may be gone while others go on, and then it is they who know about the memory.
            if threads <= 1:
                return
            status = read_text("/proc/%s/task/%s/status" % (pid, (list_folder("/proc/%s/task" % pid) or [pid])[-1]))
        resident_kb = number_after(status, "\nVmRSS:")
        self.resident[pid] = resident_kb
        self.highest_kb = max(self.highest_kb, number_after(status, "\nVmHWM:"))

    def resident_kb(self):
        return sum(self.resident.values())

    def proportional_kb(self):
        """With what processes share counted once, where the kernel tells."""
        total = 0
        with Account(self.uid):
            for pid, resident_kb in self.resident.items():
                rollup = read_text("/proc/%s/smaps_rollup" % pid)
                total += number_after(rollup, "\nPss:") if rollup else resident_kb
        return total

    def deleted_bytes(self, folders):
        """Returns (bytes of deleted files that are still held open, whether a process hides its files)."""
        sizes = {}
        hidden = False
        with Account(self.uid):
            for pid in self.resident:
                try:
                    names = os.listdir("/proc/%s/fd" % pid)
                except PermissionError:
                    hidden = True
                    continue
                except OSError:
                    continue
                for name in names:
                    path = "/proc/%s/fd/%s" % (pid, name)
                    try:
                        target = os.readlink(path)
                        if target.endswith(" (deleted)") and any(is_below(target, folder) for folder in folders):
                            found = os.stat(path)
                            sizes[found.st_dev, found.st_ino] = found.st_blocks * 512
                    except OSError:
                        pass
        return sum(sizes.values()), hidden


class Account:
    """Looks at files with the eyes of an account: without CAP_SYS_PTRACE root may not read what its processes hold.

    All other ids stay ours, so its processes can still do nothing to us. See setfsuid(2).
    """

    def __init__(self, uid):
        self.uid = uid

    def __enter__(self):
        library = load_library()
        library.setfsgid(self.uid)
        library.setfsuid(self.uid)

    def __exit__(self, *_details):
        library = load_library()
        library.setfsuid(0)
        library.setfsgid(0)


def load_library():
    """The C library, for what Python does not offer."""
    import ctypes

    return ctypes.CDLL(None, use_errno=True)


def end_processes(uid, first=None):
    """Kills whatever runs as an account. A single kill(-1) leaves no time to fork; a daemon does not get away."""
    deadline = time.monotonic() + 10
    pause = 0.002
    while True:
        if first is not None:
            first.kill()
        do_as(uid, lambda: os.kill(-1, KILL))
        left = Look(uid).resident
        if not left and (first is None or first.has_ended()):
            return
        if time.monotonic() > deadline:
            raise Refusal("unkillable", "Processes cannot be ended: %s." % ", ".join(sorted(left)[:20]))
        time.sleep(pause)
        pause = min(0.1, pause * 2)


def do_as(uid, action):
    """Does something in a process of an account."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            action()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


IPC_RMID = 0


def remove_shared_objects():
    """Removes memory, semaphores and queues of System V that our account made: they outlive their processes."""
    library = load_library()
    controls = {
        "shm": lambda number: library.shmctl(number, IPC_RMID, None),
        "sem": lambda number: library.semctl(number, 0, IPC_RMID),
        "msg": lambda number: library.msgctl(number, IPC_RMID, None),
    }
    for kind, control in controls.items():
        removed = True
        # A list may be longer than what is read of it at once.
        while removed:
            lines = read_text("/proc/sysvipc/" + kind).splitlines()[1:]
            words = [line.split() for line in lines]
            numbers = [int(word[1]) for word in words if len(word) > 1 and word[1].isdigit()]
            removed = any([control(number) == 0 for number in numbers])


def read_text(path):
    """Processes end while they are looked at: that reads as empty."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return ""
    try:
        return os.read(file, 1 << 16).decode("latin-1")
    except OSError:
        return ""
    finally:
        os.close(file)


def list_folder(path):
    try:
        return os.listdir(path)
    except OSError:
        return []


def number_after(text, label):
    at = text.find(label)
    words = text[at + len(label) : at + len(label) + 40].split(None, 1) if at >= 0 else []
    return int(words[0]) if words and words[0].isdigit() else 0


def control_group_file(unified, controller, per_controller):
    """Text of a file of our control group, version 2 or 1; empty where there is none.

    What /proc calls our group may be named as the host sees it, while our own is what is mounted.
    """
    groups = dict(line.split(":", 2)[1:] for line in read_text("/proc/self/cgroup").splitlines() if line.count(":") > 1)
    owns = [path for names, path in groups.items() if controller in names.split(",")]
    root = "/sys/fs/cgroup"
    candidates = [root + groups.get("", "") + "/" + unified, root + "/" + unified]
    candidates += ["%s/%s%s/%s" % (root, controller, own_path, per_controller) for own_path in owns + [""]]
    return next((text for text in map(read_text, candidates) if text), "")


def count_memory_kills():
    text = control_group_file("memory.events", "memory", "memory.oom_control")
    return number_after("\n" + text, "\noom_kill ")


# ------------------------------------------------------------------------------------------------ output of a program

HEAD_BYTES = 8 * MIB
TAIL_BYTES = MIB
ERROR_MARKS = (b"Traceback (", b"rror", b"ERROR", b"xception", b"fatal", b"FATAL", b"Killed", b"Segmentation")
ERROR_LINE_BYTES = 400
ERROR_LINES_BYTES = 1 << 16
# Lines looked at more closely in one chunk, so that output full of them costs no more than any other.
LINES_A_CHUNK = 100
# Looking for marks costs about 4 ms a MiB: from here on, only one chunk in four is searched.
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
        self.searched += 1
        if self.lines_left > 0 and (self.searched * MIB <= SEARCHED_BYTES or self.searched % 4 == 0):
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


# ---------------------------------------------------------------------------------------------------- limits of a run


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
        self.free_at_start = self.free_at_counting = self.free_bytes()
        self.counted = None
        self.counted_at = time.monotonic()
        self.counter = None

    def free_bytes(self):
        systems = {}
        for folder in self.folders:
            found = os.statvfs(folder)
            systems[os.stat(folder).st_dev] = found.f_bfree * found.f_frsize
        return sum(systems.values())

    def judge(self, look):
        """Returns "disk" or None; starts a counting where one is due."""
        if self.counter is not None:
            return self.finish(look) if self.counter.read() else None
        since = time.monotonic() - self.counted_at
        consumed = self.free_at_counting - self.free_bytes()
        suspicious = consumed > (self.limit - (self.counted or 0)) / 4 and since > 0.25
        if suspicious or since > (1 if self.counted is None else self.LONGEST_UNCOUNTED_SECONDS):
            self.free_at_counting = self.free_bytes()
            excluded = ["--exclude=" + escape_pattern(path) for path in self.spared]
            self.counter = BackgroundCommand(["du", "-skx"] + excluded + ["--"] + self.folders)
        return None

    def finish(self, look):
        lines = self.counter.output.decode("latin-1").splitlines()
        self.counter.close()
        self.counter = None
        deleted, hidden = look.deleted_bytes(self.folders)
        self.counted = sum(number_after(" " + line, " ") for line in lines) * 1024 + deleted
        if hidden:
            self.counted = max(self.counted, self.free_at_start - self.free_bytes())
        self.counted_at = time.monotonic()
        return "disk" if self.counted > self.limit else None

    def close(self):
        if self.counter is not None:
            self.counter.close()


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


# ------------------------------------------------------------------------------------------------------- supervision


class Program:
    """A started program, known by its first process."""

    def __init__(self, command, streams):
        # The program's account may not be able to read these.
        import ctypes  # noqa: F401
        import resource  # noqa: F401
        import signal  # noqa: F401

        self.pid = None
        self.status = None
        self.streams = streams
        self.problem_end, problem = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            become_program(command, streams, problem)
        os.close(problem)
        for stream in streams:
            os.close(stream.write_end)

    def has_ended(self):
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                self.status = status
        return self.status is not None

    def kill(self, group=False):
        if self.status is None or group:
            try:
                (os.killpg if group else os.kill)(self.pid, KILL)
            except OSError:
                pass

    def check_started(self):
        os.set_blocking(self.problem_end, False)
        try:
            problem = os.read(self.problem_end, 1 << 16)
        except BlockingIOError:
            problem = b""
        os.close(self.problem_end)
        if problem:
            raise Refusal("agent-failed", problem.decode("utf-8", "replace"))


def become_program(command, streams, problem):
    """In the child: gives up all that the agent may, and becomes the program. Never returns."""
    try:
        try:
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            os.dup2(streams[0].write_end, 1)
            os.dup2(streams[1].write_end, 2)
            prepare_process(command)
        except BaseException as error:
            os.write(problem, ("%s: %s" % (type(error).__name__, error)).encode()[:4000])
            os._exit(125)
        try:
            os.chdir(command["cwd"])
        except OSError as error:
            os.write(2, ("%s: %s\n" % (command["cwd"], error.strerror)).encode("utf-8", "surrogateescape"))
            os._exit(127)
        execute(command["argv"], command["env"])
    finally:
        os._exit(125)


PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38


def prepare_process(command):
    import resource
    import signal

    os.setsid()
    os.umask(0o022)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            try:
                os.set_inheritable(int(name), False)
            except OSError:
                pass
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    uid = command.get("uid")
    if uid is None:
        return
    try:
        # Where memory is short the program has to go, not we.
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass
    limits = command["limits"]
    wanted = {
        resource.RLIMIT_NPROC: limits["processes"] + 1,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits["diskMb"] * MIB,
    }
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    control = load_library().prctl
    if control(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError("no_new_privs cannot be set")
    # It ends with us, whatever ends us.
    control(PR_SET_PDEATHSIG, KILL, 0, 0, 0)


def execute(argv, env):
    """As execvpe(3) of the C library, which also runs scripts without a first line."""
    name = argv[0]
    folders = [""] if "/" in name else env.get("PATH", "/usr/local/bin:/usr/bin:/bin").split(":")
    code, reason = 127, "command not found"
    for folder in folders:
        path = os.path.join(folder, name)
        try:
            try:
                os.execve(path, argv, env)
            except OSError as error:
                if error.errno != errno.ENOEXEC:
                    raise
                os.execve("/bin/sh", ["/bin/sh", path] + argv[1:], env)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                code, reason = 126, error.strerror
    os.write(2, ("%s: %s\n" % (name, reason)).encode("utf-8", "surrogateescape"))
    os._exit(code)


class ChildSignal:
    """A file that becomes readable when a child ends."""

    def __enter__(self):
        import signal

        self.read_end, self.write_end = os.pipe()
        for end in (self.read_end, self.write_end):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_arguments: None)
        signal.set_wakeup_fd(self.write_end, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_details):
        import signal

        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(self.read_end)
        os.close(self.write_end)

    def clear(self):
        try:
            os.read(self.read_end, 4096)
        except BlockingIOError:
            pass


def supervise(wire, command, timeout_ms, watches, end):
    """Runs a command to its end, passing on its output. Returns (status of wait, why it was stopped or None, seconds).

    `end(program)` leaves nothing of it running. Whoever listens may go away at any time, which ends the program too.
    """
    streams = [OutputStream(b"o", wire), OutputStream(b"e", wire)]
    try:
        for stream in streams:
            stream.open_to(command.get("uid") or 0)
        with ChildSignal() as child_signal:
            begin = time.monotonic()
            program = Program(command, streams)
            try:
                stopped = attend(wire, program, child_signal, watches, begin + timeout_ms / 1000.0)
                seconds = time.monotonic() - begin
            finally:
                end(program)
        program.check_started()
        drain(streams)
    finally:
        for stream in streams:
            os.close(stream.read_end)
    now = time.monotonic()
    for stream in streams:
        stream.tell(now, last=True)
    wire.flush(wait=True)
    return program.status, stopped, seconds


def attend(wire, program, child_signal, watches, deadline):
    """Goes on until the first process has ended, or there is a reason to end it, which is returned."""
    pause = 0.015
    next_look = time.monotonic() + pause
    while not program.has_ended():
        now = time.monotonic()
        if now >= deadline:
            return "timed-out"
        if now >= next_look:
            for watch in watches:
                reason = watch()
                if reason is not None:
                    return reason
            pause = min(0.2, pause * 1.5)
            next_look = time.monotonic() + pause
        for stream in program.streams:
            stream.tell(now)
        waiting = select.poll()
        waiting.register(0, select.POLLIN)
        waiting.register(1, select.POLLOUT if wire.queue else 0)
        waiting.register(child_signal.read_end, select.POLLIN)
        readable = {stream.read_end: stream for stream in program.streams if stream.wants_more()}
        for file in readable:
            waiting.register(file, select.POLLIN)
        for file, events in waiting.poll(max(0, min(next_look, deadline) - now) * 1000 + 1):
            if file == 0 or (file == 1 and events & (select.POLLERR | select.POLLHUP)):
                return "cancelled"
            if file in readable:
                readable[file].read()
        child_signal.clear()
        try:
            wire.flush()
        except WireClosed:
            return "cancelled"
    return None


def drain(streams):
    """What a program wrote last is still in its pipes; only a process that got away could hold them open."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline and not all(stream.ended for stream in streams):
        if not any([stream.read() for stream in streams if not stream.ended]):
            time.sleep(0.005)


def describe_status(status, stopped):
    if stopped in ("disk", "processes"):
        return {"kind": "limit", "limit": stopped}
    if stopped is not None:
        return {"kind": stopped}
    if not os.WIFSIGNALED(status):
        return {"kind": "exited", "code": os.WEXITSTATUS(status)}
    import signal

    number = os.WTERMSIG(status)
    if number == signal.SIGXFSZ:
        return {"kind": "limit", "limit": "disk"}
    known = number in [one.value for one in signal.Signals]
    return {"kind": "signalled", "signal": signal.Signals(number).name if known else "SIG%d" % number}


# -------------------------------------------------------------------------------------------------------- operations


def run(request, wire):
    uid = checked_uid(request["uid"])
    argv, env, limits = request["argv"], request["env"], request["limits"]
    if not argv or any("\0" in text for text in argv + list(env) + list(env.values()) + [request["cwd"]]):
        raise Refusal("bad-request", "The command cannot be started as it is.")
    end_processes(uid)
    make_working_folder(request["cwd"], uid)
    memory = MemoryAndProcessWatch(limits)
    disk = DiskWatch(limits)

    def watch():
        look = Look(uid)
        return memory.judge(look) or disk.judge(look)

    command = {"argv": argv, "env": env, "cwd": request["cwd"], "uid": uid, "limits": limits}
    try:
        status, stopped, seconds = supervise(
            wire, command, request["timeoutMs"], [watch], lambda program: end_processes(uid, program)
        )
    finally:
        disk.close()
    if stopped is None and memory.kernel_killed():
        stopped = "out-of-memory"
    return {
        "status": describe_status(status, stopped),
        "durationMs": round(seconds * 1000),
        "peakMemoryMb": round(memory.peak_kb / 1024.0) if memory.peak_kb else None,
    }


def checked_uid(uid):
    # Python counts True as a number.
    if type(uid) is not int or not 0 < uid < 2**31:
        raise Refusal("bad-request", "Programs run as an account of their own.")
    return uid


def make_working_folder(path, uid):
    if not is_below(path, "/work"):
        return
    try:
        os.close(open_folder(normalize(path), lambda folder, name, _path: make_folder(folder, name, uid)))
    except (Refusal, OSError):
        # Going there as the program's account is what counts, and tells what is wrong.
        pass


def install(request, wire):
    import re
    import subprocess

    names = request["packages"]
    if not names or not all(isinstance(name, str) and re.match(r"[a-z0-9][a-z0-9.+-]+\Z", name) for name in names):
        raise Refusal("bad-request", "These are no names of packages.")
    if find_program("apt-get") is None:
        raise Refusal("no-apt", "There is no apt-get in the image.")
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}\n", "--"] + names,
        env={"PATH": SEARCH_PATH},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    if asked.returncode == 0 and all(line.startswith(b"ii") for line in asked.stdout.splitlines()):
        wire.send(b"o", ("Already installed: %s\n" % " ".join(names)).encode())
        return {"status": {"kind": "exited", "code": 0}, "durationMs": 0, "peakMemoryMb": None}
    forbid_services()
    env = dict(request.get("env") or {}, PATH=SEARCH_PATH, HOME="/root", LC_ALL="C.UTF-8")
    env["DEBIAN_FRONTEND"] = "noninteractive"
    command = {"argv": ["/bin/sh", "-c", INSTALL_SCRIPT, "install"] + names, "env": env, "cwd": "/"}

    def end(program):
        program.kill(group=True)
        while not program.has_ended():
            time.sleep(0.002)

    status, stopped, seconds = supervise(wire, command, request["timeoutMs"], [], end)
    return {"status": describe_status(status, stopped), "durationMs": round(seconds * 1000), "peakMemoryMb": None}


# A container has few capabilities: apt cannot change to an account of its own to download. What a kill left half done
# is finished first. The lists may be good enough where they cannot be renewed.
INSTALL_SCRIPT = """
set -- -q -o APT::Sandbox::User=root -o Acquire::Retries=3 -o DPkg::Lock::Timeout=60 -o Dpkg::Use-Pty=0 -- "$@"
dpkg --configure -a
apt-get -q -o APT::Sandbox::User=root -o Acquire::Retries=3 update
exec apt-get install -y --no-install-recommends "$@"
"""


def forbid_services():
    """Nothing that a package brings may start with it. https://people.debian.org/~hmh/invokerc.d-policyrc.d-specification.txt"""
    path = "/usr/sbin/policy-rc.d"
    if os.path.lexists(path):
        return
    try:
        with open(path, "w") as file:
            file.write("#!/bin/sh\nexit 101\n")
        os.chmod(path, 0o755)
    except OSError:
        # Nothing can be installed in such a place, which dpkg tells better.
        pass


def find_program(name):
    paths = (os.path.join(folder, name) for folder in SEARCH_PATH.split(":"))
    return next((path for path in paths if os.access(path, os.X_OK)), None)


def prepare(request, _wire):
    uid = checked_uid(request["uid"])
    make_ready(uid)
    if request.get("handOver"):
        hand_over(read_list("kept"), uid)
    return {}


def hand_over(paths, uid):
    """Gives what was kept to an account, to go on from. Nobody but us has been able to change it so far."""
    import subprocess

    for path in paths:
        subprocess.run(["chown", "-hR", "%d:%d" % (uid, uid), "--", path], env={"PATH": SEARCH_PATH}, check=True)
    write_list("kept", [])


def reset(request, _wire):
    new_uid = checked_uid(request["newUid"])
    uid = checked_uid(request["uid"])
    end_processes(uid)
    do_as(uid, remove_shared_objects)
    make_ready(new_uid)
    return {}


def make_ready(uid):
    """Gives a new account a world in which only what is kept was there before."""
    kept = read_list("kept")
    clear_writable(kept)
    make_home(uid, kept)


def make_home(uid, kept):
    if HOME in kept:
        return
    # What is kept in there could be renamed by an owner.
    owner, mode = (0, 0o1777) if any(is_below(path, HOME) for path in kept) else (uid, 0o755)
    os.close(settle_folder(HOME, owner, mode))


def clear_writable(kept):
    """Removes all that programs or read-only shown folders left, except for what is kept."""
    for path in read_list("shown"):
        remove_shown(path)
    write_list("shown", [])
    folder = settle_folder("/work", 0, 0o1777)
    empty_folder(folder, "/work", kept)
    os.close(folder)
    os.close(settle_folder("/tmp", 0, 0o1777))
    empty_loose_folders()


def remove_shown(path):
    """Those below /work and /tmp go with all the rest."""
    if not is_below(path, "/opt"):
        return
    above, name = path.rsplit("/", 1)
    try:
        folder = open_folder(above)
    except Refusal:
        return
    remove(folder, ["./" + name])
    os.close(folder)


def keep(request, _wire):
    paths = [normalize(path) for path in request["paths"]]
    for path in paths:
        check_keepable(path)
    kept = sorted(set(read_list("kept") + paths))
    home_owner = os.lstat(HOME).st_uid if os.path.lexists(HOME) else 0
    clear_writable(kept)
    make_home(home_owner, kept)
    for path in paths:
        above, name = path.rsplit("/", 1)
        folder = open_folder(above)
        give_to_root(folder, name, 0)
        os.close(folder)
        between = above
        while between != "/work":
            if not any(is_within(between, one) for one in kept):
                os.close(settle_folder(between, 0, 0o1777))
            between = between.rsplit("/", 1)[0]
    write_list("kept", kept)
    for cache in ("/root/.cache", "/var/cache/apt", "/var/lib/apt/lists"):
        if os.path.isdir(cache):
            folder = os.open(cache, os.O_RDONLY)
            empty_folder(folder, cache, APT_PLACES)
            os.close(folder)
    return {}


# apt does not make them again by itself.
APT_PLACES = [
    "%s/%s" % (folder, name) for folder in ("/var/cache/apt/archives", "/var/lib/apt/lists") for name in ("lock", "partial")
]


def check_keepable(path):
    if not is_below(path, "/work"):
        raise refuse_path(path)
    above, name = path.rsplit("/", 1)
    folder = open_folder(above)
    try:
        mode = os.lstat(name, dir_fd=folder).st_mode
    except OSError:
        raise refuse_path(path)
    finally:
        os.close(folder)
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise refuse_path(path)


# No environment is this deep, and each folder on the way takes a file descriptor.
DEEPEST_KEPT = 200


def give_to_root(folder, name, depth):
    """What is kept can be read by all and changed by none. Pipes, sockets and devices are removed from it."""
    mode = os.lstat(name, dir_fd=folder).st_mode
    if stat.S_ISLNK(mode):
        os.chown(name, 0, 0, dir_fd=folder, follow_symlinks=False)
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        os.unlink(name, dir_fd=folder)
        return
    file = os.open(name, FILE_FLAGS, dir_fd=folder)
    try:
        # The change of owner also takes set-user-id away, so it comes first.
        own(file, 0, 0o755 if stat.S_ISDIR(mode) or mode & 0o111 else 0o644)
        if stat.S_ISDIR(mode):
            if depth >= DEEPEST_KEPT:
                raise Refusal("path-refused", "What is to be kept is nested too deeply.")
            for inner in os.listdir(file):
                give_to_root(file, inner, depth + 1)
    finally:
        os.close(file)


def put(request, wire):
    tar = TarInput(wire)
    try:
        return {"files": receive_files(request, tar)}
    finally:
        tar.drain()


def receive_files(request, tar):
    import tarfile

    path = normalize(request["folder"])
    owner = 0 if request.get("readOnly") else checked_uid(request["uid"])
    folder = open_shown(path) if request.get("readOnly") else open_writable(path, owner)
    before = os.listdir(folder)
    writer = FolderWriter(folder, path, owner)
    try:
        with tarfile.open(fileobj=tar, mode="r|", encoding="utf-8", errors="strict") as archive:
            for member in archive:
                if member.type == tarfile.DIRTYPE:
                    writer.parent(parts_of(member.name))
                elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE):
                    writer.write(member, archive.extractfile(member))
                else:
                    raise refuse_path(member.name)
                # tarfile remembers every member, which would be much for a large tar.
                archive.members = []
    except (tarfile.TarError, UnicodeError) as error:
        raise Refusal("bad-request", "The tar cannot be read: %s" % error)
    finally:
        if path == "/opt":
            write_list("shown", read_list("shown") + ["/opt/" + one for one in os.listdir(folder) if one not in before])
        writer.close()
    return writer.files


def open_writable(path, uid):
    if not any(is_within(path, top) for top in ("/work", "/tmp")):
        raise refuse_path(path)
    if any(is_within(path, one) for one in read_list("kept") + read_list("shown")):
        raise refuse_path(path)
    return open_folder(path, lambda folder, name, _path: make_folder(folder, name, uid))


def open_shown(path):
    """Opens an empty folder that belongs to root and that no program can put another in the place of.

    /opt itself, where programs cannot write, is added to.
    """
    if path == "/opt":
        return settle_folder(path, 0, 0o755)
    if not any(is_below(path, top) for top in ("/work", "/tmp", "/opt")):
        raise refuse_path(path)
    if any(is_within(path, one) or is_below(one, path) for one in read_list("kept")):
        raise refuse_path(path)
    above = path.rsplit("/", 1)[0]
    loose = not is_within(above, "/opt")
    between = above
    os.close(open_folder(above, lambda folder, name, _path: make_folder(folder, name, 0)))
    while loose and between not in ("/work", "/tmp"):
        if not any(is_within(between, one) for one in read_list("shown")):
            os.close(settle_folder(between, 0, 0o1777))
        between = between.rsplit("/", 1)[0]
    write_list("shown", [one for one in read_list("shown") if not is_below(one, path)] + [path])
    folder = settle_folder(path, 0, 0o755)
    try:
        empty_folder(folder, path)
    except (Refusal, OSError):
        os.close(folder)
        raise
    return folder


class FolderWriter:
    """Writes files below an opened folder, through no link."""

    def __init__(self, folder, path, owner):
        self.folder = folder
        self.path = path
        self.owner = owner
        self.files = 0
        self.last_parts = []
        self.last_folder = os.dup(folder)

    def close(self):
        os.close(self.folder)
        os.close(self.last_folder)

    def parent(self, parts):
        """The last folder is remembered: files mostly come folder by folder."""
        if parts == self.last_parts:
            return self.last_folder
        folder = os.dup(self.folder)
        try:
            for name in parts:
                folder = enter(folder, name, name, lambda above, name, _path: make_folder(above, name, self.owner))
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.ENAMETOOLONG):
                raise refuse_path(self.path + "/" + "/".join(parts))
            raise
        os.close(self.last_folder)
        self.last_parts, self.last_folder = parts, folder
        return folder

    def write(self, member, content):
        parts = parts_of(member.name)
        if not parts or member.name.endswith("/"):
            raise refuse_path(member.name)
        file = self.open_new(self.parent(parts[:-1]), parts[-1])
        try:
            while True:
                chunk = memoryview(content.read(MIB))
                if not chunk:
                    break
                while chunk:
                    chunk = chunk[os.write(file, chunk) :]
            own(file, self.owner, 0o755 if member.mode & 0o100 else 0o644)
        finally:
            os.close(file)
        self.files += 1

    def open_new(self, folder, name):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            try:
                return os.open(name, flags, 0o600, dir_fd=folder)
            except FileExistsError:
                os.unlink(name, dir_fd=folder)
                return os.open(name, flags, 0o600, dir_fd=folder)
        except OSError as error:
            if error.errno in (errno.EISDIR, errno.ENAMETOOLONG):
                raise refuse_path(name)
            raise


def get(request, wire):
    path = normalize(request["from"])
    if not any(is_within(path, top) for top in ("/work", "/tmp", "/opt")):
        raise refuse_path(path)
    sender = FolderSender(request, wire)
    try:
        folder = open_folder(path)
    except Refusal as refusal:
        if getattr(refusal, "errno", None) != errno.ENOENT:
            sender.leave(".", 0, "not-a-regular-file")
    else:
        try:
            sender.send_folder(folder, "", 0)
        finally:
            os.close(folder)
    sender.finish()
    return {"left": sender.left}


# Bounds on what a hostile tree can cost: entries named, and folders in folders.
MOST_LEFT = 1000
DEEPEST_SENT = 64


class FolderSender:
    """Sends the regular files below a folder as a tar; links are never followed."""

    def __init__(self, request, wire):
        import tarfile

        self.tarfile = tarfile
        self.wire = wire
        self.exclude = request.get("exclude") or []
        self.max_file_bytes = request["maxFileBytes"]
        self.max_total_bytes = request["maxTotalBytes"]
        self.max_files = request["maxFiles"]
        self.left = []
        # They are told in one frame.
        self.left_room = MIB - 4096
        self.total_bytes = 0
        self.files = 0
        self.waiting = bytearray()

    def leave(self, path, count, reason):
        self.left_room -= len(json.dumps(path)) + 80
        if self.left_room > 0 and len(self.left) < MOST_LEFT:
            self.left.append({"path": path, "bytes": count, "reason": reason})

    def send_folder(self, folder, prefix, depth):
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(self.left) >= MOST_LEFT or self.left_room <= 0:
                    return
                self.send_entry(folder, entry, prefix, depth)

    def send_entry(self, folder, entry, prefix, depth):
        if prefix == "" and entry.name in self.exclude:
            return
        name = os.fsencode(entry.name)
        path = prefix + name.decode("utf-8", "replace")
        if path.encode() != prefix.encode() + name:
            return self.leave(path, 0, "unreadable")
        if entry.is_file(follow_symlinks=False):
            return self.send_file(folder, entry.name, path)
        if not entry.is_dir(follow_symlinks=False):
            return self.leave(path, 0, "not-a-regular-file")
        try:
            inner = os.open(entry.name, FOLDER_FLAGS, dir_fd=folder) if depth < DEEPEST_SENT else None
        except OSError:
            inner = None
        if inner is None:
            return self.leave(path, 0, "unreadable")
        try:
            self.send_folder(inner, path + "/", depth + 1)
        finally:
            os.close(inner)

    def send_file(self, folder, name, path):
        try:
            file = os.open(name, FILE_FLAGS, dir_fd=folder)
        except OSError as error:
            return self.leave(path, 0, "not-a-regular-file" if error.errno == errno.ELOOP else "unreadable")
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                self.leave(path, 0, "not-a-regular-file")
            elif found.st_size > self.max_file_bytes:
                self.leave(path, found.st_size, "file-too-large")
            elif self.total_bytes + found.st_size > self.max_total_bytes:
                self.leave(path, found.st_size, "folder-too-large")
            elif self.files >= self.max_files:
                self.leave(path, found.st_size, "too-many-files")
            else:
                self.send_content(file, path, found)
        finally:
            os.close(file)

    def send_content(self, file, path, found):
        header = self.tarfile.TarInfo(path)
        header.size = found.st_size
        header.mode = 0o755 if found.st_mode & 0o100 else 0o644
        self.add(header.tobuf(self.tarfile.PAX_FORMAT, "utf-8", "strict"))
        remaining = found.st_size
        while remaining > 0:
            try:
                chunk = os.read(file, min(MIB, remaining))
            except OSError:
                chunk = b""
            # A file that shrank keeps the size that was announced.
            chunk = chunk or bytes(min(MIB, remaining))
            remaining -= len(chunk)
            self.add(chunk)
        self.add(bytes(-found.st_size % 512))
        self.total_bytes += found.st_size
        self.files += 1

    def add(self, data):
        if len(self.waiting) + len(data) > MIB:
            self.wire.send(b"d", self.waiting)
            self.waiting = bytearray()
        if len(data) >= MIB // 2:
            self.wire.send(b"d", self.waiting) if self.waiting else None
            self.waiting = bytearray()
            self.wire.send(b"d", data)
        else:
            self.waiting += data

    def finish(self):
        self.add(bytes(1024))
        self.wire.send(b"d", self.waiting)


def describe(_request, _wire):
    release = read_text("/etc/os-release")
    at = ("\n" + release).find("\nPRETTY_NAME=")
    name = release[at + len("PRETTY_NAME=") :].split("\n", 1)[0].strip("\"'") if at >= 0 else "Linux"
    return {
        "system": name,
        "architecture": os.uname().machine,
        "cpuCores": count_cores(),
        "memoryMb": measure_memory_mb(),
        "pythons": find_pythons(),
        "tools": [tool for tool in TOOLS if any(os.path.exists(folder + tool) for folder in TOOL_FOLDERS)],
        "gpu": describe_gpu(),
        "apt": find_program("apt-get") is not None,
    }


TOOLS = "gcc g++ gfortran make cmake ninja git curl wget java R julia mpirun conda nvcc".split()
TOOL_FOLDERS = ("/usr/local/bin/", "/usr/bin/", "/bin/", "/usr/local/cuda/bin/", "/opt/conda/bin/")


def count_cores():
    cores = len(os.sched_getaffinity(0))
    quota, period = (control_group_file("cpu.max", "", "") + " max max").split()[:2]
    if not quota.isdigit():
        quota = control_group_file("-", "cpu", "cpu.cfs_quota_us").strip()
        period = control_group_file("-", "cpu", "cpu.cfs_period_us").strip()
    if quota.isdigit() and period.isdigit() and int(period) > 0:
        cores = min(cores, -(-int(quota) // int(period)))
    return max(1, cores)


def measure_memory_mb():
    total = number_after("\n" + read_text("/proc/meminfo"), "\nMemTotal:") * 1024
    limit = control_group_file("memory.max", "memory", "memory.limit_in_bytes").strip()
    return (min(total, int(limit)) if limit.isdigit() else total) // MIB


# Written for Python 2.7 and later.
PYTHON_QUESTION = """
import json, os, platform, sys
try:
    import sysconfig
    include = sysconfig.get_path("include") or ""
except Exception:
    include = ""
print(json.dumps({
    "path": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "version": platform.python_version(),
    "hasHeaders": os.path.exists(os.path.join(include, "Python.h")),
}))
"""


def find_pythons():
    """The system's first; each once, by its real path."""
    import glob
    import re
    import subprocess

    folders = ["/usr/bin", "/usr/local/bin"] + sorted(glob.glob("/opt/*/bin")) + sorted(glob.glob("/opt/python/*/bin"))
    found = {}
    for folder in folders:
        for name in sorted(list_folder(folder)):
            if re.match(r"python(\d(\.\d+)?)?\Z", name):
                found.setdefault(os.path.realpath(os.path.join(folder, name)))
    options = {"env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, "cwd": "/", "stdin": subprocess.DEVNULL}
    options.update(stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    asked = []
    for path in found:
        try:
            asked.append(subprocess.Popen([path, "-E", "-s", "-c", PYTHON_QUESTION], **options))
        except OSError:
            pass
    pythons = {}
    for process in asked:
        try:
            answer = json.loads(process.communicate(timeout=10)[0].decode())
            pythons.setdefault(answer["path"], answer)
        except (subprocess.TimeoutExpired, ValueError):
            process.kill()
            process.wait()
    return list(pythons.values())


def describe_gpu():
    import subprocess

    program = find_program("nvidia-smi")
    if program is None:
        return None
    try:
        asked = subprocess.run(
            [program, "--query-gpu=name,memory.total", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = asked.stdout.decode("utf-8", "replace").splitlines()
    return lines[0].strip() if asked.returncode == 0 and lines and lines[0].strip() else None


def idle(request, _wire):
    """The first process of a container: collects what others leave, and ends in time or when it is told to."""
    import signal

    ends = time.monotonic() + request["seconds"]
    awaited = [signal.SIGCHLD, signal.SIGTERM, signal.SIGINT]
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    for number in awaited:
        # The kernel keeps from a first process what it has no handler for.
        signal.signal(number, lambda *_arguments: None)
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        except ChildProcessError:
            pass
        left = ends - time.monotonic()
        received = signal.sigtimedwait(awaited, left) if left > 0 else None
        if left <= 0 or (received is not None and received.si_signo != signal.SIGCHLD):
            return {}


OPERATIONS = {
    "prepare": prepare,
    "run": run,
    "install": install,
    "put": put,
    "get": get,
    "keep": keep,
    "describe": describe,
    "idle": idle,
    "reset": reset,
}

if __name__ == "__main__":
    main()
