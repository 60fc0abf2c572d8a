"""Throws faults at profiled programs, and counts what is lost that should not be.

    python scripts/storm.py --minutes 2 --seed 7

Each round runs a program of one kind under ``python -m pikos.cprofile`` and does something to it at a random moment. What is promised
is checked: the exit is that of a plain run, no file is unreadable, nothing is lost beyond the promise, nothing hangs. A round is known by its seed: a
fault prints the command that runs that round again. Exit code 1 if there was one.
"""

from __future__ import annotations

import argparse
import errno
import marshal
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import zmq  # type: ignore[import-not-found, unused-ignore]  # of tests/requirements.txt

#: A process hangs if it got no CPU time for so many seconds, or has used more than that; the launcher's own patience is ten.
PATIENCE = 90.0
#: Functions of the large profiles.
MANY = 60_000

LARGE = f"""
import sys, time
for n in range({MANY}):
    exec(f"def f{{n}}(): pass")
functions = [value for name, value in list(globals().items()) if name[0] == "f" and name[1:].isdigit()]
for function in functions: function()
print("ready", flush=True)
while True:
    for function in functions[:1000]: function()
    time.sleep(0.001)
"""

SMALL = """
import os, sys, time
def work(n): return n and work(n - 1)
print("ready", flush=True)
end = time.monotonic() + float(sys.argv[1])
count = 0
while time.monotonic() < end:
    work(5); count += 1
print(count, flush=True)
"""

MEMORY = """
import resource, sys
def fill():
    blocks = []
    try:
        while True: blocks.append(bytearray(50_000))
    except MemoryError: pass
limit = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize() + int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
for _ in range(15): fill()
print("survived")
"""

FORKS = """
import os, random, sys, threading, time
random.seed(int(sys.argv[1]))
def childs(): return len("c")
def fork():
    for _ in range(3):
        pid = os.fork()
        if pid == 0:
            for _ in range(10): childs()
            os._exit(0)
        os.waitpid(pid, 0)
        time.sleep(random.random() / 100)
threads = [threading.Thread(target=fork) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("forked", flush=True)
"""

THREADS_OF_C = """
import ctypes, sys
libc = ctypes.CDLL(None)
counted = 0
@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
def body(_):
    for _ in range(20): work()
    return None
def work():
    global counted
    counted += 1
for _ in range(10):
    thread = ctypes.c_ulong()
    assert libc.pthread_create(ctypes.byref(thread), None, body, None) == 0
    libc.pthread_join(thread, None)
print(counted, flush=True)
"""

GREENLETS = """
import random, sys
import greenlet
random.seed(int(sys.argv[1]))
counted = 0
def leaf():
    global counted
    counted += 1
def down(depth):
    leaf()
    if random.random() < 0.4: switch()
    if depth: down(depth - 1)
def switch():
    alive[:] = [other for other in alive if not other.dead]
    if alive: random.choice(alive).switch()
alive = [greenlet.greenlet(lambda: down(8)) for _ in range(20)]
for _ in range(500):
    alive[:] = [other for other in alive if not other.dead]
    if not alive: break
    random.choice(alive).switch()
print(counted, flush=True)
"""


class Fault(Exception):
    """What was promised, and isn't so."""


class Round:
    """One program, in a folder of its own."""

    def __init__(self, folder: Path, dice: random.Random) -> None:
        self.folder = folder
        self.dice = dice
        self.out = folder / "out.pstats"

    def start(self, program: str, options: list[str], *arguments: str) -> subprocess.Popen[str]:
        (self.folder / "program.py").write_text(textwrap.dedent(program))
        return subprocess.Popen(
            [sys.executable, "-m", "pikos.cprofile", "-o", str(self.out), *options, "program.py", *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(self.folder), "PYTHONWARNINGS": "ignore"},
        )

    def end(self, process: subprocess.Popen[str]) -> tuple[int, str, str]:
        before = -1.0
        while True:
            try:
                out, err = process.communicate(timeout=PATIENCE)
                break
            except subprocess.TimeoutExpired:
                # A busy machine may just not have come to it.
                if (now := cpu_time(process.pid)) == before or now > PATIENCE:
                    where = threads_of(process.pid)
                    process.kill()
                    raise Fault(f"it hung: {where}") from None
                before = now
        if "internal error" in err or "panicked" in err:
            raise Fault(err)
        return process.returncode, out, err

    def plain(self, program: str, *arguments: str) -> tuple[int, str]:
        (self.folder / "program.py").write_text(textwrap.dedent(program))
        done = subprocess.run(
            [sys.executable, "program.py", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout


def cpu_time(pid: int) -> float:
    """Seconds that a process had on a CPU so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def threads_of(pid: int) -> str:
    """What each thread of a process waits for in the system."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return ", ".join(
        f"{(task / 'comm').read_text().strip()} in {(task / 'wchan').read_text() or '?'}" for task in tasks
    )


def calls(path: Path, name: str) -> int:
    """How often that function was called."""
    try:
        rows = marshal.loads(path.read_bytes())
    except (EOFError, ValueError, TypeError) as error:
        raise Fault(f"{path.name} is unreadable: {error}") from None
    except FileNotFoundError:
        raise Fault(f"{path.name} is missing") from None
    return sum(row[1] for label, row in rows.items() if label[2] == name)


def expect(is_so: bool, what: str) -> None:
    if not is_so:
        raise Fault(what)


def signals_in_pairs(this: Round) -> None:
    """Whatever two signals come at whatever moments, a file that was good stays good."""
    checkpoint = this.dice.random() < 0.5
    process = this.start(LARGE, ["--checkpoint", "0.3"] if checkpoint else [])
    expect(process.stdout is not None and process.stdout.readline() == "ready\n", "it did not start")
    time.sleep(this.dice.random() * 1.5)
    first, second = (this.dice.choice([signal.SIGTERM, signal.SIGINT, signal.SIGKILL]) for _ in range(2))
    had = this.out.exists()
    process.send_signal(first)
    time.sleep(this.dice.random() * 0.2)
    process.send_signal(second)
    code, _, err = this.end(process)
    expect(code in (-first, -second, 130, 1), f"exit code {code} after {first.name}, {second.name}: {err[-300:]}")
    if signal.SIGKILL not in (first, second):
        expect(calls(this.out, "f7") >= 1, "the file lacks what was called")
    elif had or this.out.exists():
        # As far as the last checkpoint, which may have been before the first call.
        calls(this.out, "f7")


def full_disk(this: Round) -> None:
    """What was there stays, and the profile is elsewhere, or its table is printed."""
    old = marshal.dumps({("old", 1, "old"): (1, 1, 0.0, 0.0, {})})
    this.out.write_bytes(old)
    limit = this.dice.randrange(1, 20_000)
    code = f"import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))\n"
    many = this.dice.choice([10, 500])
    process = this.start(
        code + f"def work(): pass\nwork()\nfor n in range({many}): exec(f'def f{{n}}(): pass\\nf{{n}}()')\n", []
    )
    code_, _, err = this.end(process)
    expect(code_ == 0, f"exit code {code_}: {err[-300:]}")
    if this.out.read_bytes() == old:
        expect("can't write" in err, "nothing was said")
        named = [Path(word) for word in err.split() if word.startswith(str(this.folder)) and "pikos-" in word]
        expect("(work)" in err or any(calls(path, "work") == 1 for path in named if path.exists()), "it is nowhere")
    else:
        expect(calls(this.out, "work") == 1, "the file lacks what was called")


def little_memory(this: Round) -> None:
    """Who survives without us survives with us."""
    room = str(this.dice.randrange(30, 120) * (1 << 20))
    expected = this.plain(MEMORY, room)
    options = this.dice.choice([[], ["--checkpoint", "0.1"], ["--live"], ["--live", "--checkpoint", "0.1"]])
    code, out, err = this.end(this.start(MEMORY, options, room))
    expect((code, out) == expected, f"{options}: exit code {code}, output {out!r}: {err[-300:]}")
    expect(calls(this.out, "fill") == 15, "calls are missing")


def forks_in_threads(this: Round) -> None:
    """Each child has a file of its own, and lacks nothing."""
    options = ["--follow", "--threads", *this.dice.choice([[], ["--live"], ["--live", "--interval", "0.02"]])]
    code, out, err = this.end(this.start(FORKS, options, str(this.dice.randrange(1000))))
    expect((code, out) == (0, "forked\n"), f"exit code {code}, {out!r}: {err[-300:]}")
    children = list(this.folder.glob("out-*.pstats"))
    expect(len(children) == 12, f"{len(children)} of 12 children have a file")
    for path in children:
        expect(calls(path, "childs") == 10, f"{path.name}: calls are missing")


def hostile_peers(this: Round) -> None:
    """Nobody who talks to a live process slows it down, ends it or learns more than is for him."""
    process = this.start(SMALL, ["--live", "--interval", "0.02", "--tree"], "1.5")
    expect(process.stdout is not None and process.stdout.readline() == "ready\n", "it did not start")
    context: Any = zmq.Context.instance()
    sockets = list(this.folder.glob(f"pikos-{os.getuid()}/{process.pid}-*"))
    while process.poll() is None and sockets:
        path = this.dice.choice(sockets)
        junk = this.dice.randbytes(this.dice.choice([0, 1, 10, 1000, 100_000]))
        if this.dice.random() < 0.5:
            with socket.socket(socket.AF_UNIX) as raw:
                raw.settimeout(1)
                try:
                    raw.connect(str(path))
                    raw.sendall(junk)
                except OSError:
                    pass
        else:
            kind = this.dice.choice([zmq.REQ, zmq.SUB, zmq.DEALER, zmq.PUSH])
            try:
                peer = context.socket(kind)
            except zmq.ZMQError as error:
                if error.errno != errno.EMFILE:
                    raise
                # On a busy machine those that were closed are still being taken down: no more than 1,023 at once.
                time.sleep(0.01)
                continue
            peer.setsockopt(zmq.LINGER, 0)
            peer.connect(f"ipc://{path}")
            try:
                if kind == zmq.SUB:
                    peer.subscribe(junk[:100])
                else:
                    peer.send(junk, zmq.NOBLOCK)
            except zmq.ZMQError:
                pass
            peer.close()
    code, out, err = this.end(process)
    lost = f"pikos: {this.out} is a pstats file, which can't hold full stacks: name it .pikos to keep them\n"
    expect(code == 0 and err == lost, f"exit code {code}: {err[-300:]}")
    expect(calls(this.out, "work") == 6 * int(out), "calls are missing")


def threads_of_c(this: Round) -> None:
    """Threads that C makes are counted."""
    hook = this.dice.choice([[], ["--fast"], ["--tree", "--live"], ["--compensate"]])
    code, out, err = this.end(this.start(THREADS_OF_C, ["--threads", *hook]))
    expect((code, out) == (0, "200\n"), f"exit code {code}: {err[-300:]}")
    expect(calls(this.out, "work") == 200, f"{hook}: {calls(this.out, 'work')} of 200 calls")


def greenlets(this: Round) -> None:
    """Whatever greenlets switch to what, each call is counted."""
    hook = this.dice.choice([[], ["--fast"], ["--live"], ["--compensate"], ["--live", "--tree"]])
    code, out, err = this.end(this.start(GREENLETS, hook, str(this.dice.randrange(1000))))
    expect(code == 0, f"exit code {code}: {err[-300:]}")
    expect(calls(this.out, "leaf") == int(out), f"{hook}: {calls(this.out, 'leaf')} of {int(out)} calls")


KINDS: list[Callable[[Round], None]] = [
    signals_in_pairs,
    full_disk,
    little_memory,
    forks_in_threads,
    hostile_peers,
    threads_of_c,
    greenlets,
]


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Throw faults at profiled programs, and count what is lost that should not be.",
        epilog="example: python scripts/storm.py --minutes 60",
    )
    parser.add_argument("--minutes", type=float, default=2.0, help="how long (default: 2)")
    parser.add_argument("--seed", type=int, default=None, help="of the first round (default: another each time)")
    parser.add_argument("--rounds", type=int, default=None, help="how many at most")
    parser.add_argument("--kind", choices=[kind.__name__ for kind in KINDS], default=None, help="this one alone")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A shell without a terminal has what it runs in the background ignore Ctrl-C, and programs would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    kinds = [kind for kind in KINDS if options.kind in (None, kind.__name__)]
    seed = random.SystemRandom().randrange(1 << 30) if options.seed is None else options.seed
    print(f"storm of {options.minutes:g} minutes on Python {sys.version.split()[0]}, seed {seed}", flush=True)
    end = time.monotonic() + 60 * options.minutes
    done: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    while time.monotonic() < end and (options.rounds is None or done.total() < options.rounds):
        dice = random.Random(seed)
        kind = kinds[seed % len(kinds)]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            try:
                kind(Round(Path(folder), dice))
            except Fault as fault:
                faults[kind.__name__] += 1
                print(f"FAULT {kind.__name__}: {fault}", flush=True)
                only = f" --kind {kind.__name__}" if options.kind else ""
                print(f"  again: python scripts/storm.py --seed {seed} --rounds 1{only}", flush=True)
        done[kind.__name__] += 1
        seed += 1
    for each in kinds:
        print(f"{each.__name__:18} {done[each.__name__]:4} rounds  {faults[each.__name__]} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
