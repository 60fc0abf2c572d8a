"""How true profiles are: programs made of phases, their times without a profiler, and what profilers say of them.

    python -m benchmarks.truth [--quick] [--check] [--programs NAMES]

README.md in this folder says how it is measured, and why so. `--check` fails if the goal of the release is missed.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.shared import machine
from benchmarks.shared.turns import Process
from benchmarks.truth.phases import PROGRAMS, Program

TRUE, COMPENSATED = "true", "compensated"
#: In the order of the tables.
WAYS = (TRUE, "cProfile", "raw", COMPENSATED)
PROFILED = WAYS[1:]
#: Sets of processes, one process for each way, and undisturbed runs of each phase that it takes.
SETS, ROUNDS = 5, 5
QUICK_SETS, QUICK_ROUNDS = 1, 3
#: A phase is disturbed if its process was off the CPU for more of it than this; so many times the rounds are tried.
DISTURBED = 0.02
PATIENCE = 4
#: Worst error of a share in percentage points, and of the total: 3.11 slows the traced code itself.
GOALS = {"3.11": (8.0, 0.25)}
GOAL = (4.0, 0.12)

Times = dict[str, float]


@dataclass
class Result:
    """One program: for each way the phases' times in each process, the quickest run of each phase."""

    program: Program
    times: dict[str, list[Times]]
    #: Phases that were disturbed in all runs of a process: their figures are the machine's as well as the profiler's.
    disturbed: set[str]

    @property
    def truth(self) -> Times:
        return median_times(self.times[TRUE])

    def share_errors(self, way: str) -> list[float]:
        """The worst error of a share, in percentage points, for each process."""
        true = shares(self.truth)
        return [max(abs(share - true[name]) for name, share in shares(times).items()) for times in self.times[way]]

    def total_errors(self, way: str) -> list[float]:
        """What the profiled total differs by, as a part of the true one, for each process."""
        true = sum(self.truth.values())
        return [sum(times.values()) / true - 1 for times in self.times[way]]


def shares(times: Times) -> Times:
    """Percent."""
    total = sum(times.values())
    return {name: 100 * seconds / total for name, seconds in times.items()}


def median_times(processes: list[Times]) -> Times:
    return {name: statistics.median(times[name] for times in processes) for name in processes[0]}


def measure(program: Program, sets: int, rounds: int) -> Result:
    """All ways in turn, in fresh processes for each set, until each phase has had its undisturbed runs. The quickest
    run of a phase counts: on a shared machine everything else is somebody else's time."""
    times: dict[str, list[Times]] = {way: [] for way in WAYS}
    disturbed: set[str] = set()
    for _ in range(sets):
        processes: dict[str, Process] = {}
        try:
            # One after another: a profile is calibrated while its process warms up, with the machine to itself as later.
            for way in WAYS:
                processes[way] = Process("benchmarks.truth.run", program.name, way)
                processes[way].wait_until_ready()
            for _ in range(PATIENCE * rounds):
                for process in processes.values():
                    if not process.runs or lacking(process, rounds):
                        process.run()
        finally:
            for process in processes.values():
                process.end()
        for way, process in processes.items():
            if process.trouble is not None:
                sys.exit(f"{program.name}, {way}: {process.trouble}")
            disturbed.update(lacking(process, 1))
            times[way].append({name: min(run[name][0] for run in process.runs) for name in process.runs[0]})
    return Result(program, times, disturbed)


def lacking(process: Process, rounds: int) -> list[str]:
    """The phases that have had fewer undisturbed runs than that."""
    phases = process.runs[0] if process.runs else {}
    return [name for name in phases if sum(run[name][1] <= DISTURBED for run in process.runs) < rounds]


def worst(values: list[float]) -> float:
    return max(values, key=abs)


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.truth", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer processes and rounds")
    parser.add_argument("--check", action="store_true", help="exit code 1 if the goal is missed")
    parser.add_argument("--programs", metavar="A,B", help=f"of {', '.join(program.name for program in PROGRAMS)}")
    args = parser.parse_args()
    programs = list(PROGRAMS)
    if args.programs:
        names = {name.strip() for name in args.programs.split(",")}
        if unknown := names - {program.name for program in PROGRAMS}:
            parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in PROGRAMS)}")
        programs = [program for program in PROGRAMS if program.name in names]
    sets, rounds = (QUICK_SETS, QUICK_ROUNDS) if args.quick else (SETS, ROUNDS)

    report = Report(sets, rounds)
    report.print_head()
    results = []
    for program in programs:
        results.append(measure(program, sets, rounds))
        report.print_program(results[-1])
    missed = report.print_summary(results)
    folder = machine.results("truth", whole=not (args.quick or args.programs))
    print(f"written: {report.write(folder, results).relative_to(machine.ROOT)}, and .json beside it")
    return 1 if args.check and missed else 0


class Report:
    """Prints as it grows, and is written at the end."""

    def __init__(self, sets: int, rounds: int) -> None:
        self.sets = sets
        self.rounds = rounds
        self.date = datetime.datetime.now(datetime.UTC).date().isoformat()
        self.release = machine.release()
        self.facts = machine.facts()
        self.lines: list[str] = []

    def say(self, line: str = "") -> None:
        print(line, flush=True)
        self.lines.append(line)

    def print_head(self) -> None:
        self.say(f"# How true profiles are on CPython {self.release}, {self.date}")
        self.say()
        for name, value in self.facts.items():
            self.say(f"- {name}: {value}")
        self.say(
            f"- {self.sets} processes for each way, at least {self.rounds} undisturbed runs of each phase, in turn; wall time"
        )
        self.say()
        self.say(
            "Times of phases: true in milliseconds; then each phase's share of all in percent, and for the compensated"
        )
        self.say("profile what its time is, relative to the true one.")

    def print_program(self, result: Result) -> None:
        true = result.truth
        all_shares = {way: shares(median_times(result.times[way])) for way in WAYS}
        compensated = median_times(result.times[COMPENSATED])
        self.say()
        self.say(f"## {result.program.name} ({'held out' if result.program.held_out else 'developed with'})")
        self.say()
        self.say(
            f"| {'phase':24} | {'ms':>7} | " + " | ".join(f"{way + ' %':>13}" for way in WAYS) + " | time / true |"
        )
        self.say(f"|{'-' * 26}|{'-' * 8}:|" + f"{'-' * 14}:|" * len(WAYS) + f"{'-' * 12}:|")
        for name, seconds in true.items():
            texts = [f"{all_shares[way][name]:13.1f}" for way in WAYS]
            self.say(
                f"| {name:24} | {seconds * 1e3:7.1f} | {' | '.join(texts)} | {compensated[name] / seconds:11.2f} |"
            )

        if result.disturbed:
            self.say()
            self.say(f"Never undisturbed in some process: {', '.join(sorted(result.disturbed))}.")

    def print_summary(self, results: list[Result]) -> bool:
        """The errors of each program; whether one misses the goal."""
        points, part = GOALS.get(self.release, GOAL)
        self.say()
        self.say("## Errors")
        self.say()
        self.say(
            "The worst error of a phase's share, in percentage points, and the error of the total; the median of the"
        )
        self.say("processes, and for the compensated profile also the greatest, in brackets.")
        self.say()
        heads = [f"shares: {way}" for way in PROFILED] + [f"total: {way}" for way in PROFILED]
        self.say(f"| {'program':14} | " + " | ".join(f"{head:>{column(head)}}" for head in heads) + " | goal   |")
        self.say(f"|{'-' * 16}|" + "".join(f"{'-' * (column(head) + 1)}:|" for head in heads) + f"{'-' * 8}|")
        missed = False
        for result in results:
            texts = []
            for way in PROFILED:
                errors = result.share_errors(way)
                more = f" ({max(errors):.1f})" if way == COMPENSATED else ""
                texts.append(f"{statistics.median(errors):.1f}{more}")
            for way in PROFILED:
                errors = result.total_errors(way)
                more = f" ({worst(errors):+.0%})" if way == COMPENSATED else ""
                texts.append(f"{statistics.median(errors):+.0%}{more}")
            met = (
                statistics.median(result.share_errors(COMPENSATED)) <= points
                and abs(statistics.median(result.total_errors(COMPENSATED))) <= part
            )
            missed = missed or not met
            name = result.program.name + (" *" if result.program.held_out else "")
            cells = [f"{text:>{column(head)}}" for head, text in zip(heads, texts, strict=True)]
            self.say(f"| {name:14} | {' | '.join(cells)} | {'met' if met else 'missed':6} |")
        self.say()
        self.say(f"\\* held out: the calibration was made without them. The goal on {self.release}: shares within")
        self.say(f"{points:.0f} points, the total within {part:.0%}.")
        return missed

    def write(self, folder: Path, results: list[Result]) -> Path:
        """The tables, and beside them the times of each process; returns the tables' path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.date}-{self.release}.md"
        path.write_text("\n".join(self.lines) + "\n", encoding="utf-8")
        everything = {
            "date": self.date,
            "release": self.release,
            "facts": self.facts,
            "seconds": {result.program.name: result.times for result in results},
        }
        machine.write_runs(path, everything)
        return path


def column(head: str) -> int:
    return max(len(head), 12 if head.endswith(COMPENSATED) else 6)


if __name__ == "__main__":
    sys.exit(main())
