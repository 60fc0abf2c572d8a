"""`pikos-run --follow`: processes that a recorded program makes are recorded, too, each in its own file."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from running import Run, pikos_run

pytestmark = pytest.mark.slow_in_debug

WORK = """\
def work(n):
    total = 0
    for i in range(n):
        total += i
    return total
"""

FORKS = (
    WORK
    + """\
import os
if __name__ == "__main__":
    work(1)
    child = os.fork()
    if child == 0:
        grandchild = os.fork()
        work(2)
        if grandchild == 0:
            os._exit(0)
        os.waitpid(grandchild, 0)
        raise SystemExit
    os.waitpid(child, 0)
    print("done")
"""
)

POOL = (
    WORK
    + """\
import multiprocessing, sys
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[1])
    processes = [multiprocessing.Process(target=work, args=(n,)) for n in (1, 2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    print([process.exitcode for process in processes])
"""
)

STARTS = """\
import subprocess, sys
print(subprocess.run([sys.executable, "other.py"], capture_output=True, text=True))
"""


def files(folder: Path, kind: str = "csv") -> list[Path]:
    """Those of the children."""
    return sorted(folder.glob(f"records-*.{kind}"))


def calls(path: Path) -> int:
    """How often `work` was called."""
    with open(path, newline="", encoding="utf-8") as stream:
        return sum(row["function"] == "work" and row["type"] == "call" for row in csv.DictReader(stream))


def run(folder: Path, program: str, *arguments: str, monitor: str = "functions") -> Run:
    (folder / "program.py").write_text(program)
    command = [monitor, "--follow", "-o", "records.csv", "program.py", *arguments]
    return pikos_run(folder, *command)


def test_forked_children(tmp_path: Path) -> None:
    assert run(tmp_path, FORKS).succeeded().out == "done\n"
    assert calls(tmp_path / "records.csv") == 1
    # A child, and its own; each from where it was forked.
    assert [calls(path) for path in files(tmp_path)] == [1, 1]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(tmp_path: Path, method: str) -> None:
    assert run(tmp_path, POOL, method).succeeded().out == "[0, 0]\n"
    counts = [calls(path) for path in files(tmp_path)]
    assert sorted(count for count in counts if count) == [1, 1], counts


def test_started_programs_have_the_same_clock(tmp_path: Path) -> None:
    (tmp_path / "other.py").write_text(WORK + "work(3)\nprint('hello')\n")
    out = run(tmp_path, STARTS, monitor="line_memory").succeeded().out
    assert "returncode=0, stdout='hello\\n', stderr=''" in out
    (child,) = files(tmp_path)
    times = []
    for path in (tmp_path / "records.csv", child):
        with open(path, newline="", encoding="utf-8") as stream:
            times.append([int(row["time_ns"]) for row in csv.DictReader(stream)])
    parent, own = times
    # While the parent waited for it.
    assert parent[0] < own[0] and own[-1] < parent[-1]


def test_the_focus_goes_with_them(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(FORKS)
    command = ["lines", "--follow", "--focused-on", "work", "-o", "records.csv", "program.py"]
    pikos_run(tmp_path, *command).succeeded()
    for path in [tmp_path / "records.csv", *files(tmp_path)]:
        with open(path, newline="", encoding="utf-8") as stream:
            assert {row["function"] for row in csv.DictReader(stream)} == {"work"}
    assert len(files(tmp_path)) == 2
    # One that has none of the functions runs as ever, unrecorded.
    (tmp_path / "other.py").write_text("print('hello')\n")
    (tmp_path / "program.py").write_text(WORK + STARTS + "work(2)\n")
    for path in files(tmp_path):
        path.unlink()
    out = pikos_run(tmp_path, *command).succeeded().out
    assert "returncode=0, stdout='hello\\n', stderr=''" in out and files(tmp_path) == []


def test_each_has_a_report(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(FORKS)
    pikos_run(tmp_path, "lines", "--follow", "--report", "-o", "records.json", "program.py").succeeded()
    for path in [tmp_path / "records.json", *files(tmp_path, "json")]:
        functions = json.loads(path.read_text())["functions"]
        (work,) = (function for function in functions if function["function"] == "work")
        assert [line["hits"] for line in work["lines"] if line["line"] == 2] == [1]
    assert len(files(tmp_path, "json")) == 2


@pytest.mark.parametrize("arguments", [["functions"], ["lines", "--report"], ["lines", "--recording", "screen"]])
def test_a_screen_has_no_room_for_several(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "program.py").write_text("pass\n")
    done = pikos_run(tmp_path, *arguments, "--follow", "program.py")
    assert done.code == 2 and "--follow needs a file for each process" in done.err


def test_objects_are_counted_in_one_process(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text("pass\n")
    done = pikos_run(tmp_path, "objects", "--follow", "program.py")
    assert done.code == 2 and "--follow has no meaning for objects" in done.err
