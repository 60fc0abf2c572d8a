"""pikos attach and detach: a process that runs already becomes live, and is afterwards as it was before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import Run
from watching import PATIENCE, Subscriber, endpoint, pikos_at, sockets, started, until

pytestmark = pytest.mark.beyond_cprofile


def obstacle() -> str:
    """Why one process can't attach to another here, or nothing."""
    if sys.version_info < (3, 14):
        return "sys.remote_exec is new in 3.14"
    if not sys.is_remote_debug_enabled():
        return "this interpreter was built, or started, without remote debugging"
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    if os.geteuid() != 0 and scope.exists() and int(scope.read_text()) > 0:
        return f"{scope} lets only root attach"
    return ""


can_attach = pytest.mark.skipif(bool(obstacle()), reason=obstacle())

#: Says how it finds itself when it begins and when it ends, and works until told to end.
BUSY = """
import os, select, sys, threading, time

def leaf():
    return 1

def state():
    return [
        sys.path,
        [sys.monitoring.get_tool(tool) for tool in range(6)] if hasattr(sys, "monitoring") else sys.getprofile(),
        len(os.listdir("/proc/self/task")),
        sorted(name for name in globals() if name not in ("before", "after", "_")),
        os.execv, os.execve, os._exit,
    ]

def main():
    while not select.select([sys.stdin], [], [], 0)[0]:
        leaf()

before = state()
print("begun", "pikos" in sys.modules, flush=True)
main()
for _ in range(30_000):
    # The system lists a thread for a moment after it has been joined.
    if (after := state()) == before:
        break
    time.sleep(0.001)
print("as before" if before == after else (before, after), flush=True)
"""

WAITING = """
import sys
print("begun", flush=True)
sys.stdin.readline()
print("going on", flush=True)
sys.stdin.readline()
"""


def pikos(folder: Path, *arguments: str | int) -> Run:
    done = pikos_at(folder, *arguments)
    return Run(done.returncode, done.stdout, done.stderr)


def begun(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("begun"), line
    return line


def tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def requests(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("pikos-attach-*")]


def refuses(run: Run, *words: str) -> None:
    assert (run.code, run.out) == (1, "")
    assert run.err.startswith("pikos: ") and "Traceback" not in run.err
    for word in words:
        assert word in run.err


@can_attach
@pytest.mark.parametrize("flags", [[], ["-S"]], ids=["its own pikos", "no pikos on its path"])
def test_attach_and_detach(tmp_path: Path, flags: list[str]) -> None:
    with started(tmp_path, [*flags, "-c", BUSY]) as process:
        assert begun(process) == "begun False\n"
        for _ in range(2):
            attached = pikos(tmp_path, "attach", process.pid, "--interval", "0.05").succeeded()
            address = endpoint(tmp_path, process.pid)
            assert (
                attached.out
                == f"process {process.pid} is live: watch it with `pikos top {process.pid}`, or subscribe to {address}\n"
            )
            with Subscriber(address) as subscriber:
                until(lambda s=subscriber: s.receive() and "leaf" in {name[2] for name in s.names.values()}, "leaf")
                assert subscriber.messages[0]["interval"] == 0.05
                assert subscriber.facts["builtins"]
                counted = subscriber.row("leaf")[0]
                until(lambda s=subscriber, n=counted: s.receive() and s.row("leaf")[0] > n, "more calls")
                pikos(tmp_path, "detach", process.pid).succeeded()
                assert subscriber.to_the_end()["end"]["how"] == "disabled"
            assert list(sockets(tmp_path).iterdir()) == []
        assert requests(tmp_path) == []
        out, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, out, err) == (0, "as before\n", "")


@can_attach
@pytest.mark.parametrize("wrong", ["pid", "start"])
def test_a_process_that_has_anothers_number(tmp_path: Path, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked of one process is not done by another, which has its number by now."""
    from pikos._processes import attach

    with started(tmp_path, ["-c", BUSY]) as process:
        begun(process)
        since = attach.started(process.pid)
        assert since is not None
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr(attach.tempfile, "tempdir", None)
        if wrong == "pid":
            monkeypatch.setattr(attach, "send", lambda pid, script, *_: attach.sys.remote_exec(process.pid, script))
            monkeypatch.setattr(attach, "check", lambda pid, *_: None)
            asked = os.getpid()
        else:
            monkeypatch.setattr(attach, "started", lambda pid: "1")
            asked = process.pid
        with pytest.raises(attach.CantAttach, match="has its number now: nothing was changed"):
            attach.attach(asked, interval=0.5, fast=False, tree=False, timeout=PATIENCE)
        assert not sockets(tmp_path).exists()


@can_attach
def test_python_functions_only(tmp_path: Path) -> None:
    with started(tmp_path, ["-c", BUSY]) as process:
        begun(process)
        pikos(tmp_path, "attach", process.pid, "--fast").succeeded()
        with Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
            subscriber.receive()
            assert not subscriber.facts["builtins"]


@can_attach
def test_full_stacks(tmp_path: Path) -> None:
    with started(tmp_path, ["-c", BUSY]) as process:
        begun(process)
        pikos(tmp_path, "attach", process.pid, "--tree", "--interval", "0.05").succeeded()
        with Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
            until(lambda: subscriber.receive() and len(subscriber.stacks()) > 1, "stacks")
            assert subscriber.facts["tree"] is True


@can_attach
def test_a_process_that_ends_while_attached(tmp_path: Path) -> None:
    code = "import select, sys\nprint('begun', flush=True)\nwhile not select.select([sys.stdin], [], [], 0)[0]: pass\nraise SystemExit(3)\n"
    with started(tmp_path, ["-c", code]) as process:
        begun(process)
        pikos(tmp_path, "attach", process.pid, "--interval", "0.05").succeeded()
        with Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
            subscriber.receive()
            tell(process)
            assert subscriber.to_the_end()["end"]["how"] == "normal"
        out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out, err) == (3, "", "")


@can_attach
def test_what_is_not_to_be_had_twice(tmp_path: Path) -> None:
    with started(tmp_path, ["-c", BUSY]) as process:
        begun(process)
        refuses(pikos(tmp_path, "detach", process.pid), f"process {process.pid} refuses", "not live")
        pikos(tmp_path, "attach", process.pid).succeeded()
        refuses(pikos(tmp_path, "attach", process.pid), f"process {process.pid} refuses", "live already")
        pikos(tmp_path, "detach", process.pid).succeeded()
        refuses(pikos(tmp_path, "detach", process.pid), "not live")
        _, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")


@can_attach
def test_a_process_that_is_profiled_already(tmp_path: Path) -> None:
    script = tmp_path / "busy.py"
    script.write_text(BUSY)
    with started(tmp_path, ["-m", "pikos.cprofile", "-o", tmp_path / "own.pstats", script]) as process:
        begun(process)
        refuses(pikos(tmp_path, "attach", process.pid), "already active")
        assert list(sockets(tmp_path).iterdir()) == []
        _, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")


@can_attach
def test_a_process_in_a_call_of_c(tmp_path: Path) -> None:
    with started(tmp_path, ["-c", WAITING]) as process:
        begun(process)
        refuses(
            pikos(tmp_path, "attach", process.pid, "--timeout", "0.2"), "safe point within 0.2 s", "Nothing was changed"
        )
        # The process has been told where the script is: it stays until it was run, and does nothing.
        assert len(requests(tmp_path)) == 1
        tell(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "going on\n"
        until(lambda: requests(tmp_path) == [], "the script to remove itself")
        assert not sockets(tmp_path).exists()
        _, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")


@can_attach
def test_what_was_given_up_is_swept_when_its_process_is_gone(tmp_path: Path) -> None:
    with started(tmp_path, ["-c", WAITING]) as process:
        begun(process)
        refuses(pikos(tmp_path, "attach", process.pid, "--timeout", "0.2"), "safe point")
    assert len(requests(tmp_path)) == 1
    with started(tmp_path, ["-c", WAITING]) as process:
        begun(process)
        refuses(pikos(tmp_path, "attach", process.pid, "--timeout", "0.2"), "safe point")
        assert [name.split("-")[2] for name in requests(tmp_path)] == [str(process.pid)]


@can_attach
def test_a_process_that_does_not_allow_it(tmp_path: Path) -> None:
    with started(tmp_path, ["-c", BUSY], PYTHON_DISABLE_REMOTE_DEBUG="1") as process:
        begun(process)
        refuses(pikos(tmp_path, "attach", process.pid), "PYTHON_DISABLE_REMOTE_DEBUG", "--live --paused")
        assert requests(tmp_path) == []


@can_attach
def test_a_process_without_python(tmp_path: Path) -> None:
    process = subprocess.Popen(["sleep", "60"])
    try:
        refuses(pikos(tmp_path, "attach", process.pid), f"process {process.pid} can't be reached", "Is it a CPython")
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="this release can be attached to")
@pytest.mark.parametrize("command", ["attach", "detach"])
def test_older_releases_say_what_to_do_instead(tmp_path: Path, command: str) -> None:
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    with started(tmp_path, ["-c", BUSY]) as process:
        begun(process)
        run = pikos(tmp_path, command, process.pid)
        refuses(run, f"runs CPython {here}, but attaching needs 3.14", "--live --paused script.py", "pikos ctl resume")
        _, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, err) == (0, "")


def test_no_such_process(tmp_path: Path) -> None:
    over = subprocess.Popen(["true"])
    over.wait()
    for pid in (over.pid, 4_000_000_000):
        refuses(pikos(tmp_path, "attach", pid), f"there is no process {pid}")


@pytest.mark.parametrize(
    ("theirs", "ours", "words"),
    [
        ((3, 12), (3, 15), "process 7 runs CPython 3.12, but attaching needs 3.14"),
        ((3, 12), (3, 12), "process 7 runs CPython 3.12, but attaching needs 3.14"),
        ((3, 14), (3, 13), "this pikos runs in CPython 3.13, but attaching needs 3.14"),
        (None, (3, 11), "this pikos runs in CPython 3.11, but attaching needs 3.14"),
        ((3, 15), (3, 14), "install pikos for 3.15"),
    ],
)
def test_releases(
    monkeypatch: pytest.MonkeyPatch, theirs: tuple[int, int] | None, ours: tuple[int, int], words: str
) -> None:
    from pikos._processes import attach

    monkeypatch.setattr(attach.os, "stat", lambda path: os.stat_result([0] * 4 + [os.geteuid()] + [0] * 5))
    monkeypatch.setattr(attach, "is_running", lambda pid: True)
    monkeypatch.setattr(attach, "in_another_container", lambda pid: False)
    monkeypatch.setattr(attach, "release", lambda pid: theirs)
    monkeypatch.setattr(attach.sys, "version_info", (*ours, 0))
    with pytest.raises(attach.CantAttach) as caught:
        attach.check(7)
    assert words in str(caught.value)


def test_which_release_a_process_runs(tmp_path: Path) -> None:
    from pikos._processes.attach import release

    assert release(os.getpid()) == sys.version_info[:2]
    process = subprocess.Popen(["sleep", "60"])
    try:
        assert release(process.pid) is None
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "arguments",
    [
        ["attach"],
        ["detach"],
        ["attach", "me"],
        ["attach", "0"],
        ["attach", "-1"],
        ["attach", "7", "8"],
        ["attach", "7", "--interval", "0.01"],
        ["attach", "7", "--interval", "nan"],
        ["attach", "7", "--timeout", "0"],
        ["attach", "7", "--timeout", "inf"],
        ["detach", "7", "--fast"],
    ],
    ids=" ".join,
)
def test_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    run = pikos(tmp_path, *arguments)
    assert (run.code, run.out) == (2, "")
    assert "--help" in run.err
