"""A profiled run: what it covers, and where its profile goes at the end."""

from __future__ import annotations

import os
import sys

from pikos._launcher.run import Run
from pikos._lsprof import _holds_stacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos.cprofile import Profile


class Session(Run):
    """A profiled run."""

    def __init__(self, profile: Profile, outfile: str | None, sort: str | int) -> None:
        super().__init__(outfile)
        self.profile = profile
        self.sort = sort
        #: Whether the table is printed where there is no file.
        self.prints = True

    def go_live(self) -> None:
        """Publish, and record nothing before a subscriber asks for it."""
        problem = self.profile._go_live()
        if problem is not None:
            sys.stderr.write(f"pikos: the profile can't go live: {problem}\n")

    def covers_all_threads(self) -> bool:
        """Whether other threads' calls count."""
        chosen = self.profile.threads
        return sys.version_info >= (3, 12) if chosen is None else chosen

    def complete(self) -> None:
        """Stop recording and write or print the result."""
        self.profile.disable()
        self.profile._end_live(*self.ending)
        if self.outfile is not None:
            self.write(self.outfile)
        elif self.prints:
            self.print_table()

    def print_table(self) -> None:
        """The table, on standard output, if there is still somebody to read it."""
        try:
            sys.stdout.write(self.table())
            if self.profile.compensate:
                seconds, share = self.profile.overhead()
                print(
                    f"Recording took {seconds:.3f} seconds, {share:.0%} of the time measured; the table leaves it out.\n"
                )
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has left (`| head`). Keep the interpreter from complaining about it at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def table(self) -> str:
        """What ``Profile.print_stats`` prints, without importing pstats."""
        finished = self.profile._finished().strip_dirs()
        text = finished.sort([str(self.sort)], False).report()
        # A name that this output can't show must not cost the table.
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def write(self, path: str) -> None:
        """Write the file; where that fails, another one in the folder for temporary files; else a table."""
        problem = self.try_write(path)
        if problem is None:
            return
        # Not before it is needed: a signal may have come in the middle of the program's own import of it.
        import tempfile

        stem = os.path.basename(path) or "profile"
        fallback = os.path.join(tempfile.gettempdir(), f"pikos-{self.process}-{stem}")
        second = self.try_write(fallback)
        if second is None:
            sys.stderr.write(f"pikos: can't write {path}: {problem}; the profile is in {fallback}\n")
            return
        sys.stderr.write(f"pikos: can't write {path}: {problem}; nor {fallback}: {second}; here is its table:\n")
        sys.stderr.write(self.table())

    def try_write(self, path: str) -> str | None:
        """Why the profile couldn't be written there, or None."""
        try:
            if self.profile.tree and _holds_stacks(path):
                self.profile._finished().export(path)
            else:
                with open(path, "wb") as stream:
                    stream.write(self.profile._pstats())
        except OSError as error:
            return error.strerror or str(error)
        return None
