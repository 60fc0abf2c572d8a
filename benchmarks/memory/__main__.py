"""What a profile costs beside the time of its calls: the start of a run, memory, and growth with many functions.

    python -m benchmarks.memory [--quick] [--check]

Whole processes, ours and cProfile's in turn, medians. benchmarks/README.md says more.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.shared import machine
from benchmarks.shared.turns import ENVIRONMENT

PROFILERS = {"cProfile": "cProfile", "pikos": "pikos.cprofile"}
#: How many functions, for growth; at MANY memory is compared.
COUNTS = (25_000, 50_000, 100_000, 200_000, 350_000)
MANY = 100_000
#: Rounds of starts, of the program with MANY functions, and of growth.
ROUNDS = (25, 5, 3)
QUICK_ROUNDS = (9, 3, 1)
#: Time grows as functions to this power at most: 1 is linear, 2 quadratic. Caches that grow too small take the rest.
LINEAR = 1.25


class Report:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.missed: list[str] = []

    def say(self, line: str = "") -> None:
        print(line, flush=True)
        self.lines.append(line)

    def table(self, heads: Sequence[str]) -> None:
        self.say(f"| {heads[0]:34} | " + " | ".join(f"{head:>12}" for head in heads[1:]) + " |")
        self.say(f"|{'-' * 36}|" + f"{'-' * 13}:|" * (len(heads) - 1))

    def row(self, name: str, *values: str) -> None:
        self.say(f"| {name:34} | " + " | ".join(f"{value:>12}" for value in values) + " |")

    def goal(self, what: str, met: bool) -> None:
        self.say(f"- goal: {what}: {'met' if met else 'missed'}")
        if not met:
            self.missed.append(what)


def start(command: Sequence[str]) -> float:
    """CPU seconds of a whole process."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command[1:])}: exit code {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def starts(report: Report, rounds: int) -> None:
    """The launchers on an empty script."""
    with tempfile.TemporaryDirectory() as folder:
        empty, out = Path(folder, "empty.py"), Path(folder, "out.pstats")
        empty.touch()
        commands = {
            "plain": [sys.executable, str(empty)],
            "cProfile": [sys.executable, "-m", "cProfile", str(empty)],
            "pikos": [sys.executable, "-m", "pikos.cprofile", str(empty)],
            "cProfile -o": [sys.executable, "-m", "cProfile", "-o", str(out), str(empty)],
            "pikos -o": [sys.executable, "-m", "pikos.cprofile", "-o", str(out), str(empty)],
        }
        seen: dict[str, list[float]] = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                seconds = start(command)
                if number:  # the first only warms the disk's cache
                    seen[name].append(seconds)
    median = {name: statistics.median(runs) for name, runs in seen.items()}
    report.say(f"## `python -m … empty.py`: milliseconds of CPU time, medians of {rounds}")
    report.say()
    report.table(["", "plain", "cProfile", "pikos", "pikos/cProf."])
    for what, more in (("prints a table", ""), ("writes a file", " -o")):
        theirs, ours = median["cProfile" + more], median["pikos" + more]
        report.row(
            what, *(f"{seconds * 1e3:.1f}" for seconds in (median["plain"], theirs, ours)), f"{ours / theirs:.2f}"
        )
    report.say()
    report.goal(
        "no slower than cProfile's", all(median["pikos" + m] <= median["cProfile" + m] * 1.02 for m in ("", " -o"))
    )


def run(profiler: str, count: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.memory.run", PROFILERS[profiler], str(count)]
    done = subprocess.run(command, cwd=machine.ROOT, capture_output=True, text=True, env=ENVIRONMENT)
    if done.returncode != 0:
        sys.exit(f"{profiler} with {count} functions: exit code {done.returncode}\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout)
    return result


def measure(count: int, rounds: int) -> dict[str, dict[str, float]]:
    """Medians for each profiler."""
    seen: dict[str, list[dict[str, float]]] = {profiler: [] for profiler in PROFILERS}
    for _ in range(rounds):
        for profiler, runs in seen.items():
            runs.append(run(profiler, count))
    return {
        profiler: {what: statistics.median(one[what] for one in runs) for what in runs[0]}
        for profiler, runs in seen.items()
    }


def memory(report: Report, rounds: int) -> None:
    found = measure(MANY, rounds)
    theirs, ours = found["cProfile"], found["pikos"]
    report.say()
    report.say(f"## Memory for {MANY:,} functions: MB, medians of {rounds}")
    report.say()
    report.table(["greatest resident size", "cProfile", "pikos", "pikos/cProf."])
    for when, what in (
        ("above the program's, recording", "record bytes"),
        ("…, until the file is written", "write bytes"),
    ):
        report.row(when, f"{theirs[what] / 1e6:.1f}", f"{ours[what] / 1e6:.1f}", f"{ours[what] / theirs[what]:.2f}")
    all_theirs, all_ours = theirs["peak bytes"], ours["peak bytes"]
    report.row(
        "of the whole process", f"{all_theirs / 1e6:.1f}", f"{all_ours / 1e6:.1f}", f"{all_ours / all_theirs:.2f}"
    )
    report.say()
    report.goal("the whole process is no larger than under cProfile", all_ours <= all_theirs * 1.01)


def exponent(times: dict[int, float]) -> float:
    """The power of the count that the times grow with: the slope of a line through their logarithms."""
    return statistics.linear_regression(list(map(math.log, times)), list(map(math.log, times.values()))).slope


def growth(report: Report, rounds: int) -> None:
    report.say()
    report.say(f"## Growth: microseconds of CPU time for a function, medians of {rounds}")
    report.say()
    report.table(["", "functions", "cProfile", "pikos", "pikos/cProf."])
    times: dict[tuple[str, str], dict[int, float]] = {}
    for count in COUNTS:
        found = measure(count, rounds)
        for what in ("record", "write"):
            for profiler in PROFILERS:
                times.setdefault((profiler, what), {})[count] = found[profiler][f"{what} seconds"]
            theirs, ours = (times[profiler, what][count] / count * 1e6 for profiler in PROFILERS)
            name = "first two calls" if what == "record" else "statistics and file"
            report.row(name, f"{count:,}", f"{theirs:.2f}", f"{ours:.2f}", f"{ours / theirs:.2f}")
    powers = {key: exponent(series) for key, series in times.items()}
    report.say()
    for (profiler, what), power in powers.items():
        report.say(f"- {profiler}, {what}: time grows as functions to the power of {power:.2f}")
    report.goal(
        f"ours to the power of {LINEAR} at most", max(powers["pikos", w] for w in ("record", "write")) <= LINEAR
    )


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.memory", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a goal is missed")
    args = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        print("this benchmark reads /proc, which this system doesn't have: nothing is measured", file=sys.stderr)
        return 1
    rounds = QUICK_ROUNDS if args.quick else ROUNDS
    report = Report()
    date = datetime.datetime.now(datetime.UTC).date().isoformat()
    report.say(f"# Start, memory and growth on CPython {machine.release()}, {date}")
    report.say()
    for name, value in machine.facts().items():
        report.say(f"- {name}: {value}")
    report.say()
    starts(report, rounds[0])
    memory(report, rounds[1])
    growth(report, rounds[2])
    folder = machine.results("memory", whole=not args.quick)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{date}-{machine.release()}.md"
    path.write_text("\n".join(report.lines) + "\n", encoding="utf-8")
    print(f"written: {path.relative_to(machine.ROOT)}")
    return 1 if args.check and report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
