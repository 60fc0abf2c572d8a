"""Records to subscribers, through ZeroMQ, while the program runs."""

from __future__ import annotations

from pikos._lsprof import _Sink
from pikos.recorders._native_recorder import NativeRecorder
from pikos.recorders.abstract_recorder import check_ready

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["ZeroMQRecorder"]


class ZeroMQRecorder(NativeRecorder):
    """Send records, in MessagePack, to whoever subscribes: docs/wire.md says how. Waits for nobody.

    endpoint: ``tcp://HOST:PORT`` or ``ipc:///PATH``, beside a socket in the user's own folder. filter_: called with a
    record; says whether it is sent. connect: whether the subscriber binds the endpoint. remote: whether it may be beyond
    this host's loopback, where whoever reaches it can read the records.

    Records that nobody listens to are gone, and so are those that come faster than they can be sent; these are counted.
    """

    _done = "sent"

    def __init__(
        self,
        endpoint: str | None = None,
        filter_: Callable[[Any], bool] | None = None,
        *,
        connect: bool = False,
        remote: bool = False,
    ) -> None:
        super().__init__(filter_)
        self._endpoint = endpoint
        self._connect = connect
        self._remote = remote
        #: Whether the sockets stay open until the program ends: a function that it is attached to is called often.
        self._stays_open = False

    def prepare(self, record: Any) -> None:
        """Open the sockets. ValueError for what is no endpoint; OSError where there is no socket to be had; TypeError for
        records that are none of the toolkit's own."""
        if self._sink is None:
            self._open(
                record,
                lambda fields, filter_: _Sink.live(fields, filter_, self._endpoint, self._connect, self._remote),
            )
        self._ready = True

    def finalize(self) -> None:
        """Send the last message; where a monitor is attached to a function, at the end of the program. RecorderError if the recorder isn't
        ready."""
        check_ready(self, self._ready)
        self._ready = False
        if not self._stays_open:
            self._close()

    def _stay_open(self) -> None:
        """Close at the end of the program, not at each `finalize`: that takes a tenth of a second."""
        if not self._stays_open:
            import atexit

            self._stays_open = True
            atexit.register(self._close)

    def _close(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None
