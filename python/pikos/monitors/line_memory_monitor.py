"""Records the memory of the process at line events."""

from __future__ import annotations

from pikos._lsprof import _memory
from pikos.monitors.line_monitor import LineMonitor, source_line
from pikos.monitors.records import LineMemoryRecord, LineMemoryRecordFormater, TimedLineMemoryRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

__all__ = ["LineMemoryMonitor", "LineMemoryRecordFormater"]


class LineMemoryMonitor(LineMonitor):
    """Record the memory of the process when a line is about to be executed, as a `LineMemoryRecord`."""

    _reads_memory = True
    _own_record_type: type = LineMemoryRecord
    _timed_record_type = TimedLineMemoryRecord

    def gather_info(self, frame: FrameType) -> Any:
        """The record of a line."""
        code = frame.f_code
        line = source_line(frame)
        own = self._index, code.co_name, frame.f_lineno, *_memory(), line, code.co_filename
        return self._record_type(*own, *self._native.extra)
