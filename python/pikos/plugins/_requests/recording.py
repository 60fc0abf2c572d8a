"""The profile of one request: of what runs in its context, and of nothing beside it."""

from __future__ import annotations

import contextvars
import os
import re
import sys
import threading
from typing import TYPE_CHECKING

import pikos.stats
from pikos.cprofile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

#: Stacks that one profile keeps, about 70 bytes each.
MOST_STACKS = 50_000
#: What stands around the program's own code is not in its profile.
_OURS = (
    re.escape(os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep)
    + r"|^\{method '(en|dis)able' of '_lsprof"
)


#: How many have asked that events stay on, and what keeps them on.
_asked = 0
_held: Profile | None = None
# Of a thread it may be asked for again, by what the garbage collector finds meanwhile.
_lock = threading.RLock()


def hold() -> None:
    """Keep the interpreter's events on until as many have let them go. They are switched on with the first profile and off with the last one:
    from CPython 3.12 on that costs each function a little at its next call, and it must not happen while another thread begins or ends a profile."""
    global _asked, _held
    with _lock:
        _asked += 1
        if _held is None:
            held = Profile(context=True)
            try:
                # Nobody runs in there: it records nothing.
                contextvars.Context().run(held.enable)
            except BaseException:
                _asked -= 1
                raise
            _held = held


def let_go() -> None:
    global _asked, _held
    with _lock:
        _asked -= 1
        if _asked == 0 and _held is not None:
            held, _held = _held, None
            held.disable()


if hasattr(os, "register_at_fork"):

    def _after_fork() -> None:
        global _lock
        _lock = threading.RLock()

    os.register_at_fork(after_in_child=_after_fork)


class Recording:
    """Records between ``begin`` and ``end``, which may come again and again, until it is closed."""

    __slots__ = ("_holds", "_profile")

    def __init__(self) -> None:
        """Raises ValueError or RuntimeError if another tool is in the way."""
        self._holds = False
        self._profile = Profile(context=True, tree=True, tree_nodes=MOST_STACKS, exclude=_OURS)
        hold()
        self._holds = True

    def begin(self) -> None:
        """In the context of the request. Raises ValueError or RuntimeError if another tool is in the way."""
        self._profile.enable()

    def end(self) -> None:
        """In the context that it was begun in."""
        self._profile.disable()

    def close(self) -> None:
        """Nothing more is recorded."""
        if self._holds:
            self._holds = False
            self._profile.disable()
            let_go()

    def __del__(self, _is_over: Callable[[], bool] = sys.is_finalizing) -> None:
        # Of a request that nobody has finished. At the interpreter's end there may be nothing left to do it with.
        if not _is_over():
            self.close()

    def finished(self) -> pikos.stats.Profile:
        """What was recorded. Takes a millisecond, or a few."""
        return pikos.stats.of(self._profile)
