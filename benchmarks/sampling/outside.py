"""What sampling from outside keeps, and takes: programs of 20 threads that are 40 calls deep, looked at 1,000 times a second.

    python -m benchmarks.sampling.outside [--seconds S] [--rate HZ] [--kinds sleep,call] [--samplers pikos] [--check]

Each sampler in turn reads a program whose threads sleep, wait as a server's do, compute, make calls, or build their whole stacks anew all the
time.

- kept: of the samples that there were to be, one of each thread at each look, those that are in the file;
- CPU: what the sampler's process took of one processor, from its start to its end.

Beside ours: py-spy where it is installed, as it is by default, when it stops the program at each look, and with `--nonblocking`; from 3.15 on the interpreter's
own `profiling.sampling`. The right to read other processes is needed.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.sampling.target import KINDS
from benchmarks.shared import machine
from benchmarks.shared.machine import ROOT
from benchmarks.shared.turns import ENVIRONMENT

THREADS, DEPTH = 20, 40
#: So much is kept at least; and of what the peer takes, so much is taken at most.
KEPT, OF_PEER = 0.95, 0.5
OURS, PEER = "pikos", "py-spy"


@dataclass(frozen=True)
class Sampler:
    """How to sample a process for so many seconds, so often, into a file; and how many samples that has."""

    name: str
    ending: str
    command: Callable[[int, float, float, Path], list[str]]
    count: Callable[[Path], int]


def tool(name: str) -> str:
    """The command of this environment, else the first there is."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name) or ""


def pikos(pid: int, seconds: float, rate: float, file: Path) -> list[str]:
    return [tool("pikos"), "sample", str(pid), "--rate", f"{rate:g}", "--duration", f"{seconds:g}", "-o", str(file)]


def samples_of_pikos(file: Path) -> int:
    from pikos import stats

    # Each sample has one function on top.
    return stats.load(file).metadata["primitive_calls"] or 0


def py_spy(*more: str) -> Callable[[int, float, float, Path], list[str]]:
    def command(pid: int, seconds: float, rate: float, file: Path) -> list[str]:
        of_all = ["--idle", "--threads", "--rate", f"{rate:g}", "--duration", f"{seconds:g}", *more]
        return [tool("py-spy"), "record", "--pid", str(pid), *of_all, "--format", "raw", "--output", str(file)]

    return command


def profiling(pid: int, seconds: float, rate: float, file: Path) -> list[str]:
    of_all = ["--all-threads", "--sampling-rate", f"{rate:g}", "--duration", f"{seconds:g}"]
    return [sys.executable, "-m", "profiling.sampling", "attach", *of_all, "--collapsed", "-o", str(file), str(pid)]


def samples_of_lines(file: Path) -> int:
    return sum(int(line.rpartition(" ")[2]) for line in file.read_text(encoding="utf-8").splitlines())


def samplers() -> Iterator[Sampler]:
    yield Sampler(OURS, ".pikos", pikos, samples_of_pikos)
    if tool("py-spy"):
        yield Sampler(PEER, ".txt", py_spy(), samples_of_lines)
        yield Sampler(f"{PEER} --nonblocking", ".txt", py_spy("--nonblocking"), samples_of_lines)
    if sys.version_info >= (3, 15):
        yield Sampler("profiling.sampling", ".txt", profiling, samples_of_lines)


@contextmanager
def running(kind: str) -> Iterator[int]:
    """A program of this kind, once it has all its threads."""
    command = [sys.executable, "-m", "benchmarks.sampling.target", kind, str(THREADS), str(DEPTH)]
    program = subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert program.stdout is not None
        yield int(program.stdout.readline())
    finally:
        program.kill()
        program.communicate()


def measure(kind: str, sampler: Sampler, seconds: float, rate: float) -> tuple[float, float]:
    """What was kept, and what that took of a processor."""
    with running(kind) as pid, tempfile.TemporaryDirectory() as folder:
        # By then its stacks are as large as they get.
        time.sleep(1)
        file = Path(folder, f"samples{sampler.ending}")
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            sampler.command(pid, seconds, rate, file),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode or not file.exists():
            sys.exit(f"{sampler.name}: {(done.stderr or done.stdout).strip()}")
        # The main thread waits for the end.
        wanted = rate * seconds * (THREADS + 1)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return sampler.count(file) / wanted, cpu / seconds


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.sampling.outside", description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each (5)")
    parser.add_argument("--rate", type=float, default=1_000, help="looks a second (1,000)")
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"of {', '.join(KINDS)}")
    parser.add_argument("--samplers", default="", help="those whose name begins with this")
    parser.add_argument("--check", action="store_true", help="fail where a goal is missed")
    options = parser.parse_args()
    kinds = options.kinds.split(",")
    if unknown := set(kinds) - KINDS.keys():
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    print("\n".join(f"{fact}: {value}" for fact, value in machine.facts().items()))
    print(f"{THREADS} threads, {DEPTH} calls deep, {options.rate:g} looks a second for {options.seconds:g} s\n")
    print(f"{'threads':10} {'sampler':22} {'kept':>8} {'CPU':>8}")
    missed = []
    for kind in kinds:
        took: dict[str, float] = {}
        for sampler in samplers():
            if not sampler.name.startswith(options.samplers):
                continue
            kept, cpu = measure(kind, sampler, options.seconds, options.rate)
            took[sampler.name] = cpu
            print(f"{kind:10} {sampler.name:22} {kept:8.1%} {cpu:8.1%}", flush=True)
            if sampler.name == OURS and kept < KEPT:
                missed.append(f"{kind}: {kept:.1%} of the samples are kept, not {KEPT:.0%}")
        if OURS in took and PEER in took and took[OURS] > OF_PEER * took[PEER]:
            missed.append(f"{kind}: {took[OURS]:.1%} of a processor is more than {OF_PEER:.0%} of what {PEER} takes")
    for line in missed:
        print(f"MISSED: {line}", file=sys.stderr)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
