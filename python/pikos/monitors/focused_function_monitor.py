"""The function monitor that looks at some functions only."""

from pikos.monitors.focused_function_mixin import FocusedFunctionMixin
from pikos.monitors.function_monitor import FunctionMonitor

__all__ = ["FocusedFunctionMonitor"]


class FocusedFunctionMonitor(FocusedFunctionMixin, FunctionMonitor):
    """Record function events inside of some functions: see `FocusedFunctionMixin` and `FunctionMonitor`."""
