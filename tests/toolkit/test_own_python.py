"""Monitors that call Python of the user's own get what `sys.setprofile` gives, and nothing ends the interpreter.

Each runs in a process of its own: what went wrong here was a crash.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from running import evaluate, python

#: One call of each calling convention, receivers that are None and classes among them.
PROGRAM = textwrap.dedent("""
    import array, asyncio, collections, datetime, re, zlib

    PATTERN, DEFLATE, QUEUE, ARRAY = re.compile("a"), zlib.compressobj(), collections.deque([1]), array.array("b")

    class Derived(list):
        pass

    async def coroutine():
        await asyncio.sleep(0)

    def main():
        PATTERN.match("a")
        PATTERN.sub("b", string="a")
        DEFLATE.compress(b"x")
        DEFLATE.copy()
        ARRAY.extend([1])
        QUEUE.rotate(1)
        [].append(1)
        Derived().append(1)
        Derived().sort(key=len)
        {}.get(1)
        "a b".split(maxsplit=1)
        "{}".format(1)
        (1).bit_length()
        (1).to_bytes(length=2, byteorder="big")
        datetime.date(2000, 1, 1).replace(year=2001)
        None.__sizeof__()
        type.mro(int)
        int.__subclasses__()
        str.upper("a")
        dict.fromkeys("a")
        len("a")
        try:
            bytes.find(b"a", [])
        except TypeError:
            pass
        try:
            str.upper()
        except TypeError:
            pass
        try:
            str.upper(1)
        except TypeError:
            pass
        asyncio.run(coroutine())

    main()
""")

SEEN = """
    def seen(frame, event, arg):
        if event.startswith("c_") and frame.f_code.co_filename == "<program>":
            owner = getattr(arg, "__self__", "unbound")
            rows.append([event, arg.__name__, type(arg).__name__, type(owner).__name__, frame.f_lineno])
    code = compile(PROGRAM, "<program>", "exec")
    exec(code, {})
    rows = []
"""


def test_a_method_gets_what_sys_setprofile_gives() -> None:
    plain = evaluate(
        f"PROGRAM = {PROGRAM!r}"
        + textwrap.dedent(
            SEEN + "    sys.setprofile(seen)\n    exec(code, {})\n    sys.setprofile(None)\n    answer(rows)"
        )
    )
    ours = evaluate(
        f"PROGRAM = {PROGRAM!r}"
        + textwrap.dedent(SEEN)
        + textwrap.dedent("""
            from pikos.monitors.api import FunctionMonitor
            from pikos.recorders.api import ListRecorder

            class Own(FunctionMonitor):
                def on_function_event(self, frame, event, arg):
                    seen(frame, event, arg)

            with Own(ListRecorder()):
                exec(code, {})
            answer(rows)
        """)
    )
    assert ours == plain
    assert {row[2] for row in plain} >= {"builtin_function_or_method", "builtin_method"}
    assert ["c_call", "__sizeof__", "builtin_function_or_method", "NoneType"] in [row[:4] for row in plain]


OWN = {
    "recorder": "monitor(Own())",
    "filter": "monitor(ListRecorder(filter_=lambda record: True))",
    "filter for a file": "monitor(CSVRecorder(io.StringIO(), filter_=lambda record: True))",
    "dialect": "monitor(CSVRecorder(io.StringIO(), escapechar='!'))",
    "record type": "monitor(ListRecorder(), record_type=Record)",
}


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize(
    "name", ["FunctionMonitor", "FunctionMemoryMonitor", "FocusedFunctionMonitor", "FocusedFunctionMemoryMonitor"]
)
def test_every_way_to_have_python_called_survives_every_call(name: str, own: str) -> None:
    events, lost = evaluate(
        f"PROGRAM, NAME, MAKE = {PROGRAM!r}, {name!r}, {OWN[own]!r}\n"
        + textwrap.dedent("""
            import collections, io
            from pikos.monitors import api, records
            from pikos.recorders.api import CSVRecorder, ListRecorder

            world = {}
            exec(compile(PROGRAM, "<program>", "exec"), world)
            counted = []

            class Own(ListRecorder):
                def record(self, data):
                    counted.append(data)

            fields = (records.FunctionMemoryRecord if "Memory" in NAME else records.FunctionRecord)._fields
            Record = collections.namedtuple("Record", fields)

            def monitor(recorder, **more):
                if NAME.startswith("Focused"):
                    more["functions"] = [world["main"]]
                return getattr(api, NAME)(recorder, **more)

            made = eval(MAKE)
            with made:
                world["main"]()
            answer([made._index, getattr(made._native, "errors", 0)])
        """)
    )
    assert events > 100 and lost == 0


RECORDS = textwrap.dedent("""
    import collections, io, json
    from pikos.api import monitor_class
    from pikos.recorders.api import CSVRecorder, ListRecorder, TextStreamRecorder
    from support.reference_monitor import load, make_program, monitored, rows_of

    class Own(ListRecorder):
        def __init__(self):
            super().__init__()
            self.seen = []
        def record(self, data):
            self.seen.append(data)

    def recorded(kind, focused, recorder, **more):
        main = load(make_program(3), "<own>")["main"]
        if focused:
            more["functions"] = [main.__globals__[name] for name in ("function_1", "generator", "recursive", "double")]
        monitor = monitor_class(kind, focused=focused)(recorder, **more)
        monitored(monitor, main)
        return monitor, [record for record in getattr(recorder, "seen", recorder.records) if record.filename == "<own>"]

    def without_memory(record):
        return [value for name, value in zip(type(record)._fields, record) if name not in ("RSS", "VMS")]
""")


@pytest.mark.parametrize("focused", [False, True])
@pytest.mark.parametrize("kind", ["function", "line", "function_memory", "line_memory"])
def test_own_python_gets_the_records_that_native_recorders_have(kind: str, focused: bool) -> None:
    """A recorder, a filter and record types of the user's own: the same records, of the same types, with the same numbers."""
    expected, *others = evaluate(
        RECORDS
        + textwrap.dedent(f"""
            kind, focused = {kind!r}, {focused}
            first, records = recorded(kind, focused, ListRecorder())
            own_type = first._own_record_type

            class Eager(own_type):
                made = 0
                def __new__(cls, *values):
                    Eager.made += 1
                    return super().__new__(cls, *values)

            Renamed = collections.namedtuple("Renamed", [*("index type function".split() if "function" == kind.split("_")[0]
                else "index function lineNo".split()), *(f"x{{n}}" for n in range(len(own_type._fields) - 4)), "filename"])
            Same = collections.namedtuple("Same", own_type._fields)

            asked = []
            def keep(record):
                asked.append(record)
                return True

            answers = [[without_memory(record) for record in records]]
            for recorder, record_type, wanted in [
                (Own(), None, own_type), (ListRecorder(filter_=keep), None, own_type), (Own(), Eager, Eager), (ListRecorder(), Eager, Eager),
                (ListRecorder(keep), Eager, Eager), (Own(), Same, Same), (ListRecorder(), Same, Same), (ListRecorder(keep), Same, Same),
                (Own(), Renamed, Renamed), (ListRecorder(), Renamed, Renamed), (ListRecorder(keep), Renamed, Renamed),
            ]:
                _, records = recorded(kind, focused, recorder, record_type=record_type)
                assert {{type(record) for record in records}} == {{wanted}}, (recorder, record_type)
                if wanted is Renamed:
                    records = [own_type(*record) for record in records]
                answers.append([without_memory(record) for record in records])
            assert asked and Eager.made
            assert {{type(record) for record in asked}} == {{own_type, Eager, Same, Renamed}}
            answer(answers)
        """)
    )
    # Other monitors, recorders and filters of ours are no events.
    assert expected and len(others) == 11
    for other in others:
        first = other[0][0] - expected[0][0]
        assert [[row[0] - first, *row[1:]] for row in other] == expected


@pytest.mark.parametrize("method", ["gather_info", "on_event"])
@pytest.mark.parametrize("kind", ["function", "line"])
def test_methods_of_ones_own_beside_a_focus(kind: str, method: str) -> None:
    """`gather_info` is called inside of the focus alone; `on_…_event` for all events, since it decides."""
    inside, outside, recorded, numbers = evaluate(
        textwrap.dedent(f"""
            from pikos.api import monitor_class
            from pikos.recorders.api import ListRecorder

            def inside(): return 1
            def outside(): return 2
            seen = []
            base = monitor_class({kind!r}, focused=True)

            class Gathering(base):
                def gather_info(self, frame, *more):
                    seen.append(frame.f_code.co_name)
                    return super().gather_info(frame, *more)

            class Deciding(base):
                def on_{kind}_event(self, frame, event, arg):
                    seen.append(frame.f_code.co_name)
                    return super().on_{kind}_event(frame, event, arg)

            kind = Gathering if {method!r} == "gather_info" else Deciding
            recorder = ListRecorder()
            with kind(recorder, functions=[inside]):
                outside()
                inside()
                outside()
            answer([seen.count("inside"), seen.count("outside"), [record.function for record in recorder.records],
                    [record.index for record in recorder.records]])
        """)
    )
    assert recorded == ["inside"] * (2 if kind == "function" else 1)
    assert inside == len(recorded) and numbers == list(range(len(recorded)))
    assert (outside == 0) == (method == "gather_info")


def test_a_filter_and_a_recorder_that_raise_lose_their_record_alone() -> None:
    kept, indices, told = evaluate(
        textwrap.dedent("""
            import contextlib, io
            from pikos.monitors.api import FunctionMonitor
            from pikos.recorders.api import ListRecorder

            def keep(record):
                if record.type == "c_call": raise ZeroDivisionError("the filter")
                return True

            recorder, err = ListRecorder(keep), io.StringIO()
            with contextlib.redirect_stderr(err), FunctionMonitor(recorder):
                abs(-1), abs(-2), abs(-3)
            records = [record for record in recorder.records if record.function == "abs"]
            answer([[record.type for record in records], [record.index for record in records], err.getvalue()])
        """)
    )
    assert kept == ["c_return"] * 3 and indices == [indices[0], indices[0] + 2, indices[0] + 4]
    assert told.count("ZeroDivisionError: the filter") == 1 and "3 records were lost" in told


def test_the_focus_follows_its_functions() -> None:
    """What is added and taken away while a monitor is enabled counts from then on, inside of the focus as well."""
    for_functions, for_lines = evaluate(
        textwrap.dedent("""
            from pikos.api import monitor_class
            from pikos.recorders.api import ListRecorder

            class Own(ListRecorder):
                def record(self, data): super().record(data)

            def inner(): return 1
            def outer(change):
                change()
                return inner()

            def run(kind, recorder):
                monitor = monitor_class(kind, focused=True)(recorder, functions=[])
                names = []
                with monitor:
                    inner()
                    monitor.functions.add(inner)
                    inner()
                    monitor.functions.add(outer)
                    outer(lambda: None)
                    monitor.functions.discard(inner)
                    inner()
                    outer(lambda: monitor.functions.discard(outer))
                    inner()
                    monitor.functions.add(inner)
                    inner()
                return [record.function for record in recorder.records if record.filename == "<string>"]

            answer([[run(kind, recorder) for recorder in (ListRecorder(), Own())] for kind in ("function", "line")])
        """)
    )
    lines = ["inner", "outer", "<lambda>", "outer", "inner", "outer", "inner"]
    assert for_lines[0] == [name for name in lines if name != "<lambda>"] and for_lines[1] == for_lines[0]
    assert for_functions[0] == for_functions[1]
    calls = [name for name in for_functions[0] if name != "<lambda>"]
    # outer's second return is no event any more: it is no function of the focus then.
    assert calls == ["inner"] * 2 + ["outer", "inner", "inner", "outer"] + ["outer"] + ["inner"] * 2


@pytest.mark.parametrize("kind", ["function", "line", "function_memory", "line_memory"])
def test_code_that_the_program_makes_and_forgets_is_let_go(kind: str) -> None:
    alive, blocks = evaluate(
        textwrap.dedent(f"""
            import sys, weakref
            from pikos.api import monitor_class
            from pikos.monitors._line_report import Report, Wanted
            from pikos.recorders.api import CSVFileRecorder

            def run(count, codes):
                for number in range(count):
                    code = compile(f"a = {{number}}\\ndef f(): return {{number}}\\nf()", "<made>", "exec")
                    codes.append(weakref.ref(code))
                    exec(code, {{}})

            def measured(monitor):
                codes = []
                with monitor:
                    run(300, [])
                    before = sys.getallocatedblocks()
                    run(3000, codes)
                    blocks = sys.getallocatedblocks() - before - 2 * len(codes)
                    alive = sum(code() is not None for code in codes)
                return alive, blocks / 3000

            monitors = [monitor_class({kind!r})(CSVFileRecorder("/dev/null"))]
            if "line" in {kind!r}:
                monitors.append(monitor_class({kind!r})(CSVFileRecorder("/dev/null")))
                Report(Wanted("memory" in {kind!r}), []).attach_to(monitors[1])
            found = [measured(monitor) for monitor in monitors]
            answer([max(alive for alive, _ in found), max(blocks for _, blocks in found)])
        """)
    )
    # The last one may be referred to by the loop.
    assert alive <= 1 and blocks < 1, (alive, blocks)


def test_names_that_are_not_utf8_are_as_the_program_has_them() -> None:
    name, filename, kept, text, seen = evaluate(
        textwrap.dedent("""
            import io
            from pikos.filters import OnValue
            from pikos.monitors.api import FunctionMonitor
            from pikos.recorders.api import CSVRecorder, ListRecorder

            def odd(): pass
            odd.__code__ = odd.__code__.replace(co_name="o\\udc80d", co_filename="caf\\udce9.py")
            class Own(ListRecorder):
                def record(self, data): super().record(data)
            recorder, own, chosen, stream = ListRecorder(), Own(), ListRecorder(OnValue("filename", "caf\\udce9.py")), io.StringIO()
            for each in (recorder, own, chosen, CSVRecorder(stream)):
                with FunctionMonitor(each): odd()
            found = next(record for record in recorder.records if record.filename.startswith("caf"))
            answer([ascii(found.function), ascii(found.filename), len(chosen.records), ascii(stream.getvalue()),
                    ascii(next(record.filename for record in own.records if record.filename.startswith("caf")))])
        """)
    )
    assert (name, filename, seen) == (r"'o\udc80d'", r"'caf\udce9.py'", r"'caf\udce9.py'")
    assert kept == 2 and "\\ufffd" in text


FORKS = """\
import os, signal, sys

def before(): return signal.getsignal(signal.SIGTERM)
os.register_at_fork(after_in_child=lambda: [before() for _ in range(5)])

def in_parent(): pass
def in_child(): pass

from pikos.monitors.api import FunctionMonitor
from pikos.recorders.api import TextFileRecorder
with FunctionMonitor(TextFileRecorder("records.txt", auto_flush=True)):
    in_parent()
    pid = os.fork()
    if pid == 0:
        in_child()
        os._exit(0)
    os.waitpid(pid, 0)
    in_parent()
"""


def test_a_forked_child_writes_nothing_into_its_parents_file(tmp_path: Path) -> None:
    """Not what runs in it before it is told that it is one, either."""
    python(["-W", "ignore", "-c", FORKS], cwd=tmp_path).succeeded()
    rows = [line.split() for line in (tmp_path / "records.txt").read_text().splitlines()[1:]]
    assert [int(row[0]) for row in rows] == list(range(len(rows)))
    assert [row[2] for row in rows].count("in_parent") == 4
    assert not {row[2] for row in rows} & {"in_child", "before", "<lambda>", "getsignal"}


def test_what_threads_true_takes_is_no_event() -> None:
    first = evaluate(
        textwrap.dedent("""
            from pikos.monitors.api import FunctionMonitor
            from pikos.recorders.api import ListRecorder
            recorder = ListRecorder()
            with FunctionMonitor(recorder, threads=True): abs(-1)
            answer([record.function for record in recorder.records])
        """)
    )
    assert "abs" in first and not [name for name in first if "profile" in name or "trace" in name]


DAEMONS = """\
import threading, time
from pikos.monitors.api import FunctionMonitor
from pikos.recorders.api import ListRecorder

class Own(ListRecorder):
    def record(self, data):
        for _ in range(20): pass

def work(): pass
def run():
    while True: work()

FunctionMonitor(Own(), threads=True).enable()
for _ in range(3): threading.Thread(target=run, daemon=True).start()
time.sleep(0.3)
print("ended")
"""


def test_threads_that_outlive_the_program_end_with_it() -> None:
    """Up to 3.13 CPython unwinds their stacks."""
    assert python(["-c", DAEMONS]).succeeded().out == "ended\n"
