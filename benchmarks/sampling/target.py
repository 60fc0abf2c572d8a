"""A program with many threads and deep stacks, to be sampled from outside. Prints its number when all threads are there.

python -m benchmarks.sampling.target KIND THREADS DEPTH
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable


def spin(rounds: int) -> int:
    n = 0
    for _ in range(rounds):
        n += 1
    return n


def add(a: int, b: int) -> int:
    return a + b


def computes() -> None:
    """The innermost call stays."""
    while True:
        spin(100_000)


def calls() -> None:
    """The innermost calls come and go."""
    while True:
        for number in range(1000):
            add(add(number, 1), 2)


def sleeps() -> None:
    while True:
        time.sleep(0.01)


def serves() -> None:
    """As a server does: mostly it waits."""
    while True:
        for number in range(200):
            add(number, 1)
        time.sleep(0.02)


def nothing() -> None:
    pass


KINDS: dict[str, Callable[[], None]] = {
    "sleep": sleeps,
    "serve": serves,
    "compute": computes,
    "call": calls,
    "recurse": nothing,
}


def deep(depth: int, work: Callable[[], None]) -> None:
    """So many calls below the work, each of which does something afterwards, so that it isn't the last instruction."""
    if depth > 1:
        deep(depth - 1, work)
        spin(1)
    else:
        work()


def main() -> None:
    kind, threads, depth = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    here = threading.Barrier(threads + 1)

    def run() -> None:
        here.wait()
        while True:
            # The whole stack comes and goes where the work is nothing.
            deep(depth, KINDS[kind])

    for _ in range(threads):
        threading.Thread(target=run, daemon=True).start()
    here.wait()
    print(os.getpid(), flush=True)
    # Ends with whoever has started it.
    sys.stdin.read()


if __name__ == "__main__":
    main()
