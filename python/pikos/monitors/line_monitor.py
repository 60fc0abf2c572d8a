"""Records line events."""

from __future__ import annotations

from pikos.monitors.monitor import EventMonitor
from pikos.monitors.records import LineRecord, LineRecordFormater

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

__all__ = ["LineMonitor", "LineRecordFormater"]


class LineMonitor(EventMonitor):
    """Record each line that is about to be executed as a `LineRecord`. The events are those of ``sys.settrace``."""

    _kind = "line"
    _method = "on_line_event"
    _own_record_type: type = LineRecord

    def on_line_event(self, frame: FrameType, why: str, arg: Any) -> Any:
        """Record an event, if it is one of a line. The arguments are those of a trace function."""
        if why == "line":
            record = self.gather_info(frame)
            self._index += 1
            self._recorder.record(record)
        return self.on_line_event

    def gather_info(self, frame: FrameType) -> Any:
        """The record of a line."""
        code = frame.f_code
        line = source_line(frame)
        extra = self._native.extra
        return self._record_type(self._index, code.co_name, frame.f_lineno, line, code.co_filename, *extra)


def source_line(frame: FrameType) -> str:
    """The text of the line that a frame is at, without the white space at its end."""
    import linecache

    return linecache.getline(frame.f_code.co_filename, frame.f_lineno, frame.f_globals).rstrip()
