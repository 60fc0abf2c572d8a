"""What the monitors record: named tuples, with formats for readable lines.

``header`` and ``line`` are templates of ``str.format``, for the field names and for the values. Two record types also have
a field ``line``, the source line: of a record, ``line`` is that; of its type, the template. RSS and VMS are bytes.

Records have the fields of `EXTRA_FIELDS`, behind their own, where a monitor is told ``fields=``.
"""

from __future__ import annotations

from collections import namedtuple
from functools import cache
from typing import Any

from pikos._lsprof import _EventMonitor

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


#: What each extra field is. The native code knows how to find it out.
EXTRA_FIELDS = {
    "time": "seconds since the monitor was enabled",
    "thread": "the thread's native id",
    "task": 'the name of the asyncio task that runs, or ""',
    "qualname": "the function's qualified name",
    "depth": "how many calls of Python functions are open in the thread, this one included",
    "exception": 'the type of the exception that a function is left by, or ""',
    "peak": "the most memory that was resident since the record before, in bytes",
}
assert tuple(EXTRA_FIELDS) == _EventMonitor.extra_fields


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


@cache
def with_fields(record_type: Any, fields: tuple[str, ...]) -> Any:
    """The record type that has these fields as well, behind its own."""
    if not fields:
        return record_type
    inherited = {name: value + " | {}" * len(fields) for name, value in templates(record_type).items()}
    line = inherited["line"]
    body: dict[str, Any] = {"__slots__": (), "__doc__": record_type.__doc__, "header": inherited["header"]}
    body["line"] = LineField(line, record_type._fields.index("line")) if "line" in record_type._fields else line
    base = namedtuple(record_type.__name__, (*record_type._fields, *fields))  # type: ignore[misc]
    return type(record_type.__name__, (base,), body)


def templates(record_type: Any) -> dict[str, str]:
    """Of readable lines."""
    return {"header": record_type.header, "line": record_type.line}


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
