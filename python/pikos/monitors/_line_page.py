"""A report of lines as a page: one file, without scripts, light or dark as its reader's browser is.

Its colours are those of the page of ``pikos report`` (``page/src/page.css``).
"""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from pikos._lsprof import _shown as shown
from pikos.monitors._line_report import elapsed
from pikos.monitors._line_table import Paper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos.monitors._line_report import Chosen, Circumstances, Report
    from pikos.monitors._line_table import Function, Line, Table

#: Lines of a function that are shown at most around those that were executed, so that no page is made of a data file.
MOST_LINES = 3000

STYLE = """
:root {
  color-scheme: light dark;
  --page: light-dark(#faf9f7, #141517); --card: light-dark(#ffffff, #1b1c1f);
  --ink: light-dark(#1c1a17, #ece9e3); --soft: light-dark(#68645d, #a4a098); --faint: light-dark(#77736a, #938f88);
  --line: light-dark(#e6e3dd, #2c2d31); --hover: light-dark(#f3f1ec, #25262a);
  --accent: light-dark(#b45309, #f5a54a); --tint: light-dark(#fdf0dd, #3a2a14);
  --heat: light-dark(#e8743b, #d9622b);
  --mono: ui-monospace, "SF Mono", "JetBrains Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums; }
header, main { max-width: 1400px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 18px; }
main { padding-bottom: 48px; }
.brand { font-weight: 650; font-size: 12px; letter-spacing: .08em; text-transform: uppercase; color: var(--accent); margin: 0; }
h1 { font-size: 26px; line-height: 1.25; font-weight: 650; letter-spacing: -.015em; margin: 2px 0; overflow-wrap: anywhere; }
.under { color: var(--soft); margin: 0; }
.notes { margin: 18px 0 0; padding: 12px 18px 12px 34px; border-radius: 12px; background: var(--tint); }
.notes li { overflow-wrap: anywhere; }
.notes li::marker { color: var(--accent); }
.card { margin-top: 20px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; overflow-x: auto; }
h2 { font-size: 15px; font-weight: 620; margin: 0; padding: 12px 16px 8px; position: sticky; left: 0; }
h2 small { font-weight: 400; color: var(--soft); margin-left: 10px; }
table { border-collapse: collapse; width: 100%; }
th { font-weight: 500; font-size: 12px; color: var(--soft); border-bottom: 1px solid var(--line); }
th, td { text-align: right; padding: 2px 10px; white-space: nowrap; }
td.n { color: var(--faint); }
td.of, th.of { text-align: left; width: 100%; }
td.source { font-family: var(--mono); font-size: 13px; white-space: pre; tab-size: 4; }
td small { color: var(--soft); margin-left: 8px; }
tbody tr { background: color-mix(in srgb, var(--heat) calc(var(--part, 0) * 62%), transparent); }
tbody tr.list:hover { background: var(--hover); }
tbody tr.idle td { color: var(--faint); }
a { color: inherit; text-decoration-color: var(--faint); text-underline-offset: 3px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
@media print { .card { break-inside: avoid-page; } }
"""


class Shown(NamedTuple):
    """A function on the page."""

    function: Function
    place: str
    anchor: str


def page(report: Report, run: Circumstances, chosen: Chosen) -> str:
    """The page."""
    table = report.table(Paper())
    functions = [
        Shown(function, report.place(function), f"f{number}") for number, function in enumerate(chosen.functions)
    ]
    whole = report.wanted.of_functions or report.wanted.summary
    notes = "".join(f"<li>{text(note)}</li>" for note in chosen.notes)
    sections = "" if whole else "".join(section(table, each) for each in functions)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(run.program)} - Pikos</title><style>{STYLE}</style></head><body>"
        f'<header><p class="brand">Pikos · {"memory" if report.wanted.reads_memory else "time"} by '
        f"{'function' if whole else 'line'}</p><h1>{text(run.program)}</h1>"
        f'<p class="under">Ran in {elapsed(run.elapsed)} with the monitor</p>'
        f"{f'<ul class=notes>{notes}</ul>' if notes else ''}</header><main>"
        f"{overview(table, functions, whole, 'calls' if report.wanted.of_functions else 'hits')}{sections}</main></body></html>\n"
    )


def overview(table: Table, functions: list[Shown], whole: bool, count: str) -> str:
    """A row for each function. whole: there is nothing more of them."""
    if not functions:
        return ""
    most = max(table.whole(each.function) for each in functions)

    def row(each: Shown) -> str:
        line = table.summed(each.function)
        share = table.share(line, most)
        name = f"<code>{text(each.function.name)}</code>"
        name = name if whole else f'<a href="#{each.anchor}">{name}</a>'
        return f'<tr class="list" {heat(share)}>{cells(table, line, share)}<td class="of">{name} <small>{text(each.place)}</small></td></tr>'

    rows = "".join(map(row, functions))
    return f'<section class="card"><table>{heads(table, count, "")}<th class="of">function</th></tr></thead><tbody>{rows}</tbody></table></section>'


def section(table: Table, each: Shown) -> str:
    """A function with its source."""
    function = each.function
    known = {line.number: line for line in function.lines}
    whole = table.whole(function)
    first = min(known) if function.is_body else min(function.first, min(known))
    numbers = range(first, max(known) + 1)
    shown_numbers = sorted(known) if len(numbers) > MOST_LINES else list(numbers)
    rows = "".join(source_row(table, function, number, known.get(number), whole) for number in shown_numbers)
    return (
        f'<section class="card" id="{each.anchor}"><h2><code>{text(function.name)}</code><small>{text(each.place)}</small>'
        f"<small>{text(table.total(function))}</small></h2>"
        f'<table>{heads(table, "hits", "<th>line</th>")}<th class="of">source</th></tr></thead><tbody>{rows}</tbody></table></section>'
    )


def source_row(table: Table, function: Function, number: int, line: Line | None, whole: float) -> str:
    import linecache

    source = text(linecache.getline(function.filename, number).rstrip())
    if line is None:
        empty = "<td></td>" * (1 + len(table.shown_columns()))
        return f'<tr class="idle"><td class="n">{number}</td>{empty}<td class="of source">{source}</td></tr>'
    share = table.share(line, whole)
    return f'<tr {heat(share)}><td class="n">{number}</td>{cells(table, line, share)}<td class="of source">{source}</td></tr>'


def heads(table: Table, count: str, before: str) -> str:
    titles = "".join(f"<th>{column.title}</th>" for column in table.shown_columns())
    return f"<thead><tr>{before}<th>{count}</th>{titles}"


def cells(table: Table, line: Line, share: float) -> str:
    figures = "".join(f"<td>{column.text(line, share)}</td>" for column in table.shown_columns())
    return f"<td>{line.hits:,}</td>{figures}"


def heat(share: float) -> str:
    """How hot a row is."""
    return f'style="--part: {max(0.0, min(1.0, share)):.3f}"' if share > 0 else ""


def text(words: str) -> str:
    """As HTML: without what a page can't hold."""
    return escape(shown(words).encode("utf-8", "replace").decode("utf-8"))
