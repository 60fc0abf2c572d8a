"""What all monitors have in common: switched on and off, nested, as context managers and as decorators."""

from __future__ import annotations

import os

from pikos._lsprof import _EventMonitor, _Records, _set_own_folder
from pikos.monitors.records import EXTRA_FIELDS, is_plain, with_fields

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import CodeType, TracebackType
    from typing import Any, Self

    from pikos.recorders.abstract_recorder import AbstractRecorder

__all__ = ["EventMonitor", "Monitor"]

_set_own_folder(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Monitor:
    """The base of all monitors, and of profilers that are used like them. Subclasses say what `enable` and `disable` do."""

    def __enter__(self) -> Self:
        self.enable()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.disable()

    def enable(self) -> None:
        """Begin to monitor."""
        raise NotImplementedError

    def disable(self) -> None:
        """Stop monitoring."""
        raise NotImplementedError

    def attach(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Monitor a function while it runs: a decorator for functions, methods, generators and coroutines.

        Returns a `MonitorAttach`, a function of the same kind. A generator or coroutine is monitored while it runs,
        not while it is suspended. A class is attached to in all its methods, a module in all that it defines; they are returned
        themselves. Raises TypeError for what is no function.
        """
        from pikos.monitors.monitor_attach import attach

        return attach(self, function)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """`attach`: ``@monitor`` as a decorator."""
        return self.attach(function)


class EventMonitor(Monitor):
    """A monitor whose events the native code records.

    recorder: where records go. record_type: a named tuple to make records of, instead of the monitor's own. threads:
    whether all threads are watched; else those that enable the monitor. fields: more fields that its records are to have, of
    those in ``pikos.monitors.records.EXTRA_FIELDS``.

    Enabling it twice takes disabling it twice. The first time it prepares the recorder, the last time it finalizes it.
    """

    #: "function" or "line".
    _kind: str
    _reads_memory = False
    #: The record type where none is given.
    _own_record_type: type
    #: The same with the time, where there is one.
    _timed_record_type: type | None = None
    #: The method that is called for each event where the native code can't record by itself.
    _method: str

    def __init__(
        self,
        recorder: AbstractRecorder,
        record_type: type | None = None,
        threads: bool = False,
        *,
        fields: Iterable[str] = (),
    ) -> None:
        self._recorder = recorder
        record_type = self._own_record_type if record_type is None else record_type
        extras = self._extras(fields)
        if extras and record_type not in (self._own_record_type, self._timed_record_type):
            raise ValueError("give a record_type or fields, not both")
        self._base_type = record_type
        self._record_type: Any = with_fields(record_type, extras)
        self._native = _EventMonitor(self._kind, self._reads_memory, threads, extras)
        self._all_threads = threads
        self._depth = 0
        #: A `_LineReport` that sums up, instead of the recorder.
        self._report: Any = None

    @classmethod
    def _extras(cls, fields: Iterable[str]) -> tuple[str, ...]:
        """The extra fields of these names, each once. ValueError for what is none, or makes no sense here."""
        names = tuple(dict.fromkeys([fields] if isinstance(fields, str) else fields))
        known = [name for name in EXTRA_FIELDS if name not in cls._lacks()]
        for name in names:
            if name not in known:
                raise ValueError(f"records of {cls._kind}s have no extra field {name!r}: choose {', '.join(known)}")
        return names

    @classmethod
    def _lacks(cls) -> set[str]:
        """The extra fields that would make no sense here."""
        return ({"exception"} if cls._kind == "line" else set()) | (set() if cls._reads_memory else {"peak"})

    @property
    def _index(self) -> int:
        return self._native.index

    @_index.setter
    def _index(self, value: int) -> None:
        self._native.index = value

    def enable(self) -> None:
        """Begin to record. Prepares the recorder, the first time; what that raises leaves the monitor disabled.

        Raises RuntimeError where another tool is in the way.
        """
        if self._depth == 0:
            self._recorder.prepare(self._record_type)
            try:
                self._native.enable(*self._destination())
            except BaseException:
                self._recorder.finalize()
                raise
        else:
            # The running thread may be another one.
            self._native.enable(None, None)
        self._depth += 1

    def disable(self) -> None:
        """Stop recording. Finalizes the recorder, the last time. Does nothing if the monitor isn't enabled."""
        if self._depth == 0:
            return
        self._depth -= 1
        errors = self._native.disable(all=self._depth == 0)
        if self._depth == 0:
            self._recorder.finalize()
            if errors > 1:
                import sys

                sys.stderr.write(f"pikos: {errors} records were lost to errors; only the first error was shown\n")

    def _destination(self) -> tuple[Any, list[CodeType] | None]:
        """What the native code does with an event: hands it to the recorder's native half, makes a record of it for the recorder, or calls
        our method; and the code objects where it is to look."""
        if self._report is not None:
            return self._report, None
        if self._is_overridden(self._method) or self._is_overridden("gather_info"):
            return getattr(self, self._method), None
        kind: Any = self._record_type
        is_ours = self._base_type in (self._own_record_type, self._timed_record_type)
        like: Any = kind if is_ours else self._own_record_type
        plain = is_plain(kind, like)
        # What is kept natively becomes a record when somebody asks for it.
        sink = native_sink(self._recorder) if plain and kind._fields == like._fields else None
        return _Records(kind, like._fields, plain, self._recorder.record) if sink is None else sink, None

    def _is_overridden(self, name: str) -> bool:
        """Whether somebody else has a part in this method."""
        made = [vars(kind)[name] for kind in type(self).__mro__ if name in vars(kind)]
        made += [vars(self)[name]] if name in vars(self) else []
        return not all(str(getattr(each, "__module__", "")).startswith("pikos.monitors.") for each in made)


def native_sink(recorder: Any) -> Any:
    """The native half of a recorder, if it has one: it may be anybody's class."""
    make = getattr(recorder, "_native_sink", None)
    return None if make is None else make()
