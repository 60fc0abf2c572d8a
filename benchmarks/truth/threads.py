"""What threads wait for the GIL, told apart from work: threads of known work, their own times in a profile against what the
system gave them of a processor.

    python -m benchmarks.truth.threads [--check] [--seconds N] [--mixtures NAMES]

Each thread computes until it has had so many seconds of a processor, beside what threads wait for: other threads, locks, sleep, C code
that lets the GIL go, C code that calls Python. What a thread computes is the own time of all its functions but those built-ins that
wait. Measure on a quiet machine. `--check` fails where `gil_wait="out"` is further from the system's figure than the goal.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pikos.cprofile import Profile

#: By so much own time may differ from what the thread ran.
GOAL = 0.05

Work = Callable[[float], None]

DATA = b"x" * 200_000
LOCK = threading.Lock()


def inner(n: int = 0) -> int:
    return n + 1


def leaf() -> int:
    return inner() + inner()


# The clock is asked rarely: that is a system call, at which a busy machine likes to take the processor away.


def calls(end: float) -> None:
    while time.thread_time() < end:
        for _ in range(1000):
            leaf()


def spin(rounds: int) -> int:
    n = 0
    for _ in range(rounds):
        n += 1
    return n


def no_calls(end: float) -> None:
    while time.thread_time() < end:
        spin(100_000)


def locks(end: float) -> None:
    while time.thread_time() < end:
        for _ in range(20):
            for _ in range(50):
                leaf()
            LOCK.acquire()
            LOCK.release()


def sleeps(end: float) -> None:
    while time.thread_time() < end:
        for _ in range(10_000):
            leaf()
        time.sleep(0.002)


def hashes(end: float) -> None:
    while time.thread_time() < end:
        for _ in range(500):
            leaf()
        hashlib.sha256(DATA).digest()


def numbers(count: int) -> Iterator[int]:
    for n in range(count):
        yield n + 1


def generators(end: float) -> None:
    while time.thread_time() < end:
        sum(numbers(2000))


def keys(end: float) -> None:
    values = list(range(2000))
    while time.thread_time() < end:
        sorted(values, key=inner)
        max(values, key=inner)


def maps(end: float) -> None:
    while time.thread_time() < end:
        sum(map(inner, range(2000)))


def reductions(end: float) -> None:
    values = list(range(2000))
    while time.thread_time() < end:
        functools.reduce(lambda a, b: a + b, values)
        re.sub("a", lambda match: "b", "ab" * 1000)


def sleeping_generators(end: float) -> None:
    def slow() -> Iterator[int]:
        for n in range(20):
            yield spin(10_000) + n
        time.sleep(0.002)

    while time.thread_time() < end:
        sum(slow())


MIXTURES: dict[str, list[Work]] = {
    "calls": [calls] * 4,
    "one with calls, three without": [calls, *[no_calls] * 3],
    "calls, locks": [calls, calls, locks, locks],
    "calls, sleep": [calls, calls, sleeps, sleeps],
    "calls, C without the GIL": [calls, hashes, hashes],
    "sum of a generator": [generators] * 4,
    "key= of sorted and max": [keys] * 4,
    "sum of map": [maps] * 4,
    "reduce, re.sub": [reductions] * 4,
    "callbacks, sleep": [generators, keys, sleeps, sleeping_generators],
}
#: Built-ins whose time is no work, or runs beside the GIL.
WAITING = ("acquire", "sleep", "sha256", "digest")


def is_work(code: Any) -> bool:
    return not (isinstance(code, str) and any(word in code for word in WAITING))


def errors(works: list[Work], seconds: float, gil_wait: str) -> tuple[list[float], float, float]:
    """Each thread's own time over what the system gave it, less one; what was told of waiting; and how long all stood in line for a
    processor, which is in it: on a busy machine, up to 0.1 ms each time stays unseen. A thread that also runs beside the GIL
    is left out: its own work can't be told by its processor time."""
    ran: dict[str, float] = {}
    in_line = [0.0] * len(works)

    def run(number: int, work: Work) -> None:
        work(seconds)
        ran[threading.current_thread().name] = time.thread_time()
        schedule = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text(encoding="ascii")
        in_line[number] = int(schedule.split()[1]) / 1e9

    threads = [
        threading.Thread(target=run, args=each, name=f"{each[0]} {each[1].__name__}") for each in enumerate(works)
    ]
    profile = Profile(threads=True, gil_wait=gil_wait)
    with profile:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = []
    for stats in profile.thread_stats():
        if stats.name in ran and not stats.name.endswith(hashes.__name__):
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
