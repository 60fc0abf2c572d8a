"""Threads of a recorded program stay apart in files of their stacks, and in what is exported from these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pikos.stats
import pytest
from running import python

pytestmark = pytest.mark.beyond_cprofile

#: Each thread calls a function that no other one does, by way of one that all of them call.
PROGRAM = """
import threading

def shared(own):
    for _ in range(50):
        own()

def alpha(): sum(range(500))
def beta(): sum(range(500))
def gamma(): sum(range(500))
def delta(): sum(range(500))

together = threading.Barrier(4)

def run(own):
    together.wait()
    shared(own)
    # None ends before all have begun, so that each has a number of its own.
    together.wait()

threads = [
    threading.Thread(target=run, args=[own], name=name)
    for own, name in ((alpha, "worker"), (beta, "worker"), (gamma, "größer"))
]
for thread in threads:
    thread.start()
run(delta)
for thread in threads:
    thread.join()
"""
OWN = {"alpha", "beta", "gamma", "delta"}
NAMES = ["MainThread", "größer", "worker", "worker"]
FUNCTIONS = [("MainThread", {"delta"}), ("größer", {"gamma"}), ("worker", {"alpha"}), ("worker", {"beta"})]


def run_pikos(*arguments: str | Path) -> str:
    return python(["-m", "pikos", *arguments]).succeeded().out


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("threads")
    script, path = folder / "program.py", folder / "out.pikos"
    script.write_text(PROGRAM, encoding="utf-8")
    python(["-m", "pikos.cprofile", "--tree", "--threads", "-o", path, script]).succeeded()
    return path


def exported(recorded: Path, name: str, *options: str) -> Any:
    out = recorded.with_name(name)
    run_pikos("export", recorded, "-o", out, *options)
    return json.loads(out.read_text(encoding="utf-8"))


def by_name(found: list[tuple[str, set[str]]]) -> list[tuple[str, set[str]]]:
    return sorted(found, key=lambda thread: (thread[0], sorted(thread[1])))


def test_speedscope_has_a_profile_for_each(recorded: Path) -> None:
    document = exported(recorded, "out.speedscope.json")
    names = [frame["name"] for frame in document["shared"]["frames"]]
    found = []
    for profile in document["profiles"]:
        assert profile["type"] == "sampled"
        assert profile["endValue"] == pytest.approx(sum(profile["weights"]))
        found.append((profile["name"], {names[frame] for stack in profile["samples"] for frame in stack} & OWN))
    assert by_name(found) == FUNCTIONS
    assert document["profiles"][0]["name"] == "MainThread"


def test_firefox_has_a_track_for_each(recorded: Path) -> None:
    found = []
    numbers = set()
    for thread in exported(recorded, "out.firefox.json")["threads"]:
        strings = thread["stringArray"]
        found.append((thread["name"], {strings[name] for name in thread["funcTable"]["name"]} & OWN))
        numbers.add((thread["pid"], thread["tid"]))
    assert by_name(found) == FUNCTIONS
    assert len(numbers) == 4 and len({process for process, _ in numbers}) == 1 and "0" not in dict(numbers)


def test_trace_events_say_which_thread_they_are_of(recorded: Path) -> None:
    names: dict[tuple[int, int], str] = {}
    calls: dict[tuple[int, int], set[str]] = {}
    for event in exported(recorded, "out.trace.json")["traceEvents"]:
        thread = (event["pid"], event["tid"])
        if event["ph"] == "M":
            names[thread] = event["args"]["name"]
        else:
            calls.setdefault(thread, set()).add(event["name"])
    assert by_name([(names[thread], functions & OWN) for thread, functions in calls.items()]) == FUNCTIONS


def test_one_can_be_had_alone(recorded: Path) -> None:
    for thread, own in (("größer", {"gamma"}), ("worker", {"alpha", "beta"}), ("1", {"delta"})):
        lines = run_pikos("export", recorded, "-f", "csv", "--thread", thread)
        assert {name for name in OWN if f"{name}," in lines or f"{name}\n" in lines} == own, lines
    rows = run_pikos("export", recorded, "-f", "csv", "--thread", "größer").splitlines()
    assert ",50," in next(row for row in rows if "gamma" in row)
    refused = python(["-m", "pikos", "export", recorded, "-f", "csv", "--thread", "other"])
    assert refused.code != 0 and "there is no thread `other`; there are: MainThread, " in refused.err


def test_a_sum_can_keep_them_apart(recorded: Path) -> None:
    out = recorded.with_name("sum.collapsed")
    assert python(["-m", "pikos", "merge", recorded, "--by", "thread", "-o", out]).code == 0
    tops = {line.split(";")[0] for line in out.read_text(encoding="utf-8").splitlines()}
    assert {top.split(" (")[0] for top in tops} == set(NAMES) and len(tops) == 4


def test_in_a_sum_of_two_equal_threads_are_one(recorded: Path) -> None:
    twice = recorded.with_name("twice.pikos")
    run_pikos("merge", recorded, recorded, "-o", twice)
    sums = {}
    for path in (recorded, twice):
        out = path.with_suffix(".speedscope.json")
        run_pikos("export", path, "-o", out)
        profiles = json.loads(out.read_text(encoding="utf-8"))["profiles"]
        sums[path] = sorted((profile["name"], profile["endValue"]) for profile in profiles)
    assert [name for name, _ in sums[twice]] == NAMES
    for (_, one), (_, two) in zip(sums[recorded], sums[twice], strict=True):
        assert two == pytest.approx(2 * one)


def test_the_tree_of_all_is_their_sum(recorded: Path) -> None:
    nodes = pikos.stats.load(recorded).tree()
    assert nodes is not None
    stacks = [(node.parent, node.file, node.line, node.name) for node in nodes]
    assert len(stacks) == len(set(stacks))
    assert sum(node.ncalls for node in nodes if node.name == "shared") == 4
