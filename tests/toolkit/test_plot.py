"""`pikos plot`: the picture of memory records names the line that made the spike."""

from __future__ import annotations

import itertools
import re
import subprocess
import sysconfig
import xml.etree.ElementTree
from pathlib import Path

import pytest
from running import environment, python

PIKOS = str(Path(sysconfig.get_path("scripts")) / "pikos")

SPIKE = """\
def main():
    small = [0] * 1000
    small.append(1)
    large = bytearray(b"x") * (64 << 20)
    del large
    for i in range(50):
        small.append(i)

main()
"""


@pytest.fixture
def records(tmp_path: Path) -> Path:
    (tmp_path / "spike.py").write_text(SPIKE)
    arguments = ["line_memory", "--focused-on", "main", "--recording", "csv", "spike.py"]
    python(["-m", "pikos.runner", *arguments], cwd=tmp_path).succeeded()
    return tmp_path / "monitor_records.csv"


def plot(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([PIKOS, "plot", *arguments], capture_output=True, env=environment())


def test_svg(records: Path) -> None:
    target = records.with_name("memory.svg")
    done = plot(records, "-o", target)
    assert done.returncode == 0, done.stderr
    # The picture is in a file, so the list is what the command says.
    assert (
        re.search(rb"^peak at .*record \d+: .* MiB, main spike\.py:4$", done.stdout, re.MULTILINE)
        and done.stderr == b""
    )
    svg = xml.etree.ElementTree.parse(target).getroot()
    name = "{http://www.w3.org/2000/svg}"
    texts = [element.text for element in svg.iter(f"{name}text")]
    assert "main spike.py:4" in texts and "MiB" in texts and "0" in texts
    assert "resident memory (RSS)" in texts and "peak, and the line that made it" in texts
    curve = max(svg.iter(f"{name}polyline"), key=lambda line: len(line.attrib["points"]))
    points = [tuple(map(float, point.split(","))) for point in curve.attrib["points"].split()]
    # Steps: every piece is level or upright.
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in itertools.pairwise(points))
    (style,) = svg.iter(f"{name}style")
    assert "prefers-color-scheme: dark" in (style.text or "")
    plot(records, "-o", target, "--dark")
    assert b"prefers-color-scheme" not in target.read_bytes()


def test_png(records: Path) -> None:
    done = plot(records, "-o", "-", "--format", "png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"\x89PNG\r\n\x1a\n") and b"IEND" in done.stdout[-12:]
    # The picture has standard output to itself.
    assert b"main spike.py:4" in done.stderr
    dark = plot(records, "-o", "-", "--format", "png", "--dark")
    assert dark.stdout.startswith(b"\x89PNG") and dark.stdout != done.stdout


def test_what_only_rises_has_no_peak(records: Path) -> None:
    rows = "".join(f"{n},load,5,{(30 << 20) + n * 4096},0,x,y\n" for n in range(5000))
    records.write_text("index,function,lineNo,RSS,VMS,line,filename\n" + rows)
    target = records.with_name("memory.svg")
    done = plot(records, "-o", target)
    assert re.search(rb"^no peak: .*; the most, at record 4999: 49\.5 MiB, load y:5$", done.stdout, re.MULTILINE)
    assert b"<circle" not in target.read_bytes() and b"At most 49.5 MiB, load y:5" in target.read_bytes()


def test_what_is_wrong_is_said(records: Path) -> None:
    done = plot(records, "-o", "memory.bmp")
    assert done.returncode == 2 and b"SVG or PNG?" in done.stderr
    done = plot(records.with_name("missing.csv"))
    assert done.returncode == 1 and b"missing.csv: No such file" in done.stderr
    other = records.with_name("other.csv")
    other.write_text("a,b\n1,2\n")
    done = plot(other, "-o", records.with_name("x.svg"))
    assert done.returncode == 1 and b'no column "RSS"' in done.stderr
    other.write_bytes(b"PAR1\x15\x04\n\xff\x00PAR1")
    done = plot(other, "-o", records.with_name("x.svg"))
    assert done.returncode == 1 and b"a Parquet file: `pikos plot` reads CSV" in done.stderr
    for content in (b"{\x01\xe9\x80\xff,\xfe\n", b"\x1f\x8b\x08\x00\x00", b"import os\nprint(1)\n"):
        other.write_bytes(content)
        done = plot(other, "-o", records.with_name("x.svg"))
        assert done.returncode == 1 and b"not a CSV file of memory records" in done.stderr
        assert content.strip() not in done.stderr and "\ufffd".encode() not in done.stderr
    assert not records.with_name("x.svg").exists()
