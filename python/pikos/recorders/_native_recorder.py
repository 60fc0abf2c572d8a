"""What recorders have in common whose records all go through their native half, those made in Python as well."""

from __future__ import annotations

from pikos.recorders.abstract_recorder import AbstractRecorder, check_ready, native_filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from pikos._lsprof import _Sink

__all__ = ["NativeRecorder"]


class NativeRecorder(AbstractRecorder):
    """Opens the native half, and hands records to it. A subclass says where they go, in `prepare` and `finalize`."""

    #: What is done with records, in messages.
    _done: str

    def __init__(self, filter_: Callable[[Any], bool] | None) -> None:
        self._filter = filter_
        self._record_type: Any = None
        self._sink: _Sink | None = None
        self._is_native = False
        self._ready = False

    def record(self, data: Any) -> None:
        """Record it, if the filter keeps it. RecorderError if the recorder isn't ready; TypeError for what doesn't fit."""
        check_ready(self, self._ready)
        assert self._sink is not None
        if self._filter is None or self._filter(data):
            self._sink.add(data)

    def _open(self, record: Any, make: Callable[[Sequence[str], object], _Sink | None]) -> None:
        """Open the native half for these records. make: from their fields and the filter; None if it can't have them."""
        self._record_type = record
        sink = make(record._fields, native_filter(self._filter, record))
        # A filter of another kind of record is left to `record`.
        self._is_native = sink is not None
        self._sink = sink or make(record._fields, None)
        if self._sink is None:
            raise TypeError(
                f"records of {record.__name__} can't be {self._done}: it has a field that the toolkit doesn't know"
            )

    def _native_sink(self) -> _Sink | None:
        return self._sink if self._is_native and type(self).record is NativeRecorder.record else None
