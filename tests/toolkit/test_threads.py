"""Several threads under one monitor: each line is recorded, however long its text takes to be found."""

from __future__ import annotations

import sys
import textwrap

import pytest
from running import evaluate

THREADS = 4
#: The loader gives the interpreter to the other threads, as a slow disk or the switch interval would.
PROGRAM = textwrap.dedent(f"""
    import io, sys, threading, time
    from importlib.machinery import ModuleSpec
    from pikos.monitors import api
    from pikos.recorders.api import CSVRecorder, ListRecorder, TextStreamRecorder

    SOURCE = "def work(x):\\n    y = x\\n    return y\\n"
    asked = []

    class Loader:
        def get_source(self, name):
            asked.append(name)
            time.sleep(0.1)
            return SOURCE

    def lead_to(loader, world):
        # The way by which linecache finds sources that are no files: from 3.15 on the second alone.
        world["__loader__"] = loader
        world["__spec__"] = ModuleSpec(world["__name__"], loader)

    def program(name):
        world = {{"__name__": name}}
        lead_to(Loader(), world)
        exec(compile(SOURCE, name + ".py", "exec"), world)
        return world["work"]

    def in_threads(work):
        barrier = threading.Barrier({THREADS})
        def run():
            barrier.wait()
            work(1)
        threads = [threading.Thread(target=run) for _ in range({THREADS})]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
""")


@pytest.mark.parametrize("name", ["LineMonitor", "LineMemoryMonitor", "FocusedLineMonitor", "FocusedLineMemoryMonitor"])
def test_lines_of_a_file_that_all_threads_see_first(name: str) -> None:
    records, asked = evaluate(
        PROGRAM
        + textwrap.dedent(f"""
            work = program("shared")
            more = {{"functions": [work]}} if {name!r}.startswith("Focused") else {{}}
            recorder = ListRecorder()
            with getattr(api, {name!r})(recorder, threads=True, **more):
                in_threads(work)
            answer([[[r.function, r.lineNo, r.line] for r in recorder.records if r.filename == "shared.py"], len(asked)])
        """)
    )
    assert sorted(records) == sorted([["work", 2, "    y = x"], ["work", 3, "    return y"]] * THREADS)
    assert asked > 1, "nobody looked for the source while another did"


@pytest.mark.parametrize("recorder", ["CSVRecorder(out)", "TextStreamRecorder(out, formatted=True)"])
def test_the_same_as_text(recorder: str) -> None:
    text = evaluate(
        PROGRAM
        + textwrap.dedent(f"""
            work = program("shared")
            out = io.StringIO()
            with api.LineMonitor({recorder}, threads=True):
                in_threads(work)
            answer(out.getvalue())
        """)
    )
    lines = [line for line in text.splitlines() if "shared.py" in line]
    assert sum("y = x" in line for line in lines) == sum("return y" in line for line in lines) == THREADS
    assert len(lines) == 2 * THREADS


def test_a_source_that_is_looked_for_again_while_it_is_looked_for() -> None:
    """The loader itself runs what is monitored, in another thread, and waits for it."""
    records = evaluate(
        PROGRAM
        + textwrap.dedent("""
            work = program("nested")
            entered = threading.Event()
            class Nested(Loader):
                def get_source(self, name):
                    if not entered.is_set():
                        entered.set()
                        thread = threading.Thread(target=work, args=(2,))
                        thread.start()
                        thread.join()
                    return SOURCE
            lead_to(Nested(), work.__globals__)
            recorder = ListRecorder()
            with api.LineMonitor(recorder, threads=True):
                work(1)
            answer([[r.lineNo, r.line] for r in recorder.records if r.filename == "nested.py"])
        """)
    )
    assert sorted(records) == sorted([[2, "    y = x"], [3, "    return y"]] * 2)


MISSED = """
    import threading
    from pikos.monitors import api
    from pikos.recorders.api import ListRecorder

    def work(x): return other(x)
    def other(x): return x
    def in_thread(function):
        thread = threading.Thread(target=function, args=(1,))
        thread.start()
        thread.join()
    def missed(monitor, function):
        with monitor:
            work(1)
            in_thread(function)
            in_thread(other)
            during = monitor._native.threads_missed
        in_thread(function)
        return [during, monitor._native.threads_missed]
"""


@pytest.mark.parametrize("name", ["FocusedFunctionMonitor", "FocusedLineMonitor", "FocusedLineMemoryMonitor"])
def test_threads_that_run_a_focused_function_and_are_not_covered_are_counted(name: str) -> None:
    """On 3.11, where nothing tells what other threads run, all that ran are."""
    got = evaluate(
        textwrap.dedent(MISSED)
        + textwrap.dedent(f"""
            def monitor(**more): return api.{name}(ListRecorder(), functions=[work], **more)
            answer([missed(monitor(), work), missed(monitor(), other), missed(monitor(threads=True), work)])
        """)
    )
    exact = sys.version_info >= (3, 12)
    assert got == ([[1, 1], [0, 0], [0, 0]] if exact else [[2, 2], [2, 2], [0, 0]])


def test_a_thread_that_enables_the_monitor_itself_is_not_missed() -> None:
    got = evaluate(
        textwrap.dedent(MISSED)
        + textwrap.dedent("""
            monitor = api.FocusedFunctionMonitor(ListRecorder(), functions=[work])
            def enabling(x):
                for _ in range(2):
                    with monitor: work(x)
            with monitor:
                for _ in range(3): in_thread(enabling)
                answers = [monitor._native.threads_missed]
                in_thread(work)
                answers.append(monitor._native.threads_missed)
            answer([answers, sum(record.function == "work" for record in monitor._recorder.records)])
        """)
    )
    assert got == [[0, 1], 12]


#: Modules that nobody has seen, run by all threads at once, which take turns as often as they can.
FRESH = textwrap.dedent("""
    import contextlib, io, sys, threading
    from pikos.api import monitor_class
    from pikos.recorders.api import CSVRecorder, ListRecorder

    MODULES, FUNCTIONS, THREADS = 25, 8, 4

    class Own(ListRecorder):
        def __init__(self, filter_=None):
            super().__init__(filter_)
            self.seen = []
        def record(self, data):
            self.seen.append(data)

    class Gathering:
        def gather_info(self, *arguments):
            return super().gather_info(*arguments)

    class Loader:
        def get_source(self, name): return SOURCE

    SOURCE = "\\n".join(f"def f{k}(x):\\n    y = x\\n    return y" for k in range(FUNCTIONS))

    def fresh(prefix):
        from importlib.machinery import ModuleSpec
        for number in range(MODULES):
            name = f"{prefix}{number}"
            world = {"__name__": name, "__loader__": Loader(), "__spec__": ModuleSpec(name, Loader())}
            exec(compile(SOURCE, f"<{name}>", "exec"), world)
            yield [world[f"f{k}"] for k in range(FUNCTIONS)]

    def run(monitor, modules):
        barrier = threading.Barrier(THREADS)
        def work():
            for functions in modules:
                barrier.wait()
                for function in functions: function(1)
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        try:
            with monitor:
                threads = [threading.Thread(target=work) for _ in range(THREADS)]
                for thread in threads: thread.start()
                for thread in threads: thread.join()
        finally:
            sys.setswitchinterval(before)

    def records_of(kind, make, prefix):
        modules = list(fresh(prefix))
        recorder = make()
        base = monitor_class(kind)
        if make is gathering:
            base = type("Gathers", (Gathering, base), {})
        run(base(recorder, threads=True), modules)
        return getattr(recorder, "seen", recorder.records)

    def plain(): return ListRecorder()
    def own(): return Own()
    def filtered(): return ListRecorder(lambda record: record.index >= 0)
    def gathering(): return ListRecorder()
""")


@pytest.mark.parametrize("kind", ["function", "line", "function_memory", "line_memory"])
def test_four_threads_on_fresh_modules_at_the_shortest_switch_interval(kind: str) -> None:
    for own, total, unique, ordered, told in evaluate(
        FRESH
        + textwrap.dedent(f"""
            answers = []
            for make in (plain, own, filtered, gathering):
                with contextlib.redirect_stderr(io.StringIO()) as err:
                    records = records_of({kind!r}, make, make.__name__)
                numbers = [record.index for record in records]
                mine = sum(record.filename.startswith(f"<{{make.__name__}}") for record in records)
                answers.append([mine, len(numbers), len(set(numbers)), numbers == sorted(numbers) or make is not plain, err.getvalue()])
            answer(answers)
        """)
    ):
        # Two lines, or call and return, of each function in each thread.
        assert own == 2 * 25 * 8 * THREADS
        assert unique == total, "two records have the same number"
        assert ordered and not told
