"""The operation that runs a program as its account, within its limits."""

import os

from folders import is_below, make_folder, normalize, open_folder
from processes import Look, checked_uid, do_as, end_processes, load_library, remove_shared_objects
from supervise import describe_status, supervise
from watches import DiskWatch, MemoryAndProcessWatch
from wire import Refusal


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
        # Memory of System V belongs to no process and outlives them all.
        library = load_library()
        do_as(uid, lambda: remove_shared_objects(library))
    if stopped is None and memory.kernel_killed():
        stopped = "out-of-memory"
    return {
        "status": describe_status(status, stopped),
        "durationMs": round(seconds * 1000),
        "peakMemoryMb": round(memory.peak_kb / 1024.0) if memory.peak_kb else None,
    }


def make_working_folder(path, uid):
    if not is_below(path, "/work"):
        return
    try:
        os.close(open_folder(normalize(path), lambda folder, name, _path: make_folder(folder, name, uid)))
    except (Refusal, OSError):
        # Going there as the program's account is what counts, and tells what is wrong.
        pass
