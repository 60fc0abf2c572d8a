"""A report of lines for other programs: as JSON, and as comma-separated values. Seconds and bytes."""

from __future__ import annotations

import csv
import io
import json

from pikos.monitors._line_table import Paper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pikos.monitors._line_report import Chosen, Circumstances, Report
    from pikos.monitors._line_table import Function, Line

#: The figures of a line beside its hits.
TIME = ("time", "own_time")
MEMORY = ("own", "growth", "spike", "peak")


def figures(report: Report) -> tuple[str, ...]:
    """Those that there are."""
    if not report.wanted.reads_memory:
        return (*TIME, "waited") if report.native.has_waited else TIME
    return tuple(figure for figure in MEMORY if figure != "spike" or report.native.tells_spikes)


def source_of(report: Report, function: Function, line: Line) -> str | None:
    """The text of a line; None for a function as a whole, and where it is not to be had."""
    import linecache

    if report.wanted.of_functions:
        return None
    return linecache.getline(function.filename, line.number).rstrip("\r\n") or None


def json_document(report: Report, run: Circumstances, chosen: Chosen) -> str:
    """One object, with a list of functions. The times are the only floats."""
    names = figures(report)

    def line_of(function: Function, line: Line) -> dict[str, Any]:
        source = source_of(report, function, line)
        told = {"line": line.number, "hits": line.hits, **{name: getattr(line, name) for name in names}}
        return told if source is None else {**told, "source": source}

    def function_of(function: Function) -> dict[str, Any]:
        head = {
            "function": function.name,
            "filename": function.filename,
            "first_line": function.first,
            "kind": function.kind,
        }
        if report.wanted.of_functions or report.wanted.summary:
            line = report.table(Paper()).summed(function)
            count = "calls" if report.wanted.of_functions else "hits"
            return {**head, count: line.hits, **{name: getattr(line, name) for name in names}}
        return {**head, "lines": [line_of(function, line) for line in function.lines]}

    document = {
        "program": run.program,
        "elapsed": run.elapsed,
        "notes": chosen.notes,
        "functions": list(map(function_of, chosen.functions)),
    }
    # Names may hold what no encoding has: all that is not ASCII is escaped.
    return json.dumps(document, indent=1) + "\n"


def csv_rows(report: Report, chosen: Chosen) -> str:
    """A row for each line, or for each function."""
    names = figures(report)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    whole = report.wanted.of_functions or report.wanted.summary
    count = "calls" if report.wanted.of_functions else "hits"
    writer.writerow(["filename", "function", "line", count, *names, *([] if whole else ["source"])])
    for function in chosen.functions:
        lines = [report.table(Paper()).summed(function)] if whole else function.lines
        for line in lines:
            told = [function.filename, function.name, line.number, line.hits, *(getattr(line, name) for name in names)]
            writer.writerow(told if whole else [*told, source_of(report, function, line) or ""])
    return stream.getvalue()
