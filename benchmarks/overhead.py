"""What profilers cost: programs under each of them, and how our cost compares with cProfile's.

    python overhead.py [--quick] [--programs NAMES] [--profilers NAMES]

README.md in this folder says how it is measured, and why so.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import machine
from overhead_report import Cell, Report
from profilers import CPROFILE, PLAIN, PROFILERS, Profiler
from workloads import OTHERS, WORKLOADS, Workload

HERE = Path(__file__).resolve().parent
#: Runs that count, of each program under each profiler; another one before them warms up.
ROUNDS, QUICK_ROUNDS = 5, 2
#: The same for other projects' profilers.
PEER_ROUNDS = 2
#: Seconds until a process that gives no answer is given up.
PATIENCE = 120.0
#: Hash randomisation would make another program of each process.
ENVIRONMENT = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}


class Process:
    """A process that runs one program under one profiler whenever it is asked to."""

    def __init__(self, program: Workload, profiler: Profiler) -> None:
        self.profiler = profiler
        self.errors: IO[bytes] = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, HERE / "measuring.py", program.name, profiler.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=ENVIRONMENT,
        )
        self.trouble: str | None = None
        self.runs: list[dict[str, float]] = []

    def ask(self) -> None:
        """Run once, and wait for the answer."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: the answer says so
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
        answer = self.answer()
        if answer is not None:
            self.runs.append(answer)

    def answer(self) -> dict[str, Any] | None:
        """The next line that the process writes; None, and the trouble noted, if there is none."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            self.trouble = f"no answer within {PATIENCE:.0f} s"
            self.process.kill()
            return None
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            lines = self.errors.read().decode(errors="replace").strip().splitlines()
            code = self.process.wait()
            self.trouble = lines[-1] if lines else f"it ended with exit code {code} and said nothing"
            return None
        answer: dict[str, Any] = json.loads(line)
        if "skip" in answer:
            self.trouble = answer["skip"]
            return None
        return answer

    def end(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.communicate(timeout=PATIENCE)
        self.errors.close()

    def cell(self) -> Cell:
        return Cell(
            [run["cpu"] for run in self.runs],
            [run["wall"] for run in self.runs],
            max((run["peak"] for run in self.runs), default=0),
            self.trouble,
        )


def measure(program: Workload, profilers: Sequence[Profiler], rounds: int) -> dict[str, Cell]:
    """One program under all of them, in turn."""
    processes = [Process(program, profiler) for profiler in profilers]
    try:
        for process in processes:
            process.answer()  # it is ready, and warm
        for number in range(rounds):
            # Each round begins with another one, so that nobody always comes after the same neighbour.
            first = number % len(processes)
            for process in processes[first:] + processes[:first]:
                enough = PEER_ROUNDS if process.profiler.peer else rounds
                if process.trouble is None and len(process.runs) < enough:
                    process.ask()
    finally:
        for process in processes:
            process.end()
    return {process.profiler.name: process.cell() for process in processes}


def chosen(text: str, known: Sequence[Any], always: tuple[str, ...] = ()) -> list[Any]:
    """Those of these names, in the order of all; the usage error says which there are."""
    names = {name.strip() for name in text.split(",")}
    unknown = names - {item.name for item in known}
    if unknown:
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(item.name for item in known)}"
        )
    return [item for item in known if item.name in names | set(always)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds, and only what is needed for ours")
    parser.add_argument("--rounds", type=int, help=f"runs that count, default {ROUNDS}")
    parser.add_argument("--programs", metavar="A,B", help="only these, also others of tests/programs")
    parser.add_argument("--profilers", metavar="A,B", help=f"only these, beside {PLAIN} and {CPROFILE}")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a goal is missed")
    args = parser.parse_args()
    try:
        programs: list[Workload] = chosen(args.programs, (*WORKLOADS, *OTHERS)) if args.programs else list(WORKLOADS)
        profilers: list[Profiler] = list(PROFILERS)
        if args.profilers:
            profilers = chosen(args.profilers, PROFILERS, (PLAIN, CPROFILE))
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    if args.quick and not args.profilers:
        profilers = [profiler for profiler in profilers if profiler.quick]
    rounds = args.rounds or (QUICK_ROUNDS if args.quick else ROUNDS)
    if rounds < 1:
        parser.error(f"--rounds must be at least 1, got {rounds}")

    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    report = Report(today, machine.release(), machine.facts(), rounds, profilers, whole=not args.programs)
    report.print_head()
    for program in programs:
        report.add(program, measure(program, profilers, rounds))
    report.print_end()
    whole = not (args.quick or args.programs or args.profilers or args.rounds)
    folder = HERE / "results" if whole else HERE.parent / "build" / "bench"
    print(f"written: {report.write(folder).relative_to(HERE.parent)}, and .json beside it")
    failed = report.failed()
    for line in failed:
        print(f"FAILED: {line}", file=sys.stderr)
    missed = report.missed_goals() if args.check else []
    for line in missed:
        print(f"MISSED: {line}", file=sys.stderr)
    return 1 if failed or missed else 0


if __name__ == "__main__":
    sys.exit(main())
