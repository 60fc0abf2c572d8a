"""A program that lives at the limit of its memory, and catches its MemoryErrors, lives on with us."""

from __future__ import annotations

import os
import pstats
import subprocess
import sys
from pathlib import Path

import pytest
from running import SUBJECT
from watching import PATIENCE, live_environment

pytestmark = [
    pytest.mark.any_release,
    pytest.mark.beyond_cprofile,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the address space"),
]

MB = 1 << 20

PROGRAM = """
import resource, sys

def block():
    return bytearray(50_000)

def fill():
    blocks = []
    try:
        while True:
            blocks.append(block())
    except MemoryError:
        return

if len(sys.argv) > 1:
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    limit = used + int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for _ in range(15):
    fill()
print("survived")
"""

#: As above, but the limit is there before us.
LIMITED = """
import os, resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=folder, env=live_environment(folder), capture_output=True, text=True, timeout=PATIENCE
    )


@pytest.mark.parametrize("options", [["--checkpoint", "0.1"], ["--live"], ["--live", "--tree", "--checkpoint", "0.1"]])
@pytest.mark.parametrize("room", [3, 12, 40])
def test_a_limit_that_comes_later(tmp_path: Path, options: list[str], room: int) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = run(tmp_path, "-m", SUBJECT, *options, "-o", "out.pstats", "program.py", str(room * MB))
    assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr
    assert set(done.stderr.splitlines()) <= {"pikos: no checkpoint: too little memory is left to write it (ulimit -v)"}
    rows = pstats.Stats(str(tmp_path / "out.pstats")).stats  # type: ignore[attr-defined]
    assert {label[2]: row[1] for label, row in rows.items()}["fill"] == 15
    assert [name for name in os.listdir(tmp_path) if name.endswith(".tmp")] == []


@pytest.mark.parametrize("options", [["--checkpoint", "0.1"], ["--live"]])
@pytest.mark.parametrize("room", [10, 25, 60])
def test_a_limit_from_the_beginning(tmp_path: Path, options: list[str], room: int) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "limited.py").write_text(LIMITED)
    # What the interpreter takes with us in it.
    with_us = "import pikos._lsprof; print(open('/proc/self/statm').read().split()[0])"
    used = int(run(tmp_path, "-c", with_us).stdout) * os.sysconf("SC_PAGE_SIZE")
    limit = str(used + room * MB)
    done = run(tmp_path, "limited.py", limit, "-m", SUBJECT, *options, "-o", "out.pstats", "program.py")
    assert (done.returncode, done.stdout) == (0, "survived\n"), done.stderr
    assert "memory allocation" not in done.stderr and "Traceback" not in done.stderr
