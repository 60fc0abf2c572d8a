"""The profilers that the benchmarks compare: how each is made, and why one can't run here.

Each is made anew for each run; making it isn't timed, starting and stopping it is. None writes a report.
"""

from __future__ import annotations

import cProfile
import inspect
import select
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pikos.cprofile import Profile


class Session(Protocol):
    """One profile, from start to stop."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def discard(self) -> None:
        """Forgets what was recorded, so that the next run begins with as much memory."""


@dataclass(frozen=True)
class Profiler:
    name: str
    what: str
    make: Callable[[], Session]
    #: None, or why it can't run here; asked in a process of its own.
    missing: Callable[[], str | None] = lambda: None
    #: Another project's, shown for comparison: fewer rounds are enough.
    peer: bool = False
    #: Whether `--quick` runs it.
    quick: bool = True


class Plain:
    """Nothing."""

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def discard(self) -> None:
        pass


class CProfileLike:
    """cProfile's interface, which is ours, too."""

    def __init__(self, profile: cProfile.Profile | Profile) -> None:
        self.start = profile.enable
        self.stop = profile.disable

    def discard(self) -> None:
        del self.start, self.stop


class CProfilePythonOnly:
    def __init__(self) -> None:
        self.profile = cProfile.Profile()

    def start(self) -> None:
        # From 3.14 on enable() forgets what the constructor was told.
        self.profile.enable(builtins=False)

    def stop(self) -> None:
        self.profile.disable()

    def discard(self) -> None:
        del self.profile


class Live:
    """Published ten times a second, with somebody listening in another process."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        endpoint = f"ipc://{self.folder.name}/socket"
        self.profile = Profile(live=endpoint, interval=0.1)
        # The stream begins with the first enable(), and goes on while the profile is disabled.
        self.profile.enable()
        self.profile.disable()
        listener = Path(__file__).with_name("listener.py")
        command = [sys.executable, listener, endpoint]
        self.listener = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.listener.stdout is not None
        if not select.select([self.listener.stdout], [], [], 20)[0] or not self.listener.stdout.readline():
            self.listener.kill()
            raise RuntimeError("the listener has heard nothing")

    def start(self) -> None:
        self.profile.enable()

    def stop(self) -> None:
        self.profile.disable()

    def discard(self) -> None:
        self.listener.communicate()  # closes its input, so it ends
        del self.profile
        self.folder.cleanup()


class Yappi:
    def __init__(self) -> None:
        import yappi

        self.yappi = yappi
        yappi.set_clock_type("wall")

    def start(self) -> None:
        self.yappi.start(builtins=True)

    def stop(self) -> None:
        self.yappi.stop()

    def discard(self) -> None:
        self.yappi.clear_stats()


class VizTracer:
    def __init__(self) -> None:
        import viztracer

        # Its buffer is circular; this is its default size.
        self.tracer = viztracer.VizTracer(verbose=0, tracer_entries=1_000_000)

    def start(self) -> None:
        self.tracer.start()

    def stop(self) -> None:
        self.tracer.stop()

    def discard(self) -> None:
        self.tracer.clear()
        self.tracer.terminate()


def without_frame_evaluation() -> str | None:
    hook, reason = Profile(builtins=False, hook="frame-eval").hook
    return None if hook == "frame-eval" else f"steps aside for {hook}: {reason}"


def fast_hook() -> tuple[str, str]:
    """The hook that `hook="fast"` takes here, and why."""
    hook, reason = Profile(builtins=False, hook="fast").hook
    return hook, reason


def not_importable(module: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        try:
            __import__(module)
        except Exception as error:  # a foreign extension may fail in any way
            return f"{type(error).__name__}: {error}"
        return None

    return missing


def without_live() -> str | None:
    if "live" not in inspect.signature(Profile.__init__).parameters:
        return "Profile() has no live= here"
    return not_importable("zmq")()


PLAIN = "plain"
CPROFILE = "cProfile"
CPROFILE_PYTHON = "cProfile python"
PIKOS = "pikos"
PIKOS_PYTHON = "pikos python"
PIKOS_FRAMES = "pikos frames"
PIKOS_LIVE = "pikos live"
PIKOS_SAMPLED = "pikos sampled"
PIKOS_DISTRIBUTION = "pikos distribution"
PIKOS_CPU = "pikos cpu"

PROFILERS = (
    Profiler(PLAIN, "no profiler", Plain),
    Profiler(CPROFILE, "cProfile.Profile()", lambda: CProfileLike(cProfile.Profile())),
    Profiler(PIKOS, "Profile()", lambda: CProfileLike(Profile())),
    Profiler(
        PIKOS_LIVE,
        "Profile(live=…, interval=0.1), somebody listening",
        Live,
        without_live,
    ),
    Profiler(PIKOS_SAMPLED, 'Profile(times="sampled")', lambda: CProfileLike(Profile(times="sampled"))),
    Profiler(
        PIKOS_DISTRIBUTION,
        "Profile(distribution=True)",
        lambda: CProfileLike(Profile(distribution=True)),
        quick=False,
    ),
    Profiler(PIKOS_CPU, "Profile(cpu=True)", lambda: CProfileLike(Profile(cpu=True)), quick=False),
    Profiler(CPROFILE_PYTHON, "cProfile.Profile(builtins=False)", CProfilePythonOnly, quick=False),
    Profiler(PIKOS_PYTHON, "Profile(builtins=False)", lambda: CProfileLike(Profile(builtins=False))),
    Profiler(
        PIKOS_FRAMES,
        'Profile(builtins=False, hook="frame-eval")',
        lambda: CProfileLike(Profile(builtins=False, hook="frame-eval")),
        without_frame_evaluation,
    ),
    Profiler("yappi", "yappi, wall clock", Yappi, not_importable("yappi"), peer=True, quick=False),
    Profiler("viztracer", "VizTracer()", VizTracer, not_importable("viztracer"), peer=True, quick=False),
)


def profiler(name: str) -> Profiler:
    """The one of that name; KeyError if there is none."""
    return {known.name: known for known in PROFILERS}[name]
