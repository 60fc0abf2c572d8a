"""Every format against an independent reader, for the profiles of all differential programs."""

from __future__ import annotations

import contextlib
import gzip
import json
import marshal
import math
import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pikos.stats
import pytest
from programs import PROGRAMS
from protobuf import decode, numbers
from record import STACKS
from running import PATIENCE, SUPPORT, TESTS, environment, python, sdists_folder

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

RECORD = SUPPORT / "record.py"
IMPORT_WITH_SPEEDSCOPE = SUPPORT / "speedscope.js"
LOAD_AS_CHROME_DOES = SUPPORT / "chrome.mjs"
FILES = ("tables", "control", "tree")


# One process of pytest-xdist's has all the tests of a program, or its profiles would be made in each.
@pytest.fixture(
    scope="module",
    params=[
        pytest.param(program.name, marks=pytest.mark.xdist_group(f"{program.name} roundtrip")) for program in PROGRAMS
    ],
)
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


def test_speedscope_has_sound_samples_of_all_time(folder: Path) -> None:
    document = json.loads((folder / STACKS["speedscope"]).read_text())
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = document["shared"]["frames"]
    assert all(isinstance(frame["name"], str) for frame in frames)
    weights = []
    for profile in document["profiles"]:
        assert (profile["type"], profile["unit"]) == ("sampled", "seconds")
        assert len(profile["samples"]) == len(profile["weights"])
        assert all(0 <= frame < len(frames) for stack in profile["samples"] for frame in stack)
        assert min(profile["weights"], default=0) >= 0
        assert profile["endValue"] - profile["startValue"] == pytest.approx(math.fsum(profile["weights"]), rel=1e-6)
        weights += profile["weights"]
    assert math.fsum(weights) == pytest.approx(whole(folder / "tree.pstats"), rel=1e-6)


Place = tuple[str, int] | str
"""File and line; for what has none, the name. Names differ: pstats has no room for qualified ones."""


def own_times(path: Path) -> dict[Place, float]:
    """Seconds in each function itself, as a pstats file says."""
    found: Counter[Place] = Counter()
    for (file, line, name), row in raw(path).items():
        found[(file, line) if line else name] += row[2]
    return {place: seconds for place, seconds in found.items() if seconds > 0}


def npm_package(name: str) -> Path:
    """The unpacked npm package that fetch_sdists.py has brought; skips the test if it could not."""
    found = sorted(sdists_folder().glob(f"{name}-*/package"))
    if not found or shutil.which("node") is None:
        pytest.skip(
            f"{name} is not here: `python tests/support/fetch_sdists.py` brings it if there is npm, and node runs it"
        )
    return found[-1]


def node(*arguments: str | Path) -> str:
    """What a program for Node.js prints."""
    done = subprocess.run(["node", *arguments], capture_output=True, text=True, timeout=PATIENCE, env=environment())
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


def test_speedscopes_own_importer_finds_the_same_times(folder: Path) -> None:
    package = npm_package("speedscope")
    pikos.export(folder / "tree.pstats", "callgrind", folder / "z.callgrind")
    pikos.export(folder / STACKS["speedscope"], "cpuprofile", folder / "z.cpuprofile")
    pikos.export(folder / STACKS["speedscope"], "trace", folder / "z.trace.json")
    files = [folder / STACKS["speedscope"], folder / STACKS["collapsed"], folder / "z.callgrind"]
    files += [folder / "z.cpuprofile", folder / "z.trace.json"]
    imported = json.loads(node(IMPORT_WITH_SPEEDSCOPE, package, *files))
    expected = own_times(folder / "tree.pstats")
    ((stacks,), (collapsed,), (callgrind,), (cpuprofile,), (trace,)) = imported
    assert cpuprofile["unit"] == trace["unit"] == "microseconds"
    assert cpuprofile["total"] == pytest.approx(sum(expected.values()) * 1e6, abs=2)
    assert trace["total"] == pytest.approx(sum(expected.values()) * 1e6, rel=1e-6)
    assert stacks["unit"] == "seconds"
    assert stacks["total"] == pytest.approx(sum(expected.values()), rel=1e-6)
    found: Counter[Place] = Counter()
    for frame in stacks["frames"]:
        found[(frame["file"], frame["line"]) if "line" in frame else frame["name"]] += frame["self"]
    assert {place: time for place, time in found.items() if time > 1e-12} == pytest.approx(expected, rel=1e-6, abs=1e-9)
    # Each of its stacks is rounded to whole nanoseconds.
    stacks_at_most = (folder / STACKS["collapsed"]).read_bytes().count(b"\n")
    assert collapsed["total"] == pytest.approx(sum(expected.values()) * 1e9, abs=stacks_at_most)
    # It guesses stacks from callgrind's edges, so only the names can be compared; where one file has several functions
    # of one name, ours have their line behind it.
    names = {frame["name"] for frame in callgrind["frames"]}
    known = {(name, f"{name}:{line}") for _, line, name in raw(folder / "tree.pstats")}
    assert names and names <= set().union(*known)


def test_chromes_own_tools_find_the_same_times(folder: Path) -> None:
    package = npm_package("paulirish-trace_engine")
    files = [folder / "chrome.cpuprofile", folder / "chrome.trace.json"]
    for target, name in zip(files, ("cpuprofile", "trace"), strict=True):
        pikos.export(folder / STACKS["speedscope"], name, target)
    expected = own_times(folder / "tree.pstats")
    # A .cpuprofile has whole microseconds: each function's are right, to one of them.
    for functions, error in zip(json.loads(node(LOAD_AS_CHROME_DOES, package, *files)), (2, 1e-3), strict=True):
        found: Counter[Place] = Counter()
        for function in functions:
            found[(function["file"], function["line"]) if function["line"] else function["name"]] += function["self"]
        assert found.keys() >= expected.keys()
        assert {place: found[place] / 1e6 for place in expected} == pytest.approx(expected, rel=1e-6, abs=error / 1e6)
        assert sum(found.values()) == pytest.approx(sum(expected.values()) * 1e6, rel=1e-6, abs=2)


def test_go_tool_pprof_finds_the_same_times(folder: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("go is not here")
    done = subprocess.run(
        [
            "go",
            "tool",
            "pprof",
            "-sample_index=time",
            "-unit=ns",
            "-nodefraction=0",
            "-nodecount=100000",
            "-top",
            folder / STACKS["pprof"],
        ],
        capture_output=True,
        text=True,
        env=environment(PPROF_TMPDIR=str(folder), HOME=str(folder)),
    )
    # It misses the program that ran, which it would only need for machine code.
    assert (done.returncode, done.stderr) == (0, "Main binary filename not available.\n")
    (total,) = re.findall(r"of (\d+)ns total", done.stdout)
    assert int(total) == pytest.approx(whole(folder / "tree.pstats") * 1e9, abs=10_000)
    found: Counter[str] = Counter()
    for nanoseconds, name in re.findall(r"^ *(\d+)ns .*%  (.+)$", done.stdout, re.MULTILINE):
        found[name.removesuffix(" (inline)").rpartition(".")[2]] += int(nanoseconds)
    # Names of built-ins have dots too, and qualified ones end in what pstats has.
    expected: Counter[str] = Counter()
    for (_, _, name), row in raw(folder / "tree.pstats").items():
        expected[name.rpartition(".")[2]] += round(row[2] * 1e9)
    # Each stack, and there may be thousands, is rounded on its own.
    assert +found == pytest.approx(+expected, rel=1e-3, abs=10_000)


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


def test_the_firefox_profilers_own_reader_finds_the_same_times(folder: Path) -> None:
    reader = npm_package("firefox-devtools-profiler-cli") / "dist" / "profiler-cli.js"
    variables = {"HOME": str(folder), "PROFILER_CLI_SESSION_DIR": str(folder / "firefox")}
    # Queries go to a process that holds the profile. Its own `load` starts one, but gives up after half a second.
    holder = subprocess.Popen(
        ["node", reader, "--daemon", folder / STACKS["firefox"], "--session", "one"],
        stdout=subprocess.DEVNULL,
        env=environment(**variables),
    )
    try:
        query = ["node", reader, "thread", "functions", "--json", "--session", "one"]
        # One that is asked before its socket is there is taken for dead, and its session forgotten.
        for _ in range(150):
            if list((folder / "firefox").glob("one*.sock")):
                break
            time.sleep(0.1)
        for _ in range(5):
            with contextlib.suppress(subprocess.TimeoutExpired):
                done = subprocess.run(query, capture_output=True, text=True, timeout=5, env=environment(**variables))
                if done.returncode == 0:
                    break
            assert holder.poll() is None, "it could not load the file"
            time.sleep(0.2)
        else:
            pytest.skip("profiler-cli holds the file, but doesn't answer on this machine")
        answer = json.loads(done.stdout)
    finally:
        holder.kill()
        holder.wait()
    assert answer["weightType"] == "tracing-ms"
    table = raw(folder / "tree.pstats")
    assert answer["totalFunctionCount"] == len(answer["functions"])
    found = sorted(function["selfSamples"] / 1e3 for function in answer["functions"])
    # Functions without any time of their own may be missing from the stacks.
    expected = sorted(row[2] for row in table.values())[-len(found) :]
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)
    assert sum(found) == pytest.approx(whole(folder / "tree.pstats"), rel=1e-6)


def test_the_stacks_are_the_edges(folder: Path) -> None:
    """From the tree alone, each caller → callee edge's calls and own time come out as in the tables."""
    message = decode(gzip.decompress((folder / STACKS["pprof"]).read_bytes()))
    strings = [bytes(text).decode() for text in message[6]]  # type: ignore[arg-type]
    names = {}
    for function in (decode(bytes(f)) for f in message[5]):  # type: ignore[arg-type]
        line = numbers(function[5])[0] if 5 in function else 0
        # cProfile's name, and only where it is another one.
        name = numbers(function[3] or function[2])[0]
        names[numbers(function[1])[0]] = (strings[numbers(function[4])[0]], line, strings[name])
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
