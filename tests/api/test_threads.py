"""Threads: whose calls are recorded, and that each thread's numbers are its own.

cProfile covers the enabling thread on 3.11 and, from 3.12, all threads, on one shared stack. `threads=None` covers the
same threads, but with a stack for each.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
from running import evaluate

pytestmark = pytest.mark.beyond_cprofile

ALL_BY_DEFAULT = sys.version_info >= (3, 12)
THREADS = 8

# Work of known shape: inside(n) is called 1 + n * 3 times in a thread, at depths 1 to 4; the switches between threads
# come often and in the middle of it.
KNOWN_WORK = """
import sys, threading, time
sys.setswitchinterval(1e-5)

def leaf(n):
    return sum(range(n))

def middle(n):
    for _ in range(10):
        leaf(n)

def recursive(depth):
    middle(5)
    if depth:
        recursive(depth - 1)

walls = {}
def work(rounds):
    started = time.perf_counter()
    for _ in range(rounds):
        recursive(3)
    walls[threading.current_thread().name] = time.perf_counter() - started

def start(count, rounds=60):
    threads = [threading.Thread(target=work, args=(rounds,), name=f"worker-{i}") for i in range(count)]
    for thread in threads: thread.start()
    return threads

def numbers(entries):
    return {e.code.co_name: [e.callcount, e.reccallcount] for e in entries
            if getattr(e.code, "co_filename", "") == "<string>" and e.code.co_name in ("leaf", "middle", "recursive", "work")}
"""


def expected(threads: int, rounds: int = 60) -> dict[str, list[int]]:
    total = threads * rounds
    return {
        "leaf": [total * 40, 0],
        "middle": [total * 4, 0],
        "recursive": [total * 4, total * 3],
        "work": [threads, 0],
    }


def known(code: str) -> Any:
    # dedented apart: evaluate() dedents what it is given
    import textwrap

    return evaluate(KNOWN_WORK + textwrap.dedent(code))


@pytest.mark.parametrize("threads", [True, None, False])
def test_counts_are_exact_for_the_threads_covered(threads: bool | None) -> None:
    got = known(f"""
        profile = Profile(threads={threads})
        profile.enable()
        work(60)
        for thread in start({THREADS}): thread.join()
        profile.disable()
        answer(numbers(profile.getstats()))
    """)
    everyone = threads is True or (threads is None and ALL_BY_DEFAULT)
    assert got == expected(THREADS + 1 if everyone else 1)


@pytest.mark.parametrize("threads", [True, None])
def test_threads_that_ran_before_enable_are_covered(threads: bool | None) -> None:
    got = known(f"""
        go, ready = threading.Event(), threading.Barrier({THREADS + 1})
        def waiting():
            ready.wait(); go.wait(); work(60)
        workers = [threading.Thread(target=waiting) for _ in range({THREADS})]
        for worker in workers: worker.start()
        ready.wait()
        profile = Profile(threads={threads})
        profile.enable()
        go.set()
        for worker in workers: worker.join()
        profile.disable()
        answer(numbers(profile.getstats()))
    """)
    assert got == (expected(THREADS) if threads is True or ALL_BY_DEFAULT else {})


def test_threads_that_outlive_disable_end_there() -> None:
    got = known("""
        stop = threading.Event()
        def endless():
            while not stop.is_set(): middle(2)
        profile = Profile(threads=True)
        profile.enable()
        worker = threading.Thread(target=endless)
        worker.start()
        time.sleep(0.05)
        profile.disable()
        first = numbers(profile.getstats())
        time.sleep(0.05)
        second = numbers(profile.getstats())
        stop.set(); worker.join()
        answer([first, second, [[e.callcount, e.totaltime > 0.02] for e in profile.getstats() if getattr(e.code, "co_name", "") == "endless"]])
    """)
    first, second, endless = got
    assert first == second
    assert first["middle"][0] > 0
    assert endless == [[1, True]]  # closed by disable(), with the time it had


def test_each_threads_tottime_is_its_wall_time() -> None:
    got = known(f"""
        import _thread, sys
        sys.setswitchinterval(0.001)
        # Threads without threading's own start, whose waiting would count: all that a thread does is in its wall time.
        everybody_here, done = threading.Barrier({THREADS}), threading.Semaphore(0)
        def whole(walls):
            started = time.perf_counter()
            everybody_here.wait()  # or a thread that has ended lends its ident to the next
            for _ in range(4000): recursive(3)
            walls[_thread.get_ident()] = time.perf_counter() - started
            done.release()
        walls = {{}}
        profile = Profile(threads=True)
        profile.enable()
        began = time.perf_counter()
        for _ in range({THREADS}): _thread.start_new_thread(whole, (walls,))
        for _ in range({THREADS}): done.acquire()
        time.sleep(0.05)
        longest = time.perf_counter() - began
        profile.disable()
        mine = [thread for thread in profile.thread_stats() if thread.ident in walls]
        tottimes = {{t.ident: sum(e.inlinetime for e in t.entries) for t in mine}}
        answer([walls, longest, tottimes, {{t.ident: numbers(t.entries) for t in mine}}])
    """)
    walls, longest, tottimes, counts = got
    assert tottimes.keys() == walls.keys() and len(walls) == THREADS
    one = {name: row for name, row in expected(1, rounds=4000).items() if name != "work"}
    for ident, wall in walls.items():
        # Before it looks at the clock first, and after it did last, a thread may wait for its turn.
        assert 0.95 * wall - 0.05 < tottimes[ident] < 1.05 * longest + 0.05
        assert counts[ident] == one


def test_no_recursion_is_invented() -> None:
    got = known(f"""
        profile = Profile(threads=True)
        profile.enable()
        for thread in start({THREADS}): thread.join()
        profile.disable()
        own = {{leaf.__code__, middle.__code__, work.__code__}}
        answer([[e.code.co_name, e.reccallcount] for e in profile.getstats() if e.code in own and e.reccallcount]
               + [[e.code.co_name, c.code.co_name] for e in profile.getstats() for c in e.calls or ()
                  if e.code in own and c.code in own and (e.code, c.code) != (middle.__code__, leaf.__code__)])
    """)
    assert got == []


def test_cumtime_never_exceeds_what_a_threads_time_allows() -> None:
    got = known(f"""
        profile = Profile(threads=True)
        profile.enable()
        for thread in start({THREADS}, rounds=1000): thread.join()
        profile.disable()
        rows = {{e.code: e for e in profile.getstats()}}
        answer([sum(walls.values()), rows[work.__code__].totaltime, rows[recursive.__code__].totaltime, rows[leaf.__code__].totaltime])
    """)
    walls, work, recursive, leaf = got
    assert leaf < recursive < work
    # Before it looks at the clock first, and after it did last, a thread may wait for its turn: for one round of all.
    assert 0.95 * walls < work < (1.05 + 1 / THREADS) * walls + 0.05 * THREADS


def test_threads_are_told_apart_by_name_ident_and_object() -> None:
    got = known("""
        profile = Profile(threads=True)
        profile.enable()
        threads = start(3)
        idents = [thread.ident for thread in threads]
        for thread in threads: thread.join()
        work(7)
        profile.disable()
        rows = {t.name: t for t in profile.thread_stats()}
        by = [numbers(profile.getstats(thread=key)) for key in ("worker-1", threading.main_thread(), "MainThread", threading.get_ident())]
        try:
            profile.getstats(thread="nobody")
            refused = None
        except ValueError as error:
            refused = str(error)
        answer([sorted(rows), by, refused, rows["worker-1"].ident in idents, rows["MainThread"].native_id == threading.get_native_id(),
                all(t.totaltime >= 0 for t in rows.values()), numbers(profile.getstats())])
    """)
    names, (worker, *main), refused, ident, native, positive, everyone = got
    assert names == ["MainThread", "worker-0", "worker-1", "worker-2"]
    assert worker == expected(1)
    assert main == [expected(1, rounds=7)] * 3
    assert "nobody" in refused
    assert (ident, native, positive) == (True, True, True)
    assert everyone["work"] == [4, 0]


def test_per_thread_rows_add_up_to_the_whole() -> None:
    got = known(f"""
        import collections
        profile = Profile(threads=True)
        profile.enable()
        for thread in start({THREADS}): thread.join()
        profile.disable()
        whole, parts = collections.Counter(), collections.Counter()
        times = [0.0, 0.0]
        for e in profile.getstats():
            whole[e.code] += e.callcount; times[0] += e.inlinetime
        for t in profile.thread_stats():
            for e in t.entries:
                parts[e.code] += e.callcount; times[1] += e.inlinetime
        answer([whole == parts, len(whole), times])
    """)
    equal, functions, (whole, parts) = got
    assert equal and functions > 4
    assert whole == pytest.approx(parts)


def test_profiles_of_one_thread_run_side_by_side() -> None:
    got = known("""
        results = {}
        both = threading.Barrier(2, timeout=200)
        def request(name, rounds):
            profile = Profile(threads=False)
            both.wait()
            profile.enable()
            both.wait()
            work(rounds)
            both.wait()
            profile.disable()
            results[name] = [numbers(profile.getstats()), sum(e.inlinetime for e in profile.getstats()), [t.name for t in profile.thread_stats()]]
        threads = [threading.Thread(target=request, args=(f"r{n}", n), name=f"r{n}") for n in (50, 80)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        answer([results, walls])
    """)
    results, walls = got
    for name, rounds in (("r50", 50), ("r80", 80)):
        counts, tottime, threads = results[name]
        assert counts == expected(1, rounds)
        assert threads == [name]
        assert tottime >= walls[name] * 0.95


def test_profiles_of_one_thread_each_want_what_they_want() -> None:
    """With built-ins, without, with a timer, compensated, and a thread without a profile, in turn and at once."""
    got = known("""
        import time
        def calls(n):
            for _ in range(n): len("x"); int("3"); abs(-1)
        kinds = {"all": {}, "python": {"builtins": False}, "timed": {"timer": time.perf_counter}, "true": {"compensate": True}}
        counts = {}
        gate = threading.Barrier(len(kinds) + 1, timeout=200)
        def request(kind):
            profile = Profile(threads=False, **kinds[kind])
            gate.wait()
            with profile:
                for _ in range(20):
                    calls(40); time.sleep(0.0005)
            gate.wait()
            named = {getattr(e.code, "co_name", e.code): e.callcount for e in profile.getstats()}
            counts[kind] = [named.get("calls"), named.get("<built-in method builtins.len>"), named.get("<built-in method builtins.abs>")]
        threads = [threading.Thread(target=request, args=(kind,)) for kind in kinds]
        for thread in threads: thread.start()
        gate.wait()
        for _ in range(20):
            calls(40); time.sleep(0.0005)
        gate.wait()
        for thread in threads: thread.join()
        answer(counts)
    """)
    assert got == {
        "all": [20, 800, 800],
        "python": [20, None, None],
        "timed": [20, 800, 800],
        "true": [20, 800, 800],
    }


def test_many_profiles_of_one_thread_come_and_go() -> None:
    got = known("""
        results = []
        def request(rounds):
            for n in range(1, rounds):
                profile = Profile(threads=False)
                with profile:
                    work(n)
                results.append([n, numbers(profile.getstats())])
        threads = [threading.Thread(target=request, args=(8,)) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        answer(results)
    """)
    assert len(got) == 56
    for rounds, counts in got:
        assert counts == expected(1, rounds)


@pytest.mark.parametrize("first, second", [(True, True), (True, False), (False, True)])
def test_a_conflict_names_the_owner(first: bool, second: bool) -> None:
    got = known(f"""
        one, two = Profile(threads={first}), Profile(threads={second})
        one.enable()
        try:
            two.enable()
            refused = None
        except ValueError as error:
            refused = str(error)
        work(3)
        one.disable()
        alone = numbers(one.getstats())
        two.enable(); work(2); two.disable()
        answer([refused, alone, numbers(two.getstats())])
    """)
    refused, alone, after = got
    assert refused is not None and "Another profiling tool is already active" in refused
    assert "Profile" in refused or "pikos" in refused.lower()
    assert (alone, after) == (expected(1, 3), expected(1, 2))


def test_two_profiles_in_one_thread_conflict() -> None:
    got = known("""
        one, two = Profile(threads=False), Profile(threads=False)
        one.enable()
        try:
            two.enable()
            answer(None)
        except ValueError as error:
            one.disable()
            answer(str(error))
    """)
    assert got and "thread" in got.lower()


def test_disable_from_another_thread_is_clear() -> None:
    """Either it works, or it says why not; the counts are right up to there."""
    got = known("""
        profile = Profile(threads=False)
        profile.enable()
        work(5)
        said = []
        def stop():
            try: profile.disable()
            except RuntimeError as error: said.append(str(error))
        thread = threading.Thread(target=stop); thread.start(); thread.join()
        profile.disable()
        after = numbers(profile.getstats())
        work(5)
        answer([said, after, numbers(profile.getstats())])
    """)
    said, after, later = got
    assert after == later == expected(1, 5)
    assert all("thread" in message for message in said)


def test_threading_setprofile_is_left_alone() -> None:
    got = known("""
        def mine(*event): pass
        threading.setprofile(mine)
        profile = Profile(threads=True)
        profile.enable()
        during = threading.getprofile() is mine
        profile.disable()
        answer([during, threading.getprofile() is mine])
    """)
    assert got[1]


def test_a_thread_that_ends_while_profiled_leaves_its_numbers() -> None:
    got = known("""
        profile = Profile(threads=True)
        profile.enable()
        for _ in range(200):
            thread = threading.Thread(target=work, args=(1,), name="short")
            thread.start(); thread.join()
        profile.disable()
        answer([numbers(profile.getstats()), len([t for t in profile.thread_stats() if t.name == "short"])])
    """)
    counts, rows = got
    assert counts == expected(200, rounds=1)
    assert 1 <= rows <= 200


def test_low_level_and_pool_threads() -> None:
    got = known("""
        import _thread
        from concurrent.futures import ThreadPoolExecutor
        profile = Profile(threads=True)
        profile.enable()
        done = threading.Semaphore(0)
        def low():
            work(5); done.release()
        _thread.start_new_thread(low, ())
        done.acquire()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, [5] * 9))
        profile.disable()
        answer(numbers(profile.getstats()))
    """)
    assert got == expected(10, rounds=5)
