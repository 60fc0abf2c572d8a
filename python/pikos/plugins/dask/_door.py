"""Where Dask calls tasks, on a worker."""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from typing import TYPE_CHECKING

import distributed

from pikos.cprofile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Counts(Protocol):
        """Who counts a worker's tasks."""

        name: str
        is_on: bool

        def run(self, key: object, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
            """Run a task."""


class Holder(threading.Thread):
    """Keeps the interpreter's events on from one task to the next: from 3.12 on, switching them costs more than a small task, for all
    code is prepared anew. It counts nothing itself."""

    def __init__(self) -> None:
        super().__init__(name="pikos-between-tasks", daemon=True)
        self.is_over = threading.Event()

    def run(self) -> None:
        """Until it is over."""
        counts = Profile(threads=False)
        try:
            counts.enable()
        except Exception:
            # Another tool is there: each task will say so.
            return
        self.is_over.wait()
        counts.disable()


class Door:
    """Where Dask calls tasks: functions of its worker, replaced as long as a worker of this process is profiled."""

    lock = threading.Lock()
    plugins: list[Counts] = []  # noqa: RUF012
    replaced: dict[str, Any] = {}  # noqa: RUF012
    holder: Holder | None = None
    #: What they are called in one release or another, and which of their arguments is the task.
    of_tasks = (("_run_task", "task"), ("apply_function", "function"))
    of_actors = (("_run_actor", "func"), ("apply_function_actor", "function"))

    @classmethod
    def open(cls, plugin: Counts) -> str | None:
        """Let this one count its worker's tasks. Says why, if that can't be."""
        with cls.lock:
            if not cls.replaced:
                if not cls.replace_one(cls.of_tasks):
                    return f"this release of Dask ({distributed.__version__}) calls tasks in another way than is known here"
                cls.replace_one(cls.of_actors)
                if sys.version_info >= (3, 12):
                    cls.holder = Holder()
                    cls.holder.start()
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
    def close(cls, plugin: Counts) -> None:
        """It is done."""
        import distributed.worker

        with cls.lock:
            cls.plugins = [each for each in cls.plugins if each is not plugin]
            if not cls.plugins:
                for name, original in cls.replaced.items():
                    setattr(distributed.worker, name, original)
                cls.replaced = {}
                if cls.holder is not None:
                    cls.holder.is_over.set()
                    cls.holder = None

    @classmethod
    def counted(cls, original: Any, function: int, state: int, key: int) -> Any:
        """The same, for whichever of a process's workers it is called."""

        @functools.wraps(original)
        def apply(*args: Any) -> Any:
            try:
                plugins = args[state]["worker"].plugins
                plugin = next((each for each in cls.plugins if each.is_on and plugins.get(each.name) is each), None)
            except (IndexError, KeyError, AttributeError):
                plugin = None
            if plugin is None:
                return original(*args)
            task, profiler = args[function], plugin

            def run(*its_args: Any, **its_kwargs: Any) -> Any:
                return profiler.run(args[key], task, its_args, its_kwargs)

            return original(*args[:function], run, *args[function + 1 :])

        return apply
