"""One program, run again and again in this process, with each sampler and without any in turn. Prints one line of JSON.

python -m benchmarks.sampling.run PROGRAM ROUNDS SECONDS SAMPLERS
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from benchmarks.shared.workloads import WORKLOADS

#: Looks a second.
RATES = (100, 1_000)


def main() -> None:
    name, rounds, seconds, wanted = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
    work = next(each for each in WORKLOADS if each.name == name).setup()
    work()
    start = time.perf_counter()
    work()
    times = max(1, round(seconds / (time.perf_counter() - start)))
    samplers = {sampler: on for sampler, on in all_samplers() if sampler.startswith(wanted)}
    turns: dict[str, list[list[dict[str, float]]]] = {sampler: [] for sampler in samplers}
    for _ in range(rounds):
        for sampler, on in samplers.items():
            # Without, with, without: the mean of the two is what the one in the middle would have taken.
            turns[sampler].append([timed(work, times, how) for how in (nullcontext, on, nullcontext)])
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"turns": turns, "memory": memory, "status": STATUS}), flush=True)


def timed(work: Callable[[], object], times: int, how: Callable[[], Any]) -> dict[str, float]:
    """What so many runs take: seconds of the clock, of this thread's processor, and of all threads'."""
    gc.collect()
    with how():
        wall, own, all_threads = time.perf_counter(), time.thread_time(), time.process_time()
        for _ in range(times):
            work()
        return {
            "wall": time.perf_counter() - wall,
            "own": time.thread_time() - own,
            "all": time.process_time() - all_threads,
        }


#: What our sampler said of itself at the end.
STATUS: dict[str, dict[str, Any]] = {}


def all_samplers() -> Iterator[tuple[str, Callable[[], Any]]]:
    for rate in RATES:
        yield f"pikos, {rate:,} Hz", ours(rate)
    try:
        from pyinstrument import Profiler
    except ImportError:
        pass
    else:
        for rate in RATES:
            yield f"pyinstrument, {rate:,} Hz", lambda rate=rate: Profiler(interval=1 / rate)
    if sys.version_info >= (3, 15):
        for rate in RATES:
            yield f"profiling.sampling, {rate:,} Hz", lambda rate=rate: from_outside(rate)


def ours(rate: int) -> Callable[[], Any]:
    from pikos.sampling import Sampler

    # All of a processor: what the rate costs is the question, not what the budget makes of it.
    sampler = Sampler(rate, budget=1.0)

    @contextmanager
    def on() -> Iterator[None]:
        sampler.start()
        try:
            yield
        finally:
            sampler.stop()
            STATUS[str(rate)] = sampler.status()

    return on


@contextmanager
def from_outside(rate: int) -> Iterator[None]:
    """3.15's own, which reads another process: this one. It needs the right to do so."""
    import os

    command = [sys.executable, "-m", "profiling.sampling", "attach", "--pstats", "-r", str(rate), "-d", "600", "-o"]
    process = subprocess.Popen(
        [*command, os.devnull, str(os.getpid())], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    # It says nothing when it begins.
    time.sleep(1)
    try:
        if process.poll() is not None:
            raise RuntimeError("profiling.sampling can't read this process")
        yield
    finally:
        process.kill()
        process.wait()


if __name__ == "__main__":
    main()
