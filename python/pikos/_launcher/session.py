"""A profiled run: what it covers, and where its profile goes at the end."""

import os
import sys
from _thread import get_ident
from sys import getprofile

from pikos._launcher.request import NOTHING, SUMMARY, TABLE
from pikos._launcher.run import Run, say, show
from pikos._lsprof import _recorded_as
from pikos.cprofile.profile import write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from pikos._launcher.recorder import Recorder
    from pikos._launcher.request import Request
    from pikos.cprofile.profile import Profile
    from pikos.sampling.sampler import Sampler

#: How often what is in the way of saving may come in between: each Ctrl-C does.
MOST_INTERRUPTIONS = 20
#: The ordinary hook before 3.12.
SET_PROFILE = "set_profile"
#: How many names are tried in a folder for temporary files.
MOST_NAMES = 20


class Session(Run):
    """A profiled run."""

    def __init__(self, profile: "Recorder", request: "Request") -> None:
        super().__init__(request.outfile)
        self.profile = profile
        self.request = request
        #: Whether somebody reads what we have to say.
        self.speaks = True
        if request.shows == SUMMARY or request.opens:
            # Now: by the end the program may have changed where modules come from.
            from pikos._launcher import summary

            self.summary = summary
        #: Whether there is nothing to gain from writing again.
        self.is_written = False
        #: The thread that the program begins in.
        self.main_thread = get_ident()
        #: Where temporary files go, as the program finds it.
        self.temporary = [
            *(os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)),
            *("/tmp", "/var/tmp", "/usr/tmp"),
        ]

    def make_ready(self) -> None:
        """All that takes time, before the program begins."""

    def begin(self, _code: object) -> None:
        """The program begins."""
        try:
            self.profile.enable()
        except (ValueError, RuntimeError) as error:
            say(f"pikos: {error}; the program runs unprofiled\n")
            self.saved = True

    def begin_paused(self, _code: object) -> None:
        """The program begins: publish, and record nothing before a subscriber asks for it."""
        problem = self.profile._go_live()
        if problem is not None:
            say(f"pikos: the profile can't go live: {problem}\n")

    def go_on(self) -> "Callable[[], None]":
        """What makes it record again."""
        was_live, was_enabled = bool(self.profile.endpoints), self.profile._is_enabled

        def go_on() -> None:
            if was_live:
                self.profile._go_live()
            if was_enabled:
                self.profile.enable()

        return go_on

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
        self.say_what_is_missing()
        self.profile.disable()
        self.profile._end_live(*self.ending)
        path = None if self.outfile is None else self.write(self.outfile)
        shows = self.request.shows if self.speaks else NOTHING
        if shows == TABLE:
            show(self.table(self.request.rows), "pikos", "the table")
        elif shows == SUMMARY:
            self.summary.say_summary(self.profile, path)
        if self.request.opens and path is not None and self.speaks:
            self.summary.open_page(path)

    def say_what_is_missing(self) -> None:
        """Say what of the run is not in the profile."""

    def table(self, rows: int | None = None) -> str:
        """What ``Profile.print_stats`` prints, without importing pstats; at most so many rows of it."""
        return self.profile._finished().strip_dirs().sort([str(self.request.sort)], False).report(top=rows)

    def write(self, path: str) -> str | None:
        """Write the file; where that fails, another one in a folder for temporary files; else a table. Returns the path of what was
        written."""
        problem = self.try_write(path)
        if problem is None:
            self.say_what_is_lost(path)
            return path
        stem = path.rpartition("/")[2] or "profile"
        fallback, second = "", problem
        for folder in self.temporary:
            # That folder is everybody's: what is there isn't ours, not even a link.
            for number in range(MOST_NAMES):
                name = f"pikos-{self.process}-{number}-{stem}" if number else f"pikos-{self.process}-{stem}"
                fallback = f"{folder}/{name}"
                self.is_written = False
                again = self.try_write(fallback, fresh=True)
                if again is None:
                    say(f"pikos: can't write {path}: {reason(problem)}; the profile is in {fallback}\n")
                    return fallback
                second = again
                if not isinstance(second, FileExistsError):
                    break
        say(
            f"pikos: can't write {path}: {reason(problem)}; nor {fallback}: {reason(second)}; here is its table:\n{self.table()}"
        )
        return None

    def say_what_is_lost(self, path: str) -> None:
        """A pstats file, which its name asks for, has no place for the stacks that were kept for those who watched."""
        # A summary is made of the stacks, and samples are stacks: nobody has asked for them in the file.
        if (
            self.profile.tree
            and self.speaks
            and self.request.shows != SUMMARY
            and not self.request.options.sample
            and _recorded_as(path, True) == "pstats"
        ):
            say(f"pikos: {path} is a pstats file, which can't hold full stacks: name it .pikos to keep them\n")

    def try_write(self, path: str, fresh: bool = False) -> OSError | None:
        """Why the profile couldn't be written there, or None. With ``fresh``, nothing may be there."""
        try:
            self.is_written = self.profile._save(path, fresh)
            if not self.is_written:
                # A device or a pipe can't be written to twice.
                self.is_written = True
                write_whole(path, self.profile._bytes_for(path))
        except OSError as error:
            return error
        return None


class CountingSession(Session):
    """The run of a profile that counts calls."""

    profile: "Profile"

    def make_ready(self) -> None:
        self.profile._calibrate()

    def covers_all_threads(self) -> bool:
        """Whether other threads' calls count."""
        chosen = self.profile.threads
        return sys.version_info >= (3, 12) if chosen is None else chosen

    def say_what_is_missing(self) -> None:
        """Before 3.12 a profile covers one thread, unless it is told otherwise, and a program's own profile function takes its place."""
        profile = self.profile
        if sys.version_info >= (3, 12) or not self.speaks:
            return
        if (
            profile._is_enabled
            and profile.hook[0] == SET_PROFILE
            and get_ident() == self.main_thread
            and getprofile() is not profile  # type: ignore[comparison-overlap]
        ):
            say(
                "pikos: the program set a profile function of its own (sys.setprofile), which took the place of ours: calls of "
                "the main thread after that are not in the profile\n"
            )
        if profile.threads is None and profile._threads_missed():
            say("pikos: other threads ran, and are not in the profile: add --threads to profile all of them\n")
        elif profile.threads and profile._threads_missed():
            say(
                "pikos: threads that C code made ran before they were seen; some of their calls are not in the profile\n"
            )

    def table(self, rows: int | None = None) -> str:
        """What ``Profile.print_stats`` prints, without importing pstats; at most so many rows of it."""
        table = super().table(rows)
        if not self.profile.compensate:
            return table
        seconds, share = self.profile.overhead()
        return f"{table}Recording took {seconds:.3f} seconds, {share:.0%} of the time measured; the table leaves it out.\n\n"


class SamplingSession(Session):
    """The run of a sampler."""

    profile: "Sampler"

    def covers_all_threads(self) -> bool:
        return True

    def say_what_is_missing(self) -> None:
        if not self.speaks:
            return
        status = self.profile._status()
        if status["why"]:
            say(f"pikos: {status['why']}, so each sample took the GIL: what holds it for long is seen late\n")
        if status["problem"]:
            say(f"pikos: sampling ended before the program did: {status['problem']}\n")


def reason(error: OSError) -> str:
    """What the system says."""
    return error.strerror or str(error)
