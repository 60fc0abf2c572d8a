"""One run of a program under us: what it has recorded is saved once, whichever way the program ends.

All that is needed at the end is at hand from the beginning, under names of our own: by then the program may have replaced
modules, functions of ``os`` and its standard streams.
"""

import _thread
import atexit
import sys
from _io import TextIOWrapper
from os import getpid, write

from pikos._lsprof import (
    _before_exec,
    _before_exit,
    _before_sigterm,
    _die_of_sigterm,
    _let_sigterm_go,
    _quiet,
    _sigterm_seen,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Run:
    """One run of a program under us: it is completed once, however it ends, in the process that began it."""

    def __init__(self, outfile: str | None) -> None:
        self.outfile = outfile
        self.process = getpid()
        self.saved = False
        #: Held by the thread that saves.
        self.saving = _thread.RLock()
        #: Seconds that SIGTERM may wait for a main thread that is in a call of C; then the result is lost, not the signal.
        self.patience = 10
        #: Whether it is saved before SIGTERM ends the process.
        self.catches = False
        #: While it is being saved: whether SIGTERM came in the middle of that.
        self.deferred: bool | None = None
        #: How the program ended, for those who watch it live: a word, and a name.
        self.ending = ("normal", "")

    def covers_all_threads(self) -> bool:
        """Whether other threads count."""
        raise NotImplementedError

    def complete(self) -> None:
        """Stop recording and write the result."""
        raise NotImplementedError

    def go_on(self) -> "Callable[[], None]":
        """What makes it record again, as it does now, after it was completed."""
        raise NotImplementedError

    def save(self) -> None:
        """Complete the run, once. A forked child leaves that to its parent.

        Another thread that leaves meanwhile waits. This thread may come here again, from a handler of the program's that leaves:
        then the run is completed there.
        """
        if self.saved or getpid() != self.process or not self.saving.acquire(timeout=self.patience):
            return
        try:
            if self.saved:
                return
            self.deferred = False
            try:
                self.complete()
            finally:
                self.saved = True
                came, self.deferred = self.deferred, None
                if came:
                    self.on_sigterm()
                # There is nothing to wait for any more; and at its end the interpreter forgets who handles what.
                _let_sigterm_go()
        finally:
            self.saving.release()

    def guard(self, catches: bool = True) -> None:
        """See to it that the run is saved on the ways out that run no ``finally``. catches: also where SIGTERM leads."""
        self.catches = catches
        _before_exit(self.on_exit)
        _before_exec(self.on_exec)
        if catches:
            self.catch_sigterm()

    def catch_sigterm(self) -> None:
        """Save before the signal's default action ends the process."""
        _before_sigterm(_quiet(self.on_sigterm), self.patience)

    def on_exit(self) -> None:
        """``os._exit`` ends the process."""
        self.ending = ("exit", "")
        self.save()

    def on_exec(self) -> "Callable[[], None]":
        """The program is about to be replaced. Returns what is to be done if that fails."""
        if self.saved or getpid() != self.process:
            return nothing
        go_on = self.go_on()
        self.ending = ("exec", "")
        self.save()

        def undo() -> None:
            self.ending = ("normal", "")
            self.saved = False
            if self.catches:
                self.catch_sigterm()
            go_on()

        return undo

    def on_sigterm(self) -> None:
        """Save, then die of the signal as the program would have without us."""
        _sigterm_seen()
        if self.deferred is not None:
            self.deferred = True
            return
        self.ending = ("signal", "SIGTERM")
        try:
            self.save()
        finally:
            # Not before: the next one would come in the middle.
            _die_of_sigterm()

    def end(self, raised: str | None = None) -> None:
        """The main program is over, by the exception of that name. Other threads that are still at work are waited for first, as
        always."""
        if raised is not None:
            self.ending = ("exception", raised)
        if self.covers_all_threads() and other_threads_alive():
            # Last in, first out: before the program's own handlers, after its threads.
            atexit.register(_quiet(self.save))
        else:
            self.save()


def nothing() -> None:
    """There is nothing to be done."""


def other_threads_alive() -> bool:
    """Whether threads are running that the interpreter waits for at its end. It asks this very module, whoever's that is."""
    threading = sys.modules.get("threading")
    try:
        main_thread = threading.main_thread()  # type: ignore[union-attr]
        return any(t.is_alive() and not t.daemon and t is not main_thread for t in threading.enumerate())  # type: ignore[union-attr]
    except Exception:
        return False


def say(text: str) -> None:
    """A line on standard error, whatever the program has made of ``sys.stderr``."""
    data = text.encode("utf-8", "backslashreplace")
    try:
        while data:
            data = data[write(2, data) :]
    except OSError:
        # There is none.
        pass


def show(text: str, command: str, what: str) -> None:
    """Print a table on the program's standard output; where that fails, on standard error. A reader who has left needs none."""
    stream = sys.stdout
    if stream is None:
        return
    problem: object
    try:
        if type(stream) is TextIOWrapper:
            stream.flush()
            # Not through its buffer: what a full disk doesn't take would stay there, and the interpreter's end fail by it.
            # A name that this output can't show must not cost the table.
            data = text.encode(stream.encoding or "utf-8", "backslashreplace")
            while data:
                data = data[write(stream.fileno(), data) :]
        else:
            stream.write(text)
            stream.flush()
        return
    except BrokenPipeError:
        return
    except OSError as error:
        problem = error.strerror or error
    except Exception as error:
        problem = error
    say(f"{command}: can't print {what} on standard output: {problem}; here it is:\n{text}")
