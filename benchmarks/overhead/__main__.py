"""What profilers cost: programs under each of them, and how our cost compares with cProfile's.

    python -m benchmarks.overhead [--quick] [--programs NAMES] [--profilers NAMES]

benchmarks/README.md says how it is measured, and why so.
"""

from __future__ import annotations

import argparse
import datetime
import sys
from collections.abc import Sequence
from typing import Any

from benchmarks.overhead.profilers import CPROFILE, PLAIN, PROFILERS, Profiler
from benchmarks.overhead.report import Cell, Report
from benchmarks.shared import machine
from benchmarks.shared.turns import Process
from benchmarks.shared.workloads import OTHERS, WORKLOADS, Workload

#: Runs that count, of each program under each profiler; another one before them warms up.
ROUNDS, QUICK_ROUNDS = 5, 2
#: The same for other projects' profilers.
PEER_ROUNDS = 2


def measure(program: Workload, profilers: Sequence[Profiler], rounds: int) -> dict[str, Cell]:
    """One program under all of them, in turn."""
    processes = [(profiler, Process("benchmarks.overhead.run", program.name, profiler.name)) for profiler in profilers]
    try:
        for _, process in processes:
            process.wait_until_ready()
        for number in range(rounds):
            # Each round begins with another one, so that nobody always comes after the same neighbour.
            first = number % len(processes)
            for profiler, process in processes[first:] + processes[:first]:
                if len(process.runs) < (min(rounds, PEER_ROUNDS) if profiler.peer else rounds):
                    process.run()
    finally:
        for _, process in processes:
            process.end()
    return {profiler.name: Cell.of(process) for profiler, process in processes}


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
    parser = argparse.ArgumentParser("python -m benchmarks.overhead", description=__doc__.splitlines()[0])
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
    rounds = (QUICK_ROUNDS if args.quick else ROUNDS) if args.rounds is None else args.rounds
    if rounds < 1:
        parser.error(f"--rounds must be at least 1, got {rounds}")

    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    report = Report(today, machine.release(), machine.facts(), rounds, profilers, whole=not args.programs)
    report.print_head()
    for program in programs:
        report.add(program, measure(program, profilers, rounds))
    report.print_end()
    whole = not (args.quick or args.programs or args.profilers or args.rounds)
    folder = machine.results("overhead", whole)
    print(f"written: {report.write(folder).relative_to(machine.ROOT)}, and .json beside it")
    failed = report.failed()
    for line in failed:
        print(f"FAILED: {line}", file=sys.stderr)
    missed = report.missed_goals() if args.check else []
    for line in missed:
        print(f"MISSED: {line}", file=sys.stderr)
    return 1 if failed or missed else 0


if __name__ == "__main__":
    sys.exit(main())
