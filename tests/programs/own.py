"""What no benchmark does: the corners where a profiler's shadow stack and the interpreter's may part."""

from __future__ import annotations

import collections
import functools
import operator
from collections.abc import Callable, Iterator

Work = Callable[[], object]


def exceptions_through_c() -> Work:
    """Exceptions that cross C frames: out of a sort key, a comparison, map(), reduce() and a C-called __getattr__."""

    class Item:
        def __init__(self, value: int) -> None:
            self.value = value

        def __lt__(self, other: Item) -> bool:
            if self.value == 13 or other.value == 13:
                raise ArithmeticError(self.value)
            return self.value < other.value

        def __getattr__(self, name: str) -> int:
            raise AttributeError(name)

    def fail_at(limit: int, value: int) -> int:
        if value >= limit:
            raise LookupError(value)
        return -value

    def attempt(action: Callable[[], object]) -> str:
        try:
            action()
        except (ArithmeticError, LookupError) as error:
            return type(error).__name__
        return "nothing"

    def work() -> collections.Counter[str]:
        seen: collections.Counter[str] = collections.Counter()
        for limit in range(1000):
            items = [Item((limit * 7 + number) % 40) for number in range(12)]
            seen[attempt(lambda: sorted(items))] += 1  # noqa: B023 - called before the loop goes on
            seen[attempt(lambda: sorted(range(20), key=functools.partial(fail_at, limit % 30)))] += 1  # noqa: B023
            seen[attempt(lambda: list(map(fail_at, [limit % 9] * 10, range(10))))] += 1  # noqa: B023
            seen[attempt(lambda: functools.reduce(operator.floordiv, [limit, 2, limit % 3]))] += 1  # noqa: B023
            seen[str(getattr(items[0], "missing", "default"))] += 1
        return seen

    return work


def abandoned_generators() -> Work:
    """Generators that are closed, thrown into or dropped half way, alone and nested with `yield from`."""

    def leaf(count: int) -> Iterator[int]:
        try:
            for number in range(count):  # noqa: UP028 -- a loop of its own, not `yield from`
                yield number
        except KeyError:
            yield -1
        finally:
            len("closing")

    def branch(depth: int) -> Iterator[int]:
        if depth:
            yield from branch(depth - 1)
        yield from leaf(depth)

    def work() -> int:
        total = 0
        for number in range(2000):
            generator = branch(8)
            for _ in range(number % 30):
                total += next(generator, 0)
            if number % 3 == 0:
                generator.close()  # type: ignore[attr-defined]
            elif number % 3 == 1:
                try:
                    generator.throw(KeyError("thrown"))  # type: ignore[attr-defined]
                except (KeyError, StopIteration):
                    total -= 1
            del generator
        return total

    return work


def mutual_recursion() -> Work:
    """Recursion through two functions, a lambda, a decorator's wrapper and a built-in in between."""

    def traced(function: Callable[[int], int]) -> Callable[[int], int]:
        @functools.wraps(function)
        def wrapper(number: int) -> int:
            return function(number)

        return wrapper

    @traced
    def even(number: int) -> int:
        return 1 if number == 0 else odd(number - 1)

    def odd(number: int) -> int:
        return 0 if number == 0 else max(map(even, (number - 1, 0)))

    def ackermann(m: int, n: int) -> int:
        if m == 0:
            return n + 1
        return ackermann(m - 1, 1 if n == 0 else ackermann(m, n - 1))

    descend: Callable[[int], int] = lambda depth: 0 if depth == 0 else descend(depth - 1) + 1  # noqa: E731

    def work() -> int:
        return sum(even(number) for number in range(120)) + ackermann(2, 60) + descend(150)

    return work


def every_kind_of_call() -> Work:
    """One of each way to call: slots, descriptors, classes, partials, methods bound and unbound, keyword and starred."""

    class Base:
        def __init__(self, value: int = 0) -> None:
            self._value = value

        @property
        def value(self) -> int:
            return self._value

        @classmethod
        def made(cls, value: int) -> Base:
            return cls(value)

        @staticmethod
        def plain(value: int) -> int:
            return abs(value)

        def __call__(self, *args: int, **kwargs: int) -> int:
            return sum(args) + sum(kwargs.values())

        def __eq__(self, other: object) -> bool:
            return isinstance(other, Base) and self.value == other.value

        def __hash__(self) -> int:
            return hash(self._value)

        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> int:
            return (1, 2, 3)[index]

        def __enter__(self) -> Base:
            return self

        def __exit__(self, *_: object) -> None:
            divmod(7, 2)

    class Derived(Base):
        def __init__(self, value: int = 0) -> None:
            super().__init__(value)
            str.upper("text")
            list.append([], 1)

        def __new__(cls, *_args: int) -> Derived:
            return object.__new__(cls)

    bound_append = [].append
    bytes_find = b"haystack".find
    add = functools.partial(operator.add, 1)

    def work() -> int:
        total = 0
        for number in range(1500):
            thing = Derived.made(number)
            total += thing.value + Base.plain(-number) + thing(1, *[2, 3], a=4, b=5)
            total += len(thing) + sum(thing) + add(number)
            total += thing.__len__() + Base.__call__(thing, 1) + int.__add__(1, 2) + type(thing).made(1).value
            bound_append(number)
            bytes_find(b"y")
            total += {thing: 1}[Derived(number)]
            with thing as entered:
                total += max([entered.value, 2], key=lambda value: -value)
            for method in (str.join, ",".join):
                total += len(method(*((",", ["a", "b"]) if method is str.join else (["a", "b"],))))
            total += len(sorted({"b": 1, "a": 2}.items(), key=operator.itemgetter(1)))
            try:
                {}.pop("missing")
            except KeyError:
                total += 1
            try:
                len(number)  # type: ignore[arg-type]
            except TypeError:
                total += 1
        return total

    return work


def every_kind_of_class() -> Work:
    """Classes by what their parameters are: the interpreter makes objects of some by a short cut, of others by way of C."""

    class One:
        def __init__(self, value: int) -> None:
            self.value = value

    class Default:
        def __init__(self, value: int = 1) -> None:
            self.value = value

    class Star:
        def __init__(self, *values: int) -> None:
            self.value = len(values)

    class OneAndStar:
        def __init__(self, value: int, *values: int) -> None:
            self.value = value

    class Keys:
        def __init__(self, **values: int) -> None:
            self.value = 1

    class KeyOnly:
        def __init__(self, *, value: int = 1) -> None:
            self.value = value

    class Slots:
        __slots__ = ("value",)

        def __init__(self, *values: int) -> None:
            self.value = len(values)

    class New:
        def __new__(cls, *_values: int) -> New:
            return object.__new__(cls)

        def __init__(self, *values: int) -> None:
            self.value = len(values)

    class Inherits(Star):
        pass

    class Meta(type):
        def __call__(cls, *values: int) -> object:
            return super().__call__(*values)

    class WithMeta(metaclass=Meta):
        def __init__(self, *values: int) -> None:
            self.value = len(values)

    class Fails:
        def __init__(self, *values: int) -> None:
            raise ValueError

    def make(kind: Callable[..., object], count: int) -> int:
        for _ in range(100):
            kind(*range(count))
        return count

    def work() -> int:
        total = 0
        for _ in range(400):
            total += One(1).value + Default().value + Default(2).value + OneAndStar(1).value + OneAndStar(1, 2).value
            total += Star().value + Star(1).value + Star(1, 2, 3).value + Inherits(1, 2).value + Slots(1).value
            total += Keys().value + Keys(a=1).value + KeyOnly().value + KeyOnly(value=2).value + New(1).value
            total += WithMeta(1).value
            try:
                Fails(1)
            except ValueError:
                total += 1
        return total + sum(make(kind, 2) for kind in (Star, OneAndStar, Slots, New, Inherits, WithMeta))

    return work


SETUPS: dict[str, Callable[[], Work]] = {
    setup.__name__: setup
    for setup in (
        exceptions_through_c,
        abandoned_generators,
        mutual_recursion,
        every_kind_of_call,
        every_kind_of_class,
    )
}
