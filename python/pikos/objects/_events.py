"""Objects that come and go: how many of which type were made, how many are gone, and which lines made them."""

from __future__ import annotations

import sys

from pikos._lsprof import _census, _ObjectEvents
from pikos.objects._counts import PlaceEvents, TypeEvents
from pikos.objects._names import name_of
from pikos.objects._table import types_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType
    from typing import Any, Self

__all__ = ["ObjectMonitor"]

#: What is said where CPython doesn't tell of all that goes.
NO_ENDS = (
    "this CPython doesn't tell of each object that goes (3.13.3 and later do): what is alive is counted at the end, "
    "destroyed = created - alive, and nobody knows the peak"
)
#: ... and where it doesn't tell of all that is made.
NO_BEGINNINGS = (
    "before Python 3.13 nobody tells when a built-in object is made: created = destroyed + alive, alive is counted at the end, "
    "and nobody knows the peak. Those that CPython frees on a short way (int, float, str) are not all seen"
)


class ObjectMonitor:
    """Counts the objects that are made and that go, of all threads of this interpreter, by type.

    types: names, or classes, which ones. ``list``, ``app.Model``; in a name, ``*`` stands for any letters; one without a dot is a
    type's in any module. None: all types (Python 3.13). where: also by the line that was running.

    A process has one that counts at a time. ``enable()`` begins anew, ``disable()`` ends, ``with`` does both.

    Raises ValueError where all types are asked for and this Python tells of named ones only, TypeError for what is no type, RuntimeError
    where another tool, tracemalloc for instance, is told of objects already.
    """

    def __init__(
        self, types: Iterable[str | type] | None = None, *, where: bool = False, main: str | None = None
    ) -> None:
        names = (
            None
            if types is None
            else [pattern_of(each) for each in ([types] if isinstance(types, (str, type)) else types)]
        )
        self._asked = names
        self._where = where
        self._native = _ObjectEvents(names, main, where)
        self._tells_ends = self._native.tells_ends()
        self._tells_beginnings = sys.version_info >= (3, 13)
        self._matches: Callable[..., list[str]] | None = None
        self._depth = 0
        #: How many of each type there were in the beginning, and how many there are, with their bytes.
        self._before: dict[tuple[str, str], tuple[int, int]] = {}
        self._after: dict[tuple[str, str], tuple[int, int]] | None = None

    def __enter__(self) -> Self:
        self.enable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.disable()

    def enable(self) -> None:
        """Begin to count, from zero. RuntimeError where another tool, tracemalloc for instance, is told of objects already."""
        if self._depth == 0:
            self._after = None
            if not (self._tells_ends and self._tells_beginnings):
                # Once more: what we keep is there both times, and so in no difference.
                self._before = census()
                self._before = census()
            self._native.start()
        self._depth += 1

    def disable(self) -> None:
        """Count no more. Does nothing if it doesn't count."""
        if self._depth == 0:
            return
        self._depth -= 1
        if self._depth == 0:
            self._native.stop()
            self._after = census()

    def publish(
        self, endpoint: str | None = None, *, connect: bool = False, remote: bool = False, interval: float = 0.5
    ) -> None:
        """Send what is counted every ``interval`` seconds to whoever subscribes (``pikos top``), as `ZeroMQRecorder` sends records.

        ValueError for what is no endpoint; OSError where there is no socket to be had; RuntimeError if it doesn't count."""
        if self._depth == 0:
            raise RuntimeError("the monitor is not enabled")
        self._native.publish(endpoint, connect, remote, interval)

    def rows(self) -> list[TypeEvents]:
        """What is known of each type by now; of most bytes first. While it counts, all objects are looked at for that."""
        after = census() if self._after is None else self._after
        return sorted(
            (self._row(after, *each) for each in self._native.types() if not is_ours_alone(*each[:4])),
            key=lambda row: (-row.bytes, -row.created, row.type),
        )

    def _row(
        self,
        after: dict[tuple[str, str], tuple[int, int]],
        module: str,
        name: str,
        made: int,
        gone: int,
        most: int,
        size: int,
    ) -> TypeEvents:
        created: int = made
        destroyed: int | None = gone
        alive: int | None = made - gone
        peak: int | None = most
        count, size_of_all = after.get((module, name), (0, 0))
        if not self._tells_ends or (made == 0 and not self._tells_beginnings):
            alive = count - self._before.get((module, name), (0, 0))[0]
            peak = None
            if self._tells_ends:
                created = max(gone + alive, 0)
            else:
                destroyed = max(made - alive, 0)
        each = size_of_all / count if count else size
        return TypeEvents(name, module, created, destroyed, alive, peak, round(each * max(alive or 0, 0)))

    def places(self) -> list[PlaceEvents]:
        """The lines that made objects, those that made most first; nothing without ``where``."""
        types = self._native.types()
        rows = [
            PlaceEvents(
                types[of][1],
                types[of][0],
                file,
                line,
                function,
                created,
                min(followed * one_of, created) if self._tells_ends else None,
            )
            for of, file, function, line, created, followed, one_of in self._native.places()
        ]
        return sorted(rows, key=lambda row: (-row.created, row.file, row.line, row.type))

    def notes(self) -> list[str]:
        """What has to be said about the figures: a sentence each."""
        notes = []
        if not self._tells_beginnings:
            notes.append(NO_BEGINNINGS)
        elif not self._tells_ends:
            notes.append(NO_ENDS)
        if self._native.was_interrupted:
            notes.append("another tool was told of objects meanwhile, in our place: those counts end there")
        types, places = self._native.unlisted
        if types:
            notes.append(f"{types:,} types had no room in the table; their objects are not counted")
        if places:
            notes.append(f"{places:,} lines had no room in the table; what they made is in the types' counts only")
        seen = {(row[0], row[1]) for row in self._native.types()}
        for name in self._asked or ():
            if not any(letter in name for letter in "*?") and not any(
                name in (kind, kind.rpartition(".")[2], f"{module}.{kind}")
                or (module == "__main__" and name.endswith(f".{kind}"))
                for module, kind in seen
            ):
                notes.append(f"no object of a type {name!r} was made{near(name, self._matches)}")
        return notes

    def to_pandas(self) -> Any:
        """The rows as a DataFrame."""
        import pandas

        return pandas.DataFrame(self.rows(), columns=TypeEvents._fields)

    def __str__(self) -> str:
        return types_table(self.rows(), 15)

    def __repr__(self) -> str:
        how = "counts" if self._depth else "doesn't count"
        return f"<ObjectMonitor of {'all types' if self._asked is None else ', '.join(self._asked)}, {how}>"


def pattern_of(kind: object) -> str:
    """The pattern for a type. TypeError for what is neither a name nor a class."""
    if isinstance(kind, str):
        return kind
    if isinstance(kind, type):
        return ".".join(name_of(kind))
    raise TypeError(f"a type is named by a string or is a class, not {type(kind).__name__}")


def census() -> dict[tuple[str, str], tuple[int, int]]:
    """How many objects there are of each type, by module and name, and their bytes."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for kind, count, size in _census():
        key = name_of(kind)
        before = found.get(key, (0, 0))
        found[key] = (before[0] + count, before[1] + size)
    return found


def is_ours_alone(module: str, name: str, made: int, gone: int) -> bool:
    """Whether it is a type of this package's that has a name which was asked for, and no objects."""
    return made == gone == 0 and module.startswith("pikos.")


def near(name: str, matches: Callable[..., list[str]] | None) -> str:
    """A hint at types whose names are like this one. matches: difflib's, where it was imported in time."""
    if matches is None:
        from difflib import get_close_matches

        matches = get_close_matches

    names: dict[str, None] = {}
    rest: list[type] = [object]
    while rest:
        kind = rest.pop()
        below: list[type] = type.__subclasses__(kind)
        for each in below:
            module, own = name_of(each)
            full = f"{module}.{own}"
            if full not in names:
                names[full] = None
                names[own] = None
                rest.append(each)
    close = [each for each in matches(name, names, 3) if each != name]
    return f"; did you mean {' or '.join(close)}?" if close else ""
