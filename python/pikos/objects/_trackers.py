"""``SummaryTracker``: what has come since the last look, in one line of code, with the methods of pympler's."""

from __future__ import annotations

from pikos._lsprof import _census
from pikos.objects._names import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    #: One list for each type: its name, how many objects, how many bytes.
    Summary = list[list[str | int]]

__all__ = ["SummaryTracker"]

#: Rows of a table.
ROWS = 15


class SummaryTracker:
    """Prints what there is more of than at the last look.

    from pikos.objects import SummaryTracker

    tracker = SummaryTracker()
    work()
    tracker.print_diff()

    A summary is a list with ``[type, objects, bytes]`` for each type. ignore_self: taken for pympler's sake; a tracker keeps figures by
    type, and no object of the program's.
    """

    def __init__(self, ignore_self: bool = True) -> None:
        self.ignore_self = ignore_self
        #: The last look.
        self.s0: Summary = self.create_summary()
        #: What ``store_summary`` has kept, by its key.
        self.summaries: dict[object, Summary] = {}

    def create_summary(self) -> Summary:
        """All objects now."""
        added: dict[str, list[str | int]] = {}
        for kind, count, bytes_ in _census():
            name = label_of(kind)
            row = added.get(name)
            if row is None:
                added[name] = [name, count, bytes_]
            else:
                row[1:] = [int(row[1]) + count, int(row[2]) + bytes_]
        return list(added.values())

    def diff(self, summary1: Summary | None = None, summary2: Summary | None = None) -> Summary:
        """What the second summary has more than the first one; without any, what there is more now than at the last look, with one what
        there is more now than in it. Raises ValueError for the second one alone."""
        if summary1 is None and summary2 is not None:
            raise ValueError("diff() was given summary2 without summary1")
        before = self.s0 if summary1 is None else summary1
        after = self.create_summary() if summary2 is None else summary2
        if summary1 is None:
            self.s0 = after
        return difference(before, after)

    def print_diff(self, summary1: Summary | None = None, summary2: Summary | None = None) -> None:
        """Print ``diff``, the types with the most bytes first."""
        for line in self.format_diff(summary1, summary2):
            print(line)

    def format_diff(self, summary1: Summary | None = None, summary2: Summary | None = None) -> Iterator[str]:
        """The lines of that table."""
        return table(self.diff(summary1, summary2))

    def store_summary(self, key: object) -> None:
        """Keep a summary of now in ``summaries``."""
        self.summaries[key] = self.create_summary()


def difference(before: Summary, after: Summary) -> Summary:
    """Types of which there is as much as before are left out."""
    added = {name: [int(count), int(bytes_)] for name, count, bytes_ in after}
    for name, count, bytes_ in before:
        figures = added.setdefault(name, [0, 0])
        figures[0] -= int(count)
        figures[1] -= int(bytes_)
    return [[name, *figures] for name, figures in added.items() if any(figures)]


def table(summary: Summary) -> Iterator[str]:
    rows = sorted(summary, key=lambda row: (-int(row[2]), -int(row[1]), str(row[0])))[:ROWS]
    cells = [("types", "# objects", "total size")]
    cells += [(str(name), str(count), padded(int(bytes_))) for name, count, bytes_ in rows]
    widths = [max(len(row[column]) for row in cells) for column in range(3)]
    widths = [widths[0] + 2, max(widths[1] + 2, 11), max(widths[2] + 2, 12)]
    for number, row in enumerate(cells):
        yield " | ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        if number == 0:
            yield " | ".join("=" * width for width in widths)


def padded(count: float) -> str:
    """Bytes as pympler's tables have them, units in a column: ``15.66 MB``, ``240     B``."""
    unit = 0
    while abs(count) >= 1024 and unit < 4:
        count /= 1024
        unit += 1
    return f"{count:.2f} {('', 'KB', 'MB', 'GB', 'TB')[unit]}" if unit else f"{count:.0f}     B"
