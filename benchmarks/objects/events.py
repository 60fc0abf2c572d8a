"""What counting objects costs a program, by type, by line, and of one class; beside tracemalloc and, if it is installed, memray.

Each program runs in a process of its own for each way of looking at it, all ways in turn, round after round; the median counts. Slowdown: the processor time
of the work alone, over that of a process where nobody counts.

    python -m benchmarks.objects.events [--rounds N] [--programs NAME...]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.shared.machine import ROOT, facts
from benchmarks.shared.workloads import WORKLOADS, workload

#: The most that it may cost, the geometric mean of the programs.
GOALS = {"all types": 2.0, "all types and lines": 3.0, "one class": 1.1}
PROGRAMS = [each.name for each in WORKLOADS if not each.micro]


class Asked:
    """The one class that is asked for."""


def nobody() -> Callable[[], Any]:
    return lambda: None


def monitor(**options: Any) -> Callable[[], Any]:
    from pikos.objects import ObjectMonitor

    if sys.version_info < (3, 13):
        options["types"] = options.get("types", ["list", "tuple", "dict", "set", "*.*"])
    asked = ObjectMonitor(**options)
    asked.enable()
    return asked.disable


def traced(frames: int) -> Callable[[], Any]:
    import tracemalloc

    tracemalloc.start(frames)
    return tracemalloc.stop


def memray() -> Callable[[], Any]:
    import memray

    folder = tempfile.TemporaryDirectory()
    tracker = memray.Tracker(os.path.join(folder.name, "out"), trace_python_allocators=True)
    tracker.__enter__()
    return lambda: tracker.__exit__(None, None, None)


WAYS: dict[str, Callable[[], Callable[[], Any]]] = {
    "nobody": nobody,
    "all types": monitor,
    "all types and lines": lambda: monitor(where=True),
    "one class": lambda: monitor(types=[Asked]),
    "tracemalloc, 1 frame": lambda: traced(1),
    "tracemalloc, 25 frames": lambda: traced(25),
    "memray, Python's allocators": memray,
}


def measure(program: str, way: str) -> float:
    """Seconds of a processor that the work takes, the least of three in one process."""
    work = workload(program).setup()
    work()
    best = math.inf
    end = WAYS[way]()
    for _ in range(3):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    end()
    return best


def run(program: str, way: str) -> float | None:
    """The same in a process of its own; None where that way isn't to be had."""
    command = [sys.executable, "-m", "benchmarks.objects.events", "--measure", program, way]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        if "ModuleNotFoundError: No module named 'memray'" in done.stderr:
            return None
        sys.exit(f"{program}, {way}:\n{done.stderr}")
    return float(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--programs", nargs="+", choices=[each.name for each in WORKLOADS], default=PROGRAMS)
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    programs = options.programs
    ways = [way for way in WAYS if run(programs[0], way) is not None]
    for name, fact in facts().items():
        print(f"{name}: {fact}")
    print(f"\nSlowdown, median of {options.rounds} rounds\n\n| program | " + " | ".join(ways[1:]) + " |")
    print("|---|" + "---|" * (len(ways) - 1))
    slowdowns: dict[str, list[float]] = {way: [] for way in ways[1:]}
    for program in programs:
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way in ways:
                taken = run(program, way)
                if taken is not None:
                    seconds[way].append(taken)
        base = statistics.median(seconds["nobody"])
        row = [statistics.median(seconds[way]) / base for way in ways[1:]]
        for way, slowdown in zip(ways[1:], row, strict=True):
            slowdowns[way].append(slowdown)
        print(f"| {program} | " + " | ".join(f"{slowdown:.2f}" for slowdown in row) + " |", flush=True)
    means = {way: statistics.geometric_mean(each) for way, each in slowdowns.items()}
    print("| **geometric mean** | " + " | ".join(f"**{mean:.2f}**" for mean in means.values()) + " |")
    missed = [way for way, goal in GOALS.items() if means[way] > goal]
    for way in missed:
        print(f"missed: {way} {means[way]:.2f}, the goal is {GOALS[way]}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
