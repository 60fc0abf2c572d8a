"""`pikos plot`: the picture of memory records names the line that made the spike."""

from __future__ import annotations

import itertools
import re
import subprocess
import xml.etree.ElementTree
from pathlib import Path

import pytest
from running import PIKOS, environment, pikos_run

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
    pikos_run(tmp_path, *arguments).succeeded()
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
    assert any(
        re.fullmatch(r"resident memory \(RSS\) of monitor_records.csv, \d+ records", text or "") for text in texts
    )
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


def test_parquet_and_csv_tell_the_same(records: Path, tmp_path: Path) -> None:
    pikos_run(tmp_path, "line_memory", "--focused-on", "main", "-o", "records.parquet", "spike.py").succeeded()
    svg = [tmp_path / name for name in ("csv.svg", "parquet.svg", "both.svg")]
    listed = []
    for picture, *files in (
        (svg[0], records),
        (svg[1], tmp_path / "records.parquet"),
        (svg[2], records, tmp_path / "records.parquet"),
    ):
        done = plot(*files, "-o", picture)
        assert done.returncode == 0 and done.stderr == b"", done.stderr
        listed.append(done.stdout)
    peak = re.compile(rb"^peak at .*record \d+: .* MiB, main spike\.py:4$", re.MULTILINE)
    assert all(map(peak.search, listed))
    assert listed[2].startswith(b"monitor_records.csv:\n") and b"\nrecords.parquet:\n" in listed[2]
    both = svg[2].read_text()
    assert "monitor_records.csv, at most" in both and "records.parquet, at most" in both
    # One that another tool has compressed, and one from a pipe.
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_parquet(tmp_path / "records.parquet")
    frame.to_parquet(tmp_path / "again.parquet")
    assert peak.search(plot(tmp_path / "again.parquet", "-o", tmp_path / "x.svg").stdout)
    piped = subprocess.run(
        [PIKOS, "plot", "-", "-o", tmp_path / "x.svg"],
        input=(tmp_path / "again.parquet").read_bytes(),
        capture_output=True,
        env=environment(),
    )
    assert peak.search(piped.stdout), piped.stderr
    frame["RSS"] = frame["RSS"].astype("float32")
    frame.to_parquet(tmp_path / "odd.parquet")
    done = plot(tmp_path / "odd.parquet", "-o", tmp_path / "x.svg")
    assert done.returncode == 1 and b'column "RSS" has values of another kind' in done.stderr


def test_a_damaged_parquet_file_does_no_harm(records: Path, tmp_path: Path) -> None:
    pikos_run(tmp_path, "line_memory", "--focused-on", "main", "-o", "records.parquet", "spike.py").succeeded()
    whole = (tmp_path / "records.parquet").read_bytes()
    damaged = tmp_path / "damaged.parquet"
    for number in range(60):
        place = len(whole) * number // 60
        for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            damaged.write_bytes(content)
            done = plot(damaged, "-o", tmp_path / "x.svg")
            assert done.returncode in (0, 1) and b"panicked" not in done.stderr, (number, done.stderr)


def test_what_only_rises_has_no_peak(records: Path) -> None:
    rows = "".join(f"{n},load,5,{(30 << 20) + n * 4096},0,x,y\n" for n in range(5000))
    records.write_text("index,function,lineNo,RSS,VMS,line,filename\n" + rows)
    target = records.with_name("memory.svg")
    done = plot(records, "-o", target)
    assert re.search(rb"^no peak: .*; the most, at record 4999: 49\.5 MiB, load y:5$", done.stdout, re.MULTILINE)
    assert b"<circle" not in target.read_bytes() and b"At most 49.5 MiB, load y:5" in target.read_bytes()
    # A leak has no peak: what grew is named all the same.
    assert b"Grew most under" in target.read_bytes() and b"+19.5 MiB" in target.read_bytes()


def test_what_is_wrong_is_said(records: Path) -> None:
    done = plot(records, "-o", "memory.bmp")
    assert done.returncode == 2 and b"SVG or PNG?" in done.stderr
    done = plot(records.with_name("missing.csv"))
    assert done.returncode == 1 and b"missing.csv: No such file" in done.stderr
    other = records.with_name("other.csv")
    other.write_text("a,b\n1,2\n")
    done = plot(other, "-o", records.with_name("x.svg"))
    assert done.returncode == 1 and b'no column "RSS"' in done.stderr
    for content in (b"PAR1\x15\x04\n\xff\x00PAR1", b"PAR1", b"PAR1" + bytes(90) + b"\xff\xff\xff\x7fPAR1"):
        other.write_bytes(content)
        done = plot(other, "-o", records.with_name("x.svg"))
        assert done.returncode == 1 and b"it is no sound Parquet file" in done.stderr, done.stderr
    for size in ("12", "10x10", "5000x5000", "axb"):
        done = plot(records, "-o", records.with_name("x.svg"), "--size", size)
        assert done.returncode == 2 and b"width and height" in done.stderr, done.stderr
    for content in (b"{\x01\xe9\x80\xff,\xfe\n", b"\x1f\x8b\x08\x00\x00", b"import os\nprint(1)\n"):
        other.write_bytes(content)
        done = plot(other, "-o", records.with_name("x.svg"))
        assert done.returncode == 1 and b"not a file of memory records" in done.stderr
        assert content.strip() not in done.stderr and "\ufffd".encode() not in done.stderr
    assert not records.with_name("x.svg").exists()
