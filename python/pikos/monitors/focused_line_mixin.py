"""Line monitors that look at some functions only."""

from __future__ import annotations

from pikos.monitors.focus import FunctionSet
from pikos.monitors.focused_function_mixin import attach_focused, follow_focus
from pikos.monitors.monitor import EventMonitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

__all__ = ["FocusedLineMixin"]


class FocusedLineMixin(EventMonitor):
    """Record only lines of ``functions``, and not of what they call.

    Takes a monitor's arguments, and ``functions``, the functions to focus on. From 3.12 on the rest of the program runs
    at full speed.
    """

    #: The functions whose lines are recorded.
    functions: FunctionSet

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self.functions = FunctionSet(keywords.pop("functions", ()))
        super().__init__(*arguments, **keywords)
        follow_focus(self)

    def on_line_event(self, frame: FrameType, why: str, arg: Any) -> Any:
        """Record the line if it is one of the functions'."""
        if frame.f_code in self.functions:
            super().on_line_event(frame, why, arg)  # type: ignore[misc]
        return self.on_line_event

    def attach(self, *args: Any, **kwards: Any) -> Any:
        """Monitor a function while it runs. As ``@monitor.attach(include_decorated=True)``, focus on it, too.

        Returns a `MonitorAttach`, or for arguments a `FocusedMonitorAttach`, which makes one of a function. Raises
        TypeError for what is no function.
        """
        return attach_focused(self, super().attach, *args, **kwards)

    def _destination(self) -> tuple[Any, list[CodeType] | None]:
        destination, _ = super()._destination()
        if getattr(destination, "__self__", None) is self:
            if self._is_overridden("on_line_event"):
                return destination, None
            # The native code asks whether it is in focus.
            destination = super().on_line_event  # type: ignore[misc]
        return destination, self.functions.codes
