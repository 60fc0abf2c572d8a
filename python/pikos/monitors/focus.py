"""The functions that a focused monitor watches."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import CodeType
    from typing import Any

__all__ = ["FunctionSet", "code_of"]


class FunctionSet:
    """A set of functions, told apart by their code: a bound method is its function, a decorated one what it wraps."""

    def __init__(self, functions: Iterable[Any] = ()) -> None:
        self._functions: dict[CodeType, Any] = {}
        #: Called when it has changed: a monitor that is enabled looks elsewhere from then on.
        self._changed: list[Callable[[], None]] = []
        for function in functions:
            self.add(function)

    def add(self, function: Any) -> None:
        """One more. TypeError for what has no Python code."""
        self._functions[code_of(function)] = function
        self._tell()

    def discard(self, function: Any) -> None:
        """One less, if it is there."""
        self._functions.pop(code_of(function), None)
        self._tell()

    def _tell(self) -> None:
        for changed in self._changed:
            changed()

    @property
    def codes(self) -> list[CodeType]:
        """Their code objects."""
        return list(self._functions)

    def __contains__(self, function: Any) -> bool:
        try:
            return code_of(function) in self._functions
        except TypeError:
            return False

    def __iter__(self) -> Iterator[Any]:
        return iter(self._functions.values())

    def __len__(self) -> int:
        return len(self._functions)


def code_of(function: Any) -> CodeType:
    """A function's code object: also of a method, of what a decorator of ours or of ``functools`` wraps, of a property's
    getter. TypeError for what has none."""
    seen = function
    for _ in range(100):
        code = getattr(seen, "__code__", None)
        if code is not None and not hasattr(seen, "__wrapped__"):
            return code  # type: ignore[no-any-return]
        if hasattr(seen, "co_code"):
            return seen  # type: ignore[no-any-return]
        for name in ("__wrapped__", "__func__", "func", "fget"):
            inner = getattr(seen, name, None)
            if inner is not None:
                seen = inner
                break
        else:
            break
    raise TypeError(f"can't focus on {function!r}: it has no Python code")
