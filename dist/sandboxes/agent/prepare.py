"""The operations that make a sandbox ready for an account."""

import os

from folders import (
    HOME,
    empty_folder,
    empty_loose_folders,
    is_below,
    open_folder,
    read_list,
    remove,
    settle_folder,
    write_list,
)
from processes import checked_uid, do_as, end_processes, load_library, remove_shared_objects
from system_files import SEARCH_PATH
from wire import Refusal


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
    # The account may not be able to read the interpreter's modules.
    library = load_library()
    do_as(uid, lambda: remove_shared_objects(library))
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
