"""Exact profiles of the tasks of a Dask cluster: every call on every worker, merged while it runs.

    import pikos.plugins.dask

    with pikos.plugins.dask.profile(client) as p:
        df.groupby("name").amount.sum().compute()
        p.print_stats("cumulative")  # also while it runs

    p.export("cluster.html", by="task")  # one flame graph of the whole cluster

Each worker profiles its tasks, by the prefix of their keys, in the threads that run them; the client asks the workers for what is
new, through Dask's own connections. With ``live=True`` it passes that on to ``pikos top`` and ``pikos serve``. docs/clusters.md
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import platform
import socket
import sys
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

try:
    import distributed
    from distributed.core import Status
    from distributed.utils import key_split
except ImportError as error:
    raise ImportError("pikos.plugins.dask needs Dask's scheduler: pip install 'pikos[dask]'") from error

from pikos._lsprof import _Relay, _StoredProfile
from pikos.cprofile import Profile
from pikos.stats import Profile as Finished

if TYPE_CHECKING:
    import pstats
    from collections.abc import Callable
    from typing import Any, Self

__all__ = ["ClusterProfile", "TaskProfiler", "Worker", "profile"]

#: Labels that a worker tells apart; tasks of more prefixes than that are counted together.
MOST_LABELS = 500
OTHERS = "(other tasks)"

#: Seconds that the last figures of all workers may take.
PATIENCE = 10.0

#: What a worker runs to make its part, be there a Pikos or not: text, so that nothing of ours need be there to read it.
PART = """\
from distributed import WorkerPlugin
class Absent(WorkerPlugin):
    def __init__(self, problem):
        self.name, self.problem = NAME, problem
    def setup(self, worker):
        pass
    def teardown(self, worker):
        pass
    async def tell(self, since):
        return {"problem": self.problem}
def make():
    try:
        from pikos.plugins.dask import TaskProfiler
        return TaskProfiler(**OPTIONS, _name=NAME)
    except Exception as error:
        return Absent(f"{type(error).__name__}: {error}")
PLUGIN = make()
"""

#: What asks a worker for its figures, likewise.
QUESTION = """\
async def ask(dask_worker):
    plugin = dask_worker.plugins.get(NAME)
    return None if plugin is None else await plugin.tell(SINCE)
"""


class _Text:
    """Something that its reader makes of a text, with some values in it."""

    def __init__(self, text: str, result: str, **values: object) -> None:
        self._text, self._result, self._values = text, result, values

    def __reduce__(self) -> tuple[Any, ...]:
        return eval, (f"(exec(TEXT), {self._result})[1]", {"TEXT": self._text, **self._values})


class _Part(_Text, distributed.WorkerPlugin):
    """What is registered: on each worker it becomes a TaskProfiler."""

    def __init__(self, name: str, options: dict[str, Any]) -> None:
        self.name = name
        super().__init__(PART, "PLUGIN", NAME=name, OPTIONS=options)


class _Question(_Text):
    """What is run on a worker; it has no use anywhere else."""

    def __init__(self, name: str, since: int) -> None:
        super().__init__(QUESTION, "ask", NAME=name, SINCE=since)

    def __call__(self) -> None:
        raise TypeError("to be called on a worker")


class TaskProfiler(distributed.WorkerPlugin):
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
        self._is_on = False
        self._relay: _Relay | None = None
        self._ticker: asyncio.Task[None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        live, connect, remote = self._live
        options = {"live": live, "connect": connect, "remote": remote, "interval": self._interval, "_name": self.name}
        return {**self._options, **options}

    def __reduce__(self) -> Any:
        options = {name: value for name, value in self.__getstate__().items() if name not in ("threads", "_name")}
        return _Part(self.name, options).__reduce__()

    def setup(self, worker: Any) -> None:
        """Called by the worker."""
        self._about = {
            "address": worker.address,
            "name": str(worker.name),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "python": f"{platform.python_implementation()} {platform.python_version()}",
        }
        self.problem = _Door.open(self)
        if self.problem is not None:
            return
        self._is_on = True
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
        self._is_on = False
        _Door.close(self)
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
        words = [f"dask worker {about['name']}"]
        who = (about["host"], about["pid"], words, about["python"])
        self._relay.tell(f"{self.name} {about['address']}", who, list(parts.items()), time.time(), end)


class _Door:
    """Where Dask calls tasks: functions of its worker, replaced as long as a worker of this process is profiled."""

    lock = threading.Lock()
    plugins: list[TaskProfiler] = []  # noqa: RUF012
    replaced: dict[str, Any] = {}  # noqa: RUF012
    #: What they are called in one release or another, and which of their arguments is the task.
    of_tasks = (("_run_task", "task"), ("apply_function", "function"))
    of_actors = (("_run_actor", "func"), ("apply_function_actor", "function"))

    @classmethod
    def open(cls, plugin: TaskProfiler) -> str | None:
        """Let this one count its worker's tasks. Says why, if that can't be."""
        with cls.lock:
            if not cls.replaced:
                if not cls.replace_one(cls.of_tasks):
                    return f"this release of Dask ({distributed.__version__}) calls tasks in another way than is known here"
                cls.replace_one(cls.of_actors)
            cls.plugins = [*cls.plugins, plugin]
        return None

    @classmethod
    def replace_one(cls, functions: tuple[tuple[str, str], ...]) -> bool:
        """Replace the one of them that this release has."""
        import distributed.worker

        for name, argument in functions:
            original = getattr(distributed.worker, name, None)
            if original is None:
                continue
            places = list(inspect.signature(original).parameters)
            if {argument, "execution_state", "key"} <= set(places):
                cls.replaced[name] = original
                order = [places.index(each) for each in (argument, "execution_state", "key")]
                setattr(distributed.worker, name, cls.counted(original, *order))
                return True
        return False

    @classmethod
    def close(cls, plugin: TaskProfiler) -> None:
        """It is done."""
        import distributed.worker

        with cls.lock:
            cls.plugins = [each for each in cls.plugins if each is not plugin]
            if not cls.plugins:
                for name, original in cls.replaced.items():
                    setattr(distributed.worker, name, original)
                cls.replaced = {}

    @classmethod
    def counted(cls, original: Any, function: int, state: int, key: int) -> Any:
        """The same, for whichever of a process's workers it is called."""

        @functools.wraps(original)
        def apply(*args: Any) -> Any:
            try:
                plugins = args[state]["worker"].plugins
                plugin = next((each for each in cls.plugins if each._is_on and plugins.get(each.name) is each), None)
            except (IndexError, KeyError, AttributeError):
                plugin = None
            if plugin is None:
                return original(*args)
            task, profiler = args[function], plugin

            def run(*its_args: Any, **its_kwargs: Any) -> Any:
                return profiler.run(args[key], task, its_args, its_kwargs)

            return original(*args[:function], run, *args[function + 1 :])

        return apply


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
    _version: int = field(default=0, repr=False)
    _parts: dict[str, _StoredProfile] = field(default_factory=dict, repr=False)
    _question: asyncio.Task[None] | None = field(default=None, repr=False)
    #: Whether there is something that hasn't been passed on.
    _is_new: bool = field(default=False, repr=False)


class ClusterProfile:
    """What `profile` returns. The figures are those that the workers have told so far; after the block, all of them."""

    def __init__(
        self, client: Any, options: dict[str, Any], interval: float, live: bool | str, connect: bool, remote: bool
    ) -> None:
        self._client = client
        self._name = f"pikos-{uuid.uuid4().hex[:12]}"
        self._part = _Part(self._name, options)
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
                worker.state, worker._is_new = "lost", True

    async def _ask(self, worker: Worker) -> None:
        try:
            question = _Question(self._name, worker._version)
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
            about = (worker.host, worker.pid, [f"dask worker {worker.name}"], worker.python)
            self._relay.tell(f"{self._name} {worker.address}", about, list(worker._parts.items()), time.time(), end)


def profile(
    client: Any = None,
    *,
    live: bool | str = False,
    connect: bool = False,
    remote: bool = False,
    interval: float = 1.0,
    tree: bool = True,
    **options: Any,
) -> ClusterProfile:
    """Profile all tasks that a cluster runs in a ``with`` block (or ``async with``), on all workers, those to come included.

    client: the ``distributed.Client``; by default the current one. live: pass on what the workers tell, for ``pikos top`` and ``pikos
    serve``: True, or an endpoint; connect, remote: as for ``pikos.cprofile.Profile``, and so are the other options, ``builtins=False``
    and ``hook="fast"`` among them. interval: the workers are asked so often, in seconds. tree: keep full stacks, for flame graphs.

    A worker without Pikos, or where another tool has the interpreter's slot, runs its tasks as ever; ``notes`` says so. So it does of
    workers that went without a word: what they had told is counted. Tasks that are coroutines, and those of process pools, aren't
    counted. Raises ValueError if an option can't be.
    """
    if client is None:
        client = distributed.get_client()
    if not 0.02 <= interval <= 60:
        raise ValueError(f"interval must be from 0.02 to 60 seconds, got {interval}")
    options["tree"] = tree
    if {"threads", "checkpoint", "follow"} & set(options):
        raise ValueError("threads, checkpoint and follow have no meaning here: each task is profiled in its own thread")
    # Better here than on each worker.
    Profile(**options, threads=False)
    return ClusterProfile(client, options, interval, live, connect, remote)
