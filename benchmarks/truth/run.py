"""The phases of a program, timed in one way, in a process of its own that runs when it is told to.

    python -m benchmarks.truth.run PROGRAM WAY

The ways are "true" (a clock around each phase, no profiler), "cProfile", "raw" and "compensated". The program runs
once without and once with its profiler to warm up. Every answer is a line of JSON: for each phase its seconds,
which a profiler gives as the cumulative time of the phase's function, and the part of them that somebody else's process had.
"""

from __future__ import annotations

import contextlib
import cProfile
import gc
import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from pikos.cprofile import Profile

from benchmarks.truth.phases import Phase, program

#: Seconds of each phase, and which part of its time the process was not on a CPU.
Times = dict[str, tuple[float, float]]


def run_phases(phases: Sequence[Phase]) -> Times:
    times = {}
    for phase in phases:
        wall, cpu = time.perf_counter(), time.process_time()
        phase()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        times[phase.__name__] = wall, max(0.0, 1 - cpu / wall)
    return times


def timed(profile: Any, phases: Sequence[Phase]) -> Times:
    """The profile's seconds, or the clock's if there is no profile; what a profile records of our clocks is not the phases'.
    All ways run the phases from here: as deep in the stack, where a call at the end of a piece of it takes longer than others."""
    with profile or contextlib.nullcontext():
        seen = run_phases(phases)
    if profile is None:
        return seen
    totals = {entry.code: entry.totaltime for entry in profile.getstats()}
    return {phase.__name__: (totals[phase.__code__], seen[phase.__name__][1]) for phase in phases}


WAYS: dict[str, Callable[[], Any]] = {
    "true": lambda: None,
    "cProfile": cProfile.Profile,
    "raw": Profile,
    "compensated": lambda: Profile(compensate=True),
}


def main() -> None:
    phases = program(sys.argv[1]).setup()
    way = WAYS[sys.argv[2]]
    run_phases(phases)
    # What a collection touches would be in the caches afterwards, and for longest in the way that takes the least time.
    gc.freeze()

    def run() -> None:
        gc.collect()
        print(json.dumps(timed(way(), phases)), flush=True)

    run()
    for _ in sys.stdin:
        run()


if __name__ == "__main__":
    main()
