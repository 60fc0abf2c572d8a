"""Forks of a live process: the parent goes on, nobody hangs, and children that are followed are live by themselves."""

from __future__ import annotations

import pstats
import subprocess
import sys
from pathlib import Path

import pytest
from running import SUBJECT
from watching import PATIENCE, Subscriber, endpoint, live_environment, same_as_file, sockets, started, until

pytestmark = pytest.mark.beyond_cprofile

FORKS = """
import os, select, sys

def leaf(): pass

def child():
    leaf()
    if WAITS:
        select.select([gate], [], [])
    os._exit(7)

gate, opener = os.pipe()
input()
children = []
for _ in range(COUNT):
    pid = os.fork()
    if not pid:
        os.close(opener)
        child()
    children.append(pid)
    leaf()
print("forked", flush=True)
input()
os.close(opener)
for pid in children:
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
"""


def arguments(folder: Path, count: int, waits: bool, *options: str) -> list[str | Path]:
    script = folder / "forks.py"
    script.write_text(FORKS.replace("COUNT", str(count)).replace("WAITS", str(waits)))
    live = ["--live", "--interval", "0.05", *options]
    return ["-m", SUBJECT, *live, "-o", folder / "forks.pstats", script]


def say(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def ended_well(process: subprocess.Popen[str]) -> None:
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")


def test_the_parent_is_none_the_worse(tmp_path: Path) -> None:
    with started(tmp_path, arguments(tmp_path, 50, False)) as process:
        with Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
            subscriber.receive()
            say(process)
            assert process.stdout is not None
            assert process.stdout.readline() == "forked\n"
            # At once: whoever was cut off by the last fork is still to come back.
            say(process)
            assert subscriber.to_the_end()["end"]["how"] == "normal"
            ended_well(process)
            assert subscriber.row("leaf")[0] == 50
            same_as_file(subscriber, tmp_path / "forks.pstats")
            assert {message["id"] for message in subscriber.messages} == {subscriber.messages[0]["id"]}


@pytest.mark.parametrize("options", [["--live"], ["--checkpoint", "1"], ["--live", "--follow"]], ids=" ".join)
def test_os_fork_warns_of_no_thread_of_ours(tmp_path: Path, options: list[str]) -> None:
    script = tmp_path / "forks_alone.py"
    script.write_text(
        "import os\n"
        "for _ in range(100):\n"
        "    if not (pid := os.fork()): os._exit(0)\n"
        "    assert os.waitpid(pid, 0)[1] == 0\n"
    )
    run = [sys.executable, "-m", SUBJECT, *options, "-o", tmp_path / "forks.pstats", script]
    # Where warnings are errors, CPython says nothing of this one.
    environment = live_environment(tmp_path, PYTHONWARNINGS="always")
    ran = subprocess.run(run, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


def test_children_are_silent_unless_followed(tmp_path: Path) -> None:
    with started(tmp_path, arguments(tmp_path, 3, True)) as process:
        endpoint(tmp_path, process.pid)
        say(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "forked\n"
        assert {path.name.split("-")[0] for path in sockets(tmp_path).iterdir()} == {str(process.pid)}
        say(process)
        ended_well(process)


def test_200_children_are_each_seen(tmp_path: Path) -> None:
    with started(tmp_path, arguments(tmp_path, 200, True, "--follow")) as process:
        endpoint(tmp_path, process.pid)
        say(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "forked\n"

        def children() -> list[Path]:
            return [path for path in sockets(tmp_path).glob("*.pub") if not path.name.startswith(f"{process.pid}-")]

        assert len(until(lambda: len(found := children()) == 200 and found, "200 sockets")) == 200
        for path in children()[::20]:
            with Subscriber(f"ipc://{path}") as subscriber:
                until(lambda s=subscriber: s.receive() and "leaf" in {name[2] for name in s.names.values()}, "leaf")
                assert subscriber.facts["parent"] == process.pid
                assert subscriber.facts["pid"] == int(path.name.split("-")[0])
                # From zero: what the parent counted before is the parent's.
                assert subscriber.row("leaf")[0] == 1
        say(process)
        ended_well(process)
        stats = pstats.Stats(str(tmp_path / "forks.pstats")).stats  # type: ignore[attr-defined]
        assert {label[2]: row[1] for label, row in stats.items()}["leaf"] == 200


def test_requests_while_it_forks_get_replies(tmp_path: Path) -> None:
    script = tmp_path / "forks_on.py"
    script.write_text(
        "import os, select, sys\n"
        "print('begun', flush=True)\n"
        "while not select.select([sys.stdin], [], [], 0)[0]:\n"
        "    if not (pid := os.fork()): os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
    )
    with started(tmp_path, ["-m", SUBJECT, "--live", "-o", tmp_path / "forks.pstats", script]) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        ctl = [sys.executable, "-m", "pikos", "ctl", "status", str(process.pid)]
        for _ in range(25):
            asked = subprocess.run(ctl, env=live_environment(tmp_path), capture_output=True, text=True)
            assert (asked.returncode, asked.stderr) == (0, "")
        say(process)
        ended_well(process)


def test_a_fork_that_python_does_not_know_of(tmp_path: Path) -> None:
    script = tmp_path / "c_fork.py"
    script.write_text(
        "import ctypes, os\n"
        "libc = ctypes.PyDLL(None)\n"
        "def new(): pass\n"
        "input()\n"
        "pid = libc.fork()\n"
        "new()\n"
        "if not pid: os._exit(5)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5\n"
    )
    command = ["-m", SUBJECT, "--live", "--interval", "0.05", "-o", tmp_path / "c.pstats", script]
    with started(tmp_path, command) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        subscriber.receive()
        say(process)
        assert subscriber.to_the_end()["end"]["how"] == "normal"
        ended_well(process)
        assert subscriber.row("new")[0] == 1
        same_as_file(subscriber, tmp_path / "c.pstats")


def test_a_subprocess_inherits_no_socket(tmp_path: Path) -> None:
    script = tmp_path / "runs.py"
    script.write_text(
        "import os, subprocess, sys\n"
        "look = 'import os; print(*sorted(os.listdir(\"/proc/self/fd\")))'\n"
        "subprocess.run([sys.executable, '-c', look], close_fds=False)\n"
        "os.execv(sys.executable, [sys.executable, '-c', look])\n"
    )
    command = [sys.executable, "-m", SUBJECT, "--live", "-o", tmp_path / "runs.pstats", script]
    options = {"capture_output": True, "text": True, "env": live_environment(tmp_path), "timeout": PATIENCE}
    live = subprocess.run(command, **options)  # type: ignore[call-overload]
    plain = subprocess.run([sys.executable, script], **options)  # type: ignore[call-overload]
    assert (live.returncode, live.stderr) == (0, "")
    assert live.stdout == plain.stdout


ORDER = """
import os, sys
from pikos.monitors.function_monitor import FunctionMonitor
from pikos.recorders.list_recorder import ListRecorder
from pikos.cprofile import Profile

seen = []
os.register_at_fork = lambda **handlers: seen.extend((when, act.__name__) for when, act in handlers.items())

def monitor():
    with FunctionMonitor(ListRecorder()):
        pass

def live():
    with Profile(live=True):
        pass

for begin in sys.argv[1:]:
    globals()[begin]()
print(*[f"{when} {name}" for when, name in seen if name.startswith(("_live", "_monitors"))], sep="\\n")
"""


@pytest.mark.parametrize("first", ["monitor", "live"])
def test_handlers_of_forks_have_one_order_whoever_begins(tmp_path: Path, first: str) -> None:
    begin = [first, *{"monitor", "live"} - {first}]
    shown = subprocess.run(
        [sys.executable, "-c", ORDER, *begin],
        env=live_environment(tmp_path),
        capture_output=True,
        text=True,
        check=True,
    )
    # What comes `before` is called from the last to the first: the monitors write, then the sockets are closed.
    assert shown.stdout.splitlines() == [
        "before _live_before_fork",
        "before _monitors_before_fork",
        "after_in_parent _live_after_fork_in_parent",
        "after_in_child _monitors_after_fork_in_child",
        "after_in_child _live_after_fork_in_child",
    ]
