"""A program that lives at the limit of its memory, and catches its MemoryErrors, lives on with us."""

from __future__ import annotations

import os
import pstats
import subprocess
import sys
from pathlib import Path

import msgpack
import pytest
import zmq
from running import SUBJECT
from watching import PATIENCE, endpoint, live_environment, started

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


#: Stays at the limit for a moment each time, until told to end.
WATCHED = """
import resource, select, sys, time

def fill():
    blocks = []
    for size in (50_000, 2_000, 200):
        try:
            while True:
                blocks.append(bytearray(size))
        except MemoryError:
            pass
    time.sleep(0.02)

print("begun", flush=True)
input()
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
limit = used + (3 << 20)
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
while not select.select([sys.stdin], [], [], 0)[0]:
    fill()
print("survived")
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
    told = [line for line in done.stderr.splitlines() if "can't hold full stacks" not in line]
    assert set(told) <= {"pikos: no checkpoint: too little memory is left to write it (ulimit -v)"}
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


def test_subscribers_come_and_go_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(WATCHED)
    command = ["-m", SUBJECT, "--live", "-o", "out.pstats", "program.py"]
    with started(tmp_path, command) as process, zmq.Context() as context:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        messages = endpoint(tmp_path, process.pid)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
        held: list[zmq.Socket[bytes]] = []
        replies = 0
        for _ in range(150):
            subscriber = context.socket(zmq.SUB)
            subscriber.connect(messages)
            subscriber.subscribe(b"")
            asker = context.socket(zmq.REQ)
            asker.connect(messages.removesuffix(".pub") + ".ctl")
            asker.send(msgpack.packb({"v": 1, "do": "status"}))
            replies += bool(asker.poll(int(PATIENCE * 1000)))
            asker.close(linger=0)
            held.append(subscriber)
            if len(held) > 8:
                held.pop(0).close(linger=0)
            assert process.poll() is None, "it died"
        for subscriber in held:
            subscriber.close(linger=0)
        out, err = process.communicate("\n", timeout=PATIENCE)
        assert (process.returncode, out, err) == (0, "survived\n", "")
        assert replies == 150
    rows = pstats.Stats(str(tmp_path / "out.pstats")).stats  # type: ignore[attr-defined]
    assert {label[2]: row[1] for label, row in rows.items()}["fill"] > 1
