"""Two profiles of one program, reduced to what must be equal, and the differences put into words.

Equal must be: the functions, each function's calls (all, and recursive ones) and each caller → callee edge's. What is
compared are the raw entries of `getstats()`, before functions of one label fall together: two lambdas on one line are
two rows here.

Times can't be equal. What must hold for them in any profile is in `time_faults`.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

# The profiler's own calls: Profile.enable and .disable, and whatever Python code surrounds them.
_OWN_FRAMES = re.compile(
    r"'_lsprof\.Profiler'|sys\.(monitoring\.|_?setprofile)|[/\\](cProfile|profiling[/\\]tracing[/\\]\w+|pikos[/\\]cprofile[/\\]\w+)\.py:"
)

Profile = dict[str, Any]
Row = tuple[str, ...]


def is_own_frame(function: str) -> bool:
    """Whether the profiler itself, not the program, made this call."""
    return _OWN_FRAMES.search(function) is not None


def functions(profile: Profile) -> Counter[tuple[Row, int, int]]:
    """How often each (function, ncalls, recursive calls) occurs."""
    return Counter(
        ((entry["function"],), entry["ncalls"], entry["recursive_calls"])
        for entry in profile["entries"]
        if not is_own_frame(entry["function"])
    )


def edges(profile: Profile) -> Counter[tuple[Row, int, int]]:
    """How often each (caller and callee, ncalls, recursive calls) occurs."""
    return Counter(
        ((entry["function"], call["function"]), call["ncalls"], call["recursive_calls"])
        for entry in profile["entries"]
        for call in entry["calls"] or ()
        if not is_own_frame(entry["function"]) and not is_own_frame(call["function"])
    )


def differences(control: Profile, subject: Profile, *, shown: int = 15) -> str:
    """What the subject counted otherwise than the control, in words; empty when nothing."""
    report = []
    for what, rows_of in (("functions", functions), ("caller edges", edges)):
        expected, got = rows_of(control), rows_of(subject)
        if expected == got:
            continue
        names = sorted({row[0] for row in (expected - got) + (got - expected)})
        report.append(f"{len(names)} of {len({row[0] for row in expected | got})} {what} differ (all/recursive calls):")
        for row in names[:shown]:
            report.append("  " + " -> ".join(row))
            report.append(f"      expected {_counts(expected, row)}, got {_counts(got, row)}")
        if len(names) > shown:
            report.append(f"  … and {len(names) - shown} more")
    return "\n".join(report)


def _counts(rows: Counter[tuple[Row, int, int]], name: Row) -> str:
    found = sorted(
        (calls, recursive) for (row, calls, recursive), times in rows.items() if row == name for _ in range(times)
    )
    return ", ".join(f"{calls}/{recursive}" for calls, recursive in found) or "no such row"


def edge_faults(profile: Profile) -> list[str]:
    """Functions whose callers' edges don't add up to the function's own numbers.

    Every activation is entered over one edge, except those of the functions that the profiler saw first. So the edges'
    calls and tottime must add up exactly to the function's, and for a function without recursion so must cumtime.
    """
    totals: dict[str, list[float]] = {}
    for entry in profile["entries"]:
        _add(totals, entry["function"], entry)
    sums: dict[str, list[float]] = {}
    for entry in profile["entries"]:
        for call in entry["calls"] or ():
            _add(sums, call["function"], call)

    faults = []
    for function, (ncalls, recursive, tottime, cumtime) in totals.items():
        if function not in sums and ncalls == 1:
            continue  # what was running when the profiler began: nobody called it
        edge_calls, _, edge_tottime, edge_cumtime = sums.get(function, [0, 0, 0.0, 0.0])
        if edge_calls != ncalls:
            faults.append(f"{function}: {ncalls} calls, {edge_calls} over its edges")
        if not _close(edge_tottime, tottime):
            faults.append(f"{function}: tottime {tottime}, {edge_tottime} over its edges")
        if not recursive and not _close(edge_cumtime, cumtime):
            faults.append(f"{function}: cumtime {cumtime}, {edge_cumtime} over its edges")
    return faults


def _add(sums: dict[str, list[float]], function: str, row: dict[str, Any]) -> None:
    values = (row["ncalls"], row["recursive_calls"], row["tottime"], row["cumtime"])
    sums[function] = [total + value for total, value in zip(sums.get(function, (0, 0, 0.0, 0.0)), values, strict=True)]


def time_faults(profile: Profile) -> list[str]:
    """Times that can't be: below zero, less in a function and its callees than in itself, or not the run's in sum."""
    faults = []
    for entry in profile["entries"]:
        for row, where in [(entry, ""), *((call, f" -> {call['function']}") for call in entry["calls"] or ())]:
            if row["tottime"] < -_ROUNDING or row["cumtime"] < -_ROUNDING:
                faults.append(f"{entry['function']}{where}: tottime {row['tottime']}, cumtime {row['cumtime']}")
            # A recursive function's inner activations add to its tottime and not to its cumtime; but the outermost
            # one spans them all, so this holds for it too.
            if row["cumtime"] < row["tottime"] - _ROUNDING:
                faults.append(f"{entry['function']}{where}: cumtime {row['cumtime']} < tottime {row['tottime']}")
    wall = profile["wall"]
    tottime = sum(entry["tottime"] for entry in profile["entries"])
    # The slack is for another process that takes the core between our reading of the clock and the profiler's.
    if not wall * 0.95 - 0.01 <= tottime <= wall * 1.05 + 0.02:
        faults.append(f"the run took {wall} s, tottime is {tottime} s in sum")
    return faults


_ROUNDING = 1e-6  # seconds: the sum of many floats, and a clock that counts microseconds somewhere


def _close(left: float, right: float) -> bool:
    return abs(left - right) <= _ROUNDING + 1e-6 * max(abs(left), abs(right))
