"""A profiled run: what it covers, and where its profile goes at the end."""

import os
import sys

from pikos._launcher.run import Run
from pikos._lsprof import _holds_stacks
from pikos.cprofile import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos.cprofile import Profile

#: How often what is in the way of saving may come in between: each Ctrl-C does.
MOST_INTERRUPTIONS = 20
#: How many names are tried in the folder for temporary files.
MOST_NAMES = 20


class Session(Run):
    """A profiled run."""

    def __init__(self, profile: "Profile", outfile: str | None, sort: str | int) -> None:
        super().__init__(outfile)
        self.profile = profile
        self.sort = sort
        #: Whether the table is printed where there is no file.
        self.prints = True
        #: Whether there is nothing to gain from writing again.
        self.is_written = False

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
        """Stop recording and write or print the result. Writes again what Ctrl-C, or a handler of the program's, kept from
        being written: the exception is raised after that."""
        self.is_written = False
        interruption: BaseException | None = None
        for _ in range(MOST_INTERRUPTIONS):
            try:
                self.finish()
                break
            except BaseException as error:
                interruption = error
                if self.outfile is None or self.is_written:
                    break
        if interruption is not None:
            raise interruption

    def finish(self) -> None:
        """The same, unless something comes in between."""
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
        self.is_written = False
        # Not before it is needed: a signal may have come in the middle of the program's own import of it.
        import tempfile

        stem = os.path.basename(path) or "profile"
        second: str | None = "File exists"
        # That folder is everybody's: what is there isn't ours, not even a link.
        for number in range(MOST_NAMES):
            name = f"pikos-{self.process}-{number}-{stem}" if number else f"pikos-{self.process}-{stem}"
            fallback = os.path.join(tempfile.gettempdir(), name)
            if not os.path.lexists(fallback):
                second = self.try_write(fallback, fresh=True)
                break
        if second is None:
            sys.stderr.write(f"pikos: can't write {path}: {problem}; the profile is in {fallback}\n")
            return
        sys.stderr.write(f"pikos: can't write {path}: {problem}; nor {fallback}: {second}; here is its table:\n")
        sys.stderr.write(self.table())

    def try_write(self, path: str, fresh: bool = False) -> str | None:
        """Why the profile couldn't be written there, or None. With ``fresh``, nothing may be there."""
        try:
            self.is_written = self.profile._save(path, fresh)
            if not self.is_written:
                # A device or a pipe can't be written to twice.
                self.is_written = True
                if self.profile.tree and _holds_stacks(path):
                    self.profile._finished().export(path)
                else:
                    write_whole(path, self.profile._pstats())
        except OSError as error:
            return error.strerror or str(error)
        return None
