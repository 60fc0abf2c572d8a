"""Profile one program of the registry in this process, and print what the profiler counted, as JSON.

    python measure.py PROFILER_MODULE PROGRAM

Run in a process of its own by the differential test: once under cProfile, once under Pikos. The program runs once
unprofiled, then once in each mode; both processes do exactly the same up to the profiler.
"""

from __future__ import annotations

import gc
import importlib
import json
import re
import sys
import time
from types import CodeType
from typing import Any

from programs import program

MODES: dict[str, dict[str, bool]] = {
    "everything": {},
    "no builtins": {"builtins": False},
    "no subcalls": {"subcalls": False},
    "times sampled": {},
    "times sampled, no subcalls": {"subcalls": False},
}
if sys.version_info < (3, 13):  # later ones have no other hook for Python functions alone
    MODES |= {
        "frame evaluation": {"builtins": False},
        "frame evaluation, no subcalls": {"builtins": False, "subcalls": False},
    }


def main() -> None:
    profiler = importlib.import_module(sys.argv[1])
    work = program(sys.argv[2]).setup()
    work()
    # A collection in the middle calls __del__ and weakref callbacks at a moment that depends on the profiler's own
    # allocations.
    gc.collect()
    gc.disable()
    is_control = profiler.__name__ == "cProfile"
    results = {}
    for mode, options in MODES.items():
        profile = profiler.Profile()
        if mode.startswith("frame evaluation") and not is_control:
            profile = profiler.Profile(builtins=False, hook="frame-eval")
        elif mode.startswith("times sampled") and not is_control:
            profile = profiler.Profile(times="sampled")

        def timed() -> float:
            # Inside the profile: what another process takes from us between the clock and enable() must not count.
            started = time.perf_counter()
            work()
            return time.perf_counter() - started

        # 3.14 and later forget what the constructor was told as soon as enable() is called: tell enable() itself
        profile.enable(**options)
        wall = timed()
        profile.disable()
        results[mode] = {"wall": wall, "entries": [entry_as_json(entry) for entry in profile.getstats()]}
    json.dump(results, sys.stdout)


def entry_as_json(entry: Any) -> dict[str, Any]:
    return {
        **numbers(entry),
        "calls": None if entry.calls is None else [numbers(call) for call in entry.calls],
    }


def numbers(row: Any) -> dict[str, Any]:
    return {
        "function": name(row.code),
        "ncalls": row.callcount,
        "recursive_calls": row.reccallcount,
        "cumtime": row.totaltime,
        "tottime": row.inlinetime,
    }


def name(code: CodeType | str) -> str:
    if isinstance(code, str):
        # `<built-in method __new__ of type object at 0x7f…>`: ours have no address
        return re.sub(r" at 0x[0-9a-fA-F]+", "", code)
    return f"{code.co_filename}:{code.co_firstlineno}({code.co_qualname})"


if __name__ == "__main__":
    main()
