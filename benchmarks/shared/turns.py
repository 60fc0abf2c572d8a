"""Processes that wait until they are told to run once, and then say how long it took: so that several take turns."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from typing import IO, Any

from benchmarks.shared.machine import ROOT

#: Seconds until a process that gives no answer is given up.
PATIENCE = 120.0
#: Hash randomisation would make another program of each process.
ENVIRONMENT = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}


class Process:
    """`python -m module` with these arguments. It writes a line of JSON when it is ready, and one for each line that it reads."""

    def __init__(self, module: str, *arguments: str) -> None:
        self.errors: IO[bytes] = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=ENVIRONMENT,
        )
        #: Why it runs no more.
        self.trouble: str | None = None
        self.runs: list[dict[str, Any]] = []

    def wait_until_ready(self) -> None:
        self.answer()

    def run(self) -> None:
        """Run once, and keep the answer."""
        if self.trouble is not None:
            return
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: the answer says so
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
        answer = self.answer()
        if answer is not None:
            self.runs.append(answer)

    def answer(self) -> dict[str, Any] | None:
        """The next line that the process writes; None, and the trouble noted, if there is none."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            self.trouble = f"no answer within {PATIENCE:.0f} s"
            self.process.kill()
            return None
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.errors.seek(0)
            lines = self.errors.read().decode(errors="replace").strip().splitlines()
            self.trouble = lines[-1] if lines else f"it ended with exit code {code} and said nothing"
            return None
        answer: dict[str, Any] = json.loads(line)
        if "skip" in answer:
            self.trouble = answer["skip"]
            return None
        return answer

    def end(self) -> None:
        with contextlib.suppress(BrokenPipeError, subprocess.TimeoutExpired):
            self.process.communicate(timeout=PATIENCE)
        self.process.kill()
        self.errors.close()
