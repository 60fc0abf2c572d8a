"""A live sampler under the commands of those who watch, also while the program's main thread is in a call of C."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgpack
import pytest
import zmq
from running import PATIENCE
from watching import endpoint, live_environment, started, until

pytestmark = pytest.mark.beyond_cprofile

PROGRAM = """
import threading
def spin():
    while not over.is_set():
        sum(number * number for number in range(20_000))
over = threading.Event()
worker = threading.Thread(target=spin, name="worker")
worker.start()
print("ready", flush=True)
input()
over.set()
"""


def ask(address: str, do: str, **arguments: object) -> dict[str, object]:
    """A request, as a stranger makes it."""
    with zmq.Context() as context, context.socket(zmq.REQ) as socket:
        socket.linger = 0
        socket.connect(address.removesuffix(".pub") + ".ctl")
        socket.send(msgpack.packb({"v": 1, "do": do, **arguments}))
        assert socket.poll(int(PATIENCE * 1000)), "no reply"
        reply: dict[str, object] = msgpack.unpackb(socket.recv())
        return reply


def ctl(folder: Path, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pikos", "ctl", *map(str, arguments)],
        env=live_environment(folder),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands_reach_it_while_the_main_thread_reads(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    out = tmp_path / "out.pikos"
    arguments = ["-m", "pikos.sampling", "--live", "--rate", "500", "-q", "-o", out, "program.py"]
    with started(tmp_path, arguments) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        pid = process.pid
        until(lambda: "running" in ctl(tmp_path, "status", pid), "it is live")
        address = endpoint(tmp_path, pid)
        assert ask(address, "rate", hz=50.0)["error"] is None
        assert "rate must be" in str(ask(address, "rate", hz=0.0)["error"])
        ctl(tmp_path, "pause", pid)
        until(lambda: "paused" in ctl(tmp_path, "status", pid), "it is paused")
        ctl(tmp_path, "resume", pid)
        until(lambda: "running" in ctl(tmp_path, "status", pid), "it goes on")
        ctl(tmp_path, "clear", pid)
        dump = tmp_path / "dump.pikos"
        ctl(tmp_path, "dump", dump, pid)
        assert dump.stat().st_size > 0
        _, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
    assert out.stat().st_size > 0


def test_it_can_be_stopped_from_outside(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    out = tmp_path / "out.pikos"
    arguments = ["-m", "pikos.sampling", "--live", "--rate", "500", "-q", "-o", out, "program.py"]
    with started(tmp_path, arguments) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        until(lambda: "running" in ctl(tmp_path, "status", process.pid), "it is live")
        ctl(tmp_path, "stop", process.pid)
        _, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
    assert out.stat().st_size > 0
