"""``times="sampled"``: counts are cProfile's (tests/parity), times are found by looks. What is asked of these is no more than what their
standard error allows, six of them: nothing here measures how fast the machine is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from running import SUBJECT, evaluate, python, subject

pytestmark = pytest.mark.beyond_cprofile

# Work whose time the program measures itself, and what a profile says of it.
PROGRAM = """
import math, os, threading, time
import pikos.stats

def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(2000))

def short():
    spin(0.2)

def long():
    spin(0.6)

def own(profile, thread=None):
    return {entry.code if isinstance(entry.code, str) else entry.code.co_name: entry.inlinetime for entry in profile.getstats(thread)}

def total(profile, thread=None):
    return {entry.code if isinstance(entry.code, str) else entry.code.co_name: entry.totaltime for entry in profile.getstats(thread)}

def interval(profile):
    return float(pikos.stats.of(profile).metadata["facts"]["interval"])

def is_near(profile, found, truth):
    # The clock's time at the edges of a phase, and six standard errors.
    return abs(found - truth) <= 0.02 + 6 * math.sqrt(truth * interval(profile)) + 2 * interval(profile)
"""


def test_phases_have_their_time() -> None:
    near, facts = evaluate(
        PROGRAM
        + """
def phase(work):
    began = time.perf_counter()
    work()
    truth[work.__name__] = time.perf_counter() - began

def asleep():
    time.sleep(0.3)

truth = {}
profile = Profile(times="sampled")
profile.enable()
for work in (short, long, asleep):
    phase(work)
profile.disable()
times = total(profile)
near = {name: is_near(profile, times[name], seconds) for name, seconds in truth.items()}
near["time.sleep"] = is_near(profile, own(profile)["<built-in method time.sleep>"], truth["asleep"])
near["all"] = is_near(profile, sum(own(profile).values()), sum(truth.values()))
facts = pikos.stats.of(profile).metadata["facts"]
answer([near, [facts["times"], int(facts["looks"]) > 10, facts["options"]]])
"""
    )
    assert near == dict.fromkeys(("short", "long", "asleep", "time.sleep", "all"), True)
    assert facts == ["sampled", True, "times='sampled'"]


def test_short_calls_get_what_they_take_and_no_less() -> None:
    """Two functions that do the same take the same, as does what they are called by. On a busy machine the system takes the processor away in the
    middle of some call, whose time that is: of some runs the one counts to which it did so the least, and what it took there may be anybody's."""
    assert evaluate(
        PROGRAM
        + """
def left(n):
    while n:
        n -= 1

def right(n):
    while n:
        n -= 1

def both():
    begin = now = time.perf_counter()
    while now < begin + 1:
        for _ in range(200):
            left(3)
            right(3)
        now = time.perf_counter()
    return now - begin

def waits_for_a_processor():
    # In seconds, and how often.
    with open("/proc/thread-self/schedstat") as file:
        _, waited, turns = map(int, file.read().split())
    return waited / 1e9, turns

def measured():
    profile = Profile(times="sampled")
    waited, turns = waits_for_a_processor()
    profile.enable()
    truth = both()
    profile.disable()
    waited_by_now, turns_by_now = waits_for_a_processor()
    return waited_by_now - waited, turns_by_now - turns, truth, profile

for number in range(5):
    new = measured()
    best = min(new, best, key=lambda run: run[0]) if number else new
    if best[0] < 0.02:
        break
waited, turns, truth, profile = best
# So many turns of one length each, that fall to one of the two by chance: six standard errors, or all of it.
chance = min(waited, 6 * waited / math.sqrt(max(turns, 1)))
times = own(profile)
slower, faster = sorted((times["left"], times["right"]), reverse=True)
answer([is_near(profile, max(slower - chance, faster), faster), is_near(profile, total(profile)["both"], truth)])
"""
    ) == [True, True]


@pytest.mark.parametrize("how", ["", ", builtins=False, hook='fast'", ", tree=True", ", subcalls=False"])
def test_counts_are_exact_however_it_is_asked(how: str) -> None:
    counts, stacks = evaluate(
        PROGRAM
        + f"""
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

def each(n):
    yield from range(n)

def fails():
    raise ValueError

def deep(n):
    return n and 1 + deep(n - 1)

profile = Profile(times="sampled"{how})
profile.enable()
fib(15)
assert sum(each(100)) == 4950
for _ in range(10):
    try:
        fails()
    except ValueError:
        pass
deep(500)
spin(0.2)
profile.disable()
rows = {{entry.code.co_name: entry for entry in profile.getstats() if not isinstance(entry.code, str)}}
counts = {{name: [rows[name].callcount, rows[name].reccallcount] for name in ("fib", "each", "fails", "deep", "spin")}}
found = pikos.stats.of(profile)
answer([counts, [found.metadata["stacks"], sum(own(profile).values()) > 0.19]])
"""
    )
    assert counts == {"fib": [1973, 1972], "each": [101, 0], "fails": [10, 0], "deep": [501, 500], "spin": [1, 0]}
    assert (stacks[0] is not None) == ("tree" in how) and stacks[1]


def test_each_thread_has_its_own() -> None:
    assert evaluate(
        PROGRAM
        + """
profile = Profile(times="sampled", threads=True)
profile.enable()
workers = [threading.Thread(target=work, name=work.__name__) for work in (short, long)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
profile.disable()
answer([is_near(profile, total(profile, name)[name], seconds) for name, seconds in (("short", 0.2), ("long", 0.6))])
"""
    ) == [True, True]


def test_both_kinds_record_at_the_same_time_in_a_thread_each() -> None:
    """One that reads the clock, beside one that doesn't."""
    assert evaluate(
        PROGRAM
        + """
def leaf():
    pass

def work(times, found):
    profile = Profile(times=times, threads=False)
    profile.enable()
    barrier.wait()
    for _ in range(1000):
        leaf()
    spin(0.3)
    barrier.wait()
    profile.disable()
    rows = {entry.code.co_name: entry for entry in profile.getstats() if not isinstance(entry.code, str)}
    found[times] = [rows["leaf"].callcount, rows["spin"].callcount, rows["spin"].totaltime > 0.29]

barrier = threading.Barrier(2)
found = {}
workers = [threading.Thread(target=work, args=(times, found)) for times in ("exact", "sampled")]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
answer(found)
"""
    ) == {"exact": [1000, 1, True], "sampled": [1000, 1, True]}


def test_a_fork_leaves_looks_in_both_processes() -> None:
    parent, child = evaluate(
        PROGRAM
        + """
profile = Profile(times="sampled")
profile.enable()
reader, writer = os.pipe()
pid = os.fork()
if not pid:
    long()
    profile.disable()
    os.write(writer, str(int(is_near(profile, total(profile)["long"], 0.6))).encode())
    os._exit(0)
os.waitpid(pid, 0)
short()
profile.disable()
answer([is_near(profile, total(profile)["short"], 0.2), os.read(reader, 1) == b"1"])
"""
    )
    assert parent and child


def test_it_goes_on_after_a_pause_and_begins_anew_when_it_is_cleared() -> None:
    assert evaluate(
        PROGRAM
        + """
profile = Profile(times="sampled")
for _ in range(2):
    with profile:
        short()
    short()
paused = is_near(profile, total(profile)["short"], 0.4)
profile.clear()
with profile:
    short()
cleared = is_near(profile, total(profile)["short"], 0.2)
profile.__init__()
with profile:
    short()
answer([paused, cleared, total(profile)["short"] >= 0.2, "times" in pikos.stats.of(profile).metadata["facts"]])
"""
    ) == [True, True, True, False]


def test_stacks_have_times(tmp_path: Path) -> None:
    file = tmp_path / "out.pikos"
    near = evaluate(
        PROGRAM
        + f"""
def caller():
    long()

profile = Profile(times="sampled", tree=True)
profile.enable()
short()
caller()
profile.disable()
profile.dump_stats({str(file)!r})
pikos.stats.of(profile).export({str(tmp_path / "out.folded")!r})
answer(is_near(profile, total(profile)["caller"], 0.6))
"""
    )
    assert near
    stacks = (tmp_path / "out.folded").read_text()
    assert "caller (" in stacks and ";long (" in stacks
    python(["-m", "pikos", "check", file]).succeeded()
    table = python(["-m", "pikos", "stats", file]).succeeded().out
    assert "times were sampled by " in table and "+/-" in table


REFUSED = [
    ("lambda: 0.0, times='sampled'", "a timer is read at each call"),
    ("times='sampled', compensate=True", "compensate=True corrects times that are taken at each call"),
    ("times='sampled', gil_wait='out'", 'gil_wait="out" needs the time of each call'),
    ("times='often'", "times must be exact or sampled, got 'often'"),
    ("times='sampled', rate=0", "rate must be from 0.1 to 10,000 looks a second, got 0"),
]


@pytest.mark.parametrize(("arguments", "expected"), REFUSED)
def test_what_needs_the_time_of_each_call_is_refused(arguments: str, expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)):
        eval(f"profile({arguments})", {"profile": subject().Profile})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--times", "often"], "--times must be exact or sampled, got 'often'"),
        (["--times", "sampled", "--compensate"], "choose one of them"),
        (["--times", "sampled", "--gil-wait", "out"], "choose one of them"),
        (["--rate", "100"], "no effect without --times sampled"),
        (["--times", "sampled", "--rate", "0"], "--rate must be from 0.1 to 10,000 looks a second, got '0'"),
        (["--times", "sampled", "--rate", "fast"], "--rate must be from 0.1 to 10,000 looks a second, got 'fast'"),
    ],
)
def test_the_command_line_refuses_the_same(options: list[str], expected: str) -> None:
    run = python(["-m", SUBJECT, *options, "-c", "print('ran')"])
    assert (run.code, run.out) == (2, "") and expected in run.err


def test_the_launcher_samples(tmp_path: Path) -> None:
    file = tmp_path / "out.pikos"
    command = ["-m", SUBJECT, "--times", "sampled", "--rate", "2000", "-o", file, "-c"]
    python([*command, PROGRAM + "short()"]).succeeded()
    facts = evaluate(f"import pikos.stats\nanswer(pikos.stats.load({str(file)!r}).metadata['facts'])")
    assert facts["times"] == "sampled" and "rate=2000.0" in facts["options"]
