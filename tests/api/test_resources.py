"""Memory and growth: nothing leaks, and a huge number of functions is only huge."""

from __future__ import annotations

import sys

import pytest
from running import evaluate

LOOPS = {
    "enabled and disabled": "profile.enable(); branch(); profile.disable()",
    "asked for its stats": "profile.enable(); branch(); profile.disable(); profile.getstats(); profile.create_stats()",
    "dropped while enabled": "profile.enable(); branch()",
    "with a timer of its own": "profile.__init__(lambda: 1, 1.0); profile.enable(); branch(); profile.disable()",
    "cleared inside calls": "profile.enable(); clearing(profile); profile.disable()",
    "through frames": "profile.__init__(builtins=False, hook='frame-eval'); profile.enable(); branch(); profile.disable()",
    "through frames, and dropped": "profile.__init__(builtins=False, hook='frame-eval'); profile.enable(); branch()",
    "too deep for frames": "profile.__init__(builtins=False, hook='frame-eval'); profile.enable(); deep(); profile.disable()",
}


# cProfile stays enabled when dropped, and leaked when cleared inside calls (gh-145846).
BEYOND = (
    "dropped while enabled",
    "cleared inside calls",
    "through frames",
    "through frames, and dropped",
    "too deep for frames",
)


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=pytest.mark.beyond_cprofile if how in BEYOND else ()) for how in LOOPS]
)
def test_a_thousand_profiles_leak_nothing(how: str) -> None:
    got = evaluate(f"""
        import gc, sys, threading, tracemalloc
        def leaf(): return len("leaf")
        def branch(): return leaf() + leaf()
        def clearing(profile): leaf(); profile.clear(); leaf()
        def down(n): return n and down(n - 1)
        def deep(): down(400)
        def resident():
            with open("/proc/self/statm") as statm: return int(statm.read().split()[1]) * 4096
        def rounds(n):
            for _ in range(n):
                profile = Profile()
                {LOOPS[how]}
                del profile
            gc.collect()
        def main():
            rounds(300)
            def snapshot():
                return tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(False, tracemalloc.__file__)])
            tracemalloc.start()
            rounds(10)
            snapshot() # compiles the filter's pattern, which is kept
            before = snapshot()
            blocks = sys.getallocatedblocks()
            rounds(1000)
            blocks = sys.getallocatedblocks() - blocks
            after = snapshot()
            tracemalloc.stop()
            traced = sum(d.size_diff for d in after.compare_to(before, "filename"))
            del before, after
            rounds(300)
            rss = resident()
            rounds(1000)
            answer([traced, blocks, resident() - rss])
        if "deep()" in {LOOPS[how]!r}:
            # On a small stack that isn't very deep.
            threading.stack_size(256 * 1024)
            thread = threading.Thread(target=main)
            thread.start(); thread.join()
        else:
            main()
    """)
    traced, blocks, resident = got
    # One leaked object for each profile would be a thousand blocks and some 64,000 bytes; caches grow by less.
    assert traced < 60_000, f"{traced} bytes of Python's memory more after 1,000 profiles"
    assert blocks < 700, f"{blocks} blocks more after 1,000 profiles"
    assert resident < 2_000_000, f"{resident} bytes of resident memory more after 1,000 profiles"


@pytest.mark.beyond_cprofile
def test_threads_that_come_and_go_leak_little() -> None:
    """What a thread recorded stays until the profile is dropped; then it goes."""
    got = evaluate("""
        import gc, threading
        def resident():
            with open("/proc/self/statm") as statm: return int(statm.read().split()[1]) * 4096
        def leaf(): return len("leaf")
        def rounds(n):
            for _ in range(n):
                profile = Profile(threads=True)
                profile.enable()
                threads = [threading.Thread(target=leaf) for _ in range(10)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
                profile.disable()
                del profile
            gc.collect()
        rounds(60)
        before = resident()
        rounds(120)
        answer(resident() - before)
    """)
    assert got < 4_000_000


def test_references_to_code_and_results_are_given_back() -> None:
    got = evaluate("""
        import gc, weakref
        def fresh():
            space = {}
            exec("def made(x): return x", space)
            return space["made"]
        class Payload: pass
        made, payload = fresh(), Payload()
        code, load = weakref.ref(made.__code__), weakref.ref(payload)
        profile = Profile()
        profile.enable()
        made(payload)
        profile.disable()
        stats = profile.getstats()
        del made, payload
        gc.collect()
        held = [code() is not None, load() is None]
        del stats
        profile.clear()
        gc.collect()
        answer([*held, code() is None])
    """)
    # the profile keeps the code object, so that its address isn't another's; clear() lets it go
    assert got == [True, True, True]


def test_code_objects_that_come_and_go_stay_apart() -> None:
    got = evaluate("""
        profile = Profile()
        profile.enable()
        for n in range(2000):
            space = {}
            exec(f"def made_{n}(): pass", space)
            space[f"made_{n}"]()
            del space
        profile.disable()
        names = [e.code.co_name for e in profile.getstats() if getattr(e.code, "co_name", "").startswith("made_")]
        answer([len(names), len(set(names)), {e.callcount for e in profile.getstats() if getattr(e.code, "co_name", "").startswith("made_")} == {1}])
    """)
    assert got == [2000, 2000, True]


MANY = """
    import time
    template = compile("def f(): pass", "<many>", "exec").co_consts[0]
    Function = type(lambda: 0)
    def functions(count):
        return [Function(template.replace(co_firstlineno=n + 1, co_name=f"f{n}"), {}) for n in range(count)]
    def cost(made):
        profile = Profile()
        started = time.process_time()
        profile.enable()
        for function in made: function()
        profile.disable()
        profile.create_stats()
        return time.process_time() - started, len(profile.stats), profile
"""


def test_350_000_functions_neither_crash_nor_go_quadratic() -> None:
    got = evaluate(
        MANY
        + """
    few, _, _ = min(cost(functions(35_000)) [:2] + (None,) for _ in range(2))
    many, rows, profile = cost(functions(350_000))
    import os, tempfile, pstats
    with tempfile.TemporaryDirectory() as folder:
        profile.dump_stats(os.path.join(folder, "out"))
        size = os.path.getsize(os.path.join(folder, "out"))
    answer([few, many, rows, size > 350_000])
    """
    )
    few, many, rows, written = got
    assert rows >= 350_000 and written
    # ten times the work: a quadratic table would take a hundred times as long
    assert many < few * 40, (few, many)


def test_one_function_with_100_000_callees_and_callers() -> None:
    got = evaluate("""
        template = compile("def f(g): g and g(None)", "<many>", "exec").co_consts[0]
        Function = type(lambda: 0)
        made = [Function(template.replace(co_firstlineno=n + 1), {}) for n in range(100_000)]
        def hub(g): pass
        profile = Profile()
        profile.enable()
        for function in made: function(hub)
        profile.disable()
        profile.create_stats()
        row = next(row for (_, _, name), row in profile.stats.items() if name == "hub")
        answer([row[0], len(row[4])])
    """)
    assert got == [100_000, 100_000]


@pytest.mark.skipif(not hasattr(sys, "gettotalrefcount"), reason="only a debug build of Python counts all references")
def test_total_references_are_flat() -> None:
    got = evaluate("""
        import gc, sys
        def leaf(): return len("leaf")
        def rounds(n):
            for _ in range(n):
                profile = Profile()
                profile.enable(); leaf(); profile.disable(); profile.getstats(); profile.create_stats()
            gc.collect()
        def growth():
            before = sys.gettotalrefcount()
            rounds(500)
            return sys.gettotalrefcount() - before
        # The interpreter's own caches fill up now and then; a leak shows each time.
        answer(min(growth() for _ in range(4)))
    """)
    assert got < 100
