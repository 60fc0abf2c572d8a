"""One function of the report of lines: each line with its figures and its source.

In a terminal costly lines stand out and the others step back; in a pipe it is the same table, plain and not cut.
"""

from __future__ import annotations

from pikos._lsprof import _shown as shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO, TypeAlias

    #: (line, hits, seconds, bytes grown by, most bytes in use)
    Line: TypeAlias = tuple[int, int, float, int, int]

MIB = 1 << 20
#: A line with this share of its function's cost is hot ...
HOT = 0.2
#: ... and one with this is warm.
WARM = 0.05
#: In the body of a module or a class, a line that ran once and cost less than this share is left out: an import, a ``def``.
CHEAP = 0.01
#: Growth by less is nothing to be coloured: pages come and go by themselves.
LEAST_GROWTH = MIB
#: So many lines in a row that were not executed are shown.
MOST_UNSEEN = 4
#: A terminal that is less wide has a column less: the source needs room.
NARROW = 72
#: How far a hot line's bar goes.
BAR = 8


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


class Table:
    """What the tables of time and of memory have in common."""

    def __init__(self, paper: Paper, shows_cheap: bool) -> None:
        self.paper = paper
        self.shows_cheap = shows_cheap
        self.is_narrow = paper.width is not None and paper.width < NARROW
        self.bar = BAR if paper.has_blocks and paper.width is not None and paper.width >= 100 else 0

    def heading(self) -> str:
        """Above the figures, with the places that they take."""
        raise NotImplementedError

    def cost(self, line: Line) -> float:
        """What is weighed."""
        raise NotImplementedError

    def whole(self, lines: list[Line]) -> float:
        """What the function cost."""
        raise NotImplementedError

    def total(self, lines: list[Line]) -> str:
        """The function's figure."""
        raise NotImplementedError

    def figures(self, line: Line, share: float) -> str:
        """A line's columns, as wide as the heading."""
        raise NotImplementedError

    def share(self, line: Line, whole: float) -> float:
        """The line's part of what its function cost."""
        return self.cost(line) / whole if whole > 0 else 0.0

    def is_cheap(self, line: Line, whole: float) -> bool:
        """Whether a line of a body says nothing."""
        return line[1] == 1 and self.cost(line) < CHEAP * whole

    def write(self, stream: TextIO, name: str, place: str, function: Any) -> None:
        """One function's table. Lines that were not executed are shown, too, a few, between the first and the last that were."""
        import linecache

        _, filename, first, is_body, lines = function
        paper = self.paper
        total = self.total(lines)
        place = paper.cut(shown(place), columns(shown(name)) + len(total) + 4)
        stream.write(f"{paper.bold(shown(name))}  {paper.dim(place)}  {paper.bold(total)}\n")
        stream.write(paper.dim(f"{'line':>6} {self.heading()}{'':{self.bar + bool(self.bar)}}  source") + "\n")
        known = {line[0]: line for line in lines}
        whole = self.whole(lines)
        most_unseen = MOST_UNSEEN if linecache.getlines(filename) and not is_body else 0
        for numbers in self.stretches(lines, whole, None if is_body else first, most_unseen):
            if not numbers:
                stream.write(paper.dim("   ...") + "\n")
            for number in numbers:
                self.write_line(stream, number, filename, known.get(number), whole)

    def stretches(self, lines: list[Line], whole: float, first: int | None, most_unseen: int) -> list[list[int]]:
        """The numbers of the lines to show, in runs; an empty one where lines are left out. first: the line of the ``def``; None
        for the body of a module or a class. most_unseen: so many lines in a row are shown that were not executed."""
        folds = first is None and not self.shows_cheap and any(not self.is_cheap(line, whole) for line in lines)
        kept = sorted(line[0] for line in lines if not (folds and self.is_cheap(line, whole)))
        runs = [[kept[0]]]
        if first is not None and first < kept[0]:
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
        if line is None:
            figures, bar, style = " " * len(self.heading()), "", "2"
        else:
            share = self.share(line, whole)
            figures, bar = self.figures(line, share), blocks(share, self.bar)
            style = "1;31" if share >= HOT else "33" if share >= WARM else ""
        left = f"{number:>6} {figures}" + (f" {bar:<{self.bar}}" if self.bar else "")
        source = paper.cut(source, len(left) + 2)
        stream.write(paper.styled(f"{left}  {source}".rstrip(), style) + "\n")


class TimeTable(Table):
    """Hits and time."""

    def heading(self) -> str:
        each = "" if self.is_narrow else f"{'us per hit':>12} "
        return f"{'hits':>10} {'seconds':>12} {each}{'%':>6}"

    def cost(self, line: Line) -> float:
        return line[2]

    def whole(self, lines: list[Line]) -> float:
        return seconds(lines)

    def total(self, lines: list[Line]) -> str:
        return f"{seconds(lines):.6f} s"

    def figures(self, line: Line, share: float) -> str:
        _, hits, time, _, _ = line
        each = "" if self.is_narrow else f"{1e6 * time / hits:>12.3f} "
        return f"{hits:>10} {time:>12.6f} {each}{100 * share:>6.1f}"


class MemoryTable(Table):
    """Hits, what the line has grown memory by, and the most that was in use at it."""

    def heading(self) -> str:
        return f"{'hits':>10} {'growth MiB':>12}" + ("" if self.is_narrow else f" {'peak MiB':>12}")

    def cost(self, line: Line) -> float:
        return line[3]

    def whole(self, lines: list[Line]) -> float:
        return growth(lines)

    def share(self, line: Line, whole: float) -> float:
        return super().share(line, whole) if line[3] >= LEAST_GROWTH else 0.0

    def total(self, lines: list[Line]) -> str:
        return f"{growth(lines) / MIB:+.1f} MiB"

    def figures(self, line: Line, share: float) -> str:
        _, hits, _, grown, peak = line
        return f"{hits:>10} {grown / MIB:>+12.3f}" + ("" if self.is_narrow else f" {peak / MIB:>12.1f}")


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


def seconds(lines: list[Line]) -> float:
    """What lines took together."""
    return sum(line[2] for line in lines)


def growth(lines: list[Line]) -> int:
    """The most that one of the lines grew memory by: what came and went again counts."""
    return max((line[3] for line in lines), default=0)
