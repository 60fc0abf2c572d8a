"""PLATFORM.md says what Pikos says: each sentence that it quotes stands in pikos-os, and each of those stands there."""

from __future__ import annotations

import re

import pytest
from running import TESTS

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

ROOT = TESTS.parent


def test_every_sentence_of_the_page_is_one_that_pikos_says_and_none_is_missing() -> None:
    page = (ROOT / "PLATFORM.md").read_text(encoding="utf-8")
    quoted = re.findall(r"^- \*\*\[[A-Z]\]\*\* (.+)$", page, re.MULTILINE)
    source = (ROOT / "crates/pikos-os/src/unsupported.rs").read_text(encoding="utf-8")
    said = re.findall(r'#\[error\(\s*"(.+?)"\s*\)\]', source, re.DOTALL)
    assert quoted, "the page quotes nothing"
    assert sorted(quoted) == sorted(said)


def test_every_mark_of_the_table_is_explained() -> None:
    page = (ROOT / "PLATFORM.md").read_text(encoding="utf-8")
    table, _, rest = page.partition("## What Pikos says")
    marks = set(re.findall(r"\[([A-Z0-9])\]", table))
    assert marks == set(re.findall(r"^- \*\*\[([A-Z0-9])\]\*\*", rest, re.MULTILINE))
