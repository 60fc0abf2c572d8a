"""Which lines ran, cheap enough for production.

    from pikos.sampling.coverage import Coverage

    with Coverage(source=["shop"]):      # writes .coverage: `coverage report`, `coverage html`
        serve()

From 3.12 on this is complete: ``sys.monitoring`` tells each line once and never again, so that a program at work for a while runs as
fast as ever. On 3.11 it is a sample: all threads are traced for 50 ms every 5 s, beside a tracer that is there already. What ran before
start(), as a rule `import` and `def`, isn't seen.

A file of coverage.py is written by coverage.py (``pip install pikos[coverage]``); lcov's, which many services read, needs nothing.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
import threading
import weakref
from types import CodeType

from pikos.sampling import _tool
from pikos.sampling._tool import monitoring
from pikos.sampling.watch import check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, Protocol, Self

    class Method(Protocol):
        """How lines are met on this release."""

        def start(self) -> None: ...
        def stop(self) -> None: ...
        def lines(self) -> dict[str, set[int]]: ...


__all__ = ["Coverage"]

#: Names of files that get lcov's format.
LCOV = (".lcov", ".info")
#: Files of a source that are looked for at most, to say that nothing of them ran.
MOST_FILES = 100_000

_running: Coverage | None = None


class Coverage:
    """Coverage(source=None, *, data_file=".coverage", append=False, every=5.0, window=0.05)

    Notes lines from start() to stop(), or as a context manager, which saves in the end.

    source: folders, files, and names of packages or modules; by default all but what came with Python, what was installed, and Pikos. Files of
    them that never ran are reported, too, unless it is the default. data_file: for coverage.py; for lcov, if its name ends in ``.lcov`` or ``.info``.
    append: add to what a file of coverage.py has already. every, window: on 3.11, seconds from one time of tracing to the next, and its length.

    Each process has its own: with several workers, name files ``.coverage.NAME`` and let ``coverage combine`` put them together.

    Raises ValueError for a source that isn't there, RuntimeError where there is another one at work.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
        *,
        data_file: str | os.PathLike[str] = ".coverage",
        append: bool = False,
        every: float = 5.0,
        window: float = 0.05,
    ) -> None:
        check("every", every, 0.01, 86_400)
        check("window", window, 0.001, every)
        given = [source] if isinstance(source, str | os.PathLike) else list(source or [])
        if source is not None and not given:
            raise ValueError("source is empty: name a folder or a package, or leave it out for all of your own code")
        self._source = [folder for each in given for folder in places(os.fspath(each))]
        #: The program may change its folder.
        self._file = os.path.abspath(os.fspath(data_file))
        if append and self._file.endswith(LCOV):
            raise ValueError(f"append needs a file of coverage.py, and {self._file} is to be lcov's: use another name")
        self._append = append
        self._others = [] if self._source else foreign_places()
        self._known: dict[str, bool] = {}
        self._method: Method = Monitored(self) if sys.version_info >= (3, 12) else Traced(every, window)

    def start(self) -> None:
        """Begin, or go on. Raises RuntimeError if another one is at work, or where no tool id is left."""
        global _running
        if _running is self:
            return
        if _running is not None:
            raise RuntimeError("another Coverage is at work in this process: stop it first")
        self._method.start()
        _running = self

    def stop(self) -> None:
        """Note no more. What was noted stays."""
        global _running
        if _running is self:
            self._method.stop()
            _running = None

    def lines(self) -> dict[str, set[int]]:
        """The lines that ran so far, by file."""
        found: dict[str, set[int]] = {}
        for file, lines in self._method.lines().items():
            if lines and self.wants(file):
                found.setdefault(os.path.abspath(file), set()).update(lines)
        return found

    def save(self, path: str | os.PathLike[str] | None = None) -> str:
        """Write what was noted so far, to ``data_file`` if no other is named, and return the file's name; it goes on meanwhile. The file
        is replaced as a whole or not at all. Raises OSError; ModuleNotFoundError where coverage.py is needed and isn't there.
        """
        path = self._file if path is None else os.path.abspath(os.fspath(path))
        lines = self.lines()
        unseen = sorted(set(self._all_files()) - lines.keys())
        # Beside it, so that it can take its place.
        draft = f"{path}.{os.getpid()}.part"
        try:
            if path.endswith(LCOV):
                with open(draft, "w", encoding="utf-8", errors="backslashreplace") as stream:
                    stream.writelines(lcov({**lines, **{file: set() for file in unseen}}))
            else:
                write_data(draft, lines, unseen, path if self._append else None)
            os.replace(draft, path)
        finally:
            if os.path.exists(draft):
                os.remove(draft)
        return path

    def wants(self, file: str) -> bool:
        """Whether a file, as a code object names it, belongs to the source."""
        is_wanted = self._known.get(file)
        if is_wanted is None:
            is_wanted = self._known[file] = self._is_wanted(file)
        return is_wanted

    def _is_wanted(self, file: str) -> bool:
        # What was made of a text: `<string>`, `<frozen importlib._bootstrap>`.
        if file.startswith("<"):
            return False
        path = os.path.abspath(file)
        if self._source:
            return any(is_in(path, place) for place in self._source)
        return not any(is_in(path, place) for place in self._others)

    def _all_files(self) -> Iterator[str]:
        count = 0
        for place in self._source:
            if os.path.isfile(place):
                yield place
            for folder, inner, files in os.walk(place):
                inner[:] = sorted(name for name in inner if not name.startswith(".") and name != "__pycache__")
                for name in sorted(files):
                    count += 1
                    if count > MOST_FILES:
                        return
                    if name.endswith(".py"):
                        yield os.path.join(folder, name)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.save()


# ---- how lines are met ----

#: Whether a Coverage has worked here before: its events are switched off in places, and stay so for whoever gets its number.
_has_disabled = False


class Monitored:
    """By ``sys.monitoring``: the first call of a function says whether its lines are wanted, and each line switches itself off."""

    def __init__(self, coverage: Coverage) -> None:
        self._wants = coverage.wants
        self._lines: dict[str, set[int]] = {}
        self._codes: weakref.WeakSet[CodeType] = weakref.WeakSet()
        self._tool: int | None = None

    def start(self) -> None:
        global _has_disabled
        events = monitoring.events
        self._tool = tool = _tool.take("pikos coverage")
        if _has_disabled:
            monitoring.restart_events()
        _has_disabled = True
        monitoring.register_callback(tool, events.PY_START, self._on_call)
        monitoring.register_callback(tool, events.PY_RESUME, self._on_call)
        monitoring.register_callback(tool, events.LINE, self._on_line)
        monitoring.set_events(tool, events.PY_START | events.PY_RESUME)
        # What is under way won't begin again.
        for top in sys._current_frames().values():
            frame = top
            while frame is not None:
                self._on_call(frame.f_code, 0)
                frame = frame.f_back  # type: ignore[assignment]

    def stop(self) -> None:
        tool, self._tool = self._tool, None
        if tool is None:
            return
        events = monitoring.events
        monitoring.set_events(tool, 0)
        for code in list(self._codes):
            monitoring.set_local_events(tool, code, 0)
        for event in (events.PY_START, events.PY_RESUME, events.LINE):
            monitoring.register_callback(tool, event, None)
        monitoring.free_tool_id(tool)

    def lines(self) -> dict[str, set[int]]:
        return {file: lines.copy() for file, lines in self._lines.copy().items()}

    def _on_call(self, code: CodeType, _: int) -> Any:
        """In the program's thread: nothing may be raised here."""
        tool = self._tool
        if tool is not None and self._wants(code.co_filename):
            self._codes.add(code)
            monitoring.set_local_events(tool, code, monitoring.events.LINE)
        return monitoring.DISABLE

    def _on_line(self, code: CodeType, line: int) -> Any:
        lines = self._lines.get(code.co_filename)
        if lines is None:
            lines = self._lines.setdefault(code.co_filename, set())
        lines.add(line)
        return monitoring.DISABLE


class Traced:
    """On 3.11: by the toolkit's line monitor, which traces natively and calls the tracer that was there before, for a while, now and then."""

    def __init__(self, every: float, window: float) -> None:
        from pikos._lsprof import _EventMonitor, _LineReport

        self._every, self._window = every, window
        self._monitor = _EventMonitor("line", False, True)
        self._report = _LineReport()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(self._end,), name="pikos-coverage", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        self._end.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def lines(self) -> dict[str, set[int]]:
        found: dict[str, set[int]] = {}
        for _, file, _, _, lines in self._report.rows():
            found.setdefault(file, set()).update(line for line, hits, *_ in lines if hits)
        return found

    def _run(self, end: threading.Event) -> None:
        while not end.is_set():
            with _tool.tracing:
                self._monitor.enable(self._report, None)
            try:
                end.wait(self._window)
            finally:
                with _tool.tracing:
                    self._monitor.disable(True)
            end.wait(self._every - self._window)


# ---- which files ----


def places(name: str) -> list[str]:
    """The folders or the file that a source names."""
    if os.path.exists(name):
        return [os.path.abspath(name)]
    try:
        found = importlib.util.find_spec(name) if all(part.isidentifier() for part in name.split(".")) else None
    except (ImportError, ValueError):
        found = None
    if found is not None and found.submodule_search_locations:
        return [os.path.abspath(place) for place in found.submodule_search_locations]
    if found is not None and found.has_location and found.origin:
        return [os.path.abspath(found.origin)]
    raise ValueError(f"source {name!r} is no file or folder here, and no module that could be imported")


def foreign_places() -> list[str]:
    """Where code is that came with Python or was installed, and Pikos."""
    paths = sysconfig.get_paths()
    named = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    # As code objects name them: a venv's Python may be reached by another path than the one that it was built with.
    named += [os.path.dirname(os.__file__), os.path.dirname(os.path.dirname(__file__))]
    return sorted({os.path.abspath(place) for place in named})


def is_in(path: str, place: str) -> bool:
    return path == place or path.startswith(os.path.join(place, ""))


# ---- files ----


def write_data(path: str, lines: dict[str, set[int]], unseen: list[str], old: str | None) -> None:
    """A data file of coverage.py, by coverage.py."""
    try:
        from coverage import CoverageData
        from coverage.exceptions import CoverageException
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "a file of coverage.py is written by coverage.py, which isn't installed here. Install pikos[coverage], or"
            " save to a name that ends in .lcov",
            name=error.name,
        ) from error
    data = CoverageData(basename=path)
    try:
        if old is not None and os.path.exists(old):
            before = CoverageData(basename=old)
            before.read()
            data.update(before)
            before.close()
        data.add_lines(lines)
        if unseen:
            data.touch_files(unseen)
        data.write()
    except CoverageException as error:
        raise OSError(f"coverage.py can't write {path}: {error}") from error
    finally:
        data.close()


def lcov(lines: dict[str, set[int]]) -> Iterator[str]:
    """lcov's text: for each file, its lines and whether they ran."""
    for file in sorted(lines):
        ran = lines[file]
        every = sorted(ran | lines_of(file))
        yield f"TN:\nSF:{file}\n"
        yield from (f"DA:{line},{int(line in ran)}\n" for line in every)
        yield f"LF:{len(every)}\nLH:{len(ran)}\nend_of_record\n"


def lines_of(file: str) -> set[int]:
    """The lines of a source file that code was made of; empty if it can't be read."""
    try:
        with open(file, "rb") as stream:
            waiting = [compile(stream.read(), file, "exec", dont_inherit=True)]
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return set()
    found: set[int] = set()
    while waiting:
        code = waiting.pop()
        found.update(line for _, _, line in code.co_lines() if line)
        waiting += [each for each in code.co_consts if isinstance(each, CodeType)]
    return found
