"""Reports beside line_profiler's and memory_profiler's, on the same programs: the same hits, and the same growth."""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from running import Run, pikos_run, python

pytestmark = pytest.mark.slow_in_debug

MIB = 1 << 20

#: Each decorates what it does, so that all three see the same. No comprehension within a line: line_profiler counts it otherwise.
PROGRAMS = {
    "loops": """\
@profile
def f(n):
    total = 0
    for i in range(n):
        if i % 3:
            continue
        while total % 7:
            total += 1
        total += i
    else:
        total += 1
    return total
f(200)
""",
    "calls": """\
@profile
def inner(n):
    return n + 1
@profile
def outer(n):
    found = []
    for i in range(n):
        found.append(inner(i))
    return found
outer(50)
""",
    "recursion": """\
@profile
def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)
fib(11)
""",
    "exceptions": """\
@profile
def f(n):
    caught = 0
    for i in range(n):
        try:
            if i % 2:
                raise ValueError(i)
            caught += 10
        except ValueError:
            caught += 1
        finally:
            caught += 0
    return caught
f(31)
""",
    "generators": """\
@profile
def numbers(n):
    for i in range(n):
        yield i
        i += 1
@profile
def f(n):
    total = 0
    for number in numbers(n):
        total += number
    return total
f(40)
""",
    "methods": """\
class Counter:
    @profile
    def __init__(self):
        self.count = 0
    @staticmethod
    @profile
    def step():
        return 2
    @profile
    def add(self):
        self.count += self.step()
        return self.count
counter = Counter()
for _ in range(17):
    counter.add()
""",
    "branches": """\
@profile
def f(x):
    match x % 3:
        case 0:
            kind = "none"
        case 1:
            kind = "one"
        case _:
            kind = "two"
    with open(__file__) as stream:
        stream.readline()
    return kind
for i in range(20):
    f(i)
""",
    "grows": """\
@profile
def f():
    first = bytearray(b"x") * (24 << 20)
    second = bytearray(b"y") * (40 << 20)
    del first
    third = bytearray(b"z") * (12 << 20)
    return len(second) + len(third)
f()
""",
    "keeps": """\
kept = []
@profile
def f():
    kept.append(bytearray(b"x") * (16 << 20))
    a = 1
    kept.append(bytearray(b"y") * (48 << 20))
    kept.pop()
    return a
f()
""",
    "callee": """\
def make(mib):
    return bytearray(b"x") * (mib << 20)
@profile
def f():
    a = make(20)
    b = make(36)
    a = None
    return b
f()
""",
}


def report(folder: Path, monitor: str) -> dict[int, Any]:
    """The lines of the program, by number."""
    run = pikos_run(folder, monitor, "-l", "-o", "report.json", "program.py")
    run.succeeded()
    functions = json.loads((folder / "report.json").read_text())["functions"]
    return {line["line"]: line for each in functions for line in each["lines"]}


@pytest.mark.parametrize("name", PROGRAMS)
def test_hits_are_line_profilers(tmp_path: Path, name: str) -> None:
    pytest.importorskip("line_profiler", reason="line_profiler is not installed: its hits can't be compared")
    (tmp_path / "program.py").write_text(PROGRAMS[name])
    python(["-m", "kernprof", "-l", "-q", "-o", "out.lprof", "program.py"], cwd=tmp_path).succeeded()
    show = (
        "import json, line_profiler\n"
        "stats = line_profiler.load_stats('out.lprof')\n"
        "print(json.dumps([[line, hits] for lines in stats.timings.values() for line, hits, _ in lines]))\n"
    )
    theirs: dict[int, int] = defaultdict(int)
    for line, hits in json.loads(python(["-c", show], cwd=tmp_path).succeeded().out):
        theirs[line] += hits
    assert {number: line["hits"] for number, line in report(tmp_path, "lines").items()} == dict(theirs)


def memory_profilers(run: Run) -> dict[int, float]:
    """Line → MiB that it grew by, of what memory_profiler prints."""
    row = re.compile(r"^ +(\d+) +[\d.]+ MiB +(-?[\d.]+) MiB +\d+ ", re.MULTILINE)
    return {int(line): float(grown) for line, grown in row.findall(run.out)}


@pytest.mark.parametrize("name", ["grows", "keeps", "callee"])
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="memory_profiler is from before")
def test_growth_is_memory_profilers(tmp_path: Path, name: str) -> None:
    pytest.importorskip("memory_profiler", reason="memory_profiler is not installed: its figures can't be compared")
    (tmp_path / "program.py").write_text(PROGRAMS[name])
    theirs = memory_profilers(python(["-m", "memory_profiler", "program.py"], cwd=tmp_path).succeeded())
    ours = report(tmp_path, "line_memory")
    assert set(theirs) >= set(ours)
    # On its first line memory_profiler has all that there was.
    first = min(theirs)
    for number, line in ours.items():
        if number != first:
            assert line["growth"] / MIB == pytest.approx(theirs[number], abs=1.5), number
