"""What a notebook shows of a profile: a table, and where stacks are known the page with their flame graph, in a frame that can
do nothing but draw."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from pikos._rows import Node, Row

if TYPE_CHECKING:
    from pikos._lsprof import _Metadata, _StoredProfile

#: A table longer than this is for a program, not for a page.
MOST_ROWS = 50

#: Of the frame, in pixels: of one level, of what is above the graph, and what it has at least and at most.
LEVEL, ABOVE, LOWEST, HIGHEST = 22, 220, 400, 600

#: How often it is in a second, and its name.
UNITS = ((1, "s"), (1e3, "ms"), (1e6, "µs"), (1e9, "ns"))

#: A page of more bytes isn't kept in a notebook, which has each of its outputs for good.
LARGEST_PAGE = 2_000_000

STYLE = """<style>
.pikos-table td, .pikos-table th { text-align: right; font-variant-numeric: tabular-nums; }
.pikos-table td:last-child, .pikos-table th:last-child { text-align: left; }
.pikos-table small { opacity: 0.65; }
.pikos-table .bar { background: linear-gradient(to left, #e8743b66 var(--part), transparent var(--part)); }
</style>"""


def shown(profile: _StoredProfile) -> str:
    """The table of a profile, or of some of its rows."""
    rows = [Row(*row) for row in profile.slice(0, min(MOST_ROWS, len(profile))).rows()]
    return table(profile.metadata(), rows, len(profile))


def shown_whole(profile: _StoredProfile) -> str:
    """The table of a profile, and its flame graph if it is whole and has stacks."""
    nodes = profile.tree() if len(profile) == profile.metadata()["functions"] else None
    if not nodes:
        return shown(profile)
    page = profile.dumps("html")
    if len(page) > LARGEST_PAGE:
        return f"{shown(profile)}<p>The flame graph is large: <code>export('profile.html')</code> writes it.</p>"
    return shown(profile) + flame_graph(page, height_for([Node(*node) for node in nodes]))


def table(facts: _Metadata, shown: list[Row], count: int) -> str:
    """Rows, at most MOST_ROWS of ``count``, with a bar for each function's own part of all time."""
    unit = "s" if facts["unit"] == "seconds" else facts["unit"]
    whole = facts["tottime"]
    rows = "".join(table_row(row, whole, unit == "s") for row in shown)
    left_out = count - len(shown)
    more = f"<p>… and {left_out} more</p>" if left_out else ""
    counted = "" if facts["ncalls"] is None else f"{facts['ncalls']:,} calls of "
    compensated = ", without what recording took" if facts["compensated"] else ""
    return (
        f"{STYLE}<p>{counted}{facts['functions']:,} functions in {whole:.3f} {escape(unit)}"
        f"{compensated}</p>"
        f'<table class="pikos-table"><thead><tr><th>ncalls</th><th>tottime&nbsp;({escape(unit)})</th><th>per call</th>'
        f"<th>cumtime&nbsp;({escape(unit)})</th><th>per call</th><th>function</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>{more}"
    )


def table_row(row: Row, whole: float, in_seconds: bool) -> str:
    part = max(0.0, min(1.0, row.tottime / whole)) if whole > 0 else 0.0
    calls = "-" if row.ncalls is None else str(row.ncalls)
    if row.ncalls != row.primitive_calls:
        calls += f"/{row.primitive_calls}"
    name = escape(readable(name_of(row)))
    place = escape(readable(f"{row.file}:{row.line}"))
    where = "" if (row.file, row.line) == ("~", 0) else f' <small title="{place}">{short(row)}</small>'
    return (
        f"<tr><td>{calls}</td>"
        f'<td class="bar" style="--part: {part:.1%}">{row.tottime:.6f}</td>'
        f"<td>{per_call(row.tottime, row.ncalls, in_seconds)}</td><td>{row.cumtime:.6f}</td>"
        f"<td>{per_call(row.cumtime, row.primitive_calls, in_seconds)}</td><td><code>{name}</code>{where}</td></tr>"
    )


def name_of(row: Row) -> str:
    """As the other views have it: a built-in is in braces."""
    name = row.qualname or row.name
    if (row.file, row.line) == ("~", 0) and name[:1] == "<" and name[-1:] == ">":
        return f"{{{name[1:-1]}}}"
    return name


def short(row: Row) -> str:
    """The file without its folder; with it where all packages have a file of that name."""
    parts = row.file.replace("\\", "/").split("/")
    count = 2 if parts[-1] in ("__init__.py", "__main__.py") else 1
    return escape(readable(f"{'/'.join(parts[-count:])}:{row.line}"))


def per_call(seconds: float, calls: int | None, in_seconds: bool) -> str:
    """In a unit that fits."""
    if not calls:
        return ""
    each = seconds / calls
    return in_unit(each).replace(" ", "&nbsp;") if in_seconds else f"{each:.6g}"


def in_unit(seconds: float) -> str:
    """``12.5 ms``"""
    if seconds == 0:
        return "0"
    scale, unit = next((found for found in UNITS if seconds * found[0] >= 1), UNITS[-1])
    number = seconds * scale
    digits = 2 if number < 10 else 1 if number < 100 else 0
    return f"{number:.{digits}f} {unit}"


def readable(text: str) -> str:
    """Without the lone surrogates of file names that are not UTF-8: no page can hold them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def flame_graph(page: bytes, height: int = HIGHEST) -> str:
    """The flame graph as a frame without rights: no access to the notebook, its cookies, or the network's answers. page: a
    profile in the format "html"."""
    return (
        f'<iframe sandbox="allow-scripts" srcdoc="{escape(page.decode())}" title="flame graph" '
        f'style="width: 100%; height: {height}px; border: 0; resize: vertical; overflow: auto"></iframe>'
    )


def height_for(tree: list[Node] | None) -> int:
    """How high the frame is to be, in pixels: the page can't say, since it has no rights."""
    depths: list[int] = []
    for node in tree or ():
        depths.append(1 if node.parent is None else depths[node.parent] + 1)
    if not depths:
        return HIGHEST
    return max(LOWEST, min(HIGHEST, ABOVE + LEVEL * max(depths)))
