"""What being live costs: the same CPU-bound program profiled without `--live`, and with it under each kind of load, in turn.

    python benchmarks/live.py [--rounds N] [--seconds S]

Prints, for each load, the median over the rounds of the ratio to the run of the same round without `--live`: of the time that
the program itself measures (wall), and of the process's CPU time, the publisher's thread included. On a machine with a
core to spare the thread costs process time and no wall time. Also the sizes of the messages that one subscriber got.
Needs pyzmq and msgpack.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
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

import zmq

#: Works for a fixed number of rounds; prints wall and process time of that.
PROGRAM = """
import sys, time
def leaf(n): return n + 1
def work(n):
    for i in range(n): leaf(i)
namespace = {}
for number in range(FUNCTIONS):
    exec(f"def f{number}(): pass", namespace)
functions = [value for name, value in namespace.items() if name[0] == "f"]
for function in functions: function()
time.sleep(0.7)
wall, process = time.perf_counter(), time.process_time()
for round in range(ROUNDS):
    work(20_000)
    for function in functions: function()
print(time.perf_counter() - wall, time.process_time() - process)
"""


class Load:
    """Something that happens to the process from the outside while it runs."""

    def __init__(
        self,
        name: str,
        functions: int,
        interval: float,
        act: Callable[[str], contextlib.AbstractContextManager[list[int]]],
    ):
        self.name, self.functions, self.interval, self.act = name, functions, interval, act


@contextlib.contextmanager
def subscriber(endpoint: str) -> Iterator[list[int]]:
    """Reads all messages, in a process of its own; afterwards their sizes are in the list."""
    code = (
        "import sys, zmq, msgpack\n"
        "s = zmq.Context().socket(zmq.SUB); s.connect(sys.argv[1]); s.subscribe(b'')\n"
        "while True:\n"
        "    frame = s.recv(); print(len(frame), flush=True)\n"
        "    if b'\\xa3end' in frame[:2000] and msgpack.unpackb(frame).get('end'): break\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, endpoint], stdout=subprocess.PIPE, text=True)
    sizes: list[int] = []
    try:
        yield sizes
        time.sleep(0.3)
    finally:
        process.terminate()
        out, _ = process.communicate()
        sizes.extend(int(line) for line in out.split())


@contextlib.contextmanager
def nobody(endpoint: str) -> Iterator[list[int]]:
    """Live, and nobody listens."""
    yield []


@contextlib.contextmanager
def hostile(endpoint: str) -> Iterator[list[int]]:
    """1,000 peers: some say nothing, some send garbage and come back, some subscribe and never read."""
    path = endpoint.removeprefix("ipc://")
    stop = threading.Event()
    source = random.Random(1)
    peers: list[socket.socket] = []
    context = zmq.Context()
    silent = []

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
    for _ in range(100):
        peer = context.socket(zmq.SUB)
        peer.setsockopt(zmq.RCVHWM, 1)
        peer.setsockopt(zmq.LINGER, 0)
        peer.connect(endpoint)
        peer.subscribe(b"")
        silent.append(peer)
    thread = threading.Thread(target=come_back)
    thread.start()
    try:
        yield []
    finally:
        stop.set()
        thread.join()
        for peer in [*peers, *silent]:
            peer.close()
        context.term()


LOADS = [
    Load("live, nobody listens", 0, 0.1, nobody),
    Load("10 Hz, one subscriber", 0, 0.1, subscriber),
    Load("2 Hz, one subscriber, 50,000 functions", 50_000, 0.5, subscriber),
    Load("10 Hz, 1,000 hostile peers", 0, 0.1, hostile),
]


def run(folder: Path, script: Path, load: Load | None) -> tuple[float, float, list[int]]:
    """Wall and process time of one run, and message sizes."""
    options = [] if load is None else ["--live", "--interval", str(load.interval)]
    environment = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    process = subprocess.Popen(
        [sys.executable, "-m", "pikos.cprofile", *options, "-o", str(folder / "out.pstats"), str(script)],
        env={**environment, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        text=True,
    )
    sizes: list[int] = []
    if load is None:
        out, _ = process.communicate()
    else:
        while not (found := list(folder.glob(f"pikos-*/{process.pid}-*.pub"))):
            time.sleep(0.005)
        with load.act(f"ipc://{found[0]}") as sizes:
            out, _ = process.communicate()
    wall, cpu = map(float, out.split())
    return wall, cpu, sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3.0, help="about how long one run takes")
    options = parser.parse_args()
    print(
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs, {options.rounds} rounds"
    )
    print(f"{'load':42} {'wall':>7} {'process':>8}   messages: full / median, KB")
    with tempfile.TemporaryDirectory(prefix="pikos-bench-", dir="/tmp") as name:
        folder = Path(name)
        for load in LOADS:
            script = folder / "program.py"
            text = PROGRAM.replace("FUNCTIONS", str(load.functions))
            script.write_text(text.replace("ROUNDS", "20"))
            wall, _, _ = run(folder, script, None)
            script.write_text(text.replace("ROUNDS", str(max(1, round(20 * options.seconds / wall)))))
            walls, cpus, sizes = [], [], []
            for number in range(options.rounds):
                # Each goes first as often as the other.
                order = [None, load] if number % 2 else [load, None]
                times = {which: run(folder, script, which) for which in order}
                walls.append(times[load][0] / times[None][0])
                cpus.append(times[load][1] / times[None][1])
                sizes += times[load][2]
            size = f"{max(sizes) / 1000:.0f} / {statistics.median(sizes) / 1000:.1f}" if sizes else "-"
            print(f"{load.name:42} {statistics.median(walls):7.3f} {statistics.median(cpus):8.3f}   {size}", flush=True)


if __name__ == "__main__":
    main()
