"""Records lines of text to a stream. A name is shown with escapes where a terminal would obey it."""

from __future__ import annotations

import sys

from pikos._lsprof import _shown, _Sink
from pikos.recorders.abstract_recorder import AbstractRecorder, check_ready, name_of, native_filter, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["TextStreamRecorder"]


class TextStreamRecorder(AbstractRecorder):
    """Write each record to a stream as a line of text, below a line with the field names.

    text_stream: what has ``write`` for text. filter_: called with a record; says whether it is recorded. formatted:
    whether to use the record type's ``header`` and ``line``; else values stand side by side. auto_flush: whether the stream
    is flushed after each record; else monitors hand records on in pieces of 128 KB, the last at their end. formater: what has the methods
    ``header(fields)`` and ``line(record)``, which return a line each: a `pikos.monitors.records.RecordFormater`, or your own.
    """

    def __init__(
        self,
        text_stream: Any,
        filter_: Callable[[Any], bool] | None = None,
        formatted: bool = False,
        auto_flush: bool = False,
        formater: Any = None,
    ) -> None:
        self._stream = text_stream
        self._filter = filter_
        self._formatted = formatted
        self._auto_flush = auto_flush
        self._formater = formater
        self._template = ""
        self._ready = False
        self._has_header = False
        self._record_type: Any = None
        self._sink: _Sink | None = None

    def prepare(self, data: Any) -> None:
        """Write the line with the field names, the first time. data: the type of the records to come, or one of them."""
        kind: Any = data if isinstance(data, type) else type(data)
        plain = " ".join(["{}"] * len(kind._fields))
        self._record_type = kind
        self._template = kind.line if self._formatted else plain
        if not self._has_header:
            if self._formater is not None:
                header = self._formater.header(kind._fields)
            else:
                header = (kind.header if self._formatted else plain).format(*kind._fields)
            self._stream.write(header + "\n")
            self._has_header = True
            if self._auto_flush:
                self._stream.flush()
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
            values = [_shown(value) if isinstance(value, str) else value for value in data]
            if self._formater is not None:
                line = self._formater.line(type(data)._make(values))
            else:
                line = self._template.format(*values)
            self._stream.write(line + "\n")
            if self._auto_flush:
                self._stream.flush()

    def _native_sink(self) -> _Sink | None:
        if type(self).record is not TextStreamRecorder.record:
            return None
        template: str | None = self._template
        if self._formater is not None:
            template_of = getattr(self._formater, "_native_template", None)
            template = None if template_of is None else template_of()
        if template is None:
            return None
        # What the program itself prints there stays in order.
        at_once = self._auto_flush or self._stream in (sys.stdout, sys.stderr)
        filter_ = native_filter(self._filter, self._record_type)
        self._sink = _Sink.text(self._target(), self._record_type._fields, filter_, template, at_once)
        return self._sink

    def _target(self) -> Any:
        """The stream, or the number of the file that it is."""
        return self._stream
