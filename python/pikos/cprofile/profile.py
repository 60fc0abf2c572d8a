"""What ``pikos.cprofile`` has, imported when it is asked for."""

import os

from pikos._lsprof import Profiler, _replace_file

__all__ = ["Profile", "label", "run", "runctx", "write_whole"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import CodeType, TracebackType
    from typing import Any, ParamSpec, Self, TypeAlias, TypeVar

    from pikos.objects import ObjectMonitor

    Label: TypeAlias = tuple[str, int, str]
    Stats: TypeAlias = dict[Label, tuple[int, int, float, float, dict[Label, tuple[int, int, float, float]]]]
    P = ParamSpec("P")
    T = TypeVar("T")


def run(statement: "str | CodeType", filename: str | None = None, sort: str | int = -1) -> None:
    """Profile a statement in ``__main__``; print the statistics, or save them to a file.

    statement: what ``exec`` takes. filename: where to save; without it the table goes to standard output,
    sorted by ``sort`` (a key of ``pstats.Stats.sort_stats``). SystemExit ends the statement, not the caller.
    """
    import __main__

    namespace = __main__.__dict__
    runctx(statement, namespace, namespace, filename, sort)


def runctx(
    statement: "str | CodeType",
    globals: "dict[str, Any]",
    locals: "Mapping[str, object] | None",
    filename: str | None = None,
    sort: str | int = -1,
) -> None:
    """Like run(), in the namespaces given."""
    profile = Profile()
    try:
        profile.runctx(statement, globals, locals)
    except SystemExit:
        pass
    finally:
        if filename is None:
            profile.print_stats(sort)
        else:
            profile.dump_stats(filename)


class Profile(Profiler):
    """Profile(timer=None, timeunit=0.0, subcalls=True, builtins=True, *, threads=None, context=False, hook=None, compensate=False,
    gil_wait="keep", times="exact", rate=None, distribution=False, cpu=False, gc=False, tree=False, tree_depth=1000, tree_nodes=500_000, tasks=False, generators=False, slow_step=0.05,
    label_sets=1000, include=None, exclude=None, live=False, interval=0.5, connect=False,
    remote=False, follow=False, checkpoint=None, objects=False)

    Records calls from enable() to disable(), or as a context manager.

    timer: a callable that returns seconds; with ``timeunit`` > 0, integers worth ``timeunit`` seconds each.
    The default is the CPU's cycle counter. subcalls: tell calls apart by their callers. builtins: count
    built-ins as well. threads: True for all threads, existing and future; False for the thread that enables
    it, beside other profiles that do the same in theirs; None for what this interpreter's cProfile covers
    (3.11: the thread that enables it; from 3.12: all). context: record what runs in the ``contextvars`` context that enables it, and in
    those copied from it since: its tasks, ``asyncio.to_thread``, executors that carry the context, in whatever thread; nothing else.
    Any number of such profiles may be enabled at once, each in a context of its own: one for each request of a server
    (docs/labels.md). ``disable()`` may come from anywhere. Not with ``threads``. compensate: take what recording itself costs out of the
    times (docs/truth.md says how, and how well); not with ``timer``. gil_wait: with several threads, ``"keep"`` what they wait
    for the GIL in the times, as cProfile does, or take it ``"out"``: the method ``gil_wait()`` says how much that is, in all threads
    together (docs/truth.md); needs ``builtins``, and no ``timer``.

    times: ``"exact"`` reads the clock at each call. ``"sampled"`` counts each call as exactly, and costs the program less: a thread of
    our own looks at the stacks about ``rate`` times a second (0.1 to 10,000; 1,000 if it is None), and gives the time since its last look to the calls
    that are open. A time t has the standard error √(t / rate): 1 s of an hour or of a minute is known to 32 ms. Full stacks
    (``tree``) have times then, and no calls. Not with ``timer``, ``compensate`` or ``gil_wait="out"``, which need the time of each call
    (docs/design/sampled-times.md).

    distribution: keep how long each call took: the rows of ``pikos.stats.of(profile)`` have ``min``, ``p50``, ``p90``, ``p99``, ``p999``, ``max``
    and ``slowest_at``. cpu: keep how long a processor was at work on each function (``cpu_tottime``, ``cpu_cumtime``): the rest of its time
    is waiting. gc: count collections of garbage as calls of a function ``<gc>``, called by whatever was running. Not with ``times="sampled"``, but
    for ``gc``; ``cpu`` not with ``timer`` (docs/distributions.md).

    hook: None for the interpreter's ordinary hook. ``"frame-eval"`` (PEP 523) and ``"fast"`` (the cheaper of the two on
    this release) count Python functions only, so they need ``builtins=False``: ValueError without. Where frame evaluation
    can't be had, the ordinary hook is used; the attribute ``hook`` is (name, reason) of what is in use (docs/use/hooks.md).

    tree: keep the calls and times of each full stack as well, for the formats that show stacks (``pikos.export``) and for
    ``dump_stats("x.pikos")``; a pstats file can't hold them. A call below ``tree_depth`` others, or one that needs a node beyond ``tree_nodes``
    (about 70 bytes each), gets no stack of its own: its time stays with the stack below, and the exported file says how
    much that is.

    tasks: follow coroutines and asynchronous generators, beside cProfile's figures, which stay what they are: coroutine_stats() has
    how long those of each function ran and were parked, task_stats() the tasks that are under way, and slow_steps() the steps of tasks
    that kept their event loop for ``slow_step`` seconds (0.05) or longer. With ``tree``, stacks stand on what awaits them instead of the
    loop. generators: follow generators, too (docs/tasks.md). Not with ``times="sampled"`` or ``hook="frame-eval"``.
    label_sets: with ``pikos.label``, keep the figures of so many label sets apart, in the order in which they come; those of all others are
    one, labelled ``other``. 0: keep none apart. A program without labels pays nothing. Not with ``timer`` or ``times="sampled"``, where no
    labels are told apart (docs/labels.md).

    include, exclude: show only functions whose ``file:line(name)`` (``{name}`` of a built-in) the regular expression ``include``
    finds, and ``exclude`` doesn't. The others are not recorded: their time, and the calls that they make, are those of the function
    that called them. All other counts stay exact. ValueError for what is no regular expression.

    live: publish the numbers while they grow, for ``pikos top`` and others (docs/use/live.md): True, or an endpoint
    (``tcp://127.0.0.1:9001``, ``ipc:///path``) beside this user's own folder of sockets. It begins with the first enable();
    a disabled profile is shown as paused. The last message, with the final numbers, is sent at the end of a ``with`` block,
    by close(), when the profile is dropped, or when the interpreter ends. ``endpoints`` says where it is to be had.
    interval: seconds from one message to the next, 0.02 to 60. connect: the subscriber binds the endpoint. remote: allow
    tcp beyond this host's loopback. follow: children that ``os.fork`` makes are live as well, each from zero.
    checkpoint: (file, seconds): write the profile so far to that file so often, from the first enable() to the same end; calls
    that are open count as if they returned then. The format is what the file's name says, else pstats, or ``.pikos`` with ``tree``. The
    file is replaced as a whole or not at all.
    objects: count the objects that are made and that go meanwhile, by type and by the line that made them: True for all types (from Python
    3.13 on), or names and classes as `ObjectMonitor` takes them. The attribute ``objects`` is that monitor, else None; it begins anew with
    each enable(). RuntimeError, here and by enable(), where another tool, tracemalloc for instance, is told of objects already.
    ValueError if one of these can't be; where a socket can't be had, standard error says why, and the program goes on.
    """

    __module__ = "pikos.cprofile"
    stats: "Stats"
    objects: "ObjectMonitor | None" = None
    #: How many run_async() are under way that keep it enabled.
    _awaited = 0

    def __init__(
        self,
        timer: "Callable[[], float] | None" = None,
        timeunit: float = 0.0,
        subcalls: bool = True,
        builtins: bool = True,
        *,
        threads: bool | None = None,
        context: bool = False,
        hook: str | None = None,
        compensate: bool = False,
        gil_wait: str = "keep",
        times: str = "exact",
        rate: float | None = None,
        distribution: bool = False,
        cpu: bool = False,
        gc: bool = False,
        tree: bool = False,
        tree_depth: int = 1000,
        tree_nodes: int = 500_000,
        tasks: bool = False,
        generators: bool = False,
        slow_step: float = 0.05,
        label_sets: int = 1_000,
        include: str | None = None,
        exclude: str | None = None,
        live: bool | str = False,
        interval: float = 0.5,
        connect: bool = False,
        remote: bool = False,
        follow: bool = False,
        checkpoint: tuple[str, float] | None = None,
        objects: "bool | Iterable[str | type]" = False,
    ) -> None:
        if timer is not None and not callable(timer):
            raise TypeError(f"timer must be a callable that returns a number, got {type(timer).__name__}")
        # Not before it is needed: most who import this module for its labels, or through others, profile nothing.
        from pikos._options import Options

        if objects is not False:
            from pikos.cprofile._objects import OURS

            exclude = OURS if exclude is None else f"(?:{exclude})|{OURS}"
        options = Options(
            builtins=builtins,
            threads=threads,
            context=context,
            hook=hook,
            compensate=compensate,
            gil_wait=gil_wait,
            times=times,
            rate=rate,
            distribution=distribution,
            cpu=cpu,
            gc=gc,
            tree=tree,
            tree_depth=tree_depth,
            tree_nodes=tree_nodes,
            tasks=tasks,
            generators=generators,
            slow_step=slow_step,
            label_sets=label_sets,
            include=include,
            exclude=exclude,
            live=live,
            interval=interval,
            connect=connect,
            remote=remote,
            follow=follow,
            checkpoint=checkpoint,
        )
        super().__init__(timer, timeunit, subcalls, builtins, options=options)
        if objects is not False:
            from pikos.cprofile._objects import count_objects

            # One endpoint can be bound once: who binds one has the objects in the user's own folder.
            endpoint = live if connect and isinstance(live, str) else None
            published = {"endpoint": endpoint, "connect": connect, "remote": remote, "interval": interval}
            count_objects(self, None if objects is True else objects, published if live else None)

    def print_stats(self, sort: str | int | tuple[str | int, ...] = -1) -> None:
        """Stop recording and print the table to standard output.

        sort: a key of ``pstats.Stats.sort_stats``, or a tuple of them.
        """
        import pstats

        if not isinstance(sort, tuple):
            sort = (sort,)
        pstats.Stats(self).strip_dirs().sort_stats(*sort).print_stats()  # type: ignore[arg-type]

    def dump_stats(self, file: "str | bytes | os.PathLike[Any]") -> None:
        """Stop recording and write the profile to a file that ``pstats.Stats`` loads; to one whose name ends in ``.pikos``
        all that is known, full stacks included.

        Raises OSError if the file can't be written; what was there stays, and the profile in memory.
        """
        kind = type(self)
        if kind.create_stats is Profile.create_stats and kind.snapshot_stats is Profile.snapshot_stats:
            self.disable()
            try:
                # Before the dict is made: both at once would take more memory than cProfile's dict and list do.
                is_ours = not isinstance(file, int) and os.fsdecode(file).lower().endswith(".pikos")
                write_whole(file, self._bytes_for(os.fsdecode(file)) if is_ours else self._pstats())
            finally:
                self.create_stats()
        else:
            # A subclass has a view of its own of what the statistics are.
            import marshal

            self.create_stats()
            write_whole(file, marshal.dumps(self.stats))

    def create_stats(self) -> None:
        """Stop recording and set ``stats``, the dict that ``pstats.Stats`` reads."""
        self.disable()
        self.snapshot_stats()

    def snapshot_stats(self) -> None:
        """Set ``stats`` from what was recorded so far, without stopping.

        ``{(file, line, name): (primitive calls, calls, tottime, cumtime, callers)}``, times in seconds;
        ``callers`` is ``{(file, line, name): (calls, primitive calls, tottime, cumtime)}``. Functions with
        the same label are added up.
        """
        self.stats = self._stats()

    def run(self, cmd: "str | CodeType") -> "Self":
        """Profile a statement in ``__main__``."""
        import __main__

        namespace = __main__.__dict__
        return self.runctx(cmd, namespace, namespace)

    def _repr_html_(self) -> str:
        """What a notebook shows: what was recorded so far."""
        from pikos._notebook.html import shown_whole

        return shown_whole(self._finished())

    def runctx(self, cmd: "str | CodeType", globals: "dict[str, Any]", locals: "Mapping[str, object] | None") -> "Self":
        """Profile a statement in the namespaces given."""
        self.enable()
        try:
            exec(cmd, globals, locals)
        finally:
            self.disable()
        return self

    def runcall(self, func: "Callable[P, T]", /, *args: "P.args", **kw: "P.kwargs") -> "T":
        """Profile one call, and return what it returns; of a coroutine function, a coroutine that is profiled while it is awaited."""
        self.enable()
        try:
            result = func(*args, **kw)
        finally:
            self.disable()
        if hasattr(type(result), "cr_await"):
            return self.run_async(result)  # type: ignore[arg-type, return-value]
        return result

    async def run_async(self, awaitable: "Awaitable[T]") -> "T":
        """Profile what happens until ``awaitable`` is done, and return what it returns.

        Other tasks of the loop that run meanwhile are recorded, too. Several may be under way at once: recording ends with the last
        of them, unless it was on before the first.
        """
        if not self._awaited and self._is_enabled:
            return await awaitable
        if not self._awaited:
            self.enable()
        self._awaited += 1
        try:
            return await awaitable
        finally:
            self._awaited -= 1
            if not self._awaited:
                self.disable()

    def __enter__(self) -> "Self":
        self.enable()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: "TracebackType | None" = None,
    ) -> None:
        self.disable()
        self._end_live("disabled" if kind is None else "exception", "" if kind is None else kind.__name__)

    def close(self) -> None:
        """Stop recording and, if the profile is live, send the last message. Waits at most 0.2 s for it to leave."""
        self.disable()
        self._end_live("disabled", "")


def write_whole(file: "str | bytes | os.PathLike[Any] | int", data: bytes) -> None:
    """Write a file as a whole; where that fails (OSError), what was there stays. A device or a pipe is written to."""
    if isinstance(file, int) or not _replace_file(os.fsdecode(file), data):
        with open(file, "wb") as stream:
            stream.write(data)


def label(code: "str | CodeType") -> "Label":
    """cProfile's label of a ``code`` from getstats(): (file, first line, name); built-ins sort under ``~``."""
    if isinstance(code, str):
        return ("~", 0, code)
    return (code.co_filename, code.co_firstlineno, code.co_name)
