"""``await`` below ``%%pikos`` and behind ``%pikos``.

A magic is called by a cell, and a notebook's event loop runs already: nothing that a magic calls can wait for it. So the cell itself awaits
the magic. It is rewritten before IPython looks whether it has an ``await``.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: How IPython writes a call of a magic.
_CALLS = ("run_line_magic", "run_cell_magic")


class Awaiting:
    """One of the shell's ``input_transformers_post``: calls of a magic that has something to await become an ``await`` of its other half."""

    def __init__(self, name: str, is_async: Callable[[str, str | None], bool], awaited: str) -> None:
        """name: the magic's. is_async: whether there is an await, in its line and its cell. awaited: an expression for what is called instead."""
        self._name = name
        self._is_async = is_async
        self._awaited = awaited

    def __call__(self, lines: list[str]) -> list[str]:
        text = "".join(lines)
        if not any(f"{call}({self._name!r}, " in text for call in _CALLS):
            return lines
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            # IPython tells of that.
            return lines
        found = [call for call in _calls_that_may_await(tree) if self._is_ours(call)]
        encoded = [line.encode() for line in text.splitlines(keepends=True)]
        for call in sorted(found, key=lambda call: (call.lineno, call.col_offset), reverse=True):
            arguments = ", ".join(ast.unparse(each) for each in call.args[1:])
            assert call.end_lineno is not None and call.end_col_offset is not None
            before = encoded[call.lineno - 1][: call.col_offset]
            after = encoded[call.end_lineno - 1][call.end_col_offset :]
            new = f"await {self._awaited}({arguments})".encode()
            encoded[call.lineno - 1 : call.end_lineno] = [before + new + after]
        return b"".join(encoded).decode().splitlines(keepends=True)

    def _is_ours(self, call: ast.Call) -> bool:
        values = [each.value for each in call.args if isinstance(each, ast.Constant)]
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in _CALLS or values[:1] != [self._name]:
            return False
        line, cell = values[1], values[2] if len(values) > 2 else None
        return isinstance(line, str) and (cell is None or isinstance(cell, str)) and self._is_async(line, cell)


def _calls_that_may_await(tree: ast.AST) -> list[ast.Call]:
    """Those at the top, and in functions that are asynchronous."""
    found = []
    left: list[Any] = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            left += [each for each in ast.walk(node) if isinstance(each, ast.AsyncFunctionDef)]
            continue
        if isinstance(node, ast.Call):
            found.append(node)
        left += ast.iter_child_nodes(node)
    return found
