"""On the client: what all workers have told."""

from __future__ import annotations

import asyncio
import os
import sys
import time
import uuid
from typing import TYPE_CHECKING

from pikos._lsprof import _Relay, _StoredProfile
from pikos.plugins.dask._texts import Part, Question
from pikos.plugins.dask._workers import Worker
from pikos.stats import Profile as Finished

if TYPE_CHECKING:
    import pstats
    from typing import Any, Self

#: Seconds that the last figures of all workers may take.
PATIENCE = 10.0
#: Seconds from when a worker is gone until its last word must be here: the scheduler forgets a retired one before that one ends.
LAST_WORD = 5.0


class ClusterProfile:
    """What `profile` returns. The figures are those that the workers have told so far; after the block, all of them."""

    def __init__(
        self, client: Any, options: dict[str, Any], interval: float, live: bool | str, connect: bool, remote: bool
    ) -> None:
        self._client = client
        self._name = f"pikos-{uuid.uuid4().hex[:12]}"
        self._part = Part(self._name, options)
        self._interval = interval
        self._live = (live, connect, remote)
        self._relay: _Relay | None = None
        self._workers: dict[str, Worker] = {}
        self._runner: asyncio.Task[None] | None = None
        self._problems: list[str] = []

    # What is known.

    @property
    def workers(self) -> list[Worker]:
        """All workers that were ever heard of, those that are lost included."""
        return list(self._workers.values())

    @property
    def labels(self) -> list[str]:
        """The prefixes of the tasks that were counted."""
        return sorted({label for worker in self.workers for label in list(worker._parts)})

    @property
    def notes(self) -> list[str]:
        """What is to be known of the figures: which workers were lost, or couldn't be profiled, a sentence each."""
        notes = list(self._problems)
        lost = [worker for worker in self.workers if worker.state == "lost"]
        if lost:
            who = ", ".join(
                f"{worker.address} (process {worker.pid} on {worker.host})" if worker.pid else worker.address
                for worker in lost
            )
            told = any(worker.heard is not None for worker in lost)
            what = "what they had told by then is counted" if told else "nothing of them is counted"
            notes.append(f"{len(lost)} of {len(self._workers)} workers went without a word, {what}: {who}")
        for worker in self.workers:
            if worker.problem is not None:
                notes.append(f"{worker.address} is not profiled: {worker.problem}")
        return notes

    @property
    def endpoints(self) -> list[str]:
        """Where the streams of the workers are passed on, if they are."""
        return [] if self._relay is None else self._relay.endpoints

    def profile(self, label: str | None = None, *, worker: str | None = None, by: str | None = None) -> Finished:
        """The figures so far, of all workers together.

        label: of tasks of one prefix alone. worker: of one worker, by its address, alone. by: ``"task"`` or ``"worker"`` keeps the
        functions of each prefix or worker apart, below one that has its name: for flame graphs. Raises ValueError if there is
        nothing of that kind.
        """
        if by not in (None, "task", "worker"):
            raise ValueError(f'by must be "task" or "worker", not {by!r}')
        parts = []
        for each in self.workers:
            if worker is not None and each.address != worker:
                continue
            for name, figures in list(each._parts.items()):
                if label is None or name == label:
                    parts.append((figures, {"task": name, "worker": each.address}.get(by or "")))
        if not parts:
            if label is not None and label not in self.labels:
                raise ValueError(f"no task {label!r} was counted; there are {', '.join(self.labels) or 'none at all'}")
            if worker is not None and worker not in self._workers:
                raise ValueError(f"no worker {worker!r} was heard of")
        return Finished(_StoredProfile.merged(parts))

    def stats(self, label: str | None = None, *, worker: str | None = None) -> pstats.Stats:
        """The same, for pstats. ValueError while there are no figures."""
        import pstats

        profile = self.profile(label, worker=worker)
        if not len(profile):
            raise ValueError("no task has been counted yet")
        return pstats.Stats(profile)  # type: ignore[arg-type]

    def print_stats(self, sort: str | tuple[str, ...] = "cumulative", top: int | None = 30) -> None:
        """Print the table of functions, and what is to be known of it."""
        profile = self.profile().sort(*([sort] if isinstance(sort, str) else sort))
        print(profile.top(top) if top is not None else profile)
        for note in self.notes:
            print(f"note: {note}")

    def export(self, path: str | os.PathLike[str], format: str | None = None, *, by: str | None = None) -> list[str]:
        """Write the figures so far to a file, as ``pikos.stats.Profile.export`` does; ``by`` as above."""
        return self.profile(by=by).export(path, format)

    def dump_stats(self, path: str | os.PathLike[str]) -> None:
        """The same, for ``pstats.Stats`` to load."""
        self.export(path, None if os.fspath(path).endswith(".pikos") else "pstats")

    def __repr__(self) -> str:
        return f"<pikos.plugins.dask.ClusterProfile: {len(self._workers)} workers, {len(self.labels)} kinds of tasks>"

    # Its life.

    def __enter__(self) -> Self:
        self._client.sync(self._start)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.sync(self._finish)
        self._say()

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._finish()
        self._say()

    def _say(self) -> None:
        for note in self.notes:
            print(f"pikos: {note}", file=sys.stderr)

    async def _start(self) -> None:
        live, connect, remote = self._live
        if live:
            self._relay = _Relay(live if isinstance(live, str) else None, connect, remote, self._interval)
        self._client.subscribe_topic(self._name, self._hear_last)
        register = getattr(self._client, "register_plugin", None) or self._client.register_worker_plugin
        try:
            await register(self._part, name=self._name)
        except Exception as error:
            # Some workers may have it: these are asked.
            self._problems.append(f"the plugin could not be registered everywhere: {type(error).__name__}: {error}")
        await self._look()
        self._runner = asyncio.get_running_loop().create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            start = time.monotonic()
            await self._look()
            self._pass_on()
            await asyncio.sleep(max(self._interval - (time.monotonic() - start), self._interval / 10))

    async def _finish(self) -> None:
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
        questions = [worker._question for worker in self.workers if worker._question is not None]
        if questions:
            await asyncio.wait(questions, timeout=PATIENCE)
        await self._look()
        questions = [worker._question for worker in self.workers if worker._question is not None]
        if questions:
            _, late = await asyncio.wait(questions, timeout=PATIENCE)
            for question in late:
                question.cancel()
            silent = [
                worker.address for worker in self.workers if worker._question in late and worker.state == "running"
            ]
            if silent:
                self._problems.append(
                    f"no answer within {PATIENCE:.0f} s, older figures are counted: {', '.join(silent)}"
                )
            await self._look(asks=False)
        await self._wait_for_last_words()
        try:
            await self._client.unregister_worker_plugin(self._name)
        except Exception as error:
            self._problems.append(f"the plugin could not be removed everywhere: {type(error).__name__}: {error}")
        self._client.unsubscribe_topic(self._name)
        if self._relay is not None:
            self._pass_on(is_last=True)
            self._relay.close()

    async def _look(self, asks: bool = True) -> None:
        """See which workers there are, and ask those that have answered all earlier questions."""
        try:
            there = set(await self._client.nthreads())
        except Exception as error:
            # The scheduler is away for a moment, or for good: then the block will end soon.
            if not self._problems:
                self._problems.append(f"the scheduler did not answer: {type(error).__name__}: {error}")
            return
        for address in there:
            worker = self._workers.setdefault(address, Worker(address))
            if asks and (worker._question is None or worker._question.done()):
                worker._question = asyncio.get_running_loop().create_task(self._ask(worker))
        for address, worker in self._workers.items():
            if worker.state == "running" and address not in there:
                worker.state, worker._gone, worker._is_new = "lost", time.monotonic(), True

    async def _wait_for_last_words(self) -> None:
        """Of workers that have just gone."""
        while any(worker.state == "lost" and time.monotonic() - worker._gone < LAST_WORD for worker in self.workers):
            await asyncio.sleep(0.05)

    async def _ask(self, worker: Worker) -> None:
        try:
            question = Question(self._name, worker._version)
            answers = await self._client.run(question, workers=[worker.address], on_error="return")
        except Exception:
            # It has just gone: that shows in the list of workers.
            return
        answer = answers.get(worker.address)
        if isinstance(answer, dict):
            self._take(worker, answer)

    def _take(self, worker: Worker, told: dict[str, Any]) -> None:
        worker.problem = told.get("problem")
        if "parts" not in told:
            return
        worker.name, worker.host, worker.pid, worker.python = (told[each] for each in ("name", "host", "pid", "python"))
        for label, data in told["parts"].items():
            try:
                worker._parts[label] = _StoredProfile.read(data, f"{worker.address}: {label}", "pikos")
            except ValueError as error:
                worker.problem = f"its figures can't be read: {error}"
        worker._version, worker.heard, worker._is_new = told["version"], told["time"], True

    def _hear_last(self, event: Any) -> None:
        """A worker that ends says what it has counted."""
        told = event[1] if isinstance(event, tuple | list) else event
        worker = self._workers.setdefault(told["address"], Worker(told["address"]))
        worker.state = "ended"
        self._take(worker, told["told"])

    def _pass_on(self, is_last: bool = False) -> None:
        if self._relay is None:
            return
        listens, came = self._relay.listeners()
        if not listens:
            return
        for worker in self.workers:
            if not (came or is_last or worker._is_new) or worker.heard is None:
                continue
            worker._is_new = False
            end = {"lost": ("lost without a word", ""), "ended": ("normal", "")}.get(worker.state)
            if is_last:
                end = end or ("disabled", "")
            about = (worker.host, worker.pid, ["dask worker", worker.name], worker.python)
            self._relay.tell(f"{self._name} {worker.address}", about, list(worker._parts.items()), time.time(), end)
