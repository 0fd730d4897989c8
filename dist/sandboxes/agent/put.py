"""The operation that receives a tar and writes its files."""

import errno
import os

from folders import (
    empty_folder,
    enter,
    is_below,
    is_within,
    make_folder,
    normalize,
    open_folder,
    own,
    parts_of,
    read_list,
    refuse_path,
    settle_folder,
    write_list,
)
from processes import checked_uid
from wire import MIB, Refusal, TarInput


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
