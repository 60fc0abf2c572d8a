"""What ``pikos.sampling`` has, imported when it is asked for."""

import os
import sys

from pikos._lsprof import _Sampler

__all__ = ["ProfileRecord", "Sampler"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self

    from pikos.sampling.history import History
    from pikos.sampling.watch import Watch
    from pikos.stats import Profile, Row

    Query = tuple[list["ProfileRecord"], int]

#: What ``_finished()`` gives is sorted by this where hits count: samples with the function anywhere in the stack.
BY_HITS = ["ncalls"]


class ProfileRecord(tuple[str, int, int]):
    """A function: ``name`` is ``function(module)``, ``hits`` are the samples that had it in their stack, ``self_hits`` those that
    had it on top."""

    __slots__ = ()

    def __new__(cls, name: str, hits: int, self_hits: int = 0) -> "Self":
        return super().__new__(cls, (name, hits, self_hits))

    @property
    def name(self) -> str:
        return self[0]

    @property
    def hits(self) -> int:
        return self[1]

    @property
    def self_hits(self) -> int:
        return self[2]

    def __repr__(self) -> str:
        return f"ProfileRecord(name={self.name!r}, hits={self.hits}, self_hits={self.self_hits})"


class Tracker:
    """The intervals that were really kept."""

    def __init__(self, sampler: "Sampler") -> None:
        self._sampler = sampler

    def stats(self) -> dict[str, float]:
        """``mean`` and ``stdev`` of the time from one sample to the next, in seconds; zeros before the second one."""
        status = self._sampler.status()
        return {"mean": status["interval_mean"], "stdev": status["interval_stdev"]}


class Sampler(_Sampler):
    """Sampler(rate=100, mode="wall", budget=0.01, live=False, follow=False, tree=True, *, tree_depth=1000, tree_nodes=500_000,
    interval=0.5, connect=False, remote=False, checkpoint=None)

    Looks at the stacks of all threads, from start() to stop(), or as a context manager. A thread of its own does that, without the
    GIL and without stopping anybody: it copies what the interpreter has in its memory.

    rate: looks a second, 0.1 to 10,000; each comes a little earlier or later than the last one would have it, so that no loop of the
    program is always met at the same place. mode: ``"wall"``, all threads count, whatever they do; ``"cpu"``, those that run, or wait
    for a processor; ``"gil"``, the one that has the GIL. budget: the share of one processor's time that sampling takes at most, 0.0001
    to 1: where a look takes too long for that, there are fewer of them. Each sample counts for the true time since the last look.

    tree: keep full stacks, for all formats that show stacks. ``tree_depth`` and ``tree_nodes``, ``live`` (also an endpoint),
    ``interval`` (seconds between *messages*), ``connect``, ``remote`` and ``checkpoint`` are those of ``pikos.cprofile.Profile``.
    follow: a child that ``os.fork`` makes is sampled, too, from zero; else the sampler is silent there.

    Raises ValueError if one of these can't be, RuntimeError where this interpreter's memory can't be read, with the reason.
    """

    __module__ = "pikos.sampling"

    def __init__(
        self,
        rate: float = 100,
        mode: str = "wall",
        budget: float = 0.01,
        live: bool | str = False,
        follow: bool = False,
        tree: bool = True,
        *,
        tree_depth: int = 1000,
        tree_nodes: int = 500_000,
        interval: float = 0.5,
        connect: bool = False,
        remote: bool = False,
        checkpoint: tuple[str, float] | None = None,
    ) -> None:
        from pikos._options import Options

        options = Options(
            sample=True,
            rate=rate,
            mode=mode,
            budget=budget,
            live=live,
            follow=follow,
            tree=tree,
            tree_depth=tree_depth,
            tree_nodes=tree_nodes,
            interval=interval,
            connect=connect,
            remote=remote,
            checkpoint=checkpoint,
        )
        super().__init__(options=options)

    def start(self) -> None:
        """Begin to sample, or go on; with ``live``, publish. Does nothing while it samples."""
        self.enable()

    def stop(self) -> None:
        """Sample no more, end what watch() has begun and, if it is live, send the last message. What was seen stays, and start() goes on
        sampling."""
        self.disable()
        self._end_watches()
        self._end_live("disabled", "")

    def pause(self) -> None:
        """Sample no more before unpause(): costs nothing until then. If it is live, subscribers see it as paused."""
        self.disable()

    def unpause(self) -> None:
        """Go on after pause()."""
        self.enable()

    def is_paused(self) -> bool:
        """Whether it doesn't sample now."""
        return not self._is_enabled

    @property
    def interval(self) -> float:
        """Seconds from one sample to the next, as they were asked for; status() has those that were kept."""
        return 1 / self.rate

    def set_interval(self, seconds: float) -> None:
        """Sample so often from now on. Raises ValueError if that is not within 0.0001 to 10 seconds."""
        option = _option("rate")
        if not isinstance(seconds, int | float):
            raise TypeError(f"interval must be a number, got {seconds!r}")
        least, most = 1 / option.most, 1 / option.least
        if not least <= seconds <= most:
            raise ValueError(f"interval must be from {least:g} to {most:g} seconds, got {seconds!r}")
        self._set_rate(1 / seconds)

    def set_rate(self, rate: float) -> None:
        """Look so many times a second from now on. Raises ValueError if that is not within 0.1 to 10,000."""
        _option("rate").check(rate)
        self._set_rate(rate)

    def snapshot(self) -> "Profile":
        """What was sampled so far, as something to sort, search and export. It goes on meanwhile.

        In its rows, ``ncalls`` are the samples that had the function in their stack, ``primitive_calls`` those that had it on top;
        ``tottime`` and ``cumtime`` are the seconds that these stand for.
        """
        from pikos.stats import Profile

        return Profile(self._finished())

    def save(self, path: "str | os.PathLike[str]") -> None:
        """Write what was sampled so far to a file, in the format that its name says; ``.pikos`` keeps all that is known, and is what
        others get. The file is replaced as a whole or not at all. Raises OSError."""
        path = os.fspath(path)
        if not self._save(path):
            # A device or a pipe.
            with open(path, "wb") as stream:
                stream.write(self._bytes_for(path))

    def query(self, re_filter: str = ".*", max_records: int = 10) -> "Query":
        """The functions that were in most samples, at most so many, and the number of all samples.

        re_filter: a regular expression that ``function(module)`` begins with. One sample is one thread's stack at one look. Raises
        ValueError if it is malformed, or if max_records is negative.
        """
        import re

        try:
            pattern = re.compile(re_filter)
        except (re.error, RecursionError) as error:
            raise ValueError(f"re_filter is not a regular expression, {re_filter!r}: {error}") from None
        if max_records < 0:
            raise ValueError(f"max_records must be at least 0, got {max_records!r}")
        rows = self.snapshot().sort(*BY_HITS)
        modules = _modules()
        records: list[ProfileRecord] = []
        total = 0
        for row in rows:
            total += row.primitive_calls or 0
            if len(records) < max_records:
                name = f"{row.name}({_module_of(row, modules)})"
                if pattern.match(name):
                    records.append(ProfileRecord(name, row.ncalls or 0, row.primitive_calls or 0))
        return records, total

    def show(self, limit: int = 10, query: "str | Query | None" = None) -> str:
        """A table of what query() returns, as text: function, samples that had it in their stack, their share of all, and the share of
        those that had it on top.

        limit: so many rows. query: a regular expression, or what query() has returned.
        """
        if query is None or isinstance(query, str):
            query = self.query(query or ".*", limit)
        records, total = query
        rows = [("Function", "Hits", "%", "% self")]
        for record in records[:limit]:
            share, own = (f"{100 * hits / total:.1f}" if total else "-" for hits in (record.hits, record.self_hits))
            rows.append((record.name, str(record.hits), share, own))
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        return "\n".join(
            f"{name:<{widths[0]}}  "
            + "  ".join(f"{text:>{width}}" for text, width in zip(rest, widths[1:], strict=True))
            for name, *rest in rows
        )

    @property
    def tracker(self) -> Tracker:
        """Tells the intervals that were really kept."""
        return Tracker(self)

    def status(self) -> "dict[str, Any]":
        """How it goes.

        ``paused``; ``rate`` and ``interval``, as asked for; ``mode``; ``budget``; ``looks``: how often it looked; ``samples``: stacks
        that were counted; ``torn``: those that changed while they were copied, and were left out; ``missed``: looks that came too late
        to be taken; ``interval_mean`` and ``interval_stdev``: seconds between looks, as they were; ``cost``: seconds of a processor that
        sampling took; ``seconds``: how long it sampled; ``threads``; ``how``: ``"memory"``, or ``"gil"`` where the system forbids to
        read memory so, and each look takes the GIL; ``why``: the reason for that, else empty; ``problem``: what keeps it from looking,
        else empty; ``endpoints``: where it is published.
        """
        return {
            "paused": self.is_paused(),
            "rate": self.rate,
            "interval": self.interval,
            "endpoints": self.endpoints,
            **self._status(),
        }

    def watch(
        self, function: "str | Callable[..., object]", *names: str, every: float = 1.0, keep: int = 100
    ) -> "Watch":
        """Keep the last values of a function's locals, until stop(): type, length, shortened repr.

            watch = sampler.watch("package.module.function", "local", every=1.0, keep=100)
            print(watch.show())

        The arguments are those of ``pikos.sampling.watch.Watch``, which tells more. Raises ValueError where there is no such function
        or local, TypeError for what is no Python function.
        """
        from pikos.sampling.watch import Watch

        watch = Watch(function, *names, every=every, keep=keep)
        self.__dict__.setdefault("_watches", []).append(watch)
        return watch

    def history(
        self,
        keep: int = 100,
        *,
        dump_on: "type[BaseException] | tuple[type[BaseException], ...]" = (),
        longer_than: float | None = None,
        folder: "str | os.PathLike[str]" = ".",
        files: int = 20,
    ) -> "History":
        """A decorator and context manager that keeps the last stacks of a call, at this sampler's interval, and writes them to a file
        when an exception of these types leaves it, or when it takes longer than so many seconds.

        The arguments are those of ``pikos.sampling.history.History``, which tells more. It works whether the sampler does or not.
        """
        from pikos.sampling.history import History

        return History(
            keep,
            dump_on=dump_on,
            longer_than=longer_than,
            folder=folder,
            files=files,
            interval=lambda: self.interval,
        )

    def _end_watches(self) -> None:
        for watch in self.__dict__.pop("_watches", ()):
            watch.stop()

    def _repr_html_(self) -> str:
        """What a notebook shows: what was sampled so far."""
        from pikos._notebook.html import shown_whole

        return shown_whole(self._finished())

    def __enter__(self) -> "Self":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: "TracebackType | None" = None,
    ) -> None:
        self.disable()
        self._end_watches()
        self._end_live("disabled" if kind is None else "exception", "" if kind is None else kind.__name__)


def _option(name: str) -> "Any":
    from pikos._options import Options

    return Options.OPTIONS[name]


def _modules() -> dict[str, str]:
    """Modules by their files."""
    modules: dict[str, str] = {}
    # The program may import meanwhile.
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str):
            modules.setdefault(file, name)
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if isinstance(main, str):
        modules[main] = modules[os.path.abspath(main)] = "__main__"
    return modules


def _module_of(row: "Row", modules: dict[str, str]) -> str:
    """The module that a function is from, as far as that can be told from its file."""
    file = row.file
    if file in modules:
        return modules[file]
    if file.startswith("<frozen "):
        return file[len("<frozen ") : -1]
    if file.startswith("<"):
        return "__main__" if file in ("<stdin>", "<string>") else file
    return os.path.splitext(os.path.basename(file))[0]
