"""The phases of a program, timed in one way, in a process of its own that runs when it is told to.

    python truth_run.py PROGRAM WAY

The ways are "true" (a clock around each phase, no profiler), "cProfile", "raw" and "compensated". The program runs
once without and once with its profiler to warm up. Every answer is a line of JSON: the seconds of each phase, which a
profiler gives as the cumulative time of the phase's function.
"""

from __future__ import annotations

import cProfile
import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from phases import Phase, program
from pikos.cprofile import Profile

Times = dict[str, float]


def without_profiler(phases: Sequence[Phase]) -> Times:
    times = {}
    for phase in phases:
        start = time.perf_counter()
        phase()
        times[phase.__name__] = time.perf_counter() - start
    return times


def profiled(profile: Any, phases: Sequence[Phase]) -> Times:
    profile.enable()
    for phase in phases:
        phase()
    profile.disable()
    totals = {entry.code: entry.totaltime for entry in profile.getstats()}
    return {phase.__name__: totals[phase.__code__] for phase in phases}


WAYS: dict[str, Callable[[Sequence[Phase]], Times]] = {
    "true": without_profiler,
    "cProfile": lambda phases: profiled(cProfile.Profile(), phases),
    "raw": lambda phases: profiled(Profile(), phases),
    "compensated": lambda phases: profiled(Profile(compensate=True), phases),
}


def main() -> None:
    phases = program(sys.argv[1]).setup()
    way = WAYS[sys.argv[2]]
    without_profiler(phases)

    def run() -> None:
        gc.collect()
        print(json.dumps(way(phases)), flush=True)

    run()
    for _ in sys.stdin:
        run()


if __name__ == "__main__":
    main()
