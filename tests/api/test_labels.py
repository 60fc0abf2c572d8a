"""Labels: each call counts for the labels under which it ended, each moment for those that were set just then; the sums are the whole."""

from __future__ import annotations

import asyncio
import contextvars
import gzip
import importlib.util
import inspect
import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pikos
import pytest
from pikos import stats
from pikos.cprofile import Profile
from pikos.labels import current
from running import evaluate, python

pytestmark = [pytest.mark.beyond_cprofile, pytest.mark.in_process]

OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "tree": {"tree": True},
    "python": {"builtins": False},
    "fast": {"builtins": False, "hook": "fast"},
    "frame-eval": {"builtins": False, "hook": "frame-eval"},
    "compensated": {"compensate": True},
    "without callers": {"subcalls": False},
    "threads": {"threads": True},
    "context": {"context": True},
}


def leaf() -> None:
    pass


def work(n: int) -> None:
    for _ in range(n):
        leaf()


def spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def counts(profile: Profile, name: str) -> dict[tuple[tuple[str, str], ...], int]:
    """How often a function was called, by label set."""
    found = {}
    for labels, _, entries in profile.label_stats():
        calls = [entry.callcount for entry in entries if getattr(entry.code, "co_name", "") == name]
        if sum(calls):
            found[tuple(labels.items())] = sum(calls)
    return found


def check_sums(profile: Profile) -> None:
    """Over all label sets the figures are those of the whole. With compensation no time is shown below 0, of a label set neither."""
    figures = 2 if profile.compensate else 4
    whole = {entry.code: entry for entry in profile.getstats()}
    sums: dict[Any, list[float]] = {}
    for _, _, entries in profile.label_stats():
        for entry in entries:
            row = sums.setdefault(entry.code, [0, 0, 0.0, 0.0])
            for place, figure in enumerate(entry[1:5]):
                row[place] += figure
    for code, entry in whole.items():
        assert sums[code][:figures] == pytest.approx(list(entry[1 : 1 + figures]), abs=1e-6), code


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_calls_are_told_apart_by_label(options: dict[str, Any]) -> None:
    with Profile(**options) as profile:
        work(1)
        with pikos.label(route="/a"):
            work(2)
            with pikos.label(tenant="x"):
                work(3)
            work(4)
            with pikos.label(route="/b"):
                work(5)
        with pikos.label(route="/a"):
            work(6)
        work(7)
    a, b = ("route", "/a"), ("route", "/b")
    assert counts(profile, "leaf") == {(): 8, (a,): 12, (a, ("tenant", "x")): 3, (b,): 5}
    assert counts(profile, "work") == {(): 2, (a,): 3, (a, ("tenant", "x")): 1, (b,): 1}
    check_sums(profile)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_time_goes_to_the_label_that_was_set_just_then(options: dict[str, Any]) -> None:
    def outer() -> None:
        spin(0.02)
        with pikos.label(route="/a"):
            end = time.perf_counter() + 0.06
            while time.perf_counter() < end:
                pass
        spin(0.02)

    with Profile(**options) as profile:
        outer()
    by_label = {tuple(labels.items()): entries for labels, _, entries in profile.label_stats()}
    rows = {
        labels: next(entry for entry in entries if getattr(entry.code, "co_name", "") == "outer")
        for labels, entries in by_label.items()
    }
    inside, outside = rows[("route", "/a"),], rows[()]
    # The call ended without a label; of its time as much was under it as the loop took.
    assert (inside.callcount, outside.callcount) == (0, 1)
    assert inside.totaltime >= inside.inlinetime > 0 and outside.totaltime > 0
    # What recording the calls of the clock took is out of compensated times.
    assert profile.compensate or (inside.totaltime >= 0.05 and outside.totaltime >= 0.03)
    check_sums(profile)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_tasks_have_labels_of_their_own(options: dict[str, Any]) -> None:
    async def handle(n: int) -> None:
        with pikos.label(n=n):
            for _ in range(3):
                work(n)
                await asyncio.sleep(0)
            await asyncio.to_thread(work, n)
            await asyncio.gather(*[part(n) for _ in range(2)])

    async def part(n: int) -> None:
        work(n)
        await asyncio.sleep(0)
        work(n)

    async def serve() -> None:
        await asyncio.gather(*[handle(n) for n in range(1, 51)])

    options = options if "context" in options else {**options, "threads": True}
    with Profile(**options) as profile:
        asyncio.run(serve())
    assert counts(profile, "leaf") == {(("n", str(n)),): 8 * n for n in range(1, 51)}
    check_sums(profile)


def test_threads_and_contexts_run_by_hand() -> None:
    with Profile(threads=True) as profile:
        with pikos.label(route="/a"):
            copy = contextvars.copy_context()
            contextvars.Context().run(work, 1)
            with ThreadPoolExecutor(1) as pool:
                pool.submit(work, 2).result()
                pool.submit(copy.run, work, 3).result()
        copy.run(work, 4)
        for _ in range(2):
            thread = threading.Thread(target=contextvars.Context().run, args=(work, 5))
            thread.start()
            thread.join()
    assert counts(profile, "leaf") == {(): 13, (("route", "/a"),): 7}
    check_sums(profile)


@pytest.mark.skipif(importlib.util.find_spec("greenlet") is None, reason="NOT TESTED: greenlet is not installed")
@pytest.mark.parametrize("options", ["", "tree=True"])
def test_greenlets_have_contexts_of_their_own(options: str) -> None:
    program = """
        import contextvars, greenlet, pikos
        def leaf(): pass
        def work(n):
            for _ in range(n): leaf()
        def body(n):
            with pikos.label(n=n):
                for _ in range(4):
                    work(n)
                    main.switch()
        main = greenlet.getcurrent()
        with Profile(OPTIONS) as profile:
            all = [greenlet.greenlet(body) for _ in range(5)]
            for n, one in enumerate(all, 1):
                one.gr_context = contextvars.Context()
                one.switch(n)
                leaf()
            for _ in range(4):
                for one in all: one.switch()
            work(2)
        found = {}
        for labels, _, entries in profile.label_stats():
            calls = sum(e.callcount for e in entries if getattr(e.code, "co_name", "") == "leaf")
            found[labels.get("n", "")] = calls
        answer(found)
    """.replace("OPTIONS", options)
    assert evaluate(program) == {"": 7} | {str(n): 4 * n for n in range(1, 6)}


#: What asks for a context of its own, in a process that has no library which changes contexts by itself: `work(n, label)` is counted, and
#: `expect` is how often `leaf` has to be found.
DOORS = """
import asyncio, contextvars, sys, threading
import pikos
from concurrent.futures import ThreadPoolExecutor

expected = {}
def leaf(): pass
def work(n, label=""):
    expected[label] = expected.get(label, 0) + n
    for _ in range(n): leaf()

def by_hand(label):
    own = contextvars.copy_context()
    contextvars.Context().run(work, 1)
    own.run(work, 2, label)
    work(3, label)
    try:
        own.run(lambda: 1 / 0)
    except ZeroDivisionError:
        work(4, label)
    return own

def copied(own):
    "As asgiref brings home what a thread has set."
    for variable in own:
        if variable.get(None) is not own[variable]:
            variable.set(own[variable])

async def handle(label, inside):
    with pikos.label(n=label):
        for _ in range(3):
            work(1, label)
            await asyncio.sleep(0)
        await asyncio.to_thread(work, 2, label)
        task = asyncio.get_running_loop().create_task(later(label))
        work(1, label)
        await task
        # Without the labels around it.
        context = contextvars.Context()
        inside.append(asyncio.get_running_loop().create_task(later(""), context=context))
    await asyncio.gather(*inside)

async def later(label):
    work(1, label)
    await asyncio.sleep(0)
    work(1, label)

async def serve():
    if EAGER:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    await asyncio.gather(*[handle(str(n), []) for n in range(20)])

def every_way():
    with pikos.label(n="a"):
        own = by_hand("a")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(work, 2).result()
            pool.submit(own.run, work, 3, "a").result()
    work(1)
    contextvars.Context().run(lambda: (work(1), copied(own), work(2, "a")))
    RUN(serve())
    with pikos.label(n="b"):
        IMPORT
        by_hand("b")
        RUN(serve())

with Profile(threads=True, OPTIONS) as profile:
    every_way()
found = {}
for labels, _, entries in profile.label_stats():
    calls = sum(e.callcount for e in entries if getattr(e.code, "co_name", "") == "leaf")
    found[labels.get("n", "")] = calls
answer([found, expected])
"""


@pytest.mark.parametrize("imported", ["pass", "import greenlet"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop", "eager"])
@pytest.mark.parametrize("options", ["", "tree=True", "tasks=True", "distribution=True", "compensate=True"])
def test_labels_follow_through_each_door(options: str, loop: str, imported: str) -> None:
    if loop == "eager" and sys.version_info < (3, 12):
        pytest.skip("eager tasks came with 3.12")
    library = {"import greenlet": "greenlet"}.get(imported, "uvloop" if loop == "uvloop" else "asyncio")
    if importlib.util.find_spec(library) is None or (loop == "uvloop" and importlib.util.find_spec("uvloop") is None):
        pytest.skip(f"NOT TESTED: {library} or uvloop is not installed")
    run = "__import__('uvloop').run" if loop == "uvloop" else "asyncio.run"
    program = DOORS.replace("OPTIONS", options).replace("IMPORT", imported).replace("RUN", run)
    found, expected = evaluate(program.replace("EAGER", str(loop == "eager")))
    assert found == expected


def test_what_a_label_holds_for_as_a_decorator() -> None:
    @pikos.label(kind="function")
    def function(n: int) -> dict[str, str]:
        work(n)
        return current()

    @pikos.label(kind="generator")
    def generator(n: int) -> Any:
        for _ in range(n):
            leaf()
            sent = yield current()
            assert sent is None
        return "end"

    @pikos.label(kind="coroutine")
    async def coroutine(n: int) -> dict[str, str]:
        work(n)
        await asyncio.sleep(0)
        return current()

    @pikos.label(kind="async generator")
    async def async_generator(n: int) -> Any:
        for _ in range(n):
            leaf()
            await asyncio.sleep(0)
            yield current()

    def consume() -> Any:
        result = yield from generator(4)
        assert result == "end"

    async def run() -> None:
        assert await coroutine(3) == {"kind": "coroutine"}
        async for labels in async_generator(5):
            assert labels == {"kind": "async generator"} and current() == {}
            leaf()

    with Profile() as profile:
        assert function(2) == {"kind": "function"}
        for labels in consume():
            assert labels == {"kind": "generator"} and current() == {}
            leaf()
        asyncio.run(run())
    kinds = {"function": 2, "generator": 4, "coroutine": 3, "async generator": 5}
    assert counts(profile, "leaf") == {(): 9} | {(("kind", kind),): n for kind, n in kinds.items()}
    assert inspect.isgeneratorfunction(generator) and inspect.iscoroutinefunction(coroutine)
    assert inspect.isasyncgenfunction(async_generator) and function.__name__ == "function"


def test_a_generator_goes_on_as_it_would_without() -> None:
    closed = []

    @pikos.label(a=1)
    def generator() -> Any:
        try:
            got = yield 1
            while True:
                try:
                    got = yield got
                except KeyError as error:
                    got = error
        finally:
            closed.append(current())

    steps = generator()
    assert next(steps) == 1 and steps.send(2) == 2
    error = KeyError()
    assert steps.throw(error) is error and steps.send(None) is None
    steps.close()
    assert closed == [{"a": "1"}] and current() == {}
    with pytest.raises(ValueError, match=r"^x$"):
        failing = generator()
        next(failing)
        failing.throw(ValueError("x"))


def test_values_that_are_no_texts_break_nothing() -> None:
    class Bad:
        def __str__(self) -> str:
            raise SystemExit("bad")

        __repr__ = __hash__ = __str__  # type: ignore[assignment]

    class Text(str):
        def __hash__(self) -> int:
            raise SystemExit("bad")

        def __eq__(self, other: object) -> bool:
            raise SystemExit("bad")

        __str__ = __hash__  # type: ignore[assignment]

    with Profile() as profile, pikos.label(a=Bad(), b=Text("text"), c="x" * 1000, d=None, e="\udc80"):
        leaf()
    (labels,) = (dict(labels) for labels in counts(profile, "leaf"))
    assert labels == {"a": "<Bad>", "b": "text", "c": "x" * 199 + "…", "d": "None", "e": labels["e"]}


def leave_labels_in_another_order() -> None:
    def generator(**labels: str) -> Any:
        with pikos.label(**labels):
            yield

    first, second = generator(a="1"), generator(b="2")
    next(first)
    next(second)
    assert current() == {"a": "1", "b": "2"}
    first.close()
    assert current() == {"b": "2"}
    contextvars.Context().run(second.close)
    assert current() == {"b": "2"}
    label = pikos.label(c="3")
    contextvars.copy_context().run(label.__enter__)
    label.__exit__()
    assert current() == {"b": "2"}
    third = pikos.label(b="4")
    with third, third:
        assert current() == {"b": "4"}


def test_labels_left_in_another_order_or_context() -> None:
    # What is left behind stays in this context.
    contextvars.Context().run(leave_labels_in_another_order)


def test_more_label_sets_than_are_told_apart() -> None:
    with Profile(label_sets=10) as profile:
        for n in range(30):
            with pikos.label(n=n):
                work(n)
        with pikos.label(n=3):
            work(100)
    found = counts(profile, "leaf")
    assert found[("n", "3"),] == 103 and found[("other", "true"),] == sum(range(10, 30))
    assert len(found) == 10
    check_sums(profile)


@pytest.mark.parametrize("options", [{"label_sets": 0}, {"timer": time.perf_counter}, {"times": "sampled"}], ids=str)
def test_where_labels_are_not_told_apart(options: dict[str, Any]) -> None:
    with Profile(**options) as profile, pikos.label(a=1):
        work(5)
    assert profile.label_stats() == []
    assert {entry.code.co_name: entry.callcount for entry in profile.getstats() if not isinstance(entry.code, str)}[
        "leaf"
    ] == 5


def test_a_label_that_is_set_when_recording_begins() -> None:
    with pikos.label(a=1):
        for _ in range(2):
            with Profile() as profile:
                work(5)
            assert counts(profile, "leaf") == {(("a", "1"),): 5}


def test_a_program_without_labels_has_none_and_imports_nothing() -> None:
    program = """
        import sys
        with Profile() as profile:
            (lambda: None)()
        import pikos
        answer([profile.label_stats(), "pikos.labels" in sys.modules])
    """
    assert evaluate(program) == [[], False]


def test_the_first_label_is_seen_wherever_the_module_is_imported() -> None:
    program = """
        def leaf(): pass
        with Profile() as profile:
            import pikos
            leaf()
            with pikos.label(a=1):
                leaf()
        found = {}
        for labels, _, entries in profile.label_stats():
            found[str(labels)] = sum(e.callcount for e in entries if getattr(e.code, "co_name", "") == "leaf")
        answer(found)
    """
    assert evaluate(program) == {"{}": 1, "{'a': '1'}": 1}


@pytest.mark.parametrize("builtins", [True, False])
def test_nothing_takes_less_than_no_time_where_labels_begin_to_be_looked_at(builtins: bool) -> None:
    # The first one of a process: what is found out then takes longer than the event that it happens in.
    program = f"""
        import pikos
        with Profile(builtins={builtins}) as profile:
            with pikos.label(a=1):
                pass
        [entry] = [entry for entry in profile.getstats() if getattr(entry.code, "co_qualname", "") == "label.__enter__"]
        parts = [
            other.totaltime for _, _, entries in profile.label_stats() for other in entries if other.code is entry.code
        ]
        answer([len(parts), abs(sum(parts) - entry.totaltime)])
    """
    for _ in range(5):
        count, difference = evaluate(program)
        assert count == 2 and difference < 1e-7


def test_recursion_that_changes_labels_on_its_way() -> None:
    def descend(depth: int) -> None:
        leaf()
        if depth:
            with pikos.label(depth=depth):
                descend(depth - 1)
            leaf()

    with Profile(tree=True) as profile:
        descend(30)
    assert counts(profile, "leaf") == {(): 2} | {(("depth", str(n)),): 2 for n in range(2, 31)} | {(("depth", "1"),): 1}
    check_sums(profile)
    assert (
        sum(entry.reccallcount for entry in profile.getstats() if getattr(entry.code, "co_name", "") == "descend") == 30
    )


def recorded(**options: Any) -> Profile:
    with Profile(**options) as profile:
        work(1)
        for n in range(3):
            with pikos.label(route=f"/{n}", tenant="a" if n else "b"):
                work(10 * (n + 1))
    return profile


@pytest.mark.parametrize("tree", [False, True])
def test_files_have_each_label_set(tree: bool, tmp_path: Path) -> None:
    profile = recorded(tree=tree)
    path = tmp_path / "x.pikos"
    profile.dump_stats(path)
    loaded = stats.load(path)
    found = {}
    for labels, part in loaded.by_label():
        assert (part.tree() is not None) == tree
        found[labels.get("route")] = next(row.ncalls for row in part if row.name == "leaf")
    assert found == {None: 1, "/0": 10, "/1": 20, "/2": 30}
    sums = {row.name: row.ncalls for row in loaded.with_labels(tenant="a")}
    assert sums["leaf"] == 50 and sums["work"] == 2
    (leaf_row,) = (row for row in stats.load(path, labels={"route": "/1"}) if row.name == "leaf")
    assert leaf_row.ncalls == 20
    with pytest.raises(ValueError, match=r"no label set with `route=/7`.*`route=/0, tenant=b`"):
        loaded.with_labels(route="/7")
    document = json.loads(loaded.dumps("json"))
    assert [part["labels"] for part in document["label_sets"]][1] == {"route": "/0", "tenant": "b"}
    speedscope = json.loads(loaded.dumps("speedscope"))
    assert [part["name"] for part in speedscope["profiles"]][:2] == ["no label", "route=/0, tenant=b"]
    texts = gzip.decompress(loaded.dumps("pprof"))
    assert b"tenant" in texts and b"/2" in texts


def test_merged_files_add_equal_label_sets_up(tmp_path: Path) -> None:
    for n in range(3):
        recorded().dump_stats(tmp_path / f"{n}.pikos")
    done = python(["-m", "pikos", "merge", str(tmp_path), "-o", str(tmp_path / "sum.pikos")])
    assert done.code == 0, done.err
    found = {labels.get("route"): part for labels, part in stats.load(tmp_path / "sum.pikos").by_label()}
    assert {route: next(row.ncalls for row in part if row.name == "leaf") for route, part in found.items()} == {
        None: 3,
        "/0": 30,
        "/1": 60,
        "/2": 90,
    }


def test_the_command_shows_labels(tmp_path: Path) -> None:
    path = tmp_path / "x.pikos"
    recorded().dump_stats(path)
    table = python(["-m", "pikos", "stats", str(path), "--by", "label"]).succeeded().out
    assert table.splitlines()[0].endswith("label set")
    assert "route=/2, tenant=a" in table and "no label" in table
    alone = python(["-m", "pikos", "stats", str(path), "--label", "route=/1", "--json"]).succeeded().out
    assert {row["name"]: row["ncalls"] for row in json.loads(alone)}["leaf"] == 20
    missing = python(["-m", "pikos", "stats", str(path), "--label", "route=/9"])
    assert missing.code == 1 and "no label set with `route=/9`" in missing.err
    with Profile() as plain:
        work(1)
    plain.dump_stats(path)
    none = python(["-m", "pikos", "stats", str(path), "--by", "label"])
    assert none.code == 1 and "there are no labels in it" in none.err
