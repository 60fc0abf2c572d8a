"""One function of the report of lines: each line with its figures and its source.

In a terminal costly lines stand out and the others step back; in a pipe it is the same table, plain and not cut.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from pikos._lsprof import _shown as shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO


class Line(NamedTuple):
    """A line that was executed; in a report of functions, one of them. Seconds and bytes."""

    number: int
    hits: int
    time: float
    own_time: float  #: without what other lines of the user's took meanwhile
    growth: int
    own: int  #: likewise
    spike: int  #: the most in use for a while, beyond what there was before and after
    own_spike: int  #: likewise
    peak: int
    waited: float  #: how long a coroutine was suspended at it


class Function(NamedTuple):
    """A function, or the body of a module or a class, and the lines of it that were executed."""

    name: str
    filename: str
    first: int
    #: "function", "body" of a module or a class, "generator" or "coroutine".
    kind: str
    lines: list[Line]

    @property
    def is_body(self) -> bool:
        return self.kind == "body"

    def most(self, figure: Callable[[Line], float]) -> float:
        """The greatest of a figure."""
        return max((figure(line) for line in self.lines), default=0)

    def sum(self, figure: Callable[[Line], float]) -> float:
        """All of it."""
        return sum(figure(line) for line in self.lines)


KIB, MIB = 1 << 10, 1 << 20
#: A line with this share of its function's cost is hot ...
HOT = 0.2
#: ... and one with this is warm.
WARM = 0.05
#: In the body of a module or a class, a line that ran once and cost less than this share is left out: an import, a ``def``.
CHEAP = 0.01
#: Less memory is nothing to be coloured: pages come and go by themselves.
LEAST_MEMORY = MIB
#: So many lines in a row that were not executed are shown.
MOST_UNSEEN = 4
#: A terminal that is less wide has fewer columns: the source needs room.
NARROW = 76
#: How far a hot line's bar goes.
BAR = 8
#: Seconds and bytes, with their names, the largest first.
TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
SIZES = ((KIB**3, "GiB"), (MIB, "MiB"), (KIB, "KiB"))


def scaled(figure: float, units: Sequence[tuple[float, str]]) -> tuple[float, str]:
    """A figure in the largest unit that it has one of; of what has none, the smallest."""
    fitting = next((unit for unit in units if figure >= unit[0] * 0.9995), units[-1])
    return figure / fitting[0], fitting[1]


def three_digits(number: float) -> str:
    return f"{number:.{2 if number < 9.995 else 1 if number < 99.95 else 0}f}"


def duration(seconds: float) -> str:
    """``4.51 us``, ``12.3 ms``, ``2.04 s``; in full from a thousand seconds on."""
    if seconds <= 0:
        return "0"
    number, unit = scaled(seconds, TIMES)
    return f"{number:,.0f} {unit}" if number >= 999.5 or unit == "ns" else f"{three_digits(number)} {unit}"


def size(bytes_: float) -> str:
    """``340.6 MiB``, ``12.0 KiB``."""
    if abs(bytes_) < 1:
        return "0"
    number, unit = scaled(abs(bytes_), SIZES)
    digits = 2 if unit == "GiB" else 1 if unit == "MiB" else 0
    return f"{'-' if bytes_ < 0 else ''}{number:,.{digits}f} {unit}"


def change(bytes_: float) -> str:
    """The same with its sign."""
    return f"+{size(bytes_)}" if bytes_ >= 1 else size(bytes_)


class Paper:
    """What the report is written on. width: where lines are cut; None for a file or a pipe."""

    def __init__(self, width: int | None = None, has_colours: bool = False, has_blocks: bool = False) -> None:
        self.width = width
        self.has_colours = has_colours
        self.has_blocks = has_blocks

    def styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.has_colours and code and text else text

    def bold(self, text: str) -> str:
        return self.styled(text, "1")

    def dim(self, text: str) -> str:
        return self.styled(text, "2")

    def wrapped(self, sentence: str) -> str:
        """A sentence, in lines that fit."""
        lines = [""]
        for word in sentence.split(" "):
            longer = f"{lines[-1]} {word}" if lines[-1] else word
            if self.width is None or columns(longer) <= self.width or not lines[-1]:
                lines[-1] = longer
            else:
                lines.append(word)
        return "\n".join(lines) + "\n"

    def cut(self, text: str, taken: int) -> str:
        """As much of it as there is room for, with ``taken`` columns before it."""
        if self.width is None:
            return text
        room = self.width - taken
        if room < 1:
            return ""
        if columns(text) <= room:
            return text
        kept = ""
        for letter in text:
            if columns(kept + letter) > room - 1:
                break
            kept += letter
        return kept + ("…" if self.has_blocks else ">")


class Column(NamedTuple):
    """A column of figures."""

    title: str
    width: int
    text: Callable[[Line, float], str]  #: of a line, and of its share of the function's cost
    is_for_all: bool  #: on a narrow terminal, too


class Table:
    """What the tables of time and of memory have in common."""

    def __init__(self, paper: Paper, shows_cheap: bool, skips_zero: bool = False) -> None:
        self.paper = paper
        self.shows_cheap = shows_cheap
        self.skips_zero = skips_zero
        self.is_narrow = paper.width is not None and paper.width < NARROW
        self.bar = BAR if paper.has_blocks and paper.width is not None and paper.width >= 110 else 0

    def all_columns(self) -> list[Column]:
        """All that there are."""
        raise NotImplementedError

    def shown_columns(self) -> list[Column]:
        return [column for column in self.all_columns() if column.is_for_all or not self.is_narrow]

    def heading(self, first: str = "hits") -> str:
        """Above the figures, with the places that they take."""
        figures = "".join(f" {column.title:>{column.width}}" for column in self.shown_columns())
        return f"{first:>10}{figures}"

    def figures(self, line: Line, share: float) -> str:
        """A line's columns, as wide as the heading."""
        figures = "".join(f" {column.text(line, share):>{column.width}}" for column in self.shown_columns())
        return f"{line.hits:>10}{figures}"

    def cost(self, line: Line) -> float:
        """What is weighed."""
        raise NotImplementedError

    def whole(self, function: Function) -> float:
        """What the function cost."""
        raise NotImplementedError

    def total(self, function: Function) -> str:
        """The function's figure."""
        raise NotImplementedError

    def says_nothing(self, line: Line) -> bool:
        """Whether all of its figures are zero."""
        raise NotImplementedError

    def summed(self, function: Function) -> Line:
        """A function as one line."""
        return Line(
            function.first,
            int(function.sum(lambda line: line.hits)),
            function.sum(lambda line: line.time),
            function.sum(lambda line: line.own_time),
            int(function.most(lambda line: line.growth)),
            int(function.sum(lambda line: line.own)),
            int(function.most(lambda line: line.spike)),
            int(function.most(lambda line: line.own_spike)),
            int(function.most(lambda line: line.peak)),
            function.sum(lambda line: line.waited),
        )

    def share(self, line: Line, whole: float) -> float:
        """The line's part of what its function cost."""
        return self.cost(line) / whole if whole > 0 else 0.0

    def is_cheap(self, line: Line, whole: float) -> bool:
        """Whether a line of a body says nothing."""
        return line.hits == 1 and self.cost(line) < CHEAP * whole

    def styled(self, text: str, share: float) -> str:
        return self.paper.styled(text, "1;31" if share >= HOT else "33" if share >= WARM else "")

    def write(self, stream: TextIO, function: Function, place: str) -> None:
        """One function's table. Lines that were not executed are shown, too, a few, between the first and the last that were."""
        import linecache

        paper = self.paper
        name, total = shown(function.name), self.total(function)
        place = paper.cut(shown(place), columns(name) + len(total) + 4)
        stream.write(f"{paper.bold(name)}  {paper.dim(place)}  {paper.bold(total)}\n")
        stream.write(paper.dim(f"{'line':>6} {self.heading()}{'':{self.bar + bool(self.bar)}}  source") + "\n")
        known = {line.number: line for line in function.lines}
        whole = self.whole(function)
        has_source = bool(linecache.getlines(function.filename))
        for numbers in self.stretches(function, whole, MOST_UNSEEN if has_source and not function.is_body else 0):
            if not numbers:
                stream.write(paper.dim("   ...") + "\n")
            for number in numbers:
                self.write_line(stream, number, function.filename, known.get(number), whole)
        if not has_source:
            stream.write(paper.dim("        the source is not to be had") + "\n")

    def write_list(self, stream: TextIO, functions: list[tuple[Function, str]], first: str) -> None:
        """A line for each function, with the places where they are. first: what is counted."""
        paper = self.paper
        stream.write(paper.dim(f"{self.heading(first)}  function") + "\n")
        whole = max((self.whole(function) for function, _ in functions), default=0)
        for function, place in functions:
            line = self.summed(function)
            share = self.share(line, whole)
            left = self.figures(line, share)
            name = shown(function.name)
            room = columns(left) + columns(name) + 4
            stream.write(
                f"{self.styled(left, share)}  {paper.bold(name)}  {paper.dim(paper.cut(shown(place), room))}\n"
            )

    def stretches(self, function: Function, whole: float, most_unseen: int) -> list[list[int]]:
        """The numbers of the lines to show, in runs; an empty one where lines are left out. most_unseen: so many lines in a row are
        shown that were not executed."""
        lines, first = function.lines, None if function.is_body else function.first
        folds = first is None and not self.shows_cheap and any(not self.is_cheap(line, whole) for line in lines)
        left_out = [
            (folds and self.is_cheap(line, whole)) or (self.skips_zero and self.says_nothing(line)) for line in lines
        ]
        kept = sorted(line.number for line, is_left_out in zip(lines, left_out, strict=True) if not is_left_out)
        if self.skips_zero:
            most_unseen = 0
        runs = [[kept[0]]] if kept else [[]]
        if first is not None and kept and first < kept[0]:
            runs = [[first]]
        for number in kept:
            last = runs[-1][-1]
            if number - last - 1 > most_unseen:
                runs += [[], [number]]
            else:
                runs[-1] += range(last + 1, number + 1)
        return runs

    def write_line(self, stream: TextIO, number: int, filename: str, line: Line | None, whole: float) -> None:
        """One line."""
        import linecache

        paper = self.paper
        source = shown(linecache.getline(filename, number).rstrip().expandtabs())
        share = 0.0 if line is None else self.share(line, whole)
        figures = " " * len(self.heading()) if line is None else self.figures(line, share)
        bar = "" if line is None else blocks(share, self.bar)
        left = f"{number:>6} {figures}" + (f" {bar:<{self.bar}}" if self.bar else "")
        text = f"{left}  {paper.cut(source, len(left) + 2)}".rstrip()
        stream.write((paper.dim(text) if line is None else self.styled(text, share)) + "\n")


class TimeTable(Table):
    """Hits and time. unit: of all times, in seconds; None for one that fits each. has_waited: whether there is a column of waiting."""

    def __init__(
        self,
        paper: Paper,
        shows_cheap: bool,
        skips_zero: bool = False,
        unit: float | None = None,
        has_waited: bool = False,
    ) -> None:
        super().__init__(paper, shows_cheap, skips_zero)
        self.unit = unit
        self.has_waited = has_waited
        width = 9 if unit is None else 13
        self.columns = [
            Column("time", width, lambda line, share: self.time(line.time), True),
            Column("own", width, lambda line, share: self.time(line.own_time), False),
            Column("per hit", 9, lambda line, share: self.time(line.time / line.hits), False),
            Column("%", 5, lambda line, share: f"{100 * share:.1f}", True),
        ]
        if has_waited:
            self.columns.append(Column("await", width, lambda line, share: self.time(line.waited), True))

    def all_columns(self) -> list[Column]:
        return self.columns

    def time(self, seconds: float) -> str:
        """A time as it is shown."""
        return duration(seconds) if self.unit is None else f"{seconds / self.unit:,.1f}"

    def cost(self, line: Line) -> float:
        return line.time

    def whole(self, function: Function) -> float:
        return function.sum(self.cost)

    def total(self, function: Function) -> str:
        total = self.time(self.whole(function))
        if function.kind == "coroutine" and self.has_waited:
            # Each of its lines' waits is one of its own; what it awaits waits meanwhile, in lines of its own.
            return f"{total}, await {self.time(function.sum(lambda line: line.waited))}"
        if function.kind == "coroutine":
            return f"{total} without waiting"
        return f"{total} while it ran" if function.kind == "generator" else total

    def says_nothing(self, line: Line) -> bool:
        return line.time == line.waited == 0


class MemoryTable(Table):
    """Hits, what the line has grown memory by, what it had in use for a while, and the most that was in use."""

    def __init__(self, paper: Paper, shows_cheap: bool, skips_zero: bool = False, tells_spikes: bool = True) -> None:
        super().__init__(paper, shows_cheap, skips_zero)
        self.tells_spikes = tells_spikes

    columns: ClassVar[list[Column]] = [
        Column("own", 10, lambda line, share: change(line.own), False),
        Column("growth", 10, lambda line, share: change(line.growth), True),
        Column("spike", 10, lambda line, share: change(line.spike), True),
        Column("peak", 10, lambda line, share: size(line.peak), False),
    ]

    def all_columns(self) -> list[Column]:
        return self.columns

    def shown_columns(self) -> list[Column]:
        return [column for column in super().shown_columns() if column.title != "spike" or self.tells_spikes]

    def cost(self, line: Line) -> float:
        # What it needed beyond what there was.
        return max(line.own, line.growth, 0) + line.spike

    def whole(self, function: Function) -> float:
        return function.most(self.cost)

    def share(self, line: Line, whole: float) -> float:
        return super().share(line, whole) if self.cost(line) >= LEAST_MEMORY else 0.0

    def total(self, function: Function) -> str:
        spike = function.most(lambda line: line.spike)
        parts = [change(function.most(lambda line: line.growth))]
        if spike >= LEAST_MEMORY:
            parts.append(f"spike {change(spike)}")
        return ", ".join([*parts, f"peak {size(function.most(lambda line: line.peak))}"])

    def says_nothing(self, line: Line) -> bool:
        return line.own == line.growth == line.spike == 0


def blocks(share: float, width: int) -> str:
    """A bar, in eighths of a column."""
    eighths = round(max(0.0, min(1.0, share)) * 8 * width)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8].strip())


def columns(text: str) -> int:
    """How many columns of a terminal it takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return len(text) + wide - sum(unicodedata.combining(letter) != 0 for letter in text)
