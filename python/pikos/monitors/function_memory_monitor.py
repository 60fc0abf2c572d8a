"""Records the memory of the process at function events."""

from __future__ import annotations

from pikos._lsprof import _memory
from pikos.monitors.function_monitor import FunctionMonitor, function_and_line
from pikos.monitors.records import FunctionMemoryRecord, FunctionMemoryRecordFormater, TimedFunctionMemoryRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

__all__ = ["FunctionMemoryMonitor", "FunctionMemoryRecordFormater"]


class FunctionMemoryMonitor(FunctionMonitor):
    """Record the memory of the process at each call and return, of built-ins too, as a `FunctionMemoryRecord`."""

    _reads_memory = True
    _own_record_type: type = FunctionMemoryRecord
    _timed_record_type = TimedFunctionMemoryRecord

    def gather_info(self, frame: FrameType, event: str, arg: Any) -> Any:
        """The record of an event."""
        function, line = function_and_line(frame, event, arg)
        file = frame.f_code.co_filename
        return self._record_type(self._index, event, function, *_memory(), line, file, *self._native.extra)
