"""line_profiler as a monitor, where it is installed."""

from __future__ import annotations

from pikos.monitors.monitor import Monitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

try:
    import line_profiler
except ImportError as error:
    raise ImportError(
        "pikos.external.line_profiler needs the package line_profiler: pip install line_profiler"
    ) from error

__all__ = ["LineProfiler"]


class LineProfiler(line_profiler.LineProfiler, Monitor):  # type: ignore[misc]
    """A ``line_profiler.LineProfiler`` that can be attached to functions, which it then profiles."""

    def __enter__(self) -> LineProfiler:
        self.enable_by_count()
        return self

    def __exit__(self, *_: object) -> None:
        self.disable_by_count()

    def attach(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Profile the lines of a function: a decorator."""
        self.add_function(function)
        return Monitor.attach(self, function)
