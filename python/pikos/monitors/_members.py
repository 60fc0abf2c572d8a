"""The functions of classes and modules, and others in their places."""

from __future__ import annotations

import functools
from types import FunctionType, ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Change = Callable[[FunctionType], Any]

__all__ = ["change_all", "functions_of"]

#: What has a function inside, as ``func``.
HOLDERS = (functools.cached_property, functools.partialmethod, functools.singledispatchmethod)


def functions_of(owner: Any) -> list[Any]:
    """What a class or a module defines, classes within it, too; of anything else, itself."""
    if not isinstance(owner, (type, ModuleType)):
        return [owner]
    found: dict[int, FunctionType] = {}
    visit(owner, lambda function: found.setdefault(id(function), function), changes=False)
    return list(found.values())


def change_all(owner: type | ModuleType, change: Change) -> None:
    """Put what ``change`` makes of each function of a class or a module in its place. TypeError if there is none."""
    # One function may have several names.
    changed: dict[int, tuple[FunctionType, Any]] = {}

    def once(function: FunctionType) -> Any:
        if id(function) not in changed:
            changed[id(function)] = (function, change(function))
        return changed[id(function)][1]

    visit(owner, once, changes=True)
    if not changed:
        raise TypeError(f"can't attach a monitor to {owner!r}: it has no function in Python")


def visit(owner: type | ModuleType, change: Change, changes: bool, seen: set[int] | None = None) -> None:
    seen = set() if seen is None else seen
    seen.add(id(owner))
    for name, value in list(vars(owner).items()):
        if isinstance(value, type):
            if is_within(value, owner) and id(value) not in seen:
                visit(value, change, changes, seen)
        elif isinstance(owner, type) or getattr(value, "__module__", None) == owner.__name__:
            other = changed_in(value, change)
            if changes and other is not value:
                if isinstance(owner, type):
                    # An enumeration would rather not.
                    type.__setattr__(owner, name, other)
                else:
                    setattr(owner, name, other)


def is_within(kind: type, owner: type | ModuleType) -> bool:
    """Whether a class is defined there."""
    if isinstance(owner, ModuleType):
        return kind.__module__ == owner.__name__
    return kind.__module__ == owner.__module__ and kind.__qualname__.startswith(f"{owner.__qualname__}.")


def changed_in(value: Any, change: Change) -> Any:
    """What to put in place of a member: the same with its functions changed."""
    if isinstance(value, FunctionType):
        return change(value)
    if isinstance(value, (staticmethod, classmethod)):
        inner = value.__func__
        return type(value)(change(inner)) if isinstance(inner, FunctionType) else value
    if isinstance(value, property):
        for name, put in (("fget", "getter"), ("fset", "setter"), ("fdel", "deleter")):
            function = getattr(value, name)
            if isinstance(function, FunctionType):
                value = getattr(value, put)(change(function))
        return value
    if isinstance(value, HOLDERS) and isinstance(value.func, FunctionType):
        value.func = change(value.func)
    return value
