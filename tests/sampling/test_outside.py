"""`pikos sample`, `stacks` and `top --sample` beside a program that nobody has prepared, as a user has them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pikos.stats import load
from running import PIKOS
from terminal import Terminal
from watching import PATIENCE, live_environment, pikos_at, until

pytestmark = [
    pytest.mark.any_release,
    pytest.mark.beyond_cprofile,
    pytest.mark.skipif(sys.platform != "linux", reason="memory of other processes is read on Linux"),
]


#: Spends three quarters of its main thread's time in `long`, and waits in another thread.
PROGRAM = """\
import sys
import threading
import time


def rest():
    while True:
        time.sleep(0.05)


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def long():
    spin(0.003)


def short():
    spin(0.001)


def main():
    print("ready", flush=True)
    while True:
        long()
        short()


threading.Thread(target=rest, name="resting", daemon=True).start()
main()
"""

#: Has a child that does the same.
PARENT = f"""\
import subprocess
import sys

child = subprocess.Popen([sys.executable, "-c", {PROGRAM!r}], stdout=subprocess.PIPE)
child.stdout.readline()
try:
    exec({PROGRAM!r})
finally:
    child.kill()
"""


@contextmanager
def started(program: str) -> Iterator[subprocess.Popen[str]]:
    """A program at work."""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


@pytest.fixture
def running() -> Iterator[subprocess.Popen[str]]:
    with started(PROGRAM) as process:
        yield process


@contextmanager
def sampling(folder: Path, *arguments: str | Path) -> Iterator[subprocess.Popen[str]]:
    """`pikos sample` at work."""
    command = [PIKOS, "sample", *map(os.fspath, arguments)]
    with subprocess.Popen(
        command, env=live_environment(folder), cwd=folder, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture(autouse=True)
def rights(running: subprocess.Popen[str], tmp_path: Path) -> None:
    told = pikos_at(tmp_path, "stacks", str(running.pid)).stderr
    if "no right to read the memory" in told:
        pytest.skip(told)


def rows(folder: Path, name: str) -> dict[str, dict[str, object]]:
    shown = pikos_at(folder, "stats", name, "--json")
    assert shown.returncode == 0, shown.stderr
    return {str(row["name"]): row for row in json.loads(shown.stdout)}


def test_a_sample_says_where_the_time_goes(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    done = pikos_at(tmp_path, "sample", str(running.pid), "--duration", "3", "--budget", "50%", "--rate", "500")
    assert done.returncode == 0, done.stderr
    name = f"{running.pid}.pikos"
    assert f"Saved to {name}" in done.stderr
    assert re.search(r"\d samples in [\d,]+ looks", done.stderr)
    assert "sampled every 2 ms; kept: every " in done.stderr
    found = rows(tmp_path, name)
    long, short, rest = (float(str(found[function]["cumtime"])) for function in ("long", "short", "rest"))
    # By a standard error of some hundredths.
    assert 0.6 < long / (long + short) < 0.9
    # All of the time that the other thread waits.
    assert rest == pytest.approx(float(str(found["main"]["cumtime"])), rel=0.2)
    assert running.poll() is None
    profile = load(tmp_path / name)
    assert profile.metadata["counts"] == "samples"
    told = pikos_at(tmp_path, "stats", name).stdout
    assert re.search(r"\d samples in [\d.]+ seconds \(standard error of a share: at most [\d.]+ %\)", told)


def test_modes_count_other_threads(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    for mode in ("cpu", "gil"):
        arguments = ("--mode", mode, "--duration", "1", "-o", f"{mode}.pikos")
        done = pikos_at(tmp_path, "sample", str(running.pid), *arguments)
        assert done.returncode == 0, done.stderr
        found = rows(tmp_path, f"{mode}.pikos")
        waiting = float(str(found.get("rest", {"cumtime": 0})["cumtime"]))
        assert waiting < 0.3 * float(str(found["main"]["cumtime"])), mode


def test_what_is_sampled_is_live_and_obeys(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    pid = str(running.pid)
    with sampling(tmp_path, pid, "-o", "out.pikos") as sampler:
        listed = until(lambda: json.loads(pikos_at(tmp_path, "ps", "--json").stdout), "a process that is live")
        assert [row["pid"] for row in listed] == [running.pid]
        shown = until(lambda: "long" in pikos_at(tmp_path, "top", "--once", pid).stdout, "its functions")
        assert shown
        text = pikos_at(tmp_path, "top", "--once", pid).stdout
        assert "samples/s" in text and "calls/s" not in text
        told = pikos_at(tmp_path, "ctl", "rate", "250", pid)
        assert told.returncode == 0, told.stderr
        assert re.search(rf"^{pid} running, .* samples, ", told.stdout)
        assert pikos_at(tmp_path, "ctl", "pause", pid).stdout.startswith(f"{pid} paused")
        assert pikos_at(tmp_path, "ctl", "resume", pid).stdout.startswith(f"{pid} running")
        dumped = pikos_at(tmp_path, "ctl", "dump", "now.pikos", pid)
        assert dumped.returncode == 0, dumped.stderr
        assert "long" in rows(tmp_path, "now.pikos")
        assert pikos_at(tmp_path, "ctl", "stop", pid).returncode == 0
        assert sampler.wait(PATIENCE) == 0
        assert sampler.stderr is not None
        told_last = sampler.stderr.read()
    assert "somebody has asked for that" in told_last and "Saved to out.pikos" in told_last
    assert "long" in rows(tmp_path, "out.pikos")
    assert "sampled every 4 ms" in told_last


def test_a_process_that_ends_is_saved(tmp_path: Path) -> None:
    with started(PROGRAM) as process:
        with sampling(tmp_path, str(process.pid), "-o", "out.pikos") as sampler:
            until(lambda: json.loads(pikos_at(tmp_path, "ps", "--json").stdout), "a process that is live")
            process.kill()
            process.wait(PATIENCE)
            assert sampler.wait(PATIENCE) == 0
            assert sampler.stderr is not None
            assert f"process {process.pid} has ended" in sampler.stderr.read()
    assert "main" in rows(tmp_path, "out.pikos")


def test_ctrl_c_ends_and_saves(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    with sampling(tmp_path, str(running.pid), "-o", "out.pikos") as sampler:
        until(lambda: json.loads(pikos_at(tmp_path, "ps", "--json").stdout), "a process that is live")
        sampler.send_signal(signal.SIGTERM)
        assert sampler.wait(PATIENCE) == 0
    assert "main" in rows(tmp_path, "out.pikos")


def test_children_are_added_up_and_have_files_of_their_own(tmp_path: Path) -> None:
    with started(PARENT) as process:
        done = pikos_at(tmp_path, "sample", str(process.pid), "--children", "--duration", "3", "-o", "out.pikos")
    assert done.returncode == 0, done.stderr
    (child,) = re.findall(r"sampling (\d+) \(CPython .*which it has started", done.stderr)
    alone = [rows(tmp_path, f"out-{pid}.pikos") for pid in (process.pid, child)]
    together = rows(tmp_path, "out.pikos")
    assert all("main" in each for each in (*alone, together))
    assert together["main"]["ncalls"] == sum(each["main"]["ncalls"] for each in alone)


def test_top_samples_where_nobody_has_prepared_anything(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    pid = str(running.pid)
    refused = pikos_at(tmp_path, "top", "--once", pid)
    assert refused.returncode == 1
    assert f"`pikos top --sample {pid}`" in refused.stderr
    shown = pikos_at(tmp_path, "top", "--sample", "--once", pid)
    assert shown.returncode == 0, shown.stderr
    assert "samples" in shown.stdout and "main" in shown.stdout
    assert json.loads(pikos_at(tmp_path, "ps", "--json").stdout) == []


def test_top_shows_where_each_thread_is(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    command = [PIKOS, "top", "--sample", str(running.pid)]
    environment = live_environment(tmp_path, TERM="xterm-256color")
    with Terminal(command, 100, 30, env=environment, cwd=str(tmp_path)) as terminal:
        terminal.until("spin")
        terminal.keys("k")
        terminal.until("2 threads, 2 seen lately")
        terminal.until(lambda: "rest" in terminal.text and "spin" in terminal.text)
        stacks = terminal.text
        assert stacks.index("<module>") < stacks.index(" main ") < stacks.index(" spin ")
        terminal.keys("E")
        terminal.until(lambda: "main " not in terminal.text)
        assert "4 deep" in terminal.line("MainThread") or "3 deep" in terminal.line("MainThread")
        terminal.keys("kq")
        assert terminal.wait() == 0


def test_stacks_say_where_each_thread_is(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    shown = pikos_at(tmp_path, "stacks", str(running.pid))
    assert (shown.returncode, shown.stderr) == (0, "")
    head, *threads = shown.stdout.split("\n\n")
    assert head.startswith(f"process {running.pid}, CPython {sys.version_info.major}.{sys.version_info.minor}.")
    assert len(threads) == 2
    (main,) = (thread for thread in threads if "MainThread" in thread)
    (other,) = (thread for thread in threads if "MainThread" not in thread)
    assert re.search(r"^  <string>:\d+  main\n  <string>:\d+  <module>$", main, re.M)
    assert re.match(r"thread \d+( .*)?: (waits|runs).*\n  <string>:8  rest\n", other)


#: Tasks of asyncio that wait for each other, and variables of two calls.
TASKS = """\
import asyncio


async def leaf(number, secret="se\\x1b[31mcret"):
    await asyncio.sleep(1000)


async def branch():
    await leaf(7)


async def awaits(task):
    await task


async def main():
    branches = [asyncio.create_task(branch(), name=f"branch-{number}") for number in range(30)]
    waits = asyncio.create_task(awaits(branches[0]), name="waits")
    await asyncio.sleep(0.05)
    late = asyncio.create_task(branch(), name="late")
    print("ready", flush=True)
    await late


asyncio.run(main())
"""


def test_stacks_say_where_each_task_is(tmp_path: Path) -> None:
    with started(TASKS) as process:

        def tasks() -> dict[str, str]:
            shown = pikos_at(tmp_path, "stacks", str(process.pid))
            assert (shown.returncode, shown.stderr) == (0, "")
            return dict(
                part.split(": ", 1) for part in shown.stdout.rstrip().split("\n\n") if part.startswith("asyncio task")
            )

        until(lambda: "asyncio task Task-1" in tasks() and "hasn't begun" not in str(tasks()), "all tasks rest")
        found = tasks()
        where = r"  .*tasks.py:\d+  sleep\n  <string>:5  leaf\n  <string>:9  branch"
        assert re.fullmatch(rf"waits for a Future, awaited by waits\n{where}", found["asyncio task branch-0"])
        assert found["asyncio task waits"] == "waits for task branch-0\n  <string>:13  awaits"
        assert re.fullmatch(rf"waits for a Future, awaited by Task-1\n{where}", found["asyncio task late"])
        assert found["asyncio task Task-1"] == "waits for task late\n  <string>:22  main"
        # Those at one place stand together, and not all of them are named.
        (many,) = (name for name in found if name.startswith("asyncio tasks "))
        assert many.startswith("asyncio tasks branch-1, branch-2, branch-3, ") and many.endswith(" and 9 more")
        assert re.fullmatch(rf"wait for a Future\n{where}", found[many])


def test_stacks_show_local_variables(tmp_path: Path) -> None:
    with started(TASKS) as process:

        def shown() -> str:
            told = pikos_at(tmp_path, "stacks", str(process.pid), "--locals")
            assert (told.returncode, told.stderr) == (0, "")
            return told.stdout

        until(lambda: "hasn't begun" not in shown(), "all tasks rest")
        text = shown()
        assert "  <string>:5  leaf\n      number = 7\n      secret = 'se\\x1b[31mcret'\n" in text
        assert "\x1b" not in text, "no control character"
        assert "      branches = <list of 30>\n      waits = <_asyncio.Task at 0x" in text
        assert text.count("  <string>:5  leaf\n") == 31, "each task has its own variables"


def test_a_process_in_a_namespace_of_its_own(tmp_path: Path) -> None:
    # As in a container: its threads have other numbers for themselves.
    program = PROGRAM.replace('print("ready", flush=True)', 'print("ready", threading.get_native_id(), flush=True)')
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", program]
    try:
        outer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        pytest.skip("there is no unshare")
    with outer:
        try:
            assert outer.stdout is not None
            said = outer.stdout.readline()
            if not said:
                pytest.skip("no right to make a namespace of process numbers")
            assert said == "ready 1\n"
            (pid,) = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()
            shown = pikos_at(tmp_path, "stacks", pid)
            assert f"\nthread {pid} MainThread: " in shown.stdout
            done = pikos_at(
                tmp_path, "sample", pid, "--duration", "1", "--mode", "cpu", "--rate", "200", "-o", "out.pikos"
            )
            assert done.returncode == 0, done.stderr
            assert int(str(rows(tmp_path, "out.pikos")["main"]["ncalls"])) > 0
        finally:
            outer.kill()


def test_samples_keep_their_kind_in_files(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    pid = str(running.pid)
    assert pikos_at(tmp_path, "sample", pid, "--duration", "1", "-o", "out.pikos").returncode == 0
    whole = rows(tmp_path, "out.pikos")
    for name in ("out.pstats", "out.json"):
        assert pikos_at(tmp_path, "export", "out.pikos", "-o", name).returncode == 0
        assert load(tmp_path / name).metadata["counts"] == "samples"
        assert {key: row["ncalls"] for key, row in rows(tmp_path, name).items()} == {
            key: row["ncalls"] for key, row in whole.items()
        }
    merged = pikos_at(tmp_path, "merge", "out.pikos", "out.pikos", "-o", "both.pikos")
    assert merged.returncode == 0, merged.stderr
    assert rows(tmp_path, "both.pikos")["main"]["ncalls"] == 2 * int(str(whole["main"]["ncalls"]))
