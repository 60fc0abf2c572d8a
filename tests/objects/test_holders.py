"""What keeps an object alive, step by step."""

from __future__ import annotations

import collections
import subprocess
import sys
import textwrap
import threading
from typing import Any

import pikos.objects
import pytest
from pikos._lsprof import _instances
from pikos.objects import holders
from pikos.objects._names import label_of

pytestmark = pytest.mark.in_process


class Node:
    def __init__(self, value: object = None) -> None:
        self.value = value


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


class Holder:
    kept: Any = None


KEPT: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Any:
    yield
    KEPT.clear()
    Holder.kept = None


def closure_of(value: object) -> Any:
    def inner() -> object:
        return value

    return inner


def failed(value: object) -> BaseException:
    try:
        inside(value)
    except ValueError as error:
        return error
    raise AssertionError


def inside(local: object) -> None:
    raise ValueError


def generator_of(local: object) -> Any:
    yield local


@pytest.mark.parametrize(
    ("name", "wrap", "path"),
    [
        ("dict", lambda node: {"a": {"b": node}}, ".KEPT['it']['a']['b']"),
        ("list", lambda node: [0, [node]], ".KEPT['it'][1][0]"),
        ("tuple key", lambda node: {("a", 1): node}, ".KEPT['it'][('a', 1)]"),
        ("object key", lambda node: {Node(): node}, ".KEPT['it'][<" + __name__ + ".Node>]"),
        ("instance", lambda node: Node(node), ".KEPT['it'].value"),
        ("slots", lambda node: Slotted(node), ".KEPT['it'].value"),
        ("deque", lambda node: collections.deque([1, node]), ".KEPT['it'][1]"),
        ("set", lambda node: {node}, ".KEPT['it']{…}"),
        ("closure", closure_of, ".KEPT['it']<closure>.value"),
        ("method", lambda node: Node(node).__init__, ".KEPT['it'].__self__.value"),
        ("cell", lambda node: closure_of(node).__closure__[0], ".KEPT['it'].cell_contents"),
        ("generator", lambda node: started(generator_of(node)), ".KEPT['it']<its frame>"),
        ("a long key", lambda node: {"k" * 1000: node}, ".KEPT['it']['" + "k" * 38 + "…]"),
    ],
)
def test_steps(name: str, wrap: Any, path: str) -> None:
    node = Node()
    KEPT["it"] = wrap(node)
    found = holders(node)
    assert found.is_found
    assert found.path == __name__ + path
    assert found.steps[0].what == "module"
    assert str(found).splitlines()[-1].rstrip().endswith("Node")


def started(generator: Any) -> Any:
    next(generator)
    return generator


def test_a_class_attribute() -> None:
    node = Node()
    Holder.kept = [node]
    found = holders(node)
    assert found.path == f"{__name__}.Holder.kept[0]"
    assert found.steps[1].what == f"class {__name__}.Holder"


def test_an_exception_that_keeps_a_frame() -> None:
    node = Node()
    KEPT["errors"] = [failed(node)]
    found = holders(node)
    assert found.path.startswith(f"{__name__}.KEPT['errors'][0].__traceback__")
    assert found.path.endswith((" local", " value"))
    assert any("frame of " in step.what for step in found.steps)


def test_a_variable_of_a_running_function() -> None:
    node = Node()
    found = holders(node)
    assert found.steps[0].how.endswith("test_a_variable_of_a_running_function()")
    assert found.steps[1].how == " node"


def test_a_variable_of_another_thread() -> None:
    begun, over = threading.Event(), threading.Event()

    def other() -> None:
        local = Node([1])
        begun.set()
        over.wait()
        del local

    thread = threading.Thread(target=other, name="worker 7")
    thread.start()
    begun.wait()
    # Not by a variable of ours.
    found = holders(_instances([Node], 1)[0][0])
    over.set()
    thread.join()
    assert found.path.endswith("other() local")
    assert "thread worker 7" in str(found)


def test_modules_come_before_variables() -> None:
    node = Node()
    KEPT["it"] = node
    assert holders(node).path == f"{__name__}.KEPT['it']"


def test_what_nothing_leads_to() -> None:
    program = textwrap.dedent(
        """
        import gc, weakref
        import pikos.objects

        class Node:
            pass

        gc.disable()
        node = Node()
        node.me = [node]
        reference = weakref.ref(node)
        del node
        way = pikos.objects.holders(reference())
        print(way.is_found, "collector" in str(way))
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False True"


def test_as_a_graph() -> None:
    node = Node()
    KEPT['with "quotes"'] = node
    dot = holders(node).dot()
    assert dot.startswith("digraph holders {")
    assert dot.count("->") == len(holders(node).steps) - 1
    assert '\\"quotes\\"' in dot


def test_lines_are_no_longer_than_asked() -> None:
    node = Node()
    KEPT["x" * 200] = {"y" * 200: node}
    assert all(len(line) <= 60 for line in holders(node).text(60).splitlines())


class Hostile:
    """Whatever is asked of it fails."""

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        return 7

    def __len__(self) -> int:
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError


class HostileItems(list):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        raise RuntimeError

    def __len__(self) -> int:
        raise RuntimeError


class HostileMapping(dict):  # type: ignore[type-arg]
    def items(self) -> Any:
        raise RuntimeError

    def __len__(self) -> int:
        raise RuntimeError


@pytest.mark.parametrize("wrap", [lambda it: HostileItems([it]), lambda it: HostileMapping(a=it)])
def test_no_code_of_the_program_runs(wrap: Any) -> None:
    hostile = Hostile()
    KEPT["it"] = wrap(hostile)
    found = holders(hostile)
    assert found.path.startswith(f"{__name__}.KEPT['it'][")
    assert found.text() and found.dot()


def test_deep_structures() -> None:
    top: list[Any] = []
    node = Node()
    inner: Any = [node]
    for _ in range(50_000):
        inner = [inner]
    top.append(inner)
    KEPT["deep"] = top
    found = holders(node)
    assert len(found.steps) > 50_000
    KEPT.clear()
    del found, inner
    while top:
        top = top[0] if isinstance(top[0], list) else []


def test_builtins_have_holders_too() -> None:
    assert pikos.objects.holders(sys.modules).is_found
    assert pikos.objects.holders(None).is_found
    assert pikos.objects.holders(int).is_found


def test_nobody_who_holds_it_is_asked_whether_it_is_a_type() -> None:
    class Hostile(type):
        def __eq__(cls, other: object) -> bool:
            raise RuntimeError("its code runs")

        def __hash__(cls) -> int:
            raise RuntimeError("its code runs")

    class Held(metaclass=Hostile):
        __slots__ = ("__dict__", "value")

        def __init__(self, value: object) -> None:
            self.value = value

    found = Node()
    KEPT["odd"] = {(1, "key"): [Held(found)]}
    way = holders(found)
    assert way.path.endswith("KEPT['odd'][(1, 'key')][0].value")
    assert [step.what for step in way.steps][-2:] == [label_of(Held), label_of(Node)]
