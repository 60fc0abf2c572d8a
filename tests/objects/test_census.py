"""All objects by type: each once, as large as sys.getsizeof says, and nothing of the program's runs meanwhile."""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import gc
import io
import os
import subprocess
import sys
import textwrap
import threading
import types
import weakref
from typing import Any

import pikos.objects
import pytest
from pikos._lsprof import _census, _instances
from pikos.objects import _census as module

pytestmark = pytest.mark.in_process


class Plain:
    def __init__(self, value: object = None) -> None:
        self.value = value


class Slotted:
    __slots__ = ("__weakref__", "value")

    def __init__(self, value: object = None) -> None:
        self.value = value


class Number(int):
    pass


class Mapping(dict):  # type: ignore[type-arg]
    pass


class Items(tuple):  # type: ignore[type-arg]
    __slots__ = ()


class Meta(type):
    pass


class Made(metaclass=Meta):
    pass


Named = collections.namedtuple("Named", "x y")


def one_of_each() -> list[Any]:
    """Objects of types of the interpreter, and of classes made from them."""
    plain = Plain(1)
    return [
        *([1, 2, 3], [], {}, {"a": 1}, dict.fromkeys(range(100)), set(range(100)), frozenset([1])),
        *(bytearray(b"abc" * 100), "abc", "äöü" * 3, "€" * 5, "\U0001f600", b"abc", 2**100, -(2**100), 1.5, 1j),
        *((1, 2), Items((1, 2, 3)), collections.deque(range(1000)), array.array("d", [1] * 100)),
        *(plain, Slotted(1), Number(5), Number(2**70), Mapping(a=1), Made(), Named(1, 2), Plain, Made, Meta),
        *(range(3), slice(1), one_of_each, print, [].append, object(), datetime.datetime.now(), decimal.Decimal(1)),
        *(io.BytesIO(b"a" * 1000), io.StringIO("a" * 1000), types.SimpleNamespace(a=1), weakref.ref(plain)),
        *(collections.OrderedDict(a=1), collections.defaultdict(int), collections.Counter("abc"), ValueError("x")),
        *(one_of_each.__code__, (each for each in ()), memoryview(b"abc"), iter([]), staticmethod(len), property()),
    ]


def test_sizes_are_those_of_getsizeof() -> None:
    kept = one_of_each()
    kinds = list({type(each) for each in kept})
    gc.disable()
    try:
        # What is counted below is not what the count itself makes.
        counted = {id(kind): (count, bytes_) for kind, count, bytes_ in _census()}
        found = dict(zip(map(id, kinds), _instances(kinds, 10**9), strict=True))
    finally:
        gc.enable()
    compared = 0
    for kind in kinds:
        instances = found[id(kind)]
        count, bytes_ = counted[id(kind)]
        if len(instances) == count:
            assert sum(map(sys.getsizeof, instances)) == bytes_, kind
            compared += 1
    # The others are types of which the test itself makes some: lists, dicts, tuples, numbers.
    assert compared >= len(kinds) - 8


@pytest.mark.parametrize("size", [0, 1, 5, 1000])
@pytest.mark.parametrize("base", [list, dict, set, tuple, str, bytes, bytearray, collections.deque, int])
def test_sizes_of_classes_made_from_builtins(base: Any, size: int) -> None:
    kind = type("Kind", (base,), {})
    value = {"dict": dict.fromkeys(range(size)), "str": "x" * size, "bytes": b"x" * size, "int": 1 << size}
    made = kind(value.get(base.__name__, range(size) if base is not bytearray else bytes(size)))
    [row] = [row for row in _census() if row[0] is kind]
    assert row == (kind, 1, sys.getsizeof(made))


def test_objects_that_the_collector_does_not_list_are_counted_once() -> None:
    gc.collect()  # what it stops listing it stops listing now
    before = pikos.objects.census()
    dicts = [{"a": number} for number in range(1000, 21000)]
    more = pikos.objects.census() - before
    assert more["dict"].count == pytest.approx(len(dicts), abs=50)
    # Each number is shared by nobody, and the list of them refers to it once more.
    numbers = [each["a"] for each in dicts]
    again = pikos.objects.census() - before
    assert again["int"].count == pytest.approx(len(numbers), rel=0.1)  # others come and go


@pytest.mark.parametrize("kind", [Plain, Slotted, Number, Mapping, Named, Made])
def test_instances_are_counted_exactly(kind: Any) -> None:
    before = pikos.objects.census()
    made = [kind(1, 2) if kind is Named else kind() for _ in range(1234)]
    after = pikos.objects.census()
    assert (after - before)[kind.__name__].count == len(made)
    made.clear()
    assert (pikos.objects.census() - before)[kind.__name__].count == 0


def test_what_only_a_running_function_holds_is_counted() -> None:
    class Text(str):
        __slots__ = ()

    def other(begun: threading.Event, over: threading.Event) -> None:
        local = Text("x" * 1000)
        begun.set()
        over.wait()
        del local

    begun, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=other, args=(begun, over))
    mine = Text("y")
    thread.start()
    begun.wait()
    counts = [count for kind, count, _ in _census() if kind is Text]
    over.set()
    thread.join()
    assert counts == [2]
    del mine


class Liar:
    """Lies about everything, and must not be asked."""

    asked = 0

    def __sizeof__(self) -> int:
        Liar.asked += 1
        return 10**6

    @property
    def __class__(self) -> Any:
        Liar.asked += 1
        raise RuntimeError("no class")

    @__class__.setter
    def __class__(self, value: object) -> None:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        Liar.asked += 1
        return True

    def __hash__(self) -> int:
        Liar.asked += 1
        return 1

    def __repr__(self) -> str:
        Liar.asked += 1
        raise RuntimeError

    def __getattribute__(self, name: str) -> object:
        Liar.asked += 1
        raise RuntimeError


class Failing:
    def __sizeof__(self) -> int:
        raise RuntimeError("no size")


class Nonsense:
    def __sizeof__(self) -> Any:
        return "large"


def test_no_code_of_the_program_runs() -> None:
    made = [Liar() for _ in range(10)]
    Liar.asked = 0
    row = pikos.objects.census()["Liar"]
    assert (row.count, Liar.asked) == (len(made), 0)
    assert row.bytes < 10 * 1000


def test_objects_are_asked_where_that_is_wanted() -> None:
    class Leaving:
        def __sizeof__(self) -> int:
            raise SystemExit(3)

    made = [*(Liar() for _ in range(3)), Failing(), Nonsense(), Leaving()]
    census = pikos.objects.census(ask=True)
    assert census["test_objects_are_asked_where_that_is_wanted.<locals>.Leaving"].count == 1
    assert census["Liar"].bytes >= 3 * 10**6
    assert census["Failing"].count == 1
    assert census["Nonsense"].count == 1
    del made


def test_types_by_name() -> None:
    made = [Plain(), Slotted()]
    assert [row.type for row in pikos.objects.census(types=[Plain])] == ["Plain"]
    assert {row.type for row in pikos.objects.census(types=[f"{__name__}.*"])} >= {"Plain", "Slotted"}
    assert [row.label for row in pikos.objects.census(types="list")] == ["list"]
    with pytest.raises(ValueError, match=r"no object of a type 'Slottde'; did you mean .*Slotted"):
        pikos.objects.census(types=["Slottde"])
    with pytest.raises(TypeError, match="a type or its name is wanted, got int"):
        pikos.objects.census(types=[1])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="by 'type' or by 'module', not by 'colour'"):
        pikos.objects.census("colour")
    del made


def test_names_of_types_that_lie() -> None:
    class Odd:
        __module__ = 5  # type: ignore[assignment]

    class Shy(type):
        def __getattribute__(cls, name: str) -> object:
            raise RuntimeError

    class Hidden(metaclass=Shy):
        pass

    made = [Odd(), object.__new__(Hidden)]
    labels = {row.label for row in pikos.objects.census()}
    assert {name.rpartition(".")[2] for name in labels} >= {"Odd", "Hidden"}
    del made


def test_a_difference_and_its_table() -> None:
    before = pikos.objects.census()
    made = [Plain() for _ in range(5)]
    after = pikos.objects.census()
    more = after - before
    assert all(row.count or row.bytes for row in more)
    assert "+5" in str(more)
    assert str(after).splitlines()[0].split() == ["objects", "size", "type"]
    assert f"{after.count:,} objects" in after.sum()
    assert "pikos-table" in after._repr_html_()
    assert after.by("module").count == after.count
    with pytest.raises(ValueError, match="have no difference"):
        after.by("module") - before
    assert all(len(line) <= 80 for line in str(after).splitlines())
    del made


def test_to_pandas() -> None:
    pytest.importorskip("pandas")
    assert list(pikos.objects.census().to_pandas().columns) == ["type", "module", "count", "bytes"]


def test_classes_that_die_are_not_kept() -> None:
    def lives() -> weakref.ref[type]:
        kind = type("Short", (), {})
        made = [kind() for _ in range(10)]
        census = pikos.objects.census()
        assert census["Short"].count == len(made)
        return weakref.ref(kind)

    reference = lives()
    gc.collect()
    assert reference() is None


def test_frozen_objects_are_counted() -> None:
    made = [Plain() for _ in range(100)]
    gc.freeze()
    try:
        assert pikos.objects.census()["Plain"].count >= len(made)
    finally:
        gc.unfreeze()


def test_no_object_is_changed_or_kept() -> None:
    made = [Plain([]) for _ in range(100)]
    references = [sys.getrefcount(each) for each in made]
    pikos.objects.census()
    assert [sys.getrefcount(each) for each in made] == references
    died = weakref.ref(made[0])
    del made[0]
    assert died() is None


def test_it_may_be_asked_from_anywhere() -> None:
    """From a finalizer, while the garbage collector is at work, with audit hooks, in a forked child."""
    program = textwrap.dedent(
        """
        import gc, os, sys, threading
        import pikos.objects

        class Node:
            def __init__(self):
                self.me = self
            def __del__(self):
                pikos.objects.census()
                kept.append(self)  # resurrected

        kept = []
        for _ in range(20):
            Node()
        gc.collect()
        assert pikos.objects.census()["Node"].count == 20
        gc.callbacks.append(lambda phase, info: pikos.objects.census())
        gc.collect()
        gc.callbacks.clear()
        over = threading.Event()

        def churn():
            while not over.is_set():
                [{"a": [i]} for i in range(100)]
                type("Short", (), {})()

        threads = [threading.Thread(target=churn) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            pikos.objects.census()
            pikos.objects.holders(kept[0])
        over.set()
        for thread in threads:
            thread.join()
        pid = os.fork()
        if pid == 0:
            pikos.objects.census()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        print("fine")
        """
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


def test_in_deep_recursion() -> None:
    def down(depth: int) -> int:
        return down(depth - 1) if depth else pikos.objects.census().count

    nested: Any = ()
    for _ in range(100_000):
        nested = (nested,)
    assert down(sys.getrecursionlimit() // 4) > 100_000
    while nested:
        (nested,) = nested


def test_rows_are_tables_of_contents() -> None:
    assert module.Row("list", "builtins", 1, 2).label == "list"
    assert pikos.objects.__all__ == sorted(pikos.objects.__all__)
    for name in pikos.objects.__all__:
        assert getattr(pikos.objects, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        pikos.objects.nothing  # noqa: B018
