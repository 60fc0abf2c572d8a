"""compensate=True: what it must keep, and what it must take out. How well it does is for benchmarks/truth."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest
from pikos._lsprof import Profiler, _kind_of
from pikos.cprofile import Profile

pytestmark = pytest.mark.in_process


def leaf(n: int) -> int:
    return n + 1


def work(n: int) -> int:
    total = 0
    for i in range(n):
        total += leaf(len("x" * (i % 3)))
    return total


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def generate(n: int):
    yield from range(n)


def everything() -> None:
    work(500)
    fib(10)
    sum(generate(200))
    sorted(range(50), key=leaf)
    for _ in range(50):
        isinstance(type("C", (), {})(), object)


def rows(profile: Profile) -> dict[str, tuple]:
    profile.create_stats()
    return {name: row for (_, _, name), row in profile.stats.items()}


def call_method(table: dict[str, int]) -> None:
    for _ in range(20):
        table.get("a")


def call_bound(table: dict[str, int]) -> None:
    get = table.get
    for _ in range(20):
        get("a")


def test_methods_and_functions_of_c_are_different_kinds() -> None:
    """The interpreter takes a method apart from its object, or binds it for us: that is a cost of its own."""
    kind, ticks = _kind_of(dict.get), 10.0**9
    assert kind is not None and kind.startswith("method")

    def taken_out(caller: Callable[[dict[str, int]], None], kind: str) -> float:
        profiler = Profiler(costs=[(kind, 0.0, ticks, 0.0, 1.0)])
        profiler.enable()
        caller({})
        profiler.disable()
        _, _, _, own_excess, _ = profiler._ticks()[caller.__code__]
        return own_excess / ticks

    assert taken_out(call_method, kind) == pytest.approx(20, abs=0.9)
    assert taken_out(call_bound, kind) == pytest.approx(0, abs=0.9)
    assert taken_out(call_bound, kind.replace("method", "function")) == pytest.approx(20, abs=0.9)


@pytest.mark.parametrize("builtins", [True, False])
def test_counts_are_those_of_a_raw_profile(builtins: bool) -> None:
    gc.collect()  # a generator that is closed as garbage is an event, too
    seen = []
    for compensate in (False, True):
        profile = Profile(builtins=builtins, compensate=compensate)
        profile.runcall(everything)
        profile.create_stats()
        counts = {
            label: (cc, nc, {caller: (a, b) for caller, (a, b, _, _) in callers.items()})
            for label, (cc, nc, _, _, callers) in profile.stats.items()
        }
        seen.append(counts)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("builtins", [True, False])
def test_nothing_is_negative_or_more_than_was_measured(builtins: bool) -> None:
    profile = Profile(builtins=builtins, compensate=True)
    profile.runcall(everything)
    raw = {entry.code: entry for entry in profile.getstats(raw=True)}
    for entry in profile.getstats():
        before = raw[entry.code]
        assert 0 <= entry.totaltime <= before.totaltime
        assert 0 <= entry.inlinetime <= before.inlinetime
        for callee in entry.calls or ():
            assert callee.totaltime >= 0 <= callee.inlinetime


def test_overhead_is_what_was_taken_out() -> None:
    profile = Profile(compensate=True)
    profile.runcall(everything)
    seconds, share = profile.overhead()
    raw = sum(entry.inlinetime for entry in profile.getstats(raw=True))
    assert 0 < seconds < raw
    assert share == pytest.approx(seconds / raw)


def test_small_calls_cost_less_than_measured_and_long_ones_the_same() -> None:
    def sleep() -> None:
        time.sleep(0.05)

    def both() -> None:
        sleep()
        work(5000)

    profile = Profile(compensate=True)
    profile.runcall(both)
    raw = {entry.code: entry.totaltime for entry in profile.getstats(raw=True)}
    found = {entry.code: entry.totaltime for entry in profile.getstats()}
    # 10,000 calls of next to nothing: most of what was measured is ours.
    assert found[work.__code__] < 0.9 * raw[work.__code__]
    assert found[sleep.__code__] >= 0.05


def test_without_compensation_no_account_is_kept() -> None:
    profile = Profile()
    profile.runcall(everything)
    assert not profile.compensate
    assert profile.overhead() == (0.0, 0.0)


def test_it_needs_the_clock() -> None:
    with pytest.raises(ValueError, match="leave timer out"):
        Profile(time.perf_counter, compensate=True)


def test_calibration_leaves_no_trace() -> None:
    import gc

    assert gc.isenabled()
    profile = Profile(compensate=True)
    assert profile.compensate
    profile.runcall(leaf, 1)
    assert gc.isenabled()
    assert set(rows(profile)) <= {"leaf", "<method 'disable' of '_lsprof.Profiler' objects>"}


def test_threads_and_a_second_round() -> None:
    import threading

    profile = Profile(compensate=True, threads=True)
    for _ in range(2):
        with profile:
            threads = [threading.Thread(target=work, args=(200,)) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert rows(profile)["work"][0] == 6
    assert rows(profile)["leaf"][0] == 1200
