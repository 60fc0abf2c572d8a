"""The magics ``%lprun``, ``%mprun`` and ``%memit``: time and memory of each line of functions, and the memory of a statement.

Their options are those of line_profiler's and memory_profiler's magics of these names, as far as they mean something here.
"""

from __future__ import annotations

import os
from time import perf_counter
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display

from pikos._lsprof import _Gauge
from pikos.cprofile import write_whole
from pikos.monitors._focus_by_name import codes_in
from pikos.monitors._line_forms import rendered
from pikos.monitors._line_page import page
from pikos.monitors._line_report import Circumstances, Report, Wanted
from pikos.monitors._line_table import Paper, change, size
from pikos.monitors.api import (
    FocusedLineMemoryMonitor,
    FocusedLineMonitor,
    LineMemoryMonitor,
    LineMonitor,
)
from pikos.recorders.list_recorder import ListRecorder

if TYPE_CHECKING:
    from types import CodeType


class ShownReport:
    """A report as a cell's result: the page in a notebook, the tables in a terminal."""

    def __init__(self, report: Report, run: Circumstances) -> None:
        self.text = report.text(run, Paper())
        self.page = page(report, run, report.choose(run))

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        from pikos._notebook.html import flame_graph

        return flame_graph(self.page.encode())


@magics_class
class LineMagics(Magics):  # type: ignore[misc]  # IPython is not there when types are checked
    """``%lprun``, ``%mprun``, ``%memit``."""

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def lprun(self, line: str, cell: str | None = None) -> Any:
        """Run a statement, or the cell, and show hits and time of each line of functions.

        %lprun [-f FUNCTION]... [-m MODULE]... [-u SECONDS] [-z] [-n N] [-T FILE] [-r] STATEMENT

        -f FUNCTION  of this function, class or module (an expression); may be given again; without, of all own code
        -m MODULE    of all functions of this module; may be given again
        -u SECONDS   the unit of times
        -z           leave out what did not run
        -n N         show so many functions at most
        -T FILE      write the report to FILE, in the form that its name says (.html, .json, .csv, else text)
        -r           return the report's text
        """
        __tracebackhide__ = True
        return self.run(line, cell, reads_memory=False)

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def mprun(self, line: str, cell: str | None = None) -> Any:
        """Run a statement, or the cell, and show what each line of functions took of memory, also for a while.

        %mprun [-f FUNCTION]... [-m MODULE]... [-z] [-n N] [-T FILE] [-r] STATEMENT

        The options are those of %lprun.
        """
        __tracebackhide__ = True
        return self.run(line, cell, reads_memory=True)

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_magic  # type: ignore[untyped-decorator]
    def memit(self, line: str) -> Any:
        """Run a statement and say the most memory that was in use meanwhile, and how much more that was than before.

        %memit [-r N] [-o] STATEMENT

        -r N  run it so often, and take the greatest
        -o    return (peak, increment), in bytes
        """
        __tracebackhide__ = True
        options, statement = self.parse_options(line, "r:o", posix=False, strict=False)
        code = self.compiled(statement, "memit")
        times = number(options.get("r", "1"), "-r")
        try:
            gauge = _Gauge()
        except OSError as error:
            raise UsageError(str(error)) from None
        peak = increment = 0
        for _ in range(times):
            before, _most = gauge.read()
            exec(code, self.shell.user_ns, self.shell.user_ns)
            _, most = gauge.read()
            peak, increment = max(peak, most), max(increment, most - before)
        print(f"peak memory: {size(peak)}, increment: {change(increment)}")
        return (peak, increment) if "o" in options else None

    def run(self, line: str, cell: str | None, reads_memory: bool) -> Any:
        """What both magics of lines do."""
        __tracebackhide__ = True
        options, statement = self.parse_options(line, "f:m:u:zn:T:r", list_all=True, posix=False)
        code = self.compiled(
            statement if cell is None else f"{statement}\n{cell}", "mprun" if reads_memory else "lprun"
        )
        functions = [codes for text in options.get("f", []) for codes in self.codes(text)]
        functions += [
            codes for text in options.get("m", []) for codes in self.codes(f"__import__({text!r}, fromlist=['*'])")
        ]
        wanted = Wanted(
            reads_memory,
            most=number(options["n"][0], "-n") if "n" in options else None,
            skip_zero="z" in options,
            unit=seconds(options["u"][0]) if "u" in options else None,
            command="python -c",
            says_all="",
        )
        report = Report(wanted, [code.co_qualname for code in functions])
        kinds: Any = (
            (LineMemoryMonitor, FocusedLineMemoryMonitor) if reads_memory else (LineMonitor, FocusedLineMonitor)
        )
        monitor = kinds[1](ListRecorder(), functions=functions) if functions else kinds[0](ListRecorder())
        report.attach_to(monitor)
        began = perf_counter()
        try:
            monitor.enable()
            try:
                exec(code, self.shell.user_ns, self.shell.user_ns)
            finally:
                monitor.disable()
        except SystemExit:
            print("SystemExit was raised.")
        run = Circumstances(statement.strip() or "the cell", perf_counter() - began, 0, True, [])
        display(ShownReport(report, run))
        if "T" in options:
            self.write(report, run, os.path.expanduser(unquoted(options["T"][0])))
        return report.text(run, Paper()) if "r" in options else None

    def write(self, report: Report, run: Circumstances, path: str) -> None:
        """Write the report to a file."""
        from pikos.monitors._line_report import form_of

        report.wanted = report.wanted._replace(form=form_of(path))
        write_whole(path, rendered(report, run, Paper()).encode("utf-8", "backslashreplace"))
        print(f"The report is in {path!r}.")

    def compiled(self, statement: str, name: str) -> CodeType:
        """The code, as IPython would run it. A traceback shows its lines, and so does the report."""
        import linecache

        if not statement.strip():
            raise UsageError(f"there is nothing to run: write %{name} STATEMENT, or %%{name} above a cell")
        source = self.shell.transform_cell(statement)
        filename = f"<ipython-input-{name}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
        return compile(source, filename, "exec", dont_inherit=True)

    def codes(self, text: str) -> list[CodeType]:
        """The code of what an expression names."""
        text = unquoted(text)
        try:
            found = eval(text, self.shell.user_ns, self.shell.user_ns)
        except Exception as error:
            raise UsageError(f"can't find {text}: {error!r}") from None
        codes = codes_in(found)
        if not codes:
            raise UsageError(f"{text} has no Python code")
        return codes


def number(text: Any, option: str) -> int:
    if not str(text).isdecimal() or int(text) == 0:
        raise UsageError(f"{option} {text}: a whole number, 1 or greater")
    return int(text)


def seconds(text: Any) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < float("inf"):
        raise UsageError(f"-u {text}: a number of seconds, as 1e-3")
    return found


def unquoted(value: Any) -> str:
    """``parse_options`` leaves quotes where they are."""
    text = str(value)
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
