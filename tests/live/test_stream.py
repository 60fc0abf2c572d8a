"""What a subscriber sees of a live profile, and that it ends with the numbers of the final file."""

from __future__ import annotations

import os
import pstats
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from running import SUBJECT
from watching import PATIENCE, Subscriber, endpoint, live_environment, same_as_file, sockets, started, until

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

EXAMPLE = Path(__file__).parents[2] / "examples" / "subscriber.py"
WIRE = Path(__file__).parents[2] / "docs" / "wire.md"

# Works until a line comes on standard input.
BUSY = """
import select, sys, threading

def leaf(n):
    return sum(i for i in range(n))

def recursive(n):
    return n and recursive(n - 1)

def work():
    while not done.is_set():
        leaf(20)
        recursive(4)
        len([])

def main():
    threads = [threading.Thread(target=work, name=f"worker {i}") for i in range(2)]
    for thread in threads:
        thread.start()
    while not select.select([sys.stdin], [], [], 0)[0]:
        leaf(20)
    done.set()
    for thread in threads:
        thread.join()

done = threading.Event()
main()
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "busy.py"
    path.write_text(BUSY)
    return path


def command(script: Path, *options: str) -> list[str | Path]:
    out = script.with_suffix(".pstats")
    return ["-m", SUBJECT, "--threads", "--live", "--interval", "0.05", *options, "-o", out, script]


def finish(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def ended_well(process: subprocess.Popen[str]) -> None:
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, "", "")


def test_numbers_grow_and_end_as_the_file(script: Path, tmp_path: Path) -> None:
    with started(tmp_path, command(script)) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        subscriber.receive()
        assert subscriber.messages[0]["kind"] == "full"
        for _ in range(5):
            subscriber.receive()
        before = subscriber.row("leaf")[0]
        for _ in range(5):
            subscriber.receive()
        assert subscriber.row("leaf")[0] > before
        # main() has not returned, and is on screen with its time.
        ncalls, primitive, tottime, cumtime, opened, _, open_cumtime, gil_wait = subscriber.row("main")
        assert (ncalls, primitive, tottime, cumtime, opened, gil_wait) == (0, 0, 0, 0, 1, 0)
        assert open_cumtime * subscriber.messages[-1]["tick"] > 0.05
        assert {message["kind"] for message in subscriber.messages} == {"full", "delta"}
        finish(process)
        end = subscriber.to_the_end()
        assert end["end"] == {"how": "normal", "detail": ""}
        assert end["kind"] == "full" and end["paused"]
        assert not any(row[4] for row in subscriber.rows.values())
        ended_well(process)
        same_as_file(subscriber, script.with_suffix(".pstats"))
        assert subscriber.lost == 0
        assert subscriber.facts["pid"] == process.pid
        assert subscriber.facts["argv"] == [str(script)]
        assert {name for _, name, _, _ in end["threads"]} == {"MainThread", "worker 0", "worker 1"}
    assert list(sockets(tmp_path).iterdir()) == []


def test_a_module_that_is_run_has_its_name(tmp_path: Path) -> None:
    (tmp_path / "large.py").write_text("import sys\nsys.stdin.readline()\n")
    with started(tmp_path, ["-m", "pikos", "run", "-q", "--live", "-m", "large", "-m", "a"]) as process:
        with Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
            subscriber.receive()
            finish(process)
            subscriber.to_the_end()
        ended_well(process)
        assert subscriber.facts["argv"] == ["large", "-m", "a"]


def test_one_that_joins_late_gets_everything(script: Path, tmp_path: Path) -> None:
    with started(tmp_path, command(script)) as process:
        address = endpoint(tmp_path, process.pid)
        with Subscriber(address) as first:
            for _ in range(4):
                first.receive()
            with Subscriber(address) as late:
                assert late.receive()["kind"] == "full"
                finish(process)
                late.to_the_end()
                ended_well(process)
                same_as_file(late, script.with_suffix(".pstats"))


def test_lost_messages_are_healed(tmp_path: Path) -> None:
    # Messages of some 100 KB, so that the queues of both sides and of the system are soon full.
    script = tmp_path / "large.py"
    script.write_text(
        "import select, sys\n"
        "for number in range(4000):\n"
        "    exec(f'def f{number}(): pass')\n"
        "functions = [value for name, value in list(globals().items()) if name[0] == 'f' and name[1:].isdigit()]\n"
        "while not select.select([sys.stdin], [], [], 0)[0]:\n"
        "    for function in functions:\n"
        "        function()\n"
        "sys.stdin.readline()\n"
        "sys.stdin.readline()\n"
    )
    with started(tmp_path, command(script, "--interval", "0.1")) as process:
        with Subscriber(endpoint(tmp_path, process.pid), queue=1) as slow:
            slow.receive()
            # Reads nothing for a while: the program goes on, and messages are lost.
            time.sleep(4)
            until(lambda: slow.receive() and slow.lost, "a loss")
            # The last message waits for a subscriber only so long, and not for one that has much to read before it. So the
            # program calls nothing more, until all that it did before is read; then the last message is a small one.
            finish(process)
            while not 0 < len(slow.messages[-1]["rows"]) < 100:
                slow.receive()
            finish(process)
            slow.to_the_end()
            ended_well(process)
            same_as_file(slow, script.with_suffix(".pstats"))
            assert slow.row("f7")[0] > 0


def test_the_example_subscriber_ends_with_the_numbers_of_the_file(script: Path, tmp_path: Path) -> None:
    with started(tmp_path, command(script)) as process:
        example = subprocess.Popen(
            [sys.executable, EXAMPLE, endpoint(tmp_path, process.pid)],
            stdout=subprocess.PIPE,
            text=True,
            env=live_environment(tmp_path),
        )
        try:
            assert example.stdout is not None
            for _ in range(3):
                assert example.stdout.readline().startswith("after ")
            os.kill(example.pid, signal.SIGSTOP)
            time.sleep(1)
            os.kill(example.pid, signal.SIGCONT)
            for _ in range(3):
                example.stdout.readline()
            finish(process)
            ended_well(process)
            out, _ = example.communicate(timeout=PATIENCE)
        finally:
            example.kill()
    final: dict[tuple[str, int, str], list[float]] = {}
    for line in out.splitlines():
        if not line.startswith("after "):
            ncalls, primitive, tottime, cumtime, file, number, name = line.split("\t")
            sums = final.setdefault((file, int(number), name), [0, 0, 0.0, 0.0])
            for at, value in enumerate((int(primitive), int(ncalls), float(tottime), float(cumtime))):
                sums[at] += value
    expected = pstats.Stats(str(script.with_suffix(".pstats"))).stats  # type: ignore[attr-defined]
    assert {label: pytest.approx(row[:4], rel=1e-12) for label, row in expected.items()} == final


def test_a_subscriber_that_never_reads_harms_nobody(script: Path, tmp_path: Path) -> None:
    with started(tmp_path, command(script)) as process, Subscriber(endpoint(tmp_path, process.pid), queue=1) as dead:
        dead.receive()
        time.sleep(2)
        finish(process)
        ended_well(process)
        assert pstats.Stats(str(script.with_suffix(".pstats"))).total_calls > 0  # type: ignore[attr-defined]


def test_a_collector_that_binds(script: Path, tmp_path: Path) -> None:
    with Subscriber("tcp://127.0.0.1:*", bind=True) as collector:
        import zmq

        address = collector.socket.getsockopt_string(zmq.LAST_ENDPOINT)
        with started(tmp_path, command(script, f"--live={address}", "--connect")) as process:
            collector.receive()
            finish(process)
            collector.to_the_end()
            ended_well(process)
            same_as_file(collector, script.with_suffix(".pstats"))


@pytest.mark.parametrize(
    ("code", "how", "detail", "status"),
    [
        ("raise KeyError(1)", "exception", "KeyError", 1),
        ("import os; os._exit(3)", "exit", "", 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "signal", "SIGTERM", -15),
        ("raise SystemExit(4)", "normal", "", 4),
    ],
)
def test_the_last_message_says_how_it_ended(tmp_path: Path, code: str, how: str, detail: str, status: int) -> None:
    script = tmp_path / "ends.py"
    script.write_text(f"input()\n{code}\n")
    with started(tmp_path, command(script)) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        subscriber.receive()
        finish(process)
        assert subscriber.to_the_end()["end"] == {"how": how, "detail": detail}
        process.communicate(timeout=PATIENCE)
        assert process.returncode == status
        same_as_file(subscriber, script.with_suffix(".pstats"))


def test_nothing_is_made_while_nobody_listens(script: Path, tmp_path: Path) -> None:
    with started(tmp_path, command(script)) as process:
        address = endpoint(tmp_path, process.pid)
        with Subscriber(address) as first:
            first.receive()
        time.sleep(0.5)
        with Subscriber(address) as second:
            second.receive()
            # Ten intervals have passed; what was on its way when the first one left is all that was made.
            assert second.messages[0]["seq"] - first.messages[0]["seq"] <= 4


@pytest.mark.parametrize("timer", ["", "time.process_time, "])
def test_overhead_is_an_estimate_as_the_page_says(tmp_path: Path, timer: str) -> None:
    rows = [line for line in WIRE.read_text().splitlines() if line.startswith("| `overhead` |")]
    assert ["estimated" in row and "0 only with a custom timer" in row for row in rows] == [True]
    script = tmp_path / "counts.py"
    script.write_text(
        "import time\n"
        "from pikos.cprofile import Profile\n"
        "def f(): pass\n"
        f"with Profile({timer}live=True, interval=0.02):\n"
        "    for _ in range(1000): f()\n"
        "    input()\n"
    )
    with started(tmp_path, [script]) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        until(lambda: subscriber.receive() and "f" in {name[2] for name in subscriber.names.values()}, "f()")
        finish(process)
        end = subscriber.to_the_end()
        assert not subscriber.facts["compensated"]
        assert (end["overhead"] > 0) == (not timer)
        ended_well(process)


def test_clear_and_recorded_again(tmp_path: Path) -> None:
    script = tmp_path / "clears.py"
    script.write_text(
        "from pikos.cprofile import Profile\n"
        "def f(): pass\n"
        "def g(): pass\n"
        "with Profile(live=True, interval=0.02) as profile:\n"
        "    f()\n"
        "    input()\n"
        "    profile.clear()\n"
        "    g()\n"
        "    input()\n"
        "profile.dump_stats('clears.pstats')\n"
    )
    with started(tmp_path, [script]) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        until(lambda: subscriber.receive() and "f" in {name[2] for name in subscriber.names.values()}, "f()")
        assert subscriber.messages[-1]["epoch"] == 0
        finish(process)
        until(lambda: subscriber.receive()["epoch"] == 1, "the next epoch")
        assert subscriber.messages[-1]["kind"] == "full"
        assert "f" not in {name[2] for name in subscriber.names.values()}
        finish(process)
        assert subscriber.to_the_end()["end"] == {"how": "disabled", "detail": ""}
        ended_well(process)
        same_as_file(subscriber, tmp_path / "clears.pstats")


def test_ended_threads_that_are_added_together_stay_in_the_sum(tmp_path: Path) -> None:
    script = tmp_path / "many.py"
    script.write_text(
        "import threading\n"
        "def f(): pass\n"
        "input()\n"
        "for _ in range(600):\n"
        "    thread = threading.Thread(target=f)\n"
        "    thread.start()\n"
        "    thread.join()\n"
    )
    with started(tmp_path, command(script)) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        subscriber.receive()
        finish(process)
        subscriber.to_the_end()
        ended_well(process)
        assert subscriber.row("f")[0] == 600
        assert 0 in {thread for thread, _ in subscriber.rows}
        same_as_file(subscriber, script.with_suffix(".pstats"))


MANY = """\
import select
import sys

exec("".join(f"def f{number}(): pass\\n" for number in range(2000)))
functions = [globals()[f"f{number}"] for number in range(2000)]


def once():
    for function in functions:
        function()


def main():
    once()
    while (line := sys.stdin.readline()).strip():
        once()
        while not select.select([sys.stdin], [], [], 0.01)[0]:
            once() if line == "all\\n" else functions[0]()


main()
"""


def many(tmp_path: Path) -> list[str | Path]:
    path = tmp_path / "many.py"
    path.write_text(MANY)
    return ["-m", "pikos.cprofile", "--live", "--interval", "0.1", "-o", tmp_path / "own.pstats", path]


def tell(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def test_what_changes_in_every_interval_needs_no_new_base(tmp_path: Path) -> None:
    with started(tmp_path, many(tmp_path)) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        while "f1999" not in {name[3] for name in subscriber.receive()["functions"]}:
            pass
        tell(process, "all")
        while not [row for row in subscriber.receive()["rows"] if row[2] > 20]:
            pass
        # On a busy machine the program may have called few of them since the last message, or none.
        busy = [subscriber.receive()]
        while sum(len(message["rows"]) > 1990 for message in busy) < 5:
            busy.append(subscriber.receive())
        # Another one is due every ten seconds.
        seconds = busy[-1]["time"] - busy[0]["time"]
        assert [message["kind"] for message in busy].count("full") <= 1 + seconds // 10
        finish(process)
        subscriber.to_the_end()
        ended_well(process)
        same_as_file(subscriber, tmp_path / "own.pstats")


def test_a_new_base_where_most_of_a_delta_stands_still(tmp_path: Path) -> None:
    with started(tmp_path, many(tmp_path)) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        while "f1999" not in {name[3] for name in subscriber.receive()["functions"]}:
            pass
        # A delta tells all that changed since the last full message: all 2,000, until there is another one. That comes
        # after ten seconds anyway.
        while True:
            tell(process, "one")
            seen = [subscriber.receive()]
            while not any(len(message["rows"]) > 1990 for message in seen) or len(seen[-1]["rows"]) >= 20:
                seen.append(subscriber.receive())
            # On a busy machine we may be too slow for some.
            if seen[-1]["seq"] - seen[0]["seq"] == len(seen) - 1:
                break
        deltas = [message for message in seen if message["kind"] == "delta"]
        said = [{*map(tuple, message["rows"] + message["edges"])} for message in deltas]
        for before, now in pairwise(said):
            assert len(now) < 2000 or len(now) <= 2 * len(now - before), "what stands still is said again and again"
        assert "full" in {message["kind"] for message in seen} and seen[-1]["kind"] == "delta"
        finish(process)
        subscriber.to_the_end()
        ended_well(process)
        same_as_file(subscriber, tmp_path / "own.pstats")
