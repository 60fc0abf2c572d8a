"""A program of many functions, each called twice, under one profiler; prints seconds and bytes as a line of JSON.

    python -m benchmarks.memory.run PROFILER FUNCTIONS

PROFILER is a module with cProfile's interface. Memory is resident size above what the process had before the profile
was made, all functions made and called: greatest size while calls were recorded, and until the file was written.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.shared.peak import forget_peak, peak_memory

#: Functions compiled at a time.
BATCH = 1000


def functions(count: int) -> list[Callable[[], None]]:
    made: list[Callable[[], None]] = []
    for start in range(0, count, BATCH):
        scope: dict[str, Any] = {}
        names = [f"function_{number}" for number in range(start, min(count, start + BATCH))]
        exec(compile("\n".join(f"def {name}(): pass" for name in names), f"module_{start}.py", "exec"), scope)
        made += [scope[name] for name in names]
    return made


def call(made: list[Callable[[], None]]) -> None:
    for function in made:
        function()
        function()


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    profiler = importlib.import_module(sys.argv[1])
    made = functions(int(sys.argv[2]))
    call(made)
    gc.collect()
    gc.freeze()  # or each collection would walk through all of them
    forget_peak()
    before = resident()
    profile = profiler.Profile()
    started = time.process_time()
    profile.enable()
    call(made)
    profile.disable()
    recorded = time.process_time()
    recording = peak_memory() - before
    profile.dump_stats(os.devnull)
    written = time.process_time()
    peak = peak_memory()
    seen = sum("function_" in name for _, _, name in profile.stats)
    assert seen == len(made), f"{seen} of {len(made)} functions are in the profile"
    result = {
        "record seconds": recorded - started,
        "write seconds": written - recorded,
        "record bytes": recording,
        "write bytes": peak - before,
        "peak bytes": peak,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
