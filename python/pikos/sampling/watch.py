"""What a function's locals were, now and then: ``Sampler.watch``.

    watch = sampler.watch("shop.cart.total", "items", "price", every=1.0, keep=100)
    ...
    for value in watch.values():
        print(value.name, value.type, value.length, value.text)

Values are read in the thread that runs the function, when one of its calls returns or yields; from 3.12 on also at a line, if the call
under way hasn't returned for a while. Between two looks the function runs as ever: nothing is called, nothing is counted. Locals are
read, never written. What is kept is text: no object lives longer because it was looked at.

Says what the values were, not why. `_look_monitoring` and `_look_prologue` know how a moment of the function is met.
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import os
import sys
import threading
import time
import weakref
from collections import deque
from types import CodeType, FunctionType
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from types import FrameType
    from typing import Any, Protocol, Self

    class Look(Protocol):
        """Calls what it was made with once, with a frame of the function, after each arm()."""

        def arm(self) -> None: ...
        def disarm(self) -> None: ...


__all__ = ["Value", "Watch", "watch"]

#: Characters of a value's text.
MOST_TEXT = 200
#: How many containers in each other it shows, and items of each.
MOST_LEVELS, MOST_ITEMS = 3, 12
#: Seconds between two looks.
LEAST_EVERY, MOST_EVERY = 0.001, 86_400.0
#: Values of one name that are kept at most.
MOST_KEPT = 100_000
#: Locals that one watch reads at most.
MOST_NAMES = 100


class Value(NamedTuple):
    """A local at one moment."""

    #: Seconds since 1970.
    time: float
    #: The thread's name.
    thread: str
    name: str
    #: ``module.qualname``, without the module of built-in ones.
    type: str
    #: ``len()``, where finding it runs no Python code; else None.
    length: int | None
    #: ``repr()``, shortened to 200 characters; where that failed, the reason in ``<…>``.
    text: str


class Watch:
    """Watch(function, *names, every=1.0, keep=100)

    Keeps the last values of a function's locals. It begins at once; stop() ends it, and it is a context manager that does.

    function: ``"package.module.function"``, ``"package.module.Class.method"``, or the function itself. A decorated one is looked for
    below its decorators, as far as they tell (``functools.wraps``). names: of locals; all of them if there is none. every: seconds
    between two looks, 0.001 to 86,400. keep: so many values of each name.

    A ``repr()`` written in Python runs in the function's thread: one that takes long, or a lock, makes the function wait.
    A child that ``os.fork`` makes isn't watched.

    Raises ValueError where there is no such function or local, or a number is out of range; TypeError for what is no Python function.
    """

    def __init__(self, function: str | Callable[..., object], *names: str, every: float = 1.0, keep: int = 100) -> None:
        check("every", every, LEAST_EVERY, MOST_EVERY)
        check("keep", keep, 1, MOST_KEPT)
        found = resolve(function) if isinstance(function, str) else function
        self._function = plain(found, function if isinstance(function, str) else repr(function))
        self._names = locals_of(self._function.__code__, names)
        self._every = every
        self._values: dict[str, deque[Value]] = {name: deque(maxlen=int(keep)) for name in self._names}
        self._look = look_at(self._function, self._take)
        self._end = threading.Event()
        self._thread: threading.Thread | None = threading.Thread(target=self._run, name="pikos-watch", daemon=True)
        _watches.add(self)
        self._thread.start()

    def values(self, name: str | None = None) -> list[Value]:
        """What was seen, the oldest first: of one name, or of all. Raises ValueError for a name that isn't watched."""
        if name is None:
            return sorted(
                (value for each in self._values.values() for value in each.copy()), key=lambda value: value.time
            )
        if name not in self._values:
            raise ValueError(f"{name!r} isn't watched; watched are {', '.join(self._names)}")
        return list(self._values[name].copy())

    def show(self, limit: int = 20) -> str:
        """The last values as a table: time, thread, name, type, length, value."""
        rows = [("time", "thread", "name", "type", "length", "value")]
        for value in self.values()[-limit:] if limit > 0 else []:
            clock = time.strftime("%H:%M:%S", time.localtime(value.time))
            length = "" if value.length is None else str(value.length)
            rows.append((clock, value.thread, value.name, value.type, length, value.text))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
        )

    def stop(self) -> None:
        """Look no more. What was seen stays."""
        self._end.set()
        thread, self._thread = self._thread, None
        # It may be the function itself that says so, in a repr that this thread waits for.
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._look.disarm()

    def _run(self) -> None:
        while not self._end.is_set():
            self._look.arm()
            self._end.wait(self._every)

    def _take(self, frame: FrameType) -> None:
        """In the function's own thread, between two of its instructions."""
        # Not threading.current_thread(): that makes an object for a thread that Python hasn't started.
        ident = threading.get_ident()
        thread = getattr(threading, "_active", {}).get(ident)
        thread_name = str(thread.name) if thread is not None else f"thread {ident}"
        now = time.time()
        try:
            for name, value in read(frame, self._names).items():
                seen = Value(now, thread_name, name, type_of(value), length_of(value), text_of(value))
                self._values[name].append(seen)
        except Exception:
            # It would come up in the function. What can't be read isn't there.
            return

    def _forked(self) -> None:
        """In the child: the thread that armed it isn't here."""
        self._end = threading.Event()
        self._end.set()
        self._thread = None

    def __iter__(self) -> Iterator[Value]:
        return iter(self.values())

    def __len__(self) -> int:
        return sum(map(len, self._values.values()))

    def __repr__(self) -> str:
        names = ", ".join(self._names)
        return f"<Watch: {names} of {self._function.__qualname__}, {len(self)} values>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def watch(function: str | Callable[..., object], *names: str, every: float = 1.0, keep: int = 100) -> Watch:
    """A ``Watch`` with these arguments, for programs that have no sampler."""
    return Watch(function, *names, every=every, keep=keep)


_watches: weakref.WeakSet[Watch] = weakref.WeakSet()


def _after_fork() -> None:
    for each in list(_watches):
        each._forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def look_at(function: FunctionType, take: Callable[[FrameType], None]) -> Look:
    """The way to meet a function at work on this release."""
    if sys.version_info >= (3, 12):
        from pikos.sampling._look_monitoring import MonitoringLook

        return MonitoringLook(function, take)
    from pikos.sampling._look_prologue import PrologueLook

    return PrologueLook(function, take)


# ---- which function, which locals ----


def check(name: str, value: object, least: float, most: float) -> None:
    """Raise TypeError for what is no number, ValueError for one out of range."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} must be a number, got {value!r}")
    if not least <= value <= most:
        raise ValueError(f"{name} must be {least:,g} to {most:,g}, got {value!r}")


def resolve(path: str) -> object:
    """What a dotted path names; its module is imported if it isn't yet."""
    parts = path.split(".")
    if not all(part.isidentifier() for part in parts) or len(parts) < 2:
        raise ValueError(f"{path!r} names no function: write package.module.function or package.module.Class.method")
    module, used = _module(path, parts)
    found: object = module
    for at in range(used, len(parts)):
        try:
            # As it stands in the class: looked up on the class, a property is no function.
            found = inspect.getattr_static(found, parts[at])
        except AttributeError:
            where = ".".join(parts[:at])
            kind = "module" if at == used else "class" if isinstance(found, type) else "object"
            raise ValueError(f"there is no function {path}: the {kind} {where} has no {parts[at]!r}") from None
    return found


def _module(path: str, parts: list[str]) -> tuple[object, int]:
    """The longest part of the path that is a module, and how many names that takes."""
    for used in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:used])
        if name in sys.modules:
            return sys.modules[name], used
    used, module = 0, None
    for count in range(1, len(parts)):
        name = ".".join(parts[:count])
        try:
            module = importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name != name:
                raise ValueError(f"there is no function {path}: importing {name} failed: {error}") from error
            break
        except Exception as error:
            raise ValueError(f"there is no function {path}: importing {name} failed: {error!r}") from error
        used = count
    if module is None:
        raise ValueError(f"there is no function {path}: there is no module {parts[0]!r}")
    return module, used


def plain(found: object, path: str) -> FunctionType:
    """The Python function below methods, properties and decorators."""
    seen = 0
    # A decorator may claim to wrap itself.
    while not isinstance(found, FunctionType) or hasattr(found, "__wrapped__"):
        inner: Any = None
        if isinstance(found, property):
            inner = found.fget
        elif isinstance(found, staticmethod | classmethod) or inspect.ismethod(found):
            inner = found.__func__
        else:
            inner = inspect.getattr_static(found, "__wrapped__", None)
        seen += 1
        if inner is None or seen > 100:
            if isinstance(found, FunctionType):
                break
            raise TypeError(f"{path} is no Python function but a {type(found).__name__}: only those have locals")
        found = inner
    return found


def locals_of(code: CodeType, names: tuple[str, ...]) -> tuple[str, ...]:
    """The names, if the function has such locals; all that it has if there are none."""
    have = dict.fromkeys((*code.co_varnames, *code.co_cellvars, *code.co_freevars))
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"names of locals must be texts, got {name!r}")
        if name not in have:
            listed = f"it has {', '.join(have)}" if have else "it has none"
            raise ValueError(f"{code.co_qualname} has no local {name!r}: {listed}")
    # The rest: a function that was made by a program may have thousands.
    return tuple(dict.fromkeys(names)) or tuple(have)[:MOST_NAMES]


# ---- reading ----

if sys.version_info[:2] == (3, 12):

    def read(frame: FrameType, names: tuple[str, ...]) -> Mapping[str, object]:
        """The locals that have a value now. Not by ``f_locals``: here that is a dict that lives as long as the frame, and the same
        that ``locals()`` returns."""
        import ctypes

        get = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object, ctypes.c_char_p)(
            ("PyFrame_GetVarString", ctypes.pythonapi)
        )
        values = {}
        for name in names:
            try:
                values[name] = get(frame, name.encode())
            except NameError:
                continue
        return values

else:

    def read(frame: FrameType, names: tuple[str, ...]) -> Mapping[str, object]:
        """The locals that have a value now."""
        found = frame.f_locals
        return {name: found[name] for name in names if name in found}


#: What stands around the items of a container.
_BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    dict: ("{", "}"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    deque: ("deque([", "])"),
}


def text_of(value: object) -> str:
    """``repr()``, shortened; the reason where that fails."""
    try:
        text = _short(value, MOST_LEVELS)
    except KeyboardInterrupt:
        # Meant for the program.
        raise
    except BaseException as error:
        return f"<its repr failed: {type(error).__name__}>"
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"


def _short(value: object, levels: int) -> str:
    """Looks at the first of many: a list of a million numbers must not become a text of megabytes before it is cut."""
    kind = type(value)
    if kind in (str, bytes, bytearray):
        return repr(value[:MOST_TEXT])  # type: ignore[index]
    if kind is int and value.bit_length() > 4 * MOST_TEXT:  # type: ignore[attr-defined]
        # A text of so many digits takes long, and Python may refuse to make it.
        return f"<int of {value.bit_length():,} bits>"  # type: ignore[attr-defined]
    own_repr: Any = kind.__repr__
    base = next((base for base in _BRACKETS if isinstance(value, base) and own_repr is base.__repr__), None)
    if base is None or not value:
        return repr(value)
    if levels == 0:
        return "…"
    first: Any = itertools.islice(value.items() if isinstance(value, dict) else iter(value), MOST_ITEMS)  # type: ignore[call-overload]
    if isinstance(value, dict):
        items = [f"{_short(key, levels - 1)}: {_short(item, levels - 1)}" for key, item in first]
    else:
        items = [_short(item, levels - 1) for item in first]
    more = len(value) - len(items)  # type: ignore[arg-type]
    if more > 0:
        items.append("…")
    begin, end = _BRACKETS[base]
    only = "," if base is tuple and len(items) == 1 else ""
    text = f"{begin}{', '.join(items)}{only}{end}"
    return text if kind is base else f"{kind.__name__}({text})"


def length_of(value: object) -> int | None:
    """``len()``, where that runs no Python code: a length may be a query to a database."""
    method = inspect.getattr_static(type(value), "__len__", None)
    if method is None or isinstance(method, FunctionType):
        return None
    try:
        return len(value)  # type: ignore[arg-type]
    except Exception:
        return None


def type_of(value: object) -> str:
    kind = type(value)
    module = kind.__module__
    name = f"{module}.{kind.__qualname__}" if isinstance(module, str) and module != "builtins" else kind.__qualname__
    return name if len(name) <= MOST_TEXT else name[: MOST_TEXT - 1] + "…"
