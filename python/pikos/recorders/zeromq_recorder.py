"""Records to subscribers, through ZeroMQ, while the program runs."""

from __future__ import annotations

from pikos._lsprof import _Sink
from pikos.recorders.abstract_recorder import AbstractRecorder, check_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ZeroMQRecorder"]


class ZeroMQRecorder(AbstractRecorder):
    """Send records, in MessagePack, to whoever subscribes: docs/wire.md says how. Waits for nobody.

    endpoint: ``tcp://HOST:PORT`` or ``ipc:///PATH``, beside a socket in the user's own folder. filter_: called with a
    record; says whether it is sent. connect: whether the subscriber binds the endpoint. remote: whether it may be beyond
    this host's loopback, where whoever reaches it can read the records.

    Records that nobody listens to are gone, and so are those that come faster than they can be sent; these are counted.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        filter_: Callable[[Any], bool] | None = None,
        *,
        connect: bool = False,
        remote: bool = False,
    ) -> None:
        self._endpoint = endpoint
        self._filter = filter_
        self._connect = connect
        self._remote = remote
        self._record_type: Any = None
        self._sink: _Sink | None = None
        self._is_native = False

    def prepare(self, record: Any) -> None:
        """Open the sockets. ValueError for what is no endpoint; OSError where there is no socket to be had; TypeError for
        records that are none of the toolkit's own."""
        if self._sink is not None:
            return
        self._record_type = record
        sink = self._open(self._filter)
        self._is_native = sink is not None
        self._sink = sink or self._open(None)
        if self._sink is None:
            raise TypeError(
                f"records of {record.__name__} can't be sent: a field has a name that the toolkit doesn't know"
            )

    def finalize(self) -> None:
        """Send the last message. RecorderError if the recorder isn't ready."""
        check_ready(self, self._sink is not None)
        assert self._sink is not None
        self._sink.close()
        self._sink = None

    def record(self, data: Any) -> None:
        """Send a record, if the filter keeps it. RecorderError if the recorder isn't ready."""
        check_ready(self, self._sink is not None)
        assert self._sink is not None
        if self._filter is None or self._filter(data):
            self._sink.add(data)

    def _open(self, filter_: Any) -> _Sink | None:
        return _Sink.live(self._record_type._fields, filter_, self._endpoint, self._connect, self._remote)

    def _native_sink(self) -> _Sink | None:
        return self._sink if self._is_native and type(self).record is ZeroMQRecorder.record else None
