"""The operation that sends the files of a folder as a tar."""

import errno
import json
import os
import stat

from folders import FILE_FLAGS, FOLDER_FLAGS, is_within, normalize, open_folder, refuse_path
from wire import MIB, Refusal


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
