"""`pikos run`: the program runs as without us, its profile is saved by itself, and a summary says where the time went."""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import pytest
from running import PATIENCE, environment, python

pytestmark = [pytest.mark.slow_in_debug, pytest.mark.beyond_cprofile]

PROGRAM = """
    import json, sys, threading
    def leaf(n): return json.dumps(list(range(n)))
    def work(n): return [leaf(n) for _ in range(20)]
    def main():
        thread = threading.Thread(target=work, args=(300,))
        thread.start()
        thread.join()
        work(500)
        print("out", sys.argv[1:])
        print("err", file=sys.stderr)
    main()
    sys.exit(3)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(textwrap.dedent(PROGRAM))
    return tmp_path


def saved(folder: Path) -> list[Path]:
    """What was left there beside the program."""
    return sorted(path for path in folder.iterdir() if path.suffix == ".pikos")


def counts(path: Path) -> dict[str, int]:
    rows = python(["-m", "pikos", "stats", path, "--json"]).succeeded().out
    found: dict[str, int] = {}
    for name, ncalls in re.findall(r'"name":"([^"]*)".*?"ncalls":(\d+)', rows):
        found[name] = found.get(name, 0) + int(ncalls)
    return found


def test_the_program_runs_as_it_would_and_the_summary_says_where_its_time_went(folder: Path) -> None:
    plain = python(["app.py", "a", "-q"], cwd=folder)
    run = python(["-m", "pikos", "run", "app.py", "a", "-q"], cwd=folder)
    assert (run.code, run.out) == (plain.code, plain.out) == (3, "out ['a', '-q']\n")
    assert run.err.startswith(plain.err)
    [path] = saved(folder)
    assert re.fullmatch(r"app-\d{8}-\d{6}\.pikos", path.name)
    summary = run.err.removeprefix(plain.err)
    assert "app.py a -q" in summary.splitlines()[1]
    assert re.search(r"in all 2 threads together", summary)
    assert re.search(r"main  app\.py:5$", summary, re.MULTILINE)
    # All threads, and one's own code alone in the tree; of others it is said for whom they worked.
    assert re.search(r" 40  └─ leaf|20  +(│  )?└─ leaf", summary)
    tree = summary.split("Your code")[1].split("Functions that take")[0]
    assert "json" not in tree
    assert re.search(r"for leaf  app\.py:3", summary)
    assert summary.endswith(
        f"Saved to {path.name}\n  look:   pikos view {path.name}\n  share:  pikos report {path.name}\n"
    )
    assert counts(path)["leaf"] == 40


def test_what_is_shown_and_saved_can_be_chosen(folder: Path) -> None:
    plain = python(["app.py"], cwd=folder)
    quiet = python(["-m", "pikos", "run", "-q", "app.py"], cwd=folder)
    assert (quiet.code, quiet.out, quiet.err) == (plain.code, plain.out, plain.err)
    [path] = saved(folder)
    path.unlink()

    nothing = python(["-m", "pikos", "run", "--no-save", "app.py"], cwd=folder)
    assert "Your code" in nothing.err and "Saved" not in nothing.err and not saved(folder)

    table = python(["-m", "pikos", "run", "--no-save", "--table", "-s", "ncalls", "app.py"], cwd=folder)
    assert "Ordered by: call count" in table.out and "Your code" not in table.err

    short = python(["-m", "pikos", "run", "--no-save", "--table", "-n", "2", "-s", "ncalls", "app.py"], cwd=folder)
    rows = short.out.partition("filename:lineno(function)\n")[2].split("\n\n")[0]
    assert "due to restriction <2>" in short.out and len(rows.splitlines()) == 2
    for words, what in (["-n", "2"], "add --table"), (["--table", "-n", "0"], "1 or more"), (["--table", "-nx"], "'x'"):
        wrong = python(["-m", "pikos", "run", *words, "app.py"], cwd=folder)
        assert (wrong.code, what in wrong.err) == (2, True), wrong.err

    named = python(["-m", "pikos", "run", "-o", "out.pstats", "app.py"], cwd=folder)
    # Nobody has asked for stacks in it.
    assert "can't hold full stacks" not in named.err and "Saved to out.pstats" in named.err
    assert (folder / "out.pstats").read_bytes()[:1] == b"{"
    assert not saved(folder)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["-m", "package.tool"], "package.tool"),
        (["-c", "print('x')"], "code"),
        (["sub/odd näme; $x.py"], "odd-näme---x"),
        (["-"], "stdin"),
        (["package"], "package"),
    ],
)
def test_the_file_is_named_after_the_program(folder: Path, words: list[str], name: str) -> None:
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").touch()
    (folder / "package" / "tool.py").write_text("print('x')")
    (folder / "package" / "__main__.py").write_text("print('x')")
    (folder / "sub").mkdir()
    (folder / "sub" / "odd näme; $x.py").write_text("print('x')")
    run = python(["-m", "pikos", "run", *words], cwd=folder, stdin="print('x')")
    assert (run.code, run.out) == (0, "x\n"), run.err
    [path] = saved(folder)
    assert re.fullmatch(re.escape(name) + r"-\d{8}-\d{6}\.pikos", path.name)


def test_lines_fit_and_a_pipe_has_no_colours(folder: Path) -> None:
    for columns in (40, 60, 200):
        run = python(["-m", "pikos", "run", "--no-save", "app.py"], cwd=folder, env={"COLUMNS": str(columns)})
        assert "\x1b" not in run.err
        assert max(map(len, run.err.splitlines())) <= columns


def test_a_program_that_fails_has_its_traceback_and_its_profile(folder: Path) -> None:
    (folder / "bad.py").write_text("def f(): raise ValueError('no')\nf()\n")
    plain = python(["bad.py"], cwd=folder)
    run = python(["-m", "pikos", "run", "bad.py"], cwd=folder)
    assert (run.code, run.out) == (plain.code, plain.out)
    assert run.err.endswith(plain.err)
    [path] = saved(folder)
    assert counts(path)["f"] == 1


def test_wrong_usage_names_the_command(folder: Path) -> None:
    for words, expected in [
        ([], "name a program"),
        (["--no-such", "app.py"], "no such option: --no-such"),
        (["--no-save", "--open", "app.py"], "choose one of them"),
        (["--interval", "1", "app.py"], "add --live"),
        (["-o", "no/such/x.pikos", "app.py"], "make it first"),
    ]:
        run = python(["-m", "pikos", "run", *words], cwd=folder)
        assert run.code == 2 and run.out == "" and expected in run.err, run
        assert run.err.startswith("Usage: pikos run ") and "pikos run: error:" in run.err
    assert not saved(folder)


def test_help_ends_with_the_next_step() -> None:
    run = python(["-m", "pikos", "run", "--help"]).succeeded()
    assert run.out.startswith("Usage: pikos run [OPTION]...")
    assert run.out.rstrip().endswith("share it with `pikos report FILE`.")
    assert "--threads" in run.out and "--no-save" in run.out


def test_a_file_is_looked_at_and_a_program_is_not(folder: Path) -> None:
    python(["-m", "pikos", "run", "-q", "app.py"], cwd=folder)
    [path] = saved(folder)
    looked = python(["-m", "pikos", path]).succeeded()
    assert looked.out == python(["-m", "pikos", "view", path]).succeeded().out
    assert "leaf" in looked.out
    program = python(["-m", "pikos", "app.py"], cwd=folder)
    assert program.code == 2 and program.err.endswith("type `pikos run app.py`\n")
    missing = python(["-m", "pikos", "missing.pikos"], cwd=folder)
    assert (missing.code, missing.err) == (1, "pikos: missing.pikos: No such file or directory\n")


def test_the_script_does_the_same_as_the_module(folder: Path) -> None:
    script = Path(sysconfig.get_path("scripts")) / "pikos"
    done = subprocess.run(
        [script, "run", "app.py"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (3, "out []\n")
    assert "Your code" in done.stderr and "runs inside of this process" not in done.stderr
    assert len(saved(folder)) == 1


def test_an_interpreter_that_finds_nothing_runs_it_within(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-m", "pikos", "run", "app.py"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stdout) == (3, "out []\n")
    assert "the program runs inside of this process" in done.stderr and "Your code" in done.stderr
