"""What the tests of live profiles share as fixtures; the rest is in ../support/watching.py."""

from pathlib import Path

import pytest


@pytest.fixture
def script(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The program of the test's module, its PROGRAM, as a file."""
    path = tmp_path / "program.py"
    path.write_text(request.module.PROGRAM)
    return path
