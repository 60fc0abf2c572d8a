"""An interpreter's command line is read as the interpreter reads it: asked of the interpreter itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pikos._launcher.interpreter import split

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

LINES = [
    ["script.py", "-m", "cProfile"],
    ["-X", "dev", "script.py"],
    ["-Xdev", "-W", "ignore", "script.py", "-c", "x"],
    ["-BsW", "ignore", "script.py"],
    ["-BO", "-c", "import sys; print(sys.orig_argv)", "-m"],
    ["-Bc", "import sys; print(sys.orig_argv)", "one"],
    ["-cimport sys; print(sys.orig_argv)", "one"],
    ["-m", "here", "-o", "x"],
    ["-Xutf8mhere", "-mhere", "-o", "x"],
    ["-um", "here"],
    ["--check-hash-based-pycs", "always", "script.py"],
    ["--", "script.py", "--"],
    ["-", "one"],
    ["-W", "-c", "script.py"],
]


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_it_is_split_where_the_interpreter_splits_it(tmp_path: Path, line: list[str]) -> None:
    asks = "import sys; print(sys.orig_argv, sys.argv, sep=chr(10))"
    for name in ("script.py", "here.py"):
        (tmp_path / name).write_text(asks)
    line = [word.replace("import sys; print(sys.orig_argv)", asks) for word in line]
    run = subprocess.run(
        [sys.executable, *line], cwd=tmp_path, capture_output=True, text=True, input=asks if "-" in line else None
    )
    assert run.returncode == 0, run.stderr
    orig_argv, argv = map(eval, run.stdout.splitlines())
    options, how, rest = split(orig_argv)
    assert rest[1:] == argv[1:]
    # The same options and the same rest are the same line.
    again = [how, *rest] if how else ["--", *rest]
    same = subprocess.run(
        [sys.executable, *options, *again],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        input=asks if "-" in line else None,
    )
    assert same.stdout.splitlines()[1] == run.stdout.splitlines()[1]
