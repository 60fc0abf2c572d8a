"""A profile of one context: each of many requests at once has exactly its own calls, in one loop, in threads and in a pool."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import random
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from known_calls import counts, leaf, part, work
from pikos.cprofile import Profile
from running import PATIENCE, evaluate

pytestmark = [pytest.mark.beyond_cprofile, pytest.mark.in_process]

REQUESTS = 50
OPTIONS: dict[str, dict[str, Any]] = {
    "default": {},
    "tree": {"tree": True},
    "python": {"builtins": False},
    "fast": {"builtins": False, "hook": "fast"},
    "frame-eval": {"builtins": False, "hook": "frame-eval"},
    "compensated": {"compensate": True},
    "without callers": {"subcalls": False},
    "sampled": {"times": "sampled"},
}


async def request(n: int, options: dict[str, Any]) -> dict[str, int]:
    with Profile(context=True, **options) as profile:
        for _ in range(3):
            work(n)
            await asyncio.sleep(0)
        await asyncio.gather(part(n), part(n))
        await asyncio.to_thread(work, n)
    # What the request's context does now is nobody's.
    work(1000)
    return counts(profile)


async def bystander() -> None:
    for _ in range(100):
        work(5)
        await asyncio.sleep(0)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_requests_of_one_loop_have_their_own_calls_each(options: dict[str, Any]) -> None:
    async def serve() -> list[dict[str, int]]:
        requests = [request(n, options) for n in range(1, REQUESTS + 1)]
        return (await asyncio.gather(bystander(), *requests))[1:]

    for n, found in enumerate(asyncio.run(serve()), 1):
        assert (found["leaf"], found["work"], found["part"]) == (8 * n, 8, 2 * 2), n


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_requests_of_a_pool_have_their_own_calls_each(options: dict[str, Any]) -> None:
    def serve(n: int) -> dict[str, int]:
        with Profile(context=True, **options) as profile:
            work(n)
        work(1000)
        return counts(profile)

    with ThreadPoolExecutor(10) as pool:
        for n, found in enumerate(pool.map(serve, range(1, REQUESTS + 1)), 1):
            assert (found["leaf"], found["work"]) == (n, 1)


def test_threads_of_their_own_that_are_started_while_others_are_recorded() -> None:
    found: dict[int, dict[str, int]] = {}
    everybody = threading.Barrier(REQUESTS)

    def serve(n: int) -> None:
        profile = Profile(context=True)
        everybody.wait()
        with profile:
            everybody.wait()
            work(n)
        found[n] = counts(profile)

    threads = [threading.Thread(target=serve, args=(n,)) for n in range(REQUESTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[n].get("leaf", 0) for n in range(REQUESTS)] == list(range(REQUESTS))


class Entering(threading.Thread):
    """Has somebody ask for its name, which a profile does that is being enabled: it goes on when all the others' are asked for, too."""

    waits = False

    def __init__(self, everybody: threading.Barrier, enter: Any) -> None:
        super().__init__(target=self._enter)
        self.everybody, self.enter = everybody, enter

    @property
    def name(self) -> str:
        if self.waits:
            self.waits = False
            self.everybody.wait()
        return "one of many"

    @name.setter
    def name(self, name: str) -> None:
        pass

    def _enter(self) -> None:
        self.waits = True
        self.enter()


def at_once(*entering: Any) -> None:
    """Calls each in a thread of its own. Those that enable a profile do so at the same moment."""
    everybody = threading.Barrier(len(entering), timeout=PATIENCE)
    threads = [Entering(everybody, enter) for enter in entering]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_that_enable_at_the_same_moment() -> None:
    found: dict[int, int] = {}
    all_are_enabled = threading.Barrier(REQUESTS, timeout=PATIENCE)

    def enter(n: int) -> None:
        with Profile(context=True) as profile:
            all_are_enabled.wait()
            work(n)
        found[n] = counts(profile).get("leaf", 0)

    at_once(*(partial(enter, n) for n in range(REQUESTS)))
    assert found == {n: n for n in range(REQUESTS)}


@pytest.mark.parametrize(
    "others",
    [{"context": True}, {"threads": True}, {"threads": False}],
    ids=["context", "all threads", "a thread"],
)
def test_of_two_kinds_one_is_refused_also_at_the_same_moment(others: dict[str, Any]) -> None:
    both = threading.Barrier(2, timeout=PATIENCE)
    found: list[int | str] = []

    def enter(options: dict[str, Any]) -> None:
        profile = Profile(**options)
        try:
            profile.enable()
        except ValueError as error:
            found.append(str(error))
            both.wait()
            both.wait()
        else:
            both.wait()
            work(5)
            both.wait()
            profile.disable()
            found.append(counts(profile)["leaf"])

    at_once(partial(enter, {"threads": True}), partial(enter, others))
    message, leaves = found
    assert "one of many" in str(message) and leaves == 5


def test_one_profile_is_enabled_once_also_by_two_threads_at_the_same_moment() -> None:
    profile = Profile(context=True)
    both = threading.Barrier(2, timeout=PATIENCE)
    refused: list[str] = []

    def enter() -> None:
        try:
            profile.enable()
            work(5)
        except ValueError as error:
            refused.append(str(error))
        both.wait()

    at_once(enter, enter)
    profile.disable()
    assert counts(profile)["leaf"] == 5 and len(refused) == 1
    # Nothing is left behind.
    with Profile(threads=True):
        pass


@pytest.fixture
def restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


#: Of those that may be in use in one process at the same time: each needs the interpreter's events, or other ones.
MIXED = [OPTIONS[name] for name in ("default", "tree", "python", "fast", "frame-eval")]


@pytest.mark.usefixtures("restless")
@pytest.mark.parametrize("hooks", [MIXED[:1], MIXED], ids=["one hook", "hooks"])
def test_the_first_begins_while_the_last_ends(hooks: list[dict[str, Any]]) -> None:
    wrong: list[tuple[int, int, dict[str, Any]]] = []

    def serve(seed: int) -> None:
        choice = random.Random(seed)
        for _ in range(60):
            n, options = choice.randrange(8), choice.choice(hooks)
            with Profile(context=True, **options) as profile:
                for _ in range(n):
                    leaf()
                    if choice.random() < 0.3:
                        time.sleep(0)
            if (leaves := counts(profile).get("leaf", 0)) != n:
                wrong.append((n, leaves, options))
            # Now and then nobody is recorded at all.
            if choice.random() < 0.3:
                time.sleep(0.001)

    threads = [threading.Thread(target=serve, args=(seed,)) for seed in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.usefixtures("restless")
def test_loops_in_threads_that_begin_and_end_at_any_time() -> None:
    wrong: list[tuple[int, dict[str, int]]] = []

    async def one(n: int) -> None:
        found = await request(n, {})
        if (found["leaf"], found["work"], found["part"]) != (8 * n, 8, 2 * 2):
            wrong.append((n, found))

    async def serve() -> None:
        for n in range(1, 6):
            await asyncio.gather(*(one(n) for _ in range(3)))

    threads = [threading.Thread(target=asyncio.run, args=(serve(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(
    hasattr(sys, "gettotalrefcount"),
    reason="a debug build of Python ends where a greenlet goes on after another thread has switched events",
)
@pytest.mark.usefixtures("restless")
def test_greenlets_that_are_recorded_each_for_itself() -> None:
    greenlet = pytest.importorskip("greenlet")
    wrong: list[tuple[int, dict[str, int]]] = []

    def serve() -> None:
        hub = greenlet.getcurrent()

        def one(n: int) -> None:
            with Profile(context=True) as profile:
                for _ in range(3):
                    work(n)
                    hub.switch()
            found = counts(profile)
            if (found["work"], found["leaf"]) != (3, 3 * n):
                wrong.append((n, found))

        for _ in range(5):
            greenlets = [greenlet.greenlet(one) for _ in range(5)]
            for n, each in enumerate(greenlets, 1):
                each.switch(n)
            while any(greenlets):
                for each in greenlets:
                    each.switch()
                    work(100)

    threads = [threading.Thread(target=serve) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_thread_is_in_it_if_it_runs_in_a_copy() -> None:
    with Profile(context=True) as profile:
        for target, args in ((work, (5,)), (contextvars.copy_context().run, (work, 7))):
            thread = threading.Thread(target=contextvars.Context().run, args=(target, *args))
            thread.start()
            thread.join()
    assert counts(profile)["leaf"] == 7


def test_the_time_of_another_context_is_that_of_who_runs_it() -> None:
    with Profile(context=True) as profile:
        contextvars.Context().run(work, 20_000)
    entries = {entry.code: entry for entry in profile.getstats() if isinstance(entry.code, str)}
    run = entries["<method 'run' of '_contextvars.Context' objects>"]
    assert run.callcount == 1 and run.totaltime == run.inlinetime > 0
    assert "leaf" not in counts(profile)


def test_it_ends_in_another_context_or_thread() -> None:
    profile = Profile(context=True)
    context = contextvars.copy_context()
    context.run(profile.enable)
    context.run(work, 3)
    thread = threading.Thread(target=profile.disable)
    thread.start()
    thread.join()
    context.run(work, 100)
    assert counts(profile)["leaf"] == 3
    # The mark that it has left means nothing any more.
    with Profile(context=True) as next_one:
        context.run(work, 100)
        context.run(next_one.disable)
    assert "leaf" not in counts(next_one)


def test_it_goes_on_where_it_is_enabled_again() -> None:
    profile = Profile(context=True)
    for _ in range(3):
        with profile:
            work(2)
        work(100)
    assert counts(profile)["leaf"] == 6


def test_one_that_nobody_holds_any_more_ends() -> None:
    contextvars.copy_context().run(lambda: Profile(context=True).enable())
    gc.collect()
    with Profile(threads=True):
        pass


def test_what_stands_in_its_way_is_named() -> None:
    profile, inner = Profile(context=True), Profile(context=True)
    with profile:
        with pytest.raises(
            ValueError, match="enabled for a context in MainThread; disable it first, or use context=True"
        ):
            inner.enable()
        for threads in (True, False):
            with pytest.raises(ValueError, match="enabled for a context"):
                Profile(threads=threads).enable()
        contextvars.Context().run(inner.enable)
        inner.disable()
    for threads in (True, False):
        with Profile(threads=threads), pytest.raises(ValueError, match="already active"):
            profile.enable()
    with pytest.raises(ValueError, match="leave threads out"):
        Profile(context=True, threads=False)


def test_a_generator_that_goes_on_in_another_context() -> None:
    def numbers() -> Any:
        for n in range(10):
            leaf()
            yield n

    with Profile(context=True) as profile:
        mine = numbers()
        next(mine)
        # Somebody else goes on with it, who isn't recorded.
        contextvars.Context().run(list, mine)
    assert (counts(profile)["numbers"], counts(profile)["leaf"]) == (1, 1)


def test_a_fork_goes_on_by_itself() -> None:
    program = """
        import os
        def leaf(): pass
        with Profile(context=True) as profile:
            leaf()
            child = os.fork()
            leaf()
        found = {e.code.co_name: e.callcount for e in profile.getstats() if not isinstance(e.code, str)}
        assert found["leaf"] == 2, found
        if child == 0: os._exit(0)
        answer(os.waitpid(child, 0)[1])
    """
    assert evaluate(program) == 0
