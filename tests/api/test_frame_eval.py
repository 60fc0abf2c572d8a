"""Frame evaluation (PEP 523): the same counts as cProfile's for Python functions, and a program that notices nothing.

Where frame evaluation isn't exact, it steps aside for the ordinary hook; then these tests run through that one.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from running import SUBJECT, evaluate, python

pytestmark = pytest.mark.beyond_cprofile

TO_BE_HAD = sys.version_info < (3, 13)
ORDINARY = "monitoring" if sys.version_info >= (3, 12) else "set_profile"

# `make()` gives the profile to compare: ours through frames, or cProfile's; `rows()` all that must be equal in it.
BOTH = """
import sys
def make(*arguments, **options):
    if Profile.__module__.startswith("pikos"):
        return Profile(*arguments, builtins=False, hook="frame-eval", **options)
    return Profile(*arguments, builtins=False, **options)
def enable(profile):
    profile.enable(builtins=False)  # 3.14's cProfile forgets what the constructor was told
def rows(profile):
    def number(row): return [row.callcount, row.reccallcount]
    def ours(code): return getattr(code, "co_filename", "") == "<string>"
    return sorted([e.code.co_qualname, *number(e), sorted([c.code.co_qualname, *number(c)] for c in e.calls or () if ours(c.code))]
                  for e in profile.getstats() if ours(e.code))
"""


def both(code: str) -> tuple[Any, Any]:
    """What `code` answers under us, and under cProfile."""
    return evaluate(_dedent(code)), evaluate(_dedent(code), profiler="cProfile")


def ours(code: str) -> Any:
    return evaluate(_dedent(code))


def _dedent(code: str) -> str:
    import textwrap

    return BOTH + textwrap.dedent(code)


def test_what_runs_is_reported_with_the_reason() -> None:
    got = ours("""
        profile = make()
        before = profile.hook
        profile.enable(); during = profile.hook; profile.disable()
        answer([before, during, profile.hook, Profile().hook, Profile(builtins=False).hook])
    """)
    if TO_BE_HAD:
        assert got[:3] == [["frame-eval", "asked for"]] * 3
    else:
        (name, reason), *_ = got
        assert name == ORDINARY and reason.startswith("frame-eval was asked for, but this release runs ")
        assert "a dropped generator" in reason and got[1] == got[2] == got[0]
    assert got[3][0] == got[4][0] == ORDINARY and got[3][1] != got[0][1]


def test_fast_is_the_cheaper_hook_of_this_release() -> None:
    name, reason = ours('answer(Profile(builtins=False, hook="fast").hook)')
    assert name == ("frame-eval" if sys.version_info < (3, 12) else "monitoring")
    assert "cheap" in reason or "costs" in reason


@pytest.mark.parametrize("hook", ["frame-eval", "fast"])
def test_built_ins_are_refused_with_advice(hook: str) -> None:
    got = ours(f"""
        def error(act):
            try: act()
            except ValueError as error: return str(error)
        profile = Profile(builtins=False, hook={hook!r})
        answer([error(lambda: Profile(hook={hook!r})), error(lambda: profile.enable(builtins=True)), error(profile.enable)])
    """)
    assert "pass builtins=False" in got[0] and got[1] == got[0] and got[2] is None


def test_an_unknown_hook_is_refused_with_the_names_that_there_are() -> None:
    got = ours("""
        try: Profile(hook="ptrace")
        except ValueError as error: answer(str(error))
    """)
    assert '"ptrace"' in got and ORDINARY in got and "frame-eval" in got and "fast" in got


KINDS = """
class C:
    def __init__(self, x=0): self.x = x
    def method(self, x=0): return x
    @property
    def attribute(self): return 1
    def __getitem__(self, key): return key
    def __setitem__(self, key, value): pass
    def __enter__(self): return self
    def __exit__(self, *error): return False
    def __add__(self, other): return self
    def __eq__(self, other): return True
    def __hash__(self): return 1
    def __len__(self): return 2
    def __call__(self): return 3
    def __getattr__(self, name): return name
    def __contains__(self, item): return True
    @classmethod
    def made(cls): return cls()
class D(C):
    def __init__(self): super().__init__(1)
    def __getattribute__(self, name): return object.__getattribute__(self, name)
def function(x=0, *rest, y=0, **more): return x
def generator(n):
    for i in range(n):
        try: got = yield i
        except KeyError: yield -1
def delegating(n): return (yield from generator(n))
async def coroutine(n): return await coroutine(n - 1) if n else 0
def drive(awaitable):
    try: awaitable.send(None)
    except StopIteration as stop: return stop.value
def every_kind(rounds):
    c = C()
    method = c.method
    for i in range(rounds):
        C(i); D().x; c.method(i); method(i); c.attribute; c[i]; c[i] = i; c + c; c == c; {c: 1}; len(c); c(); c.no; i in c
        C.made(); function(); function(1, 2, y=3, z=4); function(*(1, 2), **{"y": 1})
        with c: pass
        sum(generator(3)); list(delegating(3)); next(generator(2))
        sorted([3, 1, 2], key=function); list(map(function, range(3)))
        g = generator(3); next(g); g.throw(KeyError); g.close()
        try: generator(1).throw(ValueError)
        except ValueError: pass
        for _ in generator(4): break
        drive(coroutine(3))
        exec("class Made:\\n    def __init__(self): pass\\nMade(); [x for x in range(3)]", {})
        (lambda: function())()
"""


@pytest.mark.parametrize("warm_up", [0, 300])
def test_every_kind_of_call_hot_or_cold(warm_up: int) -> None:
    got, expected = both(f"""
        {KINDS.replace(chr(10), chr(10) + " " * 8)}
        every_kind({warm_up})
        profile = make()
        enable(profile)
        every_kind(300)
        profile.disable()
        answer(rows(profile))
    """)
    assert got == expected
    assert len(got) > 20


def test_a_class_that_is_made_while_profiling_is_not_inlined_past_us() -> None:
    """3.11's BINARY_SUBSCR_GETITEM asks nobody; the place that calls is hot, the method is new."""
    got = ours("""
        def use(items):
            for i in range(100): items[i]
        class Warm:
            def __getitem__(self, i): return i
        use(Warm())
        profile = make()
        enable(profile)
        for round in range(5):
            class Fresh:
                def __getitem__(self, i): return i
            use(Fresh()); use(Warm())
        profile.disable()
        answer([row[:3] for row in rows(profile) if "__getitem__" in row[0]])
    """)
    assert got == [["Fresh.__getitem__", 500, 0], ["Warm.__getitem__", 500, 0]]


def test_destructors_are_called_by_the_caller() -> None:
    got, expected = both("""
        class Loud:
            def __del__(self): gone()
        def gone(): pass
        def inner(): first, second = Loud(), Loud()
        def generating():
            loud = Loud()
            yield 1
        def raising():
            loud = Loud()
            raise KeyError
        def outer():
            inner()
            list(generating())
            try: raising()
            except KeyError: pass
        profile = make()
        enable(profile)
        outer(); outer()
        profile.disable()
        answer(rows(profile))
    """)
    assert got == expected
    calls = {name: calls for name, _, _, calls in got}
    assert ["Loud.__del__", 8, 0] in calls["outer"] or calls["outer"]


RECURSION = """
depth = 0
def down():
    global depth
    depth += 1
    down()
def plunge():
    global depth
    depth = 0
    try: down()
    except RecursionError as error: return depth, type(error).__name__
"""


def test_the_recursion_limit_is_met_where_the_plain_program_meets_it() -> None:
    code = (
        RECURSION
        + """
sys.setrecursionlimit(400)
plain = plunge()
profile = make()
enable(profile)
profiled = plunge()
profile.disable()
answer([plain, profiled, rows(profile)])
"""
    )
    got, expected = both(code)
    assert got[0] == got[1] == expected[1]
    assert got[2] == expected[2]


def test_c_code_may_recurse_as_deep_as_without_us() -> None:
    got = ours("""
        import json
        def nested(depth):
            value = []
            for _ in range(depth): value = [value]
            return value
        def deepest():
            low, high = 1, 60_000
            while high - low > 1:
                middle = (low + high) // 2
                try: json.dumps(nested(middle), check_circular=False); low = middle
                except RecursionError: high = middle
            return low
        def below(frames): return below(frames - 1) if frames else deepest()
        sys.setrecursionlimit(3000)
        plain = below(800)
        profile = make()
        enable(profile)
        profiled = below(800)
        profile.disable()
        answer([plain, profiled])
    """)
    plain, profiled = got
    # 3.14 measures the stack in bytes, of which we take some; the others count
    slack = plain * 0.3 if sys.version_info >= (3, 14) else 0
    assert plain - slack <= profiled <= plain, got


@pytest.mark.parametrize("options", ["", "threads=True", "threads=False"])
def test_a_hundred_thousand_levels(options: str) -> None:
    got = ours(f"""
        sys.setrecursionlimit(10**6)
        def down(n): return n and 1 + down(n - 1)
        def leaf(): pass
        plain = down(100_000)
        profile = make({options})
        enable(profile)
        values = [down(100_000) for _ in range(2)]
        leaf()
        hook = profile.hook
        profile.disable()
        answer([plain, values, [row[:3] for row in rows(profile) if row[0] in ("down", "leaf")], hook, profile.hook])
    """)
    plain, values, counts, during, after = got
    assert values == [plain] * 2 == [100_000] * 2
    assert counts == [["down", 200_002, 200_000], ["leaf", 1, 0]]
    assert during == after
    if TO_BE_HAD:
        assert after[0] == ORDINARY and after[1].startswith("it took over from frame-eval")


def test_edges_hold_across_the_change_of_hooks() -> None:
    """The depth at which the ordinary hook takes over lies in the middle of a recursion with two functions."""
    got, expected = both("""
        sys.setrecursionlimit(10**6)
        def leaf(): pass
        def even(n):
            leaf()
            if n: odd(n - 1)
            leaf()
        def odd(n):
            for _ in range(2): leaf()
            even(n - 1)
        def generating(n):
            yield 1
            even(n)
            yield 2
        profile = make()
        enable(profile)
        even(10)
        list(generating(60_000))
        even(10)
        profile.disable()
        answer(rows(profile))
    """)
    assert got == expected


def test_a_deep_recursion_that_ends_in_an_exception() -> None:
    got, expected = both("""
        sys.setrecursionlimit(10**6)
        def down(n):
            if not n: raise KeyError("at the bottom")
            down(n - 1)
        profile = make()
        enable(profile)
        for _ in range(2):
            try: down(50_000)
            except KeyError as error: outcome = str(error)
        profile.disable()
        answer([outcome, rows(profile)])
    """)
    assert got == expected


def test_a_small_stack() -> None:
    """A thread with little stack goes as deep as without us."""
    got = ours("""
        import threading
        sys.setrecursionlimit(10**6)
        threading.stack_size(128 * 1024)
        def down(n): return n and 1 + down(n - 1)
        values = []
        def work(): values.append(down(3_000))
        profile = make(threads=True)
        enable(profile)
        workers = [threading.Thread(target=work) for _ in range(3)]
        for worker in workers: worker.start()
        for worker in workers: worker.join()
        profile.disable()
        answer([values, [row[:3] for row in rows(profile) if row[0] in ("down", "work")]])
    """)
    assert got == [[3000] * 3, [["down", 9_003, 9_000], ["work", 3, 0]]]


def test_a_thread_that_nobody_profiles_may_go_deep() -> None:
    got = ours("""
        import threading
        sys.setrecursionlimit(10**6)
        def down(n): return n and 1 + down(n - 1)
        def leaf(): pass
        profile = make(threads=False)
        enable(profile)
        values = []
        thread = threading.Thread(target=lambda: values.append(down(100_000)))
        leaf(); thread.start(); thread.join(); leaf()
        profile.disable()
        answer([values, [row[:3] for row in rows(profile) if row[0] in ("down", "leaf")]])
    """)
    assert got == [[100_000], [["leaf", 2, 0]]]


def test_threads_that_work_while_another_goes_deep() -> None:
    """The change of hooks finds other threads in the middle of their calls."""
    got = ours("""
        import threading
        sys.setrecursionlimit(10**6)
        sys.setswitchinterval(1e-5)
        def leaf(): pass
        def middle(): leaf(); leaf()
        def work():
            for _ in range(3000): middle()
        def down(n): return n and 1 + down(n - 1)
        profile = make(threads=True)
        enable(profile)
        workers = [threading.Thread(target=work) for _ in range(4)] + [threading.Thread(target=down, args=(30_000,))]
        for worker in workers: worker.start()
        for worker in workers: worker.join()
        profile.disable()
        answer([row for row in rows(profile) if row[0] in ("leaf", "middle", "work", "down")])
    """)
    assert got == [
        ["down", 30_001, 30_000, [["down", 30_000, 29_999]]],
        ["leaf", 24_000, 0, []],
        ["middle", 12_000, 0, [["leaf", 24_000, 0]]],
        ["work", 4, 0, [["middle", 12_000, 0]]],
    ]


@pytest.mark.parametrize("other", ["", 'hook="frame-eval"'])
def test_a_profile_in_each_thread(other: str) -> None:
    """Each counts its own thread's calls. If one needs the ordinary hook, all use it."""
    got = ours(f"""
        import threading
        def leaf(): pass
        def work():
            for _ in range(100): leaf()
        def profiled(name, **options):
            profile = Profile(builtins=False, threads=False, **options)
            enable(profile)
            work()
            barrier.wait()
            work()
            barrier.wait()
            hooks[name] = profile.hook
            profile.disable()
            counts[name] = [row[:3] for row in rows(profile) if row[0] in ("leaf", "work")]
        counts, hooks, barrier = {{}}, {{}}, threading.Barrier(2)
        one = threading.Thread(target=profiled, args=("one",), kwargs=dict(hook="frame-eval"))
        two = threading.Thread(target=profiled, args=("two",), kwargs=dict({other}))
        one.start(); two.start(); one.join(); two.join()
        answer([counts, hooks])
    """)
    counts, hooks = got
    assert counts == {name: [["leaf", 200, 0], ["work", 2, 0]] for name in ("one", "two")}
    assert hooks["one"][0] == hooks["two"][0] == ("frame-eval" if other and TO_BE_HAD else ORDINARY)


def test_a_profile_beside_an_ordinary_one_says_why_it_is_ordinary() -> None:
    got = ours("""
        import threading
        first = Profile(threads=False)
        first.enable()
        seen = []
        def other():
            profile = make(threads=False)
            enable(profile)
            seen.append(profile.hook)
            profile.disable()
        thread = threading.Thread(target=other)
        thread.start(); thread.join()
        first.disable()
        answer(seen)
    """)
    assert got[0][0] == ORDINARY
    if TO_BE_HAD:
        assert "another profile" in got[0][1]


OTHER_EVALUATOR = """
try: import _testinternalcapi
except ImportError: _testinternalcapi = None
if not hasattr(_testinternalcapi, "set_eval_frame_record"):
    answer("no evaluator")
    sys.exit()
"""


@pytest.mark.skipif(not TO_BE_HAD, reason="frame evaluation isn't to be had on this release anyway")
def test_another_evaluator_keeps_its_place() -> None:
    got = ours(
        OTHER_EVALUATOR
        + """
def leaf(): pass
seen = []
_testinternalcapi.set_eval_frame_record(seen)
profile = make()
enable(profile)
hook = profile.hook
leaf()
profile.disable()
leaf()
_testinternalcapi.set_eval_frame_default()
answer([hook, seen.count("leaf"), [row[:3] for row in rows(profile)]])
"""
    )
    if got == "no evaluator":
        pytest.skip("this Python has no _testinternalcapi")
    hook, seen, counts = got
    assert hook[0] == ORDINARY and "another tool evaluates this interpreter's frames" in hook[1]
    assert seen == 2
    assert counts == [["leaf", 1, 0]]


@pytest.mark.skipif(not TO_BE_HAD, reason="frame evaluation isn't to be had on this release")
def test_an_evaluator_that_comes_later_is_left_alone() -> None:
    got = ours(
        OTHER_EVALUATOR
        + """
def leaf(): pass
seen = []
profile = make()
enable(profile)
leaf()
_testinternalcapi.set_eval_frame_record(seen)
leaf()
profile.disable()
leaf()
_testinternalcapi.set_eval_frame_default()
answer([seen.count("leaf"), [row[:3] for row in rows(profile)]])
"""
    )
    if got == "no evaluator":
        pytest.skip("this Python has no _testinternalcapi")
    assert got == [2, [["leaf", 1, 0]]]


EVALUATOR = """
import ctypes
api = ctypes.pythonapi
api.PyInterpreterState_Get.restype = api._PyInterpreterState_GetEvalFrameFunc.restype = ctypes.c_void_p
def evaluator():
    return api._PyInterpreterState_GetEvalFrameFunc(ctypes.c_void_p(api.PyInterpreterState_Get()))
"""


@pytest.mark.parametrize("end", ["profile.disable()", "del profile", "profile.clear(); profile.disable()"])
def test_the_interpreter_gets_its_frames_back(end: str) -> None:
    got = ours(
        EVALUATOR
        + f"""
before = evaluator()
profile = make()
after_making = evaluator()
enable(profile)
during = evaluator()
{end}
answer([before == after_making, before == during, before == evaluator()])
"""
    )
    assert got == [True, not TO_BE_HAD, True]


def test_what_a_trace_function_calls_is_not_counted() -> None:
    got, expected = both("""
        def helper(): pass
        def tracer(frame, event, arg):
            helper()
            return tracer
        def traced(): return leaf()
        def leaf(): pass
        profile = make()
        enable(profile)
        sys.settrace(tracer)
        traced()
        sys.settrace(None)
        traced()
        profile.disable()
        answer(rows(profile))
    """)
    assert got == expected
    assert [row[0] for row in got] == ["leaf", "traced"]


def test_a_timer_in_python_is_read_as_often_and_not_counted() -> None:
    got, expected = both("""
        ticks = 0
        def timer():
            global ticks
            ticks += step()
            return ticks
        def step(): return 1
        def leaf(): pass
        def generator(): yield leaf()
        def work():
            for _ in generator(): leaf()
        profile = make(timer, 1.0)
        enable(profile)
        work(); work()
        profile.disable()
        answer([ticks, [[e.code.co_name, e.totaltime, e.inlinetime] for e in profile.getstats() if hasattr(e.code, "co_name")]])
    """)
    assert got[0] == expected[0]
    assert sorted(got[1]) == sorted(expected[1])


def test_profiles_that_end_and_begin_in_the_middle_of_calls() -> None:
    got, expected = both("""
        def leaf(): pass
        def stop(): leaf(); profile.disable(); leaf()
        def start(): leaf(); enable(profile); leaf()
        def outer():
            leaf(); stop(); leaf(); start(); leaf()
        def recursive(n):
            if n == 3: profile.disable(); enable(profile)
            if n: recursive(n - 1)
            leaf()
        profile = make()
        enable(profile)
        outer(); recursive(6); outer()
        profile.disable()
        answer(rows(profile))
    """)
    assert got == expected


def test_clear_in_the_middle_of_calls() -> None:
    got = ours("""
        def leaf(): pass
        def clearing(): leaf(); profile.clear(); leaf()
        def outer(): leaf(); clearing(); leaf()
        profile = make()
        enable(profile)
        for _ in range(50): outer()
        profile.disable()
        answer([row[:3] for row in rows(profile)])
    """)
    assert got == [["leaf", 2, 0]]


def test_a_profile_that_is_dropped_in_the_middle_of_calls() -> None:
    got = ours(
        EVALUATOR
        + """
before = evaluator()
def leaf(): return 1
def dropping():
    global profile
    leaf(); del profile
    return leaf()
profile = make()
enable(profile)
answer([dropping(), evaluator() == before])
"""
    )
    assert got == [1, True]


@pytest.mark.parametrize("threads", [True, False])
def test_a_profile_function_of_the_programs_own_stays(threads: bool) -> None:
    got = ours(f"""
        sys.setrecursionlimit(10**6)
        heard = 0
        def hear(frame, event, arg):
            global heard
            if event == "call" and frame.f_code is down.__code__: heard += 1
        def down(n): return n and 1 + down(n - 1)
        profile = make(threads={threads})
        enable(profile)
        sys.setprofile(hear)
        down(20_000)
        still = sys.getprofile() is hear
        profile.disable()
        still_after = sys.getprofile() is hear
        down(9)
        sys.setprofile(None)
        answer([still, still_after, heard])
    """)
    assert got == [True, True, 20_001 + 10]


def test_greenlets() -> None:
    pytest.importorskip("greenlet", reason="NOT TESTED: greenlet is not installed for this Python (no wheel?)")
    code = """
        import greenlet
        sys.setrecursionlimit(10**6)
        def leaf(): pass
        def worker(other, rounds):
            for _ in range(rounds): leaf(); greenlet.getcurrent().parent.switch()
        def down(n): return n and 1 + down(n - 1)
        profile = make()
        enable(profile)
        greenlets = [greenlet.greenlet(worker) for _ in range(10)]
        for round in range(20):
            for one in greenlets: one.switch(None, 20)
        deep = greenlet.greenlet(down)
        value = deep.switch(20_000)
        for one in greenlets: one.switch()
        profile.disable()
        answer([value, rows(profile)])
    """
    got = ours(code)
    assert got == ours(code.replace("make()", "Profile(builtins=False)"))
    assert got[0] == 20_000
    assert {name: [calls, edges] for name, calls, _, edges in got[1] if name[0] != "<"} == {
        "down": [20_001, [["down", 20_000, 19_999]]],
        "leaf": [200, []],
        "worker": [10, [["leaf", 200, 0]]],
    }


def test_fork() -> None:
    run = python(
        [
            "-W",
            "ignore",
            "-c",
            f"""
import importlib, os, sys
Profile = importlib.import_module({SUBJECT!r}).Profile
sys.setrecursionlimit(10**6)
def leaf(): pass
def down(n): return n and 1 + down(n - 1)
profile = Profile(builtins=False, hook="frame-eval")
profile.enable()
leaf()
pid = os.fork()
leaf()
if pid == 0: down(30_000)
else: os.waitpid(pid, 0)
profile.disable()
counts = sorted([e.code.co_name, e.callcount] for e in profile.getstats() if e.code in (leaf.__code__, down.__code__))
os.write(1, (repr(counts) + chr(10)).encode())
os._exit(0)
""",
        ]
    ).succeeded()
    assert run.out == "[['down', 30001], ['leaf', 2]]\n[['leaf', 2]]\n"


@pytest.mark.parametrize("disabled", [True, False])
def test_daemon_threads_are_cut_off_in_their_calls(disabled: bool) -> None:
    """Up to 3.13 the interpreter's end unwinds their C stacks."""
    run = python(
        [
            "-c",
            f"""
import importlib, threading, time
Profile = importlib.import_module({SUBJECT!r}).Profile
def leaf(): time.sleep(0)
def work():
    while True: leaf()
profile = Profile(builtins=False, hook="frame-eval", threads=True)
profile.enable()
for _ in range(4): threading.Thread(target=work, daemon=True).start()
time.sleep(0.05)
if {disabled}: profile.disable()
print("end")
""",
        ]
    ).succeeded()
    assert run.out == "end\n"


def test_the_launchers_fast_mode(tmp_path: Any) -> None:
    script, out = tmp_path / "program.py", tmp_path / "out.pstats"
    script.write_text("def f(n): return len(str(n))\nfor i in range(10): f(i)\nprint('done')\n")
    run = python(["-m", SUBJECT, "--fast", "-o", out, script]).succeeded()
    assert run.out == "done\n"
    read = (
        "import pstats, sys, json; print(json.dumps([[*k, v[1]] for k, v in pstats.Stats(sys.argv[1]).stats.items()]))"
    )
    rows = json.loads(python(["-c", read, out]).succeeded().out)
    assert sorted((name, calls) for _, _, name, calls in rows) == [("<module>", 1), ("f", 10)]
