"""The table of ``pikos-run lines --report`` and ``line_memory --report``: each line of each function, with its source."""

from __future__ import annotations

import linecache

from pikos._lsprof import _LineReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

    #: (line, hits, seconds, bytes grown by, most bytes in use)
    Line = tuple[int, int, float, int, int]

MIB = 1 << 20


class Report:
    """Sums up what a line monitor sees; natively, without a record for each line."""

    def __init__(self, reads_memory: bool) -> None:
        self.reads_memory = reads_memory
        self.native = _LineReport()

    def attach_to(self, monitor: Any) -> None:
        """Have the monitor report here, not record."""
        monitor._report = self.native

    def write(self, stream: TextIO) -> None:
        """Write the tables, the function that took longest, or grew memory most, first."""
        weigh = growth if self.reads_memory else seconds
        # A generator that is dropped is entered, and left, without a line of it.
        seen = (function for function in self.native.rows() if function[3])
        functions = sorted(seen, key=lambda function: -weigh(function[3]))
        if not functions:
            stream.write("No line was executed where the monitor looked.\n")
        for name, filename, first, lines in functions:
            self.write_function(stream, name, filename, first, lines)

    def write_function(self, stream: TextIO, name: str, filename: str, first: int, lines: list[Line]) -> None:
        """One function's table. Lines that were not executed are shown, too, between the first and the last that were."""
        total = seconds(lines)
        head = f"{total:.6f} s" if not self.reads_memory else f"{growth(lines) / MIB:+.1f} MiB"
        stream.write(f"{shown(name)}  {shown(filename)}:{first}  {head}\n\n")
        if self.reads_memory:
            stream.write(f"{'line':>6} {'hits':>10} {'growth MiB':>12} {'peak MiB':>12}  source\n")
        else:
            stream.write(f"{'line':>6} {'hits':>10} {'seconds':>12} {'us per hit':>12} {'%':>6}  source\n")
        known = {line[0]: line for line in lines}
        last = max(known)
        start = min(first, min(known)) if name != "<module>" else min(known)
        gap = False
        for number in range(start, last + 1):
            row = known.get(number)
            if row is None and name == "<module>":
                gap = True
                continue
            if gap:
                stream.write("   ...\n")
                gap = False
            source = shown(linecache.getline(filename, number).rstrip())
            stream.write(f"{number:>6} {self.figures(row, total)}  {source}".rstrip() + "\n")
        stream.write("\n")

    def figures(self, row: Line | None, total: float) -> str:
        """A line's columns."""
        if self.reads_memory:
            if row is None:
                return " " * 36
            _, hits, _, grown, peak = row
            return f"{hits:>10} {grown / MIB:>+12.3f} {peak / MIB:>12.1f}"
        if row is None:
            return " " * 43
        _, hits, time, _, _ = row
        share = 100 * time / total if total else 0.0
        return f"{hits:>10} {time:>12.6f} {1e6 * time / hits:>12.3f} {share:>6.1f}"


def shown(text: str) -> str:
    """The text with an escape for what a terminal would obey: the table may end on one."""
    if text.isprintable():
        return text
    return "".join(c if c == "\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def seconds(lines: list[Line]) -> float:
    """What lines took together."""
    return sum(line[2] for line in lines)


def growth(lines: list[Line]) -> int:
    """The most that one of the lines grew memory by: what came and went again counts."""
    return max((line[3] for line in lines), default=0)
