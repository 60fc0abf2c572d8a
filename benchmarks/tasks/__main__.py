"""What it costs to follow coroutines and tasks: the plain exact profile, the same with tasks=True, and yappi.

    python -m benchmarks.tasks [--rounds N] [--check]

Programs of asyncio, and some without coroutines. Each program and profiler has a process of its own; all of them take turns. Medians of CPU
time; `--check` fails where tasks cost more than 5 % over the plain profile without coroutines, or 30 % with them.
"""

from __future__ import annotations

import argparse
import math
import statistics

from benchmarks.shared.turns import Process
from benchmarks.tasks.run import ASYNCIO, PLAIN, PROFILERS

#: What tasks may cost over the plain profile.
MOST = {"asyncio": 1.30, "others": 1.05}


def main() -> None:
    parser = argparse.ArgumentParser(description="What it costs to follow coroutines and tasks.")
    parser.add_argument("--rounds", type=int, default=7, help="runs of each (default 7)")
    parser.add_argument("--check", action="store_true", help="fail where a goal is missed")
    asked = parser.parse_args()
    ratios: dict[str, list[float]] = {"asyncio": [], "others": []}
    print(f"{'program':<22}{'plain':>10}{'pikos':>10}{'tasks':>10}{'yappi':>10}{'tasks/pikos':>13}")
    for program in (*ASYNCIO, *PLAIN):
        processes = {name: Process("benchmarks.tasks.run", program, name) for name in PROFILERS}
        for process in processes.values():
            process.wait_until_ready()
        for turn in range(asked.rounds):
            names = list(processes)
            for name in names[turn % len(names) :] + names[: turn % len(names)]:
                processes[name].run()
        times = {
            name: statistics.median(run["cpu"] for run in process.runs) if process.runs else math.nan
            for name, process in processes.items()
        }
        ratio = times["pikos tasks"] / times["pikos"]
        ratios["asyncio" if program in ASYNCIO else "others"].append(ratio)
        cells = "".join(
            "         -" if math.isnan(times[name]) else f"{1e3 * times[name]:>8.1f}ms" for name in PROFILERS
        )
        print(f"{program:<22}{cells}{ratio:>12.2f}x", flush=True)
        for process in processes.values():
            process.end()
    missed = False
    for kind, found in ratios.items():
        mean = math.exp(statistics.fmean(map(math.log, found)))
        missed |= mean > MOST[kind]
        print(f"{kind}: tasks cost {mean:.2f} times the plain profile (goal: at most {MOST[kind]:.2f})")
    if asked.check and missed:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
