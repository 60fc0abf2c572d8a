"""`pikos-run line_memory --report --where`: which objects the lines made that grew the memory."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from running import Run, python

PROGRAM = """\
class Session:
    def __init__(self, rows):
        self.rows = rows

CACHE = []

def work():
    for number in range(20_000):
        CACHE.append(Session(["x" * 400 + str(number)]))

work()
"""


def reported(folder: Path, *options: str) -> Run:
    (folder / "app.py").write_text(PROGRAM)
    return python(["-m", "pikos.runner", "line_memory", "--report", *options, "app.py"], cwd=folder)


@pytest.mark.parametrize("options", [["--types", "Session"], ["--where"]])
def test_a_line_that_grew_says_what_it_made(tmp_path: Path, options: list[str]) -> None:
    out = reported(tmp_path, *options).succeeded().out
    sentence = next(line for line in out.replace("\n  ", " ").splitlines() if "Session" in line and "made" in line)
    assert re.search(r"^app\.py:9 grew by [\d.]+ MiB and made .*20,000 (__main__|app)\.Session", sentence), sentence
    assert ("str" in out.partition("work  app.py")[0]) == (options == ["--where"] and sys.version_info >= (3, 13))


def test_it_is_in_the_other_forms_as_well(tmp_path: Path) -> None:
    report = json.loads(reported(tmp_path, "--types", "Session", "--json").succeeded().out)
    assert any("20,000" in note and "Session" in note for note in report["notes"])


def test_without_it_objects_are_not_counted(tmp_path: Path) -> None:
    assert "made" not in reported(tmp_path).succeeded().out


def test_it_is_for_memory(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(PROGRAM)
    run = python(["-m", "pikos.runner", "lines", "--report", "--types", "list", "app.py"], cwd=tmp_path)
    assert run.code == 2
    assert "--types is for objects, and for line_memory --report" in run.err
