"""Records to a Parquet file, for millions of them: pandas, polars, DuckDB and others read it."""

from __future__ import annotations

import os

from pikos._lsprof import _Sink
from pikos.recorders._native_recorder import NativeRecorder
from pikos.recorders.abstract_recorder import check_ready, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ParquetFileRecorder"]


class ParquetFileRecorder(NativeRecorder):
    """Write records to a Parquet file: a column for each field, the texts in dictionaries, 131,072 rows in a row group.

    filename: the file. filter_: called with a record; says whether it is recorded. The first `prepare` replaces the file;
    those after a `finalize` go on at its end. The file can be read at any time: a row group is added when it is full, and at
    each `finalize`.
    """

    _done = "written"

    def __init__(self, filename: str | os.PathLike[str], filter_: Callable[[Any], bool] | None = None) -> None:
        super().__init__(filter_)
        self._filename = filename

    def prepare(self, record: Any) -> None:
        """Begin the file, the first time. OSError if it can't be written; TypeError for records that are none of the
        toolkit's own, or of another type than those in the file."""
        if self._sink is None:
            with open(self._filename, "wb") as file:
                self._open(record, lambda fields, filter_: _Sink.parquet(file.fileno(), fields, filter_))
        elif record._fields != self._record_type._fields:
            raise TypeError(
                f"{os.fspath(self._filename)} holds {self._record_type.__name__}s and can't take {record.__name__}s: use another file"
            )
        self._ready = True

    def finalize(self) -> None:
        """Write what the file hasn't got yet. RecorderError if the recorder isn't ready."""
        check_ready(self, self._ready)
        report(self._sink, os.fspath(self._filename))
        self._ready = False
