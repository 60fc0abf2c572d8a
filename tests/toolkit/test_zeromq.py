"""Records through ZeroMQ: a subscriber gets what a list gets, and nobody else feels it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from pikos.api import monitor_class
from pikos.monitors.records import FunctionRecord
from pikos.recorders.abstract_recorder import RecorderError
from pikos.recorders.api import ListRecorder, ZeroMQRecorder
from reference_monitor import load, make_program, monitored
from running import PATIENCE, environment

pytestmark = pytest.mark.in_process

TEXTS = ("type", "function", "line", "filename")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the sockets are."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    yield tmp_path / "pikos"
    left = [path.name for path in (tmp_path / "pikos").glob("*.rec")] if (tmp_path / "pikos").exists() else []
    assert left == []


class Listener:
    """As a stranger would write it."""

    def __init__(self, endpoint: str) -> None:
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.SUBSCRIBE, b"")
        self.socket.setsockopt(zmq.RCVTIMEO, 10_000)
        self.socket.connect(endpoint)

    def messages(self) -> Iterator[dict[str, Any]]:
        while True:
            message = msgpack.unpackb(self.socket.recv())
            yield message
            if message["end"]:
                return

    def close(self) -> None:
        self.socket.close(0)
        self.context.term()


def records(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    found = []
    for message in messages:
        is_text = [field in TEXTS for field in message["fields"]]
        for row in zip(*message["columns"], strict=True):
            found.append(tuple(message["texts"][v] if text else v for v, text in zip(row, is_text, strict=True)))
    return found


def socket_in(folder: Path) -> str:
    for _ in range(10_000):
        found = list(folder.glob("*.rec"))
        if found:
            return f"ipc://{found[0]}"
        time.sleep(0.02)
    raise AssertionError("no socket")


@pytest.mark.parametrize("kind", ["function", "line"])
@pytest.mark.parametrize("filter_", [None, lambda record: "double" not in record.function])
def test_a_subscriber_gets_all_records(folder: Path, kind: str, filter_: Any) -> None:
    main = load(make_program(1), "<sent>")["main"]
    listed = ListRecorder(filter_=filter_)
    monitored(monitor_class(kind)(listed), main)
    monitor = monitor_class(kind)(ZeroMQRecorder(filter_=filter_))
    monitor._recorder.prepare(monitor._record_type)  # type: ignore[attr-defined]
    listener = Listener(socket_in(folder))
    time.sleep(0.4)
    monitored(monitor, main)
    messages = list(listener.messages())
    listener.close()
    assert records(messages) == [tuple(record) for record in listed.records]
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    assert {message["v"] for message in messages} == {1} and {message["kind"] for message in messages} == {"records"}
    assert messages[0]["pid"] == os.getpid() and messages[-1]["dropped"] == 0


def test_a_recorder_that_is_prepared_again_is_another_stream(folder: Path) -> None:
    ids = set()
    for _ in range(2):
        recorder = ZeroMQRecorder()
        recorder.prepare(FunctionRecord)
        listener = Listener(socket_in(folder))
        ids.add(next(listener.messages())["id"])
        recorder.finalize()
        listener.close()
    assert len(ids) == 2


def test_activations_stand_between_the_lines(folder: Path) -> None:
    namespace: dict[str, Any] = {}
    source = "def outer():\n    inner()\n    return 1\ndef inner():\n    return 2\n"
    exec(compile(source, "<activations>", "exec"), namespace)
    monitor = monitor_class("line_memory")(ZeroMQRecorder())
    monitor._recorder.prepare(monitor._record_type)  # type: ignore[attr-defined]
    listener = Listener(socket_in(folder))
    messages = listener.messages()
    seen = [next(messages)]
    monitored(monitor, namespace["outer"])
    seen += list(messages)
    listener.close()
    told = []
    # Nobody tells of activations before a monitor is enabled.
    assert "activations" not in seen[0] and "activations" in seen[-1]
    for message in (message for message in seen if "activations" in message):
        texts, them = message["texts"], message["activations"]
        rows = list(zip(*message["columns"], strict=True))
        ends = list(zip(them["at"], them["ended"], them["function"], them["filename"], them["RSS"], strict=True))
        for number in range(len(rows) + 1):
            for at, ended, function, filename, rss in ends:
                if at == number and texts[filename] == "<activations>":
                    told.append(f"{'end' if ended else 'begin'} {texts[function]}")
                    assert rss > 1 << 20
            if number < len(rows) and texts[rows[number][-1]] == "<activations>":
                told.append(f"{texts[rows[number][1]]}:{rows[number][2]}")
    expected = ["begin outer", "outer:2", "begin inner", "inner:5", "end inner", "outer:3", "end outer"]
    assert told == expected


def test_a_new_subscriber_is_told_what_is_under_way(folder: Path) -> None:
    listeners: list[Listener] = []

    def join() -> None:
        listeners.append(Listener(socket_in(folder)))
        time.sleep(0.4)

    namespace: dict[str, Any] = {"join": join}
    source = "def outer():\n    inner()\n    return 1\n\ndef inner():\n    join()\n    join()\n    return 2\n"
    exec(compile(source, "<under way>", "exec"), namespace)
    monitor = monitor_class("line_memory")(ZeroMQRecorder())
    monitor._recorder.prepare(monitor._record_type)  # type: ignore[attr-defined]
    monitored(monitor, namespace["outer"])
    told = []
    for message in listeners[0].messages():
        texts, them = message["texts"], message.get("activations", {})
        for line, function, filename, ended in zip(
            *(them.get(name, ()) for name in ("line", "function", "filename", "ended")), strict=True
        ):
            if line and texts[filename] == "<under way>":
                assert not ended
                told.append((texts[function], line))
    for listener in listeners:
        listener.close()
    # The outermost first, and once for each who comes.
    assert told == [("outer", 2), ("inner", 6), ("outer", 2), ("inner", 7)]


def test_nobody_listens(folder: Path) -> None:
    main = load(make_program(2), "<alone>")["main"]
    began = time.monotonic()
    for _ in range(3):
        monitored(monitor_class("line")(ZeroMQRecorder()), main)
    assert time.monotonic() - began < 5
    assert folder.stat().st_mode & 0o077 == 0


def test_a_function_that_is_called_often_is_one_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sockets stay open from the first call to the end of the program, which sends the last message."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    script = tmp_path / "attached.py"
    script.write_text(
        "from pikos.monitors.api import FunctionMonitor\n"
        "from pikos.recorders.api import ZeroMQRecorder\n"
        "@FunctionMonitor(ZeroMQRecorder()).attach\n"
        "def work(x): return x\n"
        "work(0)\n"
        "input()\n"
        "for i in range(100): work(i)\n"
    )
    with subprocess.Popen(
        [sys.executable, str(script)], env=environment(), stdin=subprocess.PIPE, text=True
    ) as process:
        listener = Listener(socket_in(tmp_path / "pikos"))
        messages = listener.messages()
        seen = [next(messages)]
        process.communicate("\n", timeout=PATIENCE)
        seen += messages
        listener.close()
    assert len({message["id"] for message in seen}) == 1
    # Whoever was quick has heard the first call, too.
    assert [record[2] for record in records(seen)] in (["work"] * 200, ["work"] * 202)
    assert list((tmp_path / "pikos").glob("*.rec")) == []


def test_to_an_endpoint(folder: Path) -> None:
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.setsockopt(zmq.RCVTIMEO, 10_000)
    endpoint = f"tcp://127.0.0.1:{socket.bind_to_random_port('tcp://127.0.0.1')}"
    recorder = ZeroMQRecorder(endpoint, connect=True)
    recorder.prepare(FunctionRecord)
    # A subscriber that binds subscribes when it looks at its socket, and is told at once who sends.
    first = msgpack.unpackb(socket.recv())
    recorder.record(FunctionRecord(7, "call", "ä", 3, "x.py"))
    recorder.finalize()
    message = msgpack.unpackb(socket.recv())
    socket.close(0)
    context.term()
    assert (first["fields"], records([first])) == (list(FunctionRecord._fields), [])
    assert records([message]) == [(7, "call", "ä", 3, "x.py")]
    assert message["threads"] == [1] and "activations" not in message


def test_wrong_arguments(folder: Path) -> None:
    with pytest.raises(ValueError, match="is not an endpoint"):
        ZeroMQRecorder("udp://1").prepare(FunctionRecord)
    with pytest.raises(ValueError, match="not on this host's loopback"):
        ZeroMQRecorder("tcp://0.0.0.0:9001").prepare(FunctionRecord)
    with pytest.raises(RecorderError):
        ZeroMQRecorder().record(FunctionRecord(7, "call", "f", 3, "x.py"))
    recorder = ZeroMQRecorder()
    recorder.prepare(FunctionRecord)
    with pytest.raises(TypeError):
        recorder.record((1, 2))
    recorder.finalize()


def test_pikos_run_sends_while_the_program_runs(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "long.py"
    script.write_text("import time\ndef step():\n    time.sleep(0.01)\nwhile True:\n    step()\n")
    command = [sys.executable, "-m", "pikos.runner", "line_memory", "--recording", "zmq", str(script)]
    process = subprocess.Popen(command, env=environment())
    try:
        listener = Listener(socket_in(folder))
        seen: list[dict[str, Any]] = []
        for message in listener.messages():
            seen.append(message)
            if len(seen) == 5:
                process.send_signal(signal.SIGTERM)
        assert seen[-1]["end"] and process.wait(PATIENCE) == -signal.SIGTERM
        listener.close()
    finally:
        process.kill()
        process.wait()
    assert {record[1] for record in records(seen)} >= {"step", "<module>"}
    assert all(record[3] > 1 << 20 for record in records(seen))


def test_forks_lose_no_record_and_warn_of_no_thread(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "forks.py"
    script.write_text(
        "import os\n"
        "def step(): pass\n"
        "input()\n"
        "for _ in range(20):\n"
        "    if not (pid := os.fork()): os._exit(0)\n"
        "    step()\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
    )
    command = [sys.executable, "-m", "pikos.runner", "functions", "--recording", "zmq", str(script)]
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, env=environment(PYTHONWARNINGS="always"), text=True, **pipes) as process:
        listener = Listener(socket_in(folder))
        messages = listener.messages()
        seen = [next(messages)]
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        seen += messages
        listener.close()
        assert (*process.communicate(timeout=PATIENCE), process.returncode) == ("", "", 0)
    assert [message["seq"] for message in seen] == list(range(1, len(seen) + 1))
    assert {message["dropped"] for message in seen} == {0}
    steps = [record for record in records(seen) if record[2] == "step"]
    assert [record[1] for record in steps] == ["call", "return"] * 20


def test_after_a_kill_the_socket_is_swept(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "long.py"
    script.write_text("import time\ntime.sleep(30)\n")
    command = [sys.executable, "-m", "pikos.runner", "lines", "--recording", "zmq", str(script)]
    process = subprocess.Popen(command, env=environment())
    socket_in(folder)
    process.kill()
    process.wait()
    recorder = ZeroMQRecorder()
    recorder.prepare(FunctionRecord)
    assert len(list(folder.glob("*.rec"))) == 1
    recorder.finalize()
