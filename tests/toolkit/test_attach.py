"""Decorated functions of every kind behave as without us, and only what they do is recorded."""

from __future__ import annotations

import asyncio
import copy
import csv
import inspect
import pickle
import sys
import types
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from pikos.monitors.api import FocusedFunctionMonitor, FocusedLineMonitor, FunctionMonitor, LineMonitor
from pikos.monitors.monitor_attach import MonitorAttach
from pikos.recorders.api import ListRecorder
from pytest_runs import PYTEST
from running import Run, python

pytestmark = pytest.mark.in_process


def functions(recorder: ListRecorder) -> list[str]:
    return [record.function for record in recorder.records if record.filename == __file__]


def test_a_function() -> None:
    recorder = ListRecorder()

    @FunctionMonitor(recorder).attach
    def add(x: int, y: int = 2) -> int:
        """Adds."""
        return x + y

    assert isinstance(add, MonitorAttach)
    assert (add(1), add(1, y=5)) == (3, 6)
    assert add.__name__ == "add" and add.__doc__ == "Adds." and callable(add.__wrapped__)
    assert str(inspect.signature(add)) == "(x: 'int', y: 'int' = 2) -> 'int'"
    assert functions(recorder) == ["add"] * 4


def test_methods_of_all_kinds() -> None:
    recorder = ListRecorder()
    monitor = FunctionMonitor(recorder)

    class Thing:
        @monitor.attach
        def plain(self, x: int) -> Any:
            return self, x

        @classmethod
        @monitor.attach
        def of_class(cls, x: int) -> Any:
            return cls, x

        @staticmethod
        @monitor.attach
        def static(x: int) -> Any:
            return x

        @property
        @monitor.attach
        def attribute(self) -> Any:
            return self

    thing = Thing()
    assert thing.plain(1) == (thing, 1) and Thing.plain(thing, 2) == (thing, 2)
    assert thing.of_class(3) == (Thing, 3) == Thing.of_class(3)
    assert thing.static(4) == 4 == Thing.static(4)
    assert thing.attribute is thing
    assert functions(recorder)[::2] == ["plain", "plain", "of_class", "of_class", "static", "static", "attribute"]


def test_exceptions_pass() -> None:
    recorder = ListRecorder()
    monitor = FunctionMonitor(recorder)

    @monitor.attach
    def fails() -> None:
        raise KeyError("no")

    with pytest.raises(KeyError) as caught:
        fails()
    assert caught.traceback[-1].name == "fails"
    assert functions(recorder) == ["fails", "fails"]
    len([])
    assert functions(recorder) == ["fails", "fails"]


def test_recursion_is_recorded_once() -> None:
    recorder = ListRecorder()
    monitor = FunctionMonitor(recorder)

    @monitor.attach
    def recursive(n: int) -> int:
        return 0 if n == 0 else 1 + recursive(n - 1)

    assert recursive(3) == 3
    assert functions(recorder) == ["recursive"] * 8


def test_a_generator_gets_what_is_sent_and_thrown() -> None:
    recorder = ListRecorder()
    monitor = FunctionMonitor(recorder)
    seen: list[Any] = []

    @monitor.attach
    def generator() -> Iterator[Any]:
        try:
            while True:
                try:
                    seen.append((yield len(seen)))
                except KeyError as error:
                    seen.append(error)
        finally:
            seen.append("closed")

    running = generator()
    assert inspect.isgenerator(running)
    assert next(running) == 0
    assert running.send("x") == 1  # type: ignore[attr-defined]
    assert running.throw(error := KeyError()) == 2  # type: ignore[attr-defined]
    between = len(recorder.records)
    abs(-1)
    assert len(recorder.records) == between
    running.close()  # type: ignore[attr-defined]
    assert seen == ["x", error, "closed"]
    assert functions(recorder).count("generator") == 8


def test_a_generator_returns() -> None:
    recorder = ListRecorder()

    @FunctionMonitor(recorder).attach
    def generator() -> Any:
        yield 1
        return 5

    def outer() -> Any:
        return (yield from generator())

    running = outer()
    assert next(running) == 1
    with pytest.raises(StopIteration) as stop:
        next(running)
    assert stop.value.value == 5
    assert functions(recorder) == ["generator"] * 4


def test_a_coroutine() -> None:
    recorder = ListRecorder()
    monitor = LineMonitor(recorder)

    @monitor.attach
    async def work(n: int) -> int:
        await asyncio.sleep(0)
        return n + 1

    # 3.11's inspect knows no marks; asyncio does.
    is_coroutine = (
        inspect.iscoroutinefunction if hasattr(inspect, "markcoroutinefunction") else asyncio.iscoroutinefunction
    )
    assert is_coroutine(work)
    assert asyncio.run(work(1)) == 2
    assert functions(recorder) == ["work", "work"]


def test_a_cancelled_coroutine() -> None:
    recorder = ListRecorder()
    monitor = FunctionMonitor(recorder)
    seen = []

    @monitor.attach
    async def work() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        task = asyncio.ensure_future(work())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert seen == ["cancelled"]
    assert monitor._depth == 0


def test_an_asynchronous_generator() -> None:
    recorder = ListRecorder()
    monitor = FunctionMonitor(recorder)
    seen = []

    @monitor.attach
    async def generator(n: int) -> AsyncIterator[int]:
        try:
            for i in range(n):
                await asyncio.sleep(0)
                yield i
        finally:
            seen.append("closed")

    async def main() -> list[int]:
        async for _ in generator(3):
            break
        return [item async for item in generator(3)]

    assert asyncio.run(main()) == [0, 1, 2]
    assert seen == ["closed", "closed"]
    assert "generator" in functions(recorder)
    assert monitor._depth == 0


def test_focused_attach_with_and_without_the_function() -> None:
    def called() -> int:
        return 1

    recorder = ListRecorder()
    monitor = FocusedFunctionMonitor(recorder, functions=[called])

    @monitor.attach
    def plain() -> int:
        return called() + len([])

    assert plain() == 1
    assert functions(recorder) == ["called", "called"]

    recorder = ListRecorder()
    lines = FocusedLineMonitor(recorder)

    @lines.attach(include_decorated=True)
    def included() -> int:
        return called()

    assert included() == 1
    assert functions(recorder) == ["included"]


def test_a_record_type_of_ones_own() -> None:
    from collections import namedtuple

    recorder = ListRecorder()

    class Mine(namedtuple("Mine", "index type function lineNo filename")):
        pass

    with FunctionMonitor(recorder, record_type=Mine):
        abs(-1)
    assert {type(record) for record in recorder.records} == {Mine}
    assert "abs" in functions(recorder)


def test_a_monitor_that_gathers_more() -> None:
    recorder = ListRecorder()

    class Mine(FunctionMonitor):
        def gather_info(self, frame: Any, event: str, arg: Any) -> Any:
            return (*super().gather_info(frame, event, arg), frame.f_back is not None)

    with Mine(recorder):
        abs(-1)
    assert recorder.records and all(record[-1] is True for record in recorder.records)


def test_a_filter_that_raises_is_shown_once_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    def fails(record: Any) -> bool:
        raise ZeroDivisionError("the filter")

    recorder = ListRecorder(filter_=fails)
    with FunctionMonitor(recorder):
        result = abs(-1) + abs(-2)
    assert result == 3 and recorder.records == []
    told = capsys.readouterr().err
    assert told.count("ZeroDivisionError: the filter") == 1
    assert "records were lost to errors; only the first error was shown" in told


@pytest.mark.parametrize("calls", [1, 20_000])
def test_a_forked_child_leaves_the_records_to_its_parent(tmp_path: Path, calls: int) -> None:
    # In a process of its own: that of the tests has threads, and a fork with threads is a warning.
    program = f"""\
import os
from pikos.monitors.api import FunctionMonitor
from pikos.recorders.api import CSVFileRecorder

def work():
    for _ in range({calls}):
        abs(-1)

with FunctionMonitor(CSVFileRecorder("x.csv")):
    work()
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    work()
"""
    python(["-W", "error", "-c", program], cwd=tmp_path).succeeded()
    with open(tmp_path / "x.csv", newline="") as stream:
        indices = [int(row["index"]) for row in csv.DictReader(stream) if row["function"] == "abs"]
    assert len(indices) == 4 * calls and indices == sorted(set(indices))


def plain(x: int) -> int:
    return x + 1


def counting(n: int) -> Iterator[int]:
    yield from range(n)


async def awaited() -> int:
    return 1


async def streaming() -> AsyncIterator[int]:
    yield 1


class Holder:
    def method(self, x: int) -> int:
        return x * 2


KINDS = {"plain": plain, "counting": counting, "awaited": awaited, "streaming": streaming}
QUESTIONS = [
    inspect.isfunction,
    inspect.isgeneratorfunction,
    inspect.iscoroutinefunction,
    inspect.isasyncgenfunction,
    inspect.isroutine,
    asyncio.iscoroutinefunction if sys.version_info < (3, 14) else inspect.iscoroutinefunction,
]


@pytest.mark.parametrize("name", KINDS)
def test_a_decorated_function_is_a_function_of_its_kind(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function = KINDS[name]
    attached = FunctionMonitor(ListRecorder()).attach(function)
    for question in QUESTIONS:
        assert question(attached) == question(function), question
    assert isinstance(attached.__code__, types.CodeType)
    assert inspect.signature(attached) == inspect.signature(function)
    monkeypatch.setattr(sys.modules[__name__], name, attached)
    assert pickle.loads(pickle.dumps(attached)) is attached
    assert copy.copy(attached) is attached and copy.deepcopy([attached])[0] is attached


def test_a_decorated_method_is_pickled_with_its_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Holder, "method", FunctionMonitor(ListRecorder()).attach(Holder.method))
    assert inspect.ismethod(Holder().method)
    assert pickle.loads(pickle.dumps(Holder().method))(4) == 8


def test_a_decorated_function_goes_through_a_pool(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text(
        "import multiprocessing\n"
        "from pikos.api import function_monitor\n"
        "from pikos.recorders.api import ListRecorder\n"
        "@function_monitor(recorder=ListRecorder())\n"
        "def double(x): return 2 * x\n"
        "if __name__ == '__main__':\n"
        "    for method in ('fork', 'spawn'):\n"
        "        with multiprocessing.get_context(method).Pool(2) as pool:\n"
        "            print(pool.map(double, range(3)))\n"
    )
    assert python(["work.py"], cwd=tmp_path, env={"PYTHONWARNINGS": "ignore"}) == Run(0, "[0, 2, 4]\n" * 2, "")


def test_a_generator_fixture_of_pytest(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "from pikos.api import function_monitor\n"
        "from pikos.recorders.api import ListRecorder\n"
        "@pytest.fixture\n"
        "@function_monitor(recorder=ListRecorder())\n"
        "def seven(): yield 7\n"
        "def test_it(seven): assert seven == 7\n"
    )
    run = python([*PYTEST[1:], "test_it.py"], cwd=tmp_path)
    assert run.code == 0, run.out


def test_what_is_left_out_can_be_looked_up() -> None:
    def function(a: int, b: int = 2, *, c: int = 3) -> tuple[int, int, int]:
        return a, b, c

    attached: Any = FunctionMonitor(ListRecorder()).attach(function)
    assert attached.__defaults__ == (2,) and attached.__kwdefaults__ == {"c": 3}
    assert attached(1) == (1, 2, 3) and attached(1, 5, c=6) == (1, 5, 6)
    assert inspect.getfullargspec(attached).varargs == "args"


def test_a_monitor_is_its_own_decorator() -> None:
    recorder, focused = ListRecorder(), ListRecorder()

    @FunctionMonitor(recorder)
    def work() -> int:
        return 1

    assert isinstance(work, MonitorAttach) and work() == 1 and functions(recorder) == ["work", "work"]
    monitor = FocusedFunctionMonitor(focused)
    decorated = monitor.attach(include_decorated=True)(monitor(plain))
    assert decorated(1) == 2 and functions(focused) == ["plain", "plain"]


def test_a_coroutine_of_old_is_awaited() -> None:
    recorder = ListRecorder()

    @FunctionMonitor(recorder).attach
    @types.coroutine
    def old() -> Any:
        got = yield 1
        return got

    async def main() -> Any:
        return await old()

    running = main()
    assert running.send(None) == 1
    with pytest.raises(StopIteration) as stop:
        running.send(5)
    assert stop.value.value == 5 and functions(recorder) == ["old"] * 4


LEFT_EARLY = """
import asyncio, gc
from pikos.monitors.api import FunctionMonitor
from pikos.recorders.api import ListRecorder

closed = []
async def plain():
    try:
        for i in range(5):
            yield i
    finally:
        await asyncio.sleep(0)
        closed.append(1)

attached = FunctionMonitor(ListRecorder()).attach(plain)

async def leaves(generator):
    async for x in generator():
        if x == 1: break

async def keeps(generator):
    global kept
    kept = generator()
    await anext(kept)

async def is_cancelled(generator):
    task = asyncio.ensure_future(leaves(generator))
    await asyncio.sleep(0)
    task.cancel()
    try: await task
    except asyncio.CancelledError: pass

for main in (leaves, keeps, is_cancelled):
    counts = []
    for generator in (plain, attached):
        closed.clear()
        for _ in range(5):
            asyncio.run(main(generator))
            gc.collect()
        counts.append(len(closed))
    print(main.__name__, counts)
    assert counts[0] == counts[1], (main, counts)
"""


def test_an_asynchronous_generator_that_is_left_early(tmp_path: Path) -> None:
    """At the end the event loop closes what is open: once, and ours closes its own."""
    (tmp_path / "left.py").write_text(LEFT_EARLY)
    assert "keeps [5, 5]" in python(["left.py"], cwd=tmp_path).succeeded().out


def test_a_class_is_attached_to_in_all_its_methods() -> None:
    import enum
    import functools

    recorder = ListRecorder()
    monitor = FunctionMonitor(recorder)

    @monitor.attach
    class Thing:
        """A thing."""

        def __new__(cls, *args: Any) -> Any:
            return super().__new__(cls)

        def __init__(self, value: int = 1) -> None:
            self.value = value

        def method(self) -> int:
            return self.value

        alias = method

        @classmethod
        def made(cls) -> Any:
            return cls(3)

        @staticmethod
        def static() -> int:
            return 4

        @property
        def double(self) -> int:
            return 2 * self.value

        @double.setter
        def double(self, value: int) -> None:
            self.value = value // 2

        @functools.cached_property
        def cached(self) -> int:
            return self.value

        def numbers(self) -> Iterator[int]:
            yield self.value

        class Inner:
            def inside(self) -> int:
                return 5

        length = len

    assert isinstance(Thing, type) and Thing.__doc__ == "A thing."
    thing = Thing(2)
    assert isinstance(thing, Thing) and (thing.method(), Thing.made().value, thing.static(), thing.double) == (
        2,
        3,
        4,
        4,
    )
    thing.double = 10
    assert (thing.value, thing.cached, list(thing.numbers()), Thing.Inner().inside(), thing.alias()) == (
        5,
        5,
        [5],
        5,
        5,
    )
    names = [record.function for record in recorder.records if record.type == "call" and record.filename == __file__]
    assert names == [
        *("__new__", "__init__", "method", "made", "__new__", "__init__", "static", "double", "double", "cached"),
        *("numbers", "numbers", "inside", "method"),
    ]

    class Derived(Thing):
        def method(self) -> int:
            return 1 + super().method()

    assert Derived(2).method() == 3

    @monitor.attach
    class Colour(enum.Enum):
        RED = 1

        def name_of(self) -> str:
            return self.name

    assert Colour.RED.name_of() == "RED" and Colour(1) is Colour.RED
    for hopeless in (int, type("Empty", (), {})):
        with pytest.raises(TypeError, match="has no function in Python"):
            monitor.attach(hopeless)


def test_a_module_is_attached_to_in_all_that_it_defines() -> None:
    module = types.ModuleType("some_module")
    exec(
        "import json\nfrom os.path import join\n"
        "def work(): return Helper().help()\nother = work\n"
        "class Helper:\n    def help(self): return 1\n"
        "from collections import OrderedDict\n",
        module.__dict__,
    )
    before = module.join
    recorder = ListRecorder()
    lines = FocusedLineMonitor(recorder)
    assert lines.attach(include_decorated=True)(module) is module
    assert module.work is module.other and module.join is before
    assert isinstance(module.work, MonitorAttach) and module.work() == 1
    assert [record.function for record in recorder.records] == ["work", "help"]
