"""The first that a followed process has of us: whether it is to be profiled, and from when.

Loads the profiler only if so: a process that runs a profiler by itself shall find its modules as yet unloaded.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

VARIABLE = "PIKOS_FOLLOW"

#: Modules that record profiles by themselves, and can't where another profiler does.
PROFILERS = frozenset(["pikos", "pikos.cprofile", "cProfile", "profile", "profiling.tracing", "profiling.sampling"])

#: Interpreter options that have a value of their own.
WITH_VALUE = frozenset(["-W", "-X", "--check-hash-based-pycs"])


def begin() -> None:
    """Profile this process, which was started by a followed one, from here on. For ``sitecustomize``."""
    code, module = what_runs(sys.orig_argv)
    if module in PROFILERS or "from multiprocessing.resource_tracker import main" in code:
        return
    from pikos._follow import start

    options = parse(os.environ[VARIABLE])
    if "from multiprocessing.forkserver import main" not in code:
        start(options)
        return
    # It does nothing by itself: its children are those that the program has started.
    server = os.getpid()

    def begin_in_child() -> None:
        if os.getppid() == server:
            # The program comes first, as in `sitecustomize`.
            with suppress(Exception):
                start(options)

    os.register_at_fork(after_in_child=begin_in_child)


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


def parse(text: str) -> dict[str, str]:
    """The options in the variable's value."""
    fields = (field.partition("=") for field in text.split(";")[1:])
    return {name: value.replace("%3B", ";").replace("%25", "%") for name, _, value in fields}
