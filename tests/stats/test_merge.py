"""`pikos.stats.merge`: sums of profiles, and profiles side by side in one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pikos import stats

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]


def profile(calls: int, path: Path) -> stats.Profile:
    """Of `main`, which has called `leaf` so often."""
    path.write_text(f"main 10\nmain;leaf {calls}\n")
    return stats.load(path, "collapsed")


def test_figures_are_added_up(tmp_path: Path) -> None:
    one, other = (profile(calls, tmp_path / f"{calls}.folded") for calls in (3, 4))
    merged = stats.merge(one, other, tmp_path / "3.folded")
    assert {row.name: row.tottime for row in merged} == {"main": 30.0, "leaf": 10.0}
    tree = merged.tree()
    assert tree is not None and [(node.name, node.parent, node.tottime) for node in tree] == [
        ("main", None, 30.0),
        ("leaf", 0, 10.0),
    ]
    assert len(stats.merge()) == 0


def test_named_ones_stay_apart(tmp_path: Path) -> None:
    one, other = (profile(calls, tmp_path / f"{calls}.folded") for calls in (3, 4))
    tree = stats.merge(one, other, names=["monday", "tuesday"]).tree()
    assert tree is not None
    assert [node.name for node in tree if node.parent is None] == ["monday", "tuesday"]
    assert {node.name: node.tottime for node in tree if node.name.startswith("leaf")} == {
        "leaf [monday]": 3.0,
        "leaf [tuesday]": 4.0,
    }


def test_what_has_no_sum_is_refused(tmp_path: Path) -> None:
    one = profile(3, tmp_path / "a.folded")
    with pytest.raises(ValueError, match="1 profiles and 2 names: give one for each"):
        stats.merge(one, names=["a", "b"])
    with pytest.raises(TypeError, match="can't take a profile from a int"):
        stats.merge(one, 7)
