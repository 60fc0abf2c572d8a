"""What clusters cost: Dask's tasks under a profile, and a collector of a thousand processes.

    python -m benchmarks.clusters dask [--tasks 10000] [--rounds 3]
    python -m benchmarks.clusters collect [--processes 1000] [--functions 500] [--seconds 60]

dask: tasks of 10 ms, 9 of them asleep and the rest in calls, on two workers. In turn: plain; each profiling itself, which is the exact
profile's own cost; and under `pikos.plugins.dask.profile`. Counts must be equal.

collect: processes that are none send a message a second each to `pikos collect`. Nothing may be lost; its processor time, its memory, and how long the page's
picture of all of it takes are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.shared import machine

ROOT = Path(__file__).resolve().parents[2]
SENDERS = ROOT / "tests" / "support" / "senders.py"


def leaf(number: int) -> int:
    return number + 1


def work(number: int) -> int:
    """A task: 10 ms, some of them in calls."""
    start = time.perf_counter()
    time.sleep(0.009)
    for _ in range(500):
        leaf(number)
    while time.perf_counter() - start < 0.01:
        pass
    return number


def profiled(number: int) -> int:
    """The same, with a profile of its own."""
    from pikos.cprofile import Profile

    with Profile(threads=False, tree=True):
        return work(number)


def dask(options: argparse.Namespace) -> None:
    import pikos.plugins.dask
    from dask.distributed import Client, LocalCluster

    times: dict[str, list[float]] = {"plain": [], "its own profile": [], "pikos.plugins.dask": []}
    with LocalCluster(n_workers=2, threads_per_worker=4, dashboard_address=":0") as cluster, Client(cluster) as client:

        def run(task: object, turn: int) -> float:
            start = time.perf_counter()
            # Others than before: nothing is known already.
            client.gather(client.map(task, range(turn * options.tasks, (turn + 1) * options.tasks)))
            return time.perf_counter() - start

        run(work, 10_000)
        for turn in range(options.rounds):
            times["plain"].append(run(work, turn))
            times["its own profile"].append(run(profiled, turn))
            with pikos.plugins.dask.profile(client) as profile:
                times["pikos.plugins.dask"].append(run(work, options.rounds + turn))
            calls = sum(row.ncalls for row in profile.profile() if row.name == "leaf")
            assert calls == 500 * options.tasks, f"{calls} calls of {500 * options.tasks}"
            each = [profile.profile(worker=worker.address) for worker in profile.workers]
            assert sum(part.metadata["ncalls"] for part in each) == profile.profile().metadata["ncalls"]
    own = statistics.median(times["its own profile"])
    for name, found in times.items():
        middle = statistics.median(found)
        print(
            f"{name:20} {middle:7.2f} s   {100 * (middle / own - 1):+6.1f} %   ({', '.join(f'{each:.2f}' for each in found)})"
        )


def collect(options: argparse.Namespace) -> None:
    command = shutil.which("pikos", path=os.path.dirname(sys.executable)) or "pikos"
    with tempfile.TemporaryDirectory(prefix="pikos") as folder:
        environment = {**os.environ, "TMPDIR": folder, "XDG_RUNTIME_DIR": ""}
        kept = Path(folder) / "kept"
        arguments = [
            options.command or command,
            "collect",
            "--bind",
            "tcp://127.0.0.1:*",
            "-o",
            str(kept),
            "--every",
            "30s",
        ]
        collector = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)
        assert collector.stderr is not None
        endpoint = collector.stderr.readline().split()[-1]
        senders = subprocess.Popen(
            [
                sys.executable,
                str(SENDERS),
                endpoint,
                "--processes",
                str(options.processes),
                "--functions",
                str(options.functions),
                "--seconds",
                str(options.seconds),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert senders.stdout is not None and senders.stdout.readline() == "connected\n"
        time.sleep(3)
        serve = subprocess.Popen(
            [options.command or command, "serve", str(collector.pid), "--port", "0"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert serve.stdout is not None
        address, _, token = serve.stdout.readline().strip().partition("/?token=")
        start, before, waits, most = time.perf_counter(), cpu(collector.pid), [], 0.0

        def seen() -> int:
            """The calls in a picture of all of it."""
            nonlocal most
            begin = time.perf_counter()
            request = urllib.request.Request(
                f"{address}/api/picture?scope=all", headers={"Authorization": f"Bearer {token}"}
            )
            with urllib.request.urlopen(request) as answer:
                picture = answer.read()
            waits.append(time.perf_counter() - begin)
            most = max(most, memory(collector.pid))
            time.sleep(0.5)
            return sum(json.loads(picture)["functions"]["calls"])

        while senders.poll() is None:
            seen()
        used = (cpu(collector.pid) - before) / (time.perf_counter() - start)
        told = json.loads(senders.stdout.read().splitlines()[-1])
        end = time.perf_counter()
        while seen() < told["calls"] and time.perf_counter() < end + 120:
            pass
        behind = time.perf_counter() - end
        serve.kill()
        collector.send_signal(signal.SIGINT)
        _, said = collector.communicate()
        from pikos.stats import load

        calls = sum(row.ncalls or 0 for path in (kept / "so-far").iterdir() for row in load(path))
        size = sum(path.stat().st_size for path in kept.rglob("*") if path.is_file())
        waits.sort()
        print(
            f"{told['messages']} messages of {options.processes} processes, {told['late']:.2f} s late at most; calls: {calls} of {told['calls']}"
        )
        print(
            f"collector: {100 * used:.0f} % of a core, {behind:.1f} s behind at the end, {most / 2**20:.0f} MiB; on disk {size / 2**20:.1f} MiB"
        )
        print(
            f"the page's picture: {1000 * statistics.median(waits):.0f} ms, {1000 * waits[-1]:.0f} ms at most, of {len(waits)}"
        )
        print(said.strip().splitlines()[-1])
        assert calls == told["calls"], "something was lost"


def cpu(pid: int) -> float:
    """Seconds of processors that a process has had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> int:
    """Bytes of it that are in memory."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for run in (dask, collect):
        commands.add_parser(run.__name__).set_defaults(run=run)
    commands.choices["dask"].add_argument("--tasks", type=int, default=10_000)
    commands.choices["dask"].add_argument("--rounds", type=int, default=3)
    commands.choices["collect"].add_argument("--processes", type=int, default=1000)
    commands.choices["collect"].add_argument("--functions", type=int, default=500)
    commands.choices["collect"].add_argument("--seconds", type=float, default=60)
    commands.choices["collect"].add_argument(
        "--command", help="the pikos to measure; by default the one beside this Python"
    )
    options = parser.parse_args()
    print(", ".join(machine.facts().values()))
    options.run(options)


if __name__ == "__main__":
    main()
