"""The tables of types, and of the lines that make objects."""

from __future__ import annotations

import os

from pikos._lsprof import _own_files
from pikos._lsprof import _shown as shown
from pikos.objects._names import cut, label, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from pikos.objects._counts import PlaceEvents, TypeEvents

#: Columns where nothing says how many there are.
WIDTH = 100
#: A type's name is cut to no less.
LEAST_NAME = 16


def number(value: int | None) -> str:
    """A count; a dash where nobody knows it."""
    return "-" if value is None else f"{value:,}"


def full_name(module: str, name: str) -> str:
    """A type's name as one writes it: that of a built-in alone."""
    return shown(label(module, name))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> str:
    """Figures to the right, and a name at the end of each line."""
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads) - 1)]
    room = max(width - sum(widths) - 2 * len(widths), LEAST_NAME)
    lines = []
    for row in [heads, *rows]:
        figures = [text.rjust(each) for text, each in zip(row, widths, strict=False)]
        lines.append("  ".join([*figures, cut(row[-1], room)]).rstrip())
    return "\n".join(lines) + "\n"


def types_table(rows: Sequence[TypeEvents], count: int, width: int = WIDTH) -> str:
    """A line for each type, and one for those that are left out."""
    heads = ("created", "destroyed", "alive", "peak", "bytes", "type")
    lines = [
        (
            number(row.created),
            number(row.destroyed),
            number(row.alive),
            number(row.peak),
            size(row.bytes),
            full_name(row.module, row.type),
        )
        for row in rows[:count]
    ]
    rest = rows[count:]
    if rest:
        lines.append(
            (
                number(sum(row.created for row in rest)),
                number(sum(row.destroyed or 0 for row in rest)),
                number(sum(row.alive or 0 for row in rest)),
                "",
                size(sum(row.bytes for row in rest)),
                f"{len(rest):,} more {'type' if len(rest) == 1 else 'types'}",
            )
        )
    return table(heads, lines, width)


def places_table(rows: Sequence[PlaceEvents], width: int = WIDTH) -> str:
    """A line for each place."""
    here = os.path.join(os.getcwd(), "")
    lines = [
        (
            number(row.created),
            number(row.alive),
            f"{shown(row.file.removeprefix(here))}:{row.line}  {shown(row.function)}",
        )
        for row in rows
    ]
    return table(("created", "alive", "where"), lines, width)


def own_first(rows: Sequence[PlaceEvents]) -> list[PlaceEvents]:
    """The user's own lines in front."""
    own = dict(zip(rows, _own_files([row.file for row in rows], ""), strict=True))
    return sorted(rows, key=lambda row: not own[row])
