"""What the launcher's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the programs run, so that relative paths are the same in both runs. What is beside it doesn't disturb them."""
    place = tmp_path / "work"
    place.mkdir()
    return place
