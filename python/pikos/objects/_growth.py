"""Types whose objects become more and more, and what holds them."""

from __future__ import annotations

import gc
import threading
from array import array
from itertools import pairwise
from textwrap import wrap
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from pikos._lsprof import _census, _instances, _memory, _most_holding
from pikos.objects._holders import ways_to, what
from pikos.objects._names import cut, is_named, label, label_of, name_of, select, size

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Self

    import pandas

    from pikos.objects._holders import Holders
    from pikos.objects._names import Wanted

__all__ = ["Grown", "Growth", "growth"]

#: Types whose holder is looked for, and rows of a table.
HOLDERS, ROWS = 3, 12

#: So many types that refer to its objects are looked at.
HOLDING_TYPES = 8

#: Of so many snapshots every other one is dropped, and the next ones come half as often.
MOST_SNAPSHOTS = 256

#: The program stands still for at most this part of the time; with many objects snapshots come less often.
SHARE = 0.03

#: A type is held by one object if that has so many of what came, at least.
HELD_TOGETHER = 0.1

#: Memory that grew beside objects is told from here on, in bytes.
OUTSIDE = 4 << 20


class Grown(NamedTuple):
    """A type with more objects than at the first snapshot."""

    type: str
    module: str
    first: int
    last: int
    #: How many bytes more.
    bytes: int
    #: How many of the steps between snapshots went up, less those that went down; and how many steps there were.
    steady: int
    steps: int

    @property
    def more(self) -> int:
        """How many objects more."""
        return self.last - self.first

    @property
    def label(self) -> str:
        """``list``, ``app.Model``."""
        return label(self.module, self.type)


class Growth:
    """Snapshots of how many objects of each type there are. Holds names and figures, and no object of the program's."""

    def __init__(self, every: float | None = None, *, types: Iterable[Wanted] | None = None) -> None:
        if every is not None and not every > 0:
            raise ValueError(f"every must be more than 0 seconds, got {every}")
        self.every = every
        self._wanted = None if types is None else [types] if isinstance(types, (str, type)) else list(types)
        #: By (module, type), how many objects at each snapshot: numbers side by side, so that what grows here is no object.
        self._counts: dict[tuple[str, str], array[int]] = {}
        #: By the same, bytes at the first snapshot and at the last one.
        self._bytes: dict[tuple[str, str], array[int]] = {}
        #: How many snapshots there are.
        self._taken = 0
        #: The memory of the process at the first snapshot and at the last one.
        self._memory = array("q", (0, 0))
        self._seconds = 0.0
        self._lock = threading.Lock()
        self._begun: tuple[threading.Thread, threading.Event] | None = None

    def start(self) -> Self:
        """Take the first snapshot, and one every so many seconds, if that was asked for."""
        if self._begun is not None:
            raise RuntimeError("growth is watched already: call stop() first")
        if self.every is not None:
            # Before the first snapshot, or what a thread takes would have grown.
            over = threading.Event()
            thread = threading.Thread(target=self._repeat, args=(over,), name="pikos-objects", daemon=True)
            self._begun = (thread, over)
            thread.start()
        self.take()
        return self

    def stop(self) -> Self:
        """Take the last snapshot, and no more by itself."""
        if self._begun is not None:
            thread, over = self._begun
            self._begun = None
            over.set()
            thread.join()
        self.take()
        return self

    def __enter__(self) -> Self:
        return self if self._taken else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def take(self) -> None:
        """Take a snapshot now."""
        with self._lock:
            begin = perf_counter()
            found = _census()
            self._seconds = perf_counter() - begin
            if self._wanted is not None:
                chosen = {id(kind) for kind in select(self._wanted_so_far(found), [row[0] for row in found])}
                found = [row for row in found if id(row[0]) in chosen]
            place, last = self._taken, min(self._taken, 1)
            ours = self._ours()
            for figures in self._bytes.values():
                figures[last] = 0
            for counts in self._counts.values():
                counts.append(0)
            for kind, count, bytes_ in found:
                name = name_of(kind)
                own = min(ours.get(name, 0), count)
                if name not in self._counts:
                    self._counts[name] = array("q", bytes(8 * (place + 1)))
                    self._bytes[name] = array("q", (0, 0))
                self._counts[name][place] += count - own
                self._bytes[name][last] += bytes_ - bytes_ * own // count
            self._memory[last] = _memory()[0]
            self._taken += 1
            if self._taken >= MOST_SNAPSHOTS:
                self._thin()

    def _ours(self) -> dict[tuple[str, str], int]:
        """How many objects the snapshots themselves take."""
        return {("array", "array"): len(self._counts) + len(self._bytes) + 1, ("builtins", "tuple"): len(self._counts)}

    def _thin(self) -> None:
        """Drop every other snapshot; the first and the last stay."""
        for name, counts in self._counts.items():
            self._counts[name] = array("q", [*counts[:-1:2], counts[-1]])
        self._taken = len(range(0, self._taken - 1, 2)) + 1
        self.every = None if self.every is None else self.every * 2

    def _wanted_so_far(self, found: list[tuple[type, int, int]]) -> list[Wanted]:
        """A type that is named may have its first object later on. Imports nothing: the program would see that."""
        return [
            each
            for each in self._wanted or ()
            if not isinstance(each, str) or any(is_named(row[0], each) for row in found)
        ]

    def _repeat(self, over: threading.Event) -> None:
        while not over.wait(max(self.every or 0, self._seconds / SHARE)):
            self.take()

    @property
    def rows(self) -> list[Grown]:
        """Types that grew: by how steadily and by how many bytes, the worst first."""
        with self._lock:
            if self._taken < 2:
                return []
            known = [(name, [*counts], [*self._bytes[name]]) for name, counts in self._counts.items()]
        rows = []
        for (module, kind), counts, (bytes_first, bytes_last) in known:
            if counts[-1] <= counts[0] or module.partition(".")[0] == "pikos":
                continue
            steps = [later - earlier for earlier, later in pairwise(counts)]
            steady = max(0, sum((step > 0) - (step < 0) for step in steps))
            rows.append(Grown(kind, module, counts[0], counts[-1], bytes_last - bytes_first, steady, len(steps)))
        return sorted(rows, key=lambda row: (-max(row.bytes, 0) * (row.steady / row.steps) ** 2, -row.more, row.label))

    @property
    def outside(self) -> int:
        """How many bytes of the process' memory came beside those of objects."""
        with self._lock:
            if self._taken < 2 or not self._memory[0] or self._wanted is not None:
                return 0
            objects = sum(last - first for first, last in self._bytes.values())
            return self._memory[1] - self._memory[0] - objects

    def held(self, rows: list[Grown] | None = None, *, collect: bool = True) -> list[tuple[Grown, Held]]:
        """For each of the rows (those that lead, if none are given): what holds its objects. collect: let the garbage collector
        remove what nothing holds before."""
        chosen = self.rows[:HOLDERS] if rows is None else rows
        if collect:
            gc.collect()
        by_name: dict[tuple[str, str], type] = {}
        counts: dict[tuple[str, str], int] = {}
        for kind, count, _ in _census():
            name = name_of(kind)
            counts[name] = counts.get(name, 0) + count
            by_name.setdefault(name, kind)
        chosen = [row for row in chosen if (row.module, row.type) in by_name]
        kinds = [by_name[row.module, row.type] for row in chosen]
        grown = {(row.module, row.type): row.more for row in self.rows}
        found: list[tuple[Grown, Any, str]] = []
        for row, (objects, types) in zip(chosen, _most_holding(kinds, HOLDING_TYPES), strict=True):
            count = min(objects[0][1], counts[row.module, row.type]) if objects else 0
            if count > 1 and count >= HELD_TOGETHER * row.more:
                found.append((row, objects[0][0], f"{count:,} are in one {what(objects[0][0])}"))
                continue
            # Else what has become more itself: strings of records, dicts of instances.
            rising = [(min(count, grown.get(name_of(kind), 0)), kind, one) for kind, count, one in types]
            if rising and (best := max(rising, key=lambda each: each[0]))[0] > 0:
                found.append(
                    (
                        row,
                        best[2],
                        f"most of what is new is held by objects of the type {label_of(best[1])}; one of them",
                    )
                )
            else:
                newest = _instances([by_name[row.module, row.type]], 1)[0]
                found += [(row, newest[0], "the newest one")] if newest else []
        ways = ways_to([instance for _, instance, _ in found])
        return [(row, Held(way, sentence)) for (row, _, sentence), way in zip(found, ways, strict=True)]

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a data frame, a column for each field. Needs pandas."""
        import pandas

        return pandas.DataFrame(self.rows, columns=list(Grown._fields))

    def dot(self) -> str:
        """What holds the objects of the type that leads, as a graph for Graphviz; nothing if no type grew."""
        held = self.held(self.rows[:1])
        return held[0][1].holders.dot() if held else ""

    def report(self, columns: int = 80, *, holders: int = HOLDERS, places: Any = None) -> str:
        """Types that grew, what holds those that lead, and what came outside of objects. places: called with a type's name, tells where its
        objects were created, a line each."""
        rows = self.rows
        if self._taken < 2:
            return "There is one snapshot: growth is what the next one has more."
        if not rows:
            return "No type has more objects than at the first snapshot.\n" + self._outside()
        lines = [f"{'more':>10} {'bytes':>12} {'now':>12} {'rising':>10}  type"]
        for row in rows[:ROWS]:
            rising = f"{row.steady} of {row.steps}"
            lines.append(
                f"{row.more:+10,} {size(row.bytes):>12} {row.last:>12,} {rising:>10}  {cut(row.label, max(columns - 49, 20))}"
            )
        if len(rows) > ROWS:
            lines.append(f"{'':47}  … and {len(rows) - ROWS:,} more types")
        for row, held in self.held(rows[:holders]) if holders else ():
            lines += ["", *wrap(f"{row.label}: {held.sentence}", columns), held.holders.text(columns, "  ")]
            if places is not None:
                lines += [f"  created: {place}" for place in places(row.label)]
        return "\n".join(lines) + "\n\n" + self._outside()

    def _outside(self) -> str:
        if self._memory[0]:
            grown = self._memory[1] - self._memory[0]
            text = f"The process has {size(self._memory[1])} ({'+' if grown >= 0 else ''}{size(grown)})."
            if self.outside >= OUTSIDE:
                text += f" {size(self.outside)} of that came outside of objects: buffers of\nC code, or free memory that was not given back."
            return text
        return "The system doesn't say how much memory the process has."

    def __str__(self) -> str:
        return self.report()

    def __repr__(self) -> str:
        return f"<pikos.objects.Growth: {self._taken} snapshots>"


class Held(NamedTuple):
    """What holds the objects of a type."""

    #: The way to the object that holds many of them, or to one of them.
    holders: Holders
    #: Which of that it is.
    sentence: str


def growth(every: float | None = None, *, types: Iterable[Wanted] | None = None) -> Growth:
    """Watch which types grow, from now on.

        with pikos.objects.growth(every=1) as growth:
            work()
        print(growth.report())

    every: seconds from one snapshot to the next, taken by a thread of ours; without it, one now, one for each ``take()``, one at ``stop()``.
    With many objects they come less often: the program stands still for 3 % of the time at most. types: only these, given as
    types or by name (``"app.*"``).
    """
    return Growth(every, types=types).start()
