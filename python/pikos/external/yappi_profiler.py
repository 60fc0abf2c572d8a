"""yappi as a monitor, where it is installed."""

from __future__ import annotations

from pikos.monitors.monitor import Monitor

try:
    import yappi
except ImportError as error:
    raise ImportError("pikos.external.yappi_profiler needs the package yappi: pip install yappi") from error

__all__ = ["YappiProfiler"]


class YappiProfiler(Monitor):
    """yappi, which profiles all threads. builtins: whether to count built-ins. clock: "cpu" or "wall".

    Its results are had from ``yappi`` itself: ``yappi.get_func_stats()``.
    """

    def __init__(self, builtins: bool = False, clock: str = "cpu") -> None:
        self._builtins = builtins
        self._clock = clock
        self._depth = 0

    def enable(self) -> None:
        """Begin to profile."""
        if self._depth == 0:
            yappi.set_clock_type(self._clock)
            yappi.start(builtins=self._builtins)
        self._depth += 1

    def disable(self) -> None:
        """Stop, the last time."""
        if self._depth:
            self._depth -= 1
            if self._depth == 0:
                yappi.stop()
