"""The function memory monitor that looks at some functions only."""

from pikos.monitors.focused_function_mixin import FocusedFunctionMixin
from pikos.monitors.function_memory_monitor import FunctionMemoryMonitor

__all__ = ["FocusedFunctionMemoryMonitor"]


class FocusedFunctionMemoryMonitor(FocusedFunctionMixin, FunctionMemoryMonitor):
    """Record memory at function events inside of some functions: see `FocusedFunctionMixin` and `FunctionMemoryMonitor`."""
