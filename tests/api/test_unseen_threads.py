"""Threads that nobody announces: those that C makes are seen, and those that a profile doesn't cover are counted."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

import pytest
from running import evaluate

pytestmark = pytest.mark.beyond_cprofile

#: `in_c_threads(count)` makes so many threads by pthread_create, one after the other; each calls `seen` once, by way of
#: PyGILState_Ensure. `sort` in such a thread calls it often: by qsort, which compares by a callback.
C_THREADS = """
import ctypes, threading, time
libc = ctypes.CDLL(None)
Start = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
Compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
libc.qsort.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, Compare]
libc.qsort.restype = None
libc.pthread_create.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
libc.pthread_join.argtypes = [ctypes.c_ulong, ctypes.c_void_p]

def leaf(): return 1
def seen(_):
    leaf(); leaf()
    return 0
started = Start(seen)

def in_c_threads(count, start=started):
    for _ in range(count):
        thread = ctypes.c_ulong()
        assert libc.pthread_create(ctypes.byref(thread), None, start, None) == 0
        libc.pthread_join(thread, None)

compared = 0
def compare(a, b):
    global compared
    compared += 1
    seen(None)
    return 0
comparing = Compare(compare)
numbers = (ctypes.c_int * 64)()
def sort(_):
    libc.qsort(numbers, 64, 4, comparing)
    return 0

def busy(rounds):
    for i in range(rounds): half(i)
def half(i): return abs(i) + len("no leaf")

def counts(profile):
    return {e.code.co_name: e.callcount for e in profile.getstats()
            if getattr(e.code, "co_name", "") in ("seen", "leaf", "compare")}
"""

OPTIONS = {
    "default": "",
    "python": "builtins=False",
    "fast": "builtins=False, hook='fast'",
    "tree": "tree=True",
    "compensated": "compensate=True",
    "without callers": "subcalls=False",
    "timer": "timer=time.perf_counter",
}


def c_threads(code: str) -> Any:
    return evaluate(C_THREADS + textwrap.dedent(code))


def enabling(options: str) -> str:
    return "profile.enable(builtins=False)" if "builtins=False" in options else "profile.enable()"


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("before", [0, 50_000])
def test_threads_made_by_c_are_seen(options: str, before: int) -> None:
    """Also long after the beginning, when on 3.11 the frames have been given back because that is cheaper."""
    got = c_threads(f"""
        profile = Profile(threads=True, {OPTIONS[options]})
        {enabling(OPTIONS[options])}
        busy({before})
        in_c_threads(300)
        profile.disable()
        answer([counts(profile), profile._threads_missed()])
    """)
    assert got == [{"seen": 300, "leaf": 600}, 0]


@pytest.mark.parametrize("options", ["default", "fast"])
def test_many_calls_of_one_c_thread_are_seen(options: str) -> None:
    got = c_threads(f"""
        profile = Profile(threads=True, {OPTIONS[options]})
        {enabling(OPTIONS[options])}
        busy(20_000)
        in_c_threads(2, Start(sort))
        profile.disable()
        answer([counts(profile), compared, profile._threads_missed()])
    """)
    rows, compared, missed = got
    assert compared > 100
    assert rows == {"compare": compared, "seen": compared, "leaf": 2 * compared}
    assert missed == 0


def test_python_threads_and_those_of_c_together() -> None:
    """So many that some are half made when others are looked for: C's enter the list of threads without the GIL."""
    got = c_threads("""
        profile = Profile(threads=True)
        profile.enable()
        busy(20_000)
        def work():
            for _ in range(5):
                in_c_threads(60)
                busy(100)
        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        profile.disable()
        answer([counts(profile), profile._threads_missed()])
    """)
    assert got == [{"seen": 1800, "leaf": 3600}, 0]


COVERS_ALL = sys.version_info >= (3, 12)


@pytest.mark.parametrize("options", ["default", "python", "fast", "tree"])
def test_threads_that_a_profile_of_one_thread_misses_are_counted(options: str) -> None:
    got = c_threads(f"""
        def pause():
            leaf()
            go.wait()
            leaf()
        go, still = threading.Event(), threading.Event()
        old = threading.Thread(target=pause)
        asleep = threading.Thread(target=still.wait, daemon=True)
        for thread in (old, asleep): thread.start()
        time.sleep(0.05)
        profile = Profile(threads=False, {OPTIONS[options]})
        {enabling(OPTIONS[options])}
        leaf()
        answers = [profile._threads_missed()]
        go.set()
        old.join()
        answers.append(profile._threads_missed())
        for _ in range(3):
            thread = threading.Thread(target=leaf)
            thread.start()
            thread.join()
        answers.append(profile._threads_missed())
        in_c_threads(2)
        answers.append(profile._threads_missed())
        profile.disable()
        answers.append(profile._threads_missed())
        threading.Thread(target=leaf).start()
        answers.append(profile._threads_missed())
        with profile: threading.Thread(target=leaf).start()
        answers.append(profile._threads_missed())
        profile.clear()
        answers.append(profile._threads_missed())
        answer([answers, counts(profile)])
    """)
    answers, rows = got
    # The one that was asleep all the time is none of them.
    assert answers == [0, 1, 4, 6, 6, 6, 7, 0]
    assert rows == {}


@pytest.mark.parametrize("options", ["", "builtins=False", "builtins=False, hook='fast'"])
def test_nothing_is_missed_where_there_is_one_thread(options: str) -> None:
    got = c_threads(f"""
        import subprocess, sys
        answers = []
        for threads in (None, True, False):
            profile = Profile(threads=threads, {options})
            {enabling(options)}
            busy(20_000)
            subprocess.run([sys.executable, "-c", ""], check=True)
            profile.disable()
            answers.append(profile._threads_missed())
        answer(answers)
    """)
    assert got == [0, 0, 0]


def test_what_the_default_covers() -> None:
    got = c_threads("""
        profile = Profile()
        with profile:
            thread = threading.Thread(target=leaf)
            thread.start()
            thread.join()
        answer(profile._threads_missed())
    """)
    assert got == (0 if COVERS_ALL else 1)
