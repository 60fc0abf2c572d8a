"""What each address does: it shows what a sampler has seen, and holds it, lets it go on, and sets how often it looks."""

from __future__ import annotations

import csv
import io
import os
import platform
import sys
import threading

from pikos._web.answers import back, download, page_answer, refused_answer
from pikos._web.asked import Answer, Refused, Request, json_answer, printable, text_answer
from pikos._web.columns import columns
from pikos._web.entry import Entry, refuse_other_sites
from pikos.sampling._web import page
from pikos.sampling._web.rows import Frame, Function, Table, Thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType
    from typing import Any, Protocol

    from pikos.stats import Profile

    class Sampled(Protocol):
        """What is asked of a ``pikos.sampling.Sampler``."""

        def pause(self) -> None: ...
        def unpause(self) -> None: ...
        def clear(self) -> None: ...
        def is_paused(self) -> bool: ...
        def set_interval(self, seconds: float) -> None: ...
        def status(self) -> dict[str, Any]: ...
        def snapshot(self) -> Profile: ...


#: Rows of a table where nobody says how many, and at most.
RECORDS, MOST_RECORDS = 50, 10_000
#: Characters of a regular expression.
MOST_PATTERN = 1000
#: Of stacks that are shown: threads, and functions of each from the top.
MOST_THREADS, MOST_DEPTH = 1000, 200
#: Seconds between two loads of a page that loads itself.
MOST_REFRESH = 3600
SORTS = {"self": "tottime", "total": "cumtime"}


_own: tuple[int, Sampled] | None = None
_own_lock = threading.Lock()


def own_sampler() -> Sampled:
    """The sampler of this process where nobody has brought one: it doesn't sample before it is told to."""
    global _own
    with _own_lock:
        # A child that was forked has the parent's, which is silent.
        if _own is None or _own[0] != os.getpid():
            from pikos.sampling import Sampler

            _own = (os.getpid(), Sampler())
        return _own[1]


if hasattr(os, "register_at_fork"):

    def _after_fork() -> None:
        global _own_lock
        _own_lock = threading.Lock()

    os.register_at_fork(after_in_child=_after_fork)


class Desk:
    """Answers requests about one sampler. takes_get: a GET may pause, unpause and set the interval, too. tables: pages of a door's own,
    by their paths."""

    def __init__(
        self,
        sampler: Sampled | None = None,
        *,
        takes_get: bool = False,
        tables: Mapping[str, Callable[[], Table]] | None = None,
    ) -> None:
        self._sampler = sampler
        self._takes_get = takes_get
        self._tables = dict(tables or {})
        self._changes: dict[str, Callable[[Request], None]] = {
            "/pause": lambda _: self.sampler().pause(),
            "/unpause": lambda _: self.sampler().unpause(),
            "/set_interval": self._set_interval,
            "/clear": lambda _: self.sampler().clear(),
        }
        self._views: dict[str, Callable[[Request], Answer]] = {
            "/": self._status,
            "/index": self._status,
            "/status": self._status,
            "/stacks": self._stacks,
            "/profile": self._profile,
            **dict.fromkeys(self._tables, self._table),
        }

    def paths(self) -> list[str]:
        return [*self._views, *self._changes, "/enter", "/leave"]

    def sampler(self) -> Sampled:
        return own_sampler() if self._sampler is None else self._sampler

    def answer(self, request: Request, entry: Entry) -> Answer:
        """Never raises for what a stranger has sent."""
        try:
            return self._answer(request, entry)
        except Refused as refused:
            return refused_answer(request, entry, refused)
        except (RuntimeError, OSError) as error:
            # Of the sampler: this interpreter's memory can't be read, say.
            return refused_answer(request, entry, Refused(503, f"{error}."))

    def _answer(self, request: Request, entry: Entry) -> Answer:
        request.fields()
        path = request.path
        if path == "/enter" and request.method == "POST":
            return back(request, entry.take_token(request))
        if path == "/leave" and request.method == "POST":
            return back(request, entry.forget(request))
        has_header = entry.admit(request)
        is_read = request.method in ("GET", "HEAD")
        change, view = self._changes.get(path), self._views.get(path)
        if change is not None:
            if request.method == "POST":
                if not has_header:
                    refuse_other_sites(request)
            elif request.method == "GET" and self._takes_get:
                refuse_other_sites(request, is_read=True)
            else:
                raise Refused(405, f"{path} changes something: send it as POST.", ("Allow", "POST"))
            change(request)
            if request.wanted() == "html":
                return back(request)
            sampler = self.sampler()
            return json_answer({"paused": sampler.is_paused(), "sampler": _plain(sampler.status())})
        if view is not None:
            if not is_read:
                raise Refused(405, f"{path} only shows something: send it as GET.", ("Allow", "GET, HEAD"))
            return view(request)
        if path in ("/enter", "/leave"):
            raise Refused(405, f"{path} takes a form: send it as POST.", ("Allow", "POST"))
        raise Refused(404, f"There is nothing at {printable(path[:100])}. These are: {', '.join(self.paths())}.")

    # ---- changes ----

    def _set_interval(self, request: Request) -> None:
        seconds = request.number("interval", "seconds", "0.01")
        try:
            self.sampler().set_interval(seconds)
        except ValueError as error:
            raise Refused(400, f"{error}.") from None

    # ---- what is shown ----

    def _status(self, request: Request) -> Answer:
        wanted = request.wanted()
        if wanted == "html":
            refresh = request.count("refresh", 0, 0, MOST_REFRESH)
            return page_answer(page.status(request, self._told(request), list(self._tables), refresh))
        told = self._told(request)
        if wanted == "text":
            return text_answer(_as_text(told))
        if wanted == "csv":
            rows = [list(each) for each in told["functions"]]
            return text_answer(_as_csv(Function._fields, rows), "text/csv")
        told["functions"] = [each._asdict() for each in told["functions"]]
        return json_answer(told)

    def _told(self, request: Request) -> dict[str, Any]:
        fields = request.fields()
        most = request.count("max_records", RECORDS, 1, MOST_RECORDS)
        pattern = fields.get("re_filter", "")
        if len(pattern) > MOST_PATTERN:
            raise Refused(400, f"re_filter is longer than {MOST_PATTERN:,} characters: shorten it.")
        sort = fields.get("sort", "") or "total"
        if sort not in SORTS:
            raise Refused(400, f"sort must be {' or '.join(SORTS)}, got {printable(repr(sort[:60]))}.")
        sampler = self.sampler()
        profile = sampler.snapshot()
        whole = float(profile.metadata["tottime"])
        shown = profile
        if pattern not in ("", ".*"):
            try:
                shown = profile.filter(pattern)
            except ValueError as error:
                reason = printable(str(error).strip().splitlines()[-1].removeprefix("error: "))
                raise Refused(400, f"re_filter is no regular expression that is taken here: {reason}.") from None
        rows = [
            Function(
                row.qualname or row.name,
                row.file,
                row.line,
                row.ncalls or 0,
                row.primitive_calls or 0,
                row.tottime,
                row.cumtime,
                row.tottime / whole if whole > 0 else 0.0,
                row.cumtime / whole if whole > 0 else 0.0,
            )
            for row in shown.sort(SORTS[sort]).top(most)
        ]
        return {
            "process": {
                "pid": os.getpid(),
                "program": _program(),
                "python": f"{platform.python_implementation()} {platform.python_version()}",
                "host": platform.node(),
            },
            "paused": sampler.is_paused(),
            "sampler": _plain(sampler.status()),
            "seconds": whole,
            "count": len(shown),
            "functions": rows,
            "sort": sort,
            "re_filter": pattern,
            "max_records": most,
        }

    def _stacks(self, request: Request) -> Answer:
        threads = stacks()
        wanted = request.wanted()
        if wanted == "html":
            refresh = request.count("refresh", 0, 0, MOST_REFRESH)
            return page_answer(page.stacks(request, threads, list(self._tables), refresh))
        if wanted in ("text", "csv"):
            return text_answer(_stacks_as_text(threads))
        listed = [{**thread._asdict(), "stack": [frame._asdict() for frame in thread.stack]} for thread in threads]
        return json_answer({"pid": os.getpid(), "threads": listed})

    def _profile(self, request: Request) -> Answer:
        return download(request, self.sampler().snapshot(), f"sampled-{os.getpid()}")

    def _table(self, request: Request) -> Answer:
        table = self._tables[request.path]()
        wanted = request.wanted()
        if wanted == "csv" or request.flag("as_csv"):
            return text_answer(_as_csv(table.columns, table.rows), "text/csv")
        if wanted == "html":
            refresh = request.count("refresh", 0, 0, MOST_REFRESH)
            return page_answer(page.table(request, table, list(self._tables), refresh))
        if wanted == "text":
            return text_answer(_lines([list(table.columns), *([str(cell) for cell in row] for row in table.rows)]))
        return json_answer([dict(zip(table.columns, row, strict=True)) for row in table.rows])


def _program() -> str:
    """What runs, as one would type it."""
    name, *arguments = sys.argv or [""]
    folder, file = os.path.split(name)
    head = f"python -m {os.path.basename(folder)}" if file == "__main__.py" else file
    return " ".join([head, *arguments])[:500]


def stacks() -> list[Thread]:
    """Where all threads of this process are, but the one that asks."""
    known = {thread.ident: thread for thread in threading.enumerate()}
    tops = sys._current_frames()
    tops.pop(threading.get_ident(), None)
    found = []
    for ident, top in sorted(tops.items())[:MOST_THREADS]:
        frames: list[Frame] = []
        frame: FrameType | None = top
        count = 0
        while frame is not None:
            count += 1
            if len(frames) < MOST_DEPTH:
                frames.append(Frame(frame.f_code.co_qualname, frame.f_code.co_filename, frame.f_lineno or 0))
            frame = frame.f_back
        thread = known.get(ident)
        name = thread.name if thread is not None else f"thread {ident}"
        is_daemon = thread is not None and thread.daemon
        found.append(Thread(name, ident, is_daemon, frames[::-1], count - len(frames)))
    main = threading.main_thread().ident
    return sorted(found, key=lambda each: (each.id != main, each.name))


def _plain(value: Any) -> Any:
    """What JSON can hold: a number that is none becomes null."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    return value


def _as_text(told: dict[str, Any]) -> str:
    state = "paused" if told["paused"] else "sampling"
    interval = told["sampler"].get("interval")
    every = f", every {interval:g} s" if isinstance(interval, int | float) else ""
    rows = [["self", "total", "samples", "function", "place"]]
    for each in told["functions"]:
        place = printable(f"{each.file}:{each.line}")
        shares = [f"{100 * each.self_share:.1f}%", f"{100 * each.total_share:.1f}%"]
        rows.append([*shares, str(each.samples), printable(each.function), place])
    head = f"process {told['process']['pid']}: {state}{every}; {told['seconds']:.2f} s sampled in {told['count']} functions\n\n"
    return head + _lines(rows, right=3)


def _stacks_as_text(threads: list[Thread]) -> str:
    lines = []
    for thread in threads:
        lines.append(f"{printable(thread.name)}  ({thread.id})")
        lines += [f"  … {thread.cut} more"] if thread.cut else []
        lines += [f"  {printable(each.function)}  {printable(each.file)}:{each.line}" for each in thread.stack]
        lines.append("")
    return "\n".join(lines)


def _lines(rows: list[list[str]], right: int = 0) -> str:
    return "\n".join(columns(rows, right)) + "\n"


def _as_csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(columns)
    writer.writerows(rows)
    return stream.getvalue()
