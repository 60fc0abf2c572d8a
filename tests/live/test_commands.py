"""`pikos top`, `ps`, `record` and `ctl` beside a program at work, as a user has them."""

from __future__ import annotations

import json
import os
import pstats
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from pikos.stats import load
from running import PIKOS, SUBJECT
from terminal import Terminal
from watching import PATIENCE, live_environment, pikos_at, started, until

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]


#: Runs until there is a file.
PROGRAM = """\
import os
import sys
import time


def leaf(n):
    return n + 1


def step():
    for n in range(200):
        leaf(n)
    time.sleep(0.001)


def main():
    while not os.path.exists(sys.argv[1]):
        step()


main()
"""


@pytest.fixture
def running(tmp_path: Path, script: Path) -> Iterator[subprocess.Popen[str]]:
    """A program that is profiled live until it is killed."""
    arguments = ["-m", "pikos.cprofile", "--live", "--interval", "0.1", "-o", tmp_path / "own.pstats", script, "never"]
    with started(tmp_path, arguments) as process:
        yield process


def listed(folder: Path) -> list[dict[str, object]]:
    return json.loads(pikos_at(folder, "ps", "--json").stdout)


def test_ps_lists_what_is_live(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    (row,) = until(lambda: listed(tmp_path), "a process that is live")
    assert row["pid"] == running.pid
    assert row["state"] == "running"
    assert str(row["script"]).endswith("program.py never")
    assert isinstance(row["calls_per_s"], float) and row["calls_per_s"] > 100
    shown = pikos_at(tmp_path, "ps")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert re.search(rf"^ *{running.pid} .* running .*program\.py never$", shown.stdout, re.M)


def test_nothing_is_live(tmp_path: Path) -> None:
    shown = pikos_at(tmp_path, "ps")
    assert shown.returncode == 1
    assert "no process is profiled live" in shown.stderr
    assert listed(tmp_path) == []
    shown = pikos_at(tmp_path, "top", "--once", str(os.getpid()))
    assert shown.returncode == 1
    assert f"process {os.getpid()} is not profiled live" in shown.stderr
    shown = pikos_at(tmp_path, "record", "-o", tmp_path / "x.pstats", "nonsense")
    assert shown.returncode == 2
    assert "neither a process ID nor an endpoint" in shown.stderr


def test_top_shows_steers_and_saves(tmp_path: Path, script: Path, running: subprocess.Popen[str]) -> None:
    until(lambda: listed(tmp_path), "a process that is live")
    saved = tmp_path / "saved.pstats"
    environment = {**live_environment(tmp_path), "TERM": "xterm"}
    with Terminal([PIKOS, "top", str(running.pid)], env=environment) as terminal:
        terminal.until("main")
        terminal.until("leaf")
        # Its time in flight is there, although it has not returned once.
        in_flight = terminal.line("main").split()
        assert float(in_flight[2].rstrip("s")) > 0
        terminal.keys("/leaf\r")
        terminal.until(lambda: "main" not in "".join(terminal.text.splitlines()[4:]))
        terminal.keys("\r")
        terminal.until("callers (1)")
        terminal.until("step")
        terminal.keys("3")
        terminal.until("return n + 1")
        terminal.keys("\x1b")
        terminal.until("file:line")
        # P pauses the collection in the target, and lets it go on.
        terminal.keys("P")
        terminal.until("PAUSED")
        until(lambda: "paused" in pikos_at(tmp_path, "ctl", "status", str(running.pid)).stdout, "a pause")
        terminal.keys("P")
        terminal.until("collection resumed")
        until(lambda: "running" in pikos_at(tmp_path, "ctl", "status", str(running.pid)).stdout, "that it goes on")
        terminal.keys("s\x15" + str(saved) + "\r")
        terminal.until("saved as pstats")
        terminal.keys("q")
        assert terminal.wait() == 0
        assert terminal.is_restored()
    names = {name for _, _, name in pstats.Stats(str(saved)).stats}  # type: ignore[attr-defined]
    assert {"leaf", "step"} <= names
    assert running.poll() is None


def test_top_survives_its_target(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    until(lambda: listed(tmp_path), "a process that is live")
    with Terminal([PIKOS, "top", str(running.pid)], env={**live_environment(tmp_path), "TERM": "xterm"}) as terminal:
        terminal.until("leaf")
        running.kill()
        terminal.until("killed?")
        assert "leaf" in terminal.text
        terminal.keys("q")
        assert terminal.wait() == 0


def test_top_prints_once(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    until(lambda: listed(tmp_path), "a process that is live")
    table = pikos_at(tmp_path, "top", "--once", "-n", "20")
    assert (table.returncode, table.stderr) == (0, "")
    assert "(main)" in table.stdout and "in flight" in table.stdout
    shown = json.loads(pikos_at(tmp_path, "top", "--json").stdout)
    assert [process["pid"] for process in shown["processes"]] == [running.pid]
    (main,) = [function for function in shown["functions"] if function["name"] == "main"]
    assert main["open"] == 1 and 0 < main["in_flight"] <= main["cumtime"]
    (leaf,) = [function for function in shown["functions"] if function["name"] == "leaf"]
    assert leaf["calls_per_s"] > 0


@pytest.mark.parametrize("ends", ["normally", "by SIGKILL", "by os._exit"])
def test_record_keeps_the_profile(tmp_path: Path, script: Path, ends: str) -> None:
    out, own, stop = tmp_path / "out.pstats", tmp_path / "own.pstats", tmp_path / "stop"
    if ends == "by os._exit":
        # Through C: nobody in Python hears of it.
        script.write_text(PROGRAM + "\nimport ctypes\nctypes.CDLL(None)._exit(5)\n")
    arguments = ["-m", "pikos.cprofile", "--live", "--interval", "0.05", "-o", own, script, stop]
    with started(tmp_path, arguments) as process:
        until(lambda: listed(tmp_path), "a process that is live")
        command = [PIKOS, "record", str(process.pid), "-o", str(out)]
        recorder = subprocess.Popen(command, env=live_environment(tmp_path), stderr=subprocess.PIPE, text=True)
        assert recorder.stderr is not None and "listening" in recorder.stderr.readline()
        before = until(lambda: row_of(tmp_path, process.pid), "its calls")
        if ends == "by SIGKILL":
            process.kill()
        else:
            stop.touch()
        _, said = recorder.communicate(timeout=PATIENCE)
        assert recorder.returncode == 0, said
        process.wait(PATIENCE)
    recorded = pstats.Stats(str(out)).stats  # type: ignore[attr-defined]
    is_marked = out.read_bytes().endswith(b"pikos: unfinished")
    calls = {name: row[1] for (_, _, name), row in recorded.items()}
    assert calls["main"] == 1
    if ends == "normally":
        assert "ended: normal" in said and not is_marked
        assert recorded == pstats.Stats(str(own)).stats  # type: ignore[attr-defined]
    else:
        assert "vanished (killed?)" in said and is_marked
        assert "still running" in pikos_at(tmp_path, "check", out).stdout
        assert calls["leaf"] == 200 * calls["step"] or calls["leaf"] // 200 in (calls["step"], calls["step"] - 1)
        if ends == "by SIGKILL":
            # No older than what another subscriber had seen before.
            assert sum(calls.values()) >= before
        assert not own.exists()


def test_record_writes_what_it_knows_and_where_a_name_says_nothing_our_own(tmp_path: Path, script: Path) -> None:
    out, own, stop = tmp_path / "out", tmp_path / "own.pikos", tmp_path / "stop"
    words = ["-m", "pikos.cprofile", "--live", "--interval", "0.05", "--follow", "-o", own, script, stop]
    with started(tmp_path, words) as process:
        until(lambda: listed(tmp_path), "a process that is live")
        recorder = subprocess.Popen(
            [PIKOS, "record", str(process.pid), "-o", str(out)],
            env=live_environment(tmp_path),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert recorder.stderr is not None and "listening" in recorder.stderr.readline()
        until(lambda: row_of(tmp_path, process.pid), "its calls")
        for name in ("now", "now.out"):
            assert pikos_at(tmp_path, "ctl", "dump", tmp_path / name, str(process.pid)).returncode == 0
        stop.touch()
        _, said = recorder.communicate(timeout=PATIENCE)
        assert recorder.returncode == 0, said
        process.wait(PATIENCE)
    assert out.read_bytes().startswith(b"\x89PIKOS")
    heard, saved = (load(path).metadata["facts"] for path in (out, own))
    assert heard.keys() == saved.keys()
    # It was heard a moment earlier than it was saved.
    moving = {"elapsed", "cpu", "started"}
    assert {name: heard[name] for name in heard.keys() - moving} == {
        name: saved[name] for name in saved.keys() - moving
    }
    assert saved["process"] == str(process.pid) and str(script) in saved["command"]
    assert "live=True" in saved["options"]
    assert load(tmp_path / "now").metadata["facts"] == {}, "pstats, which holds none"


def row_of(folder: Path, pid: int) -> int | None:
    rows = [row for row in listed(folder) if row["pid"] == pid]
    return int(str(rows[0]["calls"])) if rows and rows[0]["calls"] else None


def test_record_of_a_recorder_that_is_stopped(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    until(lambda: listed(tmp_path), "a process that is live")
    out = tmp_path / "out.pstats"
    command = [PIKOS, "record", "-o", str(out)]
    recorder = subprocess.Popen(command, env=live_environment(tmp_path), stderr=subprocess.PIPE, text=True)
    assert recorder.stderr is not None and "listening" in recorder.stderr.readline()
    until(lambda: row_of(tmp_path, running.pid), "its calls")
    recorder.send_signal(signal.SIGINT)
    _, said = recorder.communicate(timeout=PATIENCE)
    assert recorder.returncode == 0, said
    assert "still running" in said
    # Of all processes, each has a file of its own.
    stats = pstats.Stats(str(tmp_path / f"out-{running.pid}.pstats")).stats  # type: ignore[attr-defined]
    assert "main" in {name for _, _, name in stats}
    assert running.poll() is None


def test_record_where_nothing_can_be_written(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    until(lambda: listed(tmp_path), "a process that is live")
    command = [PIKOS, "record", str(running.pid), "-o", str(tmp_path / "no" / "folder.pstats")]
    recorder = subprocess.Popen(command, env=live_environment(tmp_path), stderr=subprocess.PIPE, text=True)
    assert recorder.stderr is not None and "listening" in recorder.stderr.readline()
    until(lambda: row_of(tmp_path, running.pid), "its calls")
    recorder.send_signal(signal.SIGTERM)
    _, said = recorder.communicate(timeout=PATIENCE)
    assert recorder.returncode == 1
    assert "can't write" in said
    (fallback,) = re.findall(r"saved the profile as (.*) instead", said)
    assert "main" in {name for _, _, name in pstats.Stats(fallback).stats}  # type: ignore[attr-defined]


def test_ctl(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    until(lambda: listed(tmp_path), "a process that is live")
    pid = str(running.pid)
    assert pikos_at(tmp_path, "ctl", "pause", pid).stdout.startswith(f"{pid} paused")
    assert pikos_at(tmp_path, "ctl", "resume", pid).stdout.startswith(f"{pid} running")
    assert "every 0.25 s" in pikos_at(tmp_path, "ctl", "interval", "0.25", pid).stdout
    dumped = tmp_path / "dumped.pstats"
    assert pikos_at(tmp_path, "ctl", "dump", dumped, pid).returncode == 0
    assert "main" in {name for _, _, name in pstats.Stats(str(dumped)).stats}  # type: ignore[attr-defined]
    refused = pikos_at(tmp_path, "ctl", "interval", "0.001", pid)
    assert refused.returncode == 1 and "0.02" in refused.stderr
    assert pikos_at(tmp_path, "ctl", "explode", pid).returncode == 2
    assert pikos_at(tmp_path, "ctl", "stop", pid).returncode == 0
    until(lambda: listed(tmp_path) == [], "the end of the stream")
    assert running.poll() is None


def test_what_is_refused_is_nobodys_profile(tmp_path: Path) -> None:
    """Nor does one process take another one's file."""
    context = zmq.Context.instance()
    out, address = tmp_path / "out.pstats", f"ipc://{tmp_path}/bound"
    command = [PIKOS, "record", "--bind", address, "-o", str(out)]
    recorder = subprocess.Popen(command, env=live_environment(tmp_path), stderr=subprocess.PIPE, text=True)
    assert recorder.stderr is not None and "listening" in recorder.stderr.readline()
    socket = context.socket(zmq.XPUB)
    socket.connect(address)
    assert socket.recv() == b"\x01"

    def message(stream: str, kind: str = "full", **changes: Any) -> bytes:
        facts = {"pid": 7, "parent": None, "host": "h", "started": 0.0, "argv": [], "python": "", "pikos": ""}
        facts |= {"clock": "tsc", "hook": "", "compensated": False, "builtins": True, "control": None}
        made = {
            "v": 1,
            "kind": kind,
            "id": stream,
            "seq": 1,
            "base": 1,
            "epoch": 0,
            "time": 1.0,
            "age": 1.0,
            "tick": 1e-9,
        }
        made |= {"paused": False, "interval": 0.5, "dropped": 0, "overhead": 0, "facts": facts}
        made |= {"functions": [[0, "f.py", 1, "f", None]], "threads": [[1, "t", 1, False]]}
        made |= {"rows": [[1, 0, 5, 5, 10, 10, 0, 0, 0]], "edges": []}
        packed: bytes = msgpack.packb(made | changes)
        return packed

    refused = [
        message("x" * 5000),
        message("x", seq=0),
        message("x", tick=-1.0),
        message("x", v=2),
        message("x", rows="no rows"),
        message("x", id=7),
        b"\xc1",
        # Of a process that is never heard of: no facts, so nobody knows whose it is.
        message("only a delta", "delta", facts=None),
    ]
    for frame in [*refused, message("good"), *refused]:
        socket.send(frame)
    for stream in ("good", "another host's 7"):
        socket.send(message(stream, seq=2, base=2, end={"how": "normal", "detail": ""}))
    said: list[str] = []
    while sum(" ended: " in line for line in said) < 2:
        said.append(recorder.stderr.readline())
        assert said[-1], said
    recorder.send_signal(signal.SIGINT)
    _, rest = recorder.communicate(timeout=PATIENCE)
    socket.close()
    names = ["out-7-2.pstats", "out-7.pstats"]
    assert sorted(path.name for path in tmp_path.glob("*.pstats")) == names and " ended: " not in rest, (said, rest)
    for name in names:
        assert pstats.Stats(str(tmp_path / name)).total_calls == 5  # type: ignore[attr-defined]


def stopped(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGSTOP)
    until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T", "it to stop")


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="needs /proc")
def test_who_is_not_heard_is_named(tmp_path: Path, script: Path, running: subprocess.Popen[str]) -> None:
    """A process that is stopped holds nobody up, and keeps nobody else from being told."""
    with started(tmp_path, ["-m", SUBJECT, "--live", "--interval", "0.1", script, "never"]) as other:
        until(lambda: str(other.pid) in pikos_at(tmp_path, "ps").stdout, "the other process")
        stopped(other)
        try:
            listed = pikos_at(tmp_path, "ps", "--json")
            assert [row["pid"] for row in json.loads(listed.stdout)] == [running.pid]
            said = f"pikos: 1 process has not answered (stopped, or very busy): {other.pid}\n"
            assert (listed.returncode, listed.stderr) == (1, said)
            told = pikos_at(tmp_path, "ctl", "status", str(other.pid), "99999999", str(running.pid))
            assert told.returncode == 1 and told.stdout.startswith(f"{running.pid} running")
            assert f"{other.pid}-" in told.stderr and "has not answered in 5 s" in told.stderr
            assert "99999999 is not profiled live" in told.stderr
            # What was not heard is not done later.
            assert pikos_at(tmp_path, "ctl", "pause", str(other.pid)).returncode == 1
        finally:
            other.send_signal(signal.SIGCONT)
        status = pikos_at(tmp_path, "ctl", "status", str(other.pid))
        assert (status.returncode, "running" in status.stdout) == (0, True)
