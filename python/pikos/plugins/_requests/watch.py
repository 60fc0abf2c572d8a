"""Profiles requests or tasks: what all frameworks' modules stand on. A program never fails because of it."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from pikos.plugins._requests.choice import Choice, checked
from pikos.plugins._requests.kept import MOST_TEXT, Entry, Folder, Memory, new_id
from pikos.plugins._requests.recording import Recording, hold

if TYPE_CHECKING:
    from collections.abc import Callable

    from pikos.plugins._requests.kept import Keeper

#: How many are kept where nobody says it, and at most.
KEEP, MOST_KEPT = 20, 10_000
#: Seconds after which the profile of a request that still streams is finished.
LONGEST = 60.0
#: Where so few are between two that are profiled, the interpreter's events stay on.
RARE = 10

log = logging.getLogger("pikos")


class Watch:
    """Says what is to be profiled, and keeps some of it."""

    def __init__(
        self,
        *,
        secret: str | None = None,
        every: int | None = None,
        slow: float | None = None,
        keep: int = KEEP,
        folder: str | os.PathLike[str] | None = None,
        longest: float = LONGEST,
        takes_secret: bool = True,
    ) -> None:
        """Raises TypeError, ValueError and OSError for what can't be."""
        self.choice = Choice(checked(secret, every, slow, takes_secret=takes_secret))
        if not isinstance(keep, int) or isinstance(keep, bool):
            raise TypeError(f"keep must be a whole number, got {keep!r}")
        if not 1 <= keep <= MOST_KEPT:
            raise ValueError(f"keep must be from 1 to {MOST_KEPT:,}, got {keep}")
        if not isinstance(longest, int | float) or isinstance(longest, bool):
            raise TypeError(f"longest must be a number of seconds, got {longest!r}")
        if not longest > 0:
            raise ValueError(f"longest must be a number of seconds above 0, got {longest!r}")
        self.longest = longest
        self.kept: Keeper = Memory(keep) if folder is None else Folder(os.fspath(folder), keep)
        #: Why the last one that should have been profiled, or kept, wasn't; and how many these are.
        self.problem, self.problems = "", 0
        options = self.choice.options
        self._is_frequent = options.slow is not None or (options.every is not None and options.every < RARE)
        self._holds = False

    def begin(self, why: str) -> Running | None:
        """Begin to profile what runs in this context from now on; None if that can't be."""
        try:
            running = Running(self, why)
            running.recording.begin()
            if self._is_frequent and not self._holds:
                # For good: the next one comes soon. Twice does no harm.
                self._holds = True
                hold()
        except (ValueError, RuntimeError) as error:
            self.tell(f"not profiled: {error}")
            return None
        return running

    def tell(self, problem: str) -> None:
        """Of each kind of trouble, the first time."""
        self.problems += 1
        if problem != self.problem:
            self.problem = problem
            log.warning("pikos: %s", problem)


class Running:
    """A request that is profiled."""

    __slots__ = ("began", "clock", "id", "is_open", "is_over", "recording", "watch", "why")

    def __init__(self, watch: Watch, why: str) -> None:
        self.watch = watch
        self.why = why
        self.id = new_id()
        self.recording = Recording()
        self.began = time.time()
        self.clock = time.perf_counter()
        #: Whether it records now.
        self.is_open = True
        self.is_over = False

    def pause(self) -> None:
        """What comes now is the server's doing."""
        if self.is_open:
            self.is_open = False
            self.recording.end()

    def go_on(self) -> None:
        """It is the program's again."""
        if not self.is_over and not self.is_open:
            try:
                self.recording.begin()
            except (ValueError, RuntimeError) as error:
                self.watch.tell(f"not profiled to its end: {error}")
            else:
                self.is_open = True

    def is_too_long(self) -> bool:
        return time.perf_counter() - self.clock > self.watch.longest

    def finish(
        self, label: Callable[[], object], what: str, outcome: str, *, has_failed: bool = False, note: str = ""
    ) -> None:
        """It is over: keep it, or not. Only the first of these counts."""
        if self.is_over:
            return
        self.is_over = True
        took = time.perf_counter() - self.clock
        self.is_open = False
        self.recording.close()
        why = self.watch.choice.why_kept(self.why, took, has_failed)
        if why is None:
            return
        try:
            profile = self.recording.finished()
            entry = Entry(
                id=self.id,
                label=text(label),
                what=what[:MOST_TEXT],
                why=why,
                outcome=outcome[:MOST_TEXT],
                began=self.began,
                seconds=took,
                calls=profile.metadata["ncalls"],
                pid=os.getpid(),
                note=note,
            )
            self.watch.kept.add(entry, profile)
        except OSError as error:
            self.watch.tell(f"a profile can't be kept: {error.strerror or error}")
        except Exception as error:
            # Whatever it is, the request is not to suffer.
            self.watch.tell(f"a profile can't be kept: {type(error).__name__}: {error}")


def text(label: Callable[[], object]) -> str:
    """A label, whatever the program's objects do when they are asked for it."""
    try:
        return str(label())[:MOST_TEXT]
    except Exception:
        return "(no label)"
