"""What the monitors record: named tuples, with formats for readable lines.

``header`` and ``line`` are templates of ``str.format``, for the field names and for the values. Two record types also have
a field ``line``, the source line: of a record, ``line`` is that; of its type, the template. RSS and VMS are bytes.
"""

from __future__ import annotations

from collections import namedtuple
from typing import Any

__all__ = [
    "FunctionMemoryRecord",
    "FunctionMemoryRecordFormater",
    "FunctionRecord",
    "FunctionRecordFormater",
    "LineMemoryRecord",
    "LineMemoryRecordFormater",
    "LineRecord",
    "LineRecordFormater",
    "RecordFormater",
]


def is_plain(kind: Any, like: Any) -> bool:
    """Whether to make one of this type takes no more than to make a named tuple like this one, with as many fields."""
    if kind is like:
        return True
    if not (isinstance(kind, type) and issubclass(kind, tuple)) or type(kind).__call__ is not type.__call__:
        return False
    if kind.__init__ is not object.__init__ or len(getattr(kind, "_fields", ())) != len(like._fields):
        return False
    theirs, ours = getattr(kind.__new__, "__code__", None), like.__new__.__code__
    return (
        theirs is not None
        and theirs.co_code == ours.co_code
        and all(
            getattr(theirs, name) == getattr(ours, name)
            for name in ("co_names", "co_freevars", "co_argcount", "co_flags")
        )
        and kind.__new__.__globals__.get("_tuple_new") is like.__new__.__globals__["_tuple_new"]
    )


class LineField:
    """The field ``line`` of a record, and the template of its type."""

    def __init__(self, template: str, place: int) -> None:
        self.template = template
        self.place = place

    def __get__(self, record: tuple[Any, ...] | None, kind: type) -> Any:
        return self.template if record is None else record[self.place]


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


class RecordFormater:
    """How records become lines of text, for ``formater=`` of the text recorders: by the templates of their type."""

    #: The type of the records.
    record_type: Any

    def header(self, fields: tuple[str, ...]) -> str:
        """The line with the field names."""
        return self.record_type.header.format(*fields)  # type: ignore[no-any-return]

    def line(self, record: tuple[Any, ...]) -> str:
        """A record's line."""
        return self.record_type.line.format(*record)  # type: ignore[no-any-return]

    def _native_template(self) -> str | None:
        """The template that native code writes lines by; None where a line is made otherwise."""
        return self.record_type.line if type(self).line is RecordFormater.line else None


class FunctionRecordFormater(RecordFormater):
    """Of a `FunctionRecord`."""

    record_type = FunctionRecord


class LineRecordFormater(RecordFormater):
    """Of a `LineRecord`."""

    record_type = LineRecord


class FunctionMemoryRecordFormater(RecordFormater):
    """Of a `FunctionMemoryRecord`."""

    record_type = FunctionMemoryRecord


class LineMemoryRecordFormater(RecordFormater):
    """Of a `LineMemoryRecord`."""

    record_type = LineMemoryRecord
