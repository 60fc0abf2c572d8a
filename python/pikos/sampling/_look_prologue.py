"""Meets a function on 3.11, which has no events of one function alone.

arm() gives the function a copy of its code that begins with one more call: of us. The first call of the function makes it, and puts
the code back as it was; then the thread is traced, if nobody else does that, until this call returns or yields. Calls that are under
way, and all that isn't this function, run as ever.

One more instruction at the head moves all others: jumps are relative, so what has to follow is the table of exceptions and that of
lines. The layouts are those of 3.11, which gets no new ones: Objects/exception_handling_notes.txt and Objects/locations.md there.
"""

from __future__ import annotations

import opcode
import sys

from pikos.sampling._tool import tracing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType, FrameType, FunctionType
    from typing import Any

#: Calls that the function may make before it is looked at without having returned: tracing makes each of them slower.
MOST_CALLS = 1000


class PrologueLook:
    """Calls take(frame) once after each arm()."""

    def __init__(self, function: FunctionType, take: Callable[[FrameType], None]) -> None:
        self._function = function
        self._take = take
        self._code: CodeType | None = None
        self._met: FrameType | None = None

    def arm(self) -> None:
        met = self._met
        if met is not None:
            # A call that hasn't returned since the last time: its next line will do.
            met.f_trace_lines = True
        elif self._code is None:
            code = self._function.__code__
            armed = with_call(code, self._meet)
            self._code = code
            self._function.__code__ = self._armed = armed

    def disarm(self) -> None:
        code, self._code = self._code, None
        # Somebody else may have given it another one.
        if code is not None and self._function.__code__ is self._armed:
            self._function.__code__ = code

    def _meet(self) -> None:
        """The function's first call since it was armed, at its beginning."""
        if self._code is None:
            return  # of two threads that came at once, the other one was first
        self.disarm()
        frame = sys._getframe(1)
        self._met = frame
        if not _Wait(self, frame).begin():
            # Somebody else traces, a debugger or a coverage, and stays: what the function has now will do.
            self.meet(frame)

    def meet(self, frame: FrameType) -> None:
        self._met = None
        self._take(frame)


class _Wait:
    """Traces a thread until one call in it returns, yields, or is to be looked at now."""

    def __init__(self, look: PrologueLook, frame: FrameType) -> None:
        self._look = look
        #: None when it is over, or what the call has would live as long as this.
        self._frame: FrameType | None = frame
        self._calls = 0
        self._others = self._on_call

    def begin(self) -> bool:
        """Whether this thread is traced now."""
        frame = self._frame
        # Between the question and the deed, nobody else must begin.
        if frame is None or not tracing.acquire(blocking=False):
            return False
        try:
            if sys.gettrace() is not None:
                return False
            frame.f_trace_lines = False
            frame.f_trace = self._on_event
            sys.settrace(self._others)
            return True
        finally:
            tracing.release()

    def _on_event(self, frame: FrameType, event: str, _: Any) -> Any:
        if event not in ("return", "line"):
            return self._on_event
        self._end()
        return None

    def _on_call(self, _: FrameType, __: str, ___: Any) -> None:
        self._calls += 1
        if self._frame is None or self._calls == MOST_CALLS:
            self._end()

    def _end(self) -> None:
        # If a coverage has come meanwhile, it hands us what it gets, and puts us back when it goes: at the next call, then.
        if tracing.acquire(blocking=False):
            try:
                if sys.gettrace() is self._others:
                    sys.settrace(None)
            finally:
                tracing.release()
        frame, self._frame = self._frame, None
        if frame is not None:
            # As it was: a debugger may come to this call yet.
            frame.f_trace = None
            frame.f_trace_lines = True
            self._look.meet(frame)


def with_call(code: CodeType, called: Callable[[], object]) -> CodeType:
    """A copy of a code object that calls ``called()`` before the first line."""
    number = len(code.co_consts)
    call = b"".join(
        [
            _instruction("PUSH_NULL", 0),
            *(_instruction("EXTENDED_ARG", number >> shift & 255) for shift in (24, 16, 8) if number >> shift),
            _instruction("LOAD_CONST", number & 255),
            _instruction("PRECALL", 0),
            _instruction("CALL", 0),
            _instruction("POP_TOP", 0),
        ]
    )
    resume = opcode.opmap["RESUME"]
    at = next(place for place in range(0, len(code.co_code), 2) if code.co_code[place] == resume) + 2
    unit, added = at // 2, len(call) // 2
    return code.replace(
        co_code=code.co_code[:at] + call + code.co_code[at:],
        co_consts=(*code.co_consts, called),
        co_stacksize=max(code.co_stacksize, 3),
        co_exceptiontable=_moved_exceptions(code.co_exceptiontable, unit, added),
        co_linetable=_moved_lines(code.co_linetable, unit, added),
    )


def _instruction(name: str, argument: int) -> bytes:
    number = opcode.opmap[name]
    caches: list[int] = opcode._inline_cache_entries  # type: ignore[attr-defined]
    return bytes([number, argument]) + bytes(2 * caches[number])


def _moved_exceptions(table: bytes, unit: int, added: int) -> bytes:
    """The table of (start, length, handler, depth), in which what lies behind ``unit`` moves."""

    def moved(place: int) -> int:
        return place + added if place >= unit else place

    numbers = [*_numbers(table)]
    parts = []
    for start, length, handler, depth in zip(*[iter(numbers)] * 4, strict=True):
        begin, end = moved(start), moved(start + length)
        parts.append(_number(begin, 0x80) + b"".join(map(_number, (end - begin, moved(handler), depth))))
    return b"".join(parts)


def _numbers(table: bytes) -> Iterator[int]:
    """Six bits a byte, the highest first; 0x40 says that there is more, 0x80 that an entry begins."""
    value = 0
    for byte in table:
        value = value << 6 | byte & 63
        if not byte & 64:
            yield value
            value = 0


def _number(value: int, mark: int = 0) -> bytes:
    digits = [value & 63]
    while value := value >> 6:
        digits.append(value & 63 | 64)
    digits[-1] |= mark
    return bytes(reversed(digits))


def _moved_lines(table: bytes, unit: int, added: int) -> bytes:
    """The table of places, in which ``added`` instructions at ``unit`` have the line of the one before."""
    # Without columns, and no line further: kind 13, and the difference 0. At most eight units each.
    new = b"".join(bytes([0x80 | 13 << 3 | min(8, added - done) - 1, 0]) for done in range(0, added, 8))
    at = place = 0
    while at < len(table) and place < unit:
        length = (table[at] & 7) + 1
        end = at + 1
        while end < len(table) and not table[end] & 0x80:
            end += 1
        if place + length > unit:
            # The call comes amid an entry: what of it comes after that loses its columns.
            first, rest = unit - place, place + length - unit
            head = bytes([table[at] & ~7 | first - 1]) + table[at + 1 : end]
            is_nowhere = table[at] >> 3 & 15 == 15
            tail = bytes([0x80 | 15 << 3 | rest - 1]) if is_nowhere else bytes([0x80 | 13 << 3 | rest - 1, 0])
            return table[:at] + head + new + tail + table[end:]
        place += length
        at = end
    return table[:at] + new + table[at:]
