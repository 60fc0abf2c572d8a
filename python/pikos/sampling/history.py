"""The last stacks of a call, written to a file when it fails or takes too long: ``Sampler.history``.

    history = sampler.history(100, dump_on=Exception, longer_than=2.0, folder="failures")

    @history
    def handle(request): ...

    with history:
        handle(request)

While such a block runs, a thread of Python looks at the stack of the thread that runs it, at the sampler's interval; while none runs, it
sleeps. These looks are taken with the GIL by ``sys._current_frames()``, beside those of the sampler, which keeps sums and no moments:
the thread waits for the GIL, so a block that holds it for long, in one call of C, has fewer stacks. Stacks hold names and lines, no values.

What is written can be read as it is. Nothing that goes wrong with it reaches the program: it is said once on standard error.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import os
import sys
import threading
import time
import traceback
import weakref
from collections import Counter, deque
from typing import NamedTuple

from pikos.sampling.watch import check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType, FrameType
    from typing import Any, ParamSpec, Self, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")

__all__ = ["History", "Stack"]

#: Stacks that are kept at most, and functions of one, from the top down.
MOST_STACKS, MOST_DEPTH = 100_000, 500
#: Seconds.
LEAST_INTERVAL, MOST_INTERVAL = 0.001, 60.0
#: Where nobody says how often.
INTERVAL = 0.01
#: Lines of the table of functions.
MOST_FUNCTIONS = 15
#: An exception's text may hold what a terminal obeys.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}


class Stack(NamedTuple):
    """Where a thread was at one moment."""

    #: Seconds since 1970.
    time: float
    #: The thread's name.
    thread: str
    #: ``(file, line, function)``, the outermost first.
    frames: tuple[tuple[str, int, str], ...]


class _Seen(NamedTuple):
    """A stack as it is kept: code objects, whose texts are made when somebody asks. The top first."""

    at: float
    frames: tuple[tuple[CodeType, int], ...]


class _Block:
    """One run of what is guarded."""

    def __init__(self, history: History, name: str) -> None:
        self.name = name
        self.thread = threading.current_thread()
        self.begin = time.perf_counter()
        self.seen: deque[_Seen] = deque(maxlen=history.keep)
        self.path: str | None = None
        self.is_long = False


class History:
    """History(keep=100, *, dump_on=(), longer_than=None, folder=".", files=20, interval=0.01)

    A decorator, also of coroutine functions, and a context manager that may be entered in many threads and in itself.

    keep: so many stacks, of each block and for stacks(). dump_on: write them when an exception of these types leaves the block.
    longer_than: seconds; write them as soon as a block has run for that long, and again, as a whole, when it ends. folder: where; made
    if it isn't there. files: so many are written at most, for a program that fails all the time; ``left_out`` says how many were not.
    interval: seconds between two looks, 0.001 to 60; or a callable that tells them, asked at each look.

    Raises ValueError or TypeError for what can't be.
    """

    def __init__(
        self,
        keep: int = 100,
        *,
        dump_on: type[BaseException] | tuple[type[BaseException], ...] = (),
        longer_than: float | None = None,
        folder: str | os.PathLike[str] = ".",
        files: int = 20,
        interval: float | Callable[[], float] = INTERVAL,
    ) -> None:
        check("keep", keep, 1, MOST_STACKS)
        check("files", files, 0, 1_000_000)
        if longer_than is not None:
            check("longer_than", longer_than, 0, 1e9)
        if not callable(interval):
            check("interval", interval, LEAST_INTERVAL, MOST_INTERVAL)
        kinds = dump_on if isinstance(dump_on, tuple) else (dump_on,)
        for kind in kinds:
            if not (isinstance(kind, type) and issubclass(kind, BaseException)):
                raise TypeError(f"dump_on must be an exception type or a tuple of them, got {kind!r}")
        self.keep = int(keep)
        self.folder = os.path.abspath(os.fspath(folder))
        #: Files that were written.
        self.written: list[str] = []
        #: Files that were not, since there were enough.
        self.left_out = 0
        self._dump_on = kinds
        self._longer_than = longer_than
        self._files = int(files)
        self._interval = interval
        self._recent: deque[tuple[str, _Seen]] = deque(maxlen=self.keep)
        self._numbers = itertools.count(1)
        self._said = False
        self._own = threading.local()
        self._start()
        _histories.add(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._open: list[_Block] = []
        self._is_any = threading.Event()
        self._thread: threading.Thread | None = None

    # ---- blocks ----

    def __enter__(self) -> Self:
        caller = sys._getframe(1)
        self._enter(f"{caller.f_code.co_qualname}, line {caller.f_lineno}")
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._leave(error)

    def __call__(self, function: Callable[P, T]) -> Callable[P, T]:
        """Guard each call of a function."""
        name = getattr(function, "__qualname__", repr(function))
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{name} is a generator: its call ends before it runs. Write `with history:` in it")
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
                # Not on the thread's list: other coroutines come between.
                block = self._open_block(name)
                try:
                    result = await function(*args, **kwargs)
                except BaseException as error:
                    self._close(block, error)
                    raise
                self._close(block, None)
                return result

            return guarded  # type: ignore[return-value]

        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> T:
            self._enter(name)
            try:
                result = function(*args, **kwargs)
            except BaseException as error:
                self._leave(error)
                raise
            self._leave(None)
            return result

        return called

    def _enter(self, name: str) -> None:
        blocks: list[_Block] = self._own.__dict__.setdefault("blocks", [])
        blocks.append(self._open_block(name))

    def _leave(self, error: BaseException | None) -> None:
        self._close(self._own.blocks.pop(), error)

    def _open_block(self, name: str) -> _Block:
        block = _Block(self, name)
        with self._lock:
            self._open.append(block)
            self._is_any.set()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="pikos-history", daemon=True)
                self._thread.start()
        return block

    def _close(self, block: _Block, error: BaseException | None) -> None:
        took = time.perf_counter() - block.begin
        with self._lock:
            # After a fork it isn't there.
            if block in self._open:
                self._open.remove(block)
            if not self._open:
                self._is_any.clear()
        if error is not None and isinstance(error, self._dump_on):
            self._dump(block, f"{type(error).__name__} left {block.name} after {took:.3f} s", error)
        elif self._longer_than is not None and took > self._longer_than:
            self._dump(block, f"{block.name} took {took:.3f} s, longer than {self._longer_than:g} s", error)

    # ---- looking ----

    def _run(self) -> None:
        while True:
            self._is_any.wait()
            time.sleep(self._pause())
            self._look()

    def _pause(self) -> float:
        if not callable(self._interval):
            return self._interval
        try:
            return min(max(float(self._interval()), LEAST_INTERVAL), MOST_INTERVAL)
        except Exception:
            return INTERVAL

    def _look(self) -> None:
        with self._lock:
            blocks = list(self._open)
        now = time.perf_counter()
        tops = sys._current_frames()
        seen: dict[int, _Seen] = {}
        for block in blocks:
            ident = block.thread.ident
            if ident is None or ident not in tops:
                continue
            if ident not in seen:
                seen[ident] = _Seen(now, _frames(tops[ident]))
                self._recent.append((block.thread.name, seen[ident]))
            block.seen.append(seen[ident])
            if self._longer_than is not None and not block.is_long and now - block.begin > self._longer_than:
                block.is_long = True
                self._dump(block, f"{block.name} has run for {now - block.begin:.3f} s and goes on", None)
        # They would hold what the functions hold.
        tops.clear()

    # ---- showing ----

    def stacks(self) -> list[Stack]:
        """The last stacks of all blocks, the oldest first."""
        offset = time.time() - time.perf_counter()
        return [
            Stack(
                offset + seen.at,
                thread,
                tuple((code.co_filename, line, code.co_qualname) for code, line in seen.frames[::-1]),
            )
            for thread, seen in self._recent.copy()
        ]

    def _dump(self, block: _Block, why: str, error: BaseException | None) -> None:
        try:
            if block.path is None:
                number = next(self._numbers)
                if number > self._files:
                    self.left_out += 1
                    return
                os.makedirs(self.folder, exist_ok=True)
                name = f"pikos-history-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}-{number}.txt"
                path = os.path.join(self.folder, name)
                # Nobody else's file, and nobody else's to read: an exception's text may tell a secret.
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                block.path = path
                self.written.append(path)
            else:
                descriptor = os.open(block.path, os.O_WRONLY | os.O_TRUNC)
            with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as stream:
                stream.write(report(block, why, error).translate(_CONTROLS))
        except Exception as problem:
            if not self._said:
                self._said = True
                print(f"pikos: a history couldn't be written: {problem}", file=sys.stderr)


_histories: weakref.WeakSet[History] = weakref.WeakSet()


def _after_fork() -> None:
    # The blocks that are open end there, too, without a look: the thread for that has to be started anew.
    for each in list(_histories):
        each._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _frames(top: FrameType) -> tuple[tuple[CodeType, int], ...]:
    frames: list[tuple[CodeType, int]] = []
    frame: FrameType | None = top
    while frame is not None and len(frames) < MOST_DEPTH:
        if frame.f_code.co_filename != __file__:
            frames.append((frame.f_code, frame.f_lineno or 0))
        frame = frame.f_back
    return tuple(frames)


def report(block: _Block, why: str, error: BaseException | None) -> str:
    """What a file says: why, the traceback, the functions by how often they were seen, and the stacks, the last one first."""
    seen = list(block.seen)
    lines = [
        why,
        f"{time.strftime('%Y-%m-%d %H:%M:%S')}, process {os.getpid()}, thread {block.thread.name}",
    ]
    if error is not None:
        lines += ["", "".join(traceback.format_exception(error)).rstrip("\n")]
    if not seen:
        return "\n".join([*lines, "", "No stacks: it ended before the first look."]) + "\n"
    count = len(seen)
    lines += [
        "",
        f"Where it was, in {count} {'stack' if count == 1 else 'stacks'}:",
        "",
        "  stacks   on top   function",
    ]
    inside: Counter[CodeType] = Counter()
    for each in seen:
        # The outermost first: so they stand in the table where they are seen equally often.
        inside.update(list(dict.fromkeys(code for code, _ in each.frames[::-1])))
    on_top = Counter(each.frames[0][0] for each in seen if each.frames)
    order = sorted(inside, key=lambda code: (-on_top[code], -inside[code]))
    for code in order[:MOST_FUNCTIONS]:
        place = f"{code.co_filename}:{code.co_firstlineno}"
        lines.append(f"  {inside[code] / count:6.0%}   {on_top[code] / count:6.0%}   {code.co_qualname}  {place}")
    lines += ["", "Its stacks, the last one first; the innermost function stands at the end of each:"]
    for alike in _groups(seen[::-1]):
        first, last = (1e3 * (each.at - block.begin) for each in (alike[-1], alike[0]))
        when = (
            f"after {last:,.0f} ms" if len(alike) == 1 else f"after {first:,.0f} to {last:,.0f} ms, {len(alike)} times"
        )
        lines += ["", f"  {when}"]
        lines += [f"    {code.co_filename}:{line}  {code.co_qualname}" for code, line in alike[0].frames[::-1]]
    return "\n".join(lines) + "\n"


def _groups(seen: Iterable[_Seen]) -> list[list[_Seen]]:
    """Neighbours that are alike."""
    return [list(alike) for _, alike in itertools.groupby(seen, key=lambda each: each.frames)]
