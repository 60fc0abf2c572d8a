"""A stand-in for yappi, so that yappi's own tests of recursion can judge another profiler.

Those tests say how long each activation takes, as a table: {"a_1": 20, "a_2": 13} is 20 ticks for the first activation
of `a` on the stack and 13 for a second inside it. Here the table becomes a custom timer. The clock stands still at a
function's entry; at its exit it reads entry + the table's time. What the profiler makes of these readings is then
asked for under yappi's names.

One figure is not the profiler's: `nactualcall` of a callee. yappi calls an edge's activation recursive when the callee
is on the stack at all, cProfile when the *edge* is. Neither is wrong; the tests are about yappi's, so the timer, which
sees every entry, counts it.
"""

from __future__ import annotations

import collections
import sys
from collections.abc import Callable, Iterator
from types import CodeType, FrameType, ModuleType
from typing import Any

_UNNAMED = 3  # ticks of an activation that the table does not name, as in yappi


class TableTimer:
    """A clock for Profile(timer, 1.0) that obeys a table of timings.

    It must be read exactly once at each entry and once at each exit of a Python function: one reading more or less and
    the stack of frames no longer matches.
    """

    def __init__(self, table: dict[str, int]) -> None:
        self.table = table
        self.now = 0
        self.open: list[tuple[FrameType, int]] = []
        self.first_entries: collections.Counter[tuple[CodeType, CodeType]] = collections.Counter()

    def __call__(self) -> int:
        frame = sys._getframe(1)
        if self.open and self.open[-1][0] is frame:
            entered = self.open[-1][1]
            level = sum(other.f_code is frame.f_code for other, _ in self.open)
            self.now = entered + self.table.get(f"{frame.f_code.co_name}_{level}", _UNNAMED)
            self.open.pop()
        else:
            if self.open and all(other.f_code is not frame.f_code for other, _ in self.open):
                self.first_entries[self.open[-1][0].f_code, frame.f_code] += 1
            self.open.append((frame, self.now))
        return self.now


class Function:
    """One row: a function, or a callee in the row of its caller."""

    def __init__(self, row: Any, primitive_calls: int, children: dict[Any, Function]) -> None:
        self.name = row.code.co_name
        self.full_name = f"{row.code.co_filename}:{row.code.co_firstlineno} {self.name}"
        self.index = id(row.code)
        self.ncall = row.callcount
        self.nactualcall = primitive_calls
        self.ttot = row.totaltime
        self.tsub = row.inlinetime
        self.children = children

    def keys(self) -> tuple[Any, ...]:
        """All that a test may look this row up by."""
        return (self.index, self.full_name)


class Functions(list[Function]):
    """Rows to iterate over; also by another row, its index or its full name."""

    def __getitem__(self, key: Any) -> Any:
        wanted = key.index if isinstance(key, Function) else key
        return next(row for row in self if wanted in row.keys())

    def _debug_check_sanity(self) -> bool:
        return len({row.index for row in self}) == len(self)


class Session:
    """The state behind the module's functions: what yappi keeps between start() and get_func_stats()."""

    def __init__(self, profile_class: Callable[..., Any]) -> None:
        self._profile_class = profile_class
        self.clear_stats()

    def clear_stats(self) -> None:
        self._profile: Any = None
        self._timer: TableTimer | None = None

    def set_test_timings(self, table: dict[str, int]) -> None:
        self._timer = TableTimer(table)

    def start(self) -> None:
        if self._timer is None:
            self._profile = self._profile_class()
        else:
            self._profile = self._profile_class(self._timer, 1.0)
        self._profile.enable(builtins=False)

    def stop(self) -> None:
        if self._profile is not None:
            self._profile.disable()

    def functions(self) -> Functions:
        return Functions(self._rows())

    def _rows(self) -> Iterator[Function]:
        for entry in [] if self._profile is None else self._profile.getstats():
            if isinstance(entry.code, str) or entry.code.co_filename == __file__:
                continue  # our own stop(), and the profiler's disable()
            children = Functions(
                Function(call, self._first_entries(entry.code, call.code), Functions())
                for call in entry.calls or ()
                if not isinstance(call.code, str)
            )
            yield Function(entry, entry.callcount - entry.reccallcount, children)  # type: ignore[arg-type]

    def _first_entries(self, caller: CodeType, callee: CodeType) -> int:
        return 0 if self._timer is None else self._timer.first_entries[caller, callee]


def install(profile_class: Callable[..., Any]) -> None:
    """Put the stand-in into sys.modules as `yappi` and `_yappi`."""
    session = Session(profile_class)
    yappi = ModuleType("yappi")
    yappi.__dict__.update(
        start=session.start,
        stop=session.stop,
        clear_stats=session.clear_stats,
        get_func_stats=session.functions,
        **dict.fromkeys(
            (
                "set_clock_type",
                "set_context_backend",
                "set_context_id_callback",
                "set_context_name_callback",
                "set_tag_callback",
            ),
            lambda _value: None,
        ),
    )
    low_level = ModuleType("_yappi")
    low_level.__dict__.update(_set_test_timings=session.set_test_timings)
    sys.modules.update(yappi=yappi, _yappi=low_level)
