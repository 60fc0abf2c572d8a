"""Recorders that send: what they can be told, and their records read by `pikos.live`."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from pikos.api import monitor_class
from pikos.live import RecordBatch, RecordSubscriber
from pikos.monitors.records import FunctionRecord
from pikos.recorders.api import ListRecorder, ZeroMQRecorder
from running import PATIENCE, environment

pytestmark = pytest.mark.in_process


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the sockets are."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield tmp_path / "pikos"
    left = list((tmp_path / "pikos").glob("*.r*")) if (tmp_path / "pikos").exists() else []
    assert left == []


class Desk:
    """Asks as a stranger would."""

    def __init__(self, folder: Path) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.REQ)
        self.socket.setsockopt(zmq.RCVTIMEO, int(PATIENCE * 1000))
        self.socket.connect(f"ipc://{next(iter(folder.glob('*.rctl')))}")

    def ask(self, do: str, **more: Any) -> dict[str, Any]:
        self.socket.send(msgpack.packb({"v": 1, "do": do, **more}))
        reply: dict[str, Any] = msgpack.unpackb(self.socket.recv())
        return reply

    def close(self) -> None:
        self.socket.close(0)
        self.context.term()


@pytest.fixture
def recorder(folder: Path) -> Iterator[ZeroMQRecorder]:
    recorder = ZeroMQRecorder()
    recorder.prepare(FunctionRecord)
    yield recorder
    recorder.finalize()


def add(recorder: ZeroMQRecorder, *functions: str) -> None:
    for number, function in enumerate(functions):
        recorder.record(FunctionRecord(number, "call", function, 3, "x.py"))


def functions_in(subscriber: RecordSubscriber, count: int) -> list[str]:
    """As many as are to come."""
    found: list[str] = []
    while len(found) < count:
        batch = subscriber.poll(PATIENCE)
        assert batch is not None
        found += [record.function for record in batch]
    return found


def test_it_says_how_it_is(folder: Path, recorder: ZeroMQRecorder) -> None:
    desk = Desk(folder)
    status = desk.ask("status")["status"]
    desk.close()
    assert (status["pid"], status["paused"], status["counts"], status["ncalls"]) == (os.getpid(), False, "records", 0)
    assert status["interval"] == 0.05 and status["subscribers"] == 0


def test_pause_and_resume(folder: Path, recorder: ZeroMQRecorder) -> None:
    desk = Desk(folder)
    with RecordSubscriber(os.getpid()) as subscriber:
        assert subscriber.poll(PATIENCE) is not None
        add(recorder, "before")
        assert functions_in(subscriber, 1) == ["before"]
        assert desk.ask("pause")["status"]["paused"]
        batch = subscriber.poll(PATIENCE)
        assert batch is not None and batch.paused and len(batch) == 0
        add(recorder, "meanwhile")
        assert not desk.ask("resume")["status"]["paused"]
        batch = subscriber.poll(PATIENCE)
        assert batch is not None and not batch.paused
        add(recorder, "after")
        assert functions_in(subscriber, 1) == ["after"]
        assert desk.ask("status")["status"]["ncalls"] == 2
    desk.close()


def test_clear_begins_anew(folder: Path, recorder: ZeroMQRecorder) -> None:
    desk = Desk(folder)
    with RecordSubscriber(os.getpid()) as subscriber:
        assert subscriber.poll(PATIENCE) is not None
        add(recorder, "before")
        assert functions_in(subscriber, 1) == ["before"]
        assert desk.ask("clear")["status"]["ncalls"] == 0
        batch = subscriber.poll(PATIENCE)
        assert batch is not None and batch.epoch == 1
        add(recorder, "after")
        assert functions_in(subscriber, 1) == ["after"]
    desk.close()


def test_stop_ends_the_records_and_nothing_else(folder: Path, recorder: ZeroMQRecorder) -> None:
    desk = Desk(folder)
    with RecordSubscriber(os.getpid()) as subscriber:
        assert subscriber.poll(PATIENCE) is not None
        add(recorder, "before")
        assert functions_in(subscriber, 1) == ["before"]
        assert desk.ask("stop")["error"] is None
        batches = list(subscriber)
        assert [batch.end for batch in batches] == [True]
        add(recorder, "after")
    desk.close()


def test_an_interval(folder: Path, recorder: ZeroMQRecorder) -> None:
    desk = Desk(folder)
    with RecordSubscriber(os.getpid()) as subscriber:
        assert subscriber.poll(PATIENCE) is not None
        assert desk.ask("interval", seconds=60)["status"]["interval"] == 60
        assert subscriber.poll(PATIENCE) is not None
        add(recorder, "a")
        # However long the next message takes, requests are answered.
        assert desk.ask("status")["status"]["interval"] == 60
        assert desk.ask("interval", seconds=0.02)["error"] is None
        assert functions_in(subscriber, 1) == ["a"]
        refused = desk.ask("interval", seconds=1e9)
        assert refused["error"].startswith("interval must be from 0.02 to 60 seconds") and refused["status"] is None
    desk.close()


@pytest.mark.parametrize("request_", [{"do": "rate", "hz": 5.0}, {"do": "dump", "path": "/tmp/x"}, {"do": "dance"}, {}])
def test_what_it_cant_do(folder: Path, recorder: ZeroMQRecorder, request_: dict[str, Any]) -> None:
    desk = Desk(folder)
    desk.socket.send(msgpack.packb({"v": 1, **request_}))
    assert msgpack.unpackb(desk.socket.recv())["error"]
    desk.close()


def test_a_subscriber_in_python_gets_what_a_list_gets(folder: Path) -> None:
    def main() -> None:
        for number in range(50):
            abs(number)

    listed = ListRecorder()
    with monitor_class("function")(listed, fields=["qualname", "depth", "thread"]):
        main()
    recorder = ZeroMQRecorder()
    monitor = monitor_class("function")(recorder, fields=["qualname", "depth", "thread", "time"])
    recorder.prepare(monitor._record_type)  # type: ignore[attr-defined]
    with RecordSubscriber(os.getpid()) as subscriber:
        assert subscriber.poll(PATIENCE) is not None
        with monitor:
            main()
        batches = list(subscriber)
    records = [record for batch in batches for record in batch]
    mine = [tuple(each[1:8]) for each in records if "main" in each.qualname or each.function == "abs"]
    assert mine == [tuple(each[1:8]) for each in listed.records if "main" in each.qualname or each.function == "abs"]
    assert all(isinstance(each.time, float) for each in records)
    assert batches[-1].end and all(batch.lost == 0 for batch in batches)


def test_a_frame(folder: Path, recorder: ZeroMQRecorder) -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is large")
    batch = RecordBatch(
        dict.fromkeys(("id", "pid", "host", "argv", "seq", "epoch", "time", "dropped", "paused", "end", "threads")),
        {"index": [1, 2], "function": ["f", "g"]},
        0,
    )
    assert isinstance(batch.to_pandas(), pandas.DataFrame) and list(batch.to_pandas()["function"]) == ["f", "g"]


def test_whom_there_is_nobody_of(folder: Path) -> None:
    with pytest.raises(OSError, match="sends no toolkit records"):
        RecordSubscriber(1)
    with pytest.raises(ValueError, match="neither a process ID nor an endpoint"):
        RecordSubscriber("x")
    with pytest.raises(ValueError, match="not both"):
        RecordSubscriber(1, bind="tcp://127.0.0.1:*")
    subscriber = RecordSubscriber()
    assert list(subscriber) == []
    subscriber.close()
    with pytest.raises(ValueError, match="closed"):
        subscriber.poll(0)


def test_a_bound_endpoint(folder: Path) -> None:
    with RecordSubscriber(bind="tcp://127.0.0.1:*") as subscriber:
        recorder = ZeroMQRecorder(subscriber.endpoint, connect=True)
        recorder.prepare(FunctionRecord)
        assert subscriber.poll(PATIENCE) is not None
        add(recorder, "f")
        assert functions_in(subscriber, 1) == ["f"]
        recorder.finalize()


def test_a_program_that_is_killed_ends_the_loop(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "long.py"
    script.write_text("import time\ndef step():\n    time.sleep(0.01)\nwhile True:\n    step()\n")
    command = [sys.executable, "-m", "pikos.runner", "functions", "--recording", "zmq", str(script)]
    with subprocess.Popen(command, env=environment()) as process:
        try:
            for _ in range(10_000):
                if list(folder.glob("*.rec")):
                    break
                threading.Event().wait(0.02)
            with RecordSubscriber(process.pid) as subscriber:
                seen = 0
                for batch in subscriber:
                    seen += len(batch)
                    if seen > 10:
                        process.kill()
                assert seen > 10
        finally:
            process.kill()
    # What it left is swept by whoever looks next.
    recorder = ZeroMQRecorder()
    recorder.prepare(FunctionRecord)
    recorder.finalize()
