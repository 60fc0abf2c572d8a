"""What the benchmarks make of their measurements: ratios, means, what stays out of them, and the goals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from running import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.overhead.profilers import CPROFILE, PIKOS, PIKOS_PYTHON, PLAIN, profiler  # noqa: E402
from benchmarks.overhead.report import Cell, Report, Row, geometric_mean  # noqa: E402
from benchmarks.shared.workloads import Workload  # noqa: E402

pytestmark = pytest.mark.any_release


def cell(*seconds: float, trouble: str | None = None) -> Cell:
    return Cell(list(seconds), list(seconds), list(seconds), 1_000_000, trouble)


def row(plain: float, theirs: float, ours: float, *, micro: bool = False, calls: bool = True) -> Row:
    program = Workload(f"takes {plain} s", "", lambda: print, micro, calls)
    return Row(program, {PLAIN: cell(plain), CPROFILE: cell(theirs), PIKOS: cell(ours)})


def report(release: str, *rows: Row, whole: bool = True) -> Report:
    made = Report("2026-01-02", release, {}, 1, [profiler(name) for name in (PLAIN, CPROFILE, PIKOS)], whole)
    made.rows = list(rows)
    return made


def test_a_ratio_is_of_what_is_added() -> None:
    assert row(1.0, 3.0, 2.0).ratio(PIKOS, CPROFILE) == pytest.approx(0.5)


def test_medians_count() -> None:
    program = Workload("noisy", "", lambda: print)
    cells = {PLAIN: cell(1.0, 1.0, 9.0), CPROFILE: cell(3.0, 0.5, 3.0), PIKOS: cell(2.0, 2.0, 70.0)}
    assert Row(program, cells).ratio(PIKOS, CPROFILE) == pytest.approx(0.5)


def test_no_ratio_where_there_is_next_to_nothing_to_divide_by() -> None:
    assert row(1.0, 1.09, 1.05).ratio(PIKOS, CPROFILE) is None
    assert row(1.0, 1.11, 1.05).ratio(PIKOS, CPROFILE) is not None


def test_no_ratio_with_what_has_not_run() -> None:
    broken = row(1.0, 3.0, 2.0)
    broken.cells[PIKOS] = cell(trouble="no such module")
    assert broken.ratio(PIKOS, CPROFILE) is None
    assert broken.ratio(PIKOS_PYTHON, CPROFILE) is None


def test_means_are_geometric_and_know_no_zero() -> None:
    assert geometric_mean([0.2, 0.8, None]) == pytest.approx(0.4)
    assert geometric_mean([1.0, -0.5]) == pytest.approx(0.1)
    assert geometric_mean([None]) is None


def test_micro_programs_and_loops_stay_out_of_the_mean_of_the_real_ones() -> None:
    made = report(
        "3.13", row(1.0, 3.0, 1.5), row(1.0, 3.0, 2.5, micro=True), row(1.0, 3.0, 3.0, micro=True, calls=False)
    )
    assert made.mean((PIKOS, CPROFILE)) == pytest.approx(0.25)
    assert made.mean((PIKOS, CPROFILE), micro=True) == pytest.approx(0.75)


@pytest.mark.parametrize(("ours", "missed"), [(1.6, False), (2.0, True)])
def test_a_goal_is_met_or_missed(ours: float, missed: bool) -> None:
    made = report("3.13", row(1.0, 3.0, ours))  # the goal is 0.36
    assert bool(made.missed_goals()) is missed
    assert not report("3.13", row(1.0, 3.0, ours), whole=False).goals(), "a part of the programs meets no goal"


def test_failures_of_ours_are_failures_and_those_of_others_are_notes() -> None:
    broken = row(1.0, 3.0, 2.0)
    broken.cells[PIKOS] = cell(trouble="killed")
    assert report("3.13", broken).failed() == ["pikos did not run: killed"]
    broken.cells[PIKOS] = cell(2.0)
    broken.cells["yappi"] = cell(trouble="no wheel")
    made = report("3.13", broken)
    made.names.append("yappi")
    assert made.troubles() == ["yappi did not run: no wheel"]
    assert not made.failed()


def test_what_is_written_holds_every_run(tmp_path: Path) -> None:
    path = report("3.13", row(1.0, 3.0, 2.0)).write(tmp_path)
    assert path.name == "2026-01-02-3.13.md"
    written = json.loads(path.with_suffix(".json").read_text())
    assert written["programs"]["takes 1.0 s"]["runs"][CPROFILE]["cpu"] == [3.0]


def test_only_the_newest_table_of_a_release_keeps_its_runs(tmp_path: Path) -> None:
    for name in ("2025-12-31-3.13", "2026-01-03-3.13", "2025-12-31-3.14"):
        (tmp_path / f"{name}.md").touch()
        (tmp_path / f"{name}.json").touch()
    report("3.13", row(1.0, 3.0, 2.0)).write(tmp_path)
    kept = {path.stem for path in tmp_path.glob("*.json")}
    assert kept == {"2026-01-02-3.13", "2026-01-03-3.13", "2025-12-31-3.14"}
    assert {path.stem for path in tmp_path.glob("*.md")} == kept | {"2025-12-31-3.13"}


def run(module: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    return subprocess.run(command, cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=PATIENCE)


def test_a_process_runs_when_it_is_told_to() -> None:
    done = run("overhead.run", "resumes", PIKOS, stdin="\n\n")
    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == 3, "one when it is ready, and one for each line"
    assert all(answer["cpu"] > 0 and answer["peak"] > 0 for answer in answers)


@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("overhead", ["--programs", "nonsense"]),
        ("overhead", ["--profilers", "nonsense"]),
        ("overhead", ["--rounds", "0"]),
        ("truth", ["--programs", "nonsense"]),
    ],
)
def test_usage_errors_say_what_there_is(module: str, arguments: list[str]) -> None:
    done = run(module, *arguments)
    assert done.returncode == 2
    assert arguments[1] in done.stderr
    assert "Traceback" not in done.stderr
