"""A terminal for tests: a program in a pseudo-terminal, and the screen that it draws.

Knows the few sequences that the views use and fails on every other: what a hostile name might smuggle in would be one.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self
from unicodedata import east_asian_width

from running import PATIENCE

SEQUENCE = re.compile(
    r"\x1b(?:\[(?P<private>\??)(?P<numbers>[\d;:]*)(?P<final>[A-Za-z])|(?P<charset>\([B0])|(?P<save>[78]))"
)


class Terminal:
    """A program that runs in a terminal of its own, as a context manager; it is killed at the end."""

    def __init__(
        self,
        command: Sequence[str],
        width: int = 80,
        height: int = 24,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> None:
        self.width, self.height = width, height
        self.cells = [[" "] * width for _ in range(height)]
        self.x = self.y = 0
        #: Whether the alternate screen is shown, and the cursor is not.
        self.is_alternate = False
        self.is_cursor_hidden = False
        #: Ways in which the mouse is told of, that are on.
        self.mouse_modes: set[str] = set()
        #: What was written outside of the alternate screen.
        self.plain = ""
        self.styles: set[str] = set()
        self._pending = b""
        self.master, self._slave = pty.openpty()
        self._set_size(width, height)
        self.modes = termios.tcgetattr(self._slave)
        slave = self._slave
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm-256color", **(env or {})},
            cwd=cwd,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self._slave)

    def _set_size(self, width: int, height: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def resize(self, width: int, height: int) -> None:
        """Give the window another size; the program is told by SIGWINCH."""
        self.width, self.height = width, height
        self.cells = [[" "] * width for _ in range(height)]
        self._set_size(width, height)
        os.killpg(self.process.pid, signal.SIGWINCH)

    def keys(self, text: str) -> None:
        """Press keys."""
        os.write(self.master, text.encode())

    @property
    def text(self) -> str:
        """The screen, one line for each of its lines, without what is empty at their ends."""
        return "\n".join("".join(line).rstrip() for line in self.cells)

    def line(self, containing: str) -> str:
        """The first line of the screen with this text."""
        for line in self.text.splitlines():
            if containing in line:
                return line
        raise AssertionError(f"no line with {containing!r}:\n{self.text}")

    def until(self, condition: str | Callable[[], bool]) -> None:
        """Read what the program writes until the screen holds a text, or a condition is true.

        What is further down may still be on its way: screens come from the top to the bottom.
        """
        end = time.monotonic() + PATIENCE
        while not (condition in self.text if isinstance(condition, str) else condition()):
            assert time.monotonic() < end, f"waited for {condition!r} in vain:\n{self.text}\n{self.plain}"
            if not self.read(0.1) and self.process.poll() is not None and not self.read(0.1):
                raise AssertionError(f"ended with {self.process.returncode} before {condition!r}:\n{self.plain}")

    def wait(self) -> int:
        """Read to the program's end; return its exit status, negative for a signal."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end, f"did not end:\n{self.text}"
            self.read(0.1)
        while self.read(0.1):
            pass
        return self.process.returncode

    def read(self, patience: float) -> bool:
        """Take in what was written; False if there was nothing."""
        if not select.select([self.master], [], [], patience)[0]:
            return False
        self.feed(os.read(self.master, 65536))
        return True

    def feed(self, written: bytes) -> None:
        """Take in what the program wrote."""
        self._pending += written
        # A character or a sequence may come in two parts.
        text = self._pending.decode(errors="ignore")
        rest = self._pending[len(text.encode()) :]
        cut = text.rfind("\x1b", max(0, len(text) - 30))
        if cut >= 0 and not SEQUENCE.match(text, cut):
            rest = text[cut:].encode() + rest
            text = text[:cut]
        self._pending = rest
        self._write(text)

    def _write(self, text: str) -> None:
        place = 0
        while place < len(text):
            if text[place] == "\x1b":
                match = SEQUENCE.match(text, place)
                assert match, f"a sequence that no view uses: {text[place : place + 20]!r}"
                self._obey(match)
                place = match.end()
                continue
            self._put(text[place])
            place += 1

    def _put(self, character: str) -> None:
        if not self.is_alternate:
            self.plain += character
            return
        assert character.isprintable(), f"a control character on the screen: {character!r}"
        cells = 2 if east_asian_width(character) in "WF" else 1
        if self.y < self.height and self.x < self.width:
            self.cells[self.y][self.x] = character
            if cells == 2 and self.x + 1 < self.width:
                self.cells[self.y][self.x + 1] = ""
        self.x += cells

    def _obey(self, match: re.Match[str]) -> None:
        if match["charset"] or match["save"]:
            return
        numbers = match["numbers"]
        code = match["private"] + match["final"]
        if code == "H":
            row, column = (int(number) for number in (numbers or "1;1").split(";"))
            self.y, self.x = row - 1, column - 1
        elif code == "m":
            self.styles.add(numbers)
        elif code == "J":
            self.cells = [[" "] * self.width for _ in range(self.height)]
        elif code in ("?h", "?l"):
            is_set = code == "?h"
            if numbers == "1049":
                self.is_alternate = is_set
                self.cells = [[" "] * self.width for _ in range(self.height)]
            elif numbers == "25":
                self.is_cursor_hidden = not is_set
            elif numbers in ("1000", "1006"):
                self.mouse_modes = (self.mouse_modes | {numbers}) if is_set else (self.mouse_modes - {numbers})
            else:
                raise AssertionError(f"a mode that no view sets: {numbers}")
        else:
            raise AssertionError(f"a sequence that no view uses: {match[0]!r}")

    def is_restored(self) -> bool:
        """Whether the terminal is as the shell had it."""
        modes = termios.tcgetattr(self._slave)
        return not (self.is_alternate or self.is_cursor_hidden or self.mouse_modes) and modes == self.modes
