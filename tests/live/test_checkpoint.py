"""The file of -o is there while the program runs, whatever ends it."""

from __future__ import annotations

import pstats
import subprocess
import sys
from pathlib import Path

import pikos.stats
import pytest
from running import SUBJECT
from watching import PATIENCE, sockets, started, until

pytestmark = pytest.mark.beyond_cprofile

BUSY = """
import select, sys

def leaf():
    return sum(i for i in range(20))

def main():
    while not select.select([sys.stdin], [], [], 0)[0]:
        leaf()

main()
"""


def rows(path: Path) -> dict[str, tuple[int, int, float, float]]:
    stats = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
    return {label[2]: row[:4] for label, row in stats.items()}


@pytest.fixture
def arguments(tmp_path: Path) -> list[str | Path]:
    script = tmp_path / "busy.py"
    script.write_text(BUSY)
    return ["-m", SUBJECT, "--checkpoint", "0.1", "-o", tmp_path / "busy.pstats", script]


def test_after_kill_9(arguments: list[str | Path], tmp_path: Path) -> None:
    path = tmp_path / "busy.pstats"
    with started(tmp_path, arguments) as process:
        until(path.exists, "a checkpoint")
        first = rows(path)["leaf"][1]
        until(lambda: rows(path)["leaf"][1] > first, "another one")
        process.kill()
        process.wait()
    found = rows(path)
    assert path.read_bytes().endswith(b"pikos: unfinished")
    assert found["main"][:2] == (1, 1)
    assert found["main"][3] > 0.1
    # main() has no caller but the module, which had not returned either.
    assert found["<module>"][3] >= found["main"][3]
    assert [p.name for p in tmp_path.glob("*.tmp")] == []
    assert not sockets(tmp_path).exists()


def test_the_final_profile_takes_its_place(arguments: list[str | Path], tmp_path: Path) -> None:
    path = tmp_path / "busy.pstats"
    with started(tmp_path, arguments) as process:
        until(path.exists, "a checkpoint")
        before = rows(path)["leaf"][1]
        out, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, out, err) == (0, "", "")
    assert rows(path)["leaf"][1] >= before
    assert b"pikos: unfinished" not in path.read_bytes()


def test_full_stacks(arguments: list[str | Path], tmp_path: Path) -> None:
    path = tmp_path / "busy.speedscope.json"
    arguments[5] = path
    with started(tmp_path, [*arguments[:2], "--tree", *arguments[2:]]) as process:
        until(path.exists, "a checkpoint")

        def seconds_in_leaf() -> float:
            nodes = pikos.stats.load(path).tree()
            assert nodes is not None
            (leaf,) = (node for node in nodes if node.name == "leaf")
            assert leaf.parent is not None and nodes[leaf.parent].name == "main"
            return leaf.tottime

        first = seconds_in_leaf()
        until(lambda: seconds_in_leaf() > first, "another one")
        process.kill()
        process.wait()
    assert seconds_in_leaf() > first


def test_full_stacks_where_the_name_says_nothing(arguments: list[str | Path], tmp_path: Path) -> None:
    path = tmp_path / "busy"
    arguments[5] = path
    with started(tmp_path, [*arguments[:2], "--tree", *arguments[2:]]) as process:
        until(path.exists, "a checkpoint")
        process.kill()
        process.wait()
    profile = pikos.stats.load(path)
    nodes = profile.tree()
    assert nodes is not None and "leaf" in {node.name for node in nodes}
    assert profile.metadata["unfinished"]
    known = profile.metadata["facts"]
    assert known["process"] == str(process.pid) and "busy.py" in known["command"]
    assert float(known["elapsed"]) > 0 and known["threads"] == "1"
    assert "tree=True" in known["options"]


def test_pikos_check_says_that_it_is_unfinished(arguments: list[str | Path], tmp_path: Path) -> None:
    path = tmp_path / "busy.pstats"
    with started(tmp_path, arguments):
        until(path.exists, "a checkpoint")
    check = subprocess.run(
        [sys.executable, "-m", "pikos", "check", path], capture_output=True, text=True, timeout=PATIENCE
    )
    assert "the program was still running" in check.stdout


def test_a_folder_that_goes_away(arguments: list[str | Path], tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    arguments[5] = folder / "busy.pstats"
    with started(tmp_path, arguments) as process:
        until((folder / "busy.pstats").exists, "a checkpoint")
        # Removed as a whole; a checkpoint may come in between.
        moved = folder.rename(tmp_path / "moved")
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("pikos: no checkpoint: ") and "gone" in line
        moved.rename(folder)
        _, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
    assert rows(folder / "busy.pstats")["main"][1] == 1
