"""The line memory monitor that looks at some functions only."""

from pikos.monitors.focused_line_mixin import FocusedLineMixin
from pikos.monitors.line_memory_monitor import LineMemoryMonitor

__all__ = ["FocusedLineMemoryMonitor"]


class FocusedLineMemoryMonitor(FocusedLineMixin, LineMemoryMonitor):
    """Record memory at the lines of some functions: see `FocusedLineMixin` and `LineMemoryMonitor`."""
