"""What each hook costs for Python functions only, relative to cProfile, on the running interpreter.

    python benchmarks/hooks.py [PROGRAM...]

The programs are those of the differential tests. Each runs plainly, under cProfile, and under both hooks with
``builtins=False``, in turn, several rounds; the quickest round of each counts. A ratio is (hook - plain) / (cProfile - plain);
the mean is the geometric one. Programs that cProfile slows by less than a tenth are left out: their ratios are noise.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import math
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from pikos.cprofile import Profile
from programs import PROGRAMS, program

ROUNDS = 7
#: What a ratio counts as at least: below it, a measurement can't tell it from nothing.
LEAST = 0.01

PROFILES: dict[str, Callable[[], Any] | None] = {
    "plain": None,
    "cProfile": cProfile.Profile,
    "ordinary": lambda: Profile(builtins=False),
    "frame-eval": lambda: Profile(builtins=False, hook="frame-eval"),
}


def seconds(work: Callable[[], object], make: Callable[[], Any] | None) -> float:
    """One run, with what enabling and disabling take."""
    gc.collect()
    profile = make() if make else None
    started = time.perf_counter()
    if profile:
        profile.enable()
    work()
    if profile:
        profile.disable()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="default: all of tests/programs")
    names = parser.parse_args().programs or [known.name for known in PROGRAMS]
    ordinary, frames = Profile(builtins=False).hook, Profile(builtins=False, hook="frame-eval").hook
    print(f"CPython {platform.python_version()}: ordinary is {ordinary[0]}; frame-eval is {frames[0]} ({frames[1]})")
    print(f"{'':26} {'plain':>9} {'cProfile':>9} {'ordinary':>9} {'frame-eval':>10}   relative to cProfile")
    ratios: dict[str, list[float]] = {"ordinary": [], "frame-eval": []}
    for name in names:
        work = program(name).setup()
        work()
        rounds = [{kind: seconds(work, make) for kind, make in PROFILES.items()} for _ in range(ROUNDS)]
        best = {kind: min(one[kind] for one in rounds) for kind in PROFILES}
        plain, theirs = best["plain"], best["cProfile"]
        line = f"{name:26} {plain * 1e3:6.1f} ms {theirs / plain:8.2f}x {best['ordinary'] / plain:8.2f}x {best['frame-eval'] / plain:9.2f}x"
        if theirs / plain < 1.1:
            print(line)
            continue
        for kind, seen in ratios.items():
            seen.append(max(LEAST, (best[kind] - plain) / (theirs - plain)))
        print(f"{line}   {ratios['ordinary'][-1]:.3f} {ratios['frame-eval'][-1]:.3f}", flush=True)
    for kind, seen in ratios.items():
        print(
            f"{kind}: {math.exp(sum(map(math.log, seen)) / len(seen)):.3f} of cProfile's overhead, {len(seen)} programs"
        )


if __name__ == "__main__":
    main()
