"""pikos.live: the client of the live stream, from Python."""

from __future__ import annotations

import pstats
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watching import PATIENCE, sockets, started, until

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

#: Runs until there is a file.
PROGRAM = """\
import os, sys, threading

def leaf(n):
    return n + 1

def work():
    while not os.path.exists(sys.argv[1]):
        leaf(1)

thread = threading.Thread(target=work, name="worker")
thread.start()
work()
thread.join()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def process(folder: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    script = folder / "program.py"
    script.write_text(PROGRAM)
    options = ["--threads", "--live", "--interval", "0.05", "-o", folder / "own.pstats"]
    with started(folder, ["-m", "pikos.cprofile", *options, script, "stop"]) as process:
        until(lambda: list(sockets(folder).glob(f"{process.pid}-*.pub")), "a socket")
        yield process


def test_it_ends_with_the_process_and_its_numbers(folder: Path, process: subprocess.Popen[str]) -> None:
    from pikos.live import Subscriber

    seen = []
    with Subscriber(process.pid) as subscriber:
        for heard in subscriber:
            seen.append((heard.seq, heard.ncalls))
            if len(seen) == 10:
                (folder / "stop").touch()
            assert heard.pid == process.pid
            if not heard.is_over:
                running = heard.snapshot()
                assert isinstance(running, pstats.Stats)
        (last,) = subscriber.processes
        assert last.end == ("normal", "")
        assert not last.gone and last.complete and last.lost == 0
        assert {thread.name for thread in last.threads} == {"MainThread", "worker"}
        assert process.wait(PATIENCE) == 0
        assert last.snapshot().stats == pstats.Stats(str(folder / "own.pstats")).stats  # type: ignore[attr-defined]
        assert subscriber.snapshot().total_calls == last.ncalls  # type: ignore[attr-defined]
        calls = {name: row[1] for (_, _, name), row in last.snapshot().stats.items()}  # type: ignore[attr-defined]
        by_thread = [row.ncalls for thread in last.threads for row in last.profile(thread) if row.name == "leaf"]
        assert len(by_thread) == 2 and sum(by_thread) == calls["leaf"]
    assert seen == sorted(seen) and len(seen) > 10
    with pytest.raises(ValueError, match="closed"):
        subscriber.poll()


def test_a_callback_and_all_processes(folder: Path, process: subprocess.Popen[str]) -> None:
    from pikos.live import Subscriber

    class Enough(Exception):
        pass

    heard = []

    def callback(other: object) -> None:
        heard.append(other)
        if len(heard) == 3:
            raise Enough

    subscriber = Subscriber()
    with pytest.raises(Enough):
        subscriber.listen(callback)
    assert [each.pid for each in heard] == [process.pid] * 3


def test_a_process_that_is_killed(folder: Path, process: subprocess.Popen[str]) -> None:
    from pikos.live import Subscriber

    with Subscriber([process.pid]) as subscriber:
        until(lambda: [heard for heard in subscriber.poll(0.1) if heard.ncalls], "a message with calls")
        process.kill()
        process.wait()
        for _ in subscriber:
            pass
        (last,) = subscriber.processes
        assert last.gone and last.end is None and last.is_over
        assert last.snapshot().total_calls > 0  # type: ignore[attr-defined]


def test_figures_before_the_first_call(folder: Path) -> None:
    from pikos.live import Subscriber

    script = folder / "waits.py"
    script.write_text("input()")
    options = ["--paused", "--live", "-o", folder / "own.pstats"]
    with started(folder, ["-m", "pikos.cprofile", *options, script]) as process:
        until(lambda: list(sockets(folder).glob(f"{process.pid}-*.pub")), "a socket")
        with Subscriber(process.pid) as subscriber:
            (heard,) = until(lambda: subscriber.poll(0.1), "a message")
            assert heard.snapshot().stats == subscriber.snapshot().stats == {}  # type: ignore[attr-defined]
        process.communicate("\n", timeout=PATIENCE)


def test_what_is_no_target(folder: Path) -> None:
    from pikos.live import Subscriber

    with pytest.raises(ValueError, match="neither a process ID nor an endpoint"):
        Subscriber("script.py")
    with pytest.raises(OSError, match="is not profiled live"):
        Subscriber(1)
    with pytest.raises(ValueError, match="not both"):
        Subscriber(1, bind="tcp://127.0.0.1:*")
    with pytest.raises(OSError, match="tcp://256"):
        Subscriber(bind="tcp://256.0.0.1:1")
    subscriber = Subscriber(bind="tcp://127.0.0.1:*")
    assert subscriber.endpoints[0].startswith("tcp://127.0.0.1:")
    begin = time.monotonic()
    assert subscriber.poll(0.2) == []
    assert 0.15 < time.monotonic() - begin < PATIENCE
    with pytest.raises(ValueError, match="no process"):
        subscriber.snapshot()
