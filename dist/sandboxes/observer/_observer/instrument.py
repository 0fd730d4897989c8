"""Compiles a source file with one statement added to each function and exception handler.

A call costs a look into a list; only the first calls, up to a limit, go on to be counted.
Counting every call in Python would double the time of a short function.
"""

import ast
import gc
import hashlib
import os
import sys
import types
from functools import partial

from .compilers import CompiledFunctions
from .settings import TARGET

PENDING = "__codedistiller_pending__"
CALLED = "__codedistiller_called__"
HANDLED = "__codedistiller_handled__"

_PLACE = ("lineno", "col_offset", "end_lineno", "end_col_offset")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def compile_instrumented(recorder, source, path, kind):
    """The code of a file, given as bytes, under the path by which it was opened."""
    is_collecting = gc.isenabled()
    # A syntax tree is many objects and no rubbish: searching it for some takes a third of the time.
    gc.disable()
    try:
        return _compile(recorder, source, path, kind)
    finally:
        if is_collecting:
            gc.enable()


def _compile(recorder, source, path, kind):
    tree = compile(source, path, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    real_path = os.path.realpath(path)
    digest = hashlib.sha256(source).hexdigest()
    recorder.digests[real_path] = digest
    compiled_functions = CompiledFunctions(tree, source)
    _Instrumenter(recorder, real_path, digest, kind, compiled_functions).visit_block(tree.body, "")
    return compile(tree, path, "exec", dont_inherit=True)


def is_instrumented(code):
    """Whether a code object, or one of a function within it, was changed here."""
    if PENDING in code.co_names or HANDLED in code.co_names:
        return True
    return any(isinstance(constant, types.CodeType) and is_instrumented(constant) for constant in code.co_consts)


class _Instrumenter:
    """Visits statements only: an expression can hold neither of what is looked for."""

    def __init__(self, recorder, path, digest, kind, compiled_functions):
        self._recorder = recorder
        self._path = path
        self._digest = digest
        self._counts_calls = kind == TARGET
        self._compiled_functions = compiled_functions

    def visit_block(self, statements, prefix):
        for statement in statements:
            if isinstance(statement, _FUNCTIONS + (ast.ClassDef,)):
                if not self._compiled_functions.include(statement):
                    self._visit_definition(statement, prefix)
            else:
                self._visit_compound(statement, prefix)

    def _visit_compound(self, statement, prefix):
        for field in ("body", "orelse", "finalbody"):
            self.visit_block(getattr(statement, field, ()), prefix)
        for case in getattr(statement, "cases", ()):
            self.visit_block(case.body, prefix)
        for handler in getattr(statement, "handlers", ()):
            self._visit_handler(handler, prefix)

    def _visit_definition(self, definition, prefix):
        if isinstance(definition, ast.ClassDef):
            self.visit_block(definition.body, prefix + definition.name + ".")
        else:
            self._visit_function(definition, prefix + definition.name)

    def _visit_function(self, function, qualname):
        self.visit_block(function.body, qualname + ".<locals>.")
        if not self._counts_calls:
            return
        line = min([function.lineno] + [node.lineno for node in function.decorator_list])
        slot = self._recorder.function_slot(self._path, self._digest, qualname, line)
        if slot is not None:
            _insert(partial(_counting, slot), function.body, after_docstring=True)

    def _visit_handler(self, handler, prefix):
        self.visit_block(handler.body, prefix)
        reraises = isinstance(handler.body[-1], ast.Raise)
        site = self._recorder.handler_site(self._path, handler.lineno, reraises)
        _insert(partial(_calling, HANDLED, site), handler.body, after_docstring=False)


def _insert(build, body, after_docstring):
    index = int(after_docstring and _is_docstring(body[0]))
    neighbour = body[min(index, len(body) - 1)]
    # The neighbour's place, so that no line is added to or taken from tracebacks and tracing.
    place = {name: getattr(neighbour, name) for name in _PLACE if hasattr(neighbour, name)}
    body.insert(index, build(place))


def _counting(slot, place):
    """if PENDING[slot]: CALLED(slot)"""
    index = _number(slot, place)
    if sys.version_info < (3, 9):
        index = ast.Index(value=index)
    pending = ast.Subscript(value=_name(PENDING, place), slice=index, ctx=ast.Load(), **place)
    return ast.If(test=pending, body=[_calling(CALLED, slot, place)], orelse=[], **place)


def _calling(function, number, place):
    """function(number)"""
    arguments = [_number(number, place)]
    call = ast.Call(func=_name(function, place), args=arguments, keywords=[], **place)
    return ast.Expr(value=call, **place)


def _name(identifier, place):
    return ast.Name(id=identifier, ctx=ast.Load(), **place)


def _number(value, place):
    if sys.version_info < (3, 8):
        return ast.Num(n=value, **place)
    return ast.Constant(value=value, **place)


def _is_docstring(statement):
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    # Up to Python 3.7, strings have a node type of their own.
    return type(value).__name__ == "Str" or isinstance(getattr(value, "value", None), str)
