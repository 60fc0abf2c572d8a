"""Names of types, found without running any code of the program's: a type may lie about its name, or raise."""

from __future__ import annotations

import fnmatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    #: A type, or its name; stars stand for anything.
    Wanted = type | str

_QUALNAME = type.__dict__["__qualname__"].__get__
_MODULE = type.__dict__["__module__"].__get__
_NAMESPACE = type.__dict__["__dict__"].__get__
_MRO = type.__dict__["__mro__"].__get__

#: Each is 1,024 of the one before.
_UNITS = ("B", "KB", "MB", "GB")

#: How many names are offered for one that means nothing.
_OFFERED = 3


def name_of(kind: type) -> tuple[str, str]:
    """(module, name with its classes) of a type."""
    module = _MODULE(kind)
    return (module if type(module) is str else "?"), _QUALNAME(kind)


def label(module: str, name: str) -> str:
    """As a table has it: built-ins without their module."""
    return name if module == "builtins" else f"{module}.{name}"


def label_of(kind: type) -> str:
    """As a table has it."""
    return label(*name_of(kind))


def namespace_of(kind: type) -> dict[str, object]:
    """What a class itself has, whatever its metaclass says."""
    return _NAMESPACE(kind)  # type: ignore[no-any-return]


def mro_of(kind: type) -> tuple[type, ...]:
    """A class and those that it is made from, whatever its metaclass says."""
    return _MRO(kind)  # type: ignore[no-any-return]


def select(wanted: Iterable[Wanted], kinds: Iterable[type]) -> list[type]:
    """The types among ``kinds`` that are meant: themselves, or by name (``list``, ``app.Model``, ``Model``, ``app.*``).

    Raises ValueError for a name that no type has, with those that are like it, and TypeError for what is neither.
    """
    known = list(kinds)
    chosen: dict[int, type] = {}
    for each in (wanted,) if isinstance(wanted, (str, type)) else wanted:
        if isinstance(each, type):
            chosen[id(each)] = each
        elif isinstance(each, str):
            found = [kind for kind in known if is_named(kind, each)]
            if not found:
                raise ValueError(unknown(each, known))
            chosen.update((id(kind), kind) for kind in found)
        else:
            raise TypeError(f"a type or its name is wanted, got {type(each).__name__}")
    return list(chosen.values())


def is_named(kind: type, pattern: str) -> bool:
    """Whether a name means this type."""
    module, name = name_of(kind)
    full = f"{module}.{name}"
    if any(letter in pattern for letter in "*?["):
        return fnmatch.fnmatchcase(full, pattern) or fnmatch.fnmatchcase(label(module, name), pattern)
    return pattern in (full, name)


def unknown(name: str, kinds: Iterable[type]) -> str:
    """What to say of a name that no type has."""
    import difflib

    names = sorted({text for kind in kinds for text in (label_of(kind), name_of(kind)[1])})
    like = difflib.get_close_matches(name, names, _OFFERED, 0.6)
    offered = (
        f"; did you mean {' or '.join(like)}?" if like else "; pikos.objects.census() lists those that have objects"
    )
    return f"there is no object of a type {name!r}{offered}"


def size(count: float) -> str:
    """Bytes, readable: ``812 B``, ``15.66 MB`` (of 1,048,576 bytes)."""
    unit = 0
    while abs(count) >= 1024 and unit < len(_UNITS) - 1:
        count /= 1024
        unit += 1
    return f"{count:,.2f} {_UNITS[unit]}" if unit else f"{count:.0f} B"


def cut(text: str, most: int) -> str:
    """The end of a text that is too long: there is what tells types apart."""
    return text if len(text) <= most else "…" + text[len(text) - most + 1 :]
