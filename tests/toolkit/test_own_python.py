"""Monitors that call Python of the user's own get what `sys.setprofile` gives, and nothing ends the interpreter.

Each runs in a process of its own: what went wrong here was a crash.
"""

from __future__ import annotations

import textwrap

import pytest
from running import evaluate

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
