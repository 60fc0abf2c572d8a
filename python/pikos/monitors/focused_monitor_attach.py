"""The decorator that ``attach`` of a focused monitor makes for arguments."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["FocusedMonitorAttach"]


class FocusedMonitorAttach:
    """Called with a function, it monitors that while it runs; with ``include_decorated`` it focuses on it, too."""

    def __init__(self, monitor: Any, include_decorated: bool = False) -> None:
        self.monitor = monitor
        self.include_decorated = include_decorated

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self.monitor.attach(function, include_decorated=self.include_decorated)  # type: ignore[no-any-return]
