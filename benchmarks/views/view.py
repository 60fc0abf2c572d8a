"""How fast the terminal views answer, and what they take: a key is pressed, and the new screen is waited for.

    python -m benchmarks.shared.make_large_pstats large.pstats --functions 10000 --edges 60000
    python -m benchmarks.views.view --pikos .venv/bin/pikos large.pstats

Each key is pressed in turn, round after round, in a real pseudo-terminal of 160 x 50; the time is from the key to the
last byte of the screen that it brings, read and thrown away, and the greatest of all rounds is printed beside the
median: a person notices the slow ones. Needs only the standard library.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import statistics
import struct
import subprocess
import termios
import time
from pathlib import Path

#: A screen is complete when nothing has come for so long.
QUIET = 0.03
#: What is measured, the keys, and keys that undo it and are not measured.
KEYS = {
    "cursor down": ("j", ""),
    "page down": (" ", ""),
    "to the end": ("G", ""),
    "to the start": ("g", ""),
    "sort by the next column": (">", ""),
    "turn the order round": ("r", ""),
    "filter by a letter": ("/f", "\x15\r"),
    "drill down": ("\r", ""),
    "and back": ("\x1b", ""),
}


class View:
    def __init__(self, command: list[str], width: int, height: int) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
        )

    def settle(self, patience: float) -> tuple[float, int]:
        """Read until nothing comes; the time of the last byte, and how many there were."""
        last, count = time.perf_counter(), 0
        while select.select([self.master], [], [], patience if count == 0 else QUIET)[0]:
            count += len(os.read(self.master, 1 << 20))
            last = time.perf_counter()
        return last, count

    def press(self, keys: str) -> float:
        """Seconds from the key to the last byte of its screen."""
        start = time.perf_counter()
        os.write(self.master, keys.encode())
        last, count = self.settle(1.0)
        return last - start if count else 0.0

    def resident(self) -> float:
        """The greatest resident size so far, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.views.view", description=__doc__.splitlines()[0])
    parser.add_argument("profiles", nargs="+")
    parser.add_argument("--pikos", default="pikos")
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    start = time.perf_counter()
    view = View([args.pikos, "view", *args.profiles], 160, 50)
    last, _ = view.settle(30.0)
    print(f"first screen after {1000 * (last - start):.0f} ms")
    times: dict[str, list[float]] = {name: [] for name in KEYS}
    for _ in range(args.rounds):
        for name, (keys, undo) in KEYS.items():
            times[name].append(view.press(keys))
            if undo:
                view.press(undo)
    for name, seconds in times.items():
        seconds = [s for s in seconds if s] or [0.0]
        print(f"{name:26} median {1000 * statistics.median(seconds):5.1f} ms, greatest {1000 * max(seconds):5.1f} ms")
    print(f"resident at most {view.resident():.0f} MB")
    os.write(view.master, b"q")
    view.process.wait()


if __name__ == "__main__":
    main()
