"""How true samples are: programs made of phases, each phase's share of the samples against its share of the time without a sampler.

    python -m benchmarks.truth.samples [--quick] [--check] [--programs NAMES] [--rate HZ]

Each program has a process, in which it runs without and with a sampler in turn, looked at 1,000 times a second. What a phase takes is
told by a clock around it, while it is sampled as well: on a busy machine the two differ, and that is not the sampler's. A share of the
samples may be off the one without a sampler by 2 points, and by what chance does to so many samples: two standard errors.

`calls of C` are loops that call sorting, regular expressions, sums and compression, between loops of Python's own: a sampler that sees a
thread only where Python lets it go would find them at their neighbours. `--check` fails where a share is off by more than may be.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
import sys
import zlib
from dataclasses import dataclass
from typing import Any

from benchmarks.shared import machine
from benchmarks.shared.turns import Process
from benchmarks.truth.phases import PROGRAMS, Phase, Program, plain_loop, tiny_calls
from benchmarks.truth.run import run_phases

#: Points that a share may be off by, beside so many standard errors.
GOAL, ERRORS = 2.0, 2.0
#: Runs with a sampler, and as many without.
ROUNDS, QUICK_ROUNDS = 40, 10

ROWS = [random.Random(1).random() for _ in range(20_000)]
TEXT = "name = value; " * 4_000
BYTES = bytes(range(256)) * 400


def sorts() -> int:
    return sum(len(sorted(ROWS)) for _ in range(12))


def searches() -> int:
    return sum(len(re.findall(r"(\w+) = (\w+);", TEXT)) for _ in range(4))


def sums() -> int:
    return sum(sum(range(200_000)) for _ in range(3))


def compresses() -> int:
    return sum(len(zlib.compress(BYTES)) for _ in range(15))


def between() -> int:
    total = 0
    for number in range(60_000):
        total = (total * 5 + number) & 0xFFFF
    return total


OF_C = Program("calls of C", False, lambda: (plain_loop, sorts, between, searches, tiny_calls, sums, compresses))


@dataclass
class Share:
    """A phase: its part of the time without a sampler and with one, of the samples, and what chance may do to these. In percent."""

    phase: str
    true: float
    clocked: float
    sampled: float
    error: float

    @property
    def off(self) -> float:
        return self.sampled - self.true

    @property
    def is_missed(self) -> bool:
        return abs(self.off) > GOAL + ERRORS * self.error


def program(name: str) -> Program:
    return {known.name: known for known in (OF_C, *PROGRAMS)}[name]


def run(name: str, rate: float) -> None:
    """In a process of its own: a run without and one with the sampler, whenever a line comes."""
    from pikos.sampling import Sampler

    phases = program(name).setup()
    run_phases(phases)
    # All of a processor: how true samples are is the question, not how many there may be.
    sampler = Sampler(rate, budget=1.0)
    print("{}", flush=True)
    for number, _ in enumerate(sys.stdin):
        answer: dict[str, Any] = {}
        # What comes first finds other caches: now the one, now the other.
        for way in ("true", "sampled") if number % 2 else ("sampled", "true"):
            if way == "true":
                answer[way] = clocked(phases)
            else:
                answer[way], answer["samples"] = sampled(phases, sampler)
        print(json.dumps(answer), flush=True)


def clocked(phases: tuple[Phase, ...]) -> dict[str, float]:
    return {name: seconds for name, (seconds, _) in run_phases(phases).items()}


def sampled(phases: tuple[Phase, ...], sampler: Any) -> tuple[dict[str, float], dict[str, list[float]]]:
    """Seconds of each phase by the clock; seconds and samples by the sampler, of this and earlier runs."""
    sampler.start()
    try:
        times = clocked(phases)
    finally:
        sampler.stop()
    names = {phase.__name__: (phase.__code__.co_filename, phase.__code__.co_firstlineno) for phase in phases}
    found = {(row.name, row.file, row.line): row for row in sampler.snapshot()}
    rows = {name: found.get((name, *place)) for name, place in names.items()}
    return times, {name: [row.cumtime, row.ncalls] if row else [0.0, 0] for name, row in rows.items()}


def shares(name: str, rounds: int, rate: float) -> list[Share]:
    process = Process("benchmarks.truth.samples", "--run", name, "--rate", str(rate))
    try:
        process.wait_until_ready()
        for _ in range(rounds):
            process.run()
    finally:
        process.end()
    if process.trouble is not None:
        sys.exit(f"{name}: {process.trouble}")
    last = process.runs[-1]["samples"]
    clocks = {
        way: {phase: sum(run[way][phase] for run in process.runs) for phase in last} for way in ("true", "sampled")
    }
    true, while_sampled = (parts(clock) for clock in clocks.values())
    seen = parts({phase: seconds for phase, (seconds, _) in last.items()})
    samples = max(sum(count for _, count in last.values()), 1)
    return [
        Share(phase, true[phase], while_sampled[phase], seen[phase], math.sqrt(part * (100 - part) / samples))
        for phase, part in true.items()
    ]


def parts(times: dict[str, float]) -> dict[str, float]:
    """Percent of the whole."""
    whole = sum(times.values()) or 1.0
    return {name: 100 * seconds / whole for name, seconds in times.items()}


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.truth.samples", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds instead of {ROUNDS}")
    parser.add_argument("--check", action="store_true", help="exit code 1 where a share is off by more than may be")
    parser.add_argument("--rate", type=float, default=1_000, help="looks a second (1,000)")
    names = [known.name for known in (OF_C, *PROGRAMS)]
    parser.add_argument("--programs", metavar="A,B", help=f"of {', '.join(names)}")
    parser.add_argument("--run", metavar="NAME", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.run:
        run(args.run, args.rate)
        return 0
    wanted = [name.strip() for name in args.programs.split(",")] if args.programs else names
    if unknown := set(wanted) - set(names):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    print("\n".join(f"{fact}: {value}" for fact, value in machine.facts().items()))
    print()
    print("Percent of the time of all phases; ± is a standard error, by the number of samples.")
    missed = []
    for name in wanted:
        found = shares(name, QUICK_ROUNDS if args.quick else ROUNDS, args.rate)
        print(f"\n## {name}\n")
        print(f"| {'phase':24} | true % | while sampled % | samples % |      ± |   off |")
        print(f"|{'-' * 26}|-------:|----------------:|----------:|-------:|------:|")
        for share in found:
            print(
                f"| {share.phase:24} | {share.true:6.1f} | {share.clocked:15.1f} | {share.sampled:9.1f} | {share.error:6.2f} "
                f"| {share.off:+5.1f} |"
            )
            if share.is_missed:
                missed.append(f"{name}, {share.phase}: {share.off:+.1f} points")
        sys.stdout.flush()
    for line in missed:
        print(f"MISSED: {line}", file=sys.stderr)
    return 1 if args.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
