"""What being live costs: a profiled program works for about a second, again and again, with and without a load, in turn.

    python -m benchmarks.live [--rounds N] [--seconds S] [--loads 1,2]

One process does both: while nobody listens, its publisher sleeps. Each round is without, with, without; a ratio is that of the
second to the mean of the others, and what the two others differ by is noise. Printed are medians over the rounds, with ± for half of
the distance between the quartiles:

- own: the ratio of the CPU time of the program's own thread, which other processes hardly touch;
- noise: the same of the two without the load;
- wall: the ratio of run times, worth something on a machine that does nothing else;
- CPU: what the publisher's threads took, for each second of the program's own time. With a core to spare, the program doesn't wait for
  it; without one, it does.

"nobody listens" compares two processes, one live and one not. Needs pyzmq.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import zmq

from benchmarks.shared import machine

#: Works for as many rounds as a line of its input says; then says how long that took, and the CPU time of its publisher.
PROGRAM = """
import glob, json, sys, time
def leaf(n): return n + 1
def work(n):
    for i in range(n): leaf(i)
namespace = {}
for number in range(FUNCTIONS):
    exec(f"def f{number}(): pass", namespace)
functions = [value for name, value in namespace.items() if name[0] == "f"]

def publisher():
    total = 0
    for task in glob.glob("/proc/self/task/*"):
        with open(task + "/comm") as comm, open(task + "/schedstat") as times:
            if comm.read().startswith(("pikos-live", "ZMQbg")): total += int(times.read().split()[0])
    return total / 1e9

def slice(rounds):
    before, start, own = publisher(), time.perf_counter(), time.thread_time()
    for round in range(rounds):
        work(20_000)
        for function in functions: function()
    wall, own = time.perf_counter() - start, time.thread_time() - own
    return {"wall": wall, "own": own, "cpu": publisher() - before}

slice(1)
print("ready", flush=True)
for line in sys.stdin: print(json.dumps(slice(int(line))), flush=True)
"""

#: Subscribes and unsubscribes as it is told; then says what came, in bytes.
SUBSCRIBER = """
import json, select, sys, zmq
context = zmq.Context()
for line in sys.stdin:
    s = context.socket(zmq.SUB); s.linger = 0; s.connect(sys.argv[1]); s.subscribe(b"")
    print(len(s.recv()), flush=True)
    sizes, poller = [], zmq.Poller()
    poller.register(s, zmq.POLLIN); poller.register(sys.stdin.fileno(), zmq.POLLIN)
    while sys.stdin.fileno() not in (ready := dict(poller.poll())): sizes.append(len(s.recv()))
    sys.stdin.readline(); s.close()
    print(json.dumps(sizes), flush=True)
"""

PATIENCE = 60.0


def asked(process: subprocess.Popen[str], question: object) -> Any:
    """What a process says to a line."""
    stdin, stdout = streams(process)
    stdin.write(f"{question}\n")
    stdin.flush()
    return json.loads(stdout.readline())


def streams(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    assert process.stdin is not None and process.stdout is not None
    return process.stdin, process.stdout


class Program:
    """A profiled program that works when it is asked to."""

    def __init__(self, folder: Path, functions: int, interval: float | None, tree: bool) -> None:
        script = folder / f"program{functions}.py"
        script.write_text(PROGRAM.replace("FUNCTIONS", str(functions)))
        options = [] if interval is None else ["--live", "--interval", str(interval)]
        options += ["--tree"] if tree else []
        environment = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pikos.cprofile", *options, "-o", os.devnull, str(script)],
            env={**environment, "TMPDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert streams(self.process)[1].readline() == "ready\n"
        found = list(folder.glob(f"pikos-*/{self.process.pid}-*.pub"))
        self.endpoint = f"ipc://{found[0]}" if found else ""
        self.rounds = 10

    def aim(self, seconds: float) -> None:
        """Let it work for so long each time."""
        own = min(self.work()["own"] for _ in range(3))
        self.rounds = max(1, round(self.rounds * seconds / own))

    def work(self) -> dict[str, float]:
        return asked(self.process, self.rounds)

    def end(self) -> None:
        self.process.communicate()


@contextlib.contextmanager
def subscriber(endpoint: str) -> Iterator[Callable[[], contextlib.AbstractContextManager[list[int]]]]:
    """Reads all messages, in a process of its own, while the inner context lasts; then their sizes are in its list."""
    command = [sys.executable, "-c", SUBSCRIBER, endpoint]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        @contextlib.contextmanager
        def listening() -> Iterator[list[int]]:
            sizes: list[int] = []
            asked(process, "on")
            yield sizes
            sizes += asked(process, "off")

        yield listening


@contextlib.contextmanager
def hostile(endpoint: str) -> Iterator[Callable[[], contextlib.AbstractContextManager[list[int]]]]:
    """1,000 peers: some say nothing, some send garbage and come back, some subscribe and never read."""
    path = endpoint.removeprefix("ipc://")
    source = random.Random(1)

    @contextlib.contextmanager
    def attacked() -> Iterator[list[int]]:
        stop = threading.Event()
        peers: list[socket.socket] = []
        context = zmq.Context()

        def connect(index: int) -> None:
            peer = socket.socket(socket.AF_UNIX)
            with contextlib.suppress(OSError):
                peer.connect(path)
                peers.append(peer)
                if index % 2:
                    peer.send(source.randbytes(100))

        def come_back() -> None:
            index = 0
            while not stop.wait(0.005):
                if peers:
                    peers.pop(source.randrange(len(peers))).close()
                connect(index)
                index += 1

        for index in range(900):
            connect(index)
        silent = []
        for _ in range(100):
            peer = context.socket(zmq.SUB)
            peer.setsockopt(zmq.RCVHWM, 1)
            peer.setsockopt(zmq.LINGER, 0)
            peer.connect(endpoint)
            peer.subscribe(b"")
            silent.append(peer)
        thread = threading.Thread(target=come_back)
        thread.start()
        time.sleep(0.3)
        try:
            yield []
        finally:
            stop.set()
            thread.join()
            for one in [*peers, *silent]:
                one.close()
            context.term()

    yield attacked


#: What it is called, how many functions more the program has, the interval, the load (none: nobody listens), and whether
#: full stacks are kept, on both sides.
LOADS = [
    ("live, nobody listens", 0, 0.1, None, False),
    ("10 Hz, one subscriber", 0, 0.1, subscriber, False),
    ("2 Hz, one subscriber, 50,000 functions", 50_000, 0.5, subscriber, False),
    ("10 Hz, 1,000 hostile peers", 0, 0.1, hostile, False),
    ("10 Hz, one subscriber, --tree", 0, 0.1, subscriber, True),
    ("2 Hz, one, 50,000 functions, --tree", 50_000, 0.5, subscriber, True),
]


def measure(folder: Path, load: tuple[str, int, float, Any, bool], rounds: int, seconds: float) -> str:
    """A line of the table."""
    name, functions, interval, act, tree = load
    program = Program(folder, functions, interval, tree)
    plain = Program(folder, functions, None, tree) if act is None else program
    plain.aim(seconds)
    program.rounds = plain.rounds
    own, noise, wall, cpu, sizes = [], [], [], [], []
    with contextlib.nullcontext(lambda: contextlib.nullcontext([])) if act is None else act(program.endpoint) as loaded:
        for _ in range(rounds):
            before = plain.work()
            with loaded() as got:
                during = program.work()
            # Whoever has left is forgotten in a moment.
            time.sleep(0.05)
            after = plain.work()
            own.append(2 * during["own"] / (before["own"] + after["own"]))
            noise.append(after["own"] / before["own"])
            wall.append(2 * during["wall"] / (before["wall"] + after["wall"]))
            cpu.append(during["cpu"] / during["own"])
            sizes += got
    for one in {program, plain}:
        one.end()
    size = f"{max(sizes) / 1000:.0f} / {statistics.median(sizes) / 1000:.1f}" if sizes else "-"
    figures = [*map(spread, (own, noise, wall)), f"{statistics.median(cpu):6.2%}", size]
    return f"{name:42} {'   '.join(figures)}"


def spread(ratios: list[float]) -> str:
    """The median, and how far the middle half goes."""
    first, median, third = statistics.quantiles(ratios, n=4)
    return f"{median:.3f} ±{(third - first) / 2:.3f}"


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.live", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long the program works each time")
    parser.add_argument("--loads", default="1,2,3,4,5,6", help="which lines of the table, 1 to 6")
    options = parser.parse_args()
    for name, value in machine.facts().items():
        print(f"{name}: {value}")
    print(f"{options.rounds} rounds of {options.seconds:g} s\n")
    print(f"{'load':42} {'own':12}   {'noise':12}   {'wall':12}   {'CPU':>6}   messages: largest / median, KB")
    with tempfile.TemporaryDirectory(prefix="pikos-", dir="/tmp") as name:
        for number in map(int, options.loads.split(",")):
            print(measure(Path(name), LOADS[number - 1], options.rounds, options.seconds), flush=True)


if __name__ == "__main__":
    main()
