"""Where profiles of requests are kept: in this process, or in a folder that several processes share. Either way the newest few only."""

from __future__ import annotations

import json
import os
import re
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import pikos.stats

if TYPE_CHECKING:
    from typing import Any, Protocol

    class Keeper(Protocol):
        def add(self, entry: Entry, profile: pikos.stats.Profile) -> None:
            """Raises OSError if that can't be kept."""

        def entries(self) -> list[Entry]:
            """The newest comes first."""

        def profile(self, id: str) -> pikos.stats.Profile | None: ...
        def clear(self) -> None: ...


#: Bytes of what is read of one entry, and of one profile.
MOST_ENTRY, MOST_PROFILE = 65536, 1 << 28
#: Characters of a label and of a path.
MOST_TEXT = 300
#: Of a file's name that tell who looks at the folder what it is of.
MOST_NAME = 60
#: An entry's name: when, which process, a number of chance.
ID = re.compile(r"\d{13,16}-\d{1,10}-[0-9a-f]{8}")


class Entry(NamedTuple):
    """A request or a task that was kept. label: its route, or the task's name; began: seconds since 1970; calls: None if nobody counted
    them."""

    id: str
    label: str
    #: ``GET /users/7``; empty for a task.
    what: str
    why: str
    #: Of the answer, or ``SUCCESS``.
    outcome: str
    began: float
    seconds: float
    calls: int | None
    pid: int
    #: What else there is to know, a sentence; mostly empty.
    note: str


def new_id() -> str:
    """The newer ones sort behind the older."""
    return f"{time.time_ns() // 1000}-{os.getpid()}-{os.urandom(4).hex()}"


class Memory:
    """Keeps them in this process."""

    def __init__(self, most: int) -> None:
        # Appending and copying are one step each: no lock that a fork could find held.
        self._kept: deque[tuple[Entry, pikos.stats.Profile]] = deque(maxlen=most)

    def add(self, entry: Entry, profile: pikos.stats.Profile) -> None:
        self._kept.append((entry, profile))

    def entries(self) -> list[Entry]:
        return [entry for entry, _ in reversed(self._kept.copy())]

    def profile(self, id: str) -> pikos.stats.Profile | None:
        return next((profile for entry, profile in self._kept.copy() if entry.id == id), None)

    def clear(self) -> None:
        self._kept.clear()


class Folder:
    """Keeps them as files: ``ID-label.pikos``, which any command of Pikos reads, and ``ID.json`` with what else is known."""

    def __init__(self, path: str, most: int) -> None:
        """Makes the folder, for this user alone, if it isn't there. Raises OSError."""
        self.path = os.path.abspath(path)
        self._most = most
        os.makedirs(self.path, mode=0o700, exist_ok=True)
        if not os.path.isdir(self.path):
            raise NotADirectoryError(20, "Not a directory", self.path)

    def add(self, entry: Entry, profile: pikos.stats.Profile) -> None:
        told = re.sub(r"[^A-Za-z0-9_.]+", "-", entry.label)[:MOST_NAME].strip("-.") or "profile"
        profile.export(os.path.join(self.path, f"{entry.id}-{told}.pikos"), "pikos")
        # After the profile: whoever finds this finds that.
        place = os.path.join(self.path, f"{entry.id}.json")
        with open(f"{place}.new", "w", encoding="ascii") as stream:
            json.dump(entry._asdict(), stream)
        os.replace(f"{place}.new", place)
        self._forget(self._most)

    def entries(self) -> list[Entry]:
        found = []
        for id in sorted(self._files(), reverse=True)[: self._most]:
            entry = self._entry(id)
            if entry is not None:
                found.append(entry)
        return found

    def profile(self, id: str) -> pikos.stats.Profile | None:
        # Not of its characters, but of those that are there: a stranger may have sent it.
        for name in self._files().get(id, []):
            path = os.path.join(self.path, name)
            if name.endswith(".pikos"):
                try:
                    return pikos.stats.load(path) if os.path.getsize(path) <= MOST_PROFILE else None
                except (OSError, ValueError):
                    return None
        return None

    def clear(self) -> None:
        self._forget(0)

    def _files(self) -> dict[str, list[str]]:
        """Names by the entry that they belong to."""
        found: dict[str, list[str]] = {}
        try:
            names = os.listdir(self.path)
        except OSError:
            return found
        for name in names:
            begins = ID.match(name)
            if begins is not None and name.endswith((".json", ".pikos")):
                found.setdefault(begins[0], []).append(name)
        return found

    def _entry(self, id: str) -> Entry | None:
        try:
            with open(os.path.join(self.path, f"{id}.json"), "rb") as stream:
                fields: Any = json.loads(stream.read(MOST_ENTRY))
            label, what, why, outcome, note = (
                str(fields[name])[:MOST_TEXT] for name in ("label", "what", "why", "outcome", "note")
            )
            began, seconds = float(fields["began"]), float(fields["seconds"])
            calls = None if fields["calls"] is None else int(fields["calls"])
            return Entry(id, label, what, why, outcome, began, seconds, calls, int(fields["pid"]), note)
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            # Another process has just taken it away, or it is none of ours.
            return None

    def _forget(self, most: int) -> None:
        files = self._files()
        for id in sorted(files, reverse=True)[most:]:
            # What it is listed by goes first.
            for name in sorted(files[id], key=lambda each: not each.endswith(".json")):
                try:
                    os.unlink(os.path.join(self.path, name))
                except OSError:
                    # Another process was quicker, or may and this one may not: the list is as long as it should be anyway.
                    continue
