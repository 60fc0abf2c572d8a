"""The report of `pikos-run lines --report` and `line_memory --report`: one's own code, the costliest first."""

from __future__ import annotations

import os
import pty
import re
import sys
import threading
from pathlib import Path

import pytest
from running import PATIENCE, Run, environment, pikos_run

pytestmark = pytest.mark.slow_in_debug

PROGRAM = """\
import json
import dataclasses
from helper import spin

class Parser:
    size = 3

    def parse_line(self, n):
        return json.loads(json.dumps({"n": n}))

def hot():
    spin(40_000)

def cool():
    spin(10)
    if cool is None:
        a = 1
        a = 2
        a = 3
        a = 4
        a = 5
    return 1

def main():
    parser = Parser()
    for i in range(100):
        parser.parse_line(i)
    hot()
    cool()

main()
"""

HELPER = """\
def spin(times):
    total = 0
    for number in range(times):
        total += number
    return total
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "helper.py").write_text(HELPER)
    return tmp_path


def report(folder: Path, *arguments: str, monitor: str = "lines") -> Run:
    return pikos_run(folder, monitor, "--report", *arguments)


def heads(text: str) -> list[str]:
    """The functions that are shown, with their files."""
    return re.findall(r"^(\S+  \S.*):\d+  [\d.+-]+ [^:]*$", text, re.MULTILINE)


def test_ones_own_functions_the_costliest_first(folder: Path) -> None:
    run = report(folder, "program.py").succeeded()
    shown = heads(run.out)
    assert {"<module>  program.py", "main  program.py", "hot  program.py", "spin  helper.py"} <= set(shown)
    assert "Parser.parse_line  program.py" in shown
    # Nothing of the standard library, nothing of the body of a class.
    assert all(name.endswith((" program.py", " helper.py")) for name in shown)
    assert "Parser  program.py" not in shown
    assert shown.index("hot  program.py") < shown.index("cool  program.py")
    assert re.match(r"Ran program\.py in \d[\d.]* m?s with the monitor\n", run.out)
    assert re.search(
        r"^\d+ functions of others and \d+ module (?:or|and) class bod\S+ of cheap lines are not shown: --all$",
        run.out,
        re.M,
    )
    assert "\x1b" not in run.out
    assert len(run.out.splitlines()) < 100


def test_lines_that_say_nothing_are_left_out(folder: Path) -> None:
    out = report(folder, "program.py").succeeded().out
    body = out[out.index("<module>  ") :].split("\n\n")[0].splitlines()
    # The call is what it took; imports and `def`s ran once.
    assert any(line.endswith("  main()") for line in body)
    assert not any("def hot" in line for line in body)
    cool = out[out.index("cool  ") :].split("\n\n")[0]
    assert "if cool is None" in cool and "a = 3" not in cool and "   ...\n" in cool and "def cool():" in cool
    every = report(folder, "--all", "program.py").succeeded().out
    assert "def hot" in every and "Parser  program.py" in heads(every)


def test_all_shows_the_functions_of_others(folder: Path) -> None:
    out = report(folder, "--all", "program.py").succeeded().out
    assert any("json/encoder.py" in name for name in heads(out)) and "not shown" not in out
    first = report(folder, "--all", "-n", "2", "program.py").succeeded().out
    assert len(heads(first)) == 2
    assert re.search(r"^The first 2 of \d+ functions: -n \d+ shows all$", first, re.M)


def test_how_many_and_in_which_order(folder: Path) -> None:
    assert heads(report(folder, "-n", "1", "program.py").succeeded().out) == ["<module>  program.py"]
    names = heads(report(folder, "--sort", "name", "program.py").succeeded().out)
    assert names == sorted(names)
    files = heads(report(folder, "--sort=file", "program.py").succeeded().out)
    assert files[0] == "spin  helper.py"
    assert heads(report(folder, "--sort", "hits", "program.py").succeeded().out)[0] == "spin  helper.py"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["lines", "--report", "-n", "0", "program.py"], "'0' is not a whole number, 1 or greater"),
        (["lines", "--report", "-n", "many", "program.py"], "'many' is not a whole number, 1 or greater"),
        (["lines", "--report", "--sort", "growth", "program.py"], "--sort growth: choose time, own, hits, name, file"),
        (
            ["line_memory", "--report", "--sort", "time", "program.py"],
            "choose spike, growth, own, peak, hits, name, file",
        ),
        (["lines", "-n", "3", "program.py"], "-n is for --report: add it"),
        (["lines", "--all", "program.py"], "--all is for --report: add it"),
    ],
)
def test_wrong_usage(folder: Path, arguments: list[str], message: str) -> None:
    run = pikos_run(folder, *arguments)
    assert run.code == 2 and run.err.splitlines()[-1].startswith("pikos-run: ") and message in run.err


def test_options_of_the_program_are_its_own(folder: Path) -> None:
    (folder / "echo.py").write_text("import sys\nprint(sys.argv[1:])\n")
    assert report(folder, "echo.py", "--", "-n", "3").succeeded().out.splitlines()[0] == "['-n', '3']"


def test_memory(folder: Path) -> None:
    (folder / "grows.py").write_text(
        "import json\n\ndef load():\n    return bytearray(b'x') * (32 << 20)\n\ndef idle():\n    return json.dumps(1)\n\nidle()\nkept = load()\n"
    )
    out = report(folder, "grows.py", monitor="line_memory").succeeded().out
    assert set(heads(out)[:2]) == {"<module>  grows.py", "load  grows.py"}
    assert all(name.endswith("  grows.py") for name in heads(out))
    assert (
        heads(report(folder, "--sort", "name", "grows.py", monitor="line_memory").succeeded().out)[-1]
        == "load  grows.py"
    )


def test_own_is_the_projects_folder_and_not_what_is_installed_below_it(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    places = {"src/mine.py": "f", "venv/lib/python3.11/site-packages/foreign.py": "g", "scripts/beside.py": "h"}
    for place, name in places.items():
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"def {name}():\n    return sum([1, 2])\n")
    folders = [str((tmp_path / place).parent) for place in places]
    program = tmp_path / "scripts/program.py"
    program.write_text(
        f"import sys\nsys.path += {folders[:2]!r}\nimport mine, foreign, beside\nmine.f()\nforeign.g()\nbeside.h()\n"
    )
    names = [name.split()[0] for name in heads(report(tmp_path, "scripts/program.py").succeeded().out)]
    assert {"f", "h"} <= set(names) and "g" not in names


def test_of_a_module_the_working_directory_is_own(folder: Path) -> None:
    package = folder / "package"
    package.mkdir()
    (package / "__main__.py").write_text("import helper\nhelper.spin(100)\n")
    out = report(folder, "-m", "package").succeeded().out
    assert {"spin  helper.py", "<module>  package/__main__.py"} <= set(heads(out))
    # Nothing is one's own: all is shown, the costliest first.
    out = report(folder, "-m", "json.tool", "--help").succeeded().out
    assert any("json/" in name or "argparse" in name for name in heads(out)), out


def test_a_program_that_leaves_its_folder(folder: Path) -> None:
    (folder / "leaves.py").write_text("import os\nfrom helper import spin\nos.chdir('/')\nspin(100)\n")
    out = report(folder, "leaves.py").succeeded().out
    assert "spin  helper.py" in heads(out) and "total += number" in out


THREADED = """\
import threading

def work():
    return sum(range(1000))

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
    thread.join()
"""


def test_what_ran_in_other_threads_is_said(folder: Path) -> None:
    (folder / "threaded.py").write_text(THREADED)
    run = report(folder, "--focused-on", "work", "threaded.py")
    out = run.out
    assert run.code == 0 and "add --threads" in run.err
    assert "No line was executed where the monitor looked" in out and "--threads" in out
    if sys.version_info >= (3, 12):
        assert re.search(r"work ran in (?:another thread|\d other threads)\. Add --threads", out)
    else:
        assert re.search(r"watched the main thread only, and \d other threads? ran\. Add --threads", out)
    assert "not watched: --threads" in report(folder, "threaded.py").succeeded().out
    watched = report(folder, "--threads", "--focused-on", "work", "threaded.py").succeeded()
    assert "work  threaded.py" in heads(watched.out) and "threads" not in watched.out.split("\n\n")[0]
    (folder / "never.py").write_text("def work():\n    pass\n")
    assert "looked: work did not run." in report(folder, "--focused-on", "work", "never.py").succeeded().out


def in_terminal(folder: Path, width: int, **changes: str) -> str:
    """The report of program.py in a terminal of this width."""
    master, slave = pty.openpty()
    text = b""

    def read() -> None:
        nonlocal text
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:
                return
            text += piece

    reader = threading.Thread(target=read)
    reader.start()
    import subprocess

    env = environment(COLUMNS=str(width), TERM="xterm", PYTHONIOENCODING="utf-8", **{"NO_COLOR": "", **changes})
    command = [sys.executable, "-m", "pikos.runner", "lines", "--report", "program.py"]
    done = subprocess.run(command, cwd=folder, stdout=slave, stdin=slave, stderr=slave, env=env, timeout=PATIENCE)
    os.close(slave)
    reader.join()
    os.close(master)
    assert done.returncode == 0, text
    return text.decode()


@pytest.mark.parametrize("width", [50, 80, 140])
def test_a_terminal_has_colours_and_a_width(folder: Path, width: int) -> None:
    text = in_terminal(folder, width)
    lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in text.splitlines()]
    assert max(map(len, lines)) <= width
    # All of hot() is in one line.
    assert re.search(r"\x1b\[1;31m {4}12 +1 .* 100\.0 ", text)
    assert ("█" in text) == (width >= 100)
    assert "\x1b" not in in_terminal(folder, width, NO_COLOR="1")
