"""The first that a Python process has of us which is to be recorded, while its interpreter starts: what it is to do.

Loads the profiler only if there is something to do: a process that runs a profiler by itself shall find its modules as yet unloaded.
"""

import os
import sys

from pikos._launcher import environment, interpreter

#: Modules that record profiles by themselves, and can't where another profiler does.
PROFILERS = frozenset(
    [
        "pikos",
        "pikos.cprofile",
        "pikos.runner",
        "pikos.sampling",
        "cProfile",
        "profile",
        "profiling.tracing",
        "profiling.sampling",
    ]
)


def begin() -> None:
    """Record this process from here on. For ``sitecustomize``."""
    texts = environment.announced()
    role = texts.pop("run", None)
    if role is None:
        follow(texts)
        return
    environment.forget()
    if role == "profile":
        profile(texts)
    else:
        from pikos.runner import begin_recording

        begin_recording(texts)


def profile(texts: dict[str, str]) -> None:
    """Profile the program that this process is about to run: the launcher's."""
    from pikos._launcher.request import Request
    from pikos._launcher.run import say
    from pikos._launcher.start import at_main, profiled

    request = Request.decoded(texts)
    session = profiled(request)
    if request.options.follow:
        from pikos._processes.family import lead

        lead(session, request.options)
    if not at_main(session, request):
        session.saved = True
        say("pikos: another tool evaluates this interpreter's frames (PEP 523); the program runs unprofiled\n")


def follow(texts: dict[str, str]) -> None:
    """Record this process, which was started by a followed one."""
    _, how, rest = interpreter.split(sys.orig_argv)
    code, module = (rest[0] if rest and how == flag else "" for flag in ("-c", "-m"))
    if module in PROFILERS or "from multiprocessing.resource_tracker import main" in code:
        return
    if "from multiprocessing.forkserver import main" not in code:
        begin_child(texts, at_main=True)
        return
    # It does nothing by itself: its children are those that the program has started.
    server = os.getpid()

    def begin_in_child() -> None:
        if os.getppid() == server:
            try:
                begin_child(texts, at_main=False)
            except (KeyboardInterrupt, SystemExit):
                raise
            except BaseException:
                # The program comes first, as in `sitecustomize`.
                pass

    os.register_at_fork(after_in_child=begin_in_child)


def begin_child(texts: dict[str, str], at_main: bool) -> None:
    """Record this process as its parent was. at_main: its program has yet to begin."""
    if "monitor" in texts:
        from pikos import runner

        runner.begin_child(texts, at_main)
        return
    from pikos._processes.family import start

    start(texts)
