"""pikos.live.start() and stop(): a process makes itself live, and is afterwards as it was before."""

from __future__ import annotations

import pstats
import subprocess
import sys
from pathlib import Path

import msgpack
import pytest
import zmq
from running import Run
from watching import PATIENCE, Subscriber, endpoint, live_environment, sockets, started

pytestmark = pytest.mark.beyond_cprofile

PREAMBLE = """
import os, sys, threading, time
from pikos import live

def leaf():
    return 1

def fails(kind, function, *arguments, **named):
    try:
        function(*arguments, **named)
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__}")

def threads():
    return len(os.listdir("/proc/self/task"))

def until_threads(number):
    # The system lists a thread for a moment after it has been joined.
    deadline = time.monotonic() + 30
    while threads() != number and time.monotonic() < deadline:
        time.sleep(0.001)
    return threads() == number

def say(word):
    print(word, flush=True)
    input()
"""


def run(folder: Path, code: str, **environment: str) -> Run:
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code],
        capture_output=True,
        text=True,
        env=live_environment(folder, **environment),
        timeout=PATIENCE,
        cwd=folder,
    )
    return Run(done.returncode, done.stdout, done.stderr)


def test_a_profile_from_start_to_stop(tmp_path: Path) -> None:
    code = PREAMBLE + (
        "say('ready')\n"
        "profile = live.start(interval=0.05)\n"
        "say('live')\n"
        "for _ in range(7): leaf()\n"
        "assert live.stop() is profile\n"
        "leaf()\n"
        "profile.dump_stats('own.pstats')\n"
        "say('over')\n"
    )
    with started(tmp_path, ["-c", code]) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert not sockets(tmp_path).exists()
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "live\n"
        with Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
            assert not subscriber.receive()["paused"]
            process.stdin.write("\n")
            process.stdin.flush()
            assert subscriber.to_the_end()["end"] == {"how": "disabled", "detail": ""}
            assert subscriber.row("leaf")[0] == 7
        assert process.stdout.readline() == "over\n"
        assert list(sockets(tmp_path).iterdir()) == []
        _, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")
    stats = pstats.Stats(str(tmp_path / "own.pstats")).stats  # type: ignore[attr-defined]
    assert {label[2]: row[1] for label, row in stats.items()}["leaf"] == 7


def test_nothing_stays(tmp_path: Path) -> None:
    code = """
def tool():
    return sys.monitoring.get_tool(2) if hasattr(sys, "monitoring") else sys.getprofile()
before = threads(), tool()
for _ in range(3):
    live.start()
    assert threads() > before[0] and tool() is not None
    live.stop()
    assert until_threads(before[0]) and tool() == before[1]
"""
    run(tmp_path, code).succeeded()


def test_one_at_a_time(tmp_path: Path) -> None:
    code = """
assert "call pikos.live.start() first" in fails(RuntimeError, live.stop)
profile = live.start()
assert "call pikos.live.stop() first" in fails(RuntimeError, live.start)
assert live.stop() is profile
assert "call pikos.live.start() first" in fails(RuntimeError, live.stop)
assert live.start() is not profile
live.stop()
"""
    run(tmp_path, code).succeeded()


def test_arguments_reach_the_profile(tmp_path: Path) -> None:
    code = """
profile = live.start(builtins=False, threads=False, interval=0.1, endpoint="ipc://own.sock", paused=True)
assert profile.threads is False
assert len(profile.endpoints) == 2, profile.endpoints
leaf()
assert profile.getstats() == []
profile.enable()
leaf(), len("")
names = {getattr(entry.code, "co_name", entry.code) for entry in live.stop().getstats()}
assert names == {"leaf", "stop"}, names
"""
    run(tmp_path, code).succeeded()


def test_what_is_wrong_leaves_no_trace(tmp_path: Path) -> None:
    code = """
import pikos.cprofile
before = threads()
for wrong in ({"interval": 0.001}, {"endpoint": "udp://x"}, {"connect": True}, {"hook": "fast"}, {"hook": "none"}):
    fails(ValueError, live.start, **wrong)
assert fails(TypeError, live.start, nonsense=1)
with pikos.cprofile.Profile(threads=True):
    assert "already active" in fails(ValueError, live.start)
assert until_threads(before)
live.start()
live.stop()
"""
    run(tmp_path, code).succeeded()


def test_without_a_socket(tmp_path: Path) -> None:
    sockets(tmp_path).write_text("in the way")
    code = """
assert "not a folder" in fails(OSError, live.start)
fails(RuntimeError, live.stop)
"""
    assert "Traceback" not in run(tmp_path, code).succeeded().err


def test_the_interpreters_end_ends_the_stream(tmp_path: Path) -> None:
    code = PREAMBLE + "live.start(interval=0.05)\nleaf()\ninput()\nraise KeyError('x')\n"
    with started(tmp_path, ["-c", code]) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        subscriber.receive()
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert subscriber.to_the_end()["end"] == {"how": "exception", "detail": "KeyError"}
        process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
        assert list(sockets(tmp_path).iterdir()) == []


def test_all_threads(tmp_path: Path) -> None:
    code = """
gate, done = threading.Event(), threading.Event()
def work():
    gate.wait()
    leaf()
    done.set()
    gate.clear()
thread = threading.Thread(target=work)
thread.start()
profile = live.start()
gate.set()
done.wait()
thread.join()
counts = {getattr(entry.code, "co_name", entry.code): entry.callcount for entry in live.stop().getstats()}
assert counts["leaf"] == 1, counts
"""
    run(tmp_path, code).succeeded()


def test_start_again_after_a_request_to_stop(tmp_path: Path) -> None:
    code = PREAMBLE + (
        "first = live.start(interval=0.05)\n"
        "print('live', flush=True)\n"
        "from pikos import _this_process\n"
        "while _this_process.is_running(): time.sleep(0.01)\n"
        "second = live.start(interval=0.05)\n"
        "assert second is not first\n"
        "assert live.stop() is second\n"
    )
    with started(tmp_path, ["-c", code]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "live\n"
        address = endpoint(tmp_path, process.pid)
        with zmq.Context.instance().socket(zmq.REQ) as request:
            request.setsockopt(zmq.LINGER, 0)
            request.connect(address.removesuffix(".pub") + ".ctl")
            request.send(msgpack.packb({"v": 1, "do": "stop"}))
            assert request.poll(int(PATIENCE * 1000))
        _, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")


def test_a_forked_child_may_start_its_own(tmp_path: Path) -> None:
    code = """
parent = live.start()
pid = os.fork()
if not pid:
    leaf()
    child = live.start()
    leaf()
    counts = {getattr(entry.code, "co_name", entry.code): entry.callcount for entry in live.stop().getstats()}
    os._exit(0 if child is not parent and counts["leaf"] == 1 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert live.stop() is parent
"""
    run(tmp_path, code).succeeded()
