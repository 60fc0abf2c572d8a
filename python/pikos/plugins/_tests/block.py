"""A part of a test, profiled."""

from __future__ import annotations

import inspect
import time
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

import pikos.stats
from pikos.cprofile import Profile
from pikos.plugins._own_calls import own_calls

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, TracebackType
    from typing import Any, Protocol, Self

    from pikos.plugins._own_calls import OwnCalls

    class Around(Protocol):
        """What profiles the whole test."""

        def hold(self) -> None: ...
        def go_on(self, block: Block | None) -> None: ...


class Block:
    """For a ``with``. What it has is there after the block."""

    def __init__(self, around: Around | None, is_own: Callable[[str], bool]) -> None:
        """around: what profiles the whole test, if it is. is_own: whether a file is the project's."""
        self._around = around
        self._is_own = is_own
        self._recording: Profile | None = None
        self._finished: pikos.stats.Profile | None = None
        self._began = 0.0
        #: How many coroutines and generators of a function have begun: as calls, each time that one goes on counts.
        self._begun: dict[tuple[str, int, str], int] = {}
        #: How long the block took, by the clock.
        self.seconds = 0.0

    def __enter__(self) -> Self:
        if self._recording is not None:
            raise RuntimeError("this block is profiled already: call pikos() again for another one")
        if self._around is not None:
            # The test's own profile has the same interpreter's hook.
            self._around.hold()
        recording = self._recording = Profile(threads=True, tree=True, tasks=True, generators=True)
        self._began = time.perf_counter()
        try:
            recording.enable()
        except BaseException as error:
            self._recording = None
            if self._around is not None:
                self._around.go_on(None)
            if isinstance(error, (ValueError, RuntimeError)):
                pytest.fail(f"the block can't be profiled: {error}", pytrace=False)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        recording = self._recording
        if recording is None:
            return
        recording.disable()
        self.seconds = time.perf_counter() - self._began
        self._finished = pikos.stats.of(recording)
        for each in recording.coroutine_stats():
            if not isinstance(each.code, str):
                label = place(each.code)
                self._begun[label] = self._begun.get(label, 0) + each.started
        if self._around is not None:
            self._around.go_on(self)

    @property
    def profile(self) -> pikos.stats.Profile:
        """All that was recorded. RuntimeError before the end of the block."""
        if self._finished is None:
            raise RuntimeError("there is no profile before the end of the block")
        return self._finished

    @cached_property
    def own(self) -> OwnCalls:
        return own_calls(self.profile, self._is_own, from_the_start=True)

    @property
    def calls(self) -> int:
        """How many calls there were, without what imports and ``__del__`` do."""
        return self.own.calls

    def calls_of(self, function: object) -> int:
        """How often a function was called: a Python function, method or class, by its code; or all whose ``file:line(name)`` (``{name}`` of a
        built-in) a regular expression finds. A coroutine or a generator counts once, however often it goes on. TypeError for anything else,
        ValueError for what is no regular expression."""
        if isinstance(function, str):
            return sum(map(self._times, self.profile.filter(function)))
        code = code_of(function)
        if code is None:
            raise TypeError(
                f"calls_of takes a function of Python, or a regular expression for file:line(name), got {function!r}"
            )
        wanted = place(code)
        return sum(self._times(row) for row in self.profile if (row.file, row.line, row.name) == wanted)

    def _times(self, row: pikos.stats.Row) -> int:
        return self._begun.get((row.file, row.line, row.name), row.ncalls or 0)

    def __repr__(self) -> str:
        return "<pikos block, not over>" if self._finished is None else f"<pikos block: {self._finished!r}>"


def place(code: CodeType) -> tuple[str, int, str]:
    return code.co_filename, code.co_firstlineno, code.co_name


def code_of(function: Any) -> Any:
    """The code that runs when it is called; None if that isn't Python's."""
    if isinstance(function, type):
        function = function.__dict__.get("__init__")
    function = getattr(function, "func", function)
    if not hasattr(function, "__code__"):
        # What stands around a function, and has no code itself: functools.cache.
        function = inspect.unwrap(function) if callable(function) else function
    function = getattr(function, "__func__", function)
    return getattr(function, "__code__", None)
