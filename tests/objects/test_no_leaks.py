"""The fixture that fails a test which leaves objects behind."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

APP = """
REGISTRY = []

class Session:
    pass

def open_session(keep):
    session = Session()
    session.me = session
    if keep:
        REGISTRY.append(session)

def rows(keep):
    made = [{"row": number} for number in range(100)]
    if keep:
        REGISTRY.extend(made)
"""


def outcome(folder: Path, test: str, *options: str) -> tuple[int, str]:
    (folder / "app.py").write_text(APP)
    (folder / "conftest.py").write_text('pytest_plugins = ["pikos.objects.pytest"]\n')
    (folder / "test_it.py").write_text("import app\nimport pytest\n\n" + textwrap.dedent(test))
    done = subprocess.run(
        [
            sys.executable,
            *options,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:xdist",
            "-p",
            "no:asyncio",
            str(folder),
        ],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    return done.returncode, done.stdout + done.stderr


def test_what_is_left_behind_fails(tmp_path: Path) -> None:
    code, printed = outcome(
        tmp_path, "def test_leaks(no_leaks):\n    app.open_session(True)\n    app.open_session(True)\n"
    )
    assert code == 1, printed
    assert "the test leaves 2 objects behind" in printed
    assert "2 × app.Session (before: 0, now: 2)" in printed
    assert ".REGISTRY" in printed
    assert "1 failed" in printed and "error" not in printed.splitlines()[-1]
    assert "python -X tracemalloc -m pytest" in printed


def test_places_where_tracemalloc_knows_them(tmp_path: Path) -> None:
    test = "def test_leaks(no_leaks):\n    with no_leaks(types='dict'):\n        app.rows(True)\n"
    code, printed = outcome(tmp_path, test, "-X", "tracemalloc")
    assert code == 1
    assert f"created at {tmp_path / 'app.py'}:14" in printed
    assert "-X tracemalloc" not in printed


@pytest.mark.parametrize(
    "test",
    [
        "def test_cleans_up(no_leaks):\n    app.open_session(False)\n",
        "def test_rows(no_leaks):\n    with no_leaks(types=['dict', 'app.*']):\n        app.rows(False)\n",
        "def test_only_a_part(no_leaks):\n    app.open_session(True)\n    with no_leaks():\n        pass\n",
        "def test_builtins_are_not_meant(no_leaks):\n    app.rows(True)\n",
        "def test_another_type(no_leaks):\n    with no_leaks(types=['app.Other']):\n        app.open_session(True)\n",
    ],
)
def test_what_is_clean_passes(tmp_path: Path, test: str) -> None:
    code, printed = outcome(tmp_path, test)
    assert code == 0, printed


def test_a_part_and_builtins(tmp_path: Path) -> None:
    code, printed = outcome(
        tmp_path, "def test_rows(no_leaks):\n    with no_leaks(types=['dict', app.Session]):\n        app.rows(True)\n"
    )
    assert code == 1
    assert "× dict (before: " in printed and ".REGISTRY" in printed


def test_a_test_that_fails_by_itself(tmp_path: Path) -> None:
    code, printed = outcome(tmp_path, "def test_fails(no_leaks):\n    app.open_session(True)\n    assert 1 == 2\n")
    assert code == 1
    assert "assert 1 == 2" in printed and "leaves" not in printed
