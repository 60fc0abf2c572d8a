"""The profile of one request: of what runs in its context, and of nothing beside it."""

from __future__ import annotations

import contextvars
import os
import re

import pikos.stats
from pikos.cprofile import Profile

#: Stacks that one profile keeps, about 70 bytes each.
MOST_STACKS = 50_000
#: What stands around the program's own code is not in its profile.
_OURS = (
    re.escape(os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep)
    + r"|^\{method '(en|dis)able' of '_lsprof"
)


class Recording:
    """Records between ``begin`` and ``end``, which may come again and again."""

    __slots__ = ("_profile",)

    def __init__(self) -> None:
        self._profile = _profile()

    def begin(self) -> None:
        """In the context of the request. Raises ValueError or RuntimeError if another tool is in the way."""
        self._profile.enable()

    def end(self) -> None:
        """In the context that it was begun in."""
        self._profile.disable()

    def finished(self) -> pikos.stats.Profile:
        """What was recorded. Takes a millisecond, or a few."""
        return pikos.stats.of(self._profile)


def _profile() -> Profile:
    return Profile(context=True, tree=True, tree_nodes=MOST_STACKS, exclude=_OURS)


def hold() -> Profile:
    """Keep the interpreter's events on until what is returned is disabled: they are switched on with the first profile and off with the last one,
    and from CPython 3.12 on that costs each function a little at its next call. It records nothing."""
    profile = Profile(context=True)
    # Nobody runs in there.
    contextvars.Context().run(profile.enable)
    return profile
