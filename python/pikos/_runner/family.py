"""``pikos-run --follow``: Python processes that a recorded one makes are recorded, too, each for itself.

Forked children go on as new recordings of the same functions. Others are reached as those of ``_processes.family`` are: ``_begin`` finds in
their environment what was asked for, the file, and when the first of the family began, so that all of them have one clock.
"""

from __future__ import annotations

import atexit
import os
import sys
from os import getpid
from time import monotonic

from pikos._launcher.environment import announce, with_pid
from pikos._lsprof import _quiet, _record_clock
from pikos._runner.recording import Recording, prepare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from pikos.objects._run import Counting

#: Between the arguments that one process hands to the next.
SEPARATOR = "\x1f"

#: Seconds that SIGTERM may wait in a child: whoever sends it waits for that.
PATIENCE = 1


def prepared(argv: list[str]) -> Recording | Counting:
    """What is to be recorded; its children, too, if that was asked for."""
    recording = prepare(argv)
    if isinstance(recording, Recording) and recording.options.follow:
        lead(recording, SEPARATOR.join(argv))
    return recording


def lead(recording: Recording, words: str) -> None:
    """This process's children are followed, from now on. words: what the command was asked for."""
    out = recording.outfile if recording.options.recording != "zmq" else None
    join(recording, {"monitor": words, "out": out or "", "began": repr(monotonic() - _record_clock())})


def join(recording: Recording, texts: dict[str, str]) -> None:
    """The same, in each process of the family, as soon as it records."""

    def adopt() -> None:
        """In a forked child: from here on, it is recorded for itself."""
        if sys._getframe(1).f_code.co_name == "_execute_child" or recording.monitor is None or recording.saved:
            # subprocess, with a preexec_fn: another program comes at once. Else nothing was recorded when it was forked.
            return
        recording.begin_anew(outfile(texts), PATIENCE)
        atexit.register(_quiet(recording.save))

    def begin() -> None:
        announce(texts)
        # Behind the handler that switches a child's monitors off, which is there now.
        os.register_at_fork(after_in_child=adopt)

    recording.when_begun = begin


def outfile(texts: Mapping[str, str]) -> str | None:
    """Where this process's records belong."""
    return with_pid(texts["out"], getpid()) if texts["out"] else None


def start(texts: Mapping[str, str], at_main: bool) -> None:
    """Begin, in a process that was started by one that has announced these: when its program begins, or now."""
    _record_clock(max(monotonic() - float(texts["began"]), 0.0))
    recording = prepare(texts["monitor"].split(SEPARATOR), child_out=outfile(texts) or "")
    if not isinstance(recording, Recording):
        return
    recording.patience = PATIENCE
    join(recording, dict(texts))
    if not at_main:
        recording.begin(start.__code__)
    elif not recording.wait():
        return
    atexit.register(_quiet(recording.save))
