"""A program that sends its records, beside the `pikos` command: kept as Parquet, and printed when there is enough of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from running import PATIENCE, PIKOS, environment

pytestmark = pytest.mark.slow_in_debug


#: Works until somebody makes the file `stop`; then come three steps from beginning to end, and one thing more.
PROGRAM = """\
import os, time

def slow():
    time.sleep(0.01)

def step():
    slow()
    return 1

def last():
    return 2

while not os.path.exists("stop"):
    step()
for _ in range(3):
    step()
last()
"""


@contextmanager
def running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program under ``pikos-run``, once it can be listened to."""
    (folder / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "pikos.runner", *arguments, "--recording", "zmq", "program.py"]
    with subprocess.Popen(command, env=environment(XDG_RUNTIME_DIR=str(folder)), cwd=folder, text=True) as process:
        try:
            await_that(lambda: any(folder.glob("pikos/*.rec")))
            yield process
        finally:
            process.kill()


def await_that(condition: Any) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pikos(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PIKOS, *arguments],
        env=environment(XDG_RUNTIME_DIR=str(folder)),
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def listeners(folder: Path, pid: int) -> int:
    """How many listen to the program."""
    out, err = pikos(folder, "ctl", "status", str(pid)).communicate(timeout=PATIENCE)
    found = re.search(r"(\d+) listening", out)
    assert found, out + err
    return int(found[1])


@pytest.mark.parametrize("way", ["named", "found"])
def test_records_are_kept(tmp_path: Path, way: str) -> None:
    pandas = pytest.importorskip("pandas")
    with running(tmp_path, "line_memory") as process:
        target = tmp_path / ("kept.parquet" if way == "named" else f"kept-{process.pid}.parquet")
        named = [str(process.pid)] if way == "named" else []
        record = pikos(tmp_path, "record", *named, "-o", "kept.parquet")
        # Then it is heard.
        await_that(target.exists)
        (tmp_path / "stop").touch()
        process.wait(PATIENCE)
        if way == "found":
            # Others may come.
            await_that(lambda: b"PAR1" in target.read_bytes()[-4:])
            record.send_signal(signal.SIGINT)
        out, err = record.communicate(timeout=PATIENCE)
    assert out == "" and f"process {process.pid} ended: " in err, err
    frame = pandas.read_parquet(target)
    assert list(frame.columns[:7]) == ["index", "function", "lineNo", "RSS", "VMS", "line", "filename"]
    assert "last" in set(frame["function"]) and frame["time_ns"].is_monotonic_increasing
    drawn = subprocess.run(
        [PIKOS, "plot", target, "-o", tmp_path / "x.svg"], capture_output=True, text=True, env=environment()
    )
    assert drawn.returncode == 0 and "seconds" in (tmp_path / "x.svg").read_text(), drawn.stderr


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with running(tmp_path, "functions") as process:
        for arguments, code, words in (
            (["record", str(process.pid), "-o", "x.pikos"], 1, f"pikos record {process.pid} -o records.parquet"),
            (["record", str(process.pid), "-o", "x.parquet", "--merge"], 2, "leave out `--merge`"),
            (["record", str(os.getpid()), "-o", "x.parquet"], 1, "sends no toolkit records"),
            (["record", str(process.pid), "-o", "nowhere/x.parquet"], 1, "can't write nowhere/x.parquet: No such file"),
        ):
            done = pikos(tmp_path, *arguments)
            _, err = done.communicate(timeout=PATIENCE)
            assert (done.returncode, words in err) == (code, True), err


def test_lines_have_their_time_while_they_run(tmp_path: Path) -> None:
    with running(tmp_path, "lines") as process:
        top = pikos(tmp_path, "top", str(process.pid), "--for", "1", "--json")
        out, err = top.communicate(timeout=PATIENCE)
        assert top.returncode == 0, err
        lines = {(line["function"], line["line"]): line for line in json.loads(out)["lines"]}
        # What it calls is in a line's time, and not its own.
        sleeping, calling = lines["slow", 4], lines["step", 7]
        assert sleeping["hits"] > 2 and sleeping["own"] >= 0.009 * (sleeping["hits"] - 2)
        assert calling["time"] > 0.009 * (calling["hits"] - 2) and calling["own"] < calling["time"] / 2
        await_that(lambda: listeners(tmp_path, process.pid) == 0)
        table = pikos(tmp_path, "top", str(process.pid), "--until-end", "-s", "own", "-n", "1")
        await_that(lambda: listeners(tmp_path, process.pid) == 1)
        (tmp_path / "stop").touch()
        out, err = table.communicate(timeout=PATIENCE)
    assert table.returncode == 0, err
    heading, row = out.splitlines()[1:]
    assert heading.split() == ["time", "own", "hits", "line"] and "time.sleep(0.01)" in row


def test_the_two_ways_to_wait_exclude_each_other(tmp_path: Path) -> None:
    done = pikos(tmp_path, "top", "--for", "1", "--until-end")
    _, err = done.communicate(timeout=PATIENCE)
    assert done.returncode == 2 and "cannot be used with" in err
