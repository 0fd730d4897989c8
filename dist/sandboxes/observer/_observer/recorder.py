"""Turns what instrumented code reports into entries of the evidence file.

Instrumented code reaches the recorder through names in `builtins`, not through names
in its module, so that no module's namespace, and nothing pickled with it, changes.
"""

import _thread
import builtins
import os
import sys

from . import instrument, loaded_modules, numba_functions
from .evidence_file import MAX_COUNT, EvidenceFile

# A slot is a function that may be counted; the list of them never grows, so that a slot
# number from another process (a function pickled by value) is never out of range.
MAX_SLOTS = 100000
MAX_FUNCTIONS = 20000
MAX_MODULES = 5000
MAX_HANDLED = 2000
MAX_ERRORS = 50
MAX_TEXT = 200
MAX_NAME = 500
MAX_ARGUMENTS = 50

_SECTIONS = ("modules", "functions", "handledExceptions", "errors")


class Recorder:
    def __init__(self, settings):
        self.settings = settings
        # True while calls of a slot's function are still to be counted.
        self._pending = [True] * MAX_SLOTS
        self._slots = []
        self._slot_numbers = {}
        self._handlers = []
        self.digests = {}
        self._forget()

    def _forget(self):
        self._lock = _thread.RLock()
        self._file = None
        self._is_broken = False
        self._seen = {}
        self._handled = {}
        self._module_entries = set()

    def publish_hooks(self):
        setattr(builtins, instrument.PENDING, self._pending)
        setattr(builtins, instrument.CALLED, self.called)
        setattr(builtins, instrument.HANDLED, self.handled)
        setattr(builtins, numba_functions.BODIES, numba_functions.give_bodies_as_written)

    def restart_after_fork(self):
        """A child reports what it does itself, in its own file."""
        self._pending[:] = [True] * MAX_SLOTS
        self._forget()

    def finish(self):
        with self._lock:
            try:
                self._open()
                loaded_modules.add_all(self)
                numba_functions.add_all(self)
                self._file.flush()
            except Exception as error:
                self.fault("at exit", error)

    # Registering: while a file is instrumented.

    def function_slot(self, path, sha256, qualname, line, compiled=False):
        """A slot number, or None when there are no more."""
        key = (path, sha256, qualname, line)
        with self._lock:
            if key not in self._slot_numbers:
                if len(self._slots) == MAX_SLOTS:
                    return None
                self._slot_numbers[key] = len(self._slots)
                self._slots.append((key, compiled))
            return self._slot_numbers[key]

    def handler_site(self, path, line, reraises):
        with self._lock:
            self._handlers.append((path, line, reraises))
            return len(self._handlers) - 1

    # Reporting: from instrumented code. Nothing may escape from here but a RecursionError: the
    # program is about to meet it anyway, and up to Python 3.9 who swallows it, and goes on to
    # recurse, ends the process.

    def called(self, slot):
        # A function pickled by value brings the slot of another process; its name tells.
        name = sys._getframe(1).f_code.co_name
        if slot < len(self._slots) and self._slots[slot][0][2].rpartition(".")[2] == name:
            self.count(slot)

    def count(self, slot):
        # A signal handler or a finaliser may call an observed function while this thread
        # is writing; its call is left out rather than written into the middle of another.
        if self._lock._is_owned():
            return
        with self._lock:
            try:
                self._count(slot)
            except RecursionError:
                raise
            except Exception as error:
                self._pending[slot] = False
                self.fault("counting a call", error)

    def count_once(self, slot):
        with self._lock:
            if slot not in self._seen:
                self._count(slot)

    def is_pending(self, slot):
        return self._pending[slot]

    def handled(self, site):
        exception = sys.exc_info()[1]
        # Before the lock is taken: a loop may come through here a million times.
        entry = self._handled.get((site, type(exception)))
        if entry is not None and entry.count == MAX_COUNT:
            return
        if self._is_broken or self._lock._is_owned():
            return
        with self._lock:
            try:
                self._count_handled(site, exception)
            except RecursionError:
                raise
            except Exception as error:
                self.fault("recording a handled exception", error)

    def fault(self, where, error):
        """Records the observer's own failure."""
        with self._lock:
            try:
                self._open()
                if self._file.length("errors") < MAX_ERRORS:
                    text = "%s: %s: %s" % (where, type(error).__name__, error)
                    self._file.append("errors", text[:MAX_TEXT])
            except Exception:
                # The evidence file itself cannot be written, and there is no other place.
                self._is_broken = True

    def add_module(self, name, path):
        with self._lock:
            self._open()
            if (name, path) in self._module_entries or len(self._module_entries) == MAX_MODULES:
                return
            self._module_entries.add((name, path))
            fields = {"name": name[:MAX_NAME], "file": self.settings.told(path)}
            if path in self.digests:
                fields["sha256"] = self.digests[path]
            self._file.append("modules", fields)

    def note_loading(self, name, path):
        """A module is about to run; known before, should the process be killed later."""
        if self._file is not None or self.settings.kind_of(path, name):
            self.add_module(name, path)

    def open_file(self):
        """Before anything was seen: a process that is killed early was still observed."""
        with self._lock:
            try:
                self._open()
            except Exception as error:
                self.fault("creating the evidence file", error)

    def _open(self):
        if self._file is not None:
            return
        header = {
            "version": 1,
            "pid": os.getpid(),
            "python": "%d.%d.%d" % sys.version_info[:3],
            "argv": [str(argument)[:MAX_TEXT] for argument in getattr(sys, "argv", [])[:MAX_ARGUMENTS]],
        }
        self._file = EvidenceFile(self.settings.output, header, _SECTIONS)
        loaded_modules.add_all(self)

    def _count(self, slot):
        entry = self._seen.get(slot)
        if entry is not None:
            self._file.set_count(entry, entry.count + 1)
            self._pending[slot] = entry.count < MAX_COUNT
            return
        if len(self._seen) == MAX_FUNCTIONS:
            self._pending[slot] = False
            return
        self._open()
        (path, sha256, qualname, line), compiled = self._slots[slot]
        fields = {
            "file": self.settings.told(path),
            "sha256": sha256,
            "qualname": qualname[:MAX_NAME],
            "line": line,
            "compiled": compiled,
        }
        self._seen[slot] = self._file.append("functions", fields, count=1)

    def _count_handled(self, site, exception):
        key = (site, type(exception))
        entry = self._handled.get(key)
        if entry is not None:
            self._file.set_count(entry, min(entry.count + 1, MAX_COUNT))
            return
        if len(self._handled) == MAX_HANDLED:
            return
        self._open()
        path, line, reraises = self._handlers[site]
        fields = {
            "file": self.settings.told(path),
            "line": line,
            "type": type(exception).__qualname__[:MAX_TEXT],
            "message": _message(exception),
            "reraises": reraises,
        }
        self._handled[key] = self._file.append("handledExceptions", fields, count=1)


def _message(exception):
    try:
        return str(exception)[:MAX_TEXT]
    except RecursionError:
        raise
    except Exception:
        return ""
