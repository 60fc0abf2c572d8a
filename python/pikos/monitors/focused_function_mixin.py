"""Function monitors that look at some functions only."""

from __future__ import annotations

from pikos.monitors._members import functions_of
from pikos.monitors.focus import FunctionSet
from pikos.monitors.monitor import EventMonitor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType
    from typing import Any

__all__ = ["FocusedFunctionMixin"]


class FocusedFunctionMixin(EventMonitor):
    """Record only while one of ``functions`` is being executed: its own events, and those of what it calls.

    Takes a monitor's arguments, and ``functions``, the functions to focus on. From 3.12 on the rest of the program runs
    at full speed.
    """

    #: The functions inside which events are recorded.
    functions: FunctionSet

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        self.functions = FunctionSet(keywords.pop("functions", ()))
        super().__init__(*arguments, **keywords)
        follow_focus(self)
        #: How many activations are open, by thread, where the native code doesn't count them.
        self._inside: dict[int, int] = {}

    def on_function_event(self, frame: FrameType, event: str, arg: Any) -> None:
        """Record the event if it takes place inside one of the functions."""
        import threading

        thread = threading.get_ident()
        inside = self._inside.get(thread, 0)
        if not event.startswith("c_") and frame.f_code in self.functions:
            if event == "return":
                if inside == 0:
                    return
                self._inside[thread] = inside - 1
            else:
                inside = self._inside[thread] = inside + 1
        if inside:
            super().on_function_event(frame, event, arg)  # type: ignore[misc]

    def attach(self, *args: Any, **kwards: Any) -> Any:
        """Monitor a function while it runs. As ``@monitor.attach(include_decorated=True)``, focus on it, too.

        Returns a `MonitorAttach`, or for arguments a `FocusedMonitorAttach`, which makes one of a function. Raises
        TypeError for what is no function.
        """
        return attach_focused(self, super().attach, *args, **kwards)

    def _destination(self) -> tuple[Any, list[CodeType] | None]:
        destination, _ = super()._destination()
        self._inside.clear()
        if getattr(destination, "__self__", None) is self:
            if self._is_overridden("on_function_event"):
                return destination, None
            # The native code asks whether it is in focus.
            destination = super().on_function_event  # type: ignore[misc]
        return destination, self.functions.codes


def attach_focused(
    monitor: Any,
    attach: Callable[..., Any],
    function: Callable[..., Any] | None = None,
    /,
    *,
    include_decorated: bool = False,
) -> Any:
    """What the focused monitors' ``attach`` does."""
    from pikos.monitors.focused_monitor_attach import FocusedMonitorAttach

    if function is None:
        return FocusedMonitorAttach(monitor, include_decorated=include_decorated)
    if include_decorated:
        for each in functions_of(function):
            monitor.functions.add(each)
    return attach(function)


def follow_focus(monitor: Any) -> None:
    """Have a monitor that is enabled look at what its set of functions becomes."""
    native, functions = monitor._native, monitor.functions
    functions._changed.append(lambda: native.look_at(functions.codes))
