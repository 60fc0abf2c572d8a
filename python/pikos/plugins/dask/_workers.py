"""What the client knows of a worker."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from pikos._lsprof import _StoredProfile


@dataclass
class Worker:
    """A worker of the cluster, as far as it has told."""

    #: Dask's address of it.
    address: str
    name: str = ""
    host: str = ""
    pid: int = 0
    python: str = ""
    #: ``"running"``, ``"ended"`` by itself, or ``"lost"``: gone without a word.
    state: str = "running"
    #: Why its tasks, or some of them, weren't counted.
    problem: str | None = None
    #: When its figures were taken last, in seconds since 1970; None if it has told none.
    heard: float | None = None
    #: When it was missed, by `time.monotonic`.
    _gone: float = field(default=0.0, repr=False)
    _version: int = field(default=0, repr=False)
    _parts: dict[str, _StoredProfile] = field(default_factory=dict, repr=False)
    _question: asyncio.Task[None] | None = field(default=None, repr=False)
    #: Whether there is something that hasn't been passed on.
    _is_new: bool = field(default=False, repr=False)
