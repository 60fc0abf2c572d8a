"""How long each call took, what a processor had of it, and collections of garbage as calls. Nothing here measures how fast the machine
is: durations are those of a clock that the test turns, or are compared with what the program and the system say of the same calls."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from running import evaluate, python, subject

pytestmark = pytest.mark.beyond_cprofile

# A clock that each call of `take` turns by so many ticks of a nanosecond.
TURNED = """
import random
import pikos.stats
from pikos.cprofile import Profile
now = 0
def clock():
    return now
def take(ticks):
    global now
    now += ticks
def lasts(ticks):
    take(ticks)
random.seed(5)
durations = [round(random.lognormvariate(13, 1.5)) + 1 for _ in range(5000)]
def measured(durations, **options):
    profile = Profile(clock, 1e-9, builtins=False, **options)
    profile.enable()
    for ticks in durations:
        lasts(ticks)
    profile.disable()
    return profile
def row(profile, name):
    return next(row for row in pikos.stats.of(profile) if row.name == name)
def exact(durations, part):
    import math
    return sorted(durations)[max(math.ceil(part * len(durations)), 1) - 1] * 1e-9
"""


def test_percentiles_of_known_durations_are_within_6_percent() -> None:
    found, expected = evaluate(
        TURNED
        + """
row = row(measured(durations, distribution=True), "lasts")
parts = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
answer([{**{name: getattr(row, name) for name in parts}, "min": row.min, "max": row.max, "at": row.slowest_at},
        {name: exact(durations, part) for name, part in parts.items()} | {"min": min(durations) * 1e-9, "max": max(durations) * 1e-9}])
"""
    )
    for name in ("p50", "p90", "p99", "p999"):
        assert abs(found[name] / expected[name] - 1) < 0.06, (name, found, expected)
    for name in ("min", "max"):
        assert found[name] == pytest.approx(expected[name], rel=1e-6)
    # Nobody else reads the program's own clock.
    assert found["at"] is None


def test_a_hundred_profiles_together_are_the_profile_of_all(tmp_path: Path) -> None:
    """In each format that keeps distributions and is read."""
    evaluate(
        TURNED
        + f"""
import os
folder = {str(tmp_path)!r}
for kind in ("pikos", "json"):
    os.makedirs(f"{{folder}}/{{kind}}")
    for number in range(100):
        pikos.stats.of(measured(durations[number::100], distribution=True)).export(f"{{folder}}/{{kind}}/{{number:03}}.{{kind}}")
pikos.stats.of(measured(durations, distribution=True)).export(folder + "/all.json")
answer(None)
"""
    )

    def distribution(file: Path) -> Any:
        functions = json.loads(file.read_text())["functions"]
        return next(function["distribution"] for function in functions if function["name"] == "lasts")

    for kind in ("pikos", "json"):
        merged = tmp_path / f"{kind}.json"
        python(["-m", "pikos", "merge", tmp_path / kind, "-o", merged]).succeeded()
        one, other = distribution(merged), distribution(tmp_path / "all.json")
        assert one["buckets"] == other["buckets"] and sum(calls for _, calls in one["buckets"]) == 5000
        assert {name: one[name] for name in ("min", "max", "p50", "p99")} == pytest.approx(
            {name: other[name] for name in ("min", "max", "p50", "p99")}
        )


def test_each_call_is_in_it() -> None:
    """Recursion, generators, built-ins, exceptions and threads."""
    calls, counted, alike = evaluate(
        """
import json, threading
import pikos.stats
from pikos.cprofile import Profile
def down(n):
    return n and down(n - 1)
def numbers(n):
    yield from range(n)
def fails():
    raise ValueError
def work():
    down(5)
    list(numbers(7))
    for _ in range(3):
        try:
            fails()
        except ValueError:
            pass
    max(1, 2)
profiles = []
for options in ({}, {"distribution": True}):
    profile = Profile(threads=True, **options)
    profile.enable()
    work()
    threads = [threading.Thread(target=work) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    profile.disable()
    profiles.append({row.name: row.ncalls for row in pikos.stats.of(profile) if row.name in ("down", "numbers", "fails")})
whole = json.loads(pikos.stats.of(profile).dumps("json"))["functions"]
answer([{f["name"]: f["ncalls"] for f in whole if "ncalls" in f},
        {f["name"]: sum(n for _, n in f["distribution"]["buckets"]) for f in whole if "ncalls" in f},
        profiles[0] == profiles[1]])
"""
    )
    assert calls == counted and alike
    assert (calls["down"], calls["numbers"], calls["fails"]) == (24, 32, 12)


# However long a call is held up: `longest` is the longest of those that were timed.
LEAF = """
from time import perf_counter
longest = 0.0
def leaf(seconds):
    end = perf_counter() + seconds
    while perf_counter() < end:
        pass
def timed():
    global longest
    began = perf_counter()
    leaf(0)
    longest = max(longest, perf_counter() - began)
"""


@pytest.mark.parametrize("options", ["", "hook='frame-eval', builtins=False", "subcalls=False", "compensate=True"])
def test_every_way_of_recording_has_it(options: str) -> None:
    calls, counted, stack, at = evaluate(
        f"""
import json
import pikos.stats
from pikos.cprofile import Profile
{LEAF}
def inner(seconds):
    leaf(seconds)
def outer():
    inner(3 * longest + 0.01)
profile = Profile(distribution=True, tree=True, {options})
profile.enable()
for _ in range(100):
    timed()
outer()
profile.disable()
stats = pikos.stats.of(profile)
row = next(row for row in stats if row.name == "leaf")
function = next(f for f in json.loads(stats.dumps("json"))["functions"] if f["name"] == "leaf")
answer([row.ncalls, sum(n for _, n in function["distribution"]["buckets"]), [r.name for r in stats.slowest_stack(row)],
        0 <= row.slowest_at < 600 and row.min <= row.p50 <= row.p90 <= row.p99 <= row.p999 <= row.max])
"""
    )
    assert (calls, counted, at) == (101, 101, True)
    assert stack == ["outer", "inner", "leaf"]


def test_rows_and_tables_have_what_was_recorded_alone(tmp_path: Path) -> None:
    file = tmp_path / "out.pikos"
    program = "def f(n):\n    return [i for i in range(n)]\nfor n in range(50): f(n)\n"
    python(["-m", "pikos.cprofile", "--distribution", "-o", file, "-c", program]).succeeded()
    table = python(["-m", "pikos", "stats", "-s", "p99", file]).succeeded().out
    heading = next(line for line in table.splitlines() if "ncalls" in line)
    assert heading.split()[3:9] == ["min", "p50", "p90", "p99", "p99.9", "max"] and "cpu" not in heading
    assert "Ordered by: p99" in table
    python(["-m", "pikos", "export", file, "-o", tmp_path / "out.csv"]).succeeded()
    head = (tmp_path / "out.csv").read_text().splitlines()[0]
    assert head.endswith("cumtime,min,p50,p90,p99,p999,max,slowest_at")
    rows = json.loads(python(["-m", "pikos", "stats", "--json", file]).succeeded().out)
    assert {"min", "p50", "p999", "slowest_at"} <= rows[0].keys()
    plain = tmp_path / "plain.pikos"
    python(["-m", "pikos.cprofile", "-o", plain, "-c", program]).succeeded()
    assert "p99" not in python(["-m", "pikos", "stats", plain]).succeeded().out
    # Of a part of the calls it would say something else.
    both = tmp_path / "both.pikos"
    python(["-m", "pikos", "merge", file, plain, "-o", both]).succeeded()
    assert "p99" not in python(["-m", "pikos", "stats", both]).succeeded().out


def test_diff_compares_by_percentiles(tmp_path: Path) -> None:
    evaluate(
        TURNED
        + f"""
for name, factor in (("before", 1), ("after", 3)):
    slow = sorted(durations)[-100:]
    profile = measured([d * factor if d in slow else d for d in durations], distribution=True)
    pikos.stats.of(profile).export({str(tmp_path)!r} + f"/{{name}}.pikos")
pikos.stats.of(measured(durations)).export({str(tmp_path)!r} + "/plain.pikos")
answer(None)
"""
    )
    before, after, plain = (tmp_path / f"{name}.pikos" for name in ("before", "after", "plain"))
    diff = ["-m", "pikos", "diff", before, after]
    python([*diff, "--by", "p50", "--fail-above", "20%"]).succeeded()
    worse = python([*diff, "--by", "p99", "--fail-above", "20%"])
    assert worse.code == 1 and "p99" in worse.out
    assert re.search(r"p99 of .*\((lasts|take)\).*: .* longer; the limit is", worse.err), worse.err
    changes = json.loads(python([*diff, "--by", "p99", "--json"]).succeeded().out)["changes"]
    lasts = next(change for change in changes if change["name"] == "lasts")
    assert lasts["after"]["p99"] / lasts["before"]["p99"] == pytest.approx(3, rel=0.12)
    unknown = python(["-m", "pikos", "diff", plain, after, "--by", "p99"])
    assert unknown.code == 1 and "--distribution" in unknown.err
    assert python([*diff, "--by", "p98"]).code == 2


WORK = """
import threading, time
import pikos.stats
from pikos.cprofile import Profile
def leaf(n):
    return n + 1
def computes(n):
    x = 0
    for _ in range(n):
        x = leaf(x)
def loops(n):
    while n:
        n -= 1
def naps():
    time.sleep(0.02)
lock = threading.Lock()
def locks():
    with lock:
        loops(20_000)
def hashes():
    import hashlib
    hashlib.sha256(bytes(3_000_000)).digest()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell what a thread ran")
@pytest.mark.parametrize("options", ["", "gil_wait='out'", "hook='frame-eval', builtins=False", "subcalls=False"])
def test_processor_time_is_what_the_system_gave_each_thread(options: str) -> None:
    """In threads of each mixture of computing, with and without calls, sleeping, waiting for a lock, and C code that lets the GIL go."""
    found, truth = evaluate(
        WORK
        + f"""
def computing():
    for _ in range(20):
        computes(4_000); loops(60_000)
def sleeping():
    for _ in range(20):
        naps(); loops(60_000)
def locking():
    for _ in range(60):
        locks(); loops(5_000)
def native():
    for _ in range(20):
        hashes(); computes(1_000)
truth = {{}}
def run(target):
    target()
def watched(target):
    before = time.thread_time()
    run(target)
    truth[target.__name__] = time.thread_time() - before
profile = Profile(threads=True, cpu=True, {options})
profile.enable()
threads = [threading.Thread(target=watched, args=(target,)) for target in (computing, sleeping, locking, native)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
profile.disable()
answer([{{row.name: row.cpu_cumtime for row in pikos.stats.of(profile)}}, truth])
"""
    )
    for name, ran in truth.items():
        assert found[name] == pytest.approx(ran, rel=0.05, abs=0.003), (name, found[name], ran)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell what a thread ran")
def test_waiting_shows_as_waiting() -> None:
    rows, callers, sums = evaluate(
        WORK
        + """
def both():
    naps(); loops(200_000)
profile = Profile(cpu=True)
before = time.thread_time()
profile.enable()
for _ in range(10):
    both()
profile.disable()
ran = time.thread_time() - before
stats = pikos.stats.of(profile)
rows = {row.name: row._asdict() for row in stats}
naps_row = next(row for row in stats if row.name == "naps")
answer([rows, [caller.cpu_cumtime for caller in stats.callers(naps_row)], [sum(row.cpu_tottime for row in stats), ran]])
"""
    )
    sleep = rows["<built-in method time.sleep>"]
    assert sleep["tottime"] > 0.19 and sleep["cpu_tottime"] < 0.05
    assert rows["naps"]["cumtime"] > 0.19 and rows["naps"]["cpu_cumtime"] < 0.05
    assert callers == [rows["naps"]["cpu_cumtime"]]
    assert rows["both"]["cpu_cumtime"] <= rows["both"]["cumtime"]
    assert sums[0] == pytest.approx(sums[1], rel=0.05, abs=0.003)


def test_collections_are_calls_of_whoever_runs() -> None:
    found, callers, callees, listed, after = evaluate(
        """
import gc
import pikos.stats
from pikos.cprofile import Profile
gc.disable()
class Goes:
    def __del__(self):
        ended()
def ended():
    pass
def makes(n):
    for _ in range(n):
        it = Goes()
        it.it = it
def collects():
    gc.collect()
results = []
for wanted in (False, True):
    before = list(gc.callbacks)
    profile = Profile(gc=wanted)
    profile.enable()
    makes(10); collects(); collects()
    listed = len(gc.callbacks) - len(before)
    profile.disable()
    results.append((profile, listed, gc.callbacks == before))
stats = [pikos.stats.of(profile) for profile, _, _ in results]
rows = [{row.name: row.ncalls for row in each} for each in stats]
gc_row = next(row for row in stats[1] if row.name == "<gc>")
answer([[each.get("<gc>") for each in rows], {c.name: c.ncalls for c in stats[1].callers(gc_row)},
        {c.name: c.ncalls for c in stats[1].callees(gc_row)}, [listed for _, listed, _ in results],
        [after for _, _, after in results]])
"""
    )
    assert found == [None, 2]
    assert callers == {"<built-in method gc.collect>": 2}
    assert callees["__del__"] == 10
    assert (listed, after) == ([0, 1], [True, True])


def test_a_collection_that_nobody_asks_for_is_of_whoever_allocates() -> None:
    callers, fits = evaluate(
        """
import gc
import pikos.stats
from pikos.cprofile import Profile
gc.set_threshold(700, 10, 10)
def allocates():
    kept = [[] for _ in range(50_000)]
profile = Profile(gc=True, cpu=True, distribution=True)
profile.enable()
allocates()
profile.disable()
stats = pikos.stats.of(profile)
row = next(row for row in stats if row.name == "<gc>")
answer([[caller.name for caller in stats.callers(row)], row.ncalls > 0 and row.max > 0 and row.cpu_tottime <= row.tottime])
"""
    )
    assert fits and set(callers) & {"allocates", "<listcomp>"}


REFUSED = [
    ("times='sampled', distribution=True", "distribution=True needs the time of each call"),
    ("times='sampled', cpu=True", "cpu=True needs the time of each call"),
    ("lambda: 0.0, cpu=True", "cpu=True needs the built-in clock"),
]


@pytest.mark.parametrize(("arguments", "expected"), REFUSED)
def test_what_can_t_be_is_refused(arguments: str, expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)):
        eval(f"profile({arguments})", {"profile": subject().Profile})


@pytest.mark.parametrize("option", ["--distribution", "--cpu"])
def test_the_command_line_keeps_what_a_file_can_hold(option: str, tmp_path: Path) -> None:
    for options in ([], ["-o", tmp_path / "x.pstats"], ["--times", "sampled", "-o", tmp_path / "x.pikos"]):
        run = python(["-m", "pikos.cprofile", option, *options, "-c", "print('ran')"])
        assert (run.code, run.out) == (2, "") and option in run.err
    for name in ("x.pikos", "x.json", "x.csv"):
        python(["-m", "pikos.cprofile", option, "-o", tmp_path / name, "-c", "print('ran')"]).succeeded()


def test_a_running_program_tells_the_same(tmp_path: Path) -> None:
    """By way of the stream's messages: a file that is written while it runs, and threads that are no longer kept apart."""
    written, own = evaluate(
        f"""
import json, os, threading, time
import pikos.stats
from pikos.cprofile import Profile
file = {str(tmp_path / "out.pikos")!r}
{LEAF}
def outer():
    leaf(3 * longest + 0.01)
def naps():
    time.sleep(0.05)
profile = Profile(threads=True, distribution=True, cpu=True, tree=True, checkpoint=(file, 0.1))
profile.enable()
for _ in range(100):
    timed()
naps()
for _ in range(300):
    thread = threading.Thread(target=timed)
    thread.start(); thread.join()
outer()
def facts(stats):
    whole = {{f["name"]: f for f in json.loads(stats.dumps("json"))["functions"]}}
    leafs = whole["leaf"]["distribution"]
    return [whole["leaf"]["ncalls"], leafs["buckets"], [round(leafs[name] * 1e9) for name in ("min", "p50", "max")],
            [row.name for row in stats.slowest_stack(next(row for row in stats if row.name == "leaf"))],
            [round(whole[name][key], 6) for name in ("leaf", "naps") for key in ("cpu_tottime", "cpu_cumtime")]]
# The tables are read one after the other: what is written after a file that has the last call of `leaf` has all that is known of it.
while not (os.path.exists(file) and pikos.stats.load(file).metadata["ncalls"] and facts(pikos.stats.load(file))[0] == 401):
    time.sleep(0.02)
written = os.stat(file).st_mtime_ns
while os.stat(file).st_mtime_ns == written:
    time.sleep(0.02)
profile.disable()
answer([facts(pikos.stats.load(file)), facts(pikos.stats.of(profile))])
"""
    )
    assert written[0] == own[0] == 401
    assert sum(calls for _, calls in written[1]) == 401
    assert written[2] == pytest.approx(own[2], rel=0.05)
    assert written[3] == own[3] == ["outer", "leaf"]
    assert written[4] == pytest.approx(own[4], rel=0.05, abs=1e-5)
    assert own[4][3] < 0.04
