"""Leaks as they are in the wild: the type, who holds it, and what is no object at all."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pikos.objects
import pytest
from running import evaluate

pytestmark = pytest.mark.in_process


def watched(program: str) -> str:
    """What is printed of a program whose serve() is called 5,000 times."""
    text = textwrap.dedent(program) + textwrap.dedent(WATCHED)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


WATCHED = """
    import pikos.objects
    growth = pikos.objects.growth()
    for _ in range(5):
        for _ in range(1000):
            serve()
        growth.take()
    print(growth.report())
    for row, held in growth.held(growth.rows[:1]):
        print("worst", row.label, row.more, f"{row.steady}/{row.steps}", held.holders.path)
"""


def test_a_cache_that_grows() -> None:
    printed = watched(
        """
        CACHE = {}
        def serve():
            CACHE[len(CACHE)] = {"user": str(len(CACHE)), "rows": [1]}
        """
    )
    assert re.search(r"worst dict [45]\d{3} 5/5 __main__\.CACHE", printed)
    assert "dict: 5,000 are in one dict of 5,000" in printed


def test_closures_in_a_list() -> None:
    printed = watched(
        """
        CALLBACKS = []
        def serve():
            data = [len(CALLBACKS)]
            CALLBACKS.append(lambda: data)
        """
    )
    assert "function: 5,000 are in one list of 5,000" in printed
    assert "__main__" in printed and ".CALLBACKS" in printed


def test_exceptions_that_keep_frames() -> None:
    printed = watched(
        """
        class App:
            errors = []
        class Broken(Exception): pass
        def work(payload):
            raise Broken
        def serve():
            try:
                work(bytearray(1000))
            except Broken as error:
                App.errors.append(error)
        """
    )
    assert "bytearray" in printed.splitlines()[1]
    assert ".errors" in printed and "frame of work()" in printed


def test_memory_that_is_no_object() -> None:
    printed = watched(
        """
        import ctypes
        malloc = ctypes.CDLL(None).malloc
        malloc.restype, malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        def serve():
            ctypes.memset(malloc(10_000), 1, 10_000)
        """
    )
    assert "came outside of objects" in printed
    assert "buffers of\nC code" in printed


def test_nothing_grows() -> None:
    growth = pikos.objects.growth()
    assert growth.report().startswith("There is one snapshot")
    assert growth.rows == []
    assert growth.dot() == ""


class Thing:
    pass


def test_by_a_thread_of_ours() -> None:
    made = []
    with pikos.objects.growth(0.01, types=[Thing, "nothing.at.all"]) as growth:
        with pytest.raises(RuntimeError, match="watched already"):
            growth.start()
        while growth._taken < 4:
            made.append(Thing())
            time.sleep(0.005)
    [row] = growth.rows
    assert (row.type, row.more) == ("Thing", len(made))
    count = growth._taken
    time.sleep(0.05)
    assert growth._taken == count
    assert "made" in growth.report()
    assert growth.dot().startswith("digraph")


def test_snapshots_are_bounded() -> None:
    # In a heap that is smaller than this process's, which 600 snapshots would take half a minute to go through.
    taken, first, last, steady, steps = evaluate("""
        import pikos.objects
        class Other:
            pass
        growth = pikos.objects.growth(types=[Other])
        made = []
        for _ in range(600):
            made.append(Other())
            growth.take()
        [row] = growth.rows
        answer([growth._taken, row.first, row.last, row.steady, row.steps])
    """)
    assert taken <= 256
    assert (first, last, steady) == (0, 600, steps)


def test_what_comes_and_goes_ranks_behind() -> None:
    class Steady:
        pass

    growth = pikos.objects.growth(types=[Steady, Path])
    things: list[Steady] = []
    paths: list[Path] = []
    for number in range(10):
        things.append(Steady())
        paths = [Path(str(each)) for each in range(0 if number % 2 == 0 else 500)]
        growth.take()
    assert growth.rows[0].type.endswith("Steady")
    del paths


@pytest.mark.parametrize("every", [0, -1])
def test_a_wrong_interval(every: float) -> None:
    with pytest.raises(ValueError, match="every must be more than 0 seconds"):
        pikos.objects.growth(every)


def test_lines_fit() -> None:
    made: list[Thing] = []
    growth = pikos.objects.growth()
    made += [Thing() for _ in range(100)]
    growth.take()
    assert all(len(line) <= 80 for line in growth.report(80).splitlines())
