"""``--follow``: processes that a profiled one makes are profiled, too, each as itself.

Children of ``os.fork`` have the profile already: it begins anew in them. Other Python processes (``subprocess``,
``multiprocessing``'s spawn and forkserver, ``os.exec*``) are reached by their environment: PYTHONPATH leads their interpreter to
``_site/sitecustomize.py``, which calls ``_begin.begin``, and PIKOS_FOLLOW has the options::

    PIKOS_FOLLOW=TAG;pid=…;parent=…;interval=…;…         % and ; of a value are written as %25 and %3B
"""

from __future__ import annotations

import _thread
import os
import sys

from pikos import _exec
from pikos._begin import VARIABLE
from pikos._launcher import Session
from pikos._lsprof import _live_parent
from pikos.cprofile import Profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from optparse import Values
    from typing import Any

#: Seconds that SIGTERM may wait in a child: whoever sends it waits for that.
PATIENCE = 1

#: On the PYTHONPATH of children.
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_site")


class Family:
    """What is handed on from one process to the next."""

    def __init__(self, options: Mapping[str, str]) -> None:
        self.options = dict(options)

    def announce(self) -> None:
        """Let children know, in this process's environment."""
        mine = {**self.options, "pid": str(os.getpid())}
        os.environ[VARIABLE] = ";".join([tag(), *(f"{name}={escape(value)}" for name, value in mine.items())])
        path = os.environ.get("PYTHONPATH")
        if path is None or path.split(os.pathsep)[0] != FOLDER:
            os.environ["PYTHONPATH"] = FOLDER if not path else FOLDER + os.pathsep + path

    def outfile(self) -> str | None:
        """Where this process's profile belongs."""
        return with_pid(self.options["out"], os.getpid()) if "out" in self.options else None


def lead(session: Session, options: Values, arguments: Mapping[str, Any]) -> None:
    """``session`` is the first of a family. options: the launcher's; arguments: what its Profile was told about being live."""
    wanted: dict[str, str] = {}
    if arguments:
        wanted["interval"] = repr(arguments["interval"])
        if arguments["connect"]:
            # A bound endpoint is taken; where a subscriber binds, all can connect.
            wanted["endpoint"] = arguments["live"]
            if arguments["remote"]:
                wanted["remote"] = "1"
    for name in ("fast", "compensate", "tree", "paused"):
        if getattr(options, name):
            wanted[name] = "1"
    if options.threads is not None:
        wanted["threads"] = "1" if options.threads else "0"
    if session.outfile is not None:
        wanted["out"] = session.outfile
    join(session, Family(wanted))


def join(session: Session, family: Family) -> None:
    """From now on, this process's children are followed."""
    family.announce()

    def adopt() -> None:
        """In a forked child: the profile is its own from here on."""
        if sys._getframe(1).f_code.co_name == "_execute_child":
            # subprocess, with a preexec_fn: another program comes at once.
            return
        family.options["parent"] = str(session.process)
        session.process = os.getpid()
        session.saved = False
        session.saving = _thread.RLock()
        session.prints = False
        session.patience = PATIENCE
        session.outfile = family.outfile()
        if not session.profile.endpoints:
            session.profile.clear()
        if session.outfile is not None:
            session.catch_sigterm()
        family.announce()

    _exec.watch(session.before_exec)
    os.register_at_fork(after_in_child=adopt)


def start(options: dict[str, str]) -> None:
    """Begin, as a child of the process that these options are from."""
    pid = int(options.pop("pid"))
    if pid != os.getpid():
        options["parent"] = str(pid)
    # Else it was this very process that has replaced its program.
    if "parent" in options:
        _live_parent(int(options["parent"]))
    family = Family(options)
    is_live = "interval" in options
    profile = Profile(
        builtins="fast" not in options,
        hook="fast" if "fast" in options else None,
        threads=None if "threads" not in options else options["threads"] == "1",
        compensate="compensate" in options,
        tree="tree" in options,
        live=is_live and options.get("endpoint", True),
        interval=float(options.get("interval", 0.5)),
        connect="endpoint" in options,
        remote="remote" in options,
        follow=is_live,
    )
    session = Session(profile, family.outfile(), 0)
    session.prints = False
    session.patience = PATIENCE
    # A child that is to be ended by a signal (Pool.terminate) may be where no Python runs: only a file is worth the wait.
    session.guard(catches=session.outfile is not None)
    join(session, family)
    import atexit

    atexit.register(session.save)
    # Whether that can be or not: nobody here has asked for us, and nobody reads what we would say.
    problem = profile._go_live()
    if "paused" not in options and (session.outfile is not None or (is_live and problem is None)):
        profile.enable()


def tag() -> str:
    """What an interpreter must be to load our native module: as ``sitecustomize`` finds it."""
    kind = sys.implementation
    return "-".join([kind.cache_tag or "", getattr(sys, "abiflags", ""), getattr(kind, "_multiarch", "")])


def escape(value: str) -> str:
    return value.replace("%", "%25").replace(";", "%3B")


def with_pid(path: str, pid: int) -> str:
    """``out.pstats`` of process 7 is ``out-7.pstats``, as ``pikos record`` has it."""
    folder, name = os.path.split(path)
    stem, dot, rest = name[1:].partition(".")
    return os.path.join(folder, f"{name[:1]}{stem}-{pid}{dot}{rest}")
