"""What threads wait for the GIL, told apart from work: threads of known work, their own times in a profile against what the
system gave them of a processor.

    python -m benchmarks.truth.threads [--check] [--seconds N] [--mixtures NAMES]

Each thread computes until it has had so many seconds of a processor, beside what threads wait for: other threads, locks, sleep, C code
that lets the GIL go, C code that calls Python. What a thread computes is the own time of all its functions but `sleep` and a lock's
`acquire`, whose share of the processor is measured by itself. Measure on a quiet machine. `--check` fails where `gil_wait="out"` is further from the
system's figure than the goal.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import re
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pikos.cprofile import Profile

#: By so much own time may differ from what the thread ran.
GOAL = 0.05

#: Computes until the thread has had so much of a processor. How much of that was no work, but what `sleep` and `acquire` took to begin and end.
Work = Callable[[float], float]

DATA = b"x" * 200_000
TEXT = " ".join(map(str, range(40_000))).encode()
LOCK = threading.Lock()


def waiting(wait: Callable[[], object]) -> float:
    """What waiting takes of a processor."""
    before = time.thread_time()
    wait()
    return time.thread_time() - before


def inner(n: int = 0) -> int:
    return n + 1


def leaf() -> int:
    return inner() + inner()


# The clock is asked rarely: that is a system call, at which a busy machine likes to take the processor away.


def calls(end: float) -> float:
    while time.thread_time() < end:
        for _ in range(1000):
            leaf()
    return 0.0


def spin(rounds: int) -> int:
    n = 0
    for _ in range(rounds):
        n += 1
    return n


def no_calls(end: float) -> float:
    while time.thread_time() < end:
        spin(100_000)
    return 0.0


def locks(end: float) -> float:
    taken = 0.0
    # So often asked, the clock itself counts, and what it takes to report the calls between: all of it is work.
    asking = sum(waiting(LOCK.locked) for _ in range(1000)) / 1000
    while time.thread_time() < end:
        for _ in range(20):
            for _ in range(50):
                leaf()
            taken += waiting(LOCK.acquire) - asking
            LOCK.release()
    return taken


def with_locks(end: float) -> float:
    while time.thread_time() < end:
        for _ in range(20):
            for _ in range(50):
                leaf()
            with LOCK:
                leaf()
    return 0.0


def sleeps(end: float) -> float:
    taken = 0.0
    while time.thread_time() < end:
        for _ in range(10_000):
            leaf()
        taken += waiting(lambda: time.sleep(0.002))
    return taken


def hashes(end: float) -> float:
    while time.thread_time() < end:
        for _ in range(500):
            leaf()
        hashlib.sha256(DATA).digest()
    return 0.0


def compresses(end: float) -> float:
    while time.thread_time() < end:
        spin(10_000)
        zlib.compress(TEXT, 1)
    return 0.0


def numbers(count: int) -> Iterator[int]:
    for n in range(count):
        yield n + 1


def generators(end: float) -> float:
    while time.thread_time() < end:
        sum(numbers(2000))
    return 0.0


def keys(end: float) -> float:
    values = list(range(2000))
    while time.thread_time() < end:
        sorted(values, key=inner)
        max(values, key=inner)
    return 0.0


def maps(end: float) -> float:
    while time.thread_time() < end:
        sum(map(inner, range(2000)))
    return 0.0


def reductions(end: float) -> float:
    values = list(range(2000))
    while time.thread_time() < end:
        functools.reduce(lambda a, b: a + b, values)
        re.sub("a", lambda match: "b", "ab" * 1000)
    return 0.0


def sleeping_generators(end: float) -> float:
    taken = 0.0

    def slow() -> Iterator[int]:
        nonlocal taken
        for n in range(20):
            yield spin(10_000) + n
        taken += waiting(lambda: time.sleep(0.002))

    while time.thread_time() < end:
        sum(slow())
    return taken


MIXTURES: dict[str, list[Work]] = {
    "calls": [calls] * 4,
    "one with calls, three without": [calls, *[no_calls] * 3],
    "calls, locks": [calls, calls, locks, locks],
    "calls, sleep": [calls, calls, sleeps, sleeps],
    "calls, with a lock": [calls, with_locks, with_locks],
    "calls, C without the GIL": [calls, hashes, hashes],
    "no calls, C without the GIL": [no_calls, hashes, compresses],
    "sum of a generator": [generators] * 4,
    "key= of sorted and max": [keys] * 4,
    "sum of map": [maps] * 4,
    "reduce, re.sub": [reductions] * 4,
    "callbacks, sleep": [generators, keys, sleeps, sleeping_generators],
}
#: Built-ins whose time is no work.
WAITING = ("acquire", "sleep")


def is_work(code: Any) -> bool:
    return not (isinstance(code, str) and any(word in code for word in WAITING))


def errors(works: list[Work], seconds: float, gil_wait: str) -> tuple[list[float], float, float]:
    """Each thread's own time over what the system gave it, less one; what was told of waiting; and how long all stood in line for a
    processor, which is in it: on a busy machine, up to 0.1 ms each time stays unseen."""
    ran: dict[str, float] = {}
    in_line: list[float] = []
    are_done, may_end = threading.Semaphore(0), threading.Lock()

    def run(work: Work) -> None:
        taken = work(seconds)
        ran[threading.current_thread().name] = time.thread_time() - taken
        are_done.release()
        # What the system says of a thread is asked from outside: to read a file is to let the GIL go, and to wait for it again.
        may_end.acquire()
        may_end.release()

    threads = [
        threading.Thread(target=run, args=(work,), name=f"{number} {work.__name__}")
        for number, work in enumerate(works)
    ]
    profile = Profile(threads=True, gil_wait=gil_wait)
    may_end.acquire()
    with profile:
        for thread in threads:
            thread.start()
        for _ in threads:
            are_done.acquire()
        for thread in threads:
            schedule = Path(f"/proc/self/task/{thread.native_id}/schedstat").read_text(encoding="ascii")
            in_line.append(int(schedule.split()[1]) / 1e9)
        may_end.release()
        for thread in threads:
            thread.join()
    found = []
    for stats in profile.thread_stats():
        if stats.name in ran:
            own = sum(entry.inlinetime for entry in stats.entries if is_work(entry.code))
            found.append(own / ran[stats.name] - 1)
    return found, profile.gil_wait(), sum(in_line)


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.truth.threads", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help=f"exit code 1 where a thread is off by more than {GOAL:.0%}"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="of a processor, that each thread computes (1)")
    parser.add_argument("--mixtures", metavar="A;B", help=f"of {'; '.join(MIXTURES)}")
    args = parser.parse_args()
    names = [name.strip() for name in args.mixtures.split(";")] if args.mixtures else list(MIXTURES)
    if unknown := set(names) - MIXTURES.keys():
        parser.error(f"unknown: {'; '.join(sorted(unknown))}")
    release = ".".join(map(str, sys.version_info[:2]))
    print(f"CPython {release}: a thread's own time against what it ran, from the least to the greatest difference")
    print()
    print(
        "| threads                       | keep              | out               | waiting for the GIL | for a processor |"
    )
    print(
        "|-------------------------------|------------------:|------------------:|--------------------:|----------------:|"
    )
    missed = []
    for name in names:
        kept, *_ = errors(MIXTURES[name], args.seconds, "keep")
        out, waited, in_line = errors(MIXTURES[name], args.seconds, "out")
        spans = [f"{min(found):+.1%} … {max(found):+.1%}" for found in (kept, out)]
        print(f"| {name:29} | {spans[0]:>17} | {spans[1]:>17} | {waited:17.2f} s | {in_line:13.2f} s |", flush=True)
        if max(map(abs, out)) > GOAL:
            missed.append(f"{name}: {spans[1]}")
    for line in missed:
        print(f"MISSED: {line}", file=sys.stderr)
    return 1 if args.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
