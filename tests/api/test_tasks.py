"""Coroutines and tasks: what ``Profile(tasks=True)`` says of them."""

import asyncio
import random
import sys
import time

import coroutines
import pikos.stats
import pytest
from pikos.cprofile import Profile

pytestmark = pytest.mark.in_process


def figures(profile, codes):
    """{(caller's name or None, name): figures} of these code objects; of callers others than these, None."""
    found = {}
    for row in profile.coroutine_stats():
        if row.code not in codes:
            continue
        for each in row.callers:
            caller = each.code.co_name if each.code in codes else None
            mine = found.setdefault((caller, row.code.co_name), coroutines.Figures())
            for name in vars(mine):
                value = getattr(each, {"longest": "longest_step"}.get(name, name))
                value = max(mine.longest, value) if name == "longest" else getattr(mine, name) + value
                setattr(mine, name, value)
    return found


#: Whether the interpreter tells which exception ends a call.
TELLS_EXCEPTIONS = sys.version_info >= (3, 12)

LIBRARIES = ["asyncio", "uvloop", "trio"]


def library(name):
    if name == "asyncio":
        return coroutines.Asyncio()
    module = pytest.importorskip(name)
    return coroutines.Trio() if name == "trio" else coroutines.Asyncio(module.new_event_loop)


@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("tree", [False, True])
def test_figures_are_those_that_the_coroutines_know_of_themselves(name, tree):
    for seed in range(150):
        rng = random.Random(seed)
        program = coroutines.Program(library(name))
        codes = {function.__code__ for function in program.coroutines + program.generators}
        node = coroutines.random_node(rng, 3)
        profile = Profile(program.truth.clock, 1.0, tasks=True, tree=tree, builtins=seed % 2 == 0)
        with profile:
            program.library.run(program.starter(node))
        expected, found = program.truth.figures, figures(profile, codes)
        for row in [*expected.values(), *found.values()]:
            if name == "trio":
                # Joining several tasks parks several times.
                row.steps = 0
            if not TELLS_EXCEPTIONS:
                row.raised, row.cancelled = row.raised + row.cancelled, 0
        assert found == expected, seed
        for row in profile.coroutine_stats():
            assert row.run + row.parked == row.elapsed
            if row.code in codes:
                assert row.alive == row.inherited == row.never_awaited == 0


def test_what_cprofile_counts_stays_what_it_is():
    async def inner():
        await asyncio.sleep(0)

    async def main():
        for _ in range(3):
            await inner()

    def calls(**options):
        profile = Profile(**options)
        profile.enable()
        asyncio.run(main())
        profile.disable()
        names = {main.__code__: "main", inner.__code__: "inner"}
        return {names[row.code]: (row.callcount, row.reccallcount) for row in profile.getstats() if row.code in names}

    assert calls() == calls(tasks=True) == calls(tasks=True, tree=True) == {"main": (4, 0), "inner": (6, 0)}


def stat_of(profile, function):
    return next(row for row in profile.coroutine_stats() if row.code is function.__code__)


def test_each_end_is_what_it_was():
    async def returns():
        await asyncio.sleep(0)

    async def raises():
        await asyncio.sleep(0)
        raise ValueError

    async def waits():
        await asyncio.get_running_loop().create_future()

    async def never():
        pass

    async def generates():
        yield 1
        yield 2

    async def main():
        await returns()
        with pytest.raises(ValueError):
            await raises()
        task = asyncio.ensure_future(waits())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        unawaited = never()
        with pytest.warns(RuntimeWarning, match="never awaited"):
            del unawaited
        parked = waits()
        parked.send(None)
        del parked
        async for _ in generates():
            break
        # The loop closes it in a task of its own.
        for _ in range(3):
            await asyncio.sleep(0)

    with Profile(tasks=True) as profile:
        asyncio.run(main())
    ends = ("started", "returned", "raised", "cancelled", "dropped", "never_awaited", "alive")

    def ends_of(function):
        row = stat_of(profile, function)
        return {name: getattr(row, name) for name in ends if getattr(row, name)}

    assert ends_of(returns) == {"started": 1, "returned": 1}
    assert ends_of(raises) == {"started": 1, "raised": 1}
    assert ends_of(waits) == {"started": 2, "cancelled" if TELLS_EXCEPTIONS else "raised": 1, "dropped": 1}
    assert ends_of(never) == {"never_awaited": 1}
    assert ends_of(generates) == {"started": 1, "dropped" if TELLS_EXCEPTIONS else "raised": 1}


def test_generators_are_followed_if_asked_for():
    def generates():
        yield 1
        yield 2

    for asked, expected in ((False, []), (True, [(1, 3, 1)])):
        with Profile(tasks=True, generators=asked) as profile:
            list(generates())
        rows = [row for row in profile.coroutine_stats() if row.code is generates.__code__]
        assert [(row.started, row.steps, row.returned) for row in rows] == expected


def test_a_step_that_blocks_the_loop_is_listed_with_its_task_and_its_calls():
    def blocks():
        time.sleep(0.06)

    async def inner():
        await asyncio.sleep(0)
        blocks()

    async def culprit():
        await inner()

    async def main():
        await asyncio.gather(asyncio.create_task(culprit(), name="slow one"), asyncio.sleep(0.01))

    with Profile(tasks=True) as profile:
        asyncio.run(main())
    steps = [step for step in profile.slow_steps() if step.code is culprit.__code__]
    assert len(steps) == 1
    step = steps[0]
    assert step.task == "slow one"
    assert step.seconds >= 0.06
    assert [code for code, _ in step.path][:3] == [culprit.__code__, inner.__code__, blocks.__code__]
    assert all(a >= b for (_, a), (_, b) in zip(step.path, step.path[1:], strict=False))
    culprits = stat_of(profile, culprit)
    assert culprits.longest_step == step.seconds
    assert culprits.longest_step_at == step.at


def test_a_callback_that_blocks_the_loop_is_listed():
    def callback():
        time.sleep(0.06)

    async def main():
        asyncio.get_running_loop().call_soon(callback)
        await asyncio.sleep(0)

    with Profile(tasks=True) as profile:
        asyncio.run(main())
    steps = [step for step in profile.slow_steps() if any(code is callback.__code__ for code, _ in step.path)]
    assert [step.task for step in steps] == [None]


def test_stacks_stand_on_what_awaits():
    async def leaf():
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def middle():
        await leaf()

    async def main():
        await asyncio.gather(middle(), middle())

    with Profile(tasks=True, tree=True) as profile:
        asyncio.run(main())
    nodes = pikos.stats.of(profile).tree()

    def stacks(name):
        for node in nodes:
            if node.name == name:
                stack = []
                at = node
                while at is not None:
                    stack.append(at.name)
                    at = nodes[at.parent] if at.parent is not None else None
                yield stack[::-1]

    assert list(stacks("leaf")) == [["middle", "leaf"]]
    assert list(stacks("main")) == [["main"]]


def test_tasks_are_seen_while_they_are_under_way():
    async def leaf(future):
        await future

    async def waits(future):
        await leaf(future)

    async def main():
        future = asyncio.get_running_loop().create_future()
        tasks = [asyncio.create_task(waits(future), name=f"waiter {number}") for number in range(3)]
        await asyncio.sleep(0.01)
        seen = profile.task_stats()
        future.set_result(None)
        await asyncio.wait(tasks)
        return seen

    with Profile(tasks=True) as profile:
        seen = asyncio.run(main())
    waiting = {row.name: row for row in seen if row.code is waits.__code__}
    assert sorted(waiting) == ["waiter 0", "waiter 1", "waiter 2"]
    for row in waiting.values():
        assert (row.state, row.steps, row.awaits) == ("waiting", 1, leaf.__code__)
        assert row.parked >= row.since > 0
    assert [row.state for row in seen if row.code is main.__code__] == ["running"]
    assert profile.task_stats() == []


class World:
    """Tasks that others made and wait for, each in its way."""

    def __init__(self, make=asyncio.create_task):
        self.make = make

    async def leaf(self):
        await asyncio.get_running_loop().create_future()

    async def awaits(self):
        await self.make(self.leaf(), name="awaited")

    async def gathers(self):
        await asyncio.gather(self.make(self.leaf(), name="gathered"), self.leaf())

    async def groups(self):
        async with asyncio.TaskGroup() as group:
            group.create_task(self.leaf(), name="grouped")
            await asyncio.sleep(0)
            group.create_task(self.leaf(), name="grouped late")

    async def waits(self):
        await asyncio.wait([self.make(self.leaf(), name="waited for")])

    async def shields(self):
        await asyncio.shield(self.make(self.leaf(), name="shielded"))

    async def limits(self):
        async with asyncio.timeout(1000):
            await self.make(self.leaf(), name="limited")

    async def leaves(self):
        self.left = self.make(self.leaf(), name="orphan")

    async def main(self):
        loop = asyncio.get_running_loop()
        kinds = ("awaits", "gathers", "groups", "waits", "shields", "limits", "leaves")
        tasks = [self.make(getattr(self, kind)(), name=kind) for kind in kinds]
        loop.call_soon(lambda: tasks.append(loop.create_task(self.leaf(), name="of a callback")))
        never = self.make(self.leaf(), name="never begins")
        never.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        return tasks


def relations(profile):
    """{name: (its parent's name, those of who waits for it)} of the tasks that are under way."""
    rows = profile.task_stats()
    names = {row.id: row.name for row in rows}
    return {row.name: (names.get(row.parent), sorted(names[by] for by in row.awaited_by)) for row in rows}


@pytest.mark.parametrize("name", ["asyncio", "uvloop"])
@pytest.mark.parametrize("options", [{}, {"builtins": False}, {"threads": True}, {"tree": True}])
def test_tasks_know_who_made_them_and_who_waits_for_them(name, options):
    new_loop = None if name == "asyncio" else pytest.importorskip("uvloop").new_event_loop
    world = World()

    async def main():
        asyncio.current_task().set_name("main")
        tasks = await world.main()
        found = relations(profile)
        for task in [*tasks, world.left]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return found

    with asyncio.Runner(loop_factory=new_loop) as runner, Profile(tasks=True, **options) as profile:
        found = runner.run(main())
    unnamed = [key for key in found if key.startswith("Task-")]
    assert len(unnamed) == 1, "the one that gather made"
    assert found.pop(unnamed[0]) == ("gathers", ["gathers"])
    assert found == {
        "main": (None, []),
        **{kind: ("main", []) for kind in ("awaits", "gathers", "groups", "waits", "shields", "limits")},
        "awaited": ("awaits", ["awaits"]),
        "gathered": ("gathers", ["gathers"]),
        "grouped": ("groups", ["groups"]),
        "grouped late": ("groups", ["groups"]),
        "waited for": ("waits", ["waits"]),
        "shielded": ("shields", ["shields"]),
        "limited": ("limits", ["limits"]),
        "orphan": (None, []),
        "of a callback": (None, []),
    }


class PlainlyDerived(asyncio.Task):
    """Has the slots of its base class, as they were when it was made."""


class Derived(PlainlyDerived):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


@pytest.mark.parametrize("is_new", [False, True])
@pytest.mark.parametrize("base", [PlainlyDerived, Derived])
def test_tasks_of_derived_classes_know_who_made_them(base, is_new):
    async def leaf():
        await asyncio.sleep(1000)

    async def main():
        asyncio.current_task().set_name("main")
        # Made while the profile is on, or before.
        task_class = type("New", (base,), {}) if is_new else base
        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coroutine, **kwargs: task_class(coroutine, loop=loop, **kwargs))
        task = loop.create_task(leaf(), name="derived")
        for _ in range(3):
            await asyncio.sleep(0)
        found = relations(profile)
        task.cancel()
        return found

    before = asyncio.Task.__init__, base.__init__
    for _ in range(2):
        with Profile(tasks=True) as profile:
            found = asyncio.run(main())
        assert found["derived"] == ("main", [])
    assert (asyncio.Task.__init__, base.__init__) == before


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the interpreter has no eager tasks")
def test_eager_tasks_know_who_made_them():
    async def leaf():
        await asyncio.sleep(0)
        await asyncio.sleep(1000)

    async def main():
        asyncio.current_task().set_name("main")
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        task = loop.create_task(leaf(), name="eager")
        at_once = len(profile.task_stats())
        for _ in range(3):
            await asyncio.sleep(0)
        found = relations(profile)
        task.cancel()
        return at_once, found

    with Profile(tasks=True) as profile:
        at_once, found = asyncio.run(main())
    assert at_once == 2
    assert found["eager"] == ("main", [])


def test_tasks_of_trio_know_who_made_them():
    trio = pytest.importorskip("trio")

    async def leaf():
        await trio.sleep_forever()

    async def branch():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leaf, name="twig")
            await trio.sleep_forever()

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(branch, name="branch")
            for _ in range(5):
                await trio.sleep(0)
            found = {row.code: (row.id, row.parent) for row in profile.task_stats()}
            nursery.cancel_scope.cancel()
            return found

    with Profile(tasks=True) as profile:
        found = trio.run(main)
    assert found[leaf.__code__][1] == found[branch.__code__][0]
    assert found[branch.__code__][1] == found[main.__code__][0]


def test_what_was_made_before_and_begins_later_has_no_parent():
    async def leaf():
        await asyncio.sleep(1000)

    async def main():
        before = asyncio.create_task(leaf(), name="before")
        with Profile(tasks=True) as profile:
            after = asyncio.create_task(leaf(), name="after")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            found = relations(profile)
        for task in (before, after):
            task.cancel()
        return found

    found = asyncio.run(main())
    assert found["before"] == (None, [])
    assert set(found) >= {"before", "after"}


def test_recording_may_begin_and_end_in_the_middle():
    async def inner():
        for _ in range(4):
            await asyncio.sleep(0)

    async def main():
        task = asyncio.ensure_future(inner())
        await asyncio.sleep(0)
        profile.enable()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        profile.disable()
        await task
        return [
            (row.started, row.inherited, row.alive) for row in profile.coroutine_stats() if row.code is inner.__code__
        ]

    profile = Profile(tasks=True)
    assert asyncio.run(main()) == [(0, 1, 1)]
    assert stat_of(profile, inner).run + stat_of(profile, inner).parked == stat_of(profile, inner).elapsed


def test_other_threads_loops_are_apart():
    import threading

    async def worker():
        await asyncio.sleep(0)

    def runs():
        asyncio.run(worker())

    with Profile(tasks=True, threads=True) as profile:
        threads = [threading.Thread(target=runs) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    row = stat_of(profile, worker)
    assert (row.started, row.steps, row.returned, row.alive) == (4, 8, 4, 0)


def test_run_async_profiles_what_is_awaited():
    async def work(value):
        await asyncio.sleep(0)
        return value

    profile = Profile(tasks=True)

    async def main():
        result = await profile.run_async(work(7))
        assert not profile._is_enabled
        return result

    assert asyncio.run(main()) == 7
    assert stat_of(profile, work).returned == 1


def test_files_hold_coroutines(tmp_path):
    import json

    async def blocks():
        time.sleep(0.002)

    with Profile(tasks=True, slow_step=0.001) as profile:
        asyncio.run(blocks())
    row = stat_of(profile, blocks)
    path = tmp_path / "x.pikos"
    profile.dump_stats(path)
    document = json.loads(pikos.stats.load(path).dumps("json"))
    named = {place: function["name"] for place, function in enumerate(document["functions"])}
    ours = [each for each in document["coroutines"] if named[each["function"]] == "blocks"]
    assert [(each["started"], each["run"], each["await"], each["returned"]) for each in ours] == [
        (1, row.run, row.parked, 1)
    ]
    slow = document["slow_steps"]
    assert slow["from"] == 0.001
    assert "blocks" in {named[step["function"]] for step in slow["longest"]}


def test_without_tasks_there_is_nothing():
    with Profile() as profile:
        asyncio.run(asyncio.sleep(0))
    assert profile.coroutine_stats() == profile.task_stats() == profile.slow_steps() == []


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"tasks": True, "times": "sampled"}, "time of each step"),
        ({"tasks": True, "hook": "frame-eval", "builtins": False}, "ordinary hook"),
        ({"tasks": True, "slow_step": 0.0}, "slow_step must be"),
    ],
)
def test_what_cant_be_is_refused(options, problem):
    with pytest.raises(ValueError, match=problem):
        Profile(**options)
