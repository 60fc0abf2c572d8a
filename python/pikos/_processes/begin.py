"""The first that a followed process has of us: whether it is to be profiled, and from when.

Loads the profiler only if so: a process that runs a profiler by itself shall find its modules as yet unloaded.
"""

from __future__ import annotations

import os
import sys

from pikos._processes.environment import announced

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

#: Modules that record profiles by themselves, and can't where another profiler does.
PROFILERS = frozenset(
    ["pikos", "pikos.cprofile", "pikos.runner", "cProfile", "profile", "profiling.tracing", "profiling.sampling"]
)

#: Interpreter options that have a value of their own.
WITH_VALUE = frozenset(["-W", "-X", "--check-hash-based-pycs"])


def begin() -> None:
    """Profile this process, which was started by a followed one, from here on. For ``sitecustomize``."""
    code, module = what_runs(sys.orig_argv)
    if module in PROFILERS or "from multiprocessing.resource_tracker import main" in code:
        return
    texts = announced()
    follow = follow_server if "from multiprocessing.forkserver import main" in code else follow_program
    if sys.version_info >= (3, 15):
        when_initialised(lambda: quietly(follow, texts))
    else:
        follow(texts)


def follow_program(texts: dict[str, str]) -> None:
    """Profile this process."""
    from pikos._processes.family import start

    start(texts)


def follow_server(texts: dict[str, str]) -> None:
    """Profile what this process forks. It does nothing by itself: its children are those that the program has started."""
    from pikos._processes.family import start

    server = os.getpid()

    def begin_in_child() -> None:
        if os.getppid() == server:
            quietly(start, texts)

    os.register_at_fork(after_in_child=begin_in_child)


def quietly(act: Callable[[dict[str, str]], None], texts: dict[str, str]) -> None:
    """Do it, or leave it: the program comes first, as in ``sitecustomize``."""
    try:
        act(texts)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        pass


def when_initialised(act: Callable[[], None]) -> None:
    """Call ``act`` as soon as the interpreter is. From 3.15 on it is not while `site` runs, and PyO3 refuses to work before.

    The first frame after `site` that nobody but C has called in the main thread is it: a look at the script's path, `runpy`, or
    the program itself.
    """
    import _thread

    monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
    tool = monitoring.PROFILER_ID
    if monitoring.get_tool(tool) is not None:
        return
    main = _thread.get_ident()

    def on_start(code: CodeType, offset: int) -> None:
        is_first = sys._getframe(1).f_back is None and _thread.get_ident() == main
        # Not yet: the lock of the import of `site` goes by a callback.
        if is_first and not code.co_filename.startswith("<frozen importlib"):
            monitoring.set_events(tool, 0)
            monitoring.register_callback(tool, monitoring.events.PY_START, None)
            monitoring.free_tool_id(tool)
            act()

    monitoring.use_tool_id(tool, "pikos")
    monitoring.register_callback(tool, monitoring.events.PY_START, on_start)
    monitoring.set_events(tool, monitoring.events.PY_START)


def what_runs(argv: list[str]) -> tuple[str, str]:
    """The code of ``-c`` and the name of ``-m`` in an interpreter's command line; empty if it has none."""
    words = iter(argv[1:])
    for word in words:
        if word in WITH_VALUE:
            next(words, None)
        elif word == "-c":
            return next(words, ""), ""
        elif word == "-m":
            return "", next(words, "")
        elif not word.startswith("-"):
            break
    return "", ""
