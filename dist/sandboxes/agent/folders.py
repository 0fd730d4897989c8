"""Folders that programs may have written: opened part by part, emptied, never through a link."""

import errno
import json
import os

from system_files import SEARCH_PATH
from wire import Refusal

STATE_FOLDER = "/var/lib/codedistiller"

HOME = "/work/home"
# Folders that everybody may write to: they are counted, and emptied between programs.
LOOSE_FOLDERS = ("/tmp", "/var/tmp", "/run/lock", "/dev/shm", "/dev/mqueue")

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
