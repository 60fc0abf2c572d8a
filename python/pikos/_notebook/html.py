"""What a notebook shows of a profile: a table, and a flame graph in a frame that can do nothing but draw."""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pikos._lsprof import _Metadata
    from pikos._rows import Row

#: A table longer than this is for a program, not for a page.
MOST_ROWS = 50

STYLE = """<style>
.pikos-table td, .pikos-table th { text-align: right; font-variant-numeric: tabular-nums; }
.pikos-table td:last-child, .pikos-table th:last-child { text-align: left; }
.pikos-table .bar { background: linear-gradient(to left, #e8743b66 var(--part), transparent var(--part)); }
</style>"""


def table(facts: _Metadata, shown: list[Row], count: int) -> str:
    """Rows, at most MOST_ROWS of ``count``, with a bar for each function's own part of all time."""
    unit = "s" if facts["unit"] == "seconds" else facts["unit"]
    whole = facts["tottime"]
    rows = "".join(table_row(row, whole, facts["counts"] != "unknown") for row in shown)
    left_out = count - len(shown)
    more = f"<p>… and {left_out} more</p>" if left_out else ""
    compensated = ", without what recording took" if facts["compensated"] else ""
    return (
        f"{STYLE}<p>{facts['ncalls']} calls of {facts['functions']} functions in {whole:.3f} {escape(unit)}"
        f"{compensated}</p>"
        f'<table class="pikos-table"><thead><tr><th>ncalls</th><th>tottime&nbsp;({escape(unit)})</th><th>per call</th>'
        f"<th>cumtime&nbsp;({escape(unit)})</th><th>per call</th><th>function</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>{more}"
    )


def table_row(row: Row, whole: float, counted: bool) -> str:
    part = max(0.0, min(1.0, row.tottime / whole)) if whole > 0 else 0.0
    calls = str(row.ncalls) if row.ncalls == row.primitive_calls else f"{row.ncalls}/{row.primitive_calls}"
    name = escape(readable(row.qualname or row.name))
    place = escape(readable(f"{row.file}:{row.line}"))
    where = "" if (row.file, row.line) == ("~", 0) else f' <small title="{place}">{short(row)}</small>'
    return (
        f"<tr><td>{calls if counted else '-'}</td>"
        f'<td class="bar" style="--part: {part:.1%}">{row.tottime:.6f}</td>'
        f"<td>{per_call(row.tottime, row.ncalls)}</td><td>{row.cumtime:.6f}</td>"
        f"<td>{per_call(row.cumtime, row.primitive_calls)}</td><td><code>{name}</code>{where}</td></tr>"
    )


def short(row: Row) -> str:
    return escape(readable(f"{os.path.basename(row.file)}:{row.line}"))


def per_call(seconds: float, calls: int) -> str:
    return f"{seconds / calls:.6f}" if calls else ""


def readable(text: str) -> str:
    """Without the lone surrogates of file names that are not UTF-8: no page can hold them."""
    return text.encode("utf-8", "replace").decode("utf-8")


def flame_graph(page: bytes, height: int = 500) -> str:
    """The flame graph as a frame without rights: no access to the notebook, its cookies, or the network's answers. page: a
    profile in the format "html"."""
    return (
        f'<iframe sandbox="allow-scripts" srcdoc="{escape(page.decode())}" title="flame graph" '
        f'style="width: 100%; height: {height}px; border: 0"></iframe>'
    )
