"""`pikos-run`: the program runs as under plain Python, and what was asked for is recorded."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from running import PATIENCE, environment, pikos_run, python

pytestmark = pytest.mark.slow_in_debug

PROGRAM = """\
import sys

def double(n):
    return n * 2

class Thing:
    def method(self, n):
        return double(n) + 1

def main(n):
    thing = Thing()
    for i in range(n):
        thing.method(i)
    print("done", *sys.argv[1:])

if __name__ == "__main__":
    main(2)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("monitor", ["functions", "lines", "function_memory", "line_memory"])
def test_screen(folder: Path, monitor: str) -> None:
    run = pikos_run(folder, monitor, "program.py", "--colour", "red").succeeded()
    lines = run.out.splitlines()
    assert lines[0].split()[0] == "index"
    assert "done --colour red" in lines
    done = lines.index("done --colour red")
    # In the order of what happens, between what the program prints.
    assert any("double" in line for line in lines[:done])
    assert any("main" in line for line in lines[done + 1 :]) or "line" in monitor


def test_csv_in_its_default_file(folder: Path) -> None:
    run = pikos_run(folder, "functions", "program.py", "--recording", "csv").succeeded()
    assert run.out == "done\n"
    recorded = rows(folder / "monitor_records.csv")
    assert [row["type"] for row in recorded if row["function"] == "double"] == ["call", "return"] * 2
    assert {row["lineNo"] for row in recorded if row["function"] == "method"} == {"7"}
    assert recorded[0]["function"] == "<module>" and recorded[-1]["function"] == "<module>"
    assert {row["filename"] for row in recorded if row["function"] in ("main", "<module>")} == {
        str(folder / "program.py")
    }


@pytest.mark.parametrize(
    "name, begins",
    [
        ("x.csv", b"index,type,"),
        (".csv", b"index,type,"),
        ("x.parquet", b"PAR1"),
        (".parquet", b"PAR1"),
        ("x.log", b"index    type "),
        ("csv", b"index    type "),
    ],
)
def test_the_name_of_the_file_says_what_is_written(folder: Path, name: str, begins: bytes) -> None:
    pikos_run(folder, "functions", "-o", name, "program.py").succeeded()
    assert (folder / name).read_bytes().startswith(begins)


def test_options_before_and_behind_the_script(folder: Path) -> None:
    for arguments in (
        ["lines", "-o", "x.csv", "--focused-on=main", "program.py", "1", "-o", "y"],
        ["-o", "x.csv", "lines", "program.py", "--focused-on", "main", "1", "-o", "y"],
        ["lines", "program.py", "-o", "x.csv", "--focused-on=main", "--", "1", "-o", "y"],
    ):
        run = pikos_run(folder, *arguments).succeeded()
        assert run.out == "done 1 -o y\n"
        recorded = rows(folder / "x.csv")
        assert [int(row["lineNo"]) for row in recorded] == [11, 12, 13, 12, 13, 12, 14]
        assert recorded[1]["line"] == "    for i in range(n):"
        assert [row["index"] for row in recorded] == [str(n) for n in range(7)]
        (folder / "x.csv").unlink()


@pytest.mark.parametrize(
    "focus, functions",
    [
        ("Thing.method", {"method", "double"}),
        ("double,Thing.method", {"method", "double"}),
        ("double", {"double"}),
        ("textwrap.dedent", set()),
    ],
)
def test_focus_on_functions(folder: Path, focus: str, functions: set[str]) -> None:
    pikos_run(folder, "functions", "--focused-on", focus, "-o", "x.csv", "program.py").succeeded()
    assert {row["function"] for row in rows(folder / "x.csv")} == functions


def test_focus_on_an_importable_function(folder: Path) -> None:
    (folder / "helper.py").write_text("class Tool:\n    def use(self):\n        return len('ab')\n")
    (folder / "other.py").write_text("import helper\nhelper.Tool().use()\nprint(len('abc'))\n")
    pikos_run(folder, "functions", "other.py", "--focused-on=helper.Tool.use", "-o", "x.csv").succeeded()
    assert [row["function"] for row in rows(folder / "x.csv")] == ["use", "len", "len", "use"]


@pytest.mark.parametrize(
    "focus, message",
    [
        (
            "Thing.methud",
            "the script has no function 'Thing.methud', and there is no module of that name; did you mean Thing.method?",
        ),
        ("textwrap.dedint", "textwrap has no 'dedint'; did you mean dedent?"),
        ("textwrap.TextWrapper.fil", "textwrap.TextWrapper has no 'fil'; did you mean fill"),
        ("sys.version", "has no Python code"),
    ],
)
def test_a_focus_that_is_not_there(folder: Path, focus: str, message: str) -> None:
    run = pikos_run(folder, "functions", "--focused-on", focus, "program.py")
    assert run.code == 2 and message in run.err and run.out == ""


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "name a monitor: functions, lines, function_memory, line_memory"),
        (["linez", "program.py"], "there is no monitor 'linez'"),
        (["lines"], "name a script"),
        (["lines", "program.py", "--recording", "tape"], "invalid choice: 'tape'"),
        (["lines", "--recording", "screen", "-o", "x", "program.py"], "--recording screen writes no file"),
        (["lines", "--report", "--recording", "csv", "program.py"], "--report prints a table"),
        (["lines", "-z", "program.py"], "-z is for --report: add it"),
        (["lines", "--json", "--csv", "program.py"], "--json and --csv are two forms of a report"),
        (["lines", "-l", "-i", "1", "program.py"], "-i writes the report to a file: name it with -o"),
        (["lines", "-l", "-u", "often", "program.py"], "'often' is not a number of seconds"),
        (["lines", "--colour", "program.py"], "unrecognized arguments: --colour"),
        (["lines", "missing.py"], "can't open file"),
    ],
)
def test_wrong_usage(folder: Path, arguments: list[str], message: str) -> None:
    run = pikos_run(folder, *arguments)
    assert run.code == 2 and message in run.err


def test_an_output_that_cant_be_written(folder: Path) -> None:
    run = pikos_run(folder, "lines", "-o", "no/such/folder.csv", "program.py")
    assert run.code == 1 and "No such file or directory" in run.err and run.out == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_from_the_start(folder: Path) -> None:
    run = pikos_run(folder, "functions", "-o", "/dev/full", "--recording", "csv", "program.py")
    assert (run.code, run.out) == (1, "") and "No space left on device" in run.err


@pytest.mark.parametrize("recording", ["csv", "text"])
def test_a_disk_that_fills_up(folder: Path, recording: str) -> None:
    (folder / "long.py").write_text(
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "for i in range(50_000):\n    abs(i)\nprint('done')\n"
    )
    run = pikos_run(folder, "functions", "-o", f"x.{recording}", "--recording", recording, "--buffered", "long.py")
    assert (run.code, run.out) == (0, "done\n")
    assert run.err.count("File too large; records from then on are lost") == 1
    assert (folder / f"x.{recording}").stat().st_size > 60_000


@pytest.mark.parametrize(
    "code, error", [("raise KeyError('x')", "KeyError: 'x'"), ("sys.exit(3)", ""), ("sys.exit('no')", "no")]
)
def test_the_programs_own_end(folder: Path, code: str, error: str) -> None:
    (folder / "ends.py").write_text(f"import sys\nprint(__file__, __name__)\ndef f():\n    {code}\nf()\n")
    plain = python(["ends.py"], cwd=folder)
    run = pikos_run(folder, "functions", "-o", "x.csv", "ends.py")
    assert (run.code, run.out, run.err) == (plain.code, plain.out, plain.err)
    assert error in run.err
    assert "f" in {row["function"] for row in rows(folder / "x.csv")}


def test_records_are_kept_when_the_program_is_stopped(folder: Path) -> None:
    (folder / "waits.py").write_text("import time\ndef f():\n    print('up', flush=True)\n    time.sleep(30)\nf()\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "pikos.runner", "functions", "-o", "x.csv", "waits.py"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == -signal.SIGTERM
    process.stdout.close()
    assert {row["function"] for row in rows(folder / "x.csv")} <= {"<module>", "f", "print", "sleep"}
    assert "print" in {row["function"] for row in rows(folder / "x.csv")}
    (folder / "leaves.py").write_text("import os\nabs(1)\nos._exit(5)\n")
    assert pikos_run(folder, "functions", "-o", "y.csv", "leaves.py").code == 5
    assert "abs" in {row["function"] for row in rows(folder / "y.csv")}


def test_a_module(folder: Path) -> None:
    package = folder / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "tool.py").write_text(
        textwrap.dedent("""
        import sys
        from . import __name__ as package
        def main():
            print(package, __name__, sys.argv[1:], __spec__.name)
        main()
    """)
    )
    plain = python(["-m", "package.tool", "a", "-o"], cwd=folder)
    run = pikos_run(folder, "lines", "-o", "x.csv", "--focused-on", "main", "-m", "package.tool", "a", "-o")
    assert (run.code, run.out, run.err) == (plain.code, plain.out, plain.err)
    assert [row["function"] for row in rows(folder / "x.csv")] == ["main"]


def command(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """`pikos-run` as it is installed: its own folder is first on sys.path, not the working folder."""
    import sysconfig

    path = Path(sysconfig.get_path("scripts")) / "pikos-run"
    return subprocess.run([path, *arguments], cwd=folder, capture_output=True, text=True, env=environment(**env))


SHOW = "import os, sys\nprint(__name__, sys.path[0], sys.path.count(os.getcwd()), sys.argv)\n"


def test_a_module_is_looked_for_as_python_does(folder: Path) -> None:
    (folder / "single.py").write_text(SHOW)
    for name in ("__init__.py", "__main__.py", "part.py", "inner/__init__.py", "inner/__main__.py"):
        path = folder / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SHOW)
    for name in ("single", "package", "package.part", "package.inner"):
        plain = python(["-m", name, "a", "-o"], cwd=folder)
        run = command(folder, "functions", "-o", "x.csv", "-m", name, "a", "-o")
        assert (run.returncode, run.stdout, run.stderr) == (plain.code, plain.out, plain.err)
        assert plain.code == 0 and str(folder) in plain.out
        assert any(row["filename"].startswith(str(folder)) for row in rows(folder / "x.csv"))


def test_a_module_of_the_working_folder_is_focused_on(folder: Path) -> None:
    (folder / "mine.py").write_text("def f():\n    return len('abc')\n")
    (folder / "uses.py").write_text("import mine\nmine.f()\n")
    run = command(folder, "functions", "-o", "x.csv", "--focused-on", "mine.f", "-m", "uses")
    assert (run.returncode, run.stderr) == (0, "")
    assert [row["function"] for row in rows(folder / "x.csv")] == ["f", "len", "len", "f"]


def test_a_safe_path_leaves_the_working_folder_out(folder: Path) -> None:
    (folder / "single.py").write_text(SHOW)
    plain = python(["-m", "single"], cwd=folder, env={"PYTHONSAFEPATH": "1"})
    run = command(folder, "lines", "-m", "single", PYTHONSAFEPATH="1")
    assert (run.returncode, run.stdout) == (plain.code, plain.out) == (1, "")
    # The interpreter names itself, as it was called.
    assert run.stderr.endswith("python: No module named single\n") and plain.err.endswith(": No module named single\n")


def test_a_working_folder_that_is_gone(folder: Path) -> None:
    away = folder / "away"
    code = f"import os, subprocess, sys; os.mkdir({str(away)!r}); os.chdir({str(away)!r}); os.rmdir({str(away)!r}); "
    shows = "import sys; print([p for p in sys.path if 'bin' in p or p in ('', '.')])"
    (folder / "shows.py").write_text(shows)
    import sysconfig

    path = Path(sysconfig.get_path("scripts")) / "pikos-run"
    ends = []
    for start in ([sys.executable], [str(path), "functions", "-o", str(folder / "x.csv")]):
        arguments = [*start, "-m", "shows"]
        env = {"PYTHONPATH": f"{folder}{os.pathsep}{environment()['PYTHONPATH']}"}
        ends.append(python(["-c", f"{code}sys.exit(subprocess.call({arguments!r}))"], env=env))
    assert ends[0] == ends[1] == type(ends[0])(0, "[]\n", "")


def test_a_program_that_traces_itself(folder: Path) -> None:
    (folder / "traces.py").write_text(
        "import sys\ndef f():\n    return 1\nf()\nseen = []\nsys.settrace(lambda *event: seen.append(event[1]))\nf()\nsys.settrace(None)\n"
        "print(seen)\nf()\n"
    )
    plain = python(["traces.py"], cwd=folder)
    run = pikos_run(folder, "lines", "-o", "x.csv", "traces.py")
    assert (run.code, run.out) == (plain.code, plain.out)
    calls = [row["function"] for row in rows(folder / "x.csv")].count("f")
    if sys.version_info >= (3, 12):
        assert (calls, run.err) == (3, "")
    else:
        assert calls == 1 and "the program called sys.settrace: no lines were recorded from then on" in run.err


def test_all_threads(folder: Path) -> None:
    (folder / "threads.py").write_text(
        "import threading\ndef work():\n    abs(1)\nt = threading.Thread(target=work)\nt.start()\nt.join()\n"
    )
    for arguments, seen in ((["--threads"], True), ([], False)):
        pikos_run(folder, "functions", "-o", "x.csv", *arguments, "threads.py").succeeded()
        assert ("work" in {row["function"] for row in rows(folder / "x.csv")}) == seen


def test_text(folder: Path) -> None:
    pikos_run(folder, "functions", "--recording", "text", "program.py").succeeded()
    text = (folder / "monitor_records.log").read_text().splitlines()
    assert text[0].split() == ["index", "type", "function", "lineNo", "filename"]
    assert sum("double" in line for line in text) == 4


def test_a_report_of_lines(folder: Path) -> None:
    run = pikos_run(folder, "lines", "--report", "--focused-on", "main,double", "program.py").succeeded()
    lines = run.out.splitlines()
    assert lines[0] == "done"
    hits = {line.split()[0]: line.split()[1] for line in lines if line[:6].strip().isdigit() and line[6:17].strip()}
    assert hits == {"4": "2", "11": "1", "12": "3", "13": "2", "14": "1"}
    assert any(line.endswith("        thing.method(i)") for line in lines)
    first = next(line for line in lines if "program.py:" in line)
    assert first.startswith("main  ")
    # 10 is shown, for its source, and has no figures.
    assert any(line.split() == ["10", "def", "main(n):"] for line in lines)


def test_a_reports_times_are_the_programs(folder: Path) -> None:
    (folder / "sleeps.py").write_text(
        "import time\ndef inner():\n    time.sleep(0.2)\ndef outer(n):\n    if n:\n        outer(n - 1)\n    inner()\n    time.sleep(0.05)\nouter(1)\n"
    )
    arguments = ["--report", "--focused-on", "outer,inner", "-o", "table.json", "sleeps.py"]
    assert pikos_run(folder, "lines", *arguments).succeeded().out == ""
    lines = lines_of(folder / "table.json")
    seconds = {number: line["time"] for number, line in lines.items()}
    # What it calls is no line's own.
    assert 0.4 <= lines[3]["own_time"] < 0.6 and lines[7]["own_time"] < 0.1
    # Two calls of each; the outer activation's line 6 holds all of the inner one.
    assert 0.4 <= seconds[3] and 0.4 <= seconds[7] and 0.1 <= seconds[8] and 0.25 <= seconds[6] < seconds[7]


def lines_of(path: Path) -> dict[int, Any]:
    """The lines of a report in JSON, by number."""
    functions = json.loads(path.read_text())["functions"]
    return {line["line"]: line for function in functions for line in function["lines"]}


def test_a_report_of_memory(folder: Path) -> None:
    (folder / "grows.py").write_text(
        "def main():\n    small = 1\n    large = bytearray(b'x') * (64 << 20)\n    del large\n    again = bytearray(b'y') * (8 << 20)\n    return small\nmain()\n"
    )
    arguments = ["--report", "--focused-on=main", "-o", "grown.json", "grows.py"]
    pikos_run(folder, "line_memory", *arguments).succeeded()
    lines = lines_of(folder / "grown.json")
    mib = 1 << 20
    for number, growth in ((3, 64), (4, -64), (5, 8)):
        assert lines[number]["growth"] / mib == pytest.approx(growth, abs=2)
        assert lines[number]["own"] / mib == pytest.approx(growth, abs=2)
    assert lines[3]["peak"] / mib == pytest.approx(lines[2]["peak"] / mib + 64, abs=2)


def test_it_is_a_command() -> None:
    import sysconfig

    command = Path(sysconfig.get_path("scripts")) / "pikos-run"
    done = subprocess.run([command, "--help"], capture_output=True, text=True, env=environment())
    assert done.returncode == 0 and "--focused-on" in done.stdout
