"""compensate=True: what it must keep, and what it must take out. How well it does is for benchmarks/truth."""

from __future__ import annotations

import dis
import gc
import sys
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


class Meta(type):
    pass


class WithInit:
    def __init__(self, value: int = 1) -> None:
        self.value = value


class Derived(WithInit):
    pass


class WithSlots:
    __slots__ = ("value",)

    def __init__(self, value: int = 1) -> None:
        self.value = value


class WithStar:
    def __init__(self, *values: int) -> None:
        self.values = values


class WithKeywords:
    def __init__(self, value: int = 1, **more: int) -> None:
        self.value = value


class WithNamed:
    def __init__(self, value: int = 1, *, more: int = 2) -> None:
        self.value = value


class WithMeta(metaclass=Meta):
    def __init__(self, value: int = 1) -> None:
        self.value = value


class WithNew:
    def __new__(cls, value: int = 1) -> WithNew:
        return object.__new__(cls)


class WithBoth(WithInit):
    def __new__(cls, value: int = 1) -> WithBoth:
        return object.__new__(cls)


class Plain:
    pass


class Numbers(list):  # type: ignore[type-arg]
    pass


class Refusal(Exception):
    def __init__(self, value: int = 1) -> None:
        self.value = value


IN_FULL, BY_SHORT_CUT, OTHER = "call of a class", "call of a class by its short cut", "call of another object"
#: 3.13's short cut is for objects that have their attributes in themselves.
BY_SLOTS = IN_FULL if sys.version_info < (3, 14) else BY_SHORT_CUT
#: And it fills in nothing.
BY_DEFAULTS = BY_SLOTS


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 doesn't report calls of classes")
@pytest.mark.parametrize(
    ("call", "names", "kind"),
    [
        ("c(1)", [WithInit, Derived], BY_SHORT_CUT),
        ("c(1)", [WithSlots], BY_SLOTS),
        ("c(1)", [WithMeta, WithNew, WithBoth, Refusal], IN_FULL),
        ("c(1)", [WithStar, WithKeywords, WithNamed], IN_FULL),
        ("c()", [WithInit, Derived, WithSlots], BY_DEFAULTS),
        ("c()", [WithStar, WithKeywords, WithNamed], IN_FULL),
        ("c(value=1)", [WithInit, WithSlots, WithMeta, WithNew], IN_FULL),
        ("c(*(1,))", [WithInit, WithSlots], IN_FULL),
        ("c()", [Plain, Numbers, dict, Exception], OTHER),
        ("c(1)", [str, type, ValueError], OTHER),
    ],
)
def test_kinds_of_classes(call: str, names: list[type], kind: str) -> None:
    """The interpreter makes some objects by a short cut, which a reported call doesn't take: that costs more."""
    if sys.version_info < (3, 13) and kind == BY_SHORT_CUT:
        kind = IN_FULL
    ticks = 10.0**9
    for class_ in names:
        scope = {"c": class_}
        exec(f"def maker():\n for _ in range(20): {call}", scope)
        maker = scope["maker"]
        if sys.version_info >= (3, 13):
            # The interpreter knows best.
            maker(), maker()
            instructions = {instruction.opname for instruction in dis.get_instructions(maker, adaptive=True)}
            assert ("CALL_ALLOC_AND_ENTER_INIT" in instructions) == (kind == BY_SHORT_CUT)
        found = {}
        for name in (IN_FULL, BY_SHORT_CUT, OTHER):
            profiler = Profiler(costs=[(name, 0.0, ticks, 0.0, 1.0)])
            profiler.enable()
            maker()
            profiler.disable()
            _, _, _, own_excess, _ = profiler._ticks()[maker.__code__]
            found[name] = round(own_excess / ticks)
        # The loop's range is another object.
        assert found == {IN_FULL: 0, BY_SHORT_CUT: 0, OTHER: 1} | {kind: 20 + (kind == OTHER)}, class_


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
