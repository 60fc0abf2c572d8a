"""Watches processes that are profiled live: ``python -m pikos.cprofile --live script.py``.

    from pikos.live import Subscriber

    with Subscriber(pid) as subscriber:
        for process in subscriber:
            print(process.age, process.snapshot().total_calls)

The loop ends when the process does. Messages and their meaning are in docs/wire.md.

`RecordSubscriber` listens to recorders of the toolkit in the same way: ``pikos-run lines --recording zmq script.py``.

``start()`` makes this very process live, ``stop()`` ends that.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from functools import cache

from pikos._lsprof import _Listener, _RecordBatches
from pikos._processes.this_process import start, stop

__all__ = ["Process", "RecordBatch", "RecordSubscriber", "Subscriber", "Thread", "start", "stop"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pstats
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Self

    import pandas

    from pikos.stats import Profile

#: Seconds. Long enough to be idle, short enough to see new processes.
PATIENCE = 1.0


@dataclass(frozen=True)
class Thread:
    """A thread of a process. ``number`` is the stream's own; 0 is the sum of ended threads that are no longer kept apart."""

    number: int
    name: str
    native_id: int
    is_over: bool


@dataclass(frozen=True)
class Process:
    """A live profile at its last message. Times are seconds."""

    #: One run of one profile, different from all others on all hosts.
    id: str
    pid: int
    #: The profiled process that it was forked by.
    parent: int | None
    host: str
    argv: list[str]
    #: ``"CPython 3.13.0"``
    python: str
    hook: str
    compensated: bool
    #: Whether it keeps full stacks: ``profile().tree()`` and all formats made of stacks have them.
    tree: bool
    endpoint: str
    #: The number of its last message.
    seq: int
    #: How often the profile was cleared.
    epoch: int
    #: From the stream's start to its last message, by the process's clock.
    age: float
    #: From one message to the next.
    interval: float
    paused: bool
    #: Whether all that the last message builds on has come.
    complete: bool
    #: Messages that did not come.
    lost: int
    #: Finished calls.
    ncalls: int
    threads: list[Thread]
    #: ``(how, detail)`` after its last message: ``("exception", "KeyError")``.
    end: tuple[str, str] | None
    #: Whether it went without a word.
    gone: bool
    _listener: _Listener
    _place: int

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.end is not None or self.gone

    def profile(self, thread: Thread | int | None = None) -> Profile:
        """Its figures as they are known *now*, calls that are open counted as if they returned at the last message; of one
        thread, if wanted. After the end these are the numbers that the process itself saves.

        Of a process that keeps full stacks, these as well. A large tree comes less often than the tables, so it may be a few
        intervals older than they are."""
        from pikos.stats import Profile

        number = thread.number if isinstance(thread, Thread) else thread
        return Profile(self._listener.profile(self._place, number))

    def snapshot(self, thread: Thread | int | None = None) -> pstats.Stats:
        """The same, for pstats."""
        return _as_stats([self.profile(thread)])


def _as_stats(profiles: list[Profile]) -> pstats.Stats:
    import pstats

    # pstats refuses what has no function yet.
    return pstats.Stats(*(profile for profile in profiles if len(profile)))  # type: ignore[arg-type]


class Subscriber:
    """Subscriber(target=None, *, bind=None)

    Listens to live profiles. target: a process number, an endpoint (``ipc://PATH``, ``tcp://HOST:PORT``), a sequence of
    those, or None for all processes of this user on this host, those to come included. bind: an endpoint to bind instead,
    for processes started with ``--live ENDPOINT --connect``.

    Raises ValueError for what is no target, OSError if a process isn't live or an endpoint can't be had. To be used in
    the thread that made it.
    """

    def __init__(self, target: int | str | Sequence[int | str] | None = None, *, bind: str | None = None) -> None:
        if target is not None and bind is not None:
            raise ValueError("give a target to connect to or an endpoint to bind, not both")
        targets = [target] if isinstance(target, int | str) else list(target or ())
        self._listener: _Listener | None = _Listener([str(each) for each in targets], bind)

    @property
    def endpoints(self) -> list[str]:
        """Where it listens; of a bound port ``*``, the real number."""
        return self._native().endpoints()

    @property
    def processes(self) -> list[Process]:
        """All that were ever heard of, in that order."""
        listener = self._native()
        return [self._process(listener, place, fields) for place, fields in enumerate(listener.streams())]

    def poll(self, timeout: float = PATIENCE) -> list[Process]:
        """Wait for messages, at most ``timeout`` seconds; return the processes that have told something."""
        listener = self._native()
        news = set(listener.poll(timeout))
        return [process for process in self.processes if process._place in news]

    def __iter__(self) -> Iterator[Process]:
        """Each process whenever it has told something. Ends when nobody is left who could."""
        while True:
            yield from self.poll()
            if self._listener is None or self._listener.is_over():
                return

    def listen(self, callback: Callable[[Process], object]) -> None:
        """Call ``callback`` with each process whenever it has told something, until nobody is left who could."""
        for process in self:
            callback(process)

    def snapshot(self) -> pstats.Stats:
        """The figures of all processes together, for pstats. ValueError if nobody has told anything."""
        profiles = [process.profile() for process in self.processes]
        if not profiles:
            raise ValueError("no process has sent anything yet")
        return _as_stats(profiles)

    def close(self) -> None:
        """Stop listening. What was heard is no more to be had."""
        self._listener = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _native(self) -> _Listener:
        if self._listener is None:
            raise ValueError("the subscriber is closed")
        return self._listener

    @staticmethod
    def _process(listener: _Listener, place: int, fields: dict[str, object]) -> Process:
        threads = [Thread(*thread) for thread in fields.pop("threads")]  # type: ignore[attr-defined]
        return Process(**fields, threads=threads, _listener=listener, _place=place)  # type: ignore[arg-type]


class RecordBatch:
    """Records that came together, up to 50 ms of them. Iterate over it for the records, named tuples with the fields that the recorder
    has; `columns` has the same by field."""

    def __init__(self, head: dict[str, Any], columns: dict[str, list[Any]], lost: int) -> None:
        #: One run of one recorder, different from all others on all hosts.
        self.id: str = head["id"]
        self.pid: int = head["pid"]
        self.host: str = head["host"]
        self.argv: list[str] = head["argv"]
        #: The number of the message, from 1.
        self.seq: int = head["seq"]
        #: How often the recorder was cleared.
        self.epoch: int = head["epoch"]
        #: When it was sent: seconds since 1970.
        self.time: float = head["time"]
        #: Records so far that came faster than the process could send them.
        self.dropped: int = head["dropped"]
        #: Messages so far that did not come to us.
        self.lost = lost
        self.paused: bool = head["paused"]
        #: Whether it is the recorder's last.
        self.end: bool = head["end"]
        #: The thread of each record, a number of the sender's; empty if it doesn't say.
        self.threads: list[int] = head["threads"]
        #: The values of each field.
        self.columns = columns

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the records' fields."""
        return tuple(self.columns)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __iter__(self) -> Iterator[Any]:
        kind = record_type(self.fields)
        return map(kind._make, zip(*self.columns.values(), strict=True))

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas frame with a column for each field. ImportError if pandas isn't installed."""
        import pandas

        return pandas.DataFrame(self.columns)


@cache
def record_type(fields: tuple[str, ...]) -> Any:
    """What records of these fields are."""
    # A process may call them anything.
    return namedtuple("Record", fields, rename=True)


class RecordSubscriber:
    """RecordSubscriber(target=None, *, bind=None)

    Listens to recorders of the toolkit: a `RecordBatch` for each message. What happened before it listened is not to be had.

        with RecordSubscriber(pid) as subscriber:
            for batch in subscriber:
                for record in batch:
                    print(record.function, record.lineNo)

    The loop ends when the recorder does. target: a process number, an endpoint (``ipc://PATH``, ``tcp://HOST:PORT``), a sequence of
    those, or None for all recorders of this user that are there now. bind: an endpoint to bind instead, for recorders that connect.

    Raises ValueError for what is no target, OSError if a process has no recorder or an endpoint can't be had. To be used in the thread
    that made it.
    """

    def __init__(self, target: int | str | Sequence[int | str] | None = None, *, bind: str | None = None) -> None:
        if target is not None and bind is not None:
            raise ValueError("give a target to connect to or an endpoint to bind, not both")
        targets = [target] if isinstance(target, int | str) else list(target or ())
        self._native: _RecordBatches | None = _RecordBatches([str(each) for each in targets], bind)

    @property
    def endpoint(self) -> str | None:
        """Where it was bound; of a port ``*``, the real number."""
        return self._open().endpoint

    def poll(self, timeout: float = PATIENCE) -> RecordBatch | None:
        """The next batch; None if none comes within ``timeout`` seconds."""
        native = self._open()
        found = native.next(timeout)
        return None if found is None else RecordBatch(*found, native.lost)

    def __iter__(self) -> Iterator[RecordBatch]:
        """Each batch as it comes. Ends when nobody is left who could send."""
        while self._native is not None:
            batch = self.poll()
            if batch is not None:
                yield batch
            elif self._native is None or self._native.is_over():
                return

    def records(self) -> Iterator[Any]:
        """Each record as it comes."""
        for batch in self:
            yield from batch

    def to_pandas(self) -> pandas.DataFrame:
        """All records until the recorder ends, as one pandas frame. ImportError if pandas isn't installed."""
        import pandas

        frames = [batch.to_pandas() for batch in self if len(batch)]
        return pandas.concat(frames, ignore_index=True) if frames else pandas.DataFrame()

    def close(self) -> None:
        """Stop listening."""
        self._native = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> _RecordBatches:
        if self._native is None:
            raise ValueError("the subscriber is closed")
        return self._native


def __dir__() -> list[str]:
    return sorted(name for name in globals() if name in __all__ or name.endswith("__"))
