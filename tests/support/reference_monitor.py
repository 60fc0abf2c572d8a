"""Monitors in plain Python, to compare with: what `sys.setprofile` and `sys.settrace` tell, in the documented form.

And programs to run them on: made at random, from a seed, of all that makes function and line events.
"""

from __future__ import annotations

import linecache
import random
import sys
import textwrap
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any

Row = tuple[Any, ...]


class Reference:
    """Records the events of one file: (type, function, lineNo, filename), or of lines (function, lineNo, line, filename)."""

    def __init__(self, kind: str, filename: str, focus: Iterable[CodeType] | None = None) -> None:
        self.kind = kind
        self.filename = filename
        self.focus = None if focus is None else set(focus)
        self.inside = 0
        self.rows: list[Row] = []

    def __enter__(self) -> Reference:
        if self.kind == "function":
            sys.setprofile(self.on_function)
        else:
            sys.settrace(self.on_line)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        sys.settrace(None)

    def on_function(self, frame: FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if self.focus is not None:
            is_edge = event in ("call", "return") and code in self.focus
            if is_edge and event == "call":
                self.inside += 1
            wanted = self.inside > 0
            if is_edge and event == "return":
                self.inside = max(0, self.inside - 1)
            if not wanted:
                return
        if code.co_filename != self.filename:
            return
        if event.startswith("c_"):
            self.rows.append((event, arg.__name__, frame.f_lineno, code.co_filename))
        else:
            self.rows.append((event, code.co_name, code.co_firstlineno, code.co_filename))

    def on_line(self, frame: FrameType, event: str, arg: Any) -> Any:
        code = frame.f_code
        if event == "line" and code.co_filename == self.filename and (self.focus is None or code in self.focus):
            line = linecache.getline(code.co_filename, frame.f_lineno).rstrip()
            self.rows.append((code.co_name, frame.f_lineno, line, code.co_filename))
        return self.on_line


def rows_of(records: Iterable[Any], filename: str) -> list[Row]:
    """Records in the reference's form: without numbers of their own, and without memory."""
    rows = []
    for record in records:
        if record.filename == filename:
            values = record._asdict()
            for name in ("index", "RSS", "VMS"):
                values.pop(name, None)
            rows.append(tuple(values.values()))
    return rows


STATEMENTS = [
    "total += len(str(depth))",
    "total += sum(i for i in range(3))",
    "for i in range(2):\n    total += i",
    "while total % 7:\n    total += 1",
    "try:\n    int('x')\nexcept ValueError:\n    total += 1",
    "try:\n    raising()\nexcept KeyError as error:\n    total += len(error.args)\nfinally:\n    total += 1",
    "for item in generator(3):\n    total += item",
    "g = generator(5)\nnext(g)\ng.close()",
    "g = generator(5)\nnext(g)\ntry:\n    g.throw(KeyError)\nexcept KeyError:\n    total += 2",
    "c = coroutine(2)\nc.send(None)\nc.close()",
    "c = patient(3)\nc.send(None)\nc.send(None)\nc.close()",
    "c = patient(3)\nc.send(None)\nc.send(None)\ntry:\n    c.throw(KeyError)\nexcept KeyError:\n    total += 1",
    "total += delegate(2)",
    "total += run(coroutine(2))",
    "total += sorted([3, 1, 2], key=lambda item: -item)[0]",
    "total += sum(map(double, [1, 2]))",
    "thing = Thing(2)\ntotal += thing.method()\ntotal += thing.twice",
    "with Thing(3) as thing:\n    total += thing.value",
    "total += {1: 2}.get(1)\n[].append(total)",
    "total += [double(item) for item in (1, 2)][0]",
    "if depth:\n    total += recursive(depth - 1)",
    "try:\n    deep(3)\nexcept RuntimeError:\n    pass",
    "del Thing.instances[:]",
]

PRELUDE = """
class Thing:
    instances = []
    def __init__(self, value):
        self.value = value
        self.instances.append(self)
    def method(self):
        return self.value
    @property
    def twice(self):
        return double(self.value)
    def __enter__(self):
        return self
    def __exit__(self, *error):
        return False

def double(item):
    return item * 2

def raising():
    raise KeyError("no")

def deep(n):
    if n == 0:
        raise RuntimeError
    deep(n - 1)

def generator(n):
    for i in range(n):
        yield i

def delegate(n):
    return sum(list(outer(n)))

def outer(n):
    got = yield from generator(n)
    yield 7

async def coroutine(n):
    if n:
        return 1 + await coroutine(n - 1)
    return await Once()

class Once:
    def __await__(self):
        got = yield 1
        return 3

class Often:
    def __init__(self, n):
        self.n = n
    def __await__(self):
        for i in range(self.n):
            yield i

async def patient(n):
    return await Often(n)

def run(coro):
    try:
        while True:
            coro.send(None)
    except StopIteration as stop:
        return stop.value

def recursive(n):
    return 1 if n == 0 else 1 + recursive(n - 1)
"""


def make_program(seed: int) -> str:
    """The source of a program with a function ``main()``."""
    chance = random.Random(seed)
    parts = [PRELUDE]
    names: list[str] = []
    for number in range(4):
        body = chance.sample(STATEMENTS, chance.randint(2, 6))
        if names:
            body.insert(chance.randrange(len(body)), f"total += {chance.choice(names)}({chance.randint(0, 3)})")
        source = "\n".join(["total = 0", *body, "return total"])
        name = f"function_{number}"
        names.append(name)
        parts.append(f"def {name}(depth):\n{textwrap.indent(source, '    ')}\n")
    calls = "\n".join(f"    {chance.choice(names)}({chance.randint(0, 2)})" for _ in range(3))
    parts.append(f"def main():\n{calls}\n    return {names[-1]}(1)\n")
    return "\n".join(parts)


def load(source: str, filename: str) -> dict[str, Any]:
    """The program's namespace; its source can be looked up under the file's name."""
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": "program"}
    exec(compile(source, filename, "exec"), namespace)
    return namespace


def monitored(monitor: Any, function: Callable[[], Any]) -> Any:
    """Call a function under a monitor."""
    with monitor:
        return function()
