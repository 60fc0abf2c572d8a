"""Projects with tests, each run by a pytest of its own, which finds our plugin by itself."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pikos.stats
from running import PATIENCE, environment

SHOP = """
import json

EXTRA = 0

def load(n):
    return [row(k) for k in range(n + EXTRA)]

def row(k):
    return json.dumps({"n": k})
"""

TESTS = """
import time
import pytest
import shop

@pytest.fixture(scope="module")
def rows():
    return shop.load(7)

def test_few(rows):
    assert len(shop.load(3)) >= 3

@pytest.mark.parametrize("n", [10, 20])
def test_many(n):
    shop.load(n)

class TestBlock:
    def test_part(self, pikos):
        shop.load(1)
        with pikos() as block:
            shop.load(5)
        assert block.calls_of(shop.load) == 1
        assert block.calls_of(shop.row) == block.calls_of(r"shop.py:\\d+\\(row\\)") >= 5
"""


def project(folder: Path, tests: str = TESTS) -> None:
    (folder / "shop.py").write_text(SHOP)
    (folder / "test_shop.py").write_text(textwrap.dedent(tests))


#: pytest-asyncio warns of what isn't set, and here warnings are errors: it is there for its own tests alone.
PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio")


def run(
    folder: Path, *options: str, env: dict[str, str] | None = None, pytest: Sequence[str] = PYTEST
) -> tuple[int, str]:
    done = subprocess.run(
        [*pytest, *options],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=PATIENCE,
        env={
            # That of a pytest in which this one runs isn't for it.
            **{name: value for name, value in environment().items() if not name.startswith("PYTEST_")},
            "COLUMNS": "160",
            **(env or {}),
        },
    )
    return done.returncode, done.stdout + done.stderr


def calls(path: Path) -> dict[str, int]:
    return {row.name: row.ncalls or 0 for row in pikos.stats.load(path) if row.file.endswith("shop.py")}


def index(folder: Path) -> dict[str, dict[str, object]]:
    tests: dict[str, dict[str, object]] = json.loads((folder / "tests.json").read_text())["tests"]
    return tests
