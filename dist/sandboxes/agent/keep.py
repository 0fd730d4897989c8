"""The operation that keeps paths for a snapshot and removes all else that programs may have written."""

import os
import stat

from folders import (
    FILE_FLAGS,
    FOLDER_FLAGS,
    HOME,
    empty_folder,
    is_below,
    is_within,
    normalize,
    open_folder,
    own,
    read_list,
    refuse_path,
    settle_folder,
    write_list,
)
from prepare import clear_writable, make_home
from wire import Refusal


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
        give_to_root(folder, name)
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
    "%s/%s" % (folder, name)
    for folder in ("/var/cache/apt/archives", "/var/lib/apt/lists")
    for name in ("lock", "partial")
]


def check_keepable(path):
    if not is_below(path, "/work"):
        raise refuse_path(path)
    above, name = path.rsplit("/", 1)
    folder = open_folder(above)
    try:
        mode = os.lstat(name, dir_fd=folder).st_mode
        if stat.S_ISDIR(mode):
            check_depth(folder, name, DEEPEST_KEPT)
        elif not stat.S_ISREG(mode):
            raise refuse_path(path)
    except OSError:
        raise refuse_path(path)
    finally:
        os.close(folder)


# No environment is this deep, and each folder on the way takes a file descriptor.
DEEPEST_KEPT = 200


def check_depth(folder, name, left):
    """Looked at before anything is removed for its sake."""
    if left == 0:
        raise Refusal("path-refused", "What is to be kept is nested too deeply.")
    inner = os.open(name, FOLDER_FLAGS, dir_fd=folder)
    try:
        with os.scandir(inner) as entries:
            folders = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        for one in folders:
            check_depth(inner, one, left - 1)
    finally:
        os.close(inner)


def give_to_root(folder, name):
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
            for inner in os.listdir(file):
                give_to_root(file, inner)
    finally:
        os.close(file)
