"""Finished profiles: loaded from a file, sorted, searched, and written in other formats.

    import pikos.stats

    profile = pikos.stats.load("out.pstats")
    print(profile.sort("tottime").filter("json").top(10))
    for caller in profile.callers(profile.sort("tottime")[0]):
        print(caller.name, caller.ncalls)

``pstats.Stats(profile)`` works, too. Nothing is executed while a file is read: it may come from a stranger.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any, overload

from pikos._lsprof import _StoredProfile
from pikos._rows import Node, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas
    import pyarrow

    from pikos._lsprof import _Metadata
    from pikos.cprofile import Stats

__all__ = ["Node", "Profile", "Row", "export", "load", "merge", "of"]

#: The fields of a row that only some profiles have.
_DETAILS = Row._fields[Row._fields.index("number") + 1 :]

# More is not read of one file.
_MOST_BYTES = 1 << 30


class Profile:
    """A finished profile, or some of its rows in some order. Never changes: each method returns a new one."""

    def __init__(self, native: _StoredProfile) -> None:
        self._native = native

    @property
    def metadata(self) -> _Metadata:
        """What is known of the whole: how many functions, edges and calls (None if nobody counted them); seconds in sum; whether what recording took
        was taken out; how many full stacks there are (None if none were recorded), and what was cut off them."""
        return self._native.metadata()

    def sort(self, *keys: str, reverse: bool = False) -> Profile:
        """The rows by pstats' keys (``"cumulative"``, ``"tottime"``, ``"calls"``, …), the first that differs decides.

        Figures go from the greatest down, names from A. Raises ValueError for a word that is no key.
        """
        return Profile(self._native.sort(list(keys), reverse))

    def filter(self, pattern: str) -> Profile:
        """The rows whose ``file:line(name)`` the regular expression finds somewhere.

        It may have no look-around and no backreferences, so it takes linear time. Raises ValueError if it is malformed.
        """
        return Profile(self._native.filter(pattern))

    def top(self, count: int) -> Profile:
        """The first rows."""
        return self[:count]

    def strip_dirs(self) -> Profile:
        """All functions, with folders cut off file names; functions that have the same label then are added up."""
        return Profile(self._native.strip_dirs())

    def callers(self, function: Row | int) -> list[Row]:
        """Who called this function (a row, or its number); counts and times are those of these calls."""
        return [Row(*row) for row in self._native.callers(_number(function))]

    def callees(self, function: Row | int) -> list[Row]:
        """Whom this function called, likewise."""
        return [Row(*row) for row in self._native.callees(_number(function))]

    def slowest_stack(self, function: Row | int) -> list[Row]:
        """Where the slowest call of a function (a row, or its number) was: from the outermost function on, the function itself last;
        of a stack of more than 64 functions the last ones. Empty without ``Profile(distribution=True, tree=True)``."""
        return [Row(*row) for row in self._native.slowest_stack(_number(function))]

    def by_label(self) -> list[tuple[dict[str, str], Profile]]:
        """The figures of each set of ``pikos.label``, as (labels, profile), in the order in which they came; the set without labels is
        among them. Their sums are those of the whole. Empty where there was no label."""
        return [(labels, Profile(native)) for labels, native in self._native.by_label()]

    def with_labels(self, *names: str, **labels: str) -> Profile:
        """What ran under these labels: ``with_labels(route="/pay")``; ``names`` may have any value. Raises ValueError if nothing did."""
        return Profile(self._native.with_labels([(name, None) for name in names] + list(labels.items())))

    def tree(self) -> list[Node] | None:
        """The calling-context tree: all distinct stacks, those below before those above. None where there is none:
        ``Profile(tree=True)`` and ``--tree`` record one, and so do the formats that are made of stacks."""
        nodes = self._native.tree()
        return None if nodes is None else [Node(*node) for node in nodes]

    def export(self, path: str | os.PathLike[str], format: str | None = None) -> list[str]:
        """Write the whole profile, all rows, to a file; an error leaves the file as it was.

        format: ``"callgrind"``, ``"speedscope"``, …, as ``pikos export`` takes; by default what the name says. Returns
        what the format could not say, a sentence each. Raises OSError, and ValueError for an unknown format.
        """
        return self._native.export(os.fspath(path), format)

    def dumps(self, format: str) -> bytes:
        """The whole profile in a format, as ``export`` would write it."""
        return self._native.dumps(format)

    def create_stats(self) -> None:
        """For ``pstats.Stats``: makes ``stats``."""
        import marshal

        # Our own writer's bytes: safe to load.
        self.stats: Stats = marshal.loads(self._native.dumps("pstats"))

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a data frame, a column for each field of ``Row`` but the number and those that only some profiles have. Needs
        pandas."""
        import pandas

        return pandas.DataFrame(self._columns())

    def to_arrow(self) -> pyarrow.Table:
        """The rows as an Arrow table, likewise. Needs pyarrow."""
        import pyarrow

        # Said, since a column without a value (no function has a qualified name) would have no type.
        types = {"file": "string", "name": "string", "qualname": "string"}
        types |= dict.fromkeys(("tottime", "cumtime", "gil_wait", *_DETAILS), "double")
        columns = self._columns()
        fields = [(name, pyarrow.type_for_alias(types.get(name, "int64"))) for name in columns]
        return pyarrow.table(columns, schema=pyarrow.schema(fields))

    def _columns(self) -> dict[str, list[Any]]:
        # Without rows there are the columns that all profiles have; those that only some have stand behind them.
        columns = list(zip(*self._native.rows(), strict=True)) or [()] * (len(Row._fields) - len(_DETAILS))
        names = zip(Row._fields, columns, strict=False)
        return {
            name: list(column) for name, column in names if name != "number" and (name not in _DETAILS or any(column))
        }

    def __getattr__(self, name: str) -> Any:
        if name == "stats":
            self.create_stats()
            return self.stats
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __len__(self) -> int:
        return len(self._native)

    def __iter__(self) -> Iterator[Row]:
        return (Row(*row) for row in self._native.rows())

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> Profile: ...
    def __getitem__(self, index: int | slice) -> Row | Profile:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            if step != 1:
                raise ValueError("a slice of a profile can't have a step; sort(…, reverse=True) reverses the order")
            return Profile(self._native.slice(start, stop))
        place = range(len(self))[index]
        return Row(*self._native.slice(place, place + 1).rows()[0])

    def __str__(self) -> str:
        """The table, as pstats prints it."""
        return self._native.report()

    def __repr__(self) -> str:
        facts = self.metadata
        calls = "calls not counted" if facts["ncalls"] is None else f"{facts['ncalls']} calls"
        return f"<pikos.stats.Profile: {len(self)} of {facts['functions']} functions, {calls}>"

    def _repr_html_(self) -> str:
        from pikos._notebook.html import shown_whole

        return shown_whole(self._native)


def load(
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    event: str | None = None,
    profile: str | None = None,
    labels: Mapping[str, str | None] | None = None,
) -> Profile:
    """Read a profile: a file of cProfile, pikos, yappi, callgrind, speedscope, pprof, pyinstrument, viztracer, Firefox,
    V8, perf or collapsed stacks, packed with gzip or not.

    format: where neither content nor name tells. event: which figures, of a file that has several (callgrind, pprof).
    profile: which profile, of a speedscope file that has several, by number (from 1) or name. labels: only what ran under these, with None for any
    value. Raises OSError if the file
    can't be opened, ValueError with the place in the file if it can't be understood.
    """
    name = os.fspath(path)
    with open(name, "rb") as stream:
        # What has no end is refused by what it begins with.
        is_file = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
        data = stream.read() if is_file else stream.read(_MOST_BYTES)
    return Profile(_StoredProfile.read(data, name, format, event, profile, list((labels or {}).items())))


def of(profile: object) -> Profile:
    """Anything that holds a profile: a path, a ``Profile`` of ``pikos.cprofile`` or ``cProfile`` (the latter is stopped
    by it), a ``pstats.Stats``, or what ``load`` returned.

    Raises TypeError for anything else.
    """
    if isinstance(profile, Profile):
        return profile
    if isinstance(profile, (str, os.PathLike)):
        return load(profile)
    finished = getattr(profile, "_finished", None)
    if finished is not None:
        return Profile(finished())
    if hasattr(profile, "create_stats"):
        profile.create_stats()
    stats = getattr(profile, "stats", None)
    if not isinstance(stats, dict):
        raise TypeError(
            f"can't take a profile from a {type(profile).__name__}: give a path, a Profile, or a pstats.Stats"
        )
    import marshal

    return Profile(_StoredProfile.read(marshal.dumps(stats), f"<{type(profile).__name__}>", "pstats"))


def merge(*profiles: object, names: Sequence[str] | None = None) -> Profile:
    """The sum of several profiles, each of them what ``of`` takes.

    names: one for each: its functions are kept apart from those of others, below one that has its name. Full stacks are kept if
    all have them. Raises ValueError for profiles whose counts or times mean different things.
    """
    if names is not None and len(names) != len(profiles):
        raise ValueError(f"{len(profiles)} profiles and {len(names)} names: give one for each")
    parts = [of(profile)._native for profile in profiles]
    named: Sequence[str | None] = [None] * len(parts) if names is None else names
    return Profile(_StoredProfile.merged(list(zip(parts, named, strict=True))))


def export(profile: object, format: str | None, path: str | os.PathLike[str]) -> list[str]:
    """Write a profile in another format: ``pikos.export("out.pstats", "callgrind", "out.callgrind")``.

    profile: what ``of`` takes. format: a name that ``pikos export --format`` takes; None for what the path's ending
    says. Returns what the format could not say, a sentence each: without ``Profile(tree=True)``, stacks are
    approximated. Raises OSError, ValueError, TypeError.
    """
    return of(profile).export(path, format)


def _number(function: Row | int) -> int:
    return function.number if isinstance(function, Row) else function
