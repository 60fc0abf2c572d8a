"""A terminal's screen as an SVG picture, with its colours, light or dark.

`Screen` is the tests' terminal that also remembers how each cell looks. `svg` draws it. Letters are text; blocks, frames
and the dots of charts are drawn as shapes, since fonts leave gaps between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from re import Match

from terminal import Terminal

WIDE, HIGH = 9, 19  # of a cell, in pixels
MARGIN, TITLE = 18, 40
BASELINE = 14
FONT = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, "Liberation Mono", monospace'


@dataclass(frozen=True)
class Look:
    """How a cell is drawn: numbers of the terminal's sixteen colours, None for its own."""

    ink: int | None = None
    paper: int | None = None
    bold: bool = False
    dim: bool = False
    underlined: bool = False
    reversed: bool = False


@dataclass(frozen=True)
class Theme:
    """The colours of a terminal: its own ink and paper, its sixteen, and the frame around it."""

    ink: str
    paper: str
    frame: str
    faint: str
    colours: Sequence[str]


LIGHT = Theme(
    ink="#24292f",
    paper="#ffffff",
    frame="#d0d7de",
    faint="#57606a",
    colours="#24292f #cf222e #116329 #7d4e00 #0550ae #8250df #1b7c83 #6e7781"
    " #6e7781 #a40e26 #1a7f37 #9a6700 #0969da #8250df #3192aa #24292f".split(),
)
DARK = Theme(
    ink="#d7dce2",
    paper="#0d1117",
    frame="#30363d",
    faint="#8b949e",
    colours="#484f58 #ff7b72 #3fb950 #d29922 #58a6ff #bc8cff #39c5cf #b1bac4"
    " #7d8590 #ffa198 #56d364 #e3b341 #79c0ff #d2a8ff #56d4dd #ffffff".split(),
)


class Screen(Terminal):
    """A program in a terminal, whose cells' looks are kept."""

    def __init__(
        self,
        command: Sequence[str],
        width: int,
        height: int,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> None:
        self.look = Look()
        self.looks = [[Look()] * width for _ in range(height)]
        super().__init__(command, width, height, env, cwd)

    def _put(self, character: str) -> None:
        if self.is_alternate and self.y < self.height and self.x < self.width:
            self.looks[self.y][self.x] = self.look
        super()._put(character)

    def _obey(self, match: Match[str]) -> None:
        super()._obey(match)
        if match["final"] == "m":
            self.look = looked(self.look, [int(number or 0) for number in match["numbers"].split(";")])
        elif match["final"] == "J" or match["numbers"] == "1049":
            self.looks = [[Look()] * self.width for _ in range(self.height)]


def looked(look: Look, numbers: list[int]) -> Look:
    """The look after a sequence of the kind `ESC [ numbers m`."""
    while numbers:
        number = numbers.pop(0)
        if number == 0:
            look = Look()
        elif number in (38, 48):
            kind, colour = numbers.pop(0), numbers.pop(0)
            if kind != 5 or colour > 15:
                raise ValueError("a colour that is none of the terminal's sixteen")
            look = replace(look, ink=colour) if number == 38 else replace(look, paper=colour)
        elif 30 <= number <= 37:
            look = replace(look, ink=number - 30)
        elif 90 <= number <= 97:
            look = replace(look, ink=number - 82)
        elif number == 39:
            look = replace(look, ink=None)
        elif number == 49:
            look = replace(look, paper=None)
        elif number in (1, 2, 22):
            look = replace(look, bold=number == 1 or (look.bold and number == 2), dim=number == 2)
        elif number == 59:
            pass  # lines are as the text
        elif number in (4, 24):
            look = replace(look, underlined=number == 4)
        elif number in (7, 27):
            look = replace(look, reversed=number == 7)
        else:
            raise ValueError(f"a look that can't be drawn: {number}")
    return look


def svg(screen: Screen, title: str, theme: Theme) -> str:
    """The picture of a screen as it is now, in a window with a title."""
    width = screen.width * WIDE + 2 * MARGIN
    height = screen.height * HIGH + TITLE + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(title)}">',
        f"<style>text {{ font: 15px {FONT}; white-space: pre; fill: {theme.ink} }} .b {{ font-weight: 700 }} "
        f".d {{ opacity: 0.6 }} .u {{ text-decoration: underline }} .s {{ shape-rendering: crispEdges }}</style>",
        f'<rect x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="9" fill="{theme.paper}" '
        f'stroke="{theme.frame}"/>',
        *(f'<circle cx="{22 + 20 * n}" cy="20" r="6" fill="{theme.frame}"/>' for n in range(3)),
        f'<text x="{width / 2:g}" y="25" text-anchor="middle" style="font-size: 13px; fill: {theme.faint}">'
        f"{escape(title)}</text>",
        f'<g transform="translate({MARGIN} {TITLE})">',
    ]
    for y, (cells, looks) in enumerate(zip(screen.cells, screen.looks, strict=True)):
        for look, run in groupby(range(screen.width), looks.__getitem__):
            columns = list(run)
            parts += line(cells[columns[0] : columns[-1] + 1], columns[0], y, look, theme)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def line(cells: Sequence[str], x: int, y: int, look: Look, theme: Theme) -> Iterator[str]:
    """Cells of one look beside each other."""
    ink = theme.ink if look.ink is None else theme.colours[look.ink]
    paper = theme.paper if look.paper is None else theme.colours[look.paper]
    if look.reversed:
        ink, paper = paper, ink
    if paper != theme.paper:
        yield (
            f'<rect class="s" x="{x * WIDE}" y="{y * HIGH}" width="{len(cells) * WIDE}" height="{HIGH}" fill="{paper}"/>'
        )
    classes = " ".join(name for name, on in (("b", look.bold), ("d", look.dim), ("u", look.underlined)) if on)
    style = (f' class="{classes}"' if classes else "") + (f' style="fill: {ink}"' if ink != theme.ink else "")
    at = 0
    while at < len(cells):
        end = at
        shapes = ""
        while end < len(cells) and (drawn := shape(cells[end], (x + end) * WIDE, y * HIGH)):
            shapes += drawn
            end += 1
        if shapes:
            yield f'<g fill="{ink}">{shapes}</g>'
            at = end
            continue
        # Text goes on over single spaces only, so that columns stay where they are in any font.
        while end < len(cells) and not shape(cells[end], 0, 0) and cells[end : end + 2] != [" ", " "]:
            end += 1
        text = "".join(cells[at:end])
        if text.strip():
            length = f'textLength="{(end - at) * WIDE}" lengthAdjust="spacingAndGlyphs"'
            place = f'x="{(x + at) * WIDE}" y="{y * HIGH + BASELINE}"'
            yield f"<text {place} {length}{style}>{escape(text, quote=False)}</text>"
        at = max(end, at + 1)


# Which sides of a cell its lines lead to: left, right, up, down.
LINES = {
    "─": "lr",
    "│": "ud",
    "┌": "rd",
    "┐": "ld",
    "└": "ru",
    "┘": "lu",
    "├": "rud",
    "┤": "lud",
    "┬": "lrd",
    "┴": "lru",
    "┼": "lrud",
}
# The dots of a braille character by their bits: column, row.
DOTS = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]


def shape(character: str, x: int, y: int) -> str:
    """A character that is drawn, or nothing for one that is text."""
    code = ord(character) if len(character) == 1 else 0
    if 0x2588 <= code <= 0x258F:
        return rectangle(x, y, WIDE * (0x2590 - code) / 8, HIGH)
    if 0x2581 <= code <= 0x2587:
        part = HIGH * (code - 0x2580) / 8
        return rectangle(x, y + HIGH - part, WIDE, part)
    if code == 0x2580:
        return rectangle(x, y, WIDE, HIGH / 2)
    if 0x2591 <= code <= 0x2593:
        return f'<g opacity="{0.25 * (code - 0x2590):g}">{rectangle(x, y, WIDE, HIGH)}</g>'
    if 0x2801 <= code <= 0x28FF:
        return "".join(
            f'<circle cx="{x + WIDE * (1 + 2 * column) / 4:g}" cy="{y + HIGH * (1 + 2 * row) / 8:g}" r="1.5"/>'
            for bit, (column, row) in enumerate(DOTS)
            if code >> bit & 1
        )
    arms = {
        "l": rectangle(x, y + HIGH // 2, WIDE // 2 + 1, 1),
        "r": rectangle(x + WIDE // 2, y + HIGH // 2, WIDE - WIDE // 2, 1),
        "u": rectangle(x + WIDE // 2, y, 1, HIGH // 2 + 1),
        "d": rectangle(x + WIDE // 2, y + HIGH // 2, 1, HIGH - HIGH // 2),
    }
    return "".join(arms[arm] for arm in LINES.get(character, ""))


def rectangle(x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="s" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"/>'
