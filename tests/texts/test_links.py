"""scripts/check_links.py finds each kind of link that leads nowhere, and leaves code alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

import check_links

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "repository"
    (root / "docs").mkdir(parents=True)
    (root / "docs" / "other.md").write_text("# Full stacks: `--tree`\n\n# Twice\n\n# Twice\n\n```\n# no heading\n```\n")
    (root / "picture.svg").write_text("<svg/>")
    (tmp_path / "outside.md").write_text("")
    monkeypatch.setattr(check_links, "ROOT", root)
    return root / "page.md"


@pytest.mark.parametrize(
    "text",
    [
        "[a](docs/other.md) and [b](docs/other.md#full-stacks---tree), [c](docs/other.md#twice-1)",
        "[over two\nlines](docs/other.md)",
        "# Here\n[up](#here) ![p](picture.svg) [![p](picture.svg)](docs/other.md)",
        '<picture><source srcset="picture.svg"><img src="picture.svg"></picture>',
        "[elsewhere](https://example.org/missing#too) <mailto:a@example.org>",
        "`[code](missing.md)` and ``a ` [code](missing.md)``",
        "```md\n[code](missing.md)\n```\n\n    [code](missing.md)\n",
    ],
)
def test_what_is_right(page: Path, text: str) -> None:
    page.write_text(text)
    assert list(check_links.faults(page)) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("\n[a](missing.md)", "page.md:2: missing.md: there is no such file"),
        ("[over two\nlines](missing.md)", "page.md:2: missing.md: there is no such file"),
        ("![a](missing.svg)", "page.md:1: missing.svg: there is no such file"),
        ("[![a](missing.svg)](page.md)", "page.md:1: missing.svg: there is no such file"),
        ('<img alt="a" src="missing.svg">', "page.md:1: missing.svg: there is no such file"),
        ('<source media="dark" srcset="missing.svg">', "page.md:1: missing.svg: there is no such file"),
        ("[a](docs/other.md#no-heading)", "page.md:1: docs/other.md#no-heading: other.md has no such heading"),
        ("[a](#nowhere)", "page.md:1: #nowhere: page.md has no such heading"),
        ("[a](/docs/other.md)", "page.md:1: /docs/other.md: a link within the repository is relative"),
        ("[a](../outside.md)", "page.md:1: ../outside.md: leads out of the repository"),
    ],
)
def test_what_is_wrong(page: Path, text: str, fault: str) -> None:
    page.write_text(text)
    assert list(check_links.faults(page)) == [fault]
