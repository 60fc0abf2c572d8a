"""Random programs that switch among greenlets, and what their profile must be.

A program writes down what it does: where it enters and leaves functions, and how long it waits by a clock that it moves
itself. The reference spreads each wait over the calls that are open on the stack of the greenlet that waits, one by one. It
knows nothing of switches: each note says whose it is.

Imports nothing of Pikos'. The functions of a program are `call_0` … `call_3`, `body` and `produce`.
"""

from __future__ import annotations

import functools
import itertools
import random
import threading
from collections.abc import Iterable
from typing import Any

import greenlet

#: ("enter" or "leave", stack, function) or ("wait", stack, ticks).
Note = tuple[str, int, Any]

NAMES = ("call_0", "call_1", "call_2", "call_3", "body", "produce")

_clock = threading.local()
#: Reads the thread's clock without calling Python.
timer = functools.partial(getattr, _clock, "now", 0)


class Program:
    """A thread's program. `notes` are what it has done."""

    def __init__(self, seed: int, budget: int) -> None:
        self.random = random.Random(seed)
        self.budget = budget
        self.notes: list[Note] = []
        self.stacks = {id(greenlet.getcurrent()): 0}
        self.numbers = itertools.count(1)
        self.pool: list[greenlet.greenlet] = []
        self.calls: list[Any] = []
        make_functions(self)

    def start(self) -> None:
        """Takes the thread's clock and the running greenlet, if it was made in another thread."""
        _clock.now = 0
        self.stacks = {id(greenlet.getcurrent()): 0}


def make_functions(program: Program) -> None:
    """The functions of the program: closures, so that looking at the program is no call."""
    note, stacks_of, rng = program.notes.append, program, program.random
    current = greenlet.getcurrent

    def body(depth: int) -> None:
        note(("enter", stacks_of.stacks[id(current())], "body"))
        try:
            made: list[Any] = []
            for _ in range(rng.randrange(1, 6)):
                program.budget -= 1
                if program.budget < 0:
                    return
                ticks = rng.randrange(5)
                _clock.now += ticks
                note(("wait", stacks_of.stacks[id(current())], ticks))
                choice = rng.random()
                pool = program.pool
                if choice < 0.30 and depth < 8:
                    rng.choice(program.calls)(depth + 1)
                elif choice < 0.36 and depth < 8:
                    sorted([depth + 1, depth + 2], key=rng.choice(program.calls))
                elif choice < 0.46:
                    made.insert(0, produce(depth + 1))
                    # The new one first: whether closing one that never ran is a call depends on the release.
                    for one in made:
                        next(one, None)
                elif choice < 0.60 and len(pool) < 12:
                    fresh = greenlet.greenlet(rng.choice(program.calls))
                    stacks_of.stacks[id(fresh)] = next(program.numbers)
                    if pool and rng.random() < 0.3:
                        parent = rng.choice(pool)
                        if not parent.dead:
                            fresh.parent = parent
                    pool.append(fresh)
                    fresh.switch(1)
                elif choice < 0.80 and pool:
                    rng.choice(pool).switch(1)
                elif choice < 0.85:
                    parent = current().parent
                    if parent is not None:
                        parent.switch()
                elif choice < 0.90 and pool:
                    # One that has not begun ends so without having run anything.
                    rng.choice(pool).throw(ValueError("thrown"))
                elif choice < 0.94 and pool:
                    rng.choice(pool).throw()
                elif choice < 0.98 and pool:
                    del pool[rng.randrange(len(pool))]
                else:
                    raise ValueError("raised")
        finally:
            note(("leave", stacks_of.stacks[id(current())], "body"))

    def produce(depth: int) -> Any:
        note(("enter", stacks_of.stacks[id(current())], "produce"))
        try:
            while program.budget > 0:
                if rng.random() < 0.5:
                    body(depth)
                note(("leave", stacks_of.stacks[id(current())], "produce"))
                try:
                    yield
                finally:
                    note(("enter", stacks_of.stacks[id(current())], "produce"))
        finally:
            note(("leave", stacks_of.stacks[id(current())], "produce"))

    source = """
def {name}(depth=1):
    note(("enter", program.stacks[id(current())], {name!r}))
    try:
        body(depth)
    except ValueError:
        if rng.random() < 0.5: raise
        _clock.now += 1
        note(("wait", program.stacks[id(current())], 1))
    finally:
        note(("leave", program.stacks[id(current())], {name!r}))
    return depth
"""
    names = {"note": note, "program": program, "current": current, "body": body, "rng": rng, "_clock": _clock}
    for name in NAMES[:4]:
        exec(source.format(name=name), names)
        program.calls.append(names[name])


def expected(notes: Iterable[Note]) -> tuple[dict[str, list[int]], dict[tuple[str, str], list[int]]]:
    """By function and by (caller, callee): calls, recursive calls, ticks with callees, ticks without."""
    functions: dict[str, list[int]] = {}
    edges: dict[tuple[str, str], list[int]] = {}
    stacks: dict[int, list[str]] = {}
    for what, number, value in notes:
        stack = stacks.setdefault(number, [])
        pairs = list(itertools.pairwise(stack))
        if what == "enter":
            row = functions.setdefault(value, [0, 0, 0, 0])
            row[0] += 1
            row[1] += value in stack
            if stack:
                pair = (stack[-1], value)
                row = edges.setdefault(pair, [0, 0, 0, 0])
                row[0] += 1
                row[1] += pair in pairs
            stack.append(value)
        elif what == "leave":
            # What began before the profile has no call to end.
            if stack:
                assert stack.pop() == value
        elif stack:
            for name in set(stack):
                functions[name][2] += value
            functions[stack[-1]][3] += value
            for pair in set(pairs):
                edges[pair][2] += value
            if pairs:
                edges[pairs[-1]][3] += value
    return functions, edges


def found(entries: Iterable[Any]) -> tuple[dict[str, list[int]], dict[tuple[str, str], list[int]]]:
    """The same, of a profile's getstats() with `timer`, whose ticks are seconds. Adds up what has one name."""

    def name(row: Any) -> str | None:
        name = getattr(row.code, "co_name", None)
        return name if name in NAMES else None

    def add(rows: dict[Any, list[int]], key: Any, row: Any) -> None:
        numbers = [row.callcount, row.reccallcount, round(row.totaltime), round(row.inlinetime)]
        rows[key] = [a + b for a, b in zip(rows.get(key, [0, 0, 0, 0]), numbers, strict=True)]

    functions: dict[str, list[int]] = {}
    edges: dict[tuple[str, str], list[int]] = {}
    for entry in entries:
        caller = name(entry)
        if caller is None:
            continue
        add(functions, caller, entry)
        for part in entry.calls or ():
            callee = name(part)
            if callee is not None:
                add(edges, (caller, callee), part)
    return functions, edges
