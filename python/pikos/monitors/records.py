"""What the monitors record: named tuples, with formats for readable lines.

``header`` and ``line`` are templates of ``str.format``, for the field names and for the values. Two record types also have
a field ``line``, the source line: of a record, ``line`` is that; of its type, the template. RSS and VMS are bytes.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

__all__ = ["FunctionMemoryRecord", "FunctionRecord", "LineMemoryRecord", "LineRecord"]


class LineField:
    """The field ``line`` of a record, and the template of its type."""

    def __init__(self, template: str, place: int) -> None:
        self.template = template
        self.place = place

    def __get__(self, record: tuple[Any, ...] | None, kind: type) -> Any:
        return self.template if record is None else record[self.place]


def extended(kind: Any, *names: str) -> Any:
    """A record type with more fields at its end; of the same name. Only native code makes its records."""
    known = _EXTENDED.get((kind, names))
    if known is None:
        fields: dict[str, Any] = {name: f"{getattr(kind, name)}{' | {}' * len(names)}" for name in ("header", "line")}
        if isinstance(kind.__dict__["line"], LineField):
            fields["line"] = LineField(fields["line"], kind.__dict__["line"].place)
        base = namedtuple(kind.__name__, (*kind._fields, *names))  # type: ignore[misc]
        known = type(kind.__name__, (base,), {"__slots__": (), "_extends": kind, "__doc__": kind.__doc__, **fields})
        _EXTENDED[kind, names] = known
    return known


_EXTENDED: dict[tuple[Any, tuple[str, ...]], Any] = {}


class FunctionRecord(namedtuple("FunctionRecord", "index type function lineNo filename")):
    """A function event. ``type`` is one of "call", "return", "c_call", "c_return" and "c_exception".

    ``lineNo`` is where the function is defined; of a built-in, where it is called, in ``filename``.
    """

    __slots__ = ()
    header = "{:<8} {:<11} {:<30} {:<5} {}"
    line = "{:<8} {:<11} {:<30} {:<5} {}"


class LineRecord(namedtuple("LineRecord", "index function lineNo line filename")):
    """A line that is about to be executed: ``lineNo`` in ``filename``, with the text ``line``."""

    __slots__ = ()
    header = "{:<12} {:<50} {:<7} {} -- {}"
    line = LineField("{:<12} {:<50} {:<7} {} -- {}", 3)


class FunctionMemoryRecord(namedtuple("FunctionMemoryRecord", "index type function RSS VMS lineNo filename")):
    """The memory of the process at a function event. Other fields are as in `FunctionRecord`."""

    __slots__ = ()
    header = "{:<8} | {:<11} | {:<12} | {:<15} | {:<15} | {:>6} | {}"
    line = "{:>8} | {:<11} | {:<12} | {:>15} | {:>15} | {:>6} | {}"


class LineMemoryRecord(namedtuple("LineMemoryRecord", "index function lineNo RSS VMS line filename")):
    """The memory of the process when a line is about to be executed. Other fields are as in `LineRecord`."""

    __slots__ = ()
    header = "{:^12} | {:^30} | {:^7} | {:^15} | {:^15} | {} {}"
    line = LineField("{:<12} | {:<30} | {:<7} | {:>15} | {:>15} | {} {}", 5)


class TimedFunctionMemoryRecord(
    namedtuple("FunctionMemoryRecord", "index type function RSS VMS lineNo filename time_ns")
):
    """A `FunctionMemoryRecord` that tells when it was made: nanoseconds since the process's first record of memory. Only native
    code makes them, for the files of `pikos-run`."""

    __slots__ = ()
    header = f"{FunctionMemoryRecord.header} | {{}}"
    line = f"{FunctionMemoryRecord.line} | {{}}"


class TimedLineMemoryRecord(namedtuple("LineMemoryRecord", "index function lineNo RSS VMS line filename time_ns")):
    """A `LineMemoryRecord` that tells when it was made, likewise."""

    __slots__ = ()
    header = f"{LineMemoryRecord.header} | {{}}"
    line = LineField(f"{LineMemoryRecord.line} | {{}}", 5)
