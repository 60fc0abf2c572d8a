"""One run of a program under us: what it has recorded is saved once, whichever way the program ends."""

# The native half of `signal`, whose enums take longer to make than all else here.
import _signal as signal  # type: ignore[import-not-found]
import _thread
import os
import sys

from pikos._lsprof import _keep_signal_to_this_process, _signal_seen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn


class Run:
    """One run of a program under us: it is completed once, however it ends, in the process that began it."""

    def __init__(self, outfile: str | None) -> None:
        self.outfile = outfile
        self.process = os.getpid()
        self.saved = False
        #: Held by the thread that saves.
        self.saving = _thread.RLock()
        #: Seconds that SIGTERM may wait for a main thread that is in a call of C; then the result is lost, not the signal.
        self.patience = 10
        #: While it is being saved: the signal that came in the middle of that, or 0.
        self.deferred: int | None = None
        #: How the program ended, for those who watch it live: a word, and a name.
        self.ending = ("normal", "")

    def covers_all_threads(self) -> bool:
        """Whether other threads count."""
        raise NotImplementedError

    def complete(self) -> None:
        """Stop recording and write the result."""
        raise NotImplementedError

    def save(self) -> None:
        """Complete the run, once. A forked child leaves that to its parent.

        Another thread that leaves meanwhile waits. This thread may come here again, from a handler of the program's that leaves:
        then the run is completed there.
        """
        if self.saved or os.getpid() != self.process or not self.saving.acquire(timeout=self.patience):
            return
        try:
            if self.saved:
                return
            self.deferred = 0
            try:
                self.complete()
            finally:
                self.saved = True
                came, self.deferred = self.deferred, None
                if came:
                    self.on_signal(came, None)
        finally:
            self.saving.release()

    def guard(self, catches: bool = True) -> None:
        """See to it that the run is saved on the ways out that run no ``finally``. catches: also where SIGTERM leads."""
        leave = os._exit

        def _exit(status: int) -> "NoReturn":
            """Exit to the system with specified status, without normal exit processing."""
            self.ending = ("exit", "")
            try:
                self.save()
            finally:
                leave(status)

        os._exit = _exit
        if catches:
            self.catch_sigterm()

    def catch_sigterm(self) -> None:
        """Save before the signal's default action ends the process."""
        if signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            handler = self.on_signal
            signal.signal(signal.SIGTERM, handler)
            _keep_signal_to_this_process(signal.SIGTERM, self.patience)

            def restore() -> None:
                """What the child does on the signal is the program's business: let it find what it expects."""
                if signal.getsignal(signal.SIGTERM) == handler:
                    signal.signal(signal.SIGTERM, signal.SIG_DFL)

            os.register_at_fork(after_in_child=restore)

    def on_signal(self, number: int, frame: "FrameType | None") -> None:
        """Save, then die of the signal as the program would have without us."""
        _signal_seen()
        if self.deferred is not None:
            self.deferred = number
            return
        self.ending = ("signal", "SIGTERM")
        try:
            self.save()
        finally:
            # Not before: the next one would come in the middle.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def end(self) -> None:
        """The main program is over. Other threads that are still at work are waited for first, as always."""
        if self.covers_all_threads() and other_threads_alive():
            import atexit

            # Last in, first out: before the program's own handlers, after its threads.
            atexit.register(self.save)
        else:
            self.save()


def other_threads_alive() -> bool:
    """Whether threads are running that the interpreter waits for at its end."""
    threading = sys.modules.get("threading")
    if threading is None:
        return False
    main_thread = threading.main_thread()
    return any(t.is_alive() and not t.daemon and t is not main_thread for t in threading.enumerate())
