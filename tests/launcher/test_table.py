"""The launcher's table is printed without pstats, and is pstats' to the byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import python

pytestmark = [pytest.mark.slow_in_debug, pytest.mark.beyond_cprofile]

PROGRAM = """
import collections, json, pathlib
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
class Näme:
    def __repr__(self): return fib(3) and 'x'
pair = [lambda: 1, lambda: 2]
fib(12), repr(Näme()), json.loads('[1, {"a": 2}]'), sorted([3, 1], key=abs), [f() for f in pair]
"""

# The profile as the launcher would save it, its table, and pstats' own.
BOTH = """
import contextlib, io, pathlib, sys
from pikos.cprofile import Profile
from pikos._launcher.request import Request
from pikos._launcher.session import Session
from pikos._options import Options
profile = Profile()
with contextlib.suppress(SystemExit):
    profile.run(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
sort = int(sys.argv[2]) if sys.argv[2].lstrip("-").isdigit() else sys.argv[2]
ours = Session(profile, Request(Options(), None, sort, False)).table()
theirs = io.StringIO()
with contextlib.redirect_stdout(theirs):
    profile.print_stats(sort)
assert len(ours) > 500
sys.exit(0 if ours == theirs.getvalue() else f"--- ours\\n{ours}\\n--- pstats\\n{theirs.getvalue()}")
"""


@pytest.mark.parametrize(
    "sort",
    ["2", "calls", "ncalls", "cumtime", "cumulative", "filename", "line", "module", "name", "nfl", "pcalls", "stdname"]
    + ["time", "tottime"],
)
def test_it_is_pstats_own(tmp_path: Path, sort: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    python(["-c", BOTH, program, sort]).succeeded()


def test_all_of_pstats_sort_keys_are_known_here() -> None:
    code = "import pstats; from pikos._launcher.options import SORT_KEYS; print(*set(pstats.Stats.sort_arg_dict_default) ^ SORT_KEYS)"
    assert python(["-c", code]).succeeded().out == "\n"


@pytest.mark.parametrize("options", [[], ["-s", "calls"]])
def test_pstats_is_not_imported(options: list[str]) -> None:
    code = "import atexit, sys; atexit.register(lambda: print('pstats' in sys.modules))"
    run = python(["-m", "pikos.cprofile", *options, "-c", code]).succeeded()
    assert "function calls" in run.out
    assert run.out.endswith("\nFalse\n")


def test_a_name_that_the_output_cannot_show_does_not_cost_the_table(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    run = python(["-m", "pikos.cprofile", program], env={"PYTHONIOENCODING": "ascii"}).succeeded()
    assert "(N\\xe4me)" in run.out and "(fib)" in run.out
