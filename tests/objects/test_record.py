"""`pikos record` of a program whose objects are counted, and what reads its file."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from running import PATIENCE, PIKOS
from terminal import Terminal
from watching import live_environment, pikos_at, started

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

#: Makes 30 sessions and lets 10 go, when it is told to.
SHOP = """\
class Session:
    def __init__(self, number):
        self.number = number
def serve():
    kept = [Session(number) for number in range(30)]
    del kept[:10]
    return kept
print('ready', flush=True)
input()
kept = serve()
print('served', flush=True)
input()
"""

COUNT = ["-m", "pikos.runner", "objects", "--types", "Session", "--where", "--recording", "zmq", "shop.py"]


@contextmanager
def recorder(folder: Path, process: subprocess.Popen[str], out: str) -> Iterator[subprocess.Popen[str]]:
    """`pikos record` of a process that is ready; it has heard of it."""
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    command = [PIKOS, "record", str(process.pid), "-o", out]
    with subprocess.Popen(
        command, env=live_environment(folder), stderr=subprocess.PIPE, text=True, cwd=folder
    ) as record:
        assert record.stderr is not None
        try:
            while "recording" not in (line := record.stderr.readline()):
                assert line, "it has ended"
            yield record
        finally:
            record.kill()


def go_on(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    return tmp_path


@pytest.mark.parametrize("ends", ["normally", "by SIGKILL", "by Ctrl-C"])
def test_objects_are_kept_however_it_ends(shop: Path, ends: str) -> None:
    with started(shop, COUNT) as process, recorder(shop, process, "objects.json") as record:
        go_on(process)
        assert process.stdout is not None and process.stdout.readline() == "served\n"
        if ends == "normally":
            go_on(process)
        else:
            # The newest figures are sent within half a second; whoever asks gets them at once.
            top = Terminal(
                [PIKOS, "top", str(process.pid)], width=100, height=30, env=live_environment(shop, TERM="xterm")
            )
            top.until("Session")
            top.until(" 30 ")
            top.keys("q")
            assert top.wait() == 0
            process.kill() if ends == "by SIGKILL" else record.send_signal(signal.SIGINT)
        _, said = record.communicate(timeout=PATIENCE)
    assert record.returncode == 0, said
    how = {"normally": "ended", "by SIGKILL": "vanished (killed?)", "by Ctrl-C": "still running"}
    assert f"process {process.pid} {how[ends]}" in said and "objects.json" in said
    told = json.loads((shop / "objects.json").read_text())
    (session,) = [row for row in told["objects"]["types"] if row["type"] == "Session"]
    assert (session["module"], session["created"]) == ("__main__", 30)
    if session["destroyed"] is not None:
        assert (session["destroyed"], session["alive"]) == (10, 20)
        assert told["objects"]["over_time"][-1]["alive"] == 20
    assert [(place["line"], place["created"]) for place in session["places"]] == [(5, 30)]
    assert told["functions"] == [] and "shop.py" in told["facts"]["command"]


def test_what_was_kept_is_shown(shop: Path) -> None:
    with started(shop, COUNT) as process, recorder(shop, process, "objects.pikos") as record:
        go_on(process)
        go_on(process)
        _, said = record.communicate(timeout=PATIENCE)
        assert record.returncode == 0, said
    shown = pikos_at(shop, "stats", "objects.pikos").stdout
    assert "Objects  30 made" in shown and "__main__.Session" in shown and "shop.py:5" in shown
    assert "function calls" not in shown
    assert pikos_at(shop, "export", "objects.pikos", "-o", "types.csv").returncode == 0
    with (shop / "types.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["type"], row["module"], row["created"]) == ("Session", "__main__", "30")
    lost = pikos_at(shop, "export", "objects.pikos", "-o", "objects.folded")
    assert "has no place for objects" in lost.stderr
    assert pikos_at(shop, "report", "objects.pikos", "-o", "objects.html").returncode == 0
    assert "__main__.Session" in (shop / "objects.html").read_text()
    assert pikos_at(shop, "check", "objects.pikos").returncode == 0
    assert pikos_at(shop, "merge", "objects.pikos", "objects.pikos", "-o", "both.pikos").returncode == 0
    assert "Objects  60 made" in pikos_at(shop, "stats", "both.pikos").stdout
    view = Terminal(
        [PIKOS, "view", "objects.pikos"], width=100, height=30, env=live_environment(shop, TERM="xterm"), cwd=str(shop)
    )
    view.until("__main__.Session")
    view.keys("\r")
    view.until("shop.py:5")
    view.keys("qq")
    assert view.wait() == 0


def test_a_file_that_has_no_place_for_objects_is_written_as_one_that_has(shop: Path) -> None:
    with started(shop, COUNT) as process, recorder(shop, process, "objects.pstats") as record:
        go_on(process)
        go_on(process)
        _, said = record.communicate(timeout=PATIENCE)
    assert record.returncode == 0 and "objects.pikos" in said, said
    assert (shop / "objects.pikos").read_bytes().startswith(b"\x89PIKOS") and not (shop / "objects.pstats").exists()


def test_who_counts_objects_sends_no_records(shop: Path) -> None:
    with started(shop, COUNT) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        refused = pikos_at(shop, "record", process.pid, "-o", "records.parquet")
    assert refused.returncode == 1
    assert f"pikos record {process.pid} -o objects.pikos" in refused.stderr


def test_who_sends_records_is_no_profile(shop: Path) -> None:
    command = ["-m", "pikos.runner", "lines", "--recording", "zmq", "shop.py"]
    with started(shop, command) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        refused = pikos_at(shop, "record", process.pid, "-o", "profile.pikos")
    assert refused.returncode == 1
    assert f"pikos record {process.pid} -o records.parquet" in refused.stderr
