"""How a run is told of."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pikos._web.columns import columns

if TYPE_CHECKING:
    from pikos.plugins._tests.comparison import Change, Comparison
    from pikos.plugins._tests.folder import Test
    from pikos.stats import Profile

#: Columns that the name of a function may take, with what stands beside it: at least, so that it tells something, and at most.
LEAST_PLACE, MOST_PLACE = 20, 44
#: Columns that the figures before it take.
FIGURES = 22
#: Functions of the whole run, and changed tests.
FUNCTIONS, CHANGES = 5, 20


def slowest(tests: dict[str, Test], count: int, width: int) -> list[str]:
    """A line for each of the slowest tests. width: of the terminal."""
    chosen = sorted(tests.items(), key=lambda item: (-item[1].seconds, item[0]))[:count]
    room = width - FIGURES - max(len(name) for name, _ in chosen)
    rows = [[seconds(test.seconds), f"{test.calls:,}", place(test, room), name] for name, test in chosen]
    return columns([["time", "calls", "most of it in", "test"], *rows], right=2)


def place(test: Test, room: int) -> str:
    if test.at is None:
        return "–"
    return shortened(f"{100 * test.share:.0f} % {test.at}", room)


def functions(whole: Profile, width: int) -> list[str]:
    """Where the time of the run went, function by function. width: of the terminal."""
    total = whole.metadata["tottime"]
    rows: list[list[str]] = []
    for row in whole.sort("tottime").top(FUNCTIONS):
        share = f"{100 * row.tottime / total:.0f} %" if total > 0 else ""
        where = "" if row.file == "~" else f"{'/'.join(row.file.replace(os.sep, '/').split('/')[-2:])}:{row.line}"
        name = row.qualname or row.name
        name = f"{{{name[1:-1]}}}" if row.file == "~" and name[:1] == "<" else name
        rows.append([share, seconds(row.tottime), f"{row.ncalls or 0:,}", name, where])
    room = width - FIGURES - max((len(cells[-1]) for cells in rows), default=0)
    for cells in rows:
        cells[3] = shortened(cells[3], room)
    return columns([["", "itself", "calls", "function", ""], *rows], right=3)


def changes(comparison: Comparison, limit: float | None) -> list[str]:
    """What became more expensive; with the functions that are called more often."""
    if limit is not None:
        shown = comparison.above(limit)
    else:
        shown = [each for each in comparison.changes if each.share > 0]
    lines = []
    for change in shown[:CHANGES]:
        lines.append(f"{percent(change.share):>9}  {figures(change, comparison.by)}  {change.test}")
        called = [f"+{count:,} {name}" for name, count in comparison.functions(change)]
        if called:
            lines.append(f"{'':11}{', '.join(called)}")
    if len(shown) > CHANGES:
        lines.append(f"… and {len(shown) - CHANGES:,} more")
    return lines


def sentence(comparison: Comparison) -> str:
    """How many became what."""
    more = sum(each.share > 0 for each in comparison.changes)
    less = sum(each.share < 0 for each in comparison.changes)
    same = len(comparison.changes) - more - less
    words = ("more calls", "fewer", "as many") if comparison.by == "calls" else ("longer", "faster", "as long")
    parts = [f"{words[0]} in {more:,}, {words[1]} in {less:,}, {words[2]} in {same:,}"]
    if comparison.new:
        parts.append(f"{len(comparison.new):,} new")
    if comparison.gone:
        parts.append(f"{len(comparison.gone):,} not in this run")
    if comparison.left_out:
        why = (
            "didn't pass both times" if comparison.by == "calls" else "didn't pass both times, or take less than 10 ms"
        )
        parts.append(f"{comparison.left_out:,} not compared, which {why}")
    return f"of {len(comparison.after.tests):,} tests: {'; '.join(parts)}"


def figures(change: Change, by: str) -> str:
    if by == "calls":
        return f"{change.before:,.0f} → {change.after:,.0f} calls"
    return f"{seconds(change.before)} → {seconds(change.after)}"


def percent(share: float) -> str:
    return "from none" if share == float("inf") else f"{100 * share:+,.1f} %"


def seconds(value: float) -> str:
    if value >= 1:
        return f"{value:,.2f} s"
    return f"{1000 * value:.1f} ms" if value >= 0.001 else f"{1e6 * value:.0f} µs"


def shortened(text: str, width: int) -> str:
    width = max(LEAST_PLACE, min(MOST_PLACE, width))
    return text if len(text) <= width else text[: width - 1] + "…"
