"""The JSON file of one process, a complete document whenever the process may end.

A program may be killed at any time, and a handler for SIGTERM, a timer or a thread would be
something the program could notice. So every list in the file is followed by white space, which
JSON ignores, and new entries are written over it at once. Counts change more often: they have a
fixed width, and are written through a mapping of the file into memory.
"""

import json
import mmap
import os

MAX_COUNT = 1000
_COUNT_FORMAT = b"%4d"
_COUNT_WIDTH = 4
# Bytes of a list that is still empty; each list that runs full is given twice its size.
_FIRST_CAPACITY = 4096
# The kernel writes within one page as a whole; between two pages SIGKILL can stop it.
_PAGE = mmap.PAGESIZE


class Entry:
    __slots__ = ("prefix", "count", "count_at")

    def __init__(self, fields, count):
        self.prefix = json.dumps(fields).encode("ascii")[:-1]
        self.count = count
        self.count_at = None

    def render(self):
        if self.count is None:
            return self.prefix + b"}"
        return self.prefix + b', "count": ' + _COUNT_FORMAT % self.count + b"}"


class Section:
    __slots__ = ("entries", "capacity", "start", "end")

    def __init__(self):
        self.entries = []
        self.capacity = _FIRST_CAPACITY
        self.start = self.end = 0


class EvidenceFile:
    """Not safe for threads: its caller holds a lock."""

    def __init__(self, folder, header, section_names):
        name = "%d-%s" % (os.getpid(), os.urandom(4).hex())
        self.path = os.path.join(folder, name + ".json")
        self._temporary_path = os.path.join(folder, "." + name + ".tmp")
        self._header = json.dumps(header).encode("ascii")[:-1]
        self._sections = {name: Section() for name in section_names}
        self._bytes = None
        self._is_laid_out = False
        self._lay_out()

    def append(self, section_name, fields, count=None):
        entry = Entry(fields, count)
        section = self._sections[section_name]
        text = (b",\n" if section.entries else b"\n") + entry.render()
        start = _within_page(section.end, len(text))
        size = start - section.start + len(text)
        is_in_place = self._is_laid_out and size <= section.capacity
        # An interrupt from the keyboard can come between any two lines: what it leaves
        # unfinished is laid out anew by the next entry.
        self._is_laid_out = False
        section.entries.append(entry)
        if not is_in_place:
            section.capacity = max(section.capacity, 2 * size)
            self._lay_out()
            return entry
        self._write(start, text)
        section.end = start + len(text)
        _locate_count(entry, section.end)
        self._is_laid_out = True
        return entry

    def set_count(self, entry, count):
        entry.count = count
        self._bytes[entry.count_at : entry.count_at + _COUNT_WIDTH] = _COUNT_FORMAT % count

    def flush(self):
        if isinstance(self._bytes, bytearray):
            self._lay_out()

    def length(self, section_name):
        return len(self._sections[section_name].entries)

    def _write(self, start, text):
        # Not a copy into the mapping, which SIGKILL can stop halfway, nor a file that stays
        # open, which a program that closes all descriptors would take away.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.pwrite(descriptor, text, start)
        finally:
            os.close(descriptor)

    def _lay_out(self):
        document = bytearray(self._header)
        for name, section in self._sections.items():
            document += b',\n"%s": [' % name.encode("ascii")
            section.start = len(document)
            for index, entry in enumerate(section.entries):
                document += (b",\n" if index else b"\n") + entry.render()
                _locate_count(entry, len(document))
            section.end = len(document)
            section.capacity = max(section.capacity, section.end - section.start)
            document += b" " * (section.capacity - (section.end - section.start)) + b"]"
        document += b"}\n"
        with open(self._temporary_path, "w+b") as file:
            file.write(document)
            file.flush()
            try:
                self._bytes = mmap.mmap(file.fileno(), len(document))
            except OSError:
                # Some network file systems refuse shared mappings; `flush` makes up for it.
                self._bytes = document
        os.replace(self._temporary_path, self.path)
        self._is_laid_out = True


def _within_page(start, length):
    """The first place from `start` on where so many bytes lie within one page, if any do."""
    next_page = (start // _PAGE + 1) * _PAGE
    return next_page if start + length > next_page and length <= _PAGE else start


def _locate_count(entry, entry_end):
    entry.count_at = entry_end - len(b"}") - _COUNT_WIDTH
