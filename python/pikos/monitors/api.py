"""The monitors."""

from pikos.monitors.focused_function_memory_monitor import FocusedFunctionMemoryMonitor
from pikos.monitors.focused_function_monitor import FocusedFunctionMonitor
from pikos.monitors.focused_line_memory_monitor import FocusedLineMemoryMonitor
from pikos.monitors.focused_line_monitor import FocusedLineMonitor
from pikos.monitors.function_memory_monitor import FunctionMemoryMonitor
from pikos.monitors.function_monitor import FunctionMonitor
from pikos.monitors.line_memory_monitor import LineMemoryMonitor
from pikos.monitors.line_monitor import LineMonitor
from pikos.monitors.monitor import Monitor

__all__ = [
    "FocusedFunctionMemoryMonitor",
    "FocusedFunctionMonitor",
    "FocusedLineMemoryMonitor",
    "FocusedLineMonitor",
    "FunctionMemoryMonitor",
    "FunctionMonitor",
    "LineMemoryMonitor",
    "LineMonitor",
    "Monitor",
]
