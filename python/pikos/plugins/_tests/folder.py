"""What a run leaves on the disk: a profile for each test, ``run.pikos`` with all of it, and ``tests.json``, which says what is what.

A folder to compare with may come from anywhere, so all of it is checked when it is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pikos.stats

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

INDEX, WHOLE = "tests.json", "run.pikos"
#: A process's collection and fixtures.
REST = re.compile(r"rest-\d+\.pikos")
FORMAT = 1
#: Bytes that are read of an index, and of one profile.
MOST_INDEX, MOST_PROFILE = 256 << 20, 1 << 30
#: Characters of a file's name that tell the test to who looks at the folder.
MOST_NAME = 80


class Test(NamedTuple):
    """What is known of a test that ran. seconds: by the clock; calls: of the project's own code, and all that it calls; at, share: where
    most of its time went; files: its profile, and those of its blocks."""

    seconds: float
    calls: int
    at: str | None
    share: float
    outcome: str
    files: list[str]


class Unreadable(Exception):
    """What was to be compared with can't be read: a sentence."""


def file_name(test: str) -> str:
    """A name that any file system takes, and that no other test has."""
    told = re.sub(r"[^A-Za-z0-9_.-]+", "-", test)[-MOST_NAME:].strip("-.")
    return f"{told}-{hashlib.sha256(test.encode('utf-8', 'replace')).hexdigest()[:10]}.pikos"


def write_index(folder: Path, root: str, tests: dict[str, Test]) -> None:
    told = {
        "format": FORMAT,
        "python": platform.python_version(),
        "root": root,
        "tests": {name: test._asdict() for name, test in tests.items()},
    }
    text = json.dumps(told, indent=1, sort_keys=True) + "\n"
    # Names of tests may hold anything, half a surrogate pair included.
    (folder / INDEX).write_bytes(text.encode("ascii"))


class Kept:
    """A run that was kept."""

    def __init__(self, folder: Path) -> None:
        """Raises Unreadable."""
        self.folder = folder
        try:
            with open(folder / INDEX, "rb") as stream:
                data = stream.read(MOST_INDEX + 1)
        except OSError as error:
            raise Unreadable(
                f"there is no run to compare with in {folder} ({error.strerror}): make one with --pikos-save {folder}"
            ) from None
        try:
            if len(data) > MOST_INDEX:
                raise ValueError("it is too large")
            told = json.loads(data)
            if told["format"] != FORMAT:
                raise ValueError(f"its format is {told['format']!r}, and not {FORMAT}")
            self.python = str(told["python"])
            self.root = str(told["root"])
            self.tests = {str(name): _test(fields) for name, fields in told["tests"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise Unreadable(
                f"{folder / INDEX} is no index of --pikos-save ({type(error).__name__}: {error}): save the run anew"
            ) from None

    def profiles(self, test: Test) -> list[pikos.stats.Profile]:
        """Those that can still be read."""
        found = []
        for name in test.files:
            path = self.folder / name
            try:
                if path.stat().st_size <= MOST_PROFILE:
                    found.append(pikos.stats.load(path))
            except (OSError, ValueError):
                # The figures are there without it.
                continue
        return found


def _test(fields: dict[str, Any]) -> Test:
    files = fields["files"]
    if not isinstance(files, list) or not all(isinstance(each, str) and _is_plain(each) for each in files):
        raise ValueError(f"files of a test must be names, got {files!r:.100}")
    calls, seconds, share = fields["calls"], fields["seconds"], fields["share"]
    if not isinstance(calls, int) or calls < 0 or not all(isinstance(each, int | float) for each in (seconds, share)):
        raise ValueError("calls, seconds and share of a test must be numbers")
    at = fields["at"]
    return Test(float(seconds), calls, None if at is None else str(at), float(share), str(fields["outcome"]), files)


def _is_plain(name: str) -> bool:
    return name == os.path.basename(name) and name.endswith(".pikos") and "\0" not in name


def put(made: Path, kept: Path) -> None:
    """Move what a run has made to where it is to be kept; what an earlier run has left there goes. Raises OSError."""
    kept.mkdir(parents=True, exist_ok=True)
    try:
        before = {name for test in Kept(kept).tests.values() for name in test.files}
        before |= {each.name for each in kept.iterdir() if REST.fullmatch(each.name)}
    except Unreadable:
        before = set()
    names = [each.name for each in made.iterdir()]
    # The index last: it names none that isn't there.
    for name in sorted(names, key=lambda each: each == INDEX):
        shutil.copyfile(made / name, kept / f"{name}.new")
        os.replace(kept / f"{name}.new", kept / name)
    for name in before.difference(names):
        (kept / name).unlink(missing_ok=True)
