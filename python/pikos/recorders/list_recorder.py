"""Records to memory."""

from __future__ import annotations

from pikos._lsprof import _Sink
from pikos.recorders.abstract_recorder import AbstractRecorder, native_filter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ListRecorder"]


class ListRecorder(AbstractRecorder):
    """Keep records in memory. filter_: called with a record; says whether it is recorded.

    What a monitor records takes 20 to 45 bytes a record, until somebody looks at `records`.
    """

    def __init__(self, filter_: Callable[[Any], bool] | None = None) -> None:
        self._filter = filter_
        self._records: list[Any] = []
        self._record_type: Any = None
        self._sink: _Sink | None = None

    @property
    def records(self) -> list[Any]:
        """All records so far."""
        if self._sink is not None:
            self._records += self._sink.take(self._record_type)
        return self._records

    @property
    def ready(self) -> bool:
        """Whether records can be recorded: always."""
        return True

    def __len__(self) -> int:
        return len(self._records) + (0 if self._sink is None else self._sink.held)

    def prepare(self, record: Any) -> None:
        """Nothing to do; the records stay."""
        if record is not self._record_type:
            self._records = self.records
            self._sink = None
        self._record_type = record

    def finalize(self) -> None:
        """Nothing to do."""

    def record(self, data: Any) -> None:
        """Keep a record, if the filter says so."""
        if self._filter is None or self._filter(data):
            self.records.append(data)

    def _native_sink(self) -> _Sink | None:
        if type(self).record is not ListRecorder.record:
            return None
        if self._sink is None:
            filter_ = native_filter(self._filter, self._record_type)
            self._sink = _Sink.list(self._record_type._fields, filter_)
        return self._sink
