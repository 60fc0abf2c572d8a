"""Ways to a report, and its forms: what is in focus, `@profile`, kernprof's options, JSON, CSV and the page."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import environment, pikos_run, python

pytestmark = pytest.mark.slow_in_debug

PROGRAM = """\
import functools, sys

class N:
    def __init__(self):
        self._p = 1
    @property
    def p(self):
        return self._p
    @p.setter
    def p(self, value):
        self._p = value

@functools.singledispatch
def kind(x):
    return 0
@kind.register
def _(x: int):
    return 1
@kind.register
def _(x: str):
    return 2

def load_a():
    return [i for i in range(3)]

def load_b():
    return 2

n = N()
n.p
n.p = 5
kind(1); kind("a")
load_a(); load_b()
print(sys.argv[1:])
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def lines_run(folder: Path, *arguments: str) -> dict[str, list[int]]:
    """The functions of a report, with the lines of them that ran."""
    pikos_run(folder, "lines", "--report", "-o", "report.json", *arguments).succeeded()
    report = json.loads((folder / "report.json").read_text())
    found: dict[str, list[int]] = {}
    for function in report["functions"]:
        found.setdefault(function["function"], []).extend(line["line"] for line in function["lines"])
    return {name: sorted(lines) for name, lines in found.items()}


@pytest.mark.parametrize(
    "focus, lines",
    [
        ("N.p", {"N.p": [8, 11]}),  # the getter and the setter
        ("_", {"_": [18, 21]}),  # each of that name
        ("N", {"N.__init__": [5], "N.p": [8, 11]}),
        ("load_*", {"load_a": [24], "load_b": [27]}),
        ("N.__init__,load_b", {"N.__init__": [5], "load_b": [27]}),
    ],
)
def test_what_a_name_means_in_the_script(folder: Path, focus: str, lines: dict[str, list[int]]) -> None:
    found = lines_run(folder, "--focused-on", focus, "program.py")
    assert {name: seen for name, seen in found.items() if "<listcomp>" not in name} == lines


MODULE = """\
import json

class Shape:
    class Point:
        def x(self):
            return 1
    def area(self):
        return self.Point().x()
    @staticmethod
    def unit():
        return 1
    @classmethod
    def make(cls):
        return cls()

def helper():
    return 3
"""


@pytest.mark.parametrize(
    "focus, names",
    [
        ("shapes.Shape", {"Shape.area", "Shape.unit", "Shape.make", "Shape.Point.x"}),
        ("shapes", {"Shape.area", "Shape.unit", "Shape.make", "Shape.Point.x", "helper"}),
        ("shapes.Shape.m*", {"Shape.make"}),
        ("shapes.h*", {"helper"}),
    ],
)
def test_what_a_name_means_in_a_module(folder: Path, focus: str, names: set[str]) -> None:
    (folder / "shapes.py").write_text(MODULE)
    (folder / "uses.py").write_text(
        "import shapes\nshape = shapes.Shape.make()\nshape.area()\nshape.unit()\nshapes.helper()\n"
    )
    assert set(lines_run(folder, "--focused-on", focus, "uses.py")) == names
    assert set(lines_run(folder, "-p", focus, "uses.py")) == names


def test_what_is_not_there(folder: Path) -> None:
    for focus, message in [
        ("nobody", "the script has no function 'nobody', and there is no module of that name"),
        ("json.dumpz", "json has no 'dumpz'; did you mean dump or dumps"),
        ("json.nothing*", "it has no Python code"),
        ("math.sqrt", "it has no Python code"),
    ]:
        run = pikos_run(folder, "lines", "--focused-on", focus, "program.py")
        assert run.code == 2 and message in run.err, run.err


DECORATED = """\
@profile
def costly(n):
    total = 0
    for i in range(n):
        total += i
    return total

@profile
async def later():
    return 1

def other():
    return costly(10)

other()
import asyncio
asyncio.run(later())
"""


def test_decorated_functions_are_the_focus(folder: Path) -> None:
    (folder / "decorated.py").write_text(DECORATED)
    assert set(lines_run(folder, "decorated.py")) == {"costly", "later"}
    assert lines_run(folder, "decorated.py")["costly"] == [3, 4, 5, 6]
    # Records, too, and nothing else.
    pikos_run(folder, "functions", "-o", "calls.csv", "decorated.py").succeeded()
    with open(folder / "calls.csv", newline="") as stream:
        events = [(row["type"], row["function"]) for row in csv.DictReader(stream)]
    assert events[:2] == [("call", "costly"), ("c_call", "range")] or ("call", "costly") in events
    assert ("call", "other") not in events


def test_a_program_that_brings_its_own_decorator_keeps_it(folder: Path) -> None:
    (folder / "own.py").write_text(
        "def profile(f):\n    print('mine')\n    return f\n@profile\ndef f():\n    return 1\ndef g():\n    return f()\ng()\n"
    )
    assert "mine" in pikos_run(folder, "lines", "--report", "own.py").succeeded().out
    assert {"f", "g"} <= set(lines_run(folder, "own.py"))
    # This is how scripts say that they run without one as well.
    (folder / "either.py").write_text(
        "try: profile\nexcept NameError: profile = lambda f: f\n@profile\ndef f():\n    return 1\ndef g():\n    return f()\ng()\n"
    )
    assert set(lines_run(folder, "either.py")) == {"f"}


def test_as_kernprof(folder: Path) -> None:
    (folder / "decorated.py").write_text(DECORATED)
    run = pikos_run(folder, "lines", "-lv", "-u", "1e-3", "-z", "decorated.py", "-v").succeeded()
    assert "costly  decorated.py:1" in run.out and "Times are in units of 0.001 s" in run.out
    assert "other  " not in run.out
    run = pikos_run(folder, "lines", "-l", "-v", "-o", "out.txt", "-i", "5", "decorated.py").succeeded()
    assert "costly  decorated.py:1" in run.out and "costly  decorated.py:1" in (folder / "out.txt").read_text()
    coloured = pikos_run(folder, "lines", "-l", "-r", "decorated.py").succeeded().out
    assert "\x1b[1m" in coloured
    run = pikos_run(folder, "lines", "-l", "program.py")
    assert run.code == 0 and "no function was decorated with @profile" in run.err


def test_the_programs_own_options_stay_its_own(folder: Path) -> None:
    run = pikos_run(folder, "lines", "--report", "program.py", "-v", "-z", "--json").succeeded()
    assert "['-v', '-z', '--json']" in run.out


def test_code_and_standard_input(folder: Path) -> None:
    code = "import sys\ndef f():\n    return sys.argv\nprint(f())"
    run = pikos_run(folder, "lines", "--report", "-c", code, "-n", "x").succeeded()
    assert "['-c', '-n', 'x']" in run.out and "f  <string>:2" in run.out
    done = python(["-m", "pikos.runner", "lines", "--report", "-"], cwd=folder, stdin=code)
    assert "['-']" in done.succeeded().out and "f  <stdin>:2" in done.out


def test_json_and_csv(folder: Path) -> None:
    run = pikos_run(folder, "lines", "--json", "program.py").succeeded()
    report: dict[str, Any] = json.loads(run.out[run.out.index("{") :])
    assert report["program"] == "program.py" and report["elapsed"] > 0
    by_name = {each["function"]: each for each in report["functions"]}
    (line,) = by_name["load_b"]["lines"]
    assert (line["line"], line["hits"], line["source"]) == (27, 1, "    return 2")
    assert by_name["load_b"]["kind"] == "function" and by_name["<module>"]["kind"] == "body"
    pikos_run(folder, "lines", "--report", "-o", "report.csv", "program.py").succeeded()
    with open(folder / "report.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["filename", "function", "line", "hits", "time", "own_time", "source"]
    assert [row["line"] for row in rows if row["function"] == "load_b"] == ["27"]
    run = pikos_run(folder, "function_memory", "--csv", "program.py").succeeded()
    head = run.out.splitlines()[1]
    assert head.startswith("filename,function,line,calls,own,growth,") and head.endswith("peak")
    assert len(list(csv.reader(io.StringIO(run.out)))) > 3


def test_a_list_of_functions(folder: Path) -> None:
    run = pikos_run(folder, "lines", "--summary", "program.py").succeeded()
    lines = run.out.splitlines()
    head = next(line for line in lines if line.endswith("  function"))
    assert head.split() == ["hits", "time", "own", "per", "hit", "%", "function"]
    assert any(line.endswith("load_b  program.py:26") for line in lines)
    run = pikos_run(folder, "functions", "--report", "program.py").succeeded()
    calls = {
        line.split("  ")[-2].split()[-1]: line.split()[0] for line in run.out.splitlines() if " program.py:" in line
    }
    assert calls["load_a"] == calls["N.__init__"] == "1"


def test_what_did_nothing_can_be_left_out(folder: Path) -> None:
    (folder / "idle.py").write_text("def f(x):\n    if x:\n        return 1\n    return 2\nf(0)\n")
    assert "return 1" in pikos_run(folder, "lines", "--report", "idle.py").succeeded().out
    assert "return 1" not in pikos_run(folder, "lines", "--report", "-z", "idle.py").succeeded().out


def test_the_page_is_one_file_that_loads_nothing(folder: Path) -> None:
    source = "def f(x):\n    return '<b>&amp;' + x\nf('</script>')\n"
    (folder / "page.py").write_text(source)
    run = pikos_run(folder, "line_memory", "-o", "page.html", "--all", "page.py").succeeded()
    assert run.out == ""
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "light-dark(" in page
    assert "<b>" not in page and "&lt;b&gt;&amp;amp;" in page
    for loads in ("<script", "http://", "https://", "src=", "@import", "url("):
        assert loads not in page.replace("&lt;/script", ""), loads


def test_what_has_to_be_known_is_said(folder: Path) -> None:
    (folder / "waits.py").write_text(
        "import asyncio\nasync def f():\n    await asyncio.sleep(0.001)\n    return [i for i in range(9)]\nasyncio.run(f())\n"
    )
    out = pikos_run(folder, "lines", "--report", "--focused-on", "f", "waits.py").succeeded().out
    assert "await is the time that coroutines were suspended" in out and re.search(
        r"^f  waits.py:2  .*, await ", out, re.MULTILINE
    )
    assert ("each round of a comprehension" in out) == (sys.version_info >= (3, 12))


def test_waiting_is_a_figure_of_its_own(folder: Path) -> None:
    (folder / "waits.py").write_text(
        "import asyncio, time\n"
        "async def inner():\n"
        "    await asyncio.sleep(0.2)\n"
        "    time.sleep(0.01)\n"
        "async def outer(number):\n"
        "    await inner()\n"
        "    return number\n"
        "async def stream():\n"
        "    yield 1\n"
        "async def main():\n"
        "    async for item in stream():\n"
        "        await asyncio.gather(*map(outer, range(3)))\n"
        "    return 1\n"
        "asyncio.run(main())\n"
    )
    pikos_run(folder, "lines", "--report", "-o", "waits.json", "waits.py").succeeded()
    lines = {
        (function["function"], line["line"]): line
        for function in json.loads((folder / "waits.json").read_text())["functions"]
        for line in function["lines"]
    }
    # Each of the three has waited, and who awaits it meanwhile; a moment's work is no wait.
    assert lines["inner", 3]["waited"] >= 0.6 and lines["outer", 6]["waited"] >= 0.6
    assert lines["inner", 4]["waited"] == lines["outer", 7]["waited"] == 0
    assert lines["inner", 4]["time"] >= 0.03
    assert lines["main", 12]["waited"] >= 0.2 and lines["stream", 9]["waited"] >= 0.2
    # Tasks that come and go have the same addresses.
    (folder / "many.py").write_text(
        "import asyncio, time\n"
        "async def short():\n"
        "    return 1\n"
        "async def main():\n"
        "    for _ in range(50):\n"
        "        await short()\n"
        "        time.sleep(0.001)\n"
        "    await asyncio.sleep(0)\n"
        "asyncio.run(main())\n"
    )
    pikos_run(folder, "lines", "--report", "-o", "many.json", "many.py").succeeded()
    functions = json.loads((folder / "many.json").read_text())["functions"]
    (short,) = (function for function in functions if function["function"] == "short")
    assert [line["waited"] for line in short["lines"]] == [0]


def test_a_reader_who_leaves_is_told_nothing(folder: Path) -> None:
    (folder / "long.py").write_text("for i in range(20000):\n    pass\n")
    command = [sys.executable, "-m", "pikos.runner", "lines", "long.py"]
    reader = [sys.executable, "-c", "import sys; sys.stdin.readline()"]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as run:
        subprocess.run(reader, stdin=run.stdout, check=True)
        assert run.stdout is not None and run.stderr is not None
        run.stdout.close()
        errors = run.stderr.read()
    assert "pikos" not in errors, errors
