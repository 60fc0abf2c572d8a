"""All objects by type: how many, and how many bytes."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, overload

from pikos._lsprof import _census, _instances, _memory
from pikos.objects._names import cut, label, mro_of, name_of, namespace_of, select, size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    import pandas

    from pikos.objects._names import Wanted

__all__ = ["Census", "Row", "census"]

#: Rows that a table shows.
ROWS = 15


class Row(NamedTuple):
    """The objects of one type, or of all types of a module: how many, and their bytes, as ``sys.getsizeof`` counts them. In a
    difference, how many more."""

    type: str
    module: str
    count: int  # type: ignore[assignment]  # of objects, not of equal fields
    bytes: int

    @property
    def label(self) -> str:
        """``list``, ``app.Model``."""
        return label(self.module, self.type) if self.type else self.module


class Census:
    """All objects at a moment, by type, those with the most bytes first. Never changes; holds names, not objects."""

    def __init__(
        self, rows: Iterable[Row], memory: int, seconds: float, *, key: str = "type", is_difference: bool = False
    ) -> None:
        added: dict[tuple[str, str], list[int]] = {}
        for row in rows:
            figures = added.setdefault((row.type, row.module), [0, 0])
            figures[0] += row.count
            figures[1] += row.bytes
        summed = (Row(*name, *figures) for name, figures in added.items() if any(figures))
        #: One for each type.
        self.rows: list[Row] = sorted(summed, key=lambda row: (-row.bytes, -row.count, row.module, row.type))
        #: What the process has of the system's memory, in bytes (its resident set size); in a difference, how much more. 0 if unknown.
        self.memory = memory
        #: For how long the program stood still.
        self.seconds = seconds
        self.key = key
        self.is_difference = is_difference

    @property
    def count(self) -> int:
        """How many objects there are."""
        return sum(row.count for row in self.rows)

    @property
    def bytes(self) -> int:
        """How many bytes all of them have."""
        return sum(row.bytes for row in self.rows)

    def by(self, key: str) -> Census:
        """The same by ``"module"``: that of the types."""
        check_key(key)
        if key == "type":
            return self
        rows = (Row("", row.module, row.count, row.bytes) for row in self.rows)
        return Census(rows, self.memory, self.seconds, key=key, is_difference=self.is_difference)

    def top(self, count: int) -> list[Row]:
        """The first rows."""
        return self.rows[:count]

    def __sub__(self, before: Census) -> Census:
        """What there is more than there was: types of which there are as many as before are left out."""
        if not isinstance(before, Census):
            return NotImplemented
        if self.key != before.key:
            raise ValueError(f"a census by {self.key} and one by {before.key} have no difference")
        less = (Row(row.type, row.module, -row.count, -row.bytes) for row in before.rows)
        memory = self.memory - before.memory if self.memory and before.memory else 0
        return Census([*self.rows, *less], memory, self.seconds, key=self.key, is_difference=True)

    def to_pandas(self) -> pandas.DataFrame:
        """The rows as a data frame, a column for each field. Needs pandas."""
        import pandas

        return pandas.DataFrame(self.rows, columns=list(Row._fields))

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    @overload
    def __getitem__(self, place: int) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...
    @overload
    def __getitem__(self, place: str) -> Row: ...
    def __getitem__(self, place: int | slice | str) -> Row | list[Row]:
        """A row by its place, or by its type's name: ``census["list"]``, ``census["app.Model"]``; zeros where there is none."""
        if not isinstance(place, str):
            return self.rows[place]
        found = [row for row in self.rows if place in (row.label, row.type, f"{row.module}.{row.type}")]
        if found:
            return found[0]
        module, _, name = place.rpartition(".")
        return Row(name, module or "builtins", 0, 0)

    def table(self, rows: int = ROWS, columns: int = 80) -> str:
        """The first rows as lines of text, and what remains of the process' memory."""
        sign = "+" if self.is_difference else ""
        lines = [f"{'objects':>12} {'size':>12}  {self.key}"]
        for row in self.rows[:rows]:
            lines.append(
                f"{row.count:{sign}12,} {signed(row.bytes, sign):>12}  {cut(row.label, max(columns - 27, 20))}"
            )
        left = len(self.rows) - rows
        if left > 0:
            lines.append(f"{'':12} {'':12}  … and {left:,} more {self.key}s")
        lines += ["", self.sum()]
        return "\n".join(lines)

    def sum(self) -> str:
        """All objects beside the memory of the process, in a sentence."""
        if self.is_difference:
            memory = f"; the memory of the process: {signed(self.memory, '+')}" if self.memory else ""
            return f"In all: {self.count:+,} objects, {signed(self.bytes, '+')}{memory}."
        text = f"{self.count:,} objects, {size(self.bytes)}."
        if self.memory > self.bytes:
            text = (
                f"{text[:-1]}; the process has {size(self.memory)}. The other {size(self.memory - self.bytes)}: the\n"
                "interpreter and its libraries, free memory, and what C has outside of objects."
            )
        return text

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        what = "more objects" if self.is_difference else "objects"
        return f"<pikos.objects.Census: {self.count:,} {what} of {len(self.rows):,} {self.key}s, {size(self.bytes)}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        from html import escape

        from pikos._notebook.html import MOST_ROWS, STYLE, readable

        whole = max((abs(row.bytes) for row in self.rows), default=0) or 1
        sign = "+" if self.is_difference else ""
        rows = "".join(
            f'<tr><td>{row.count:{sign},}</td><td class="bar" style="--part: {abs(row.bytes) / whole:.1%}">'
            f"{signed(row.bytes, sign)}</td><td><code>{escape(readable(row.label))}</code></td></tr>"
            for row in self.rows[:MOST_ROWS]
        )
        left = len(self.rows) - MOST_ROWS
        more = f"<p>… and {left:,} more {self.key}s</p>" if left > 0 else ""
        return (
            f'{STYLE}<table class="pikos-table"><thead><tr><th>objects</th><th>size</th><th>{self.key}</th></tr></thead>'
            f"<tbody>{rows}</tbody></table>{more}<p>{escape(self.sum())}</p>"
        )


def signed(count: int, sign: str) -> str:
    return f"+{size(count)}" if sign and count >= 0 else size(count)


def census(by: str = "type", *, types: Iterable[Wanted] | None = None, ask: bool = False) -> Census:
    """Count all objects: by type, or by the module of their types (``by="module"``).

    The program stands still meanwhile: about a tenth of a second for a million objects. No Python code of its runs. Sizes are those
    of ``sys.getsizeof``; for a class that has a ``__sizeof__`` of its own, in Python or in another library, what the type says. ``ask``:
    call those, too, after the count. types: count only these, given as types or by name; a name may have stars (``"app.*"``).

    Raises ValueError for a type that has no objects or a key that there isn't, RuntimeError where the objects can't be found.
    """
    check_key(by)
    begin = perf_counter()
    found = _census()
    seconds = perf_counter() - begin
    if types is not None:
        chosen = {id(kind) for kind in select(types, [row[0] for row in found])}
        found = [row for row in found if id(row[0]) in chosen]
    if ask:
        found = asked(found)
    rows = [Row(name, module, count, bytes_) for (module, name), count, bytes_ in named(found)]
    return Census(rows, _memory()[0], seconds).by(by)


def check_key(key: str) -> None:
    if key not in ("type", "module"):
        raise ValueError(f"a census is by 'type' or by 'module', not by {key!r}")


def named(found: list[tuple[type, int, int]]) -> Iterator[tuple[tuple[str, str], int, int]]:
    return ((name_of(kind), count, bytes_) for kind, count, bytes_ in found)


def asked(found: list[tuple[type, int, int]]) -> list[tuple[type, int, int]]:
    """The same, with sizes as objects tell them that have something to tell."""
    telling = [row[0] for row in found if tells(row[0])]
    sizes: dict[int, int] = {}
    for kind, instances in zip(telling, _instances(telling, sys.maxsize), strict=True):
        sizes[id(kind)] = sum(told(each) for each in instances)
    return [(kind, count, sizes.get(id(kind), bytes_)) for kind, count, bytes_ in found]


def tells(kind: type) -> bool:
    """Whether the type's ``__sizeof__`` is not known to be the interpreter's."""
    for base in mro_of(kind):
        if "__sizeof__" in namespace_of(base):
            module = name_of(base)[0].partition(".")[0]
            is_native = type(namespace_of(base)["__sizeof__"]) is type(list.__sizeof__)
            return not (is_native and module in {"builtins", *sys.stdlib_module_names})
    return False


def told(each: Any) -> int:
    """An object's size as it says; none if it fails, or tells nonsense."""
    try:
        return max(0, sys.getsizeof(each, 0))
    except KeyboardInterrupt:
        raise
    except BaseException:
        # Not even one that would end the program, which has not asked for its size.
        return 0
