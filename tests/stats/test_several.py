"""Files that hold several profiles, that are packed, or that aren't profiles at all."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pikos.stats
import pytest

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

CALLGRIND = b"events: Ir Dr\nfl=a.c\nfn=f\n1 5 900\ntotals: 5 900\n"


def total(path: Path, **options: str) -> tuple[float, str]:
    facts = pikos.stats.load(path, **options).metadata
    return facts["tottime"], facts["unit"]


def test_one_of_several_is_read_and_the_rest_is_told(tmp_path: Path) -> None:
    callgrind = tmp_path / "x"
    callgrind.write_bytes(CALLGRIND)
    assert total(callgrind) == (5, "Ir")
    assert pikos.stats.load(callgrind).metadata["notes"] == ["the figures are Ir; --event NAME reads another: Dr"]
    assert total(callgrind, event="Dr") == (900, "Dr")
    with pytest.raises(ValueError, match=re.escape("there is no event `Dw` in the file; it has Ir, Dr")):
        pikos.stats.load(callgrind, event="Dw")
    profile = {"type": "sampled", "unit": "seconds", "name": "cpu", "samples": [[0]], "weights": [3]}
    speedscope = tmp_path / "y.json"
    speedscope.write_text(
        json.dumps(
            {
                "shared": {"frames": [{"name": "a"}]},
                "profiles": [profile, profile | {"name": "heap", "unit": "bytes", "weights": [70]}],
            }
        )
    )
    assert total(speedscope) == (3, "seconds")
    assert total(speedscope, profile="2") == total(speedscope, profile="heap") == (70, "bytes")


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    packed = tmp_path / "x.callgrind.gz"
    packed.write_bytes(gzip.compress(CALLGRIND))
    assert total(packed) == (5, "Ir")
    packed.write_bytes(gzip.compress(CALLGRIND)[:-9])
    with pytest.raises(ValueError, match="gzip"):
        pikos.stats.load(packed)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "this is an empty file"),
        (b"Flat profile:\n\nEach sample counts as 0.01 seconds.\n", "the text of gprof"),
        (b'{"version": 1.2, "mode": "wall", "frames": {}, "raw": []}', "a profile of stackprof"),
        (b"events: Ir\nfl=a\nfn=f\n1 5\ntotals: 5000\n", "cut short or damaged"),
    ],
)
def test_what_is_no_profile_is_named(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "x.prof"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=words):
        pikos.stats.load(path)
