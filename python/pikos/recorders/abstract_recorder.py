"""What all recorders have in common."""

from __future__ import annotations

from pikos._lsprof import _Filter, _Records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pikos._lsprof import _Sink

__all__ = ["AbstractRecorder", "RecorderError"]


class RecorderError(Exception):
    """A recorder was used before it was prepared."""


class AbstractRecorder:
    """Stores records: named tuples, all of one type between `prepare` and `finalize`. A subclass is called for each."""

    def prepare(self, record: Any) -> None:
        """Get ready. record: the type of the records to come."""
        raise NotImplementedError

    def finalize(self) -> None:
        """There are no more records."""
        raise NotImplementedError

    def record(self, data: Any) -> None:
        """Store a record."""
        raise NotImplementedError

    def _native_sink(self) -> _Sink | None:
        """What the native code can record to without calling us; None if it has to call `record`."""
        return None


def native_filter(filter_: Any, record: Any) -> Any:
    """A filter as the native half of a recorder can have it: one in Python is called with records that are made natively."""
    # Ours need no Python; what somebody derives from one may. What is made of them is another matter, and looked at natively.
    if filter_ is None or type(filter_).__base__ is _Filter:
        return filter_
    try:
        return _Records(record, record._fields, True, filter_)
    except TypeError:
        # Records of fields that no event has: only Python makes them.
        return filter_


def check_ready(recorder: AbstractRecorder, ready: bool) -> None:
    """RecorderError unless it is."""
    if not ready:
        raise RecorderError(f"{type(recorder).__name__} is not ready: call prepare(record_type) first")


def report(sink: _Sink | None, where: str) -> None:
    """Say on standard error why records were lost, if they were."""
    if sink is not None:
        sink.flush()
        if sink.problem is not None:
            import sys

            # A reader who has left, as `head` does, needs no more.
            if not sink.problem.startswith("BrokenPipeError"):
                sys.stderr.write(f"pikos: can't write {where}: {sink.problem}; records from then on are lost\n")


def name_of(stream: Any) -> str:
    """What to call a stream in a message."""
    name = getattr(stream, "name", None)
    return name if isinstance(name, str) else f"to {type(stream).__name__}"
