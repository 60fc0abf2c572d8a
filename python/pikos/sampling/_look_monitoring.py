"""Meets a function by ``sys.monitoring``, from 3.12 on: the events of its code object are on from arm() to the first of them."""

from __future__ import annotations

import sys

from pikos.sampling import _tool
from pikos.sampling._tool import monitoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType, FunctionType
    from typing import Any

#: Who waits for an event of which code. Changed by single operations: the function's thread and those that arm take no lock.
_armed: dict[CodeType, list[MonitoringLook]] = {}
_tool_id: int | None = None


class MonitoringLook:
    """Calls take(frame) once after each arm(): when a call returns or yields; at any line, if a call is under way
    at the next arm() that hasn't."""

    def __init__(self, function: FunctionType, take: Callable[[FrameType], None]) -> None:
        self._code = function.__code__
        self._take = take
        _begin()

    def arm(self) -> None:
        events = monitoring.events
        wanted = events.PY_RETURN | events.PY_YIELD
        waiting = _armed.setdefault(self._code, [])
        if self not in waiting:
            waiting.append(self)
        elif _is_running(self._code):
            wanted |= events.LINE
        _listen(self._code, wanted)

    def disarm(self) -> None:
        waiting = _armed.get(self._code, [])
        if self in waiting:
            waiting.remove(self)
        if not waiting:
            _armed.pop(self._code, None)
            _listen(self._code, 0)

    def meet(self, frame: FrameType) -> None:
        self._take(frame)


def _begin() -> None:
    """Register once; the number is kept."""
    global _tool_id
    if _tool_id is None:
        _tool_id = _tool.take("pikos watch")
        events = monitoring.events
        for event in (events.PY_RETURN, events.PY_YIELD, events.LINE):
            monitoring.register_callback(_tool_id, event, _on_event)


def _is_running(code: CodeType) -> bool:
    for top in sys._current_frames().values():
        frame: FrameType | None = top
        while frame is not None:
            if frame.f_code is code:
                return True
            frame = frame.f_back
    return False


def _listen(code: CodeType, events: int) -> None:
    if _tool_id is not None:
        monitoring.set_local_events(_tool_id, code, events)


def _on_event(code: CodeType, *_: Any) -> None:
    waiting = _armed.pop(code, None)
    # Before anything else: a repr may call the function.
    _listen(code, 0)
    frame = sys._getframe(1)
    if waiting and frame.f_code is code:
        for look in waiting:
            look.meet(frame)
