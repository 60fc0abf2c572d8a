"""`pikos report`: where the page goes, what is in it, and what is not."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pikos import stats
from running import Run, python

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

PROGRAM = """
def helper(n):
    return sum(k * k for k in range(n))

def main():
    return [helper(20_000) for _ in range(20)]

main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a program and its profile."""
    (tmp_path / "app.py").write_text(PROGRAM)
    python(["-m", "pikos.cprofile", "--tree", "-o", "app.pikos", "app.py"], cwd=tmp_path).succeeded()
    return tmp_path


def report(folder: Path, *arguments: str | Path, path: str | None = None) -> Run:
    env = {"PATH": path} if path is not None else None
    return python(["-m", "pikos", "report", *arguments], cwd=folder, env=env)


def test_the_page_is_called_like_its_profile(folder: Path) -> None:
    assert report(folder, "app.pikos").succeeded().out == "app.html: open it in a browser, or add --open\n"
    page = (folder / "app.html").read_text()
    assert "return sum(k * k for k in range(n))" in page
    # It is a page of ours, which may be replaced, and a profile that is read.
    report(folder, "app.pikos").succeeded()
    assert "helper" in python(["-m", "pikos", "stats", "app.html"], cwd=folder).succeeded().out


def test_the_page_that_is_read_is_left_alone(folder: Path) -> None:
    python(["-m", "pikos", "export", "app.pikos", "-o", "app.html"], cwd=folder).succeeded()
    before = (folder / "app.html").read_bytes()
    assert report(folder, "app.html").succeeded().out.startswith("app-report.html:")
    assert (folder / "app.html").read_bytes() == before
    assert b"return sum(" not in before, "an export reads no files"
    assert "return sum(" in (folder / "app-report.html").read_text()


def test_a_file_that_is_no_page_of_ours_is_left_alone(folder: Path) -> None:
    (folder / "app.html").write_text("<title>mine</title>")
    run = report(folder, "app.pikos")
    assert (run.code, run.out) == (1, "")
    assert (
        run.err
        == "pikos: app.html is there already, and is not a page that Pikos has made: choose another file with `-o FILE`\n"
    )
    assert (folder / "app.html").read_text() == "<title>mine</title>"
    report(folder, "app.pikos", "-o", "other.html").succeeded()


def test_several_profiles_are_added_up(folder: Path) -> None:
    report(folder, "app.pikos", "app.pikos", "-o", "sum.html").succeeded()
    rows = {row.name: row for row in stats.load(folder / "sum.html")}
    assert rows["helper"].ncalls == 40


def test_what_changed_takes_two(folder: Path) -> None:
    run = report(folder, "--diff", "app.pikos")
    assert (run.code, run.err) == (
        2,
        "pikos: `--diff` takes two profiles: the older one, then the newer one\n",
    )
    assert report(folder, "--diff", "app.pikos", "app.pikos").succeeded().out.startswith("app-app-diff.html:")


def test_the_page_goes_to_standard_output(folder: Path) -> None:
    run = report(folder, "app.pikos", "-o", "-").succeeded()
    assert run.out.startswith("<!DOCTYPE html>") and run.out.endswith("</html>\n")


@pytest.mark.skipif(sys.platform != "linux", reason="a stand-in for xdg-open")
def test_the_browser_is_opened_or_said_not_to_be(folder: Path) -> None:
    tools = folder / "tools"
    tools.mkdir()
    opener = tools / "xdg-open"
    opener.write_text(f'#!/bin/sh\nprintf "%s" "$1" > "{folder}/opened"\n')
    opener.chmod(0o755)
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    assert report(folder, "app.pikos", "--open", path=path).succeeded().out == "app.html\n"
    assert Path((folder / "opened").read_text()) == (folder / "app.html").resolve()
    opener.write_text("#!/bin/sh\nexit 3\n")
    run = report(folder, "app.pikos", "--open", path=path)
    assert run.code == 1 and run.err.endswith(": open app.html yourself\n")
    assert (folder / "app.html").exists()


def test_source_can_be_left_out(folder: Path) -> None:
    report(folder, "app.pikos", "--no-source").succeeded()
    assert "return sum(" not in (folder / "app.html").read_text()


def sources(page: Path) -> list[dict[str, Any]]:
    """The functions' source, as the page has it."""
    found = re.search(r'id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found.group(1))["sources"]  # type: ignore[no-any-return]


@pytest.mark.parametrize(("monitor", "what"), [("lines", "time"), ("line_memory", "memory")])
def test_figures_of_lines_stand_beside_the_source(folder: Path, monitor: str, what: str) -> None:
    program = ["-m", "pikos.runner", monitor, "--report", "-o", "lines.json", "app.py"]
    python(program, cwd=folder).succeeded()
    report(folder, "app.pikos", "--lines", "lines.json").succeeded()
    helper = next(source for source in sources(folder / "app.html") if "def helper(n):" in source["lines"][0])
    figures = helper["figures"]
    assert (figures["what"], figures["hits"][0]) == (what, None)
    # From 3.12 on each round of the generator is a hit of its line.
    assert figures["hits"][1] >= 20 and len(figures["with_calls"]) == len(figures["own"]) == len(helper["lines"])
    if what == "time":
        assert 0 < figures["own"][1] <= figures["with_calls"][1]
    # Of a file that was changed since, nobody knows which line they are of.
    (folder / "app.py").write_text(PROGRAM.replace("k * k", "k + k"))
    report(folder, "app.pikos", "--lines", "lines.json").succeeded()
    helper = next(source for source in sources(folder / "app.html") if "def helper(n):" in source["lines"][0])
    assert "figures" not in helper


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (
            '{"functions": []}',
            "this is a report that tells of no line: `pikos lines --report -o lines.json app.py` writes one that does",
        ),
        (
            "hits",
            "line 1, column 1: this is no report of lines: `pikos lines --report -o lines.json app.py` writes one",
        ),
        (
            '{"functions": [{"function": "f", "filename": "x.py", "first_line": 1, "lines": [{"line": 1, "hits": 1}]}]}',
            "none of its functions is in this profile: is it of the same program?",
        ),
    ],
)
def test_what_are_no_figures_of_lines_is_said(folder: Path, content: str, problem: str) -> None:
    (folder / "lines.json").write_text(content)
    run = report(folder, "app.pikos", "--lines", "lines.json")
    assert (run.code, run.err) == (1, f"pikos: lines.json: {problem}\n")
    assert not (folder / "app.html").exists()


def test_a_file_that_has_changed_since_is_said_to(folder: Path) -> None:
    later = (folder / "app.py").stat().st_mtime + 100
    os.utime(folder / "app.py", (later, later))
    report(folder, "app.pikos").succeeded()
    assert '"changed":true' in (folder / "app.html").read_text()


def test_only_the_code_of_functions_gets_into_a_page(folder: Path) -> None:
    """A stranger's profile may name any file."""
    (folder / "secret.txt").write_text("def helper(n): password\n")
    (folder / "secret.py").write_text("KEY = 'password'\ndef other(): pass\n")
    os.mkfifo(folder / "pipe.py")
    frames = ["secret.txt:1", "secret.py:1", "secret.py:2", "pipe.py:1", "gone.py:1", "/dev/zero:1", "app.py:2"]
    lines = "".join(f"main;helper ({folder}/{place}) 10\n" for place in frames)
    (folder / "hostile.folded").write_text(lines)
    report(folder, "hostile.folded").succeeded()
    page = (folder / "hostile.html").read_text()
    assert "password" not in page and "return sum(" in page
