"""Full stacks in the live stream: exact in the end, in flight before, and kept when the program is killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pikos.stats
import pytest
from running import PIKOS, python
from terminal import Terminal
from watching import PATIENCE, Subscriber, endpoint, live_environment, sockets, started, until

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]


# Works in two threads until a line comes on standard input. `leaf` costs much on one way and little on the other.
PROGRAM = """\
import select, sys, threading

def leaf(n):
    return sum(range(n))

def cheap():
    return leaf(1)

def dear():
    return leaf(3000)

def recurse(n):
    return n and recurse(n - 1)

def work():
    cheap()
    dear()
    recurse(5)

def loop():
    while not done.is_set():
        work()

def main():
    thread = threading.Thread(target=loop, name="worker")
    thread.start()
    while not select.select([sys.stdin], [], [], 0.001)[0]:
        work()
    done.set()
    thread.join()

done = threading.Event()
main()
"""


def command(script: Path, *options: str) -> list[str | Path]:
    always = ["-m", "pikos.cprofile", "--live", "--threads", "--interval", "0.05"]
    return [*always, *options, script]


@pytest.fixture
def running(tmp_path: Path, script: Path) -> Iterator[subprocess.Popen[str]]:
    """That program with full stacks; it goes on until a test ends it."""
    with started(tmp_path, command(script, "--tree")) as process:
        yield process


def run_pikos(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [PIKOS, *map(os.fspath, arguments)]
    return subprocess.run(
        words, env=live_environment(folder), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def is_heard(folder: Path, pid: int) -> bool:
    """Whether a recorder that has begun to listen is known to the process."""
    return "1 listening" in run_pikos(folder, "ctl", "status", str(pid)).stdout


def ends_with(stacks: dict[tuple[str, ...], list[int]], *names: str) -> list[list[int]]:
    return [figures for stack, figures in stacks.items() if stack[-len(names) :] == names]


def of_file(path: Path) -> dict[tuple[str, ...], int]:
    """Nanoseconds by stack, from collapsed stacks."""
    found: dict[tuple[str, ...], int] = {}
    for line in path.read_text().splitlines():
        stack, _, number = line.rpartition(" ")
        names = tuple(frame.split(" (")[0].split(" /")[0] for frame in stack.split(";"))
        found[names] = found.get(names, 0) + int(number)
    return found


@pytest.mark.parametrize("joins", ["at once", "late"])
def test_it_ends_with_the_stacks_of_the_file(tmp_path: Path, script: Path, joins: str) -> None:
    out = tmp_path / "own.folded"
    with started(tmp_path, command(script, "--tree", "-o", str(out))) as process:
        address = endpoint(tmp_path, process.pid)
        with Subscriber(address) as first:
            until(lambda: first.receive()["seq"] > 5, "messages")
            if joins == "at once":
                subscriber = first
            else:
                subscriber = Subscriber(address)
                until(lambda: "tree" in subscriber.receive(), "the whole tree")
                assert subscriber.tree_base is not None
            assert process.stdin is not None
            process.stdin.write("end\n")
            process.stdin.flush()
            last = subscriber.to_the_end()
            assert process.wait(PATIENCE) == 0
        assert last["tree"]["base"] == last["seq"] and subscriber.facts["tree"] is True
        stacks = subscriber.stacks()
        tick = last["tick"]
        if subscriber is not first:
            subscriber.socket.close()
    assert not any(figures[2] for figures in stacks.values()), "nothing is open"
    # Each function's calls and time are the sums over its stacks.
    for (_, function), row in subscriber.rows.items():
        name = subscriber.names[function][2]
        if [known[2] for known in subscriber.names.values()].count(name) == 1:
            of_stacks = ends_with(stacks, name)
            rows = [row for (_, other), row in subscriber.rows.items() if other == function]
            assert sum(figures[0] for figures in of_stacks) == sum(row[0] for row in rows), name
            assert sum(figures[1] for figures in of_stacks) == sum(row[2] for row in rows), name
        assert row[0] >= 0
    # And those of the file: an approximation would give each caller of leaf the same.
    (cheap,), (dear,) = (
        ends_with(stacks, "main", "work", "cheap", "leaf"),
        ends_with(stacks, "main", "work", "dear", "leaf"),
    )
    assert cheap[0] == dear[0] > 0
    written = of_file(out)
    for way in ("cheap", "dear"):
        (own,) = [ns for stack, ns in written.items() if stack[-4:] == ("main", "work", way, "leaf")]
        (figures,) = ends_with(stacks, "main", "work", way, "leaf")
        assert abs(own - figures[1] * tick * 1e9) <= 1 + 1e-9 * own


def test_what_is_open_is_in_its_stack(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    with Subscriber(endpoint(tmp_path, running.pid)) as subscriber:
        until(lambda: subscriber.receive()["seq"] >= 6, "messages")
        message = subscriber.messages[-1]
        stacks = subscriber.stacks()
        (main,), (loop,) = ends_with(stacks, "<module>", "main"), ends_with(stacks, "run", "loop")
        for figures in (main, loop):
            ncalls, _, count, own, total, *_ = figures
            assert (ncalls, count) == (0, 1)
            assert 0 < own < total
        assert main[4] * message["tick"] <= message["age"] + 1
        # The deepest of the recursion is a stack of its own.
        assert sum(figures[0] for figures in ends_with(stacks, *["recurse"] * 6)) > 0
        assert not ends_with(stacks, *["recurse"] * 7)


def test_after_a_clear_it_begins_anew(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    def calls(subscriber: Subscriber) -> int:
        return sum(figures[0] for figures in ends_with(subscriber.stacks(), "leaf"))

    with Subscriber(endpoint(tmp_path, running.pid)) as subscriber:
        until(lambda: subscriber.receive() and calls(subscriber) > 200, "calls")
        assert run_pikos(tmp_path, "ctl", "clear", str(running.pid)).returncode == 0
        first = until(lambda: (message := subscriber.receive())["epoch"] == 1 and message, "a new epoch")
        until(lambda: "tree" in subscriber.messages[-1] or not subscriber.receive(), "a new tree")
        assert subscriber.tree_base is not None and subscriber.tree_base >= first["seq"]
        flat = sum(row[0] for (_, f), row in subscriber.rows.items() if subscriber.names[f][2] == "leaf")
        # Rows are read before the tree, in one message.
        assert flat <= calls(subscriber)


def test_limits_cut_and_it_says_what(tmp_path: Path) -> None:
    script = tmp_path / "limits.py"
    script.write_text(
        "import sys\nfrom pikos.cprofile import Profile\n"
        "def recurse(n):\n    return n and recurse(n - 1)\n"
        "with Profile(tree=True, tree_depth=10, builtins=False, live=True, interval=0.02):\n"
        "    sys.stdin.readline()\n    recurse(99)\n"
    )
    with started(tmp_path, [script]) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        subscriber.receive()
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        subscriber.to_the_end()
        stacks = subscriber.stacks()
    assert max(map(len, stacks)) == 10
    (deepest,) = ends_with(stacks, *["recurse"] * 10)
    assert (deepest[0], deepest[5]) == (1, 90)
    assert 0 < deepest[6] <= deepest[1]


def test_without_a_tree_there_is_not_a_word_of_it(tmp_path: Path, script: Path) -> None:
    with started(tmp_path, command(script)) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        until(lambda: subscriber.receive()["seq"] >= 3, "messages")
        assert all("tree" not in message for message in subscriber.messages)
        assert "tree" not in subscriber.facts
        shown = run_pikos(tmp_path, "top", "--once", str(process.pid))
        assert shown.returncode == 0


@pytest.mark.parametrize("name", ["out.folded", "out.speedscope.json", "out.html", "out.pstats"])
def test_the_recorder_keeps_it_after_a_kill(tmp_path: Path, running: subprocess.Popen[str], name: str) -> None:
    address = endpoint(tmp_path, running.pid)
    words = [PIKOS, "record", str(running.pid), "-o", str(tmp_path / name)]
    recorder = subprocess.Popen(words, env=live_environment(tmp_path), stderr=subprocess.PIPE, text=True)
    assert recorder.stderr is not None and "listening" in recorder.stderr.readline()
    with Subscriber(address) as subscriber:
        until(lambda: subscriber.receive() and ends_with(subscriber.stacks(), "dear", "leaf"), "stacks")
        until(lambda: subscriber.receive()["seq"] > subscriber.messages[0]["seq"] + 5, "messages")
    running.kill()
    _, said = recorder.communicate(timeout=PATIENCE)
    assert recorder.returncode == 0, said
    assert "vanished (killed?)" in said and "approximated" not in said
    written = (tmp_path / name).read_text(errors="replace")
    assert "approximated" not in written
    if name == "out.folded":
        found = of_file(tmp_path / name)
        ways = {way: [ns for stack, ns in found.items() if stack[-2:] == (way, "leaf")] for way in ("cheap", "dear")}
        assert len(ways["cheap"]) == len(ways["dear"]) == 2, "one in each thread"
        (main,) = [ns for stack, ns in found.items() if stack[-1] == "main"]
        assert main > 0, "it never returned"
    if name.endswith(".json"):
        nodes = pikos.stats.load(tmp_path / name).tree()
        assert nodes is not None
        leaves = [node for node in nodes if node.name == "leaf" and node.parent is not None]
        assert {nodes[node.parent].name for node in leaves if node.parent is not None} == {"cheap", "dear"}


def test_stacks_of_several_processes_add_up(tmp_path: Path, script: Path) -> None:
    out = tmp_path / "all.folded"
    with started(tmp_path, command(script, "--tree")) as one, started(tmp_path, command(script, "--tree")) as other:
        processes = [one, other]
        pids = [str(process.pid) for process in processes]
        for process in processes:
            with Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
                until(lambda s=subscriber: s.receive() and ends_with(s.stacks(), "dear", "leaf"), "stacks")
            until(lambda pid=process.pid: not is_heard(tmp_path, pid), "that nobody listens")
        words = [PIKOS, "record", *pids, "--merge", "-o", str(out)]
        recorder = subprocess.Popen(words, env=live_environment(tmp_path), stderr=subprocess.PIPE, text=True)
        until(lambda: all(is_heard(tmp_path, process.pid) for process in processes), "a recorder")
        for process in processes:
            process.communicate("end\n", timeout=PATIENCE)
        _, said = recorder.communicate(timeout=PATIENCE)
        assert recorder.returncode == 0, said
        assert "approximated" not in said
    ways = [stack for stack in of_file(out) if stack[-2:] == ("dear", "leaf")]
    assert len(ways) == len(set(ways)) == 2, "one in each kind of thread"


def test_a_recorder_without_stacks_says_that_they_are_approximated(tmp_path: Path, script: Path) -> None:
    with started(tmp_path, command(script)) as process:
        endpoint(tmp_path, process.pid)
        words = [PIKOS, "record", str(process.pid), "-o", str(tmp_path / "out.html")]
        recorder = subprocess.Popen(words, env=live_environment(tmp_path), stderr=subprocess.PIPE, text=True)
        until(lambda: is_heard(tmp_path, process.pid), "a recorder")
        assert process.stdin is not None
        process.stdin.write("end\n")
        process.stdin.flush()
        _, said = recorder.communicate(timeout=PATIENCE)
        assert recorder.returncode == 0, said
        assert "note: stacks are approximated" in said


def test_from_python(tmp_path: Path, running: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from pikos.live import Subscriber as Native

    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    until(lambda: list(sockets(tmp_path).glob(f"{running.pid}-*.pub")), "a socket")
    with Native(running.pid) as subscriber:
        (process,) = until(lambda: [p for p in subscriber.poll(1) if p.seq > 5], "messages")
        assert process.tree is True
        profile = process.profile()
        nodes = profile.tree()
        assert nodes is not None and profile.metadata["stacks"] == len(nodes)
        for place, node in enumerate(nodes):
            assert node.parent is None or node.parent < place
        above = [node.cumtime for node in nodes if node.parent is None]
        assert sum(above) == pytest.approx(sum(node.tottime for node in nodes))
        (main,) = [node for node in nodes if node.name == "main"]
        assert (main.ncalls, main.qualname, main.line) == (1, "main", 24)
        callees = {nodes[place].name for place, node in enumerate(nodes) if node.parent == nodes.index(main)}
        assert {"work", "start"} <= callees
        # A thread has its own.
        (worker,) = [thread for thread in process.threads if thread.name == "worker"]
        of_worker = process.profile(worker).tree()
        assert of_worker is not None and "main" not in {node.name for node in of_worker}
        assert process.profile().export(tmp_path / "x.html") == []


def test_the_view_folds_and_saves(tmp_path: Path, running: subprocess.Popen[str]) -> None:
    endpoint(tmp_path, running.pid)
    saved = tmp_path / "saved.folded"
    environment = {**live_environment(tmp_path), "TERM": "xterm"}
    with Terminal([PIKOS, "top", str(running.pid)], env=environment, width=100) as terminal:
        terminal.until("file:line")
        terminal.keys("t")
        terminal.until("function, under its caller")
        terminal.until(" main")
        main = terminal.line(" main").split()
        assert main[-2:] == ["\u25be", "main"] and float(main[-3].removesuffix("s")) > 0, "it is in flight"
        # The tree is filtered, the cursor goes to a stack, and folds it.
        terminal.keys("/dear\r")
        terminal.until(
            lambda: "only dear" in terminal.text and "recurse" not in "".join(terminal.text.splitlines()[4:])
        )
        # Under load the first one has gone to nobody now and then; why is not known.
        for _ in range(100):
            if "\u25b8" in terminal.text:
                break
            terminal.keys("g\x1b[D")
            terminal.read(0.2)
        terminal.until("\u25b8")
        terminal.keys("\x1b[C")
        terminal.until("\u25be")
        # What takes little time is folded: how little that is depends on which thread gets the GIL.
        terminal.keys("/\x15\r")
        terminal.until(lambda: "only dear" not in terminal.text)
        # Two threads take as long as each other: which one's row is the first, and is opened, changes.
        for _ in range(100):
            if "recurse" in terminal.text:
                break
            terminal.keys("ge")
            terminal.read(0.2)
        terminal.until("recurse")
        terminal.keys("s\x15" + str(saved) + "\r")
        terminal.until("saved as collapsed")
        assert "approximated" not in terminal.text
        terminal.keys("\r")
        terminal.until("callers (")
        terminal.keys("t")
        terminal.until("function, under its caller")
        terminal.keys("\x03")
        assert terminal.wait() == 0
        assert terminal.is_restored()
    assert any(stack[-2:] == ("dear", "leaf") for stack in of_file(saved))
    assert running.poll() is None


def test_the_view_says_how_to_get_a_tree(tmp_path: Path, script: Path) -> None:
    with started(tmp_path, command(script)) as process:
        endpoint(tmp_path, process.pid)
        environment = {**live_environment(tmp_path), "TERM": "xterm"}
        with Terminal([PIKOS, "top", str(process.pid)], env=environment) as terminal:
            terminal.until("file:line")
            terminal.keys("t")
            terminal.until("--live --tree")
            terminal.keys("tq")
            assert terminal.wait() == 0


def test_children_that_are_followed_keep_theirs(tmp_path: Path) -> None:
    script = tmp_path / "family.py"
    script.write_text(
        "import os, sys\ndef leaf(): return 1\ndef child(): leaf()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n    child()\n    sys.stdin.readline()\nelse:\n    os.waitpid(pid, 0)\n"
    )
    options = ["-m", "pikos.cprofile", "--live", "--tree", "--follow", "--interval", "0.05", script]
    with started(tmp_path, options) as process:

        def other() -> list[Path]:
            return [path for path in sockets(tmp_path).glob("*.pub") if not path.name.startswith(f"{process.pid}-")]

        (path,) = until(other, "the child")
        with Subscriber(f"ipc://{path}") as subscriber:
            until(lambda: subscriber.receive() and ends_with(subscriber.stacks(), "child", "leaf"), "its stacks")
            assert process.stdin is not None
            process.stdin.write("end\n")
            process.stdin.flush()
            subscriber.to_the_end()


@pytest.mark.parametrize("options", [["--live"], ["--live", "-o", "out.pstats"], ["--live", "-o", "out"]], ids=str)
def test_a_live_tree_needs_no_file_that_holds_it(tmp_path: Path, options: list[str]) -> None:
    words = ["-m", "pikos.cprofile", "--tree", *options, "-c", "print('ran')"]
    run = python(words, cwd=tmp_path, env=live_environment(tmp_path))
    assert run.code == 0 and run.out.startswith("ran\n")
    is_lost = options[-1].endswith(".pstats")
    assert ("can't hold full stacks" in run.err) == is_lost == bool(run.err)
    if "-o" in options:
        assert run_pikos(tmp_path, "stats", tmp_path / options[-1]).returncode == 0
        assert (pikos.stats.load(tmp_path / options[-1]).tree() is None) == is_lost
    else:
        assert "function calls" in run.out


def test_a_process_makes_itself_live_with_a_tree(tmp_path: Path) -> None:
    script = tmp_path / "itself.py"
    script.write_text(
        "import sys\nfrom pikos import live\nlive.start(tree=True, interval=0.02)\n"
        "def inner(): return 1\ndef outer(): return inner()\n"
        "outer()\nsys.stdin.readline()\nlive.stop()\n"
    )
    with started(tmp_path, [script]) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        until(lambda: subscriber.receive() and ends_with(subscriber.stacks(), "outer", "inner"), "its stacks")
        assert process.stdin is not None
        process.stdin.write("end\n")
        process.stdin.flush()
        assert subscriber.to_the_end()["end"]["how"] == "disabled"
