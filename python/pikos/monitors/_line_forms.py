"""A report of lines in the form that was asked for."""

from __future__ import annotations

from pikos.monitors._line_files import csv_rows, json_document
from pikos.monitors._line_page import page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos.monitors._line_report import Circumstances, Report
    from pikos.monitors._line_table import Paper


def rendered(report: Report, run: Circumstances, paper: Paper) -> str:
    """What is to be written, or printed."""
    form = report.wanted.form
    if form == "json":
        return json_document(report, run, report.choose(run))
    if form == "csv":
        return csv_rows(report, report.choose(run))
    if form == "html":
        return page(report, run, report.choose(run))
    return report.text(run, paper)
