"""On a worker: each task's calls, in the thread that runs it."""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING

import distributed
from distributed.core import Status
from distributed.utils import key_split

from pikos._lsprof import _Relay, _StoredProfile
from pikos.cprofile import Profile
from pikos.plugins.dask._door import Door
from pikos.plugins.dask._texts import Part

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: Labels that a worker tells apart; tasks of more prefixes than that are counted together.
MOST_LABELS = 500
OTHERS = "(other tasks)"


class TaskProfiler(distributed.WorkerPlugin):  # type: ignore[misc]
    """TaskProfiler(live=False, *, connect=False, remote=False, interval=1.0, tree=True, **options)

    Profiles the tasks of a worker: ``client.register_plugin(TaskProfiler("tcp://HOST:PORT", connect=True, remote=True))`` has every
    worker of the cluster, those to come included, send its figures to ``pikos top --bind`` or ``pikos collect --bind`` there. Each
    task prefix is a thread of the worker's stream. `profile` uses it without a stream of its own.

    live: True, or an endpoint, as for ``pikos.cprofile.Profile``; so are the other options. ValueError if one of them can't be.
    """

    def __init__(
        self,
        live: bool | str = False,
        *,
        connect: bool = False,
        remote: bool = False,
        interval: float = 1.0,
        tree: bool = True,
        _name: str = "pikos",
        **options: Any,
    ) -> None:
        self.name = _name
        self.problem: str | None = None
        self._options = {**options, "tree": tree, "threads": False}
        Profile(**self._options)
        self._live, self._interval = (live, connect, remote), interval
        self._lock = threading.Lock()
        self._free: dict[str, list[Profile]] = {}
        self._all: dict[str, list[Profile]] = {}
        self._running: dict[str, int] = {}
        #: Counts the tasks that have ended, and when that was for each label.
        self._version = 0
        self._changed: dict[str, int] = {}
        self.is_on = False
        self._relay: _Relay | None = None
        self._ticker: asyncio.Task[None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        live, connect, remote = self._live
        options = {"live": live, "connect": connect, "remote": remote, "interval": self._interval, "_name": self.name}
        return {**self._options, **options}

    def __reduce__(self) -> Any:
        options = {name: value for name, value in self.__getstate__().items() if name not in ("threads", "_name")}
        return Part(self.name, options).__reduce__()

    def setup(self, worker: Any) -> None:
        """Called by the worker."""
        self._about = {
            "address": worker.address,
            "name": str(worker.name),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "python": f"{platform.python_implementation()} {platform.python_version()}",
        }
        self.problem = Door.open(self)
        if self.problem is not None:
            return
        self.is_on = True
        live, connect, remote = self._live
        if live:
            endpoint = live if isinstance(live, str) else None
            try:
                self._relay = _Relay(endpoint, connect, remote, self._interval)
            except OSError as error:
                # The worker works on; what it counts can still be asked for.
                self.problem = f"no live stream: {error}"
                print(f"pikos: {self.problem}", file=sys.stderr)
            else:
                self._ticker = asyncio.get_running_loop().create_task(self._tick())

    def teardown(self, worker: Any) -> None:
        """Called by the worker: it ends, or the plugin is no longer wanted."""
        self.is_on = False
        Door.close(self)
        if self._ticker is not None:
            self._ticker.cancel()
        if self._relay is not None:
            self._send({label: self._sum(label) for label in list(self._all)}, ("normal", ""))
            self._relay.close()
        if worker.status == Status.closing:
            try:
                worker.log_event(self.name, {"told": self._told(0), "address": worker.address})
            except Exception as error:
                print(f"pikos: the last figures of {worker.address} are lost: {error}", file=sys.stderr)

    def run(self, key: object, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """Run a task's function, and count what it calls."""
        label = self._label(key_split(key))
        with self._lock:
            free = self._free.setdefault(label, [])
            counts = free.pop() if free else None
            self._running[label] = self._running.get(label, 0) + 1
        try:
            if counts is None:
                counts = Profile(**self._options)
                with self._lock:
                    self._all.setdefault(label, []).append(counts)
            counts.enable()
        except Exception as error:
            # Another tool has the interpreter's slot, say: the task is none of its business.
            self._note(f"{type(error).__name__}: {error}")
            self._ended(label, counts)
            return function(*args, **kwargs)
        try:
            return function(*args, **kwargs)
        finally:
            try:
                counts.disable()
            finally:
                self._ended(label, counts)

    async def tell(self, since: int) -> dict[str, Any]:
        """What has changed since so many tasks had ended; not in the worker's loop, which has others to serve."""
        return await asyncio.get_running_loop().run_in_executor(None, self._told, since)

    def _told(self, since: int) -> dict[str, Any]:
        with self._lock:
            version = self._version
            news = [
                label for label in self._all if self._changed.get(label, 0) > since or self._running.get(label, 0) > 0
            ]
        parts = {label: self._sum(label).dumps("pikos") for label in news}
        return {**self._about, "version": version, "parts": parts, "problem": self.problem, "time": time.time()}

    def _sum(self, label: str) -> _StoredProfile:
        with self._lock:
            profiles = list(self._all.get(label, ()))
        return _StoredProfile.merged([(each._finished(), None) for each in profiles])

    def _label(self, prefix: str) -> str:
        return prefix if prefix in self._all or len(self._all) < MOST_LABELS else OTHERS

    def _note(self, problem: str) -> None:
        if self.problem is None:
            self.problem = problem
            print(f"pikos: tasks are not profiled here: {problem}", file=sys.stderr)

    def _ended(self, label: str, counts: Profile | None) -> None:
        with self._lock:
            self._running[label] -= 1
            self._version += 1
            self._changed[label] = self._version
            if counts is not None:
                self._free[label].append(counts)

    async def _tick(self) -> None:
        """Send what is new to those who listen."""
        assert self._relay is not None
        sent = -1
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self._interval)
            listens, came = self._relay.listeners()
            busy = any(self._running.values())
            if listens and (came or busy or self._version != sent):
                sent = self._version
                parts = {label: await loop.run_in_executor(None, self._sum, label) for label in list(self._all)}
                await loop.run_in_executor(None, self._send, parts, None)

    def _send(self, parts: dict[str, _StoredProfile], end: tuple[str, str] | None) -> None:
        assert self._relay is not None
        about = self._about
        words = ["dask worker", about["name"]]
        who = (about["host"], about["pid"], words, about["python"])
        self._relay.tell(f"{self.name} {about['address']}", who, list(parts.items()), time.time(), end)
