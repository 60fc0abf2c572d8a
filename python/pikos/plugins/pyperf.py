"""Profiles benchmarks of pyperf: ``python bench.py --hook=pikos``. pyperf finds this by itself.

Each of its worker processes writes a profile into the current folder, or into that of ``PIKOS_PYPERF_DIR``, which pyperf hands on with
``--inherit-environ PIKOS_PYPERF_DIR``: ``pikos merge pikos-*.pikos -o all.pikos`` adds them up. Times of a benchmark that is profiled
aren't those of one that isn't; what the hook is for are calls, and where the time goes.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from pikos.cprofile import Profile

if TYPE_CHECKING:
    from types import TracebackType

#: Names a folder.
VARIABLE = "PIKOS_PYPERF_DIR"


class Hook:
    """As pyperf has it: entered around benchmarking code, any number of times; torn down at the end of a process."""

    def __init__(self) -> None:
        self.folder = os.environ.get(VARIABLE) or os.curdir
        if not os.path.isdir(self.folder):
            raise _error(f"{VARIABLE}={self.folder}: there is no such folder")
        self.profile = Profile(threads=True, tree=True)
        self.problem = ""

    def __enter__(self) -> None:
        try:
            self.profile.enable()
        except ValueError as error:
            # Another profiler is at work. The benchmark goes on.
            self.problem = str(error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.profile.disable()

    def teardown(self, metadata: dict[str, object]) -> None:
        """Write the profile, and note in the benchmark's metadata where it is."""
        name = str(metadata.get("name") or "benchmark")
        told = "".join(each if each.isalnum() or each in "-_" else "-" for each in name)[:80]
        path = os.path.join(self.folder, f"pikos-{told}-{os.getpid()}.pikos")
        try:
            if self.problem:
                raise OSError(0, self.problem)
            self.profile.dump_stats(path)
        except OSError as error:
            print(f"pikos: no profile of {name}: {error.strerror or error}", file=sys.stderr)
        else:
            metadata["pikos_profile"] = os.path.abspath(path)


def _error(sentence: str) -> Exception:
    from pyperf._hooks import HookError

    # What pyperf tells without a traceback.
    error: Exception = HookError(sentence)
    return error
