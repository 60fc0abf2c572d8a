"""The line monitor that looks at some functions only."""

from pikos.monitors.focused_line_mixin import FocusedLineMixin
from pikos.monitors.line_monitor import LineMonitor

__all__ = ["FocusedLineMonitor"]


class FocusedLineMonitor(FocusedLineMixin, LineMonitor):
    """Record the lines of some functions: see `FocusedLineMixin` and `LineMonitor`."""
