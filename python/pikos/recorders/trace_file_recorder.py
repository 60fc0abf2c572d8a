"""Records to a file of trace events: Perfetto, ``chrome://tracing`` and ``pikos view`` show it."""

from __future__ import annotations

import os

from pikos._lsprof import _Sink
from pikos.recorders._native_recorder import NativeRecorder
from pikos.recorders.abstract_recorder import check_ready, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["TraceFileRecorder"]

#: What the file ends in when nothing is to come.
CLOSED = b"\n]\n"


class TraceFileRecorder(NativeRecorder):
    """Write calls and returns to a file as Chrome's trace events, each when it happens, of each thread apart; the memory, where records tell
    it, as a counter.

    filename: the file. filter_: called with a record; says whether it is written. The first `prepare` replaces the file; those after
    a `finalize` go on at its end. A file that nobody could close, because the process was killed, can be read as well.
    """

    _done = "written as a trace"

    def __init__(self, filename: str | os.PathLike[str], filter_: Callable[[Any], bool] | None = None) -> None:
        super().__init__(filter_)
        self._filename = filename
        self._goes_on = False

    def prepare(self, record: Any) -> None:
        """Open the file. OSError if it can't be written; TypeError for records of lines: a trace is made of calls and returns."""
        if self._ready:
            return
        if "type" not in record._fields:
            raise TypeError("a trace is made of calls and returns: record functions, not lines")
        with open(self._filename, "r+b" if self._goes_on else "wb") as file:
            if self._goes_on:
                file.truncate(max(0, file.seek(0, os.SEEK_END) - len(CLOSED)))
                file.seek(0, os.SEEK_END)
            goes_on = self._goes_on
            self._open(record, lambda fields, filter_: _Sink.trace(file.fileno(), fields, filter_, goes_on))
        self._goes_on = self._ready = True

    def finalize(self) -> None:
        """Write what the file hasn't got yet, and close it. RecorderError if the recorder isn't ready."""
        check_ready(self, self._ready)
        assert self._sink is not None
        self._sink.close()
        report(self._sink, os.fspath(self._filename))
        self._sink = None
        self._ready = False
