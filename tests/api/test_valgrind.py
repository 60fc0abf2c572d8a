"""Under valgrind, which has no page of the kernel's code (vDSO) and no processor of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from running import PATIENCE, environment

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

PROGRAM = """
from pikos.cprofile import Profile
def work(n): return n and work(n - 1)
with Profile(OPTIONS) as profile:
    work(5)
print([entry.callcount for entry in profile.getstats() if entry.code is work.__code__])
"""


@pytest.mark.parametrize("options", ["", "live=True, threads=True"])
def test_a_profiled_program_runs(options: str) -> None:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        pytest.skip("NOT TESTED: valgrind is not here")
    program = PROGRAM.replace("OPTIONS", options)
    command = [valgrind, "--tool=none", "--quiet", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (0, "[6]\n"), done.stderr
