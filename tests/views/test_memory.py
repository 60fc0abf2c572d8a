"""`pikos top` over a recorder's process, in a real pseudo-terminal: the line that takes the memory is on top."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from running import PATIENCE, PIKOS, environment
from terminal import Terminal

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20

#: Imports what the example needs, waits until somebody watches, and again before it ends.
DRIVER = """\
import runpy, sys
import numpy as np
np.matrix(np.random.random(10))
print("imported", flush=True)
input()
runpy.run_path(sys.argv[1], run_name="__main__")
input()
"""

#: What it takes and gives back, it takes from and gives back to the system at once. Calls twice in one line, frees at returns, recurses, works in a generator, and raises.
PROGRAM = """\
import mmap, sys
MIB = 1 << 20
FLAGS = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE
kept = []

def take(size):
    block = mmap.mmap(-1, size * MIB, FLAGS)
    kept.append(block)
    return size

def lend(size):
    block = mmap.mmap(-1, size * MIB, FLAGS)
    return len(block)

def twice():
    lend(24); lend(24)
    return take(8)

def down(depth):
    take(4)
    if depth:
        down(depth - 1)
    return depth

def blocks():
    for size in (6, 6):
        take(size)
        yield size

def fail():
    take(10)
    raise ValueError

def main():
    twice()
    down(2)
    for block in blocks():
        pass
    try:
        fail()
    except ValueError:
        pass
    kept.clear()
    return 0

if len(sys.argv) > 1:
    input()
main()
"""


@contextmanager
def recorded(folder: Path, arguments: list[str]) -> Iterator[subprocess.Popen[str]]:
    """`pikos-run` that sends records."""
    command = [sys.executable, "-m", "pikos.runner", *arguments]
    # numpy wants nobody to use its matrices.
    env = environment(XDG_RUNTIME_DIR=str(folder), PYTHONWARNINGS="ignore")
    process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def top(folder: Path, *arguments: str, width: int = 100, height: int = 30) -> Terminal:
    env = environment(XDG_RUNTIME_DIR=str(folder), TERM="xterm")
    return Terminal([PIKOS, "top", *arguments], width=width, height=height, env=env)


def first_rows(terminal: Terminal, count: int) -> list[str]:
    """The rows below the heading of the table."""
    lines = terminal.text.splitlines()
    heading = next(number for number, line in enumerate(lines) if "file:line" in line)
    return lines[heading + 1 : heading + 1 + count]


def line_of_source(terminal: Terminal, number: int) -> str:
    """A line of the source that is shown, if it is there yet."""
    return next((line for line in terminal.text.splitlines() if f" {number}  " in line), "")


@pytest.mark.parametrize("size", [(80, 24), (160, 50)], ids=str)
def test_the_line_that_makes_the_spike_is_on_top(tmp_path: Path, size: tuple[int, int]) -> None:
    pytest.importorskip("numpy")
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    example = ROOT / "examples" / "memory_spike.py"
    arguments = ["line_memory", "--recording", "zmq", str(script), str(example)]
    spike = 1 + example.read_text().splitlines().index(
        "    a = np.matrix(numbers)  # a copy, while `numbers` is still there"
    )
    with recorded(tmp_path, arguments) as process, ExitStack() as stack:
        # What numpy takes is more than the spike: nobody listens to that.
        assert process.stdout is not None and process.stdout.readline() == "imported\n"
        terminal = stack.enter_context(top(tmp_path, width=size[0], height=size[1]))
        terminal.until(f"pid {process.pid}")
        go_on(process)
        terminal.until(f"legacy:{spike}")
        parts = [f"spike.py:{spike}", "legacy", "np.matrix("]
        terminal.until(lambda: all(part in first_rows(terminal, 1)[0] for part in parts))
        row = first_rows(terminal, 1)[0]
        assert 25 < float(row.split("M")[0].strip(" +")) < 40, "32 MB are 30.5 MiB"
        assert any("⠀" < sign <= "⣿" for sign in terminal.text), "a curve"
        terminal.keys("\r")
        terminal.until(lambda: "a copy, while" in line_of_source(terminal, spike))
        terminal.keys("\x1b")
        terminal.until("file:line")
        terminal.keys("/legacy\r")
        terminal.until(lambda: "only legacy" in terminal.text and "fixed" not in terminal.text)
        terminal.keys("f")
        terminal.until(" of ")
        terminal.until("functions  only")
        terminal.keys("fp")
        terminal.until("[FROZEN]")
        terminal.keys("p")
        go_on(process)
        terminal.until("target ended")
        assert process.wait(PATIENCE) == 0
        assert "lost 0 records  lost 0 messages" in terminal.text
        terminal.keys("q")
        assert terminal.wait() == 0
        assert terminal.is_restored()


def reported(tmp_path: Path, script: Path) -> dict[int, tuple[int, float]]:
    """(hits, growth in MiB) of each line of the script, as `--report` has them."""
    command = [sys.executable, "-m", "pikos.runner", "line_memory", "--report", "--json", str(script)]
    printed = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout
    functions = [each for each in json.loads(printed)["functions"] if each["filename"] == str(script)]
    return {row["line"]: (row["hits"], row["growth"] / MIB) for each in functions for row in each["lines"]}


def test_growth_is_that_of_the_report(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    expected = reported(tmp_path, script)
    saved = tmp_path / "lines.csv"
    with (
        recorded(tmp_path, ["line_memory", "--recording", "zmq", str(script), "wait"]) as process,
        top(tmp_path) as terminal,
    ):
        terminal.until(f"pid {process.pid}")
        go_on(process)
        terminal.until("target ended")
        assert process.wait(PATIENCE) == 0
        terminal.keys("/program.py\r")
        terminal.until("only program")
        terminal.keys(f"s\x15{saved}\r")
        terminal.until("saved as CSV")
        terminal.keys("q")
        assert terminal.wait() == 0
    with saved.open(newline="") as stream:
        rows = {int(row["lineNo"]): row for row in csv.DictReader(stream)}
    # What defines the functions has run before anybody listened.
    text = PROGRAM.splitlines()
    inside = {line: figures for line, figures in expected.items() if text[line - 1].startswith(" ")}
    assert len(inside) > 20
    for line, (hits, growth) in inside.items():
        assert int(rows[line]["hits"]) == hits, line
        assert abs(int(rows[line]["growth"]) / MIB - growth) < 2, (line, rows[line], growth)
    lends = 1 + text.index("    lend(24); lend(24)")
    assert abs(int(rows[lends]["growth"])) < 2 * MIB, "what a function returns is free again"
    assert int(rows[1 + text.index("    twice()")]["growth"]) > 6 * MIB
    assert abs(int(rows[1 + text.index("    kept.clear()")]["own"]) + (8 + 12 + 12 + 10) * MIB) < 2 * MIB


@pytest.mark.parametrize("monitor", ["lines", "functions", "function_memory"])
def test_other_monitors_have_a_table_too(tmp_path: Path, monitor: str) -> None:
    script = tmp_path / "program.py"
    script.write_text("import time\ndef step():\n    time.sleep(0.01)\nwhile True:\n    step()\n")
    with recorded(tmp_path, [monitor, "--recording", "zmq", str(script)]) as process, top(tmp_path) as terminal:
        terminal.until(f"pid {process.pid}")
        terminal.until("step")
        assert terminal.text.splitlines()[1].startswith(f"{monitor}  ")
        assert ("RSS" in terminal.text) == (monitor == "function_memory")
        process.kill()
        terminal.until("target lost")
        terminal.keys("q")
        assert terminal.wait() == 0


def test_scripts_and_lists_know_recorders(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text("import time\ndef step():\n    time.sleep(0.01)\nwhile True:\n    step()\n")
    env = environment(XDG_RUNTIME_DIR=str(tmp_path))

    def pikos(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([PIKOS, *arguments], env=env, capture_output=True, text=True, timeout=PATIENCE)

    with recorded(tmp_path, ["line_memory", "--recording", "zmq", str(script)]) as process:
        sockets = tmp_path / "pikos"
        while not (sockets.exists() and any(sockets.glob("*.rec"))):
            assert process.poll() is None
        pid = str(process.pid)
        listed = pikos("ps").stdout.splitlines()[1].split()
        assert listed[0] == pid and "line_memory" in listed and listed[-1] == str(script)
        [row] = json.loads(pikos("ps", "--json").stdout)
        assert (row["kind"], row["pid"], row["hook"]) == ("records", process.pid, "line_memory")
        document = json.loads(pikos("top", "--json", pid).stdout)
        assert document["processes"][0]["monitor"] == "line_memory"
        assert {line["function"] for line in document["lines"]} >= {"step"}
        assert document["memory"]["rss"] > MIB
        printed = pikos("top", "--once", "-n", "3", "-s", "hits", pid)
        assert printed.returncode == 0 and "line_memory" in printed.stdout and len(printed.stdout.splitlines()) == 6
        refused = pikos("record", pid, "-o", os.devnull)
        assert refused.returncode == 1 and f"pikos top {pid}" in refused.stderr
        assert "is not a column" in pikos("top", "--once", "-s", "nonsense").stderr
