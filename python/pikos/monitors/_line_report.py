"""The report of ``pikos-run lines --report`` and ``line_memory --report``: the costliest functions, each line with its source.

what ran, and what is not shown
function  file:line  time or memory
    line, hits, figures, source
"""

from __future__ import annotations

import os
from typing import NamedTuple

from pikos._lsprof import _LineReport, _own_files
from pikos._lsprof import _shown as shown
from pikos.monitors._line_table import CHEAP, MemoryTable, Paper, TimeTable, growth, seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

    from pikos.monitors._line_table import Line

#: As many functions are shown where nobody says how many.
FUNCTIONS = 20


class Function(NamedTuple):
    """A function, or the body of a module or a class, and the lines of it that were executed."""

    name: str
    filename: str
    first: int
    is_body: bool
    lines: list[Line]


def own_functions(functions: list[Function]) -> list[Function]:
    """Those of the user's own code; all, if none is."""
    files = [function.filename for function in functions]
    own = [function for function, is_own in zip(functions, _own_files(files, ""), strict=True) if is_own]
    return own or functions


class Circumstances(NamedTuple):
    """What is known of the run beside its lines."""

    program: str
    elapsed: float  #: seconds
    #: How many threads were not watched and ran what was looked at; before 3.12, ran at all.
    threads_missed: int
    #: Whether it is certain that they ran what was looked at.
    is_certain: bool
    #: The functions that were to be watched; empty for all.
    focus: list[str]


def by_time(function: Function) -> float:
    return -seconds(function.lines)


def by_growth(function: Function) -> float:
    return -growth(function.lines)


def by_peak(function: Function) -> float:
    return -max(line[4] for line in function.lines)


def by_hits(function: Function) -> float:
    return -sum(line[1] for line in function.lines)


def by_name(function: Function) -> tuple[str, str, int]:
    return function.name, function.filename, function.first


def by_file(function: Function) -> tuple[str, int]:
    return function.filename, function.first


#: In which order functions may be shown; the first is the default.
OF_TIME: dict[str, Callable[[Function], Any]] = {"time": by_time, "hits": by_hits, "name": by_name, "file": by_file}
OF_MEMORY: dict[str, Callable[[Function], Any]] = {
    "growth": by_growth,
    "peak": by_peak,
    "hits": by_hits,
    "name": by_name,
    "file": by_file,
}


class Report:
    """Sums up what a line monitor sees; natively, without a record for each line.

    count: how many functions to show at most; None for the default. sort: a key of the order. everything: show the functions of
    others, too, and cheap lines."""

    def __init__(
        self, reads_memory: bool, count: int | None = None, sort: str | None = None, everything: bool = False
    ) -> None:
        # What the tables take, and no other run of pikos-run does. Now: by the end the program may have changed where modules come from.
        import linecache  # noqa: F401
        import unicodedata  # noqa: F401

        self.reads_memory = reads_memory
        self.count = count
        self.everything = everything
        orders = OF_MEMORY if reads_memory else OF_TIME
        self.order = orders[sort or next(iter(orders))]
        self.native = _LineReport()
        #: The program may change it.
        self.folder = os.path.join(os.getcwd(), "")

    def attach_to(self, monitor: Any) -> None:
        """Have the monitor report here, not record."""
        monitor._report = self.native

    def write(self, stream: TextIO, run: Circumstances, paper: Paper) -> None:
        """Write the head, and a table for each function that is chosen."""
        # A generator that is dropped is entered, and left, without a line of it.
        seen = [function for function in map(Function._make, self.native.rows()) if function.lines]
        # Who names functions wants these, whosever they are.
        shows_others = self.everything or bool(run.focus)
        mine = seen if shows_others else own_functions(seen)
        table = (MemoryTable if self.reads_memory else TimeTable)(paper, shows_cheap=shows_others)
        # Of the body of a class, as a rule, there is nothing to be told.
        least = CHEAP * max((table.whole(each.lines) for each in mine), default=0)
        worth = [each for each in mine if not each.is_body or shows_others or table.whole(each.lines) >= least]
        worth.sort(key=self.order)
        count = self.count if self.count is not None else len(worth) if shows_others else FUNCTIONS
        chosen = worth[:count]
        took = f" in {duration(run.elapsed)} with the monitor"
        program = paper.cut(shown(run.program), len("Ran ") + len(took))
        stream.write(paper.bold(f"Ran {program}{took}") + "\n")
        for sentence in self.left_out(len(seen) - len(mine), len(mine) - len(worth), len(worth), len(chosen)):
            stream.write(paper.wrapped(sentence))
        if run.threads_missed and seen:
            threads = counted(run.threads_missed, "other thread")
            stream.write(paper.wrapped(f"{threads} {was(run.threads_missed)} not watched: --threads"))
        if not seen:
            stream.write(paper.wrapped(nothing_seen(run)))
        for function in chosen:
            stream.write("\n")
            table.write(
                stream, function.name, f"{function.filename.removeprefix(self.folder)}:{function.first}", function
            )

    def left_out(self, others: int, bodies: int, worth: int, chosen: int) -> list[str]:
        """What is not shown, and how to see it."""
        sentences = []
        if chosen < worth:
            sentences.append(f"The first {chosen} of {counted(worth, 'function')}: -n {worth} shows all")
        hidden = []
        if others:
            hidden.append(f"{counted(others, 'function')} of others")
        if bodies:
            hidden.append(f"{counted(bodies, 'module or class body', 'module and class bodies')} of cheap lines")
        if hidden:
            sentences.append(f"{' and '.join(hidden)} {was(others + bodies, 'is', 'are')} not shown: --all")
        return sentences


def nothing_seen(run: Circumstances) -> str:
    """Why there is nothing to show, and what to do."""
    where = f"{', '.join(run.focus)} ran" if run.focus else "what it looks at ran"
    if run.threads_missed and run.is_certain:
        threads = "another thread" if run.threads_missed == 1 else f"{run.threads_missed} other threads"
        return f"No line was executed where the monitor looked: {where} in {threads}. Add --threads to watch them."
    if run.threads_missed:
        threads = f"{counted(run.threads_missed, 'other thread')} ran"
        return (
            "No line was executed where the monitor looked: it watched the main thread only, and "
            f"{threads}. Add --threads to watch all."
        )
    missed = f": {', '.join(run.focus)} did not run" if run.focus else ""
    return f"No line was executed where the monitor looked{missed}."


def counted(number: int, noun: str, nouns: str = "") -> str:
    """``1 function``, ``2,000 functions``."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def was(number: int, one: str = "was", more: str = "were") -> str:
    return one if number == 1 else more


def duration(time: float) -> str:
    """As a person says it."""
    if time < 1:
        return f"{1e3 * time:.0f} ms"
    return f"{time:.2f} s" if time < 60 else f"{int(time // 60)} min {time % 60:.0f} s"
