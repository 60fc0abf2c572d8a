"""Records comma-separated values to a stream."""

from __future__ import annotations

import csv

from pikos._lsprof import _Sink
from pikos.recorders.abstract_recorder import AbstractRecorder, check_ready, name_of, native_filter, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["CSVRecorder"]


class CSVRecorder(AbstractRecorder):
    """Write records to a stream as ``csv.writer`` does, below a line with the field names.

    stream: what has ``write`` for text. filter_: called with a record; says whether it is recorded. csv_kwargs: for
    ``csv.writer``. Monitors hand records on in pieces of 128 KB, the last at their end.
    """

    def __init__(self, stream: Any, filter_: Callable[[Any], bool] | None = None, **csv_kwargs: Any) -> None:
        self._stream = stream
        self._filter = filter_
        self._csv_kwargs = csv_kwargs
        self._writer: Any = None if stream is None else csv.writer(stream, **csv_kwargs)
        self._ready = False
        self._has_header = False
        self._record_type: Any = None
        self._sink: _Sink | None = None

    def prepare(self, record: Any) -> None:
        """Write the line with the field names, the first time."""
        self._record_type = record
        if not self._has_header:
            self._writer.writerow(record._fields)
            self._has_header = True
        self._ready = True

    def finalize(self) -> None:
        """Hand on what is buffered. RecorderError if the recorder isn't ready."""
        check_ready(self, self._ready)
        report(self._sink, name_of(self._stream))
        self._sink = None
        self._ready = False

    def record(self, data: Any) -> None:
        """Write a record, if the filter keeps it. RecorderError if the recorder isn't ready."""
        check_ready(self, self._ready)
        if self._filter is None or self._filter(data):
            self._writer.writerow(data)

    def _native_sink(self) -> _Sink | None:
        dialect = self._writer.dialect
        if type(self).record is not CSVRecorder.record or dialect.escapechar or not dialect.doublequote:
            return None
        if dialect.skipinitialspace:
            return None
        form = (dialect.delimiter, dialect.quotechar, dialect.lineterminator, dialect.quoting)
        filter_ = native_filter(self._filter, self._record_type)
        self._sink = _Sink.csv(self._target(), self._record_type._fields, filter_, form)
        return self._sink

    def _target(self) -> Any:
        """The stream, or the number of the file that it is."""
        return self._stream
