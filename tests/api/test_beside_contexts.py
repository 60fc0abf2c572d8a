"""Who runs beside a profile of one context: has nothing of it, and the profile has nothing of theirs, by whatever door contexts are entered."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from typing import Any

import pytest
from interpreters import INTERPRETERS
from known_calls import counts, leaf, part, work
from pikos.cprofile import Profile
from running import PATIENCE, evaluate

pytestmark = [pytest.mark.beyond_cprofile, pytest.mark.in_process]

ONE_FUNCTION_A_THREAD = pytest.mark.skipif(sys.version_info >= (3, 12), reason="3.11 has a profile function a thread")


async def serve() -> tuple[list[int], list[int]]:
    """Of requests beside each other: what each did, and what its profile says. All is over after each of their steps."""

    async def request(n: int) -> int:
        with Profile(context=True) as profile:
            for _ in range(3):
                work(n)
                await asyncio.sleep(0)
            await asyncio.gather(part(n), asyncio.to_thread(work, n))
            asyncio.get_running_loop().call_soon(work, n)
            await asyncio.sleep(0.01)
        work(1000)
        return counts(profile)["leaf"]

    async def bystander() -> None:
        for _ in range(100):
            work(5)
            await asyncio.sleep(0)

    found = await asyncio.gather(*map(request, range(1, 21)), bystander())
    return [7 * n for n in range(1, 21)], list(found[:-1])


def test_a_loop_of_asyncio() -> None:
    done, found = asyncio.run(serve())
    assert found == done


def test_a_loop_that_enters_contexts_by_c() -> None:
    uvloop = pytest.importorskip("uvloop")
    done, found = uvloop.run(serve())
    assert found == done


def test_such_a_loop_that_is_imported_while_a_context_is_followed() -> None:
    pytest.importorskip("uvloop")
    program = """
        import asyncio, sys, threading
        from contextvars import Context
        def leaf(): pass
        async def request(n):
            with Profile(context=True) as profile:
                for _ in range(n):
                    leaf()
                    await asyncio.sleep(0)
            return next(e.callcount for e in profile.getstats() if getattr(e.code, "co_name", "") == "leaf")
        async def serve(): return await asyncio.gather(*map(request, range(1, 11)))
        held = Profile(context=True)
        Context().run(held.enable)
        assert asyncio.run(serve()) == list(range(1, 11))
        import uvloop
        found = uvloop.run(serve()), asyncio.run(serve())
        held.disable()
        answer([found, held.getstats()])
    """
    assert evaluate(program) == [[list(range(1, 11))] * 2, []]


def test_greenlet_that_is_imported_while_a_context_is_followed() -> None:
    pytest.importorskip("greenlet")
    program = """
        from contextvars import Context
        def leaf(): pass
        held = Profile(context=True)
        Context().run(held.enable)
        from greenlet import greenlet, getcurrent
        hub = getcurrent()
        found = {}
        def request(n):
            with Profile(context=True) as profile:
                for _ in range(n):
                    leaf()
                    hub.switch()
            found[n] = next(e.callcount for e in profile.getstats() if getattr(e.code, "co_name", "") == "leaf")
        all_of_them = [greenlet(request) for _ in range(5)]
        for n, each in enumerate(all_of_them, 1):
            each.switch(n)
        while any(all_of_them):
            for each in all_of_them:
                each.switch()
                leaf()
        held.disable()
        answer([sorted(found.items()), held.getstats()])
    """
    assert evaluate(program) == [[[n, n] for n in range(1, 6)], []]


def test_threads_that_enter_a_copy_while_others_run() -> None:
    stop = threading.Event()

    def beside() -> None:
        while not stop.is_set():
            work(10)

    others = [threading.Thread(target=contextvars.Context().run, args=(beside,)) for _ in range(3)]
    for other in others:
        other.start()
    try:
        with Profile(context=True) as profile:
            inside = [threading.Thread(target=contextvars.copy_context().run, args=(work, n)) for n in range(1, 20)]
            for thread in inside:
                thread.start()
            for thread in inside:
                thread.join()
    finally:
        stop.set()
    for other in others:
        other.join()
    assert counts(profile)["leaf"] == sum(range(1, 20))


def test_a_generator_that_is_left_and_entered_again() -> None:
    def steps() -> Any:
        while True:
            leaf()
            yield

    outside = contextvars.Context()
    generator = steps()
    with Profile(context=True) as profile:
        for _ in range(5):
            next(generator)
            outside.run(next, generator)
            outside.run(work, 10)
    outside.run(next, generator)
    assert (counts(profile)["steps"], counts(profile)["leaf"]) == (5, 5)


def test_an_error_leaves_the_context_as_a_return_does() -> None:
    def fail() -> None:
        leaf()
        raise KeyError

    with Profile(context=True) as profile:
        copy, outside = contextvars.copy_context(), contextvars.Context()
        for context in (outside, copy, outside):
            with pytest.raises(KeyError):
                context.run(fail)
            # Nobody can be in it twice.
            with pytest.raises(RuntimeError):
                context.run(context.run, work, 7)
        outside.run(work, 100)
        leaf()
    work(100)
    assert (counts(profile)["fail"], counts(profile)["leaf"]) == (1, 2)


def test_it_ends_elsewhere_while_the_thread_is_inside() -> None:
    profile, other = Profile(context=True), Profile(context=True)
    begun, ended = threading.Event(), threading.Event()

    def inside() -> None:
        profile.enable()
        work(3)
        begun.set()
        ended.wait(PATIENCE)
        work(100)

    thread = threading.Thread(target=contextvars.Context().run, args=(inside,))
    thread.start()
    begun.wait(PATIENCE)
    with other:
        profile.disable()
        ended.set()
        thread.join()
        work(2)
    assert (counts(profile)["leaf"], counts(other)["leaf"]) == (3, 2)


@ONE_FUNCTION_A_THREAD
def test_only_threads_inside_have_the_function() -> None:
    program = """
        import asyncio, sys, threading
        from contextvars import Context
        found = {}
        async def request():
            with Profile(context=True) as profile:
                begun.set()
                found["inside"] = sys.getprofile() is not None
                await ended.wait()
                found["inside again"] = sys.getprofile() is not None
            found["after"] = sys.getprofile() is not None
        async def beside():
            await begun.wait()
            found["beside"] = sys.getprofile() is not None
            thread = threading.Thread(target=lambda: found.update(thread=sys.getprofile() is not None))
            thread.start()
            thread.join()
            ended.set()
        async def serve():
            global begun, ended
            begun, ended = asyncio.Event(), asyncio.Event()
            await asyncio.gather(request(), beside())
        asyncio.run(serve())
        answer(found)
    """
    assert evaluate(program) == {
        "inside": True,
        "beside": False,
        "thread": False,
        "inside again": True,
        "after": False,
    }


@ONE_FUNCTION_A_THREAD
def test_somebody_elses_function_is_there_again_outside() -> None:
    program = """
        import contextvars, sys
        def leaf(): pass
        def other(): pass
        seen = []
        def look(frame, event, arg):
            if event == "call": seen.append(frame.f_code.co_name)
        profile, context = Profile(context=True), contextvars.copy_context()
        sys.setprofile(look)
        context.run(profile.enable)
        other()
        context.run(leaf)
        other()
        is_there = sys.getprofile() is look
        context.run(profile.disable)
        other()
        is_there &= sys.getprofile() is look
        sys.setprofile(None)
        calls = [e.callcount for e in profile.getstats() if getattr(e.code, "co_name", "") == "leaf"]
        answer([is_there, seen, calls])
    """
    assert evaluate(program) == [True, ["other"] * 3, [1]]


@ONE_FUNCTION_A_THREAD
def test_a_function_that_the_program_sets_inside_stays() -> None:
    program = """
        import contextvars, sys
        def leaf(): pass
        seen = []
        def look(frame, event, arg):
            if event == "call": seen.append(frame.f_code.co_name)
        profile, context = Profile(context=True), contextvars.copy_context()
        context.run(profile.enable)
        context.run(leaf)
        context.run(sys.setprofile, look)
        context.run(leaf)
        is_there = sys.getprofile() is look
        context.run(sys.setprofile, None)
        context.run(leaf)
        context.run(profile.disable)
        calls = [e.callcount for e in profile.getstats() if getattr(e.code, "co_name", "") == "leaf"]
        answer([is_there, sys.getprofile(), seen, calls])
    """
    assert evaluate(program) == [True, None, ["leaf"], [2]]


@ONE_FUNCTION_A_THREAD
def test_a_context_that_gets_a_copy_of_all_variables_is_followed() -> None:
    """asgiref does that, where a function goes on in another thread or loop."""

    def adopt(variables: contextvars.Context) -> None:
        for variable in variables:
            variable.set(variables[variable])
        work(4)

    with Profile(context=True) as profile:
        copy = contextvars.copy_context()
        context = contextvars.Context()
        context.run(adopt, copy)
        context.run(work, 5)
        contextvars.Context().run(work, 100)
    assert counts(profile)["leaf"] == 9


#: Some contexts are followed, in tasks and in threads, and between their steps so much goes on in others that no events are asked for any more.
RESTS = """
import asyncio, contextvars, random, sys, threading
from concurrent.futures import ThreadPoolExecutor

def leaf(): pass
def inner(n):
    for _ in range(n): leaf()
def produce(n):
    for _ in range(n):
        leaf()
        yield
async def awaited(n):
    inner(n)
    await asyncio.sleep(0.001)
    inner(n)
def bystander():
    "More calls than a rest waits for."
    leaf()
    for _ in range(12_000): leaf()

async def chosen(seed, pool, pause):
    rng = random.Random(seed)
    done = rests = 0
    with Profile(context=True) as profile:
        items = produce(1000)
        for _ in range(12):
            n = rng.randrange(1, 20)
            way = rng.randrange(6)
            if way == 0:
                inner(n)
            elif way == 1:
                await awaited(n)
                n *= 2
            elif way == 2:
                await asyncio.get_running_loop().run_in_executor(pool, contextvars.copy_context().run, inner, n)
            elif way == 3:
                await asyncio.gather(*[awaited(n) for _ in range(3)])
                n *= 6
            elif way == 4:
                for _ in range(n): next(items)
            else:
                contextvars.Context().run(bystander)
                n = 0
            done += n
            await pause()
            rests += is_resting()
    found = [e.callcount for e in profile.getstats() if getattr(e.code, "co_name", "") == "leaf"]
    return sum(found), done, rests

def is_resting():
    return sys.version_info >= (3, 12) and sys.monitoring.get_events(2) == 0

async def serve(seed):
    rng = random.Random(seed)
    seen = 0
    async def pause():
        nonlocal seen
        for _ in range(rng.randrange(3)):
            contextvars.Context().run(bystander)
        await asyncio.sleep(rng.choice([0, 0.001, 0.003]))
    async def others():
        nonlocal seen
        while True:
            contextvars.Context().run(bystander)
            seen += is_resting()
            await asyncio.sleep(rng.choice([0, 0.001]))
    with ThreadPoolExecutor(3) as pool:
        beside = asyncio.create_task(others())
        answers = await asyncio.gather(*[chosen(n, pool, pause) for n in range(PROFILES)])
        beside.cancel()
    return answers, seen

def one_run(seed):
    answers, seen = RUN(serve(seed))
    assert sum(rests for _, _, rests in answers) == 0, "a thread was inside, and no events were asked for"
    return [[found, done] for found, done, _ in answers], seen

runs = [one_run(seed) for seed in range(8)]
answer([[pair for pairs, _ in runs for pair in pairs], sum(seen for _, seen in runs)])
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("profiles", [1, 4])
def test_no_events_are_asked_for_while_no_thread_is_inside(profiles: int, loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    run = "__import__('uvloop').run" if loop == "uvloop" else "asyncio.run"
    pairs, rests = evaluate(RESTS.replace("PROFILES", str(profiles)).replace("RUN", run))
    assert [found for found, _ in pairs] == [done for _, done in pairs]
    if sys.version_info >= (3, 12) and "_asyncio" not in sys.builtin_module_names:
        assert rests > 0


def test_events_are_asked_for_again_when_a_library_changes_contexts_by_itself() -> None:
    pytest.importorskip("greenlet")
    program = """
        import contextvars
        def leaf(): pass
        def bystander(n):
            for _ in range(n): leaf()
        profile = Profile(context=True)
        own = contextvars.copy_context()
        own.run(profile.enable)
        contextvars.Context().run(bystander, 30_000)
        import greenlet
        def body():
            for _ in range(5):
                leaf()
                main.switch()
        main = greenlet.getcurrent()
        one = greenlet.greenlet(body)
        one.gr_context = own
        for _ in range(6):
            one.switch()
            bystander(30_000)
        own.run(profile.disable)
        answer(sum(e.callcount for e in profile.getstats() if getattr(e.code, "co_name", "") == "leaf"))
    """
    assert evaluate(program) == 5


#: Contexts and variables of other interpreters come and go while some of this one are followed, for a profile and for labels.
ELSEWHERE = """
import contextvars, pikos
CODE = '''
    import contextvars
    variable = contextvars.ContextVar("v")
    def step(n):
        variable.set(n)
        return n
    for n in range(30_000):
        contextvars.copy_context().run(step, n)
'''
def leaf(): pass
def inner(n):
    for _ in range(n): leaf()

def followed():
    profile = Profile(context=True)
    own = contextvars.copy_context()
    own.run(profile.enable)
    for _ in range(3_000):
        own.run(inner, 3)
        inner(20)
    own.run(profile.disable)
    return sum(e.callcount for e in profile.getstats() if getattr(e.code, "co_name", "") == "leaf")

def labelled():
    with Profile(threads=True) as profile:
        for n in range(3_000):
            with pikos.label(n=n % 3):
                contextvars.copy_context().run(inner, 2)
            inner(1)
    return {
        labels.get("n", ""): sum(e.callcount for e in entries if getattr(e.code, "co_name", "") == "leaf")
        for labels, _, entries in profile.label_stats()
    }

answer([beside(2, CODE, followed), beside(2, CODE, labelled)])
"""


@pytest.mark.parametrize("own_gil", [False, True], ids=["one GIL", "their own GIL"])
def test_other_interpreters_have_contexts_of_their_own(own_gil: bool) -> None:
    if own_gil and sys.version_info < (3, 12):
        pytest.skip("from Python 3.12 on")
    answered = evaluate(f"OWN_GIL = {own_gil}\n{INTERPRETERS}{ELSEWHERE}")
    assert answered == [9_000, {"": 3_000, "0": 2_000, "1": 2_000, "2": 2_000}]
