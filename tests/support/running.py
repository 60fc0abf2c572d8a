"""How the tests start Python, and which profiler they test.

Nearly every test runs its subject in a fresh interpreter: a profiler changes the interpreter's state, and a crash
must fail one test, not the whole run.

The subject is `pikos.cprofile`. `PIKOS_TEST_PROFILER=cProfile` puts the interpreter's own profiler in its place: what
then fails (with `-m "not beyond_cprofile"`) is a test that is wrong about cProfile.
"""

from __future__ import annotations

import importlib
import json
import os
import pstats
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

SUPPORT = Path(__file__).resolve().parent
TESTS = SUPPORT.parent
CONTROL = "cProfile"
#: The command as it is installed.
PIKOS = str(Path(sysconfig.get_path("scripts")) / "pikos")
#: Seconds. Longer than anything takes on a machine that does much else; what waits so long has failed. Less than the time that
#: pytest gives a test, so that a test says itself what it waited for.
PATIENCE = 200.0
SUBJECT = os.environ.get("PIKOS_TEST_PROFILER", "pikos.cprofile")
#: What the launcher says on 3.11 of a program whose other threads it was not asked to profile. Not among what is compared with a plain
#: run: tests/launcher has a test of it.
UNCOVERED = "pikos: other threads ran, and are not in the profile: add --threads to profile all of them\n"

# Hash randomisation reorders sets, and so changes how often a program calls what.
_FIXED = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(TESTS), "PYTHONWARNINGS": "error", "LC_ALL": "C.UTF-8"}
# What a developer's shell may hold, and what would change a traceback, a module or the profile's place.
_DROPPED = (
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PYTHONOPTIMIZE",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONFAULTHANDLER",
    "PYTHONPROFILEIMPORTTIME",
    "FORCE_COLOR",
    "PYTHON_COLORS",
    "COLUMNS",
)


def subject() -> ModuleType:
    """The profiler module under test, imported into the test process."""
    return importlib.import_module(SUBJECT)


def sdists_folder() -> Path:
    """Where fetch_sdists.py puts the foreign source distributions."""
    return Path(os.environ.get("PIKOS_TEST_SDISTS", Path(sys.prefix) / "pikos-test-sdists"))


def environment(**changes: str) -> dict[str, str]:
    """This process's environment, made the same for every run."""
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    return {**kept, **_FIXED, "NO_COLOR": "1", "TERM": "dumb", **changes}


@dataclass(frozen=True)
class Run:
    """One finished process. `code` is negative when a signal ended it."""

    code: int
    out: str
    err: str

    def succeeded(self) -> Run:
        """This run, if it ended well and said nothing on standard error; an AssertionError with its output if not."""
        assert (self.code, self.err) == (0, ""), (
            f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"
        )
        return self


def python(
    arguments: Sequence[str | os.PathLike[str]],
    *,
    timeout: float = PATIENCE,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    stdin: str = "",
) -> Run:
    """Run this interpreter with these arguments and wait for its end."""
    done = subprocess.run(
        [sys.executable, *[os.fspath(argument) for argument in arguments]],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env=environment(**(env or {})),
    )
    return Run(done.returncode, done.stdout, done.stderr.replace(UNCOVERED, ""))


def pikos_run(folder: Path, *arguments: str) -> Run:
    """Run `pikos-run` in a folder."""
    return python(["-m", "pikos.runner", *arguments], cwd=folder)


def pikos(*arguments: str | os.PathLike[str], cwd: Path | None = None) -> Run:
    """Run the `pikos` command."""
    return python(["-m", "pikos", *arguments], cwd=cwd)


def write(folder: Path, code: str, name: str = "script.py") -> str:
    """A file of that name, with folders above it. Returns the name."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(code))
    return name


def calls(path: Path) -> dict[str, int]:
    """How often each function of a pstats file was called, by its name."""
    assert path.exists(), f"no profile at {path}"
    found: dict[str, int] = {}
    for (_, _, name), row in pstats.Stats(str(path)).stats.items():  # type: ignore[attr-defined]
        found[name] = found.get(name, 0) + row[1]
    return found


def evaluate(code: str, *, timeout: float = PATIENCE, profiler: str | None = None) -> Any:
    """Run `code` in a fresh interpreter and return what it passed to `answer()`.

    The code finds the profiler under test as `profiler` and its class as `Profile`. A crash, a traceback or a word on
    standard error (an unraisable exception, say) fails the test.
    """
    run = python(["-c", _PREAMBLE + textwrap.dedent(code), profiler or SUBJECT], timeout=timeout).succeeded()
    answers = [line for line in run.out.split("\n") if line.startswith(_MARK)]
    assert len(answers) == 1, f"answer() was called {len(answers)} times\n{run.out}"
    return json.loads(answers[0].removeprefix(_MARK))


_MARK = "\x1eanswer "
_PREAMBLE = f"""
import importlib, json, sys
profiler = importlib.import_module(sys.argv[1])
Profile = profiler.Profile
def answer(value):
    print({_MARK!r} + json.dumps(value), flush=True)
"""
