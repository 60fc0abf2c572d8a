"""Locals of a function, seen now and then: right ones, without the function's noticing."""

from __future__ import annotations

import dis
import importlib
import json
import sys
import textwrap
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any

import pytest
from running import python

pytestmark = pytest.mark.beyond_cprofile

PREAMBLE = """
import gc, json, sys, threading, time, weakref
from pikos.sampling.watch import Watch, watch

def until(condition):
    # Each turn runs the condition, which as a rule calls what is watched.
    while not condition():
        pass

def answer(value):
    print(json.dumps(value))
"""


def run(code: str) -> Any:
    """What the code hands to answer(), in an interpreter of its own; it and all that it starts end well."""
    return json.loads(python(["-c", PREAMBLE + textwrap.dedent(code)]).succeeded().out)


def test_values_tell_type_length_and_text() -> None:
    seen = run("""
        class Thing:
            def __repr__(self): return "<thing>"
        def f(number, texts):
            thing = Thing()
            total = len(texts) + number
            return total
        with Watch(f, "total", "texts", "thing", every=0.001) as watching:
            def done():
                assert f(3, ["a", "b"]) == 5
                return watching.values("total")
            until(done)
        value = watching.values("total")[0]
        assert abs(value.time - time.time()) < 1e6
        answer([[*each[1:]] for each in watching.values()[:3]])
    """)
    assert sorted(seen) == [
        ["MainThread", "texts", "list", 2, "['a', 'b']"],
        ["MainThread", "thing", "__main__.Thing", None, "<thing>"],
        ["MainThread", "total", "int", None, "5"],
    ]


def test_only_the_last_values_are_kept() -> None:
    seen = run("""
        def f(n): return n
        with Watch(f, "n", every=0.001, keep=3) as watching:
            n = 0
            firsts = set()
            while len(firsts) < 10:
                n += 1
                f(n)
                firsts.update(each.text for each in watching.values("n")[:1])
            kept = [int(each.text) for each in watching.values("n")]
        answer([kept == sorted(kept), len(kept), len(watching)])
    """)
    assert seen == [True, 3, 3]


def test_all_locals_where_none_is_named_and_only_those_that_have_a_value() -> None:
    seen = run("""
        def f(a):
            if a:
                return a
            never = 1
            return never
        with Watch(f, every=0.001) as watching:
            until(lambda: f(7) and watching.values())
        answer([sorted({each.name for each in watching}), watching.values("never")])
    """)
    assert seen == [["a"], []]


@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("__main__.f", "f(1)"),
        ("__main__.C.method", "C().method(1)"),
        ("__main__.C.static", "C.static(1)"),
        ("__main__.C.of_class", "C.of_class(1)"),
        ("__main__.C.prop", "C().prop"),
        ("__main__.C.Inner.deep", "C.Inner().deep(1)"),
        ("__main__.decorated", "decorated(1)"),
        ("__main__.generator", "list(generator(1))"),
        ("__main__.closure", "closure(1)"),
        ("__main__.many", "many(1)"),
    ],
)
def test_functions_of_all_kinds(path: str, call: str) -> None:
    constants = ", ".join(f"'{at}'" for at in range(300))
    seen = run(f"""
        import functools
        def f(x): return x
        class C:
            def method(self, x): return x
            @staticmethod
            def static(x): return x
            @classmethod
            def of_class(cls, x): return x
            @property
            def prop(self):
                x = 1
                return x
            class Inner:
                def deep(self, x):
                    __class__
                    return x
        def decorator(function):
            @functools.wraps(function)
            def wrapper(*args): return function(*args)
            return wrapper
        @decorator
        def decorated(x): return x
        def generator(x):
            yield x
            yield x
        def outer():
            y = 5
            def closure(x):
                def inner(): return x + y
                return inner() and x
            return closure
        closure = outer()
        def many(x):
            # More constants than one byte counts.
            for each in ({constants}): str(each)
            [{constants}].index(str(x))
            return x
        expected = {call}
        with Watch({path!r}, "x", every=0.001) as watching:
            def done():
                assert {call} == expected
                return watching.values("x")
            until(done)
            for _ in range(100):
                assert {call} == expected
        answer([*{{(each.type, each.text) for each in watching}}])
    """)
    assert seen == [["int", "1"]]


def test_exceptions_lines_and_code_are_as_ever() -> None:
    seen = run("""
        import traceback
        def f(n):
            try:
                if n % 2:
                    raise KeyError(n)
                with open(__import__("os").devnull) as stream:
                    return (n,
                            1 / 0)
            except KeyError:
                return "key"
            finally:
                n = None
        code = f.__code__
        def traced():
            try:
                f(2)
            except ZeroDivisionError as error:
                return [(line - code.co_firstlineno, name) for _, line, name, _ in traceback.extract_tb(error.__traceback__)][1:]
        before = traced()
        with Watch(f, "n", every=0.001) as watching:
            # Each kind of call is the one that is looked at, ten times: nobody calls between a look and the next arming.
            for call in 10 * [lambda: f(1) == "key", lambda: traced() == before]:
                seen = len(watching)
                while len(watching) == seen:
                    time.sleep(0.002)
                    assert call()
        assert f.__code__ is code
        assert sys.gettrace() is None
        answer(before)
    """)
    assert seen == [[6, "f"]]


def test_a_thread_that_never_returns_is_seen_at_work() -> None:
    seen = run("""
        def forever():
            count = 0
            while not end:
                count += 1
            return -1
        end = False
        watching = Watch(forever, "count", every=0.01)
        # On 3.11 only what begins from now on is seen: what says that it is armed is the code.
        before = forever.__code__
        thread = threading.Thread(target=forever, name="worker")
        thread.start()
        while not watching.values("count"):
            time.sleep(0.001)
        value = watching.values("count")[0]
        end = True
        thread.join()
        watching.stop()
        answer([value.thread, int(value.text) >= 0])
    """)
    assert seen == ["worker", True]


def test_coroutines_are_seen_where_they_wait() -> None:
    seen = run("""
        import asyncio
        async def f(x):
            await asyncio.sleep(0)
            return x
        with Watch(f, "x", every=0.001) as watching:
            async def main():
                while len(watching) < 3:
                    assert await f(4) == 4
            asyncio.run(main())
        answer([*{each.text for each in watching}])
    """)
    assert seen == ["4"]


def test_a_repr_that_fails_fails_alone() -> None:
    seen = run("""
        class Bad:
            def __repr__(self): raise SystemExit("no")
            def __len__(self): raise AssertionError("nobody asks")
        class Deep(list):
            pass
        deep = []
        deep.append(deep)
        def f(bad, big, long, digits, deep): return bad
        bad = Bad()
        arguments = bad, {n: "x" * 1000 for n in range(100_000)}, "é" * 10_000, 10 ** 100_000, deep
        with Watch(f, every=0.001) as watching:
            def done():
                assert f(*arguments) is bad
                return len(watching) >= 5
            until(done)
        answer({each.name: [each.length, each.text[:30], len(each.text)] for each in watching})
    """)
    assert seen["bad"] == [None, "<its repr failed: SystemExit>", 29]
    assert seen["big"][0] == 100_000 and seen["big"][1].startswith("{0: 'xxx") and seen["big"][2] == 200
    assert seen["long"][0] == 10_000 and seen["long"][2] == 200
    assert seen["digits"][1].startswith("<int of 332,193 bits>")
    assert seen["deep"][:2] == [1, "[[[…]]]"]


@pytest.mark.parametrize("del_", ["del thing", "pass"])
def test_no_value_lives_longer(del_: str) -> None:
    seen = run(f"""
        class Thing:
            pass
        gone = []
        def f():
            thing = Thing()
            weakref.finalize(thing, gone.append, True)
            {del_}
            return len(gone)
        gc.disable()
        with Watch(f, every=0.001) as watching:
            is_deleted = f()
            def done():
                gone.clear()
                assert f() == is_deleted
                assert len(gone) == 1
                return len(looks) >= 20
            looks = []
            take = watching._take
            watching._look._take = lambda frame: looks.append(True) or take(frame)
            until(done)
        answer(is_deleted)
    """)
    assert seen == (1 if del_ == "del thing" else 0)


def test_a_tracer_that_is_there_stays() -> None:
    seen = run("""
        def f(x):
            y = x + 1
            return y
        events = []
        def trace(frame, event, _):
            if frame.f_code.co_name == "f":
                events.append(event)
            return trace
        with Watch(f, "x", every=0.001) as watching:
            sys.settrace(trace)
            calls = 0
            while len(watching) < 5:
                assert f(1) == 2
                calls += 1
            assert sys.gettrace() is trace
            sys.settrace(None)
        answer([*{each.text for each in watching}, events.count("call") == events.count("return") == calls])
    """)
    assert seen == ["1", True]


def test_several_watches_of_one_function_and_threads() -> None:
    seen = run("""
        def f(x): return x
        watches = [Watch("__main__.f", "x", every=0.001) for _ in range(3)]
        def work():
            while not all(len(each) >= 5 for each in watches):
                assert f(8) == 8
        threads = [threading.Thread(target=work, name=f"t{n}") for n in range(3)]
        for each in threads: each.start()
        for each in threads: each.join()
        for each in watches: each.stop()
        counts = [len(each) for each in watches]
        for _ in range(1000): f(9)
        assert counts == [len(each) for each in watches]
        answer([*{each.text for watching in watches for each in watching}])
    """)
    assert seen == ["8"]


def test_a_forked_child_goes_on_unwatched() -> None:
    seen = run(
        """
        import os
        def f(x): return x
        watching = Watch(f, "x", every=0.001)
        until(lambda: f(1) and watching.values())
        child = os.fork()
        if child == 0:
            ok = all(f(2) == 2 for _ in range(1000)) and threading.active_count() == 1
            watching.stop()
            os._exit(0 if ok else 1)
        _, status = os.waitpid(child, 0)
        count = len(watching)
        until(lambda: f(1) and len(watching) > count)
        watching.stop()
        answer(status)
    """.replace(
            "child = os.fork()",
            "import warnings; warnings.simplefilter('ignore', DeprecationWarning); child = os.fork()",
        )
    )
    assert seen == 0


def codes_of(module: str) -> Iterator[CodeType]:
    """All code objects that a module of the library was compiled to."""
    path = importlib.import_module(module).__file__
    assert path is not None
    with open(path, "rb") as stream:
        waiting = [compile(stream.read(), path, "exec")]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += [each for each in code.co_consts if isinstance(each, CodeType)]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="3.11 alone has no events of one function")
@pytest.mark.parametrize(
    "module", ["argparse", "asyncio.tasks", "contextlib", "dataclasses", "json.decoder", "typing", "opcode"]
)
def test_a_code_with_a_call_at_its_head_is_else_the_same(module: str) -> None:
    from pikos.sampling._look_prologue import with_call

    codes = list(codes_of(module))
    for code in codes:
        copy = with_call(code, print)
        resume = dis.opmap["RESUME"]
        head = next(at for at in range(0, len(code.co_code), 2) if code.co_code[at] == resume) + 2
        more = len(copy.co_code) - len(code.co_code)
        assert copy.co_code[:head] + copy.co_code[head + more :] == code.co_code
        positions, copied = list(code.co_positions()), list(copy.co_positions())
        assert copied[: head // 2] == positions[: head // 2]
        assert [each[0] for each in copied[(head + more) // 2 :]] == [each[0] for each in positions[head // 2 :]]
        assert {each[0] for each in copied[head // 2 : (head + more) // 2]} == {positions[head // 2 - 1][0]}
        entries = [each._asdict() for each in dis._parse_exception_table(code)]  # type: ignore[attr-defined]
        for each in entries:
            for name in ("start", "end", "target"):
                each[name] += more
        assert [each._asdict() for each in dis._parse_exception_table(copy)] == entries  # type: ignore[attr-defined]
    assert codes


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="3.11 alone has no events of one function")
@pytest.mark.parametrize("kind", [13, 15])
def test_a_call_amid_an_entry_of_the_lines_divides_it(kind: int) -> None:
    from pikos.sampling._look_prologue import with_call

    # With `-X no_debug_ranges`, a function on one line has one entry: with its line (kind 13), or none (kind 15).
    code = (lambda x: x).__code__
    entry = bytes([0x80 | kind << 3 | len(code.co_code) // 2 - 1]) + (b"\0" if kind == 13 else b"")
    code = code.replace(co_linetable=entry)
    copy = with_call(code, int)
    expected = code.co_firstlineno if kind == 13 else None
    lines = [each[0] for each in copy.co_positions()]
    assert lines[:1] + lines[-2:] == [expected] * 3
    assert len(lines) == len(copy.co_code) // 2
    assert FunctionType(copy, {})(5) == 5


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ("'x'", "ValueError", "'x' names no function: write package.module.function"),
        ("''", "ValueError", "names no function"),
        ("'a b.c'", "ValueError", "names no function"),
        ("'..'", "ValueError", "names no function"),
        ("'no_such_module.f'", "ValueError", "there is no module 'no_such_module'"),
        ("'json.no_such_module.f'", "ValueError", "the module json has no 'no_such_module'"),
        ("'json.nothing'", "ValueError", "the module json has no 'nothing'"),
        ("'json.JSONDecoder.nothing'", "ValueError", "the class json.JSONDecoder has no 'nothing'"),
        ("'math.sin'", "TypeError", "math.sin is no Python function but a builtin"),
        ("'json.JSONDecoder'", "TypeError", "is no Python function but a type"),
        ("f, 'y'", "ValueError", "f has no local 'y': it has x"),
        ("f, 5", "TypeError", "names of locals must be texts, got 5"),
        ("f, every=0", "ValueError", "every must be 0.001 to 86,400, got 0"),
        ("f, every='1'", "TypeError", "every must be a number"),
        ("f, every=float('nan')", "ValueError", "every must be"),
        ("f, keep=0", "ValueError", "keep must be 1 to 100,000"),
        ("f, keep=10**9", "ValueError", "keep must be 1 to 100,000"),
    ],
)
def test_what_cannot_be_watched_is_refused_with_a_sentence(arguments: str, error: str, sentence: str) -> None:
    said = run(f"""
        def f(x): return x
        try:
            Watch({arguments})
        except Exception as error:
            answer([type(error).__name__, str(error)])
        assert threading.active_count() == 1
    """)
    assert said[0] == error
    assert sentence in said[1]
