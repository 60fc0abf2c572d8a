"""Requests to a live profile: each has one reply, which agrees with what is collected."""

from __future__ import annotations

import pstats
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from running import SUBJECT
from watching import PATIENCE, Subscriber, endpoint, started, until

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


class Control:
    """Asks, and waits for the reply."""

    def __init__(self, messages: str) -> None:
        self.socket = zmq.Context.instance().socket(zmq.REQ)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(messages.removesuffix(".pub") + ".ctl")

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        return self.ask_raw(msgpack.packb({"v": 1, "do": do, **arguments}))

    def ask_raw(self, frame: bytes) -> dict[str, Any]:
        self.socket.send(frame)
        assert self.socket.poll(int(PATIENCE * 1000)), "no reply"
        reply: dict[str, Any] = msgpack.unpackb(self.socket.recv())
        return reply


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "busy.pstats"


@pytest.fixture
def options() -> list[str]:
    return []


@pytest.fixture
def process(tmp_path: Path, out: Path, options: list[str]) -> Iterator[subprocess.Popen[str]]:
    script = tmp_path / "busy.py"
    script.write_text(BUSY)
    arguments = ["-m", SUBJECT, "--live", "--interval", "0.1", *options, "-o", out, script]
    with started(tmp_path, arguments) as process:
        yield process


@pytest.fixture
def messages(tmp_path: Path, process: subprocess.Popen[str]) -> str:
    return endpoint(tmp_path, process.pid)


@pytest.fixture
def control(messages: str) -> Iterator[Control]:
    control = Control(messages)
    yield control
    control.socket.close()


def finish(process: subprocess.Popen[str]) -> None:
    out, err = process.communicate("\n", timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "", "")


def calls(out: Path) -> int:
    rows = pstats.Stats(str(out)).stats.items()  # type: ignore[attr-defined]
    return {label[2]: row[1] for label, row in rows}.get("leaf", 0)


def collected(control: Control) -> int:
    number: int = control.ask("status")["status"]["ncalls"]
    return number


def settled(control: Control, paused: bool) -> dict[str, Any]:
    """The status, when a task that was pending is done."""
    return until(lambda: (now := control.ask("status")["status"])["paused"] is paused and now, "the main thread")


def test_status(control: Control, process: subprocess.Popen[str]) -> None:
    reply = control.ask("status")
    assert (reply["v"], reply["error"], reply["pending"]) == (1, None, False)
    status = reply["status"]
    assert (status["pid"], status["paused"], status["interval"]) == (process.pid, False, 0.1)
    assert (status["subscribers"], status["seq"]) == (0, 0)
    until(lambda: collected(control) > status["ncalls"], "more calls")


def test_pause_and_resume(control: Control, messages: str, process: subprocess.Popen[str], out: Path) -> None:
    until(lambda: collected(control) > 100, "calls")
    assert control.ask("pause")["error"] is None
    paused = settled(control, True)
    with Subscriber(messages) as subscriber:
        assert subscriber.receive()["paused"]
        counted = subscriber.row("leaf")[0]
        for _ in range(3):
            subscriber.receive()
        assert subscriber.row("leaf")[0] == counted
        assert control.ask("status")["status"]["ncalls"] == paused["ncalls"]
        # What is asked for is the case already: no error.
        assert control.ask("pause")["error"] is None
        assert control.ask("resume")["error"] is None
        settled(control, False)
        until(lambda: not subscriber.receive()["paused"], "a message that isn't paused")
        until(lambda: subscriber.receive() and subscriber.row("leaf")[0] > counted, "more calls")
    finish(process)
    assert calls(out) > counted


@pytest.mark.parametrize("options", [["--paused"]])
def test_a_program_that_starts_paused(control: Control, process: subprocess.Popen[str], out: Path) -> None:
    assert settled(control, True)["ncalls"] == 0
    assert control.ask("resume")["error"] is None
    settled(control, False)
    # Of all functions: each leaf() makes some twenty.
    until(lambda: collected(control) > 1000, "calls")
    finish(process)
    assert calls(out) > 10


def test_clear(control: Control, messages: str, process: subprocess.Popen[str]) -> None:
    before = until(lambda: (now := collected(control)) > 20_000 and now, "calls")
    control.ask("pause")
    settled(control, True)
    assert control.ask("clear")["error"] is None
    until(lambda: collected(control) == 0, f"{before} calls to be forgotten")
    with Subscriber(messages) as subscriber:
        assert subscriber.receive()["epoch"] == 1
        assert subscriber.rows == {}
    finish(process)


def test_interval(control: Control, messages: str) -> None:
    assert control.ask("interval", seconds=0.02)["status"]["interval"] == 0.02
    with Subscriber(messages) as subscriber:
        assert subscriber.receive()["interval"] == 0.02
    for wrong in (0.01, 61.0, -1.0, float("nan"), float("inf")):
        reply = control.ask("interval", seconds=wrong)
        assert "0.02 to 60" in reply["error"] and reply["status"] is None
    assert collected(control) >= 0


def test_stop(control: Control, messages: str, process: subprocess.Popen[str], out: Path) -> None:
    until(lambda: collected(control) > 100, "calls")
    with Subscriber(messages) as subscriber:
        subscriber.receive()
        assert control.ask("stop")["error"] is None
        assert subscriber.to_the_end()["end"]["how"] == "disabled"
        counted = subscriber.row("leaf")[0]
    finish(process)
    assert calls(out) == counted


def test_dump(control: Control, process: subprocess.Popen[str], tmp_path: Path, out: Path) -> None:
    dump = tmp_path / "dump.pstats"

    def dumped() -> int:
        assert control.ask("dump", path=str(dump))["error"] is None
        return calls(dump)

    # The first calls are of others, by which it comes to the program.
    first = until(dumped, "a call")
    stats = pstats.Stats(str(dump)).stats  # type: ignore[attr-defined]
    (main,) = [row for label, row in stats.items() if label[2] == "main"]
    # Still open, counted as if it returned now.
    assert main[:2] == (1, 1) and main[3] > 0
    finish(process)
    assert calls(out) >= first


def test_a_dump_that_fails(control: Control, tmp_path: Path) -> None:
    assert "absolute" in control.ask("dump", path="relative.pstats")["error"]
    missing = tmp_path / "missing" / "x.pstats"
    assert str(missing) in control.ask("dump", path=str(missing))["error"]


@pytest.mark.parametrize(
    ("frame", "word"),
    [
        (b"", "not a request"),
        (b"\xc1garbage", "not a request"),
        (msgpack.packb({"v": 1, "do": "crash"}), "not a request"),
        (msgpack.packb({"v": 2, "do": "status"}), "version 2"),
        (msgpack.packb({"v": 1, "do": "interval"}), "not a request"),
        (msgpack.packb({"v": 1, "do": "interval", "seconds": "soon"}), "not a request"),
        (msgpack.packb([1, 2]), "not a request"),
    ],
)
def test_a_bad_request_gets_an_error(control: Control, frame: bytes, word: str) -> None:
    assert word in control.ask_raw(frame)["error"]
    assert control.ask("status")["error"] is None


def test_nobody_else_can_ask(messages: str) -> None:
    folder = Path(messages.removeprefix("ipc://")).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
