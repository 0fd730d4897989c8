"""Functions that numba compiles: it reads their byte code and never runs it."""

import os
import sys
import types

from . import instrument
from .settings import TARGET

# The module in which numba takes a function's byte code, and what is added at its end so that
# `give_bodies_as_written` is called when it has run.
BYTECODE_MODULE = "numba.core.bytecode"
BODIES = "__codedistiller_bodies__"
ADDITION = ("\n%s(FunctionIdentity)\n" % BODIES).encode("ascii")


def add_all(recorder):
    """Counts the target's functions that were compiled, once each, when the process ends."""
    if "numba" not in sys.modules:
        return
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str) and os.path.realpath(path) in recorder.digests:
            for value in list(vars(module).values()):
                if type(value).__module__.partition(".")[0] == "numba":
                    _add(recorder, value)


def _add(recorder, dispatcher):
    function = getattr(dispatcher, "py_func", None)
    # A dispatcher has a signature for each combination of types it was compiled for.
    if function is None or not getattr(dispatcher, "signatures", None):
        return
    path = os.path.realpath(function.__code__.co_filename)
    digest = recorder.digests.get(path)
    if digest is None or recorder.settings.kind_of(path, function.__module__) != TARGET:
        return
    line = function.__code__.co_firstlineno
    slot = recorder.function_slot(path, digest, function.__qualname__, line, compiled=True)
    if slot is not None:
        recorder.count_once(slot)


def give_bodies_as_written(function_identity):
    """Lets numba compile an instrumented function that its file does not show to be compiled:
    `njit(batman.transit)` in another file, or an implementation returned by an overload."""
    from_function = function_identity.from_function

    def from_function_as_written(function):
        return from_function(_as_written(function))

    function_identity.from_function = staticmethod(from_function_as_written)


def _as_written(function):
    code = getattr(function, "__code__", None)
    if code is None or not instrument.is_instrumented(code):
        return function
    with open(code.co_filename, "rb") as file:
        module_code = compile(file.read(), code.co_filename, "exec", dont_inherit=True)
    written = _find_code(module_code, code.co_name, code.co_firstlineno)
    if written is None or written.co_freevars != code.co_freevars:
        return function
    copy = types.FunctionType(
        written, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    for attribute in ("__kwdefaults__", "__qualname__", "__module__", "__doc__"):
        setattr(copy, attribute, getattr(function, attribute))
    return copy


def _find_code(code, name, line):
    if (code.co_name, code.co_firstlineno) == (name, line):
        return code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found = _find_code(constant, name, line)
            if found is not None:
                return found
    return None
