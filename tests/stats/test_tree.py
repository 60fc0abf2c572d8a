"""`Profile(tree=True)` and `--tree`: exact full stacks, within limits, beside tables that stay what they were."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pikos
import pikos.stats
import pytest
from running import python, subject

pytestmark = [pytest.mark.any_release, pytest.mark.in_process, pytest.mark.beyond_cprofile]


def leaf(n: int) -> int:
    return sum(range(n * 50))


def cheap() -> int:
    return leaf(1)


def dear() -> int:
    return leaf(100) + leaf(100)


def both() -> int:
    return cheap() + dear() + cheap()


def recurse(depth: int) -> int:
    return 0 if depth == 0 else recurse(depth - 1) + 1


def stacks(profile: Any, tmp_path: Path) -> dict[tuple[str, ...], int]:
    """Own nanoseconds of each stack, function names only."""
    path = tmp_path / "stacks.folded"
    pikos.export(profile, "collapsed", path)
    found: dict[tuple[str, ...], int] = {}
    for line in path.read_text().splitlines():
        stack, _, number = line.rpartition(" ")
        names = tuple(frame.split(" ")[0] for frame in stack.split(";"))
        found[names] = found.get(names, 0) + int(number)
    return found


def names(profile: Any, tmp_path: Path) -> set[tuple[str, ...]]:
    return {tuple(name.rpartition(".")[2] for name in stack) for stack in stacks(profile, tmp_path)}


@pytest.mark.parametrize("options", [{}, {"hook": "frame-eval"}, {"subcalls": False}, {"compensate": True}], ids=str)
def test_stacks_are_the_programs(tmp_path: Path, options: dict[str, Any]) -> None:
    profile = subject().Profile(tree=True, builtins=False, **options)
    profile.runcall(both)
    assert names(profile, tmp_path) == {
        ("both",),
        ("both", "cheap"),
        ("both", "cheap", "leaf"),
        ("both", "dear"),
        ("both", "dear", "leaf"),
    }
    # An approximation would give each caller of leaf the time that its calls have on average.
    found = stacks(profile, tmp_path)
    assert found[("both", "dear", "leaf")] > 3 * found[("both", "cheap", "leaf")]


def test_tables_are_what_they_are_without_a_tree() -> None:
    tables = []
    for tree in (False, True):
        profile = subject().Profile(tree=tree)
        profile.runcall(both)
        profile.create_stats()
        tables.append({label: (row[:2], {c: r[:2] for c, r in row[4].items()}) for label, row in profile.stats.items()})
    assert tables[0] == tables[1]
    assert len(tables[0]) > 4


def test_the_stacks_times_are_the_tables() -> None:
    profile = subject().Profile(tree=True)
    profile.runcall(both)
    profile.runcall(recurse, 50)
    finished = pikos.stats.of(profile)
    document = json.loads(finished.dumps("speedscope"))
    assert "approximated" not in json.dumps(document)
    (recorded,) = document["profiles"]
    assert recorded["unit"] == "seconds"
    assert recorded["endValue"] == pytest.approx(finished.metadata["tottime"], rel=1e-6)


def test_a_timer_gives_exact_times(tmp_path: Path) -> None:
    ticks = iter(range(10**6))
    profile = subject().Profile(lambda: next(ticks), 1.0, tree=True, builtins=False)
    profile.runcall(both)
    found = stacks(profile, tmp_path)
    # One reading on each call and each return: a leaf takes one second.
    second = 10**9
    assert found[("both", "cheap", "leaf")] == 2 * second
    assert found[("both", "dear", "leaf")] == 2 * second
    assert found[("both", "dear")] == 3 * second
    assert sum(found.values()) == profile._finished().metadata()["tottime"] * second


def test_compensation_reaches_the_stacks() -> None:
    profile = subject().Profile(tree=True, compensate=True)
    profile.runcall(both)
    facts = pikos.stats.of(profile).metadata
    assert facts["compensated"] and facts["stacks"]


def test_depth_is_limited_and_what_was_cut_is_counted(tmp_path: Path) -> None:
    profile = subject().Profile(tree=True, tree_depth=10, builtins=False)
    profile.runcall(recurse, 99)
    found = stacks(profile, tmp_path)
    assert max(len(stack) for stack in found) == 10
    facts = pikos.stats.of(profile).metadata
    assert (facts["stacks"], facts["stacks_cut_calls"]) == (10, 90)
    assert 0 < facts["stacks_cut_seconds"] < facts["tottime"]
    # What was cut is in the deepest stack: nothing of the whole is lost.
    assert sum(found.values()) == pytest.approx(facts["tottime"] * 1e9, abs=100)
    (note,) = pikos.export(profile, "html", tmp_path / "a.html")
    assert note.startswith("90 calls ")


def test_nodes_are_limited_over_all_threads() -> None:
    profile = subject().Profile(tree=True, tree_nodes=5, threads=True, builtins=False)
    with profile:
        workers = [threading.Thread(target=both) for _ in range(3)]
        for worker in workers:
            worker.start()
            worker.join()
    facts = pikos.stats.of(profile).metadata
    assert facts["stacks"] is not None and 0 < facts["stacks"] <= 5
    assert facts["stacks_cut_calls"] > 0
    profile.clear()
    profile.runcall(both)
    assert pikos.stats.of(profile).metadata["stacks"] == 5, "clear() gives the nodes back"


def test_equal_stacks_of_threads_are_one(tmp_path: Path) -> None:
    profile = subject().Profile(tree=True, threads=True, builtins=False)
    with profile:
        # More than are kept apart: the first ones are folded together meanwhile.
        for _ in range(600):
            worker = threading.Thread(target=both)
            worker.start()
            worker.join()
    (row,) = [row for row in pikos.stats.of(profile) if row.name == "dear"]
    assert row.ncalls == 600
    found = [stack for stack in names(profile, tmp_path) if stack[-2:] == ("dear", "leaf")]
    assert len(found) == 1


def test_open_calls_are_below_the_stacks_that_have_ended(tmp_path: Path) -> None:
    profile = subject().Profile(tree=True, builtins=False)
    seen: list[set[tuple[str, ...]]] = []

    def outer() -> None:
        both()
        seen.append(names(profile, tmp_path))

    profile.runcall(outer)
    assert any(stack[-2:] == ("dear", "leaf") and "outer" in stack[0] for stack in seen[0])


def test_limits_are_checked() -> None:
    with pytest.raises(ValueError, match="from 1 to"):
        subject().Profile(tree=True, tree_depth=0)
    with pytest.raises(ValueError, match="at least 1"):
        subject().Profile(tree=True, tree_nodes=-1)


PROGRAM = """
def leaf(): return 1
def left(): return leaf()
def right(): return leaf()
left(), right()
"""


@pytest.mark.parametrize("name", ["a.speedscope.json", "a.folded", "a.html", "a.svg", "a.pb.gz", "a.firefox.json"])
def test_the_launcher_writes_what_the_name_says(tmp_path: Path, name: str) -> None:
    (tmp_path / "program.py").write_text(PROGRAM + "print('output')\n")
    run = python(["-m", "pikos.cprofile", "--tree", "-o", name, "program.py"], cwd=tmp_path).succeeded()
    assert run.out == "output\n"
    written = (tmp_path / name).read_bytes()
    assert written
    assert b"approximated" not in written
    if name == "a.folded":
        assert sum(b"left" in line and b"leaf" in line for line in written.splitlines()) == 1
        assert not any(b"left" in line and b"right" in line for line in written.splitlines())


@pytest.mark.parametrize("arguments", [["--tree"], ["--tree", "-o", "a.pstats"], ["--tree", "-o", "a.json"]])
def test_the_launcher_refuses_a_tree_that_nothing_would_hold(tmp_path: Path, arguments: list[str]) -> None:
    run = python(["-m", "pikos.cprofile", *arguments, "-c", "print('ran')"], cwd=tmp_path)
    assert (run.code, run.out) == (2, "")
    assert "--tree keeps full stacks" in run.err and "Traceback" not in run.err


def test_a_tree_that_cannot_be_written_goes_elsewhere(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    code = ["-m", "pikos.cprofile", "-o", gone / "a.folded", "-c", f"import os; os.rmdir({str(gone)!r}); print('ran')"]
    run = python(code, env={"TMPDIR": str(tmp_path)})
    assert (run.code, run.out) == (0, "ran\n")
    (saved,) = tmp_path.glob("pikos-*-a.folded")
    assert str(saved) in run.err and saved.stat().st_size > 0
