"""Puts instrumentation where Python turns a file into a module.

The loaders' own methods are replaced, not the finders: so modules are found exactly as
without the observer, by editable installs and custom finders too.
"""

import builtins
import functools
import os
import runpy
from importlib.machinery import ExtensionFileLoader, SourceFileLoader

from . import extension_functions, loaded_modules, numba_functions
from .instrument import compile_instrumented
from .settings import TARGET


def install(recorder):
    SourceFileLoader.get_code = _observing_get_code(recorder, SourceFileLoader.get_code)
    ExtensionFileLoader.exec_module = _observing_exec_module(recorder, ExtensionFileLoader.exec_module)
    # runpy reads scripts itself, for run_path and for multiprocessing's copy of __main__.
    runpy.compile = _observing_compile(recorder)


def _observing_get_code(recorder, get_code):
    @functools.wraps(get_code)
    def observing_get_code(self, fullname):
        code = None
        # A subclass that compiles in its own way must be left to do so.
        if type(self).source_to_code is SourceFileLoader.source_to_code:
            code = _instrumented_or_none(recorder, self.path, fullname, lambda: self.get_data(self.path))
        # The original alone reads and writes the cache of compiled files.
        return get_code(self, fullname) if code is None else code

    return observing_get_code


def _observing_compile(recorder):
    @functools.wraps(builtins.compile)
    def observing_compile(source, filename, mode, *arguments, **options):
        code = _instrumented_or_none(recorder, filename, "__main__", lambda: source)
        if code is None:
            return compile(source, filename, mode, *arguments, **options)
        return code

    return observing_compile


def _instrumented_or_none(recorder, path, module_name, read):
    try:
        path = os.fspath(path)
        real_path = os.path.realpath(path)
        kind = recorder.settings.kind_of(real_path, module_name)
        code = compile_instrumented(recorder, read(), path, kind) if kind else None
        if code is None and module_name == numba_functions.BYTECODE_MODULE:
            code = compile(read() + numba_functions.ADDITION, path, "exec", dont_inherit=True)
        if loaded_modules.is_worth_recording(recorder.settings, module_name, real_path):
            recorder.note_loading(module_name, real_path)
        return code
    except (SyntaxError, OSError):
        # Not the observer's fault: Python will say the same in its own words.
        return None
    except Exception as error:
        recorder.fault("instrumenting %s" % path, error)
        return None


def _observing_exec_module(recorder, exec_module):
    @functools.wraps(exec_module)
    def observing_exec_module(self, module):
        exec_module(self, module)
        try:
            path = os.path.realpath(self.path)
            if recorder.settings.kind_of(path, module.__name__) == TARGET:
                extension_functions.wrap_all(recorder, module, path)
                recorder.add_module(module.__name__, path)
        except Exception as error:
            recorder.fault("wrapping %s" % self.path, error)

    return observing_exec_module
