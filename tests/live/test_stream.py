"""The live stream, as a stranger's subscriber sees it: pyzmq, msgpack and docs/wire.md."""

from __future__ import annotations

import os
import pstats
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import msgpack
import pytest
import zmq

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "subscriber.py"

WORK = """
    import sys, threading, time

    def leaf(n):
        return n + 1

    def fibonacci(n):
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    def work(seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            fibonacci(10)
            leaf(1)

    def main():
        threads = [threading.Thread(target=work, args=(float(sys.argv[1]),), name=f"worker {n}") for n in range(2)]
        for thread in threads:
            thread.start()
        work(float(sys.argv[1]))
        for thread in threads:
            thread.join()

    main()
"""


@pytest.fixture
def endpoint(tmp_path):
    # Socket paths are short; pytest's folders may not be.
    path = f"/tmp/pikos-test-{os.getpid()}-{time.monotonic_ns():x}.sock"
    yield f"ipc://{path}"
    Path(path).unlink(missing_ok=True)


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(WORK))
    return path


@pytest.fixture
def subscriber(endpoint):
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.linger = 0
        socket.rcvtimeo = 10_000
        # A process that forks closes its socket for that moment.
        socket.reconnect_ivl = 10
        socket.subscribe(b"")
        socket.connect(endpoint)
        yield socket


def start(*arguments, **options):
    return subprocess.Popen([sys.executable, "-m", "pikos.cprofile", *map(str, arguments)], **options)


def messages(socket, until_end=True):
    """All messages up to the last."""
    received = []
    while not received or not (until_end and received[-1].get("end")):
        received.append(msgpack.unpackb(socket.recv()))
        assert received[-1]["v"] == 1
    return received


class Known:
    """What docs/wire.md says that a subscriber knows after some messages."""

    def __init__(self):
        self.names, self.rows, self.edges, self.message = {}, {}, {}, None

    def apply(self, message):
        if message["kind"] == "full":
            self.names, self.rows, self.edges = {}, {}, {}
        self.names |= {row[0]: tuple(row[1:4]) for row in message["functions"]}
        self.rows |= {tuple(row[:2]): row[2:] for row in message["rows"]}
        self.edges |= {tuple(row[:3]): row[3:] for row in message["edges"]}
        self.message = message
        return self

    def stats(self):
        """pstats' dict: {label: (cc, nc, tottime, cumtime, callers)}, times in seconds."""
        seconds = self.message["tick"]
        functions, edges = {}, {}
        for (_, function), figures in self.rows.items():
            assert figures[4:] == [0, 0, 0], "nothing is open at the end"
            add(functions.setdefault(self.names[function], [0] * 4), figures)
        for (_, caller, callee), figures in self.edges.items():
            add(edges.setdefault((self.names[callee], self.names[caller]), [0] * 4), figures)
        stats = {}
        for label, (nc, cc, own, total) in functions.items():
            callers = {
                caller: (enc, ecc, max(0, eown) * seconds, max(0, etotal) * seconds)
                for (callee, caller), (enc, ecc, eown, etotal) in edges.items()
                if callee == label and enc
            }
            if nc:
                stats[label] = (cc, nc, max(0, own) * seconds, max(0, total) * seconds, callers)
        return stats


def add(sums, figures):
    for place, figure in enumerate(figures[:4]):
        sums[place] += figure


def test_the_last_message_is_the_profile(endpoint, subscriber, script, tmp_path):
    out = tmp_path / "out.pstats"
    options = ["--threads", "--live", endpoint, "--interval", "0.05", "-o", out]
    process = start(*options, script, "1")
    received = messages(subscriber)
    assert process.wait() == 0
    known = Known()
    for message in received:
        known.apply(message)
    assert known.stats() == pstats.Stats(str(out)).stats
    assert received[-1]["end"] == {"how": "normal", "detail": ""}
    assert [message["seq"] for message in received] == list(range(1, len(received) + 1))
    assert len(received) >= 10
    assert {row[1] for row in received[-1]["threads"]} == {"MainThread", "worker 0", "worker 1"}
    facts = received[0]["facts"]
    assert (facts["pid"], facts["argv"]) == (process.pid, [str(script), "1"])


def test_numbers_grow_and_open_calls_are_seen(endpoint, subscriber, script, tmp_path):
    process = start("--live", endpoint, "--interval", "0.05", "-o", tmp_path / "out.pstats", script, "1")
    known, calls, seen_main = Known(), -1, 0
    while not known.message or not known.message.get("end"):
        known.apply(msgpack.unpackb(subscriber.recv()))
        now = sum(figures[0] for figures in known.rows.values())
        assert now >= calls
        calls = now
        for (_, function), figures in known.rows.items():
            if known.names[function][2] == "main" and not known.message.get("end"):
                ncalls, _, _, _, is_open, own, total = figures
                assert (ncalls, is_open) == (0, 1)
                assert 0 <= own <= total
                # Not older than the stream, and within a message or two of its age.
                assert total * known.message["tick"] == pytest.approx(known.message["age"], abs=0.5)
                seen_main += 1
    assert process.wait() == 0
    assert seen_main >= 10


def test_whoever_joins_late_knows_everything(endpoint, script, tmp_path):
    out = tmp_path / "out.pstats"
    process = start("--threads", "--live", endpoint, "--interval", "0.05", "-o", out, script, "2")
    time.sleep(1)
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.rcvtimeo = 10_000
        socket.subscribe(b"")
        socket.connect(endpoint)
        received = messages(socket)
    assert process.wait() == 0
    assert received[0]["kind"] == "full"
    # Nothing was sent, nor counted as lost, while nobody listened.
    assert received[0]["seq"] == 1
    known = Known()
    for message in received:
        known.apply(message)
    assert known.stats() == pstats.Stats(str(out)).stats


def test_a_delta_heals_what_was_lost(endpoint, subscriber, tmp_path):
    """Many functions that rest, a few that run: deltas. Any two of them in a row make up for all before."""
    script = tmp_path / "script.py"
    script.write_text(
        "import time\n"
        + "".join(f"def f{n}(): pass\n" for n in range(400))
        + "".join(f"f{n}()\n" for n in range(400))
        + "def work(): time.sleep(0.001)\n"
        + "end = time.monotonic() + 2\n"
        + "while time.monotonic() < end: work()\n"
    )
    out = tmp_path / "out.pstats"
    process = start("--live", endpoint, "--interval", "0.05", "-o", out, script)
    received = messages(subscriber)
    assert process.wait() == 0
    deltas = [message for message in received if message["kind"] == "delta"]
    assert len(deltas) >= 10
    assert all(len(message["rows"]) < 50 for message in deltas)
    full, *rest, _ = received
    everything, healed = Known(), Known().apply(full)
    for message in received[:-1]:
        everything.apply(message)
    base = [message for message in received if message["seq"] == rest[-1]["base"]]
    healed.apply(base[0]).apply(rest[-1])
    assert (healed.names, healed.rows, healed.edges) == (everything.names, everything.rows, everything.edges)


def test_the_example(endpoint, script, tmp_path):
    """It is stopped in the middle, and ends with the numbers of the file all the same."""
    out = tmp_path / "out.pstats"
    watching = subprocess.Popen([sys.executable, EXAMPLE, endpoint], stdout=subprocess.PIPE, text=True)
    process = start("--live", endpoint, "--interval", "0.02", "-o", out, script, "2")
    time.sleep(0.7)
    watching.send_signal(signal.SIGSTOP)
    time.sleep(1)
    watching.send_signal(signal.SIGCONT)
    shown, _ = watching.communicate(timeout=30)
    assert process.wait() == 0
    stats = pstats.Stats(str(out)).stats
    calls = {}
    for line in shown.splitlines():
        ncalls, _, _, label = line.split(maxsplit=3)
        calls[label] = calls.get(label, 0) + int(ncalls)
    assert {label: ncalls for label, ncalls in calls.items() if ncalls} == {
        f"{file}:{line}({name})": nc for (file, line, name), (_, nc, *_) in stats.items()
    }


@pytest.mark.parametrize(
    ("body", "end", "code"),
    [
        ("raise KeyError(1)", {"how": "exception", "detail": "KeyError"}, 1),
        ("import os; os._exit(3)", {"how": "exit", "detail": "3"}, 3),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", {"how": "signal", "detail": "SIGTERM"}, -15),
        ("raise SystemExit(4)", {"how": "normal", "detail": ""}, 4),
    ],
)
def test_how_it_ended(endpoint, subscriber, tmp_path, body, end, code):
    script = tmp_path / "script.py"
    script.write_text(f"import time\ntime.sleep(0.3)\n{body}\n")
    process = start("--live", endpoint, "-o", tmp_path / "out.pstats", script, stderr=subprocess.DEVNULL)
    assert messages(subscriber)[-1]["end"] == end
    assert process.wait() == code


def test_the_subscriber_may_bind(tmp_path, script):
    """One subscriber sees several processes, each under its own id."""
    with zmq.Context() as context, context.socket(zmq.SUB) as socket:
        socket.rcvtimeo = 10_000
        socket.subscribe(b"")
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        options = ["--live", f"tcp://127.0.0.1:{port}", "--connect"]
        processes = [start(*options, "-o", tmp_path / f"{n}.pstats", script, "0.5") for n in range(3)]
        known = {}
        while len(known) < 3 or not all(each.message.get("end") for each in known.values()):
            message = msgpack.unpackb(socket.recv())
            known.setdefault(message["id"], Known()).apply(message)
        assert [process.wait() for process in processes] == [0, 0, 0]
        assert {each.message["facts"]["pid"] for each in known.values()} == {process.pid for process in processes}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--live", "tcp://192.0.2.1:9"], "is not on this host"),
        (["--live", "tcp://127.0.0.1"], "expected tcp://HOST:PORT"),
        (["--live", "http://127.0.0.1:9"], "expected ipc://PATH or tcp://HOST:PORT"),
        (["--live", "ipc://" + "x" * 200], "too long a path"),
        (["--live", "ipc:///nowhere/at/all.sock"], "/nowhere/at/all.sock"),
        (["--live", "--connect"], "needs an endpoint"),
        (["--live", "--interval", "0.001"], "interval must be 0.02 to 60 seconds, got 0.001"),
    ],
)
def test_what_can_not_be_had_is_told_and_the_program_runs(tmp_path, options, problem):
    script = tmp_path / "script.py"
    script.write_text("print('it runs')\n")
    command = [sys.executable, "-m", "pikos.cprofile", *options, "-o", tmp_path / "out.pstats", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "it runs\n")
    assert problem in done.stderr
    assert done.stderr.startswith("pikos: --live: ")
    assert len(done.stderr.splitlines()) == 1
    assert pstats.Stats(str(tmp_path / "out.pstats")).total_calls > 0


def test_a_taken_port(script, tmp_path):
    with zmq.Context() as context, context.socket(zmq.PUB) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
        options = ["--live", f"tcp://127.0.0.1:{port}", "-o", tmp_path / "out.pstats"]
        process = start(*options, script, "0.1", stderr=subprocess.PIPE, text=True)
        _, shown = process.communicate()
        assert process.returncode == 0
        assert f"tcp://127.0.0.1:{port} is taken" in shown


def test_the_folder_is_the_users(tmp_path, script, monkeypatch):
    """Sockets by default are where docs/wire.md says; a folder that is open to others is refused."""
    runtime = Path(f"/tmp/pikos-run-{os.getpid()}")
    runtime.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    try:
        process = start("--live", "-o", tmp_path / "out.pstats", script, "1")
        deadline = time.monotonic() + 10
        while not (found := list(runtime.glob(f"pikos/{process.pid}-*.pub"))):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert (runtime / "pikos").stat().st_mode & 0o777 == 0o700
        assert process.wait() == 0
        assert not found[0].exists()
        (runtime / "pikos").chmod(0o755)
        process = start("--live", "-o", tmp_path / "out.pstats", script, "0.1", stderr=subprocess.PIPE, text=True)
        _, shown = process.communicate()
        assert process.returncode == 0
        assert "is open to other users" in shown
    finally:
        subprocess.run(["rm", "-rf", str(runtime)], check=True)


def test_in_code(endpoint, subscriber):
    """Profile(live=…): paused while disabled, and ended with the Profile."""
    code = f"""
        import time
        from pikos.cprofile import Profile

        def work(seconds):
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                len("x")

        with Profile(live={endpoint!r}, interval=0.05) as profile:
            work(0.5)
        time.sleep(0.3)
        profile.clear()
        with profile:
            work(0.3)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)])
    received = messages(subscriber)
    assert process.wait() == 0
    states = [message["paused"] for message in received]
    assert {False, True} == set(states)
    assert received[-1]["epoch"] == 1
    first = max(sum(row[2] for row in message["rows"]) for message in received if message["epoch"] == 0)
    assert first > 1_000
    after = next(message for message in received if message["epoch"] == 1)
    assert after["kind"] == "full"
    assert received[-1]["end"] == {"how": "normal", "detail": ""}


def test_the_environment(endpoint, subscriber, script, tmp_path):
    process = start("-o", tmp_path / "out.pstats", script, "0.3", env=os.environ | {"PIKOS_LIVE": endpoint})
    assert messages(subscriber)[-1]["end"]["how"] == "normal"
    assert process.wait() == 0


def test_fork_in_the_middle(endpoint, subscriber, tmp_path):
    """The parent's stream goes on; children say nothing, and neither hang nor harm it."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            import os, warnings
            warnings.simplefilter("error")
            for _ in range(50):
                child = os.fork()
                if not child:
                    len("x")
                    os._exit(7)
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        """)
    )
    process = start("--live", endpoint, "--interval", "0.02", "-o", tmp_path / "out.pstats", script)
    received = messages(subscriber)
    assert process.wait() == 0
    assert {message["id"] for message in received} == {received[0]["id"]}
    assert received[-1]["end"] == {"how": "normal", "detail": ""}
    stats = pstats.Stats(str(tmp_path / "out.pstats")).stats
    forks = [row[1] for label, row in stats.items() if label[2] == "<built-in method posix.fork>"]
    assert forks == [50]
