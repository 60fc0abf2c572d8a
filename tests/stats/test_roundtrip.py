"""Every format against an independent reader, for the profiles of all differential programs."""

from __future__ import annotations

import gzip
import json
import marshal
import math
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pikos.stats
import pytest
from programs import PROGRAMS
from running import TESTS, environment, python
from stats.protobuf import decode, numbers
from stats.record import STACKS

pytestmark = pytest.mark.beyond_cprofile

RECORD = Path(__file__).with_name("record.py")
FILES = ("tables", "control", "tree")


@pytest.fixture(scope="module", params=[program.name for program in PROGRAMS])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The profiles of one program."""
    folder = tmp_path_factory.mktemp("profiles")
    # Warnings off: what foreign programs have to be warned of is not what is tested here.
    python([RECORD, request.param, folder], cwd=TESTS, env={"PYTHONWARNINGS": "ignore"}).succeeded()
    return folder


def raw(path: Path) -> dict[Any, Any]:
    with open(path, "rb") as stream:
        return dict(marshal.load(stream))


def whole(path: Path) -> float:
    """Seconds in sum."""
    return math.fsum(row[2] for row in raw(path).values())


@pytest.mark.parametrize("name", FILES)
def test_pstats_to_pstats_is_equal_value_by_value(folder: Path, name: str) -> None:
    before, copy = folder / f"{name}.pstats", folder / "copy.pstats"
    assert pikos.export(before, "pstats", copy) == []
    assert len(raw(before)) > 3
    assert raw(copy) == raw(before)


@pytest.mark.parametrize("name", FILES)
def test_every_profile_is_sound(folder: Path, name: str) -> None:
    run = python(["-m", "pikos", "check", folder / f"{name}.pstats"])
    assert run.code == 0, run.out + run.err


@pytest.mark.parametrize("name", FILES)
def test_callgrind_annotate_finds_the_same_totals(folder: Path, name: str) -> None:
    annotate = shutil.which("callgrind_annotate")
    if annotate is None:
        pytest.skip("callgrind_annotate is not here: it comes with valgrind")
    profile, target = folder / f"{name}.pstats", folder / "x.callgrind"
    pikos.export(profile, "callgrind", target)
    done = subprocess.run(
        [annotate, "--inclusive=yes", "--tree=both", "--threshold=100", target],
        capture_output=True,
        text=True,
        errors="replace",
        env=environment(),
    )
    assert (done.returncode, done.stderr) == (0, "")
    (total,) = re.findall(r"^\s*([\d,]+) .*PROGRAM TOTALS$", done.stdout, re.MULTILINE)
    # Each function's time is rounded to whole nanoseconds on its own.
    expected = sum(round(row[2] * 1e9) for row in raw(profile).values())
    assert int(total.replace(",", "")) == expected


@pytest.mark.parametrize("name", FILES)
def test_callgrind_has_every_edge(folder: Path, name: str) -> None:
    profile, target = folder / f"{name}.pstats", folder / "y.callgrind"
    pikos.export(profile, "callgrind", target)
    text = target.read_text(errors="surrogateescape")
    # `calls=` lines and the cost lines below them, whatever their functions.
    found = Counter(
        (int(calls), int(cost)) for calls, cost in re.findall(r"^calls=(\d+) .*\n\S+ (\d+)$", text, re.MULTILINE)
    )
    expected = Counter(
        (caller[0], round(caller[3] * 1e9)) for row in raw(profile).values() for caller in row[4].values()
    )
    assert sum(expected.values()) >= 2
    assert found == expected


def test_speedscope_is_a_sound_walk_over_all_time(folder: Path) -> None:
    document = json.loads((folder / STACKS["speedscope"]).read_text())
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = document["shared"]["frames"]
    assert all(isinstance(frame["name"], str) for frame in frames)
    (profile,) = document["profiles"]
    assert (profile["type"], profile["unit"]) == ("evented", "seconds")
    open_frames: list[int] = []
    now = profile["startValue"]
    for event in profile["events"]:
        assert event["at"] >= now
        now = event["at"]
        if event["type"] == "O":
            assert 0 <= event["frame"] < len(frames)
            open_frames.append(event["frame"])
        else:
            assert (event["type"], event["frame"]) == ("C", open_frames.pop())
    assert open_frames == []
    assert profile["endValue"] >= now
    assert profile["endValue"] - profile["startValue"] == pytest.approx(whole(folder / "tree.pstats"), rel=1e-6)


def test_pprof_holds_all_calls_and_all_time(folder: Path) -> None:
    message = decode(gzip.decompress((folder / STACKS["pprof"]).read_bytes()))
    strings = [bytes(text).decode() for text in message[6]]  # type: ignore[arg-type]
    assert strings[0] == ""
    types = [decode(bytes(kind)) for kind in message[1]]  # type: ignore[arg-type]
    assert [(strings[numbers(t[1])[0]], strings[numbers(t[2])[0]]) for t in types] == [
        ("calls", "count"),
        ("time", "nanoseconds"),
    ]
    functions = {numbers(f[1])[0]: f for f in (decode(bytes(f)) for f in message[5])}  # type: ignore[arg-type]
    locations = {numbers(each[1])[0]: each for each in (decode(bytes(each)) for each in message[4])}  # type: ignore[arg-type]
    assert 0 not in functions and 0 not in locations
    for location in locations.values():
        (line,) = location[4]
        assert numbers(decode(bytes(line))[1])[0] in functions  # type: ignore[arg-type]
    for function in functions.values():
        assert strings[numbers(function[2])[0]]
    samples = [decode(bytes(sample)) for sample in message[2]]  # type: ignore[arg-type]
    assert all(place in locations for sample in samples for place in numbers(sample[1]))
    calls, time = (sum(numbers(sample[2])[kind] for sample in samples) for kind in (0, 1))
    table = raw(folder / "tree.pstats")
    assert calls == sum(row[1] for row in table.values())
    assert time == pytest.approx(whole(folder / "tree.pstats") * 1e9, abs=len(samples))


def test_firefox_has_whole_tables_and_all_time(folder: Path) -> None:
    document = json.loads((folder / STACKS["firefox"]).read_text())
    (thread,) = document["threads"]
    samples, stacks, frames, functions = (thread[name] for name in ("samples", "stackTable", "frameTable", "funcTable"))
    for table in (samples, stacks, frames, functions):
        columns = [column for column in table.values() if isinstance(column, list)]
        assert columns and all(len(column) == table["length"] for column in columns)
    assert all(0 <= stack < stacks["length"] for stack in samples["stack"])
    assert all(prefix is None or prefix < place for place, prefix in enumerate(stacks["prefix"]))
    assert all(0 <= frame < frames["length"] for frame in stacks["frame"])
    assert all(0 <= function < functions["length"] for function in frames["func"])
    assert all(0 <= name < len(thread["stringArray"]) for name in functions["name"])
    assert all(0 <= category < len(document["meta"]["categories"]) for category in frames["category"])
    assert sum(samples["weight"]) == pytest.approx(whole(folder / "tree.pstats") * 1e3, rel=1e-6)


def test_the_stacks_are_the_edges(folder: Path) -> None:
    """From the tree alone, each caller → callee edge's calls and own time come out as in the tables."""
    message = decode(gzip.decompress((folder / STACKS["pprof"]).read_bytes()))
    strings = [bytes(text).decode() for text in message[6]]  # type: ignore[arg-type]
    names = {}
    for function in (decode(bytes(f)) for f in message[5]):  # type: ignore[arg-type]
        line = numbers(function[5])[0] if 5 in function else 0
        names[numbers(function[1])[0]] = (strings[numbers(function[4])[0]], line, strings[numbers(function[3])[0]])
    place = {}
    for location in (decode(bytes(each)) for each in message[4]):  # type: ignore[arg-type]
        place[numbers(location[1])[0]] = names[numbers(decode(bytes(location[4][0]))[1])[0]]  # type: ignore[arg-type]
    found: Counter[Any] = Counter()
    for sample in (decode(bytes(s)) for s in message[2]):  # type: ignore[arg-type]
        stack = [place[number] for number in numbers(sample[1])]
        if len(stack) > 1:
            found[stack[1], stack[0]] += numbers(sample[2])[0]
    expected: Counter[Any] = Counter()
    for callee, row in raw(folder / "tree.pstats").items():
        for caller, numbers_of in row[4].items():
            expected[caller, callee] += numbers_of[0]
    assert +found == +expected
