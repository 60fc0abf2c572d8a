"""Other people's tests of cProfile, run against Pikos from where they are installed.

Each suite runs twice: with the interpreter's own cProfile, as control, and with Pikos under cProfile's names. What the
control passes, Pikos must pass, test by test. A test that fails in the control too says nothing about us: it is printed,
and not counted.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from running import CONTROL, PATIENCE, SUBJECT, SUPPORT, python, sdists_folder

RUN_FOREIGN = SUPPORT / "run_foreign.py"

# test id -> why Pikos need not pass it
SKIPS: dict[str, str] = {}


@dataclass(frozen=True)
class Suite:
    """One foreign test module. `sdist` is the folder's prefix when it comes from a source distribution."""

    module: str
    classes: tuple[str, ...] = ()
    sdist: str = ""
    folder: str = ""
    options: tuple[str, ...] = ()
    since: tuple[int, int] = (3, 11)
    until: tuple[int, int] = (3, 99)

    def __str__(self) -> str:
        return "-".join((self.sdist or self.module, *self.classes))


SUITES = (
    Suite("test.test_cprofile", until=(3, 14)),
    Suite("test.test_profiling.test_tracing_profiler", since=(3, 15)),
    Suite("test.test_pstats", ("StatsTestCase",)),
    Suite("test.test_sys_setprofile", options=("--import-only",)),
    Suite("test.test_monitoring", options=("--import-only",), since=(3, 12)),
    Suite("test.test_integration", sdist="pyprof2calltree"),
    Suite(
        "test_functionality",
        ("RecursiveFunctions", "NonRecursiveFunctions"),
        sdist="yappi",
        folder="tests",
        options=("--yappi",),
    ),
)
Outcomes = dict[str, tuple[str, str]]


def here(suite: Suite) -> Path | None:
    """The folder to import the suite from (None: the standard library). Skips, with the reason, if it is not here."""
    if not suite.since <= sys.version_info[:2] <= suite.until:
        pytest.skip(f"{suite.module} is not part of Python {sys.version_info[0]}.{sys.version_info[1]}")
    if suite.sdist:
        folders = sorted(sdists_folder().glob(f"{suite.sdist}-*"))
        if not folders:
            pytest.skip(f"NOT TESTED: no {suite.sdist} sdist in {sdists_folder()}: run tests/support/fetch_sdists.py")
        return folders[-1] / suite.folder
    # find_spec imports the packages on the way, and `test` itself may be the missing one
    try:
        found = importlib.util.find_spec(suite.module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        pytest.skip(f"NOT TESTED: this Python came without {suite.module} (Debian: libpython3.X-testsuite)")
    return None


@cache
def outcomes(suite: Suite, profiler: str, results: Path) -> Outcomes:
    path = here(suite)
    options: Sequence[str] = (*suite.options, *(("--path", str(path)) if path else ()))
    run = python(
        [RUN_FOREIGN, results, profiler, suite.module, *suite.classes, *options],
        cwd=results.parent,
        env={"PYTHONWARNINGS": "ignore"},
    )
    assert results.exists(), f"{suite} under {profiler} ended with {run.code}:\n{run.out}\n{run.err}"
    return {test: (outcome, detail) for test, (outcome, detail) in json.loads(results.read_text()).items()}


@pytest.mark.timeout(2 * PATIENCE + 40)
@pytest.mark.parametrize("suite", SUITES, ids=str)
def test_what_cprofile_passes_pikos_passes(suite: Suite, tmp_path: Path) -> None:
    here(suite)
    # Where only the interpreter is tested, the control is the interpreter alone.
    control = outcomes(suite, "sys" if "--import-only" in suite.options else CONTROL, tmp_path / "control.json")
    subject = outcomes(suite, SUBJECT, tmp_path / "subject.json")

    passed = {test for test, (outcome, _) in control.items() if outcome == "ok"}
    assert passed, f"the control passes nothing: {control}"
    for test, (outcome, detail) in control.items():
        if test not in passed:
            print(f"not counted, {outcome} in the control too: {test}: {(detail.strip().splitlines() or [''])[-1]}")

    report = []
    for test in sorted(passed - SKIPS.keys()):
        outcome, detail = subject.get(test, ("not run", ""))
        if outcome != "ok":
            report.append(f"{test}: {outcome}\n{detail}")
    assert not report, f"{len(report)} of {len(passed)} tests fail with {SUBJECT} only:\n" + "\n".join(report)


def test_skips_name_tests_and_reasons() -> None:
    assert all("." in test and len(reason) > 20 for test, reason in SKIPS.items())
