"""The comparison itself: each kind of wrong profile must be seen, or the differential test proves nothing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from comparison import differences, edge_faults, is_own_frame, time_faults

pytestmark = pytest.mark.slow_in_debug


def row(function: str, ncalls: int, recursive: int, tottime: float, cumtime: float, **more: Any) -> dict[str, Any]:
    return {
        "function": function,
        "ncalls": ncalls,
        "recursive_calls": recursive,
        "tottime": tottime,
        "cumtime": cumtime,
        **more,
    }


GOOD: dict[str, Any] = {
    "wall": 1.0,
    "entries": [
        row("p.py:1(main)", 1, 0, 0.25, 1.0, calls=[row("p.py:9(walk)", 2, 0, 0.25, 0.75)]),
        row(
            "p.py:9(walk)",
            5,
            3,
            0.5,
            0.75,
            calls=[row("p.py:9(walk)", 3, 1, 0.25, 0.5), row("<built-in method builtins.len>", 5, 0, 0.25, 0.25)],
        ),
        row("<built-in method builtins.len>", 5, 0, 0.25, 0.25, calls=None),
        row("<method 'disable' of '_lsprof.Profiler' objects>", 1, 0, 0.0, 0.0, calls=None),
    ],
}


def entry(profile: dict[str, Any], index: int) -> Any:
    return profile["entries"][index]


MISCOUNTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "a call too few": lambda profile: entry(profile, 2).update(ncalls=4),
    "a recursive call too many": lambda profile: entry(profile, 1).update(recursive_calls=4),
    "a function lost": lambda profile: profile["entries"].pop(2),
    "a function invented": lambda profile: profile["entries"].append(row("p.py:3(ghost)", 1, 0, 0, 0, calls=None)),
    "a function twice": lambda profile: profile["entries"].append(copy.deepcopy(entry(profile, 2))),
    "a label changed": lambda profile: entry(profile, 2).update(function="<built-in function len>"),
    "an edge lost": lambda profile: entry(profile, 1)["calls"].pop(),
    "an edge from the wrong caller": lambda profile: entry(profile, 0)["calls"].append(
        entry(profile, 1)["calls"].pop()
    ),
    "an edge's call too many": lambda profile: entry(profile, 0)["calls"][0].update(ncalls=3),
    "an edge's recursion lost": lambda profile: entry(profile, 1)["calls"][0].update(recursive_calls=0),
}
IMPOSSIBLE_TIMES: dict[str, Callable[[dict[str, Any]], None]] = {
    "negative": lambda profile: entry(profile, 2).update(tottime=-0.5),
    "cumtime below tottime": lambda profile: entry(profile, 1).update(cumtime=0.4),
    "negative on an edge": lambda profile: entry(profile, 0)["calls"][0].update(tottime=-0.1),
    "more than the run took": lambda profile: entry(profile, 0).update(tottime=0.5),
    "less than the run took": lambda profile: entry(profile, 0).update(tottime=0.0),
}


def spoiled(spoil: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    profile = copy.deepcopy(GOOD)
    spoil(profile)
    return profile


def test_a_profile_equals_itself() -> None:
    assert differences(GOOD, copy.deepcopy(GOOD)) == ""
    assert edge_faults(GOOD) == []
    assert time_faults(GOOD) == []


@pytest.mark.parametrize("fault", MISCOUNTS)
def test_a_miscount_is_seen(fault: str) -> None:
    report = differences(GOOD, spoiled(MISCOUNTS[fault]))
    assert "differ" in report and "expected" in report


def test_a_report_names_function_and_numbers() -> None:
    report = differences(GOOD, spoiled(MISCOUNTS["a call too few"]))
    assert "<built-in method builtins.len>\n      expected 5/0, got 4/0" in report


@pytest.mark.parametrize("fault", IMPOSSIBLE_TIMES)
def test_an_impossible_time_is_seen(fault: str) -> None:
    assert time_faults(spoiled(IMPOSSIBLE_TIMES[fault]))


def test_edges_that_do_not_add_up_are_seen() -> None:
    for fault in ("a call too few", "an edge lost", "an edge's call too many"):
        assert edge_faults(spoiled(MISCOUNTS[fault])), fault
    assert edge_faults(spoiled(lambda profile: entry(profile, 1)["calls"][1].update(tottime=0.1)))
    assert edge_faults(spoiled(lambda profile: entry(profile, 0)["calls"][0].update(tottime=0.1)))


def test_only_the_profilers_own_frames_are_left_out() -> None:
    assert is_own_frame("<method 'disable' of '_lsprof.Profiler' objects>")
    assert is_own_frame("/usr/lib/python3.13/cProfile.py:118(Profile.__exit__)")
    assert is_own_frame("/site-packages/pikos/cprofile/__init__.py:99(Profile.__exit__)")
    for program in (
        "<method 'disable' of 'Timer' objects>",
        "/home/pikos/work.py:1(main)",
        "<method 'append' of 'list' objects>",
    ):
        assert not is_own_frame(program)
