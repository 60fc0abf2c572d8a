"""Where the profiler's stack and the interpreter's may part: recursion, generators, coroutines, greenlets, exceptions
through C, enable() and disable() in the middle of calls, and fork.

Most of these run one piece of code under cProfile and under Pikos, with a clock that ticks once for each reading: then
not only the counts but every time is equal, and a frame too many or too few on the stack shows.
"""

from __future__ import annotations

import importlib.util
import sys
import textwrap
from typing import Any

import pytest
from running import SUBJECT, evaluate, python

TICKING = """
class Clock:
    now = 0
    def __call__(self):
        Clock.now += 1
        return Clock.now

def ticking(**options):
    return Profile(Clock(), 1.0, **options)

def rows(profile):
    def name(code): return code if isinstance(code, str) else code.co_qualname
    return sorted([name(e.code), e.callcount, e.reccallcount, e.totaltime, e.inlinetime,
                   sorted([name(c.code), *c[1:]] for c in e.calls or ())] for e in profile.getstats())
"""


def ticking(code: str, profiler: str | None = None) -> Any:
    return evaluate(TICKING + textwrap.dedent(code), profiler=profiler)


SCENES = {
    "recursion": """
        def down(n): return n and down(n - 1)
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        def work():
            down(5); even(6); down(0); even(1)
    """,
    "deep recursion": """
        import sys
        sys.setrecursionlimit(5000)
        def down(n): return 0 if n == 0 else max(0, down(n - 1))
        def work(): down(1500)
    """,
    "generators": """
        def inner(n):
            for i in range(n):
                sent = yield i
                if sent: len("sent")
            return "done"
        def outer(n):
            got = yield from inner(n)
            yield got
        def work():
            list(outer(4))
            g = outer(3); next(g); g.send(1); g.close()
            h = outer(2); next(h)
            try: h.throw(KeyError)
            except KeyError: pass
            sum(i for i in inner(3))
            next(outer(5))
    """,
    "interleaved generators": """
        def count(name):
            n = 0
            while True:
                n += len(name)
                yield n
        def work():
            a, b, c = count("a"), count("bb"), count("ccc")
            for _ in range(5): next(a), next(b), next(b), next(c)
            next(a)
    """,
    "a generator that is running in itself": """
        def selfish():
            try: next(me)
            except ValueError: yield len("already executing")
        def work():
            global me
            me = selfish()
            list(me)
    """,
    "coroutines": """
        class Switch:
            def __await__(self):
                yield 1
                return 2
        async def leaf(n):
            await Switch()
            return n
        async def tree(n):
            return n and await leaf(n) + await tree(n - 1)
        def work():
            tasks = [tree(n) for n in (3, 4, 2)]
            while tasks:
                for task in list(tasks):
                    try: task.send(None)
                    except StopIteration: tasks.remove(task)
    """,
    "async generators": """
        class Switch:
            def __await__(self): yield
        async def numbers(n):
            try:
                for i in range(n):
                    await Switch()
                    yield i
            finally:
                len("closed")
        async def consume():
            total = 0
            async for i in numbers(4):
                total += i
                if i == 2: break
            await numbers(2).aclose()
            return [j async for j in numbers(3)]
        def work():
            c = consume()
            try:
                while True: c.send(None)
            except StopIteration: pass
    """,
    "exceptions through C": """
        def bad(x):
            if x > 2: raise LookupError(x)
            return -x
        def attempt(f):
            try: return f()
            except LookupError: return len("caught")
        class Item:
            def __lt__(self, other): return bad(3)
            def __iter__(self): return map(bad, range(5))
        def work():
            attempt(lambda: sorted([Item(), Item()]))
            attempt(lambda: sorted(range(9), key=bad))
            attempt(lambda: list(map(bad, range(9))))
            attempt(lambda: max(Item()))
            attempt(lambda: [*Item()])
            attempt(lambda: __import__("functools").reduce(lambda a, b: bad(b), range(9)))
            attempt(lambda: dict(zip("abc", Item())))
            bad(1)
    """,
    "exceptions through frames": """
        def raiser(n):
            if n == 0: raise ValueError
            raiser(n - 1)
        def keeper(n):
            try: raiser(n)
            finally: len("finally")
        def translator(n):
            try: keeper(n)
            except ValueError as e: raise KeyError from e
        def work():
            for n in range(4):
                try: translator(n)
                except KeyError: pass
    """,
    "failing calls of built-ins": """
        def work():
            for call in (lambda: len(3), lambda: [].pop(), lambda: {}.pop("x"), lambda: "".join([1]), lambda: len(),
                         lambda: getattr(1, "x"), lambda: next(iter([]))):
                try: call()
                except (TypeError, IndexError, KeyError, AttributeError, StopIteration): abs(-1)
    """,
    "kinds of callables": """
        import functools, operator
        class Thing:
            def __call__(self): return self.value
            @property
            def value(self): return len("x")
            @classmethod
            def make(cls): return cls()
            @staticmethod
            def fixed(): return abs(-1)
            def __del__(self): len("gone")
        def work():
            t = Thing.make(); t(); t.fixed(); Thing.__call__(t); t.__call__()
            functools.partial(Thing.fixed)(); operator.methodcaller("fixed")(t); operator.attrgetter("value")(t)
            str.upper("a"); "a".upper(); int("3"); (1).__add__(2); int.__add__(1, 2); type(t); [].append.__call__(1)
            list(map(str.upper, ["a"])); sorted([2, 1], key=int.__neg__); print(end="")
            del t
    """,
    "classes and comprehensions": """
        def work():
            class Local:
                rows = [len(str(i)) for i in range(3)]
                def __init__(self): self.x = {k: abs(v) for k, v in zip("ab", (1, -2))}
                def __init_subclass__(cls): len("sub")
            class Sub(Local): pass
            [Sub().x for _ in range(2)]; {i for i in "ab"}; tuple(len(i) for i in "ab")
    """,
    "exec, eval, compile and import": """
        def work():
            exec("def f(): return len('f')\\nf(); f()", {})
            eval("(lambda: abs(-1))()")
            eval(compile("sum([1, 2])", "<made>", "eval"))
    """,
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("options", ["", "builtins=False", "subcalls=False"])
def test_counts_and_times_are_cprofiles(scene: str, options: str) -> None:
    code = textwrap.dedent(SCENES[scene]) + textwrap.dedent(f"""
        work()  # warm: imports and caches
        profile = ticking()
        profile.enable({options})
        try:
            work()
        finally:
            profile.disable()
        answer(rows(profile))
    """)
    ours, theirs = ticking(code), ticking(code, profiler="cProfile")
    assert any(name == "work" for name, *_ in theirs)
    assert ours == theirs


SWITCHES = {
    "enable three calls deep, and return": """
        def third(): profile.enable(); len("third")
        def second(): third(); len("second")
        def first(): second(); len("first")
        def work(): first(); len("work")
        work()
        profile.disable()
    """,
    "enable deep, disable deeper": """
        def third(): profile.enable(); fourth()
        def fourth(): fifth()
        def fifth(): profile.disable()
        def second(): third()
        second()
    """,
    "enable deep, disable further up": """
        def third(): profile.enable(); len("third")
        def second(): third(); profile.disable(); len("unseen")
        second()
    """,
    "enable in a generator": """
        def producer():
            profile.enable()
            yield len("one")
            yield len("two")
        for _ in producer(): abs(-1)
        profile.disable()
    """,
    "disable in a generator": """
        def producer():
            yield len("one")
            profile.disable()
            yield len("unseen")
        def consumer(): list(producer())
        profile.enable()
        consumer()
    """,
    "leave more frames than were entered, by an exception": """
        def third(): profile.enable(); len("third"); raise KeyError
        def second(): third()
        def first():
            try: second()
            except KeyError: len("caught")
        first()
        def after(): len("after")
        after()
        profile.disable()
    """,
    "return under, then call again": """
        def third(): profile.enable()
        def second(): third()
        for _ in range(3):
            second()
            len("between")
        profile.disable()
    """
    if sys.version_info < (3, 12)
    else """
        def third(): profile.enable()
        def second(): third()
        second()
        len("between")
        second_time = lambda: len("again")
        second_time()
        profile.disable()
    """,
    "clear in the middle": """
        def inner(): len("inner")
        def outer(): inner(); profile.clear(); inner()
        profile.enable()
        outer()
        outer()
        profile.disable()
    """,
    "disable and enable in the middle": """
        def inner(): len("inner")
        def outer(): inner(); profile.disable(); inner(); profile.enable(); inner()
        profile.enable()
        outer()
        profile.disable()
    """,
    "with inside a call": """
        def inner(): return len("inner")
        def outer():
            with profile: return inner()
        outer(); outer()
    """,
}


@pytest.mark.parametrize("scene", SWITCHES)
def test_switching_inside_calls_counts_as_cprofile_does(scene: str) -> None:
    code = (
        "profile = ticking()\n"
        + textwrap.dedent(SWITCHES[scene])
        + "\nanswer([row[:3] for row in rows(profile) if '/' not in row[0]])\n"
    )
    ours, theirs = ticking(code), ticking(code, profiler="cProfile")
    own = "Profile."  # __enter__ and __exit__, whose callees may differ
    assert [row for row in ours if not row[0].startswith(own)] == [row for row in theirs if not row[0].startswith(own)]
    assert ours


def test_a_recursion_deeper_than_the_c_stack_is_no_crash() -> None:
    got = evaluate("""
        import sys
        sys.setrecursionlimit(60_000)
        def down(n): return n and down(n - 1)
        profile = Profile()
        profile.enable()
        down(50_000)
        profile.disable()
        answer([[e.callcount, e.reccallcount] for e in profile.getstats() if e.code is down.__code__])
    """)
    assert got == [[50_001, 50_000]]


@pytest.mark.parametrize("options", ["", "builtins=False", "subcalls=False"])
def test_what_is_a_built_in_is_told_each_time_as_cprofile_tells_it(options: str) -> None:
    """By the clock, and often: after the first calls each is told apart at a glance."""
    code = TICKING + textwrap.dedent(f"""
        import enum, re
        class Meta(type):
            def __call__(cls): return super().__call__()
        class Made(metaclass=Meta): pass
        class Rows(list): pass
        class More(Rows): pass
        class Plain: pass
        class Colour(enum.Enum): RED = 1
        def many(call, *args):
            for _ in range(50): call(*args)
        def work():
            rows, row, more = [], Rows(), More()
            pattern, partly = re.compile("a"), re.compile("a").match
            for n in range(50):
                rows.append(n); row.append(n); more.append(n); list.append(more, n); Rows.append(more, n)
                int("3"); Plain(); Made(); Colour(1); type(n); super(Rows, row).append(n); dict(a=1); Exception(n)
                n.bit_length(); (n).__add__(1); int.__add__(n, 1); "a".upper().lower(); abs(n); partly("a")
                pattern.match("a"); pattern.sub("b", "a"); {{}}.get(n); isinstance(n, int)
            for call, arg in ((int, "3"), (len, "a"), (str.upper, "a"), (type, 1), (list.append, row), (list.append, more)):
                many(call, arg, *[1] * (call is list.append))
        work()
        profile = Profile()
        profile.enable({options})
        work()
        profile.disable()
        answer([[row[0], row[1], row[2], [part[:3] for part in row[5]]] for row in rows(profile)])
    """)
    ours, theirs = evaluate(code), evaluate(code, profiler="cProfile")
    assert ours == theirs
    assert sum(row[1] for row in ours) > 50


@pytest.mark.beyond_cprofile  # it aborted the interpreter, or put a SystemError in the error's place
@pytest.mark.parametrize(
    "call", ["str.upper(1)", "bytes.find(str())", "list.append((), 1)", "dict.get()", "str.upper()"]
)
def test_a_method_descriptor_that_does_not_fit_fails_as_ever(call: str) -> None:
    got = evaluate(f"""
        def attempt():
            try: {call}
            except Exception as error: return [type(error).__name__, str(error), repr(error.__cause__), repr(error.__context__)]
        plain = attempt()
        profile = Profile()
        profile.enable()
        profiled = attempt()
        profile.disable()
        answer([plain, profiled, [e.callcount for e in profile.getstats() if e.code is attempt.__code__]])
    """)
    plain, profiled, count = got
    assert profiled == plain
    assert plain[0] == "TypeError"
    assert count == [1]


def test_counts_at_the_recursion_limit_are_cprofiles() -> None:
    code = TICKING + textwrap.dedent("""
        import sys
        sys.setrecursionlimit(200)
        def endless(): endless()
        def work():
            for _ in range(3):
                try: endless()
                except RecursionError: len("caught")
        profile = Profile()  # a timer written in Python has no room left at the limit
        profile.enable()
        work()
        profile.disable()
        answer([row[:3] for row in rows(profile)])
    """)
    ours, theirs = evaluate(code), evaluate(code, profiler="cProfile")
    assert ours == theirs
    (endless,) = (row for row in ours if row[0] == "endless")
    assert endless[1] - endless[2] == 3 and endless[2] > 300


def test_the_recursion_limit_is_the_programs() -> None:
    """Profiled or not, a program reaches the same depth."""
    got = evaluate("""
        def depth(n=0):
            try: return depth(n + 1)
            except RecursionError: return n
        def measure(): return depth()
        plain = measure()
        profile = Profile()
        profile.enable()
        profiled = measure()
        profile.disable()
        answer([plain, profiled])
    """)
    assert got[0] == got[1]


def test_asyncio_tasks_add_up() -> None:
    got = evaluate("""
        import asyncio
        async def leaf(n):
            for _ in range(n): await asyncio.sleep(0)
            return n
        async def main(): return sum(await asyncio.gather(*map(leaf, range(20))))
        asyncio.run(main())
        profile = Profile()
        profile.enable()
        total = asyncio.run(main())
        profile.disable()
        answer([total, [[e.callcount, e.reccallcount] for e in profile.getstats() if e.code is leaf.__code__],
                min(e.inlinetime for e in profile.getstats()) >= 0])
    """)
    # each resume counts as a call: one more than it sleeps
    assert got == [190, [[210, 0]], True]


def needs_greenlet() -> None:
    if importlib.util.find_spec("greenlet") is None:
        pytest.skip("NOT TESTED: greenlet is not installed for this Python (no wheel?)")


GREENLETS = """
import greenlet, time
def spin(seconds):
    started = time.perf_counter()
    while time.perf_counter() - started < seconds: pass
spent = {"ping": 0.0, "pong": 0.0}
def ping():
    for _ in range(50):
        started = time.perf_counter()
        spin(0.0005)
        spent["ping"] += time.perf_counter() - started  # more than asked for, if another process got the core
        pong_let.switch()
def pong():
    for _ in range(50):
        started = time.perf_counter()
        spin(0.001)
        spent["pong"] += time.perf_counter() - started
        ping_let.switch()
"""


@pytest.mark.beyond_cprofile  # it nests one greenlet's frames in another's
def test_each_greenlet_has_a_stack_of_its_own() -> None:
    needs_greenlet()
    got = evaluate(
        GREENLETS
        + textwrap.dedent("""
        main = greenlet.getcurrent()
        ping_let, pong_let = greenlet.greenlet(ping), greenlet.greenlet(pong)
        profile = Profile()
        profile.enable()
        ping_let.switch()
        while not (ping_let.dead and pong_let.dead):
            (pong_let if ping_let.dead else ping_let).switch()
        profile.disable()
        rows = {e.code.co_name: e for e in profile.getstats() if hasattr(e.code, "co_name")}
        answer({name: [rows[name].callcount, rows[name].reccallcount, rows[name].totaltime, sorted(c.code.co_name for c in rows[name].calls or () if hasattr(c.code, "co_name"))]
                for name in ("ping", "pong", "spin")} | {"spent": spent})
    """)
    )
    spent = got.pop("spent")
    assert {name: row[:2] for name, row in got.items()} == {"ping": [1, 0], "pong": [1, 0], "spin": [100, 0]}
    assert got["ping"][3] == got["pong"][3] == ["spin"]
    # Neither holds the other's time. (The moment in which the core was taken away may be none that `spent` holds.)
    for name, other in (("ping", "pong"), ("pong", "ping")):
        assert 0.95 * spent[name] < got[name][2] < spent[name] + spent[other] / 2, name


@pytest.mark.beyond_cprofile
def test_greenlets_that_die_by_exception_or_are_dropped() -> None:
    needs_greenlet()
    got = evaluate("""
        import gc, greenlet
        def leaf(): return len("leaf")
        def failing():
            leaf(); greenlet.getcurrent().parent.switch(); leaf(); raise KeyError("in a greenlet")
        def endless():
            while True:
                leaf(); greenlet.getcurrent().parent.switch()
        profile = Profile()
        profile.enable()
        errors = 0
        for _ in range(100):
            one, two = greenlet.greenlet(failing), greenlet.greenlet(endless)
            one.switch(); two.switch(); two.switch()
            try: one.switch()
            except KeyError: errors += 1
            del one, two
        gc.collect()
        profile.disable()
        answer([errors, {e.code.co_name: [e.callcount, e.reccallcount] for e in profile.getstats() if getattr(e.code, "co_filename", "") == "<string>"}])
    """)
    assert got == [100, {"leaf": [400, 0], "failing": [100, 0], "endless": [100, 0]}]


def test_fork_in_the_middle() -> None:
    """Parent and child go on counting, each for itself, from what they had in common."""
    run = python(
        [
            "-W",
            "ignore",
            "-c",
            f"""
import importlib, os, sys
Profile = importlib.import_module({SUBJECT!r}).Profile
def before(): return len("before")
def after(): return len("after")
def counts():
    return sorted((e.code.co_name, e.callcount) for e in profile.getstats() if e.code in (before.__code__, after.__code__))
profile = Profile()
profile.enable()
before()
pid = os.fork()
after(); after()
if pid == 0:
    after()
    profile.disable()
    print("child", counts(), flush=True)
    os._exit(0)
_, status = os.waitpid(pid, 0)
profile.disable()
print("parent", counts(), status)
""",
        ]
    ).succeeded()
    assert run.out.splitlines() == ["child [('after', 3), ('before', 1)]", "parent [('after', 2), ('before', 1)] 0"]


@pytest.mark.beyond_cprofile  # it holds the wrong threads' stack in the child
def test_fork_while_other_threads_run() -> None:
    run = python(
        [
            "-W",
            "ignore",
            "-c",
            f"""
import importlib, os, sys, threading
Profile = importlib.import_module({SUBJECT!r}).Profile
stop = threading.Event()
def busy():
    while not stop.is_set(): leaf()
def leaf(): return 1
def mine(): return len("mine")
profile = Profile(threads=True)
profile.enable()
workers = [threading.Thread(target=busy) for _ in range(3)]
for worker in workers: worker.start()
for _ in range(5):
    pid = os.fork()
    if pid == 0:
        mine()
        profile.disable()
        fresh = Profile(threads=True)
        with fresh: mine()
        own = [sum(e.callcount for e in p.getstats() if e.code is mine.__code__) for p in (profile, fresh)]
        os._exit(0 if own == [1, 1] else 9)
    assert os.waitpid(pid, 0)[1] == 0
stop.set()
for worker in workers: worker.join()
profile.disable()
print(sum(e.callcount for e in profile.getstats() if e.code is mine.__code__))
""",
        ]
    ).succeeded()
    assert run.out.strip() == "0"


def test_profiling_until_the_interpreter_ends() -> None:
    run = python(
        [
            "-c",
            f"""
import importlib, atexit, builtins, sys, threading
profile = importlib.import_module({SUBJECT!r}).Profile()
class AtTheEnd:
    def __del__(self, length=len):
        def new(): length("late")
        new()
keep, builtins.keep, sys.keep = AtTheEnd(), AtTheEnd(), AtTheEnd()
atexit.register(lambda: print("bye"))
profile.enable()
""",
        ]
    )
    assert (run.code, run.out, run.err) == (0, "bye\n", "")


@pytest.mark.beyond_cprofile  # it stays enabled for ever
def test_profile_dropped_while_enabled_stops() -> None:
    got = evaluate("""
        import gc, sys
        def leaf(): pass
        profile = Profile()
        profile.enable()
        leaf()
        del profile
        gc.collect()
        free = Profile()
        free.enable(); leaf(); free.disable()
        answer([sum(e.callcount for e in free.getstats() if e.code is leaf.__code__), sys.getprofile() is None])
    """)
    assert got == [1, True]
