"""The programs that are profiled: real ones, and micro ones that do one thing only.

Most of the real ones are those of the differential tests (`tests/programs`), repeated where one run of theirs is too
short to be timed. Three more do what those don't: rational arithmetic, dataclasses sorted by key functions, text put
together from pieces. A run is 0.05 to 0.3 s without a profiler on a machine of today, always the same calls.
"""

from __future__ import annotations

import bz2
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random

from benchmarks.shared.machine import ROOT

sys.path.insert(0, str(ROOT / "tests"))

from programs import PROGRAMS, program
from programs.from_pyperformance import load

Work = Callable[[], object]


@dataclass(frozen=True)
class Workload:
    """`setup()` returns the work: a callable without arguments."""

    name: str
    kind: str
    setup: Callable[[], Work]
    micro: bool = False
    #: Without calls there is nothing to record: it stays out of all means.
    calls: bool = True


def from_tests(name: str, times: int = 1) -> Callable[[], Work]:
    """A program of the differential tests, so often in a run."""

    def setup() -> Work:
        work = program(name).setup()
        if times == 1:
            return work

        def repeated() -> None:
            for _ in range(times):
                work()

        return repeated

    return setup


def pyflate(words: int = 10_000) -> Work:
    """Python's bzip2 on a text of 60 KB (10,000 words): the archive that the differential test reads takes a second and more."""
    bench = load("pyflate")
    random = Random(1)
    known = ["".join(random.choices("etaoinshrdlu", k=random.randint(1, 9))) for _ in range(400)]
    text = " ".join(random.choices(known, k=words)).encode()
    archive = bz2.compress(text)

    def work() -> None:
        field = bench.RBitfield(io.BytesIO(archive))
        field.readbits(16)  # the magic number "BZ"
        if bench.bzip2_main(field) != text:
            raise AssertionError("pyflate doesn't give the text back")

    return work


def fractions(count: int = 230) -> Work:
    """The first Bernoulli numbers: rational arithmetic in the standard library's Python."""

    def work() -> list[Fraction]:
        numbers: list[Fraction] = []
        for m in range(count):
            row = [Fraction(0)] * (m + 1)
            for j in range(m + 1):
                row[j] = Fraction(1, j + 1)
            for k in range(m, 0, -1):
                row[k - 1] = k * (row[k - 1] - row[k])
            numbers.append(row[0])
        return numbers

    return work


@dataclass(order=True)
class Parcel:
    """One of many that are sorted."""

    weight: int
    place: str = field(compare=False)
    tags: tuple[str, ...] = field(default=(), compare=False)

    @property
    def urgent(self) -> bool:
        return "urgent" in self.tags

    def cost(self) -> float:
        return self.weight * (2.5 if self.urgent else 1.0)


def sorting() -> Work:
    """Dataclasses made, compared and sorted by key functions."""
    places = ("north", "south", "east", "west")

    def work() -> float:
        parcels = [
            Parcel(number * 7919 % 1000, places[number % 4], ("urgent",) if number % 5 == 0 else ())
            for number in range(40_000)
        ]
        by_cost = sorted(parcels, key=Parcel.cost)
        by_place = sorted(parcels, key=lambda parcel: (parcel.place, not parcel.urgent, -parcel.weight))
        lightest = sorted(parcels[:10_000])
        return by_cost[-1].cost() + by_place[0].weight + lightest[0].weight

    return work


def strings() -> Work:
    """A report put together from pieces of text."""
    words = "the quick brown fox jumps over the lazy dog".split()

    def title(word: str) -> str:
        return word[:1].upper() + word[1:].lower()

    def cell(value: object, width: int) -> str:
        return str(value).rjust(width) if isinstance(value, (int, float)) else str(value).ljust(width)

    def line(number: int) -> str:
        word = words[number % len(words)]
        cells = [cell(number, 6), cell(title(word), 10), cell(f"{number / 7:.2f}", 8), cell(word.replace("o", "0"), 8)]
        return " | ".join(cells).rstrip()

    def work() -> int:
        lines = [line(number) for number in range(40_000)]
        return len("\n".join(lines).encode())

    return work


def recursion() -> Work:
    def fibonacci(n: int) -> int:
        return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)

    return lambda: fibonacci(29)


def methods_and_builtins() -> Work:
    class Counter:
        def __init__(self) -> None:
            self.seen: list[int] = []

        def add(self, value: int) -> int:
            self.seen.append(value)
            return len(self.seen)

        def reset(self) -> None:
            self.seen.clear()

    def work() -> int:
        counter = Counter()
        total = 0
        for number in range(700_000):
            total += counter.add(abs(number))
        counter.reset()
        return total

    return work


def resumes() -> Work:
    def numbers(count: int) -> Iterator[int]:
        number = 0
        while number < count:
            yield number
            number += 1

    def work() -> int:
        total = 0
        for number in numbers(1_400_000):
            total += number
        return total

    return work


def loop_without_calls() -> Work:
    def work() -> int:
        total = 0
        number = 0
        while number < 1_000_000:
            total = (total + number * 3) & 0xFFFF
            number += 1
        return total

    return work


WORKLOADS = (
    Workload("richards", "objects: an operating system", from_tests("richards", 2)),
    Workload("deltablue", "objects: constraints", from_tests("deltablue", 2)),
    Workload("raytrace", "small objects, floats", from_tests("raytrace", 2)),
    Workload("hexiom", "search, lists", from_tests("hexiom", 3)),
    Workload("go", "objects, random play", from_tests("go", 3)),
    Workload("mdp", "recursion, dicts, tuples", from_tests("mdp")),
    Workload("pyflate", "bits and bytes", pyflate),
    Workload("tomli_loads", "parsing", from_tests("tomli_loads", 4)),
    Workload("regex_compile", "a compiler", from_tests("regex_compile")),
    Workload("json_dumps_pure_python", "generators, strings", from_tests("json_dumps_pure_python", 3)),
    Workload("pprint", "recursion, isinstance", from_tests("pprint", 2)),
    Workload("async_tree", "tasks and futures", from_tests("async_tree", 3)),
    Workload("generators", "nested generators", from_tests("generators", 2)),
    Workload("deepcopy", "copying", from_tests("deepcopy", 2)),
    Workload("logging_output", "formatting, locks", from_tests("logging_output", 2)),
    Workload("sympy", "a large library", from_tests("sympy", 2)),
    Workload("jinja2", "generated code", from_tests("jinja2", 5)),
    Workload("fractions", "rational arithmetic", fractions),
    Workload("sorting", "dataclasses, key functions", sorting),
    Workload("strings", "text put together", strings),
    Workload("recursion", "fibonacci(29)", recursion, micro=True),
    Workload("methods_and_builtins", "a method, and 3 built-ins", methods_and_builtins, micro=True),
    Workload("resumes", "one generator", resumes, micro=True),
    Workload("loop_without_calls", "nothing to record", loop_without_calls, micro=True, calls=False),
)


#: The other programs of the differential tests, as long or short as they are: for those who ask for them by name.
OTHERS = tuple(
    Workload(other.name, "a program of the tests", other.setup)
    for other in PROGRAMS
    if other.name not in {known.name for known in WORKLOADS}
)


def workload(name: str) -> Workload:
    """The one of that name; KeyError if there is none."""
    return {known.name: known for known in (*WORKLOADS, *OTHERS)}[name]
