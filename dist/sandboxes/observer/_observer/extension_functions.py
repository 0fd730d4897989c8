"""Counts calls of functions in compiled extension modules, which have no source to change."""

import functools
import hashlib
import types


def wrap_all(recorder, module, path):
    """Replaces the functions in an extension module's namespace; types stay untouched."""
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    recorder.digests[path] = digest
    for name, function in list(vars(module).items()):
        wrapper = _wrapper_type(function, module)
        if wrapper is None:
            continue
        qualname = getattr(function, "__qualname__", name)
        slot = recorder.function_slot(path, digest, qualname, 0, compiled=True)
        if slot is not None:
            setattr(module, name, wrapper(recorder, slot, function))


def _wrapper_type(function, module):
    if getattr(function, "__module__", None) != module.__name__:
        return None
    if isinstance(function, types.BuiltinFunctionType):
        return CountedBuiltin
    if type(function).__name__ in ("cython_function_or_method", "cyfunction"):
        return counted_function
    return None


class CountedBuiltin:
    """Like a built-in function, and unlike a Python one, it does not become a method when
    it is stored in a class."""

    def __init__(self, recorder, slot, function):
        functools.update_wrapper(self, function)
        self._recorder = recorder
        self._slot = slot

    def __call__(self, *arguments, **options):
        if self._recorder.is_pending(self._slot):
            self._recorder.count(self._slot)
        return self.__wrapped__(*arguments, **options)

    def __repr__(self):
        return repr(self.__wrapped__)

    def __reduce__(self):
        # Pickled by reference, as any function.
        return self.__qualname__

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def counted_function(recorder, slot, function):
    @functools.wraps(function)
    def counted(*arguments, **options):
        if recorder.is_pending(slot):
            recorder.count(slot)
        return function(*arguments, **options)

    return counted
