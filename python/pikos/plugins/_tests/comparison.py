"""Two runs, test by test."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pikos.plugins._own_calls import own_calls, under

if TYPE_CHECKING:
    from pikos.plugins._tests.folder import Kept, Test

#: Seconds. What takes less isn't compared by time: it is noise.
LEAST_SECONDS = 0.01
#: Functions that a test's line is followed by.
MOST_FUNCTIONS = 3


class Change(NamedTuple):
    """A test before and after: calls, or seconds. share: 0.1 is a tenth more."""

    test: str
    before: float
    after: float
    share: float


class Comparison:
    """by: ``"calls"`` or ``"time"``."""

    def __init__(self, before: Kept, after: Kept, by: str) -> None:
        self.before, self.after, self.by = before, after, by
        #: The costliest first.
        self.changes: list[Change] = []
        self.new = [name for name in after.tests if name not in before.tests]
        self.gone = [name for name in before.tests if name not in after.tests]
        #: Those that didn't pass on both sides, or are too short.
        self.left_out = 0
        for name, test in after.tests.items():
            other = before.tests.get(name)
            if other is None:
                continue
            figures = self._figures(other, test)
            if figures is None:
                self.left_out += 1
            else:
                self.changes.append(Change(name, *figures, _share(*figures)))
        self.changes.sort(key=lambda each: (-each.share, each.test))

    def _figures(self, before: Test, after: Test) -> tuple[float, float] | None:
        if before.outcome != "passed" or after.outcome != "passed":
            return None
        if self.by == "calls":
            return before.calls, after.calls
        if max(before.seconds, after.seconds) < LEAST_SECONDS:
            return None
        return before.seconds, after.seconds

    def above(self, share: float) -> list[Change]:
        return [each for each in self.changes if each.share > share]

    def functions(self, change: Change) -> list[tuple[str, int]]:
        """Which functions are called more often, and how much; the project's own first."""
        mine: set[str] = set()
        before, after = self._calls(self.before, change.test, mine), self._calls(self.after, change.test, mine)
        if not before or not after:
            return []
        more = {name: count - before.get(name, 0) for name, count in after.items()}
        ordered = sorted(more.items(), key=lambda item: (item[0] not in mine, -item[1], item[0]))
        return [(name, count) for name, count in ordered if count > 0][:MOST_FUNCTIONS]

    @staticmethod
    def _calls(kept: Kept, test: str, mine: set[str]) -> dict[str, int]:
        is_own = under(kept.root)
        found: dict[str, int] = {}
        for at, profile in enumerate(kept.profiles(kept.tests[test])):
            own = own_calls(profile, is_own, from_the_start=at > 0)
            mine |= own.mine
            for name, count in own.by_function.items():
                found[name] = found.get(name, 0) + count
        return found


def _share(before: float, after: float) -> float:
    if before == after:
        return 0.0
    return (after - before) / before if before > 0 else float("inf")
