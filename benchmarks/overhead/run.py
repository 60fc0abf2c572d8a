"""One program under one profiler, in a process of its own that runs when it is told to.

    python -m benchmarks.overhead.run PROGRAM PROFILER

It prepares the program, runs it once plainly and once profiled, and says so; then each line on standard input is a
request for one run. Every answer is a line of JSON: {"cpu": …, "thread": …, "wall": …, "peak": …} in seconds (of the
process, of its main thread, of the clock) and bytes, or {"skip": why}.

The profiler is in place only during its own runs; the collector of garbage stays on, as in real life, after a
collection before each run. CPU time is the whole process's: a profiler's own threads count.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Mapping

from benchmarks.overhead.profilers import PLAIN, Profiler, profiler
from benchmarks.shared.peak import forget_peak, peak_memory
from benchmarks.shared.workloads import workload


def one_run(work: Callable[[], object], how: Profiler) -> dict[str, float]:
    session = how.make()
    gc.collect()
    forget_peak()
    wall, thread, cpu = time.perf_counter(), time.thread_time(), time.process_time()
    session.start()
    work()
    session.stop()
    cpu, thread = time.process_time() - cpu, time.thread_time() - thread
    wall = time.perf_counter() - wall
    peak = peak_memory()
    session.discard()
    return {"cpu": cpu, "wall": wall, "thread": thread, "peak": peak}


def main() -> None:
    # Answers go where standard output was; what the program prints goes nowhere.
    with os.fdopen(os.dup(1), "w", buffering=1) as answers:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        answer_requests(lambda value: print(json.dumps(value), file=answers, flush=True))


def answer_requests(answer: Callable[[Mapping[str, object]], None]) -> None:
    how = profiler(sys.argv[2])
    reason = how.missing()
    if reason is not None:
        answer({"skip": reason})
        return
    work = workload(sys.argv[1]).setup()
    one_run(work, profiler(PLAIN))
    answer(one_run(work, how))
    for _ in sys.stdin:
        answer(one_run(work, how))


if __name__ == "__main__":
    main()
