"""Custom timers: read once per enter and leave, exact, and never able to crash the program."""

from __future__ import annotations

import json
from typing import Any

import pytest
from running import SUBJECT, evaluate, python, subject

pytestmark = pytest.mark.in_process

profiler = subject()


def leaf() -> None:
    pass


def branch() -> None:
    leaf()
    leaf()


class Ticking:
    """A clock that advances by one each time it is read."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1
        return self.now


def times(profile: Any) -> dict[str, tuple[float, float]]:
    return {
        entry.code.co_name: (entry.totaltime, entry.inlinetime)
        for entry in profile.getstats()
        if not isinstance(entry.code, str)
    }


@pytest.mark.parametrize("unit", [1.0, 0.5, 1e-9])
def test_readings_are_exact(unit: float) -> None:
    profile = profiler.Profile(Ticking(), unit)
    profile.runcall(branch)
    # branch enters at 1, leaf runs from 2 to 3 and from 4 to 5, branch leaves at 6
    assert times(profile) == {"branch": (5 * unit, 3 * unit), "leaf": (2 * unit, 2 * unit)}


def test_a_float_clock_without_unit() -> None:
    clock = Ticking()
    profile = profiler.Profile(lambda: clock() * 0.25)
    profile.runcall(branch)
    assert times(profile) == {"branch": (1.25, 0.75), "leaf": (0.5, 0.5)}


def test_the_clock_is_read_once_per_enter_and_leave() -> None:
    clock = Ticking()
    profile = profiler.Profile(clock, 1.0)
    profile.runcall(branch)
    # three functions enter and leave, and so does disable(), which ends while it is open
    assert clock.now == 8


def test_a_look_does_not_read_the_clock() -> None:
    clock = Ticking()
    profile = profiler.Profile(clock, 1.0)
    profile.runcall(branch)
    before = clock.now
    profile.getstats()
    profile.snapshot_stats()
    assert clock.now == before


def test_the_timer_itself_is_not_profiled() -> None:
    def clock() -> int:
        return max(0, 1)

    profile = profiler.Profile(clock, 1.0)
    profile.runcall(branch)
    assert set(times(profile)) == {"branch", "leaf"}
    assert not any("max" in str(entry.code) for entry in profile.getstats())


def test_large_and_backward_readings() -> None:
    readings = iter([2**62, 2**62 + 5, 2**62 + 3, 2**62 + 9])
    profile = profiler.Profile(lambda: next(readings, 2**62 + 20), 1.0)
    profile.enable(builtins=False)
    branch()
    profile.disable()
    assert times(profile)["leaf"][0] + times(profile)["branch"][1] == times(profile)["branch"][0]


MISBEHAVIOURS = {
    "raises": "raise RuntimeError('from the timer')",
    "returns a string": "return 'now'",
    "returns None": "return None",
    "enables": "profile.enable(); return 1",
    "disables": "profile.disable(); return 1",
    "clears": "profile.clear(); return 1",
    "asks for stats": "profile.getstats(); return 1",
    "initialises": "profile.__init__(); return 1",
    "deletes the profile": "global profile; profile = None; return 1",
    "recurses": "leaf(); len('re-entered'); return 1",
    "raises at random": "global n; n += 1\n    if n % 3 == 0: raise KeyError(n)\n    return n",
    "exits": "raise SystemExit(7)",
    "is interrupted": "raise KeyboardInterrupt",
}


@pytest.mark.beyond_cprofile  # it crashes on some of them
@pytest.mark.parametrize("unit", [0.0, 1.0])
@pytest.mark.parametrize("how", MISBEHAVIOURS)
def test_a_bad_timer_never_stops_the_program(how: str, unit: float) -> None:
    run = python(
        [
            "-c",
            f"""
import gc, json
from {SUBJECT} import Profile
n = 0
def leaf(): return len("leaf")
def branch(): return leaf() + leaf()
def clock():
    {MISBEHAVIOURS[how]}
profile = mine = Profile(clock, {unit})
results = []
try:
    profile.enable()
except (ValueError, RuntimeError):
    pass
for _ in range(20):
    results.append(branch())
mine.disable()
mine.disable()
mine.getstats()
del profile, mine
gc.collect()
profiler = Profile()
profiler.enable(); branch(); profiler.disable()
print(json.dumps([results, sum(e.callcount for e in profiler.getstats() if e.code is branch.__code__)]))
""",
        ]
    )
    assert run.code == 0, run.err
    assert json.loads(run.out) == [[8] * 20, 1]
    assert "panicked" not in run.err


@pytest.mark.parametrize("how", ["raises", "returns a string"])
def test_a_timers_error_is_unraisable_and_names_it(how: str) -> None:
    got = evaluate(f"""
        import sys
        seen = []
        sys.unraisablehook = lambda about: seen.append([about.exc_type.__name__, f"{{about.err_msg}} {{about.object!r}}"])
        def clock():
            {MISBEHAVIOURS[how]}
        def leaf(): pass
        profile = Profile(clock)
        profile.enable()
        leaf()
        profile.disable()
        answer(seen)
    """)
    assert {kind for kind, _ in got} == {"RuntimeError" if how == "raises" else "TypeError"}
    assert all("clock" in about for _, about in got)


def test_with_a_unit_the_timer_must_return_int() -> None:
    got = evaluate("""
        import sys
        seen = []
        sys.unraisablehook = lambda about: seen.append(about.exc_type.__name__)
        def leaf(): pass
        profile = Profile(lambda: 1.5, 1.0)
        profile.enable()
        leaf()
        profile.disable()
        answer(seen)
    """)
    assert got and set(got) == {"TypeError"}


@pytest.mark.parametrize("call", ["disable", "clear", "enable"])
@pytest.mark.beyond_cprofile  # it refuses some of them from 3.13 on, and crashed before
def test_switching_inside_the_timer_is_refused(call: str) -> None:
    got = evaluate(f"""
        import sys
        seen = []
        sys.unraisablehook = lambda about: seen.append(str(about.exc_value))
        def clock():
            profile.{call}()
            return 1
        def leaf(): pass
        profile = Profile(clock)
        try:
            profile.enable()
        except (RuntimeError, ValueError) as error:
            seen.append(str(error))
        leaf()
        profile.disable()
        answer(seen)
    """)
    assert got and all("timer" in message for message in got)


@pytest.mark.parametrize("timer", ["1", "'clock'", "object()"])
def test_a_timer_that_cannot_be_called_is_a_type_error(timer: str) -> None:
    """Either the constructor raises it, or each reading reports it as unraisable, as cProfile does. Never silence."""
    got = evaluate(f"""
        import sys
        seen = []
        sys.unraisablehook = lambda about: seen.append(about.exc_type.__name__)
        def leaf(): return 8
        try:
            profile = Profile({timer})
        except TypeError as error:
            seen.append("TypeError")
        else:
            profile.enable()
        result = leaf()
        if "profile" in globals(): profile.disable()
        answer([result, sorted(set(seen))])
    """)
    assert got == [8, ["TypeError"]]
