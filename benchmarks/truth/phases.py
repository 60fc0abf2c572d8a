"""Programs made of phases, whose true times are measured without a profiler.

A phase is a function without arguments that does one kind of thing, for some 10 ms. `DEVELOPED` are the kinds that the
calibration was made with; `HELD_OUT` are programs that it has not seen: other ways to call, other built-ins, other
depths, real code. Who tunes the calibration on a held-out program moves it to `DEVELOPED` and writes another one.
"""

from __future__ import annotations

import collections
import functools
import operator
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.shared.workloads import fractions as bernoulli
from benchmarks.shared.workloads import from_tests, pyflate

Phase = Callable[[], object]


@dataclass(frozen=True)
class Program:
    """`setup()` returns the phases."""

    name: str
    held_out: bool
    setup: Callable[[], tuple[Phase, ...]]


# -- developed with --


def tiny(n: int) -> int:
    return n + 1


def tiny_calls() -> int:
    total = 0
    for _ in range(170_000):
        total = tiny(total)
    return total


def plain_loop() -> int:
    total = 0
    for number in range(200_000):
        total = (total * 3 + number) & 0xFFFF
    return total


def builtins_in_a_loop() -> int:
    total = 0
    text = "abc"
    for number in range(130_000):
        total += abs(number) + len(text) + ord("a")
    return total


def numbers(count: int) -> Iterator[int]:
    yield from range(count)


def pairs(count: int) -> Iterator[int]:
    for number in numbers(count):
        yield number + 1


def generators() -> int:
    total = 0
    for number in pairs(180_000):
        total += number
    return total


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


def recursion() -> int:
    return fibonacci(24)


class Account:
    def __init__(self) -> None:
        self.balance = 0
        self.history: list[int] = []

    def change(self, amount: int) -> None:
        self.balance += amount
        self.note(amount)

    def note(self, amount: int) -> None:
        if amount % 16 == 0:
            self.history.append(amount)

    def size(self) -> int:
        return len(self.history)


def methods() -> int:
    account = Account()
    total = 0
    for number in range(50_000):
        account.change(number)
        total += account.size()
    return total


class Vector:
    """What graphics and physics compute with."""

    __slots__ = ("x", "y", "z")

    def __init__(self, x: float, y: float, z: float) -> None:
        self.x = x
        self.y = y
        self.z = z

    def __add__(self, other: Vector) -> Vector:
        return Vector(self.x + other.x, self.y + other.y, self.z + other.z)

    def moved(self, other: Vector, by: float) -> Vector:
        return Vector(self.x + by * other.x, self.y + by * other.y, self.z + by * other.z)

    def dot(self, other: Vector) -> float:
        return self.x * other.x + self.y * other.y + self.z * other.z


def vectors() -> float:
    place, speed = Vector(0.0, 1.0, 2.0), Vector(0.1, 0.2, 0.3)
    total = 0.0
    for _ in range(20_000):
        place = place.moved(speed, 0.5) + speed
        total += place.dot(speed)
    return total


class Mark:
    pass


class Refusal(Exception):
    pass


Pair = collections.namedtuple("Pair", "left right")


@dataclass
class Entry:
    name: str
    size: int
    parts: int = 1


def marks() -> int:
    total = 0
    for number in range(40_000):
        mark, refusal = Mark(), Refusal(number)
        total += len(refusal.args) + (mark is None)
    return total


def entries() -> int:
    total = 0
    for number in range(25_000):
        total += Entry("plain", number).size + Entry(name="named", size=number, parts=2).parts
    return total


def named_tuples() -> int:
    total = 0
    for number in range(25_000):
        total += Pair(number, 1).right
    return total


# -- held out: ways to call --


def with_keywords(first: int, *, second: int = 2, third: int = 3) -> int:
    return first + second + third


def keyword_calls() -> int:
    total = 0
    for number in range(90_000):
        total += with_keywords(number, third=number)
    return total


def with_rest(*rest: int, **named: int) -> int:
    return len(rest) + len(named)


def starred_calls() -> int:
    total = 0
    row = (1, 2, 3)
    for number in range(30_000):
        total += with_rest(*row, number) + with_rest(number, a=1)
    return total


class Circle:
    def __init__(self, radius: float) -> None:
        self._radius = radius

    @property
    def radius(self) -> float:
        return self._radius

    @property
    def area(self) -> float:
        return 3.14159 * self.radius * self.radius

    @classmethod
    def unit(cls) -> Circle:
        return cls(1.0)

    @staticmethod
    def half(value: float) -> float:
        return value / 2

    def __call__(self, factor: float) -> float:
        return self._radius * factor

    def __add__(self, other: Circle) -> float:
        return self._radius + other._radius


class Ring(Circle):
    def __init__(self, radius: float, width: float) -> None:
        super().__init__(radius)
        self.width = width


def properties() -> float:
    circle = Circle(2.0)
    total = 0.0
    for _ in range(50_000):
        total += circle.area
    return total


def callable_objects() -> float:
    circle, other = Circle(2.0), Circle(3.0)
    total = 0.0
    for _ in range(70_000):
        total += circle(1.5) + (circle + other)
    return total


def closures() -> int:
    count = 0

    def step(by: int) -> int:
        nonlocal count
        count += by
        return count

    partial = functools.partial(step, 2)
    add: Callable[[int], int] = lambda by: step(by) + 1  # noqa: E731
    for number in range(45_000):
        partial()
        add(number & 3)
    return count


def made_objects() -> float:
    total = 0.0
    for number in range(12_000):
        total += Circle(number).radius + Ring(number, 1.0).width + Circle.half(Circle.unit()._radius)
    return total


# -- held out: data --


def comprehensions() -> int:
    total = 0
    for _ in range(600):
        total += sum([tiny(number) for number in range(150)])
        total += len({number: tiny(number) for number in range(60)})
        total += sum(tiny(number) for number in range(60))
    return total


def texts() -> int:
    total = 0
    line = "  name = value, other ; "
    for number in range(15_000):
        left, _, right = line.strip().partition("=")
        total += len(left.rstrip().upper()) + len(right.replace(",", ";").split(";"))
        total += line.count("e") + "-".join((left, right)).find("v") + len(str(number))
    return total


def containers() -> int:
    total = 0
    table: dict[int, int] = {}
    stack: list[int] = []
    for number in range(60_000):
        table.setdefault(number & 255, number)
        total += table.get(number & 511, 0)
        stack.append(number)
        if len(stack) > 100:
            stack.pop()
        if isinstance(number, int) and number % 1000 == 0:
            total += len(sorted(table.values())) + max(stack)
    return total


def allocations() -> int:
    total = 0
    for number in range(28_000):
        row = [number, number + 1, (number, total)]
        table = {"row": row, "list": list(row), "text": f"{number}:{total}"}
        total += len(table)
    return total


def refuse(number: int) -> int:
    if number & 1:
        raise ValueError(number)
    return number


def attempt(number: int) -> int:
    try:
        return refuse(number)
    except ValueError as error:
        return len(error.args)
    finally:
        number += 1


def exceptions() -> int:
    total = 0
    for number in range(45_000):
        total += attempt(number)
    return total


def sorting() -> int:
    rows = [(number * 7919 % 1000, number) for number in range(16_000)]
    by_key = sorted(rows, key=lambda row: row[0])
    by_item = sorted(rows, key=operator.itemgetter(1), reverse=True)
    return by_key[0][1] + by_item[0][0] + len(list(map(tiny, range(30_000)))) + len(list(filter(None, range(30_000))))


# -- held out: stacks --


def descend(depth: int) -> int:
    return 0 if depth == 0 else descend(depth - 1) + 1


def deep_stack() -> int:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(5000)
    try:
        return sum(descend(2500) for _ in range(60))
    finally:
        sys.setrecursionlimit(limit)


def small_calls_deep_down(depth: int = 400) -> int:
    return small_calls_deep_down(depth - 1) if depth else tiny_calls()


def decorated(function: Callable[[int], int]) -> Callable[[int], int]:
    @functools.wraps(function)
    def wrapper(*args: Any, **named: Any) -> int:
        return function(*args, **named)

    return wrapper


@decorated
@decorated
@decorated
def well_wrapped(number: int) -> int:
    return number * 2


def decorators() -> int:
    total = 0
    for number in range(35_000):
        total += well_wrapped(number)
    return total


def fall(depth: int) -> None:
    if depth == 0:
        raise LookupError
    fall(depth - 1)


def long_falls() -> int:
    caught = 0
    for _ in range(2_000):
        try:
            fall(25)
        except LookupError:
            caught += 1
    return caught


def tree(low: int, high: int) -> Iterator[int]:
    if low < high:
        middle = (low + high) // 2
        yield from tree(low, middle)
        yield middle
        yield from tree(middle + 1, high)


def delegation() -> int:
    return sum(tree(0, 12_000))


class Machine:
    """A little interpreter: a loop, a dispatch, a handler for each instruction."""

    def __init__(self) -> None:
        self.stack: list[int] = []
        self.handlers = {"push": self.push, "add": self.add, "drop": self.drop}

    def push(self, value: int) -> None:
        self.stack.append(value)

    def add(self, _value: int) -> None:
        self.push(self.stack.pop() + self.stack.pop())

    def drop(self, _value: int) -> None:
        self.stack.pop()

    def run(self, code: list[tuple[str, int]]) -> None:
        for name, value in code:
            self.handlers[name](value)


def dispatch() -> int:
    machine = Machine()
    code = [("push", 1), ("push", 2), ("add", 0), ("push", 3), ("add", 0), ("drop", 0)]
    for _ in range(9_000):
        machine.run(code)
    return len(machine.stack)


# -- held out: memory --


class Node:
    __slots__ = ("next", "value")

    def __init__(self, value: int) -> None:
        self.value = value
        self.next: Node | None = None

    def follow(self) -> Node:
        assert self.next is not None
        return self.next


def chain(count: int) -> Node:
    """Nodes in a ring, each in another place of the memory than the one before it."""
    nodes = [Node(number) for number in range(count)]
    order = sorted(nodes, key=lambda node: node.value * 2654435761 % 4294967296)
    for node, other in zip(order, order[1:] + order[:1], strict=True):
        node.next = other
    return nodes[0]


def memory() -> tuple[Phase, ...]:
    small, large = chain(50), chain(400_000)
    bytes_ = bytearray(range(256)) * 500
    matrix = [[float(row * column) for column in range(60)] for row in range(60)]

    def small_working_set() -> int:
        node = small
        for _ in range(200_000):
            node = node.follow()
        return node.value

    def large_working_set() -> int:
        node = large
        for _ in range(50_000):
            node = node.follow()
        return node.value

    def no_calls() -> int:
        total = 0
        for byte in bytes_:
            total = (total + byte * 31) % 65521
        return total

    def few_long_calls() -> float:
        return sum(sum([a * b for a, b in zip(row, column, strict=True)]) for row in matrix for column in matrix)

    def long_builtins() -> int:
        total = 0
        for number in range(60):
            total += len(bytes(bytes_).translate(bytes(range(256)))) + sum(range(3000 + number))
        return total

    def many_functions() -> int:
        total = 0
        for _ in range(70):
            for function in functions:
                total += function(1)
        return total

    functions = [one_of_many(number) for number in range(2_000)]
    return small_working_set, large_working_set, no_calls, few_long_calls, long_builtins, many_functions


def one_of_many(number: int) -> Callable[[int], int]:
    """A function with a code object of its own."""
    scope: dict[str, Any] = {}
    exec(f"def function_{number}(x): return x + {number}", scope)
    function: Callable[[int], int] = scope[f"function_{number}"]
    return function


# -- held out: real code --


def phase(name: str, setup: Callable[[], Phase]) -> Phase:
    """The work of a program, as a phase: a function of our own, by which the profile is asked."""
    scope: dict[str, Any] = {"work": setup()}
    exec(f"def {name}(): return work()", scope)
    found: Phase = scope[name]
    return found


def objects() -> tuple[Phase, ...]:
    names = ("richards", "deltablue", "raytrace", "go", "hexiom", "generators")
    return tuple(phase(name, from_tests(name)) for name in names)


def libraries() -> tuple[Phase, ...]:
    names = ("regex_compile", "tomli_loads", "json_dumps_pure_python", "pprint", "deepcopy", "logging_output", "jinja2")
    return (
        *(phase(name, from_tests(name)) for name in names),
        phase("bernoulli", functools.partial(bernoulli, 110)),
        phase("pyflate", functools.partial(pyflate, 3000)),
    )


PROGRAMS = (
    Program(
        "six kinds",
        False,
        lambda: (tiny_calls, plain_loop, builtins_in_a_loop, generators, recursion, methods),
    ),
    Program("classes", False, lambda: (vectors, marks, entries, named_tuples, plain_loop)),
    Program("three kinds", False, lambda: (tiny_calls, plain_loop, builtins_in_a_loop)),
    Program(
        "ways to call",
        True,
        lambda: (keyword_calls, starred_calls, properties, callable_objects, closures, made_objects, plain_loop),
    ),
    Program("data", True, lambda: (comprehensions, texts, containers, allocations, exceptions, sorting)),
    Program(
        "stacks",
        True,
        lambda: (deep_stack, small_calls_deep_down, decorators, long_falls, delegation, dispatch, plain_loop),
    ),
    Program("memory", True, memory),
    Program("objects", True, objects),
    Program("libraries", True, libraries),
)


def program(name: str) -> Program:
    """The one of that name; KeyError if there is none."""
    return {known.name: known for known in PROGRAMS}[name]
