"""The monitors' records are those of monitors in plain Python, on programs made at random."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import threading
from typing import Any

import pytest
from pikos.api import monitor_class
from pikos.filters import NotOnValue, OnChange, OnValue
from pikos.monitors.records import FunctionMemoryRecord, FunctionRecord, LineMemoryRecord, LineRecord
from pikos.recorders.abstract_recorder import AbstractRecorder
from pikos.recorders.api import CSVFileRecorder, CSVRecorder, ListRecorder, TextFileRecorder, TextStreamRecorder
from reference_monitor import Reference, load, make_program, monitored, rows_of

pytestmark = pytest.mark.in_process

SEEDS = range(30)
RECORD_TYPES = {
    "function": FunctionRecord,
    "line": LineRecord,
    "function_memory": FunctionMemoryRecord,
    "line_memory": LineMemoryRecord,
}
KINDS = list(RECORD_TYPES)


class Plain(AbstractRecorder):
    """A recorder in Python: every record goes through the slow path."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def prepare(self, record: Any) -> None:
        pass

    def finalize(self) -> None:
        pass

    def record(self, data: Any) -> None:
        self.records.append(data)


def kind_of(monitor: str) -> str:
    return monitor.removesuffix("_memory")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recorder", [ListRecorder, Plain])
def test_records_are_the_references(kind: str, recorder: type[Any]) -> None:
    for seed in SEEDS:
        filename = f"<program {seed}>"
        main = load(make_program(seed), filename)["main"]
        reference = Reference(kind_of(kind), filename)
        expected = monitored(reference, main)
        recorded = recorder()
        assert monitored(monitor_class(kind)(recorded), main) == expected
        assert rows_of(recorded.records, filename) == reference.rows, f"seed {seed}"
        assert {type(record) for record in recorded.records} == {RECORD_TYPES[kind]}
        indices = [record.index for record in recorded.records]
        assert indices == sorted(set(indices))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recorder", [ListRecorder, Plain])
def test_focused_records_are_the_references(kind: str, recorder: type[Any]) -> None:
    for seed in SEEDS:
        filename = f"<program {seed}>"
        program = load(make_program(seed), filename)
        functions = [program[name] for name in ("function_1", "generator", "recursive", "double")]
        reference = Reference(kind_of(kind), filename, [function.__code__ for function in functions])
        monitored(reference, program["main"])
        recorded = recorder()
        monitor = monitor_class(kind, focused=True)(recorded, functions=functions)
        monitored(monitor, program["main"])
        monitored(monitor, program["main"])
        assert rows_of(recorded.records, filename) == reference.rows * 2, f"seed {seed}"


@pytest.mark.parametrize("kind", KINDS)
def test_a_focus_on_little_that_is_entered_late(kind: str) -> None:
    source = """
def small(n):
    return len([n])

def around(n):
    for i in range(n):
        abs(i)

def main():
    small(1)
    around(3000)
    small(2)
    around(3000)
    return small(3)
"""
    program = load(source, "<late>")
    recorded = ListRecorder()
    monitored(monitor_class(kind, focused=True)(recorded, functions=[program["small"]]), program["main"])
    per_call = 1 if kind_of(kind) == "line" else 4
    assert len(recorded.records) == 3 * per_call
    assert {record.function for record in recorded.records} == ({"small"} if per_call == 1 else {"small", "len"})


def filters() -> dict[str, Any]:
    return {
        "value": OnValue("function", "double", "generator", "len"),
        "not value": NotOnValue("lineNo", 13, 14, 15, 16, 17, 25, 26),
        "change": OnChange("function"),
        "python": lambda record: record.lineNo % 2 == 0,
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", list(filters()))
def test_filters_keep_what_they_keep_in_python(kind: str, name: str) -> None:
    for seed in list(SEEDS)[:10]:
        filename = f"<program {seed}>"
        main = load(make_program(seed), filename)["main"]
        plain = Plain()
        monitored(monitor_class(kind)(plain), main)
        in_python = filters()[name]
        expected = [record for record in plain.records if in_python(record)]
        recorded = ListRecorder(filter_=filters()[name])
        monitored(monitor_class(kind)(recorded), main)
        assert rows_of(recorded.records, filename) == rows_of(expected, filename)
        assert [record.index for record in recorded.records] == [record.index for record in expected]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "csv_kwargs",
    [
        {},
        {"delimiter": ";"},
        {"quoting": csv.QUOTE_ALL},
        {"quotechar": "'"},
        {"lineterminator": "\n"},
        {"quoting": csv.QUOTE_NONNUMERIC},
        {"escapechar": "\\", "doublequote": False},
    ],
)
def test_csv_is_what_pythons_writer_writes(kind: str, csv_kwargs: dict[str, Any], tmp_path: Any) -> None:
    filename = "<a \"program\", 'quoted'; with signs>"
    main = load(make_program(1), filename)["main"]
    plain = Plain()
    monitored(monitor_class(kind)(plain), main)
    stream = io.StringIO()
    monitored(monitor_class(kind)(CSVRecorder(stream, **csv_kwargs)), main)
    monitored(monitor_class(kind)(CSVFileRecorder(tmp_path / "x.csv", **csv_kwargs)), main)
    written = (tmp_path / "x.csv").read_bytes().decode()
    for text in (stream.getvalue(), written):
        with_python = io.StringIO()
        writer = csv.writer(with_python, **csv_kwargs)
        writer.writerow(RECORD_TYPES[kind]._fields)
        # Memory is not the same twice.
        reader = {"delimiter": csv_kwargs.get("delimiter", ","), "quotechar": csv_kwargs.get("quotechar", '"')}
        reader |= {name: csv_kwargs[name] for name in ("escapechar", "doublequote") if name in csv_kwargs}
        rows = list(csv.reader(io.StringIO(text, newline=""), **reader))[1:]
        for row, record in zip(rows, plain.records, strict=True):
            values = record._asdict()
            for name in {"RSS", "VMS"} & set(values):
                values[name] = int(row[list(values).index(name)])
            writer.writerow(values.values())
        assert text == with_python.getvalue()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("formatted", [False, True])
def test_text_is_what_str_format_writes(kind: str, formatted: bool, tmp_path: Any) -> None:
    filename = "<späte Übung>"
    main = load(make_program(2), filename)["main"]
    plain = Plain()
    monitored(monitor_class(kind)(plain), main)
    stream = io.StringIO()
    monitored(monitor_class(kind)(TextStreamRecorder(stream, formatted=formatted)), main)
    monitored(monitor_class(kind)(TextFileRecorder(tmp_path / "x.log", formatted=formatted)), main)
    record_type = RECORD_TYPES[kind]
    template = record_type.line if formatted else " ".join(["{}"] * len(record_type._fields))
    for text in (stream.getvalue(), (tmp_path / "x.log").read_text()):
        lines = text.split("\n")
        assert lines.pop() == ""
        header = record_type.header if formatted else template
        assert lines.pop(0) == header.format(*record_type._fields)
        assert len(lines) == len(plain.records)
        if "memory" not in kind:
            assert lines == [template.format(*record) for record in plain.records]
        else:
            assert all(record.filename in line for record, line in zip(plain.records, lines, strict=True))


@pytest.mark.parametrize("filter_", [None, lambda record: True])
def test_a_line_of_text_holds_no_command_to_a_terminal(filter_: Any, tmp_path: Any) -> None:
    name = "ev\x1b[2J\nil\u202e"
    shown = "ev\\u{1b}[2J\\nil\\u{202e}"
    main = load("def main():\n\tx = '\t\x9b'\n", name)["main"]
    for kind in ("function", "line"):
        stream = io.StringIO()
        monitored(monitor_class(kind)(TextStreamRecorder(stream, filter_)), main)
        monitored(monitor_class(kind)(TextFileRecorder(tmp_path / kind, filter_)), main)
        assert stream.getvalue() == (tmp_path / kind).read_text()
        lines = [line for line in stream.getvalue().split("\n") if "monitored" not in line][1:-1]
        assert lines and all(shown in line for line in lines), lines
        if kind == "line":
            # Tabs are how code is indented.
            assert "\tx = '\t\\u{9b}'" in lines[0]


def test_monitors_nest() -> None:
    main = load(make_program(3), "<nested>")["main"]
    outer, inner, lines = ListRecorder(), ListRecorder(), ListRecorder()
    alone, alone_lines = ListRecorder(), ListRecorder()
    monitored(monitor_class("function")(alone), main)
    monitored(monitor_class("line")(alone_lines), main)
    with monitor_class("function")(outer), monitor_class("line")(lines):
        with monitor_class("function_memory")(inner):
            main()
        main()
    assert rows_of(outer.records, "<nested>") == rows_of(alone.records, "<nested>") * 2
    assert rows_of(inner.records, "<nested>") == rows_of(alone.records, "<nested>")
    assert rows_of(lines.records, "<nested>") == rows_of(alone_lines.records, "<nested>") * 2


def test_enabling_twice_takes_disabling_twice() -> None:
    main = load(make_program(4), "<twice>")["main"]
    recorder = ListRecorder()
    monitor = monitor_class("function")(recorder)
    monitor.enable()
    with monitor:
        main()
    once = len(rows_of(recorder.records, "<twice>"))
    main()
    monitor.disable()
    main()
    assert len(rows_of(recorder.records, "<twice>")) == 2 * once > 0
    monitor.disable()
    assert len(rows_of(recorder.records, "<twice>")) == 2 * once


@pytest.mark.parametrize("kind", KINDS)
def test_one_threads_events_or_all(kind: str) -> None:
    main = load(make_program(5), "<threads>")["main"]
    alone = ListRecorder()
    monitored(monitor_class(kind)(alone), main)
    once = rows_of(alone.records, "<threads>")

    def in_three_threads() -> None:
        threads = [threading.Thread(target=main) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    one, all_of_them = ListRecorder(), ListRecorder()
    with monitor_class(kind)(one):
        in_three_threads()
        main()
    assert rows_of(one.records, "<threads>") == once
    with monitor_class(kind)(all_of_them, threads=True):
        in_three_threads()
        main()
    recorded = rows_of(all_of_them.records, "<threads>")
    assert sorted(recorded) == sorted(once * 4)


def test_decorated_in_several_threads() -> None:
    recorder = ListRecorder()
    monitor = monitor_class("function")(recorder)
    barrier = threading.Barrier(3)

    @monitor.attach
    def work() -> None:
        barrier.wait()
        len([])
        barrier.wait()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        sum(
            record.function == "len" and record.type == "c_call" and record.filename == __file__
            for record in recorder.records
        )
        == 3
    )


def test_tasks_are_told_apart() -> None:
    recorder = ListRecorder()
    monitor = monitor_class("function")(recorder)

    async def noise() -> None:
        for _ in range(5):
            len("noise")
            await asyncio.sleep(0)

    @monitor.attach
    async def watched() -> int:
        for _ in range(5):
            await asyncio.sleep(0)
        return abs(-5)

    async def both() -> int:
        return (await asyncio.gather(noise(), watched()))[1]

    assert asyncio.run(both()) == 5
    functions = {record.function for record in recorder.records}
    assert "abs" in functions and "len" not in functions and "noise" not in functions


@pytest.mark.parametrize("first", [0, 98_765, 99_999_000, 9_999_999_990, 999_999_999_999_000])
def test_indices_of_many_records(first: int, tmp_path: Any) -> None:
    recorder = CSVFileRecorder(tmp_path / "x.csv", filter_=OnValue("function", "abs"))
    with monitor_class("function")(recorder) as monitor:
        monitor._native.index = first
        for number in range(6000):
            abs(number)
            if number % 700 == 0:
                str.title("a gap in the indices")
    with open(tmp_path / "x.csv", newline="", encoding="utf-8") as stream:
        indices = [int(row["index"]) for row in csv.DictReader(stream)]
    assert len(indices) == 12_000 and first <= indices[0] <= first + 3
    # abs is called and returns; nine times there is another call and its return between two of them.
    steps = [after - before for before, after in itertools.pairwise(indices)]
    assert sorted(set(steps)) == [1, 3] and steps.count(3) == 9
