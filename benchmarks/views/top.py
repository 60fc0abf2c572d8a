"""How fast `pikos top` answers with many processes, what it takes, and how old its figures are.

    python -m benchmarks.views.top [--processes 20] [--functions 10000] [--rounds 10] [--different]

Real processes are profiled live: each has so many functions, called from two places each, and all the time calls some of them.
`pikos top` shows the sum of all in a real pseudo-terminal of 160 x 50.

- Redraw: a key is pressed, and the screen that it brings is waited for, while messages come in. Messages draw screens, too,
  so each key has something on its screen to be known by.
- Age: the first process calls `beat` every 10 ms by the clock, so its count tells when it was read. A figure is oldest in the
  moment before the next one takes its place; that is the age. A process that only sleeps says how late this machine wakes
  anybody meanwhile: no age can be better.
- Memory: the greatest resident size (VmHWM) at the end.

With `--different` every process has files of its own, otherwise all run the same program. `--check` fails where a goal is
missed. Needs only the standard library.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.shared import machine

sys.path.insert(0, str(machine.ROOT / "tests" / "support"))

from terminal import Terminal

#: Goals: seconds, MB, and seconds beyond one interval.
REDRAW, MEMORY, LATE = 0.050, 150.0, 0.100
#: Seconds from one message of a process to the next.
INTERVAL = 0.5
BEAT = 0.010
#: A frame is complete when nothing has come for so long.
QUIET = 0.002
PATIENCE = 60.0

#: Two callers for each function; a tenth of the functions is called in each round of 100 ms, as `main` goes through them.
PROGRAM = """
import sys, time
from functions import FUNCTIONS

def even(part):
    for function in part: function()

def odd(part):
    for function in part: function()

def beat(): pass

def main():
    even(FUNCTIONS); odd(FUNCTIONS)
    size = max(1, len(FUNCTIONS) // 10)
    start, count, round = time.time(), 0, 0
    if sys.argv[1]:
        with open(sys.argv[1], "w") as file: file.write(repr(start))
    pause = BEAT if sys.argv[1] else 0.1
    while True:
        if round % int(0.1 / pause) == 0:
            place = round * size % len(FUNCTIONS)
            (odd if place % 20 else even)(FUNCTIONS[place : place + size])
        round += 1
        if sys.argv[1]:
            while start + count * BEAT <= time.time(): beat(); count += 1
        time.sleep(max(0.0, start + round * pause - time.time()))

main()
"""


class Screen(Terminal):
    """Knows when each frame came: it is read to its end before it is made sense of."""

    def drain(self, patience: float) -> float:
        """Take in a frame, if one comes; the time of its last byte, or 0."""
        pieces, last = [], 0.0
        while select.select([self.master], [], [], patience)[0]:
            pieces.append(os.read(self.master, 1 << 20))
            last, patience = time.time(), QUIET
        if pieces:
            self.feed(b"".join(pieces))
        return last

    def wait(self, condition: Callable[[str], bool], what: str) -> float:  # type: ignore[override]
        """The time of the last byte of the frame that makes it true."""
        end = time.time() + PATIENCE
        while time.time() < end:
            last = self.drain(0.1)
            if last and condition(self.text):
                return last
            if self.process.poll() is not None:
                break
        raise SystemExit(f"waited in vain for {what}; the screen:\n{self.text}")

    def press(self, keys: str, condition: Callable[[str], bool], what: str) -> float:
        """Seconds from the key to its screen."""
        while self.drain(0.0):
            pass
        start = time.time()
        self.keys(keys)
        return self.wait(condition, what) - start


def sorted_by(text: str) -> str:
    """The heading that the arrow stands at."""
    for line in text.splitlines()[:6]:
        for arrow in "▼▲":
            if arrow in line:
                return line[: line.index(arrow) + 1].split()[-1]
    return ""


def functions(text: str) -> int:
    """How many the header says."""
    found = re.search(r"(\d+) functions", text)
    return int(found[1]) if found else 0


def measure_keys(screen: Screen, rounds: int) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}

    def press(name: str, keys: str, condition: Callable[[str], bool]) -> None:
        times.setdefault(name, []).append(screen.press(keys, condition, name))
        # At every point of the interval in turn, not always right behind what the last key has set off.
        screen.drain(0.017 * (len(times[name]) % 7))

    for _ in range(rounds):
        for _ in range(3):
            before = sorted_by(screen.text)
            press("sort by the next column", ">", lambda text, before=before: sorted_by(text) != before)
        for arrow in "▲▼":
            press("turn the order round", "r", lambda text, arrow=arrow: arrow in sorted_by(text))
        for _ in range(3):
            before = sorted_by(screen.text)
            press("sort by the column before", "<", lambda text, before=before: sorted_by(text) != before)
        press("filter by a letter", "/9", lambda text: "only 9" in text)
        press("and no more", "\x15\r", lambda text: "only 9" not in text)
        press("to the end, and Enter: callers", "G\r", lambda text: "callers" in text.lower())
        press("and back", "\x1b", lambda text: bool(sorted_by(text)))
        press("to the start, and help", "g?", lambda text: "scroll" in text)
        press("and back", "?", lambda text: bool(sorted_by(text)))
        press("processes and threads", "\t", lambda text: "MainThread" in text)
        press("and back", "\x1b", lambda text: bool(sorted_by(text)))
    return times


def measure_age(screen: Screen, start: float, seconds: float) -> list[float]:
    """The age of the count of `beat`, each time that another takes its place."""
    screen.press("/beat\r", lambda text: "only beat" in text, "the filter")
    ages: list[float] = []
    shown, end = None, time.time() + seconds
    while time.time() < end:
        at = screen.drain(0.05)
        rows = [line.split() for line in screen.text.splitlines() if " beat " in line and not line.startswith("pikos")]
        counts = [int(row[0]) for row in rows if row and row[0].isdigit()]
        if not at or not counts or counts[0] == shown:
            continue
        if shown is not None:
            ages.append(at - (start + (shown - 1) * BEAT))
        shown = counts[0]
    return ages


#: Sleeps for 5 ms, again and again; at last, prints by how much it was woken too late, in seconds: the greatest of all.
SLEEPER = """
import select, sys, time
greatest = 0.0
while True:
    end = time.monotonic() + 0.005
    if select.select([sys.stdin], [], [], 0.005)[0]: break
    greatest = max(greatest, time.monotonic() - end)
print(greatest)
"""


@contextlib.contextmanager
def lateness() -> Iterator[list[float]]:
    """By how much this machine wakes a process too late, at most; in the list when it is over."""
    sleeper = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    greatest: list[float] = []
    yield greatest
    out, _ = sleeper.communicate("")
    greatest.append(float(out))


@contextlib.contextmanager
def programs(folder: Path, args: argparse.Namespace) -> Iterator[Path]:
    """The processes; the file in which the first one writes when it began."""
    began = folder / "began"
    environment = {name: value for name, value in os.environ.items() if name != "XDG_RUNTIME_DIR"}
    running = []
    try:
        for number in range(args.processes):
            place = folder / (f"program{number}" if args.different else "program")
            if not place.exists():
                write_program(place, args.functions)
            command = [sys.executable, "-m", "pikos.cprofile", "--live", "--interval", str(INTERVAL)]
            running.append(
                subprocess.Popen(
                    [*command, "-o", os.devnull, str(place / "program.py"), "" if number else str(began)],
                    env={**environment, "TMPDIR": str(folder)},
                    stdout=subprocess.DEVNULL,
                )
            )
        yield began
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def write_program(place: Path, functions: int) -> None:
    place.mkdir()
    names = [f"function_{number}" for number in range(functions)]
    lines = [f"def {name}(): pass" for name in names]
    (place / "functions.py").write_text("\n".join([*lines, f"FUNCTIONS = [{', '.join(names)}]", ""]))
    (place / "program.py").write_text(PROGRAM.replace("BEAT", str(BEAT)))


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.views.top", description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--functions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--different", action="store_true", help="every process has a program of its own")
    parser.add_argument("--check", action="store_true", help="exit code 1 where a goal is missed")
    parser.add_argument("--pikos", default="pikos")
    args = parser.parse_args()
    for name, value in machine.facts().items():
        print(f"{name}: {value}")
    kind = "different programs" if args.different else "the same program"
    print(f"{args.processes} processes of {args.functions} functions each, {kind}, every {INTERVAL} s\n")
    with tempfile.TemporaryDirectory(prefix="pikos-", dir="/tmp") as name:
        folder = Path(name)
        with programs(folder, args) as began:
            sockets = folder / f"pikos-{os.getuid()}"
            deadline = time.time() + PATIENCE
            while not began.exists() or len(list(sockets.glob("*.pub"))) < args.processes:
                if time.time() > deadline:
                    raise SystemExit("the processes did not begin")
                time.sleep(0.1)
            environment = {"TMPDIR": str(folder), "XDG_RUNTIME_DIR": ""}
            # All has been called once, and starting is over.
            time.sleep(2.0)
            with Screen([args.pikos, "top"], 160, 50, environment) as screen:
                expected = args.functions * (args.processes if args.different else 1)
                screen.wait(lambda text: bool(sorted_by(text)) and functions(text) >= expected, "all functions")
                screen.drain(1.0)
                times = measure_keys(screen, args.rounds)
                with lateness() as late:
                    busy, start = cpu_seconds(screen.process.pid), time.time()
                    ages = measure_age(screen, float(began.read_text()), 10.0)
                    busy = (cpu_seconds(screen.process.pid) - busy) / (time.time() - start)
                resident = resident_mb(screen.process.pid)
                screen.keys("q")
    return report(times, ages, late[0], busy, resident, args.check)


def cpu_seconds(pid: int) -> float:
    """Of all its threads, so far."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def report(
    times: dict[str, list[float]], ages: list[float], late: float, busy: float, resident: float, checks: bool
) -> int:
    for name, seconds in times.items():
        print(f"{name:32} median {1000 * statistics.median(seconds):5.1f} ms, greatest {1000 * max(seconds):5.1f} ms")
    every = [second for seconds in times.values() for second in seconds]
    oldest = max(ages, default=float("inf")) - INTERVAL
    goals = [
        (f"redraw, greatest of {len(every)}", 1000 * max(every), 1000 * REDRAW, "ms"),
        (f"age beyond one interval, greatest of {len(ages)}", 1000 * oldest, 1000 * LATE, "ms"),
        ("resident at most", resident, MEMORY, "MB"),
    ]
    print()
    for name, value, goal, unit in goals:
        print(f"{name:45} {value:6.1f} {unit}   goal {goal:.0f} {unit}   {'met' if value <= goal else 'MISSED'}")
    median = statistics.median(ages) - INTERVAL if ages else float("inf")
    print(f"{'age beyond one interval, median':45} {1000 * median:6.1f} ms")
    print(f"{'this machine wakes a sleeper late by up to':45} {1000 * late:6.1f} ms")
    print(f"{'pikos top takes of one CPU':45} {100 * busy:6.1f} %")
    print(f"{'redraw, median':45} {1000 * statistics.median(every):6.1f} ms")
    return int(checks and any(value > goal for _, value, goal, _ in goals))


if __name__ == "__main__":
    sys.exit(main())
