"""The differential test: real programs under cProfile and under Pikos, in the same interpreter; every count is equal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from comparison import differences, edge_faults, functions, time_faults
from measure import MODES
from programs import PROGRAMS
from running import CONTROL, SUBJECT, SUPPORT, TESTS, python

pytestmark = pytest.mark.slow_in_debug

MEASURE = SUPPORT / "measure.py"
Profiles = dict[str, dict[str, Any]]


# One process of pytest-xdist's has all the tests of a program, or its profiles would be made in each.
@pytest.fixture(
    scope="module",
    params=[pytest.param(program.name, marks=pytest.mark.xdist_group(program.name)) for program in PROGRAMS],
)
def profiles(request: pytest.FixtureRequest) -> Iterator[tuple[Profiles, Profiles]]:
    """(cProfile's, Pikos's) profiles of one program, by mode. Both run at the same time, in fresh processes."""

    def measure(profiler: str) -> Profiles:
        # Warnings off: what foreign programs have to be warned of is not what is tested here.
        run = python([MEASURE, profiler, request.param], cwd=TESTS, env={"PYTHONWARNINGS": "ignore"}).succeeded()
        return dict(json.loads(run.out))

    with ThreadPoolExecutor() as pool:
        control, subject = pool.map(measure, (CONTROL, SUBJECT))
    yield control, subject


@pytest.mark.parametrize("mode", MODES)
def test_every_function_count_and_edge_is_cprofiles(profiles: tuple[Profiles, Profiles], mode: str) -> None:
    control, subject = (side[mode] for side in profiles)
    assert functions(control), "cProfile saw nothing: the program did not run"
    difference = differences(control, subject)
    assert not difference, "\n" + difference


@pytest.mark.parametrize("mode", MODES)
def test_times_are_possible(profiles: tuple[Profiles, Profiles], mode: str) -> None:
    faults = time_faults(profiles[1][mode])
    assert not faults, "\n" + "\n".join(faults[:15])


def test_edges_add_up_to_their_functions(profiles: tuple[Profiles, Profiles]) -> None:
    faults = edge_faults(profiles[1]["everything"])
    assert not faults, "\n" + "\n".join(faults[:15])


def test_modes_leave_out_what_they_say(profiles: tuple[Profiles, Profiles]) -> None:
    subject = profiles[1]
    called = {(":" in name, name) for (name,), _, _ in functions(subject["everything"])}
    assert {name for is_python, name in called if is_python} == {
        name for (name,), _, _ in functions(subject["no builtins"])
    }
    assert all(entry["calls"] is None for entry in subject["no subcalls"]["entries"])
