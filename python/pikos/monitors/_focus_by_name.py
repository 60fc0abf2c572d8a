"""Which functions a user means who names them: ``--focused-on``, ``-p``, and what a script decorates with ``@profile``.

A name is of the script (``main``, ``Class.method``, ``outer.inner``) or importable (``package.module.function``). A class or a module
means all its functions, a name with ``*``, ``?`` or ``[`` all that it fits, and a name that was defined more than once each of them.
"""

from __future__ import annotations

import fnmatch
import importlib

from pikos.monitors.focus import code_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, ModuleType
    from typing import Any

#: ``inspect.CO_OPTIMIZED``: functions have it, bodies of modules and classes don't.
OPTIMIZED = 1

WILD = frozenset("*?[")

#: A class that has classes that have classes … is followed so far.
DEEPEST = 10


class NoSuchFunction(Exception):
    """What can't be found, and what is near it; in one sentence."""


def codes_of(path: str, script: CodeType) -> list[CodeType]:
    """The code of all functions that are meant, each once. NoSuchFunction if there is none."""
    found = of_script(path, script) or of_modules(path, script)
    return list(dict.fromkeys(found))


def functions_in(code: CodeType) -> Iterator[CodeType]:
    """The code objects inside of one."""
    for constant in code.co_consts:
        if hasattr(constant, "co_qualname"):
            yield constant
            yield from functions_in(constant)


def is_function(code: CodeType) -> bool:
    return bool(code.co_flags & OPTIMIZED)


def named(code: CodeType) -> str:
    """Its qualified name, as a person says it."""
    return code.co_qualname.replace(".<locals>", "")


def of_script(path: str, script: CodeType) -> list[CodeType]:
    """What the script itself defines under that name."""
    own = list(functions_in(script))
    if WILD.intersection(path):
        return [code for code in own if is_function(code) and fnmatch.fnmatchcase(named(code), path)]
    found = [code for code in own if path in (named(code), code.co_qualname)]
    bodies = [f"{named(code)}." for code in found if not is_function(code)]
    within = [code for code in own if is_function(code) and named(code).startswith(tuple(bodies))] if bodies else []
    return [*filter(is_function, found), *within]


def of_modules(path: str, script: CodeType) -> list[CodeType]:
    """What can be imported."""
    module, done = longest_module(path)
    parts = path.split(".")
    if module is None:
        own = sorted({named(code) for code in functions_in(script)})
        raise NoSuchFunction(missing(path, "", own))
    found: list[Any] = [module]
    for place in range(done, len(parts)):
        part = parts[place]
        if WILD.intersection(part):
            found = [value for each in found for value in inside(each, part)]
            continue
        try:
            # As the class has it: a property has its own way to be got.
            found = [attribute(each, part) for each in found]
        except AttributeError:
            names = [name for name in dir(found[0]) if not name.startswith("__")] if found else []
            raise NoSuchFunction(missing(part, ".".join(parts[:place]), names)) from None
    codes = [code for each in found for code in codes_in(each)]
    if not codes:
        what = found[0] if len(found) == 1 else path
        raise NoSuchFunction(f"can't focus on {what!r}: it has no Python code")
    return codes


def longest_module(path: str) -> tuple[ModuleType | None, int]:
    """The module that a name begins with, and how many of its parts that is."""
    module = None
    parts = path.split(".")
    for place, part in enumerate(parts):
        if WILD.intersection(part):
            return module, place
        name = ".".join(parts[: place + 1])
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name is not None and not f"{name}.".startswith(f"{error.name}."):
                raise NoSuchFunction(f"importing {name} failed: {error!r}") from None
            return module, place
        except Exception as error:
            raise NoSuchFunction(f"importing {name} failed: {error!r}") from None
    return module, len(parts)


def attribute(owner: Any, name: str) -> Any:
    """One of an object's, without running what a class has in its place."""
    for each in getattr(owner, "__mro__", ()):
        if name in vars(each):
            return vars(each)[name]
    return getattr(owner, name)


def inside(owner: Any, pattern: str) -> Iterator[Any]:
    """What an object itself defines, of names that fit a pattern."""
    for name, value in list(getattr(owner, "__dict__", {}).items()):
        if fnmatch.fnmatchcase(name, pattern) and belongs(value, owner):
            yield value


def belongs(value: Any, owner: Any) -> bool:
    """Whether it was defined there: a module has what it imports as well."""
    if isinstance(owner, type):
        return True
    return getattr(value, "__module__", None) == getattr(owner, "__name__", None)


def codes_in(found: Any, depth: int = 0) -> list[CodeType]:
    """The code of a function, of all accessors of a property, of all functions of a class or a module, and of what is in them."""
    if isinstance(found, property):
        accessors = (found.fget, found.fset, found.fdel)
        return [code for accessor in accessors if accessor is not None for code in codes_in(accessor, depth + 1)]
    if depth > DEEPEST:
        return []
    if isinstance(found, type) or (hasattr(found, "__spec__") and hasattr(found, "__dict__")):
        return [code for value in inside(found, "*") for code in codes_in(value, depth + 1)]
    try:
        code = code_of(found)
    except TypeError:
        return []
    return [code, *filter(is_function, functions_in(code))] if depth else [code]


def missing(part: str, where: str, names: list[str]) -> str:
    """Which part of a path was not found, and what is near it."""
    import difflib

    near = difflib.get_close_matches(part, names, 3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    place = (
        f"{where} has no {part!r}"
        if where
        else f"the script has no function {part!r}, and there is no module of that name"
    )
    return f"{place}{hint}"
