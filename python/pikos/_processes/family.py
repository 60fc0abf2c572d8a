"""``--follow``: processes that a profiled one makes are profiled, too, each as itself.

Children of ``os.fork`` have the profile already: it begins anew in them. Other Python processes (``subprocess``,
``multiprocessing``'s spawn and forkserver, ``os.exec*``) are reached by their environment: PYTHONPATH leads their interpreter to
``_begin/_site/sitecustomize.py``, which calls ``_begin.begin``, and PIKOS_FOLLOW has the options (``_launcher.environment``): those of
``pikos._options``, and ``pid``, ``parent`` and ``out``, the family's own.
"""

import _thread
import atexit
import os
import sys
from os import getpid

from pikos._launcher.environment import announce, with_pid
from pikos._launcher.request import Request
from pikos._launcher.session import Session
from pikos._launcher.start import session_of
from pikos._lsprof import _live_parent, _quiet
from pikos._options import Options

#: Seconds that SIGTERM may wait in a child: whoever sends it waits for that.
PATIENCE = 1


class Family:
    """What is handed on from one process to the next: options, the launcher's file, and who was the parent."""

    def __init__(self, options: Options, out: str | None, parent: int | None = None) -> None:
        self.options = options
        self.out = out
        self.parent = parent

    def announce(self) -> None:
        """Let children know."""
        own = {"pid": str(getpid())}
        if self.parent is not None:
            own["parent"] = str(self.parent)
        if self.out is not None:
            own["out"] = self.out
        announce({**self.options.encoded(), **own})

    def outfile(self) -> str | None:
        """Where this process's profile belongs."""
        return None if self.out is None else with_pid(self.out, getpid())


def lead(session: Session, options: Options) -> None:
    """``session``, which was asked for these options, is the first of a family."""
    join(session, Family(options.for_children(), session.outfile))


def join(session: Session, family: Family) -> None:
    """From now on, this process's children are followed."""
    family.announce()

    def adopt() -> None:
        """In a forked child: the profile is its own from here on."""
        if sys._getframe(1).f_code.co_name == "_execute_child":
            # subprocess, with a preexec_fn: another program comes at once.
            return
        family.parent = session.process
        session.process = getpid()
        session.saved = False
        session.saving = _thread.RLock()
        session.speaks = False
        session.patience = PATIENCE
        session.outfile = family.outfile()
        if not session.profile.endpoints:
            session.profile.clear()
        if session.outfile is not None:
            session.catch_sigterm()
        family.announce()

    os.register_at_fork(after_in_child=adopt)


def start(texts: dict[str, str]) -> None:
    """Begin, as a child of the process that has announced these."""
    pid = int(texts["pid"])
    # Else it was this very process that has replaced its program.
    parent = pid if pid != getpid() else int(texts["parent"]) if "parent" in texts else None
    if parent is not None:
        _live_parent(parent)
    options = Options.decoded(texts)
    family = Family(options, texts.get("out"), parent)
    session = session_of(Request(options, family.outfile(), 0, False))
    profile = session.profile
    session.speaks = False
    session.patience = PATIENCE
    # A child that is to be ended by a signal (Pool.terminate) may be where no Python runs: only a file is worth the wait.
    session.guard(catches=session.outfile is not None)
    join(session, family)
    atexit.register(_quiet(session.save))
    # Whether that can be or not: nobody here has asked for us, and nobody reads what we would say.
    problem = profile._go_live()
    is_live = options.live is not False and problem is None
    if not options.paused and (session.outfile is not None or is_live):
        profile.enable()
