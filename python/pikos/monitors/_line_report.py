"""The report of ``pikos-run … --report``: the costliest functions, each line with its source.

what ran, and what is not shown
function  file:line  time or memory
    line, hits, figures, source

Of functions, and with ``--summary``, it is one line for each. The same as JSON, CSV and a page: `_line_forms`.
"""

from __future__ import annotations

import io
import os
import re
import sys
from typing import NamedTuple

from pikos._lsprof import _LineReport, _own_files
from pikos._lsprof import _shown as shown
from pikos.monitors._line_table import (
    CHEAP,
    LEAST_MEMORY,
    Function,
    Line,
    MemoryTable,
    Paper,
    TimeTable,
    duration,
    size,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO

    from pikos.monitors._line_table import Table

#: As many functions are shown where nobody says how many; and as many lines of functions.
FUNCTIONS = 20
LISTED = 40

#: Of so many lines it is said which objects they made, and of so many types.
LINES_WITH_TYPES = 6
TYPES = 3

#: In what form a report can be had, by the ends of files' names; the first is the default.
FORMS = {"text": "", "json": ".json", "csv": ".csv", "html": ".html"}


def form_of(filename: str) -> str:
    """What the name of a file says."""
    return next((form for form, end in FORMS.items() if end and filename.endswith(end)), "text")


def own_functions(functions: list[Function], command: str) -> list[Function]:
    """Those of the user's own code, of a run of this command; all, if none is."""
    files = [function.filename for function in functions]
    own = [function for function, is_own in zip(functions, _own_files(files, command), strict=True) if is_own]
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
    return -function.sum(lambda line: line.time)


def by_own_time(function: Function) -> float:
    return -function.sum(lambda line: line.own_time)


def by_spike(function: Function) -> tuple[float, ...]:
    # A spike is in all that called the line: that line comes first.
    own = function.most(lambda line: line.own_spike)
    return -own if own >= LEAST_MEMORY else 0, -function.most(lambda line: line.spike), by_growth(function)


def by_growth(function: Function) -> float:
    return -function.most(lambda line: line.growth)


def by_own_growth(function: Function) -> float:
    return -function.sum(lambda line: line.own)


def by_peak(function: Function) -> tuple[float, ...]:
    return -function.most(lambda line: line.peak), -function.most(lambda line: line.own_spike), by_growth(function)


def by_hits(function: Function) -> float:
    return -function.sum(lambda line: line.hits)


def by_name(function: Function) -> tuple[str, str, int]:
    return function.name, function.filename, function.first


def by_file(function: Function) -> tuple[str, int]:
    return function.filename, function.first


#: In which order functions may be shown; the first is the default.
OF_TIME: dict[str, Callable[[Function], Any]] = {
    "time": by_time,
    "own": by_own_time,
    "hits": by_hits,
    "name": by_name,
    "file": by_file,
}
OF_MEMORY: dict[str, Callable[[Function], Any]] = {
    "spike": by_spike,
    "growth": by_growth,
    "own": by_own_growth,
    "peak": by_peak,
    "hits": by_hits,
    "name": by_name,
    "file": by_file,
}


class Wanted(NamedTuple):
    """What a report is to show."""

    reads_memory: bool
    #: Whether it is told of calls, not of lines.
    of_functions: bool = False
    #: How many functions at most; None for the default.
    most: int | None = None
    #: A key of the order; None for the default.
    sort: str | None = None
    #: Show the functions of others, too, and cheap lines.
    everything: bool = False
    #: Leave out what did nothing.
    skip_zero: bool = False
    #: One line for each function.
    summary: bool = False
    form: str = "text"
    #: Of all times, in seconds; None for one that fits each.
    unit: float | None = None
    #: The command that runs, as the interpreter has it: what ``-c`` runs is one's own.
    command: str = ""
    #: How the user says that everything is to be shown; empty if that can't be said.
    says_all: str = "--all"


class Chosen(NamedTuple):
    """What is shown of what was seen."""

    functions: list[Function]
    #: What is not shown, and what has to be known beside the figures, in sentences.
    notes: list[str]


class Report:
    """Sums up what a monitor sees; natively, without a record for each event. focus: the functions to watch; empty for all."""

    def __init__(self, wanted: Wanted, focus: list[str]) -> None:
        # What the tables take, and no other run of pikos-run does. Now: by the end the program may have changed where modules come from.
        import linecache  # noqa: F401
        import unicodedata  # noqa: F401

        self.wanted = wanted
        # Who names functions wants these, whosever they are.
        self.shows_others = wanted.everything or bool(focus)
        self.begin()
        #: What objects each line made, by file and line, in words; where these were counted.
        self.made: dict[tuple[str, int], list[str]] = {}
        #: The program may change it.
        self.folder = os.path.join(os.getcwd(), "")

    def begin(self) -> None:
        """Begin with nothing."""
        self.native = _LineReport(blames_callers=not self.shows_others)

    def watch_chosen(self) -> None:
        """From now on, what it sees was chosen by the user, whosever it is."""
        self.shows_others = True
        self.begin()

    def attach_to(self, monitor: Any) -> None:
        """Have the monitor report here, not record."""
        monitor._report = self.native

    def place(self, function: Function) -> str:
        """Where a function is."""
        return f"{function.filename.removeprefix(self.folder)}:{function.first}"

    def text(self, run: Circumstances, paper: Paper) -> str:
        """The report as text."""
        stream = io.StringIO()
        self.write(stream, run, self.choose(run), paper)
        return stream.getvalue()

    def table(self, paper: Paper) -> Table:
        """What writes the figures."""
        if self.wanted.reads_memory:
            return MemoryTable(paper, self.shows_others, self.wanted.skip_zero, self.native.tells_spikes)
        return TimeTable(paper, self.shows_others, self.wanted.skip_zero, self.wanted.unit, self.native.has_waited)

    def choose(self, run: Circumstances) -> Chosen:
        """The functions to show, in their order."""
        wanted = self.wanted
        rows = self.native.rows()
        seen = [Function(*row[:4], list(map(Line._make, row[4]))) for row in rows]
        # A generator that is dropped is entered, and left, without a line of it.
        seen = [function for function in seen if function.lines]
        mine = seen if self.shows_others else own_functions(seen, wanted.command)
        table = self.table(Paper())
        # Of the body of a class, as a rule, there is nothing to be told.
        least = CHEAP * max((table.whole(function) for function in mine), default=0)
        worth = [each for each in mine if not each.is_body or self.shows_others or table.whole(each) >= least]
        bodies = len(mine) - len(worth)
        if wanted.skip_zero:
            worth = [each for each in worth if not all(map(table.says_nothing, each.lines))]
        idle = len(mine) - bodies - len(worth)
        orders = OF_MEMORY if wanted.reads_memory else OF_TIME
        default = "growth" if wanted.reads_memory and not self.native.tells_spikes else next(iter(orders))
        worth.sort(key=orders[wanted.sort or default])
        some = LISTED if wanted.summary or wanted.of_functions else FUNCTIONS
        count = wanted.most if wanted.most is not None else len(worth) if self.shows_others else some
        if wanted.form != "text" and wanted.most is None:
            count = len(worth)
        chosen = worth[:count]
        notes = left_out(len(seen) - len(mine), bodies, idle, len(worth), len(chosen), wanted.says_all)
        if run.threads_missed and seen:
            threads = counted(run.threads_missed, "other thread")
            notes.append(f"{threads} {was(run.threads_missed)} not watched: --threads")
        if not seen:
            notes.append(nothing_seen(run, "function" if wanted.of_functions else "line"))
        if wanted.reads_memory:
            notes += self.about_memory(worth) + self.about_objects(chosen)
        elif not wanted.of_functions and not wanted.summary:
            notes += about_lines(chosen, self.native.has_waited)
        if wanted.unit is not None and not wanted.reads_memory:
            notes.append(f"Times are in units of {wanted.unit:g} s")
        return Chosen(chosen, notes)

    def about_memory(self, functions: list[Function]) -> list[str]:
        """The greatest spike; or why there is none."""
        if not self.native.tells_spikes:
            return ["This system doesn't tell what was in use within a line: there is no column of spikes"]
        lines = [(line, function) for function in functions for line in function.lines]
        line, function = max(lines, key=lambda pair: pair[0].own_spike, default=(None, None))
        if line is None or function is None or line.own_spike < LEAST_MEMORY:
            return []
        where = f"{shown(function.name)}  {self.place(function).rpartition(':')[0]}:{line.number}"
        most = max(line.peak for line, _ in lines)
        of_all = "the most of all" if line.peak == most else f"of {size(most)} at most"
        return [f"Greatest spike: {size(line.own_spike)} for a while, up to {size(line.peak)}, {of_all}, at {where}"]

    def about_objects(self, functions: list[Function]) -> list[str]:
        """Of the lines that grew the memory most, which types of objects they made."""
        lines = [(line, function) for function in functions for line in function.lines if line.own >= LEAST_MEMORY]
        lines.sort(key=lambda pair: -pair[0].own)
        notes = []
        for line, function in lines:
            made = self.made.get((function.filename, line.number))
            if made:
                place = f"{self.place(function).rpartition(':')[0]}:{line.number}"
                rest = f", and objects of {counted(len(made) - TYPES, 'more type')}" if len(made) > TYPES else ""
                notes.append(f"{place} grew by {size(line.own)} and made {', '.join(made[:TYPES])}{rest}")
        return notes[:LINES_WITH_TYPES]

    def write(self, stream: TextIO, run: Circumstances, chosen: Chosen, paper: Paper) -> None:
        """Write the head, and a table for each function that is chosen."""
        table = self.table(paper)
        took = f" in {elapsed(run.elapsed)} with the monitor"
        program = paper.cut(shown(run.program), len("Ran ") + len(took))
        stream.write(paper.bold(f"Ran {program}{took}") + "\n")
        for sentence in chosen.notes:
            stream.write(paper.wrapped(sentence))
        if self.wanted.of_functions or self.wanted.summary:
            if chosen.functions:
                stream.write("\n")
                listed = [(function, self.place(function)) for function in chosen.functions]
                table.write_list(stream, listed, "calls" if self.wanted.of_functions else "hits")
            return
        for function in chosen.functions:
            stream.write("\n")
            table.write(stream, function, self.place(function))


def left_out(others: int, bodies: int, idle: int, worth: int, chosen: int, says_all: str) -> list[str]:
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
        hint = f": {says_all}" if says_all else ""
        sentences.append(f"{' and '.join(hidden)} {was(others + bodies, 'is', 'are')} not shown{hint}")
    if idle:
        sentences.append(f"{counted(idle, 'function')} with nothing but zeros {was(idle, 'is', 'are')} not shown")
    return sentences


#: A comprehension or a generator expression that begins and ends in its line.
COMPREHENSION = re.compile(r"[\[({][^\[\](){}]*.*\bfor\b.+\bin\b.*[\])}]")


def about_lines(functions: list[Function], has_waited: bool) -> list[str]:
    """What has to be known beside the figures of these functions."""
    import linecache

    notes = []
    kinds = {function.kind for function in functions}
    if has_waited and "coroutine" in kinds:
        notes.append(
            "await is the time that coroutines were suspended at a line, all of them together; other times are without it"
        )
    elif kinds & {"generator", "coroutine"}:
        notes.append(
            "Times of generators and coroutines are those in which they ran, without those in which they waited"
        )
    if sys.version_info >= (3, 12):
        for function in functions:
            for line in function.lines:
                if line.hits > 1 and COMPREHENSION.search(linecache.getline(function.filename, line.number)):
                    notes.append("From Python 3.12 on each round of a comprehension within a line is one of its hits")
                    return notes
    return notes


def nothing_seen(run: Circumstances, what: str) -> str:
    """Why there is nothing to show, and what to do."""
    nothing = f"No {what} was executed where the monitor looked"
    where = f"{', '.join(run.focus)} ran" if run.focus else "what it looks at ran"
    if run.threads_missed and run.is_certain:
        threads = "another thread" if run.threads_missed == 1 else f"{run.threads_missed} other threads"
        return f"{nothing}: {where} in {threads}. Add --threads to watch them."
    if run.threads_missed:
        threads = f"{counted(run.threads_missed, 'other thread')} ran"
        return f"{nothing}: it watched the main thread only, and {threads}. Add --threads to watch all."
    missed = f": {', '.join(run.focus)} did not run" if run.focus else ""
    return f"{nothing}{missed}."


def counted(number: int, noun: str, nouns: str = "") -> str:
    """``1 function``, ``2,000 functions``."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def was(number: int, one: str = "was", more: str = "were") -> str:
    return one if number == 1 else more


def elapsed(time: float) -> str:
    """As a person says it."""
    if time < 0.01:
        return duration(time)
    if time < 1:
        return f"{1e3 * time:.0f} ms"
    return f"{time:.2f} s" if time < 60 else f"{int(time // 60)} min {time % 60:.0f} s"
