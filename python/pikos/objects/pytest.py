"""A pytest fixture that fails a test which leaves objects behind.

    # conftest.py
    pytest_plugins = ["pikos.objects.pytest"]

    # test_app.py
    def test_closes(no_leaks):
        use_the_application()

    def test_rows(no_leaks):
        with no_leaks(types=["dict", "app.*"]):
            read_rows()

To be named in ``conftest.py`` (or ``-p pikos.objects.pytest``), not found by itself: whoever has Pikos installed for something else pays
nothing, and has no fixture of that name.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

import pytest

from pikos._lsprof import _census, _instances, _most_holding
from pikos.objects._holders import ways_to
from pikos.objects._names import label_of, name_of, select

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from types import TracebackType
    from typing import Any, Self

    from pikos.objects._names import Wanted

#: ``Py_TPFLAGS_HEAPTYPE``: made while the program runs.
_MADE = 1 << 9

#: Whose objects come and go with the tests themselves.
_OF_TESTING = {"_pytest", "pytest", "pluggy", "pikos", "xdist", "execnet", "pytest_timeout", "py", "coverage"}

#: Types that a failure tells of, and lines of where an object was created.
_MOST_TYPES, _MOST_LINES = 5, 3


class _Baseline:
    """What there is before."""

    def __init__(self, types: Iterable[Wanted] | None = None) -> None:
        self.wanted = types if types is None or isinstance(types, (str, type)) else [*types]
        gc.collect()
        self.counts: dict[int, tuple[type, int]] = {}
        # The second time, what is kept here is there already.
        for _ in range(2):
            for kind, count, _bytes in self._census():
                self.counts[id(kind)] = (kind, count)

    def _census(self) -> list[tuple[type, int, int]]:
        found = _census()
        if self.wanted is None:
            return [row for row in found if is_own(row[0])]
        chosen: set[int] = set()
        for each in (self.wanted,) if isinstance(self.wanted, (str, type)) else self.wanted:
            try:
                chosen.update(id(kind) for kind in select([each], [row[0] for row in found]))
            except ValueError:
                # It may have its first object later on.
                continue
        return [row for row in found if id(row[0]) in chosen]

    def fail_if_more(self) -> None:
        """Fail the test if there are more objects now."""
        __tracebackhide__ = True
        gc.collect()
        more = []
        for kind, count, _ in self._census():
            before = self.counts.get(id(kind), (kind, 0))[1]
            if count > before:
                more.append((kind, count, before))
        if more:
            pytest.fail(told(more), pytrace=False)


def told(more: list[tuple[type, int, int]]) -> str:
    """What is left behind: types, where objects were created, what holds them."""
    more.sort(key=lambda each: (each[2] - each[1], label_of(each[0])))
    left = sum(count - before for _, count, before in more)
    lines = [f"the test leaves {left:,} object{'s' if left > 1 else ''} behind"]
    shown = more[:_MOST_TYPES]
    kinds = [kind for kind, _, _ in shown]
    newest = [each[0] if each else None for each in _instances(kinds, 1)]
    examples: list[Any] = []
    held: list[Any] = []
    for (kind, count, before), example, (objects, _) in zip(shown, newest, _most_holding(kinds, 1), strict=True):
        # What holds several of them tells more than the newest one.
        together = bool(objects) and objects[0][1] > 1 and objects[0][1] * 2 >= count - before
        if together:
            example = next((each for each in reversed(gc.get_referents(objects[0][0])) if type(each) is kind), example)
        examples.append(example)
        held.append(objects[0][0] if together else example)
    is_traced = False
    for (kind, count, before), example, way in zip(shown, examples, ways_to(held), strict=True):
        lines.append(f"\n{count - before:,} × {label_of(kind)} (before: {before:,}, now: {count:,})")
        for place in created(example):
            lines.append(f"  created at {place}")
            is_traced = True
        lines.append("  held by")
        lines.append(way.text(100, "    "))
    if len(more) > len(shown):
        lines.append(f"\n… and objects of {len(more) - len(shown)} more types")
    if not is_traced:
        lines.append("\nWhere they are created: run the test with `python -X tracemalloc -m pytest`.")
    return "\n".join(lines)


def created(instance: Any) -> list[str]:
    """Where an object was created, if tracemalloc knows: the innermost line first."""
    import tracemalloc

    if not tracemalloc.is_tracing():
        return []
    trace = tracemalloc.get_object_traceback(instance)
    if trace is None:
        return []
    return [f"{frame.filename}:{frame.lineno}" for frame in reversed(trace)][:_MOST_LINES]


def is_own(kind: type) -> bool:
    """Whether a class is the program's: neither the interpreter's nor one of the tools' that run the test."""
    module = name_of(kind)[0].partition(".")[0]
    flags = type.__dict__["__flags__"].__get__(kind)
    return bool(flags & _MADE) and module not in sys.stdlib_module_names and module not in _OF_TESTING


class _Check:
    """``no_leaks`` in a test."""

    def __init__(self) -> None:
        #: For the whole test, unless the test checks a part of itself.
        self.baseline: _Baseline | None = _Baseline()

    def __call__(self, types: Iterable[Wanted] | None = None) -> _Part:
        """For a ``with``: what it leaves behind, of these types (by themselves or by name: ``"dict"``, ``"app.*"``), or of all classes that are
        neither the interpreter's nor pytest's."""
        self.baseline = None
        return _Part(types)


class _Part:
    """Part of a test."""

    def __init__(self, types: Iterable[Wanted] | None) -> None:
        self.types = types
        self.baseline: _Baseline | None = None

    def __enter__(self) -> Self:
        self.baseline = _Baseline(self.types)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        if kind is None and self.baseline is not None:
            self.baseline.fail_if_more()


@pytest.fixture
def no_leaks() -> Callable[..., _Part]:
    """Fails the test if it leaves objects behind; called with types, what a ``with`` leaves behind of those."""
    return _Check()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Here, not at the fixture's end: so the test fails, and its own variables are gone while fixtures are still there."""
    result = yield
    check = getattr(item, "funcargs", {}).get("no_leaks")
    if isinstance(check, _Check) and check.baseline is not None:
        check.baseline.fail_if_more()
    return result
