"""Traces: what a list of records holds, as Chrome's trace events; valid however the program ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from pikos.api import monitor_class, trace_file
from pikos.recorders.api import ListRecorder, RecorderError, TraceFileRecorder
from pikos.stats import load as load_profile
from reference_monitor import load, make_program, monitored
from running import PATIENCE, environment, pikos_run


def calls(path: Path) -> list[dict[str, Any]]:
    return [event for event in json.loads(path.read_text()) if event["ph"] in "BE"]


def check(events: list[dict[str, Any]]) -> None:
    """They nest in each thread, in the order of time, and each has its end."""
    open_: dict[int, int] = {}
    last: dict[int, float] = {}
    for event in events:
        thread = event["tid"]
        assert event["ts"] >= last.get(thread, 0)
        last[thread] = event["ts"]
        open_[thread] = open_.get(thread, 0) + (1 if event["ph"] == "B" else -1)
        assert open_[thread] >= 0
    assert set(open_.values()) <= {0}


@pytest.mark.in_process
@pytest.mark.parametrize("filter_", [None, lambda record: True])
def test_a_trace_holds_what_a_list_does(filter_: Any, tmp_path: Path) -> None:
    for seed in range(5):
        filename = f"<program {seed}>"
        main = load(make_program(seed), filename)["main"]
        listed = ListRecorder()
        monitored(monitor_class("function")(listed), main)
        monitored(monitor_class("function")(TraceFileRecorder(tmp_path / "x.trace.json", filter_)), main)
        events = calls(tmp_path / "x.trace.json")
        check(events)
        begun = [event for event in events if event.get("args", {}).get("filename") == filename]
        wanted = [each for each in listed.records if each.type == "call" and each.filename == filename]
        assert [event["args"]["line"] for event in begun] == [each.lineNo for each in wanted]
        assert [event["name"].rsplit(".", 1)[-1] for event in begun] == [each.function for each in wanted]


@pytest.mark.in_process
def test_threads_have_names(tmp_path: Path) -> None:
    with monitor_class("function")(trace_file(filename=str(tmp_path / "x.trace.json")), threads=True):
        thread = threading.Thread(target=lambda: [abs(number) for number in range(100)], name='a "worker"')
        thread.start()
        thread.join()
    events = json.loads((tmp_path / "x.trace.json").read_text())
    check(calls(tmp_path / "x.trace.json"))
    names = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert names >= {"MainThread", 'a "worker"'}


@pytest.mark.in_process
def test_memory_is_a_counter(tmp_path: Path) -> None:
    with monitor_class("function_memory")(trace_file(filename=str(tmp_path / "x.trace.json"))):
        kept = bytes(50 << 20).replace(b"\0", b"\1")
    events = json.loads((tmp_path / "x.trace.json").read_text())
    rss = [event["args"]["RSS"] for event in events if event["ph"] == "C"]
    assert max(rss) - min(rss) > 40 << 20 and len(kept) == 50 << 20


@pytest.mark.in_process
def test_a_recorder_goes_on(tmp_path: Path) -> None:
    recorder = trace_file(filename=str(tmp_path / "x.trace.json"))
    attached = monitor_class("function")(recorder).attach(lambda: abs(1))
    for number in range(1, 4):
        attached()
        events = calls(tmp_path / "x.trace.json")
        check(events)
        assert [event["name"] for event in events if event["ph"] == "B"].count("abs") == number
    with pytest.raises(RecorderError):
        recorder.finalize()


@pytest.mark.in_process
def test_lines_are_no_trace(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="record functions, not lines"):
        monitor_class("line")(TraceFileRecorder(tmp_path / "x.trace.json")).enable()
    run = pikos_run(tmp_path, "lines", "-o", "x.trace.json", "x.py")
    assert run.code == 2 and "record functions or function_memory" in run.err


PROGRAM = """
import os, sys, time

class Thing:
    def work(self):
        for i in range(1000):
            abs(i)

def main():
    Thing().work()
    {end}

main()
"""

ENDS = {
    "plain": "pass",
    "exception": "raise KeyError(1)",
    "exit": "sys.exit(3)",
    "os._exit": "os._exit(3)",
    "SIGTERM": "print(flush=True); time.sleep(600)",
}


@pytest.mark.parametrize("end", ENDS)
def test_it_is_whole_however_the_program_ends(end: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.format(end=ENDS[end]))
    command = [sys.executable, "-m", "pikos.runner", "functions", "-o", "x.trace.json", "program.py"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    if end == "SIGTERM":
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=PATIENCE)
    events = calls(tmp_path / "x.trace.json")
    check(events)
    assert [event["name"] for event in events if event["ph"] == "B"].count("abs") == 1000
    assert "Thing.work" in {event.get("name") for event in events}


def test_a_killed_program_leaves_what_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        PROGRAM.format(end="[Thing().work() for _ in range(50)]; print(flush=True); time.sleep(600)")
    )
    command = [sys.executable, "-m", "pikos.runner", "functions", "-o", "x.trace.json", "program.py"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.kill()
    profile = load_profile(tmp_path / "x.trace.json")
    assert any("abs" in str(row) for row in profile)


def test_our_own_reader_takes_it(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.format(end="pass"))
    pikos_run(tmp_path, "functions", "-o", "x.trace.json", "program.py").succeeded()
    profile = load_profile(tmp_path / "x.trace.json")
    counts = {row.name: row.ncalls for row in profile}
    assert counts["abs"] == 1000 and counts["Thing.work"] == 1
