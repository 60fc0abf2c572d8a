"""What telling labels apart costs, over the same program under the same profile that doesn't.

    python -m benchmarks.labels [--rounds N] [--rate N] [--check]

100 label sets change ``--rate`` times a second (10,000), each time around the same piece of work: calls of Python functions and built-ins. Both
profiles run in one process, in turn; so does the program without a profiler. CPU time; medians. Beside it: bystanders of a profile
that follows one context, whose own calls are dropped.
"""

from __future__ import annotations

import argparse
import contextvars
import functools
import statistics
import sys
import time
from collections.abc import Callable

import pikos
from pikos.cprofile import Profile

from benchmarks.shared.machine import facts

#: What labels may cost, over the plain profile.
MOST = 0.03
SETS = 100


def leaf(n: int) -> int:
    return n + 1


def step(numbers: list[int]) -> int:
    return max(leaf(n) for n in numbers) + len(numbers)


def work(steps: int) -> None:
    numbers = list(range(5))
    for _ in range(steps):
        step(numbers)


def program(changes: int, steps: int) -> None:
    """So many labels, one after another, each around so many steps."""
    for n in range(changes):
        with pikos.label(route=f"/{n % SETS}"):
            work(steps)


def timed(run: Callable[[], None]) -> float:
    began = time.process_time()
    run()
    return time.process_time() - began


def profiled(run: Callable[[], None], **options: object) -> float:
    profile = Profile(**options)  # type: ignore[arg-type]
    profile.enable()
    try:
        # All label sets are met here, and all functions.
        run()
        return timed(run)
    finally:
        profile.disable()


def beside(run: Callable[[], None]) -> float:
    """While another context is followed."""
    profile = Profile(context=True)
    contextvars.Context().run(profile.enable)
    try:
        return timed(run)
    finally:
        profile.disable()


def steps_for(rate: int, changes: int) -> int:
    """How much work there is between two changes, so that there are so many a second."""
    steps = 10
    for _ in range(10):
        # What was run a few times is faster than what is run first.
        taken = min(timed(functools.partial(program, changes, steps)) for _ in range(5)) / changes
        if abs(taken * rate - 1) < 0.03:
            break
        steps = max(1, round(steps / taken / rate))
    return steps


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--rate", type=int, default=10_000, help="label changes a second, without a profiler")
    parser.add_argument("--check", action="store_true", help="fail where labels cost more than they may")
    arguments = parser.parse_args()
    changes = 500
    steps = steps_for(arguments.rate, changes)
    run = functools.partial(program, changes, steps)
    ways: dict[str, Callable[[], float]] = {
        "no profiler": lambda: timed(run),
        "labels not told apart": lambda: profiled(run, label_sets=0),
        "labels": lambda: profiled(run),
        "labels, full stacks": lambda: profiled(run, tree=True),
        "full stacks alone": lambda: profiled(run, tree=True, label_sets=0),
        "beside a followed context": lambda: beside(run),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(arguments.rounds + 1):
        order = list(ways)
        for name in order[turn % len(order) :] + order[: turn % len(order)]:
            taken = ways[name]()
            if turn:
                times[name].append(taken)
    for name, value in facts().items():
        print(f"{name}: {value}")
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    plain = medians["no profiler"]
    print(f"{changes} changes among {SETS} label sets, {changes / plain:,.0f} a second without a profiler")
    for name, median in medians.items():
        print(f"{name:28} {1000 * median:8.1f} ms   {median / plain:5.2f} x")

    def cost(name: str, base: str) -> float:
        return medians[name] / medians[base] - 1

    labels = cost("labels", "labels not told apart")
    print(f"labels over the plain profile: {labels:+.1%} (at most {MOST:.0%})")
    print(f"with full stacks: {cost('labels, full stacks', 'full stacks alone'):+.1%}")
    print(f"beside a followed context: {cost('beside a followed context', 'no profiler'):+.1%}")
    return int(arguments.check and labels > MOST)


if __name__ == "__main__":
    sys.exit(main())
