"""What the interpreter takes to report a call to us and to go on: measured on small loops, with and without a profile.

Takes some 20 milliseconds, once for a process, when the first ``Profile(compensate=True)`` is enabled. What our own
hooks take isn't calibrated: it is measured, call by call. What they take here is what that is compared with, to see how
much slower than these loops a program runs. Why so: docs/design/compensation.md.

It stands alone: nobody but the native code calls it, and it needs no other file of ours but the options.
"""

from __future__ import annotations

import gc
import math
import operator
import sys
from itertools import count, repeat

from pikos._lsprof import Profiler, _kind_of, _now
from pikos._options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, TypeAlias

    #: A kind of call, or the built-in that has one of its own; ticks of each call inside and outside of its time, and in
    #: our hooks; how much of the time that is measured inside is the code's own. Of "mixture", no kind, ratios: CROWDED, in the
    #: place of the ticks inside; how much more the interpreter takes, in that of those outside, and our hooks do, where many
    #: calls take turns.
    Line: TypeAlias = tuple[str | Callable[..., Any], float, float, float, float]
    #: What a profile holds of each function: calls, own time and total, and what recording took of both.
    Ticks: TypeAlias = dict[Any, tuple[int, int, int, int, int]]

#: Loops run this often, after a first time.
RUNS = 7
#: Rounds of a loop in a run, and calls in a round.
ROUNDS = 44
CALLS = 4

#: Whether calls from Python code are reported before they are made, built-ins or not.
REPORTS_CALLS = sys.version_info >= (3, 12)

#: Whether the interpreter has a short cut for making objects of most classes, which a reported call doesn't take.
SHORT_CUT_FOR_CLASSES = sys.version_info >= (3, 13)

#: Where so many functions take turns that the caches don't hold our tables, our hooks may say so much of the interpreter. 3.11's
#: keeps nothing for each function.
CROWDED = 1.15 if REPORTS_CALLS else 1.0

#: Where the next loop's source begins.
places = count()
known: dict[tuple[bool, str], list[Line]] = {}


def costs(builtins: bool, hook: str) -> list[Line]:
    """The costs for a profile with or without built-ins, through this hook, in ticks of the clock."""
    if (builtins, hook) not in known:
        collects = gc.isenabled()
        gc.disable()
        try:
            known[builtins, hook] = Calibration(builtins, hook).lines()
        finally:
            if collects:
                gc.enable()
    return known[builtins, hook]


class Loop:
    """A loop, and the ticks that one call in it takes, plainly and under a profile."""

    def __init__(
        self, call: str, names: dict[str, object], source: str | None = None, calls: int = ROUNDS * CALLS
    ) -> None:
        #: What is called, and the names that it calls it by, in braces.
        self.call, self.names = call, names
        if source is None:
            body = "; ".join([call.format_map({name: name for name in names})] * CALLS)
            source = f"def loop(rounds, {', '.join(names)}):\n for _ in repeat(None, rounds): {body}\n"
        scope: dict[str, Any] = {"repeat": repeat}
        # Each on a line of its own: the profile's times are by code, and the same code in the same place is equal.
        exec("\n" * next(places) + source, scope)
        self.function = scope["loop"]
        self.arguments = tuple(names.values())
        #: Calls in a run.
        self.calls = calls
        #: Without a profile, each run.
        self.plains: list[float] = []
        #: Under a profile, each run, without what its hooks take: the loop's own part, altogether; and what they take.
        self.profiled: list[tuple[float, ...]] = []
        #: The same in ticks, of all runs so far.
        self.recorded = (0, 0, 0)

    def run(self) -> None:
        """Time a run without a profile."""
        began = _now()
        self.function(ROUNDS, *self.arguments)
        self.plains.append((_now() - began) / self.calls)

    def take(self, ticks: Ticks) -> None:
        """Take what the profile holds of the loop after one more run."""
        _, own, total, own_excess, total_excess = ticks[self.function.__code__]
        before, self.recorded = self.recorded, (own - own_excess, total - total_excess, total_excess)
        self.profiled.append(tuple((now - then) / self.calls for now, then in zip(self.recorded, before, strict=True)))

    def finish(self) -> None:
        """Take the least of each figure: other runs were disturbed. The first one doesn't count."""
        self.plain = min(self.plains[1:])
        self.own, self.total, self.hooks = (min(run[figure] for run in self.profiled[1:]) for figure in range(3))

    @property
    def adds(self) -> bool:
        """Whether the call's result is added to a number."""
        return self.call.startswith("{m} + ")

    @property
    def loads(self) -> int:
        """How many names the call loads; the number that its result is added to doesn't count."""
        return self.call.count("{") - self.adds

    @property
    def added(self) -> float:
        """What the profile adds to a call, hooks apart."""
        return self.total - self.plain

    @property
    def inside(self) -> float:
        """What is measured as the callee's time."""
        return self.total - self.own


def sum_loop(call: str, names: dict[str, object]) -> Loop:
    """A loop that adds what a call returns to a number, which makes an object. Loops that only call would be too simple: part
    of what recording takes, the processor does beside such work."""
    return Loop("{m} + " + call, {"m": 12345, **names})


def add(first: int, second: int) -> int:
    """A short function that does something with its arguments, as most do."""
    return first + second


def add_or_call(first: int, second: int) -> int:
    """The same with a call in it, which isn't made: on 3.11 a function without one is a leaf."""
    try:
        return first + second
    except TypeError:
        return int(first)


def generator_with(padding: str) -> Callable[[int], Any]:
    """A generator that yields as often as is asked for, from another one; they have code that never runs before that."""
    scope: dict[str, Any] = {"repeat": repeat}
    source = (
        f"def inner(count):\n if count < 0: {padding}\n for number in repeat(12345, count): yield number + count\n"
        f"def outer(count):\n if count < 0: {padding}\n yield from inner(count)\n"
    )
    exec(source, scope)
    outer: Callable[[int], Any] = scope["outer"]
    return outer


def shifted(numbers: Iterable[int]) -> Iterator[int]:
    """A generator that is a leaf."""
    for number in numbers:
        yield number + 12345


def shifted_twice(count: int) -> Iterator[int]:
    """Such a generator from another one."""
    return shifted(shifted(range(count)))


class Empty:
    """A class whose making calls Python."""

    def __init__(self, first: object, second: object) -> None:
        pass


class Meta(type):
    """Keeps the interpreter from taking a short cut."""


class EmptyInFull(metaclass=Meta):
    """The same, made by way of C with and without a profile."""

    def __init__(self, first: object, second: object) -> None:
        pass


class Mix:
    """One loop over the calls of others, from several functions: what a program is like in which many calls take turns."""

    PARTS, CALLS_OF_EACH = 9, 5
    ROUNDS = ROUNDS // 5

    def __init__(self, call: Loop, loops: list[Loop]) -> None:
        scope: dict[str, object] = {}
        calls = []
        for number, loop in enumerate(loops):
            names = {name: f"{name}{number}" for name in loop.names}
            scope.update((names[name], value) for name, value in loop.names.items())
            calls.append(loop.call.format_map(names))
        chosen = [
            [(7 * part + 5 * call) % len(loops) for call in range(self.CALLS_OF_EACH)] for part in range(self.PARTS)
        ]
        parts = [f"part{number}" for number in range(self.PARTS)]
        for part, numbers in zip(parts, chosen, strict=True):
            exec(f"def {part}(): {'; '.join(calls[number] for number in numbers)}", scope)
        #: What it is made of.
        self.loops = [*(loops[number] for numbers in chosen for number in numbers), *[call] * self.PARTS]
        body = "; ".join(f"{part}()" for part in parts)
        source = f"def loop(rounds, {', '.join(parts)}):\n for _ in repeat(None, {self.ROUNDS}): {body}\n"
        self.loop = Loop("", {part: scope[part] for part in parts}, source, self.ROUNDS * len(self.loops))

    def compare(self) -> tuple[float, float]:
        """How much more the interpreter takes here than in the single loops, and how much more our hooks do."""
        added = sum(loop.added for loop in self.loops) / len(self.loops)
        hooks = sum(loop.hooks for loop in self.loops) / len(self.loops)
        return self.loop.added / added, self.loop.hooks / hooks


class Calibration:
    """All the loops."""

    def __init__(self, builtins: bool, hook: str) -> None:
        self.builtins = builtins
        self.hook = hook
        #: Loads one name and does nothing with it.
        self.load = Loop("{x}", {"x": 0})
        #: Adds a name's value.
        self.sum = sum_loop("{x}", {"x": 1})
        # Added to a running total: such a loop's cost is on every release nearest to the one in larger programs.
        totals = "; ".join(["m += f(x, x)"] * CALLS)
        source = f"def loop(rounds, m, f, x):\n for _ in repeat(None, rounds): {totals}\n"
        function = add if REPORTS_CALLS else add_or_call
        self.call = Loop("{m} + {f}({x}, {x})", {"m": 0, "f": function, "x": 300}, source)
        self.map = Loop(
            "",
            {"f": add, "x": range(ROUNDS * CALLS)},
            "def loop(rounds, f, x):\n for _ in map(f, x, x): pass\n",
        )
        resumes = f"def loop(rounds, g):\n sum = 0\n for number in g(rounds * {CALLS}): sum += number\n"
        self.generator = Loop("", {"g": generator_with("pass")}, resumes, 2 * ROUNDS * CALLS)
        #: Its events' places in the code are numbers that the interpreter makes objects for: the small ones it keeps,
        #: which are those up to 256, and to 1024 from 3.15 on. An attribute takes 20 bytes.
        self.long = Loop("", {"g": generator_with("; ".join(["count.real"] * 80))}, resumes, 2 * ROUNDS * CALLS)
        if not REPORTS_CALLS:
            self.leaf = Loop("{m} + {f}({x}, {x})", {"m": 0, "f": add, "x": 300}, source)
            self.leaf_generator = Loop("", {"g": shifted_twice}, resumes, 2 * ROUNDS * CALLS)
        self.new = Loop("{c}({x}, {x})", {"c": EmptyInFull, "x": 0})
        self.new_by_short_cut = Loop("{c}({x}, {x})", {"c": Empty, "x": 0})
        #: What is called most of what doesn't count: built-in types. 3.11 reports only built-ins, and those
        #: where they don't count, either.
        self.others = [
            Loop("{c}({x})", {"c": type, "x": 0}),
            Loop("{c}({x})", {"c": str, "x": "a"}),
            Loop("{c}({x})", {"c": tuple, "x": (1,)}),
            Loop("{c}({x})", {"c": float, "x": 1}),
        ]
        if not REPORTS_CALLS:
            self.others = [Loop("{c}()", {"c": gc.isenabled})]
        #: No calls: what most code is made of.
        self.code = Loop(
            "n = (n * 3 + 7) & 65535; z.a; d[n] = d[1]; n < 3; [n, n]; y[1:3]; s + s; (n, s)",
            {"n": 1, "z": type("Z", (), {"a": 1})(), "d": {1: 1}, "y": list(range(9)), "s": "abc"},
        )
        #: Built-ins of each calling convention. Which has which differs between releases.
        self.conventions: dict[Callable[..., Any], Loop] = {}
        #: Built-ins for which the interpreter has a short cut that a reported call doesn't take.
        self.shortcuts: dict[Callable[..., Any], Loop] = {}
        if builtins:
            self.add_builtins()
        made = self.new_by_short_cut if SHORT_CUT_FOR_CLASSES else self.new
        singles = [self.call, made, *self.others]
        self.mix = Mix(self.call, [*singles, *self.conventions.values(), *self.shortcuts.values()])

    def add_builtins(self) -> None:
        """The loops over built-ins."""
        string, numbers, letters, table = "letters", [0], {"a"}, {"a": 1}
        self.conventions = {
            gc.isenabled: sum_loop("{f}()", {"f": gc.isenabled}),
            callable: sum_loop("{f}({x})", {"f": callable, "x": 0}),
            operator.is_: sum_loop("{f}({x}, {x})", {"f": operator.is_, "x": 0}),
            math.isclose: sum_loop("{f}({x}, {x})", {"f": math.isclose, "x": 1.0}),
            max: sum_loop("{f}({x}, {x})", {"f": max, "x": 0}),
            str.isdigit: sum_loop("{s}.isdigit()", {"s": string}),
            set.add: Loop("{s}.add({x})", {"s": letters, "x": "a"}),
            dict.get: sum_loop("{d}.get({x})", {"d": table, "x": "a"}),
            str.split: Loop("{s}.split()", {"s": string}),
            str.find: sum_loop("{s}.find({x})", {"s": string, "x": "t"}),
            str.startswith: sum_loop("{s}.startswith({x})", {"s": string, "x": "t"}),
            str.format: Loop("{s}.format()", {"s": string}),
        }
        self.shortcuts = {
            len: sum_loop("{f}({x})", {"f": len, "x": numbers}),
            isinstance: sum_loop("{f}({x}, {y})", {"f": isinstance, "x": 0, "y": int}),
            list.append: Loop("{x}.append({x})", {"x": []}),
            ord: sum_loop("{f}({x})", {"f": ord, "x": "a"}),
        }

    def loops(self) -> list[Loop]:
        """All of them."""
        calls = [
            self.load,
            self.sum,
            self.call,
            self.map,
            self.generator,
            self.long,
            self.new,
            self.new_by_short_cut,
            *self.others,
            self.code,
            self.mix.loop,
        ]
        if not REPORTS_CALLS:
            calls += [self.leaf, self.leaf_generator]
        return [*calls, *self.conventions.values(), *self.shortcuts.values()]

    def lines(self) -> list[Line]:
        """Run the loops, and say what they show."""
        loops = self.loops()
        # The first runs let the interpreter specialise the code.
        for loop in loops * (RUNS + 1):
            loop.run()
        profiler = Profiler(builtins=self.builtins, options=Options(threads=False, hook=self.hook), costs=[])
        profiler.enable()
        try:
            for _ in range(RUNS + 1):
                for loop in loops:
                    loop.function(ROUNDS, *loop.arguments)
                # Takes longer than a loop.
                ticks = profiler._ticks()
                for loop in loops:
                    loop.take(ticks)
        finally:
            profiler.disable()
        for loop in loops:
            loop.finish()
        # More than this is no mixture but a disturbance.
        added, hooks = (min(1.3, max(1.0, ratio)) for ratio in self.mix.compare())
        return [*self.of_functions(), *self.of_builtins(), ("mixture", CROWDED, added, hooks, 1)]

    @property
    def genuine(self) -> float:
        """How much of the time measured in Python code is its own: a traced thread of 3.11 runs it more slowly."""
        return 1.0 if REPORTS_CALLS else min(1.0, self.code.plain / self.code.own)

    def of_functions(self) -> list[Line]:
        """The lines for Python functions, and for calls that are reported and not counted."""
        genuine = self.genuine
        work = self.sum.plain - self.load.plain
        inside = self.call.inside - work / genuine
        reported = REPORTS_CALLS and self.builtins
        if reported:
            # Called from C, so that no call is reported beside the function's start and end.
            outside = self.map.added - self.map.inside + work
        else:
            outside = self.call.own - (self.call.plain - work) / genuine
        function = inside + outside
        lines: list[Line] = [
            ("function", inside, outside, self.call.hooks, genuine),
            self.generator_line("generator", self.generator, genuine),
        ]
        if REPORTS_CALLS:
            lines.append(("large offset", 0, (self.long.added - self.generator.added) / 2, 0, 1))
        if reported:
            lines += [
                ("call of a function", 0, self.call.added - function, 0, 1),
                ("call of a class", 0, self.new.added - function, 0, 1),
                ("call of a class by its short cut", 0, self.new_by_short_cut.added - function, 0, 1),
                ("call of another object", 0, sum(loop.added for loop in self.others) / len(self.others), 0, 1),
            ]
        if not REPORTS_CALLS:
            # Its code runs with events off, as without a profile.
            outside = self.leaf.own - (self.leaf.plain - work) / genuine
            lines.append(("leaf", self.leaf.inside - work, outside, self.leaf.hooks, 1))
            lines.append(self.generator_line("leaf generator", self.leaf_generator, 1))
        if not REPORTS_CALLS and not self.builtins:
            # 3.11 reports built-ins also where they don't count.
            lines.append(("call of another object", 0, self.others[0].total - self.others[0].plain / genuine, 0, 1))
        return lines

    def generator_line(self, kind: str, loop: Loop, genuine: float) -> Line:
        """The line for a generator from another one, which run so much of their time genuinely."""
        # Of each two resumes the loop makes one; a third of what they take plainly is the loop's.
        of_loop = loop.plain / 3 / self.genuine
        added = loop.total - of_loop - loop.plain * 2 / 3 / genuine
        resuming = min(added, max(0.0, 2 * (loop.own - of_loop)))
        return (kind, added - resuming, resuming, loop.hooks, genuine)

    def of_builtins(self) -> list[Line]:
        """The lines for built-ins: each calling convention's, then those with a short cut."""
        lines: dict[object, Line] = {}
        for builtin, loop in self.conventions.items():
            kind = _kind_of(builtin)
            if kind is not None:
                lines.setdefault(kind, self.line(kind, loop))
        for builtin, loop in self.shortcuts.items():
            lines[builtin] = self.line(builtin, loop)
        return list(lines.values())

    def line(self, kind: str | Callable[..., Any], loop: Loop) -> Line:
        """The line for a built-in."""
        # The whole call, but for the loading of names and the sum, is the callee's.
        sum_ = self.sum.plain - self.load.plain if loop.adds else 0.0
        plain = max(0.0, loop.plain - sum_ - loop.loads * self.load.plain)
        return (kind, loop.inside - plain, loop.own - (loop.plain - plain) / self.genuine, loop.hooks, 1.0)
