"""Requests to a live profile: each has one reply, which agrees with what is collected."""

from __future__ import annotations

import marshal
import os
import pstats
import select
import socket
import stat
import subprocess
import time
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
    # Not by pstats: it refuses a profile without a row, which is what there is before the first call.
    rows = marshal.loads(out.read_bytes()).items()
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
    with Subscriber(messages) as subscriber:
        # The first calls are of others, by which it comes to the program.
        while not any(name[2] == "leaf" for name in subscriber.receive() and subscriber.names.values()):
            pass
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


def test_a_dump_into_what_is_no_file(control: Control, process: subprocess.Popen[str], tmp_path: Path) -> None:
    """Nothing there can hold the publisher, nor the program's end."""
    pipe, read, link = tmp_path / "pipe", tmp_path / "read", tmp_path / "link"
    os.mkfifo(pipe)
    os.mkfifo(read)
    link.symlink_to("pipe")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file").write_text("kept")
    reader = os.open(read, os.O_RDWR)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        for path, word in [
            (pipe, "a pipe"),
            (read, "a pipe"),
            (link, "a pipe"),
            (tmp_path / "socket", "a socket"),
            (tmp_path, "a folder"),
            (Path("/dev/tty"), "a device"),
            (Path("/dev/stdin"), "name a regular file"),
            (tmp_path / "circle", "symbolic link"),
            (tmp_path / "file" / "below", "Not a directory"),
        ]:
            error = control.ask("dump", path=str(path))["error"]
            assert error.startswith(f"{path}: ") and word in error
    assert not select.select([reader], [], [], 0)[0]
    os.close(reader)
    assert (tmp_path / "file").read_text() == "kept"
    assert control.ask("status")["error"] is None
    finish(process)


@pytest.mark.parametrize("options", [["--checkpoint", "0.1"]])
def test_a_checkpoint_into_a_pipe(control: Control, process: subprocess.Popen[str], out: Path) -> None:
    """It is refused, and the program goes on. What comes last is another matter: the launcher's."""
    out.unlink(missing_ok=True)
    os.mkfifo(out)
    time.sleep(0.5)
    assert control.ask("status")["error"] is None
    out.unlink()
    _, err = process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 0
    assert err == f"pikos: no checkpoint: {out}: this is a pipe; name a regular file\n"


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


def test_every_request_gets_a_reply(control: Control, process: subprocess.Popen[str]) -> None:
    large = msgpack.packb({"v": 1, "do": "status", "more": b"x" * (70 << 10)})
    assert "more than a request may have" in control.ask_raw(large)["error"]
    assert control.ask_raw(b"\x00" * (4 << 20))["error"]
    # A path that can't be told as a whole.
    assert control.ask("dump", path="/" + "x" * 65_000)["error"].startswith("/xxx")
    for number in (0, 1, 3, 4, 255):
        assert "not a request" in control.ask_raw(msgpack.packb({"v": 1, "do": number}))["error"]
    good = msgpack.packb({"v": 1, "do": "status"})
    for parts in ([good, good], [good, b""], [b"a", good, b"b"]):
        control.socket.send_multipart(parts)
        assert control.socket.poll(int(PATIENCE * 1000)), parts
        (frame,) = control.socket.recv_multipart()
        assert "parts" in msgpack.unpackb(frame)["error"] or "not a request" in msgpack.unpackb(frame)["error"]
    assert control.ask("status")["status"]["pid"] == process.pid


def test_dealers_are_answered_as_they_asked(messages: str) -> None:
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(messages.removesuffix(".pub") + ".ctl")
    good = msgpack.packb({"v": 1, "do": "status"})
    for parts, before in [([good], []), ([b"", good], [b""]), ([b"hop", b"", good], [b"hop", b""]), ([good, good], [])]:
        socket.send_multipart(parts)
        assert socket.poll(int(PATIENCE * 1000)), parts
        *front, frame = socket.recv_multipart()
        assert front == before
        assert (msgpack.unpackb(frame)["error"] is None) is (parts != [good, good])
    socket.close()


def test_requests_around_the_end_are_answered(messages: str, process: subprocess.Popen[str]) -> None:
    """In one connection, since what comes by another after the sockets are closed is heard by nobody."""
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(messages.removesuffix(".pub") + ".ctl")
    requests = ["pause", "clear", "resume", "status", "pause", "clear", "stop"]
    for do in requests:
        socket.send(msgpack.packb({"v": 1, "do": do}))
    for do in requests:
        assert socket.poll(int(PATIENCE * 1000)), f"no reply, {do} or later"
        assert msgpack.unpackb(socket.recv())["error"] in (None, "the profile has ended")
    socket.close()
    finish(process)


@pytest.mark.parametrize(
    "greeting",
    [
        b"\x01\x00",
        b"\x05\x00name",
        b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x00",
        b"\xff" + bytes(8) + b"\x7f\x01\x02\x00\x00",
    ],
)
def test_a_peer_of_an_older_protocol_is_disconnected(messages: str, control: Control, greeting: bytes) -> None:
    """libzmq ends its process if such a peer introduces itself just when the socket closes."""
    # Files of sockets are there a moment before anybody listens.
    assert control.ask("status")["error"] is None
    for address in (messages, messages.removesuffix(".pub") + ".ctl"):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(PATIENCE)
            peer.connect(address.removeprefix("ipc://"))
            peer.sendall(greeting)
            try:
                while peer.recv(100):
                    pass
            except ConnectionError:
                pass
    assert control.ask("status")["error"] is None
