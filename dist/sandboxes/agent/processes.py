"""The processes of an account: what they take, and how they end."""

import os
import time

from folders import is_below
from system_files import list_folder, number_after, read_text
from wire import Refusal

KILL = 9


def checked_uid(uid):
    # Python counts True as a number.
    if type(uid) is not int or not 0 < uid < 2**31:
        raise Refusal("bad-request", "Programs run as an account of their own.")
    return uid


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


def adopt_orphans(wanted):
    """Has a process below us become our child when its parent ends, however it was detached; or no longer."""
    load_library().prctl(PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0)


PR_SET_CHILD_SUBREAPER = 36


def end_descendants(first):
    """Kills all that descends from us, as far as adopt_orphans() holds: children of the killed become ours in turn."""
    deadline = time.monotonic() + 10
    first.kill(group=True)
    while True:
        # In this order: what the first leaves is ours before it counts as ended.
        ended = first.has_ended()
        left = [pid for pid in list_children() if pid != first.pid]
        for pid in left:
            os.kill(pid, KILL)
            os.waitpid(pid, os.WNOHANG)
        if ended and not left:
            return
        if time.monotonic() > deadline:
            raise Refusal("unkillable", "Processes cannot be ended: %s." % ", ".join(map(str, left[:20])))
        time.sleep(0.002)


def list_children():
    """Of ours, with those that have ended and wait to be collected."""
    own = os.getpid()
    return [
        int(name)
        for name in os.listdir("/proc")
        if name.isdigit() and number_after(read_text("/proc/%s/status" % name), "\nPPid:") == own
    ]


IPC_RMID = 0


def remove_shared_objects(library):
    """Removes memory, semaphores and queues of System V that our account made: they outlive their processes."""
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
