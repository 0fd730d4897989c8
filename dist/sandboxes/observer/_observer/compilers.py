"""Recognises functions whose body a compiler reads, so that it must stay as written."""

import ast
import re

_NAMES = {
    "autojit", "boost", "cfunc", "fuse", "generated_jit", "guvectorize", "intrinsic", "jit",
    "jitclass", "kernel", "njit", "rawkernel", "register_jitable", "script", "stencil", "vectorize",
}  # fmt: skip
_PREFIXES = ("overload", "lower_")
_PACKAGES = {"cython", "numba", "pythran", "taichi", "transonic", "triton", "warp"}
# These call the Python function to trace it, and so run it as it is.
_TRACING_PACKAGES = {"equinox", "flax", "jax", "typing", "typing_extensions"}
# Most files mention none of these words, and need not be searched node by node.
_HINT = re.compile(
    r"\b(?:(?:%s)\b|%s)".encode("ascii")
    % ("|".join(sorted(_NAMES | _PACKAGES)).encode("ascii"), "|".join(_PREFIXES).encode("ascii"))
)


class CompiledFunctions:
    def __init__(self, tree, source):
        self._names = {}
        self._given = set()
        self._possible = _HINT.search(source) is not None
        if self._possible:
            nodes = list(ast.walk(tree))
            self._names = _imported_names(nodes)
            self._given = self._functions_given_to_compilers(nodes)

    def include(self, node):
        """Whether a function or class is decorated with, or handed to, a compiler."""
        if not self._possible:
            return False
        return node.name in self._given or any(map(self._is_compiler, node.decorator_list))

    def _functions_given_to_compilers(self, nodes):
        """Names of functions that are compiled by a call: `fast = njit(slow)`."""
        calls = [node for node in nodes if isinstance(node, ast.Call) and self._is_compiler(node.func)]
        arguments = [argument for call in calls for argument in call.args]
        return {argument.id for argument in arguments if isinstance(argument, ast.Name)}

    def _is_compiler(self, node):
        if isinstance(node, ast.Call):
            # `njit(parallel=True)`, and `partial(njit, parallel=True)`.
            return any(map(self._is_compiler, [node.func] + node.args))
        parts = _dotted_name(node)
        if not parts:
            return False
        parts = self._names.get(parts[0], parts[0]).split(".") + parts[1:]
        if parts[0] in _TRACING_PACKAGES:
            return False
        return parts[0] in _PACKAGES or parts[-1] in _NAMES or parts[-1].startswith(_PREFIXES)


def _imported_names(nodes):
    """Local name to dotted origin, for the imports anywhere in a module."""
    names = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            names.update((alias.asname, alias.name) for alias in node.names if alias.asname)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                names[alias.asname or alias.name] = "%s.%s" % (node.module or "", alias.name)
    return names


def _dotted_name(node):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return [node.id] + parts if isinstance(node, ast.Name) else []
