"""Live profiles: their streams, taken through forks and to the interpreter's end."""

from __future__ import annotations

import atexit
import os

from pikos._lsprof import (
    _live_after_fork_in_child,
    _live_after_fork_in_parent,
    _live_before_fork,
    _live_end_all,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos._lsprof import Profiler

#: Seconds between messages, where nobody says otherwise.
INTERVAL = 0.5

prepared = False


def start(
    profile: Profiler,
    endpoint: str | None = None,
    interval: float = INTERVAL,
    connect: bool = False,
    remote: bool = False,
) -> str:
    """Send what a profile records to whoever listens; return the endpoint.

    endpoint: ``ipc://PATH`` or ``tcp://HOST:PORT``; None for a socket in the user's folder, where ``pikos top`` looks.
    interval: seconds between messages. connect: the endpoint is a subscriber's. remote: it may be on another host.

    Raises ValueError for what can't be meant, OSError where the endpoint can't be had.
    """
    prepare()
    return profile._live_start(endpoint, interval, connect, remote)


def prepare() -> None:
    """Once in a process."""
    global prepared
    if not prepared:
        prepared = True
        os.register_at_fork(
            before=_live_before_fork,
            after_in_parent=_live_after_fork_in_parent,
            after_in_child=_live_after_fork_in_child,
        )
        atexit.register(_live_end_all)
