"""The toolkit's everyday names: recorders, and decorators that monitor a function.

from pikos.api import csv_file, line_memory_monitor

@line_memory_monitor(recorder=csv_file(), focused=True)
def load(path): ...
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from pikos.monitors.monitor import Monitor
    from pikos.recorders.abstract_recorder import AbstractRecorder
    from pikos.recorders.csv_file_recorder import CSVFileRecorder
    from pikos.recorders.parquet_file_recorder import ParquetFileRecorder
    from pikos.recorders.text_file_recorder import TextFileRecorder
    from pikos.recorders.text_stream_recorder import TextStreamRecorder
    from pikos.recorders.trace_file_recorder import TraceFileRecorder

    Filter = Callable[[Any], bool]
    Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

__all__ = [
    "csv_file",
    "csvfile",
    "function_memory_monitor",
    "function_monitor",
    "line_memory_monitor",
    "line_monitor",
    "line_profile",
    "memory_on_functions",
    "memory_on_lines",
    "monitor",
    "monitor_functions",
    "monitor_lines",
    "parquet_file",
    "screen",
    "text_file",
    "textfile",
    "trace_file",
    "yappi_profile",
]

#: Where records go unless a file is named.
CSV_FILE = "monitor_records.csv"
TEXT_FILE = "monitor_records.log"
PARQUET_FILE = "monitor_records.parquet"
TRACE_FILE = "monitor_records.trace.json"


def screen(filter: Filter | None = None) -> TextStreamRecorder:
    """A recorder that writes readable lines to standard output."""
    from pikos.recorders.text_stream_recorder import TextStreamRecorder

    return TextStreamRecorder(sys.stdout, filter_=filter, formatted=True, auto_flush=True)


def text_file(filter: Filter | None = None, filename: str = TEXT_FILE) -> TextFileRecorder:
    """A recorder that writes readable lines to a file, ``monitor_records.log`` unless another is named."""
    from pikos.recorders.text_file_recorder import TextFileRecorder

    return TextFileRecorder(filename, filter_=filter, formatted=True)


def csv_file(filter: Filter | None = None, filename: str = CSV_FILE) -> CSVFileRecorder:
    """A recorder that writes comma-separated values to a file, ``monitor_records.csv`` unless another is named."""
    from pikos.recorders.csv_file_recorder import CSVFileRecorder

    return CSVFileRecorder(filename, filter_=filter)


def parquet_file(filter: Filter | None = None, filename: str = PARQUET_FILE) -> ParquetFileRecorder:
    """A recorder that writes a Parquet file, ``monitor_records.parquet`` unless another is named."""
    from pikos.recorders.parquet_file_recorder import ParquetFileRecorder

    return ParquetFileRecorder(filename, filter_=filter)


def trace_file(filter: Filter | None = None, filename: str = TRACE_FILE) -> TraceFileRecorder:
    """A recorder that writes a trace for Perfetto, ``monitor_records.trace.json`` unless another is named; of calls and returns."""
    from pikos.recorders.trace_file_recorder import TraceFileRecorder

    return TraceFileRecorder(filename, filter_=filter)


textfile = text_file
csvfile = csv_file


def monitor(monitor: Monitor) -> Decorator:
    """The decorator of a monitor: ``@monitor(FunctionMonitor(screen()))``."""
    return monitor.attach


def function_monitor(
    recorder: AbstractRecorder | None = None, focused: bool = False, focus_on: Iterable[Any] | None = None
) -> Decorator:
    """A decorator that records function events while the function runs, on screen if no recorder is given.

    focused: only those inside the decorated function. focus_on: only those inside these functions.
    """
    return decorator("function", recorder, focused, focus_on)


def line_monitor(
    recorder: AbstractRecorder | None = None, focused: bool = False, focus_on: Iterable[Any] | None = None
) -> Decorator:
    """A decorator that records the lines that are executed while the function runs, on screen if no recorder is given.

    focused: only those of the decorated function. focus_on: only those of these functions.
    """
    return decorator("line", recorder, focused, focus_on)


def function_memory_monitor(
    recorder: AbstractRecorder | None = None, focused: bool = False, focus_on: Iterable[Any] | None = None
) -> Decorator:
    """A decorator that records the memory of the process at function events; otherwise as `function_monitor`."""
    return decorator("function_memory", recorder, focused, focus_on)


def line_memory_monitor(
    recorder: AbstractRecorder | None = None, focused: bool = False, focus_on: Iterable[Any] | None = None
) -> Decorator:
    """A decorator that records the memory of the process at each line; otherwise as `line_monitor`."""
    return decorator("line_memory", recorder, focused, focus_on)


monitor_functions = function_monitor
monitor_lines = line_monitor
memory_on_functions = function_memory_monitor
memory_on_lines = line_memory_monitor


def yappi_profile(builtins: bool = False, clock: str = "cpu") -> Decorator:
    """A decorator that has yappi profile the function. ImportError if yappi isn't installed."""
    from pikos.external.yappi_profiler import YappiProfiler

    return YappiProfiler(builtins, clock).attach


def line_profile(*args: Any, **kwrds: Any) -> Decorator:
    """A decorator that has line_profiler profile the function. The arguments are those of its ``LineProfiler``.
    ImportError if line_profiler isn't installed."""
    from pikos.external.line_profiler import LineProfiler

    return LineProfiler(*args, **kwrds).attach


def decorator(kind: str, recorder: AbstractRecorder | None, focused: bool, focus_on: Iterable[Any] | None) -> Decorator:
    """The decorator of a new monitor."""
    if isinstance(recorder, type) or (callable(recorder) and not hasattr(recorder, "record")):
        raise TypeError(f"recorder must be a recorder, got {recorder!r}: call the decorator's factory first")
    functions = list(focus_on or ())
    recorder = screen() if recorder is None else recorder
    if not focused and not functions:
        return monitor_class(kind)(recorder).attach
    monitor: Any = monitor_class(kind, focused=True)(recorder, functions=functions)
    return monitor.attach(include_decorated=focused)  # type: ignore[no-any-return]


def monitor_class(kind: str, focused: bool = False) -> Callable[..., Monitor]:
    """The monitor of a kind: "function", "line", "function_memory" or "line_memory"."""
    import importlib

    name = f"{'focused_' if focused else ''}{kind}_monitor"
    module = importlib.import_module(f"pikos.monitors.{name}")
    return getattr(module, name.title().replace("_", ""))  # type: ignore[no-any-return]
