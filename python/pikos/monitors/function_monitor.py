"""Records function events."""

from __future__ import annotations

from pikos.monitors.monitor import EventMonitor
from pikos.monitors.records import FunctionRecord, FunctionRecordFormater

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

__all__ = ["FunctionMonitor", "FunctionRecordFormater"]


class FunctionMonitor(EventMonitor):
    """Record each call and return, of built-ins too, as a `FunctionRecord`. The events are those of ``sys.setprofile``."""

    _kind = "function"
    _method = "on_function_event"
    _own_record_type: type = FunctionRecord

    def on_function_event(self, frame: FrameType, event: str, arg: Any) -> None:
        """Record an event. The arguments are those of a profile function."""
        record = self.gather_info(frame, event, arg)
        self._index += 1
        self._recorder.record(record)

    def gather_info(self, frame: FrameType, event: str, arg: Any) -> Any:
        """The record of an event."""
        function, line = function_and_line(frame, event, arg)
        return self._record_type(self._index, event, function, line, frame.f_code.co_filename, *self._native.extra)


def function_and_line(frame: FrameType, event: str, arg: Any) -> tuple[str, int]:
    """A function's name, and its first line; of a built-in, the line of the call."""
    if event.startswith("c_"):
        return arg.__name__, frame.f_lineno
    return frame.f_code.co_name, frame.f_code.co_firstlineno
