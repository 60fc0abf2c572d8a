"""``gil_wait="out"``: what a thread waits for the GIL is in no function's time. Nothing here measures how fast the machine is: each
thread's times are compared with what the system says that it ran."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from running import evaluate, python, subject

pytestmark = [
    pytest.mark.beyond_cprofile,
    pytest.mark.skipif(sys.platform != "linux", reason="other systems don't tell one thread what another one ran"),
]

# Stretches of Python code, whose share of the processor the system tells, between things that threads wait for.
WORKERS = """
import functools, gc, hashlib, os, re, threading, time, zlib

def leaf(n):
    return n + 1

def with_calls(n):
    x = 0
    for _ in range(n // 6):
        x = leaf(x)
    for _ in range(n // 6):
        leaf(x)

def without_calls(n):
    i = 0
    while i < n:
        i += 1

def each(some):
    for i in some:
        yield leaf(i)

def turn(x, y):
    return y

def change(found):
    return "b"

# From 3.13 on a thread loses the GIL at the entry of a function that a built-in calls, before the hook hears of the call.
def in_callbacks(n):
    some = range(n // 24)
    sum(each(some))
    sorted(some, key=leaf)
    sum(map(leaf, some))
    functools.reduce(turn, some)
    re.sub("a", change, "a" * (n // 24))

lock = threading.Lock()
data = os.urandom(200_000)

def lock_it():
    lock.acquire()
    without_calls(2_000)
    lock.release()

WAYS = {
    "lock": lock_it,
    "sleep": lambda: time.sleep(0.001),
    "short sleep": lambda: time.sleep(0.00001),
    "hash": lambda: hashlib.sha256(data).digest(),
    "compress": lambda: zlib.compress(data, 1),
    "nothing": lambda: None,
}

def ran():
    # What the scheduler has given the thread, in seconds.
    with open(f"/proc/self/task/{threading.get_native_id()}/schedstat") as file:
        return int(file.read().split()[0]) / 1e9

def interrupted():
    # How often somebody else was given the processor.
    with open(f"/proc/self/task/{threading.get_native_id()}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("nonvoluntary"))

truth, interruptions = {}, {}
def work(stretch, way, rounds, size):
    if way is WAYS["nothing"]:
        before = ran()
        for _ in range(rounds):
            stretch(size)
        total = ran() - before
    else:
        total = 0.0
        for _ in range(rounds):
            way()
            before = time.thread_time()
            stretch(size)
            total += time.thread_time() - before
    name = threading.current_thread().name
    truth[name], interruptions[name] = total, interrupted()

def run(workers, **options):
    gc.disable()
    threads = []
    for number, (stretch, way) in enumerate(workers):
        rounds, size = (10, 600_000) if way == "nothing" else (100, 60_000)
        name = f"{number} {stretch.__name__} {way}"
        threads.append(threading.Thread(target=work, args=(stretch, WAYS[way], rounds, size), name=name))
    profile = Profile(threads=True, **options)
    with profile:
        for thread in threads: thread.start()
        for thread in threads: thread.join()
    return profile

STRETCHES = {
    "with_calls", "without_calls", "leaf", "in_callbacks", "each", "turn", "change", "sub",
    "<built-in method builtins.sum>", "<built-in method builtins.sorted>", "<built-in method _functools.reduce>",
    "<method 'sub' of 're.Pattern' objects>",
}

def stretches(entries):
    return [entry for entry in entries if getattr(entry.code, "co_name", entry.code) in STRETCHES]

def own(profile):
    return {
        thread.name: sum(entry.inlinetime for entry in stretches(thread.entries))
        for thread in profile.thread_stats() if thread.name in truth
    }
"""

MIXTURES = {
    "built-ins that call Python": [("in_callbacks", "nothing")] * 4,
    "built-ins that call Python, beside sleep": [
        ("in_callbacks", "nothing"),
        ("in_callbacks", "sleep"),
        ("with_calls", "short sleep"),
    ],
    "computing, with calls and without": [("with_calls", "nothing"), ("without_calls", "nothing")] * 2,
    "computing beside sleep": [("with_calls", "nothing"), ("without_calls", "sleep"), ("with_calls", "short sleep")],
    "C that lets the GIL go": [("with_calls", "hash"), ("without_calls", "compress"), ("with_calls", "nothing")],
    "a lock": [("with_calls", "lock"), ("with_calls", "lock"), ("without_calls", "lock")],
    "all together": [
        ("with_calls", "nothing"),
        ("without_calls", "lock"),
        ("with_calls", "lock"),
        ("without_calls", "hash"),
        ("with_calls", "sleep"),
    ],
}


def workers(mixture: str) -> str:
    return "[" + ", ".join(f"({stretch}, {way!r})" for stretch, way in MIXTURES[mixture]) + "]"


@pytest.mark.parametrize("mixture", MIXTURES)
def test_own_time_is_what_the_thread_ran(mixture: str) -> None:
    found: Any = evaluate(
        f"{WORKERS}\nprofile = run({workers(mixture)}, gil_wait='out')\n"
        "answer({'own': own(profile), 'truth': truth, 'often': interruptions, 'waited': profile.gil_wait()})"
    )
    assert found["own"].keys() == found["truth"].keys()
    for thread, ran in found["truth"].items():
        # On a busy machine, less than 0.1 ms of each interruption stays unseen.
        least, most = ran * 0.95 - 0.005, ran * 1.05 + 0.005 + 0.0001 * found["often"][thread]
        assert least < found["own"][thread] < most, (thread, found)
    assert found["waited"] > 0


@pytest.mark.parametrize("way", ["hash", "compress"])
def test_c_that_only_computes_has_what_it_ran(way: str) -> None:
    """It lets the GIL go, and waits for it at its end, each time."""
    code = f"""{WORKERS}
done = False
def spin():
    while not done:
        pass

def computes():
    total = 0.0
    for _ in range(150):
        before = time.thread_time()
        WAYS[{way!r}]()
        total += time.thread_time() - before
        with_calls(3_000)
    truth["ran"] = total
    truth["often"] = interrupted()

spinning, computing = threading.Thread(target=spin), threading.Thread(target=computes, name="computes")
profile = Profile(threads=True, gil_wait="out")
with profile:
    spinning.start(), computing.start()
    computing.join()
    done = True
    spinning.join()
entries = next(thread.entries for thread in profile.thread_stats() if thread.name == "computes")
found = sum(each.inlinetime for each in entries if str(each.code).startswith(("<built-in method _hashlib.", "<method 'digest'", "<built-in method zlib.")))
answer([found, truth["ran"], truth["often"], profile.gil_wait()])
"""
    own, ran, often, waited = evaluate(code)
    assert ran * 0.9 - 0.005 < own < ran * 1.05 + 0.005 + 0.0001 * often, (ran, often)
    # Most times up to a switch interval.
    assert waited > 0.03


def test_what_is_kept_is_what_cprofile_has() -> None:
    """The same program with its waiting in: a thread's time is all the time that passed, and its calls are the same."""
    code = f"""{WORKERS}
profiles = [run({workers("computing, with calls and without")}, gil_wait=gil_wait) for gil_wait in ("keep", "out")]
counts = [sorted((e.code.co_name, e.callcount, e.reccallcount) for e in stretches(p.getstats())) for p in profiles]
answer([counts, [sum(own(p).values()) for p in profiles], [p.gil_wait() for p in profiles], sum(truth.values())])
"""
    (counts, own, waited, truth) = evaluate(code)
    assert counts[0] == counts[1] and len(counts[0]) == 3
    # Four threads take turns.
    assert own[0] > 2 * truth
    assert own[1] == pytest.approx(truth, rel=0.05)
    assert waited[0] == 0 < truth < waited[1]


def test_a_process_with_one_thread_waits_for_nobody() -> None:
    code = f"""{WORKERS}
profile = Profile(gil_wait="out")
with profile:
    work(with_calls, WAYS["sleep"], 20, 60_000)
answer(profile.gil_wait())
"""
    assert evaluate(code) == 0


def test_a_call_that_is_open_at_the_end_has_waited_too() -> None:
    code = f"""{WORKERS}
done = False
def spin():
    while not done:
        pass

def entry():
    return next(each for each in profile.getstats() if getattr(each.code, "co_name", "") == "spin")

thread = threading.Thread(target=spin)
profile = Profile(threads=True, gil_wait="out")
profile.enable()
thread.start()
clock = time.pthread_getcpuclockid(thread.ident)
before = time.clock_gettime(clock)
without_calls(6_000_000)
profile.disable()
ran = time.clock_gettime(clock) - before
done = True
thread.join()
answer([ran, entry().inlinetime, entry().totaltime, profile.gil_wait()])
"""
    ran, own, total, waited = evaluate(code)
    assert own == total == pytest.approx(ran, rel=0.1, abs=0.02)
    assert waited > ran / 2


@pytest.mark.parametrize("compensate", [False, True])
def test_full_stacks_have_what_the_table_has(compensate: bool) -> None:
    code = f"""{WORKERS}
import pikos.stats
profile = run({workers("all together")}, gil_wait="out", tree=True, compensate={compensate})
stored = pikos.stats.of(profile)
answer([sum(row.tottime for row in stored), sum(node.tottime for node in stored.tree()),
        float(stored.metadata["facts"]["gil wait"]), profile.gil_wait(), own(profile), truth])
"""
    table, stacks, fact, waited, own, truth = evaluate(code)
    assert table == pytest.approx(stacks, rel=0.02)
    assert fact == pytest.approx(waited, abs=1e-6) and waited > 0
    for thread, ran in truth.items():
        # What recording takes may be out as well.
        assert own[thread] < ran * 1.05 + 0.005, thread
        assert compensate or own[thread] > ran * 0.95 - 0.005, thread


def test_what_a_built_in_sleeps_that_calls_back_stays_its_own() -> None:
    """A generator that sleeps, and a handler of a signal that interrupts a sleep."""
    code = f"""{WORKERS}
import signal
def slow():
    for n in range(20):
        yield leaf(n)
        time.sleep(0.01)

def sleeper():
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    for _ in range(5):
        time.sleep(0.1)
    signal.setitimer(signal.ITIMER_REAL, 0)

signal.signal(signal.SIGALRM, lambda number, frame: leaf(number))
gc.disable()
thread = threading.Thread(target=lambda: without_calls(3_000_000))
profile = Profile(threads=True, gil_wait="out")
with profile:
    thread.start()
    sum(slow())
    thread.join()
    waited = profile.gil_wait()
    sleeper()
times = {{entry.code: entry.inlinetime for entry in profile.getstats() if isinstance(entry.code, str)}}
answer([times["<built-in method time.sleep>"], times["<built-in method builtins.sum>"], profile.gil_wait() - waited])
"""
    slept, summed, waited = evaluate(code)
    assert slept > 0.2 + 0.5 - 0.01
    assert summed < 0.1
    # On a busy machine, for a processor.
    assert waited < 0.2


def test_functions_and_threads_say_what_they_waited() -> None:
    code = f"""{WORKERS}
import pikos.stats
profile = run({workers("built-ins that call Python")}, gil_wait="out")
rows = pikos.stats.of(profile)
by_thread = [thread.gil_wait for thread in profile.thread_stats()]
answer([profile.gil_wait(), sum(row.gil_wait for row in rows), sum(by_thread), sorted(by_thread)[-4:],
        {{row.name: row.gil_wait for row in rows}}, [row.gil_wait for row in rows.callers(rows.sort("time")[0])],
        [row.gil_wait for row in pikos.stats.of(run({workers("a lock")}, gil_wait="keep"))]])
"""
    whole, by_function, by_thread, threads, rows, callers, kept = evaluate(code)
    assert whole == pytest.approx(by_function, rel=0.01) == pytest.approx(by_thread, rel=0.01)
    assert min(threads) > whole / 10
    assert rows["work"] < whole / 10
    assert set(callers) == set(kept) == {None}


def test_what_it_can_t_do_is_refused() -> None:
    profile = subject().Profile
    with pytest.raises(ValueError, match="gil_wait must be keep or out, got 'off'"):
        profile(gil_wait="off")
    with pytest.raises(ValueError, match="leave timer out"):
        profile(lambda: 0.0, gil_wait="out")
    with pytest.raises(ValueError, match="pass builtins=True"):
        profile(builtins=False, gil_wait="out")
    with pytest.raises(ValueError, match="pass builtins=True"):
        profile(gil_wait="out").enable(builtins=False)


@pytest.mark.parametrize("command", [["-m", "pikos.cprofile"], ["-m", "pikos.cprofile", "--fast"]])
def test_the_command_line_refuses_it_before_the_program_begins(command: list[str]) -> None:
    wrong = "out" if "--fast" in command else "off"
    run = python([*command, "--gil-wait", wrong, "-c", "print('ran')"])
    assert (run.code, run.out) == (2, "")
    expected = "choose one of them" if "--fast" in command else "--gil-wait must be keep or out, got 'off'"
    assert expected in run.err
