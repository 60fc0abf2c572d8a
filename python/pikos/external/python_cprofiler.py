"""Python's own profiler as a monitor."""

from __future__ import annotations

import cProfile

from pikos.monitors.monitor import Monitor

__all__ = ["PythonCProfiler"]


class PythonCProfiler(cProfile.Profile, Monitor):
    """A ``cProfile.Profile`` that can be attached to functions, generators and coroutines, and entered more than once.

    Takes Profile's arguments. `pikos.cprofile.Profile` is the faster one.
    """

    _depth = 0

    def __enter__(self) -> PythonCProfiler:
        if self._depth == 0:
            self.enable()
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self.disable()
