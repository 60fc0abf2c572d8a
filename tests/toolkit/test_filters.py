"""Filters by expression, pattern and own code, and what combines them: natively they keep what they keep when Python calls them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pikos.api import monitor_class
from pikos.filters import (
    And,
    Compare,
    Glob,
    Matches,
    Not,
    NotOnValue,
    OnChange,
    OnValue,
    Or,
    OwnCode,
    parse,
)
from pikos.filters.expression import ExpressionError
from pikos.recorders.api import ListRecorder
from reference_monitor import load, make_program, monitored
from running import pikos_run, python

pytestmark = pytest.mark.in_process

KINDS = ["function", "line", "function_memory", "line_memory"]

FILTERS = {
    "matches": lambda: Matches("function", "^(double|gen)"),
    "matches compiled": lambda: Matches("filename", re.compile("PROGRAM", re.IGNORECASE)),
    "matches a number": lambda: Matches("lineNo", "[02468]$"),
    "glob": lambda: Glob("function", "d*e", "ma?n"),
    "own": OwnCode,
    "less": lambda: Compare("lineNo", "<", 10),
    "at least": lambda: Compare("index", ">=", 20),
    "and": lambda: Matches("filename", "program") & Compare("lineNo", ">", 5),
    "or": lambda: OnValue("function", "double") | Glob("function", "main"),
    "not": lambda: ~OnValue("function", "double"),
    "change inside": lambda: And(Matches("filename", "program"), OnChange("lineNo")),
    "nested": lambda: Not(Or(And(OnValue("lineNo", 3, 4), Matches("function", "o")), NotOnValue("filename", "x"))),
    "nothing": lambda: Or(),
    "all": lambda: And(),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FILTERS)
def test_natively_as_in_python(kind: str, name: str) -> None:
    native, called = FILTERS[name](), FILTERS[name]()
    for seed in range(3):
        main = load(make_program(seed), f"<program {seed}>")["main"]
        by_native = ListRecorder(filter_=native)
        monitored(monitor_class(kind)(by_native), main)
        everything = ListRecorder()
        monitored(monitor_class(kind)(everything), main)
        own = [each for each in everything.records if each.filename == f"<program {seed}>"]
        kept = [each for each in by_native.records if each.filename == f"<program {seed}>"]
        if name != "change inside":
            assert [each.index for each in kept] == [each.index for each in own if called(each)]
        assert by_native._sink is not None


def test_they_are_native() -> None:
    """None of them is called."""
    for make in FILTERS.values():
        recorder = ListRecorder(filter_=make())
        recorder.prepare(monitor_class("function")._own_record_type)  # type: ignore[attr-defined]
        assert recorder._native_sink() is not None
    recorder = ListRecorder(filter_=OnValue("function", "x") & (lambda record: True))
    recorder.prepare(monitor_class("function")._own_record_type)  # type: ignore[attr-defined]
    assert recorder._native_sink() is None


def test_any_function_may_stand_among_them() -> None:
    recorder = ListRecorder(filter_=Matches("function", "abs") & (lambda record: record.type == "c_call"))
    with monitor_class("function")(recorder):
        abs(1)
    assert [(each.type, each.function) for each in recorder.records] == [("c_call", "abs")]
    with pytest.raises(TypeError):
        OnValue("function", "x") & 3  # type: ignore[operator]


class Record:
    filename = "/work/app/src/load.py"
    function = "load"
    lineNo = 7


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("src/*.py", True),
        ("app/*", True),
        ("load.py", True),
        ("oad.py", False),
        ("/work/*", True),
        ("/src/*", False),
        ("*/src/*", True),
        ("src", False),
    ],
)
def test_patterns_of_files_begin_at_a_folder(pattern: str, matches: bool) -> None:
    assert Glob("filename", pattern)(Record()) is matches


def test_own_code(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import json\ndef mine():\n    json.dumps([1])\nmine()\n")
    command = ["-m", "pikos.runner", "functions", "--filter", "own and type ~ ^call", "-o", "x.csv", "program.py"]
    python(command, cwd=tmp_path).succeeded()
    lines = (tmp_path / "x.csv").read_text().splitlines()[1:]
    assert [line.split(",")[2] for line in lines] == ["<module>", "mine"]


EXPRESSIONS: list[tuple[str, Any]] = [
    ("filename ~ src/", True),
    ("filename !~ src/", False),
    ("function = load", True),
    ("function != load", False),
    ("lineNo = 7", True),
    ("lineNo != 7", False),
    ("lineNo < 7", False),
    ("lineNo <= 7 and lineNo>=7", True),
    ("lineNo > 1000 or function ~ ^(lo|x)ad$", True),
    ("not function = load or lineNo = 8", False),
    ("not (function = load and lineNo = 8)", True),
    ("filename glob src/*.py", True),
    ("filename glob 'src/*.txt'", False),
    ('function = "load"', True),
    ("own", True),
    ("not own", False),
    ("(own)and(function=load)", True),
    ("lineNo = 1 or lineNo = 2 and lineNo = 3 or function = load", True),
]


@pytest.mark.parametrize(("text", "kept"), EXPRESSIONS)
def test_expressions(text: str, kept: bool) -> None:
    assert parse(text)(Record()) is kept


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ("", "expected a field, own, not or (", 0),
        ("filename", "expected ~, =, <, > or glob", 8),
        ("filename ~", "a value is missing", 10),
        ("filename ~ [a", "no regular expression: unterminated character set", 11),
        ("filename ~ 'a", "this quote is not closed", 11),
        ("filename ~ a b", "expected and, or, or the end", 13),
        ("(own", "expected )", 4),
        ("own)", "expected and, or, or the end", 3),
        ("own and", "expected a field, own, not or (", 7),
        ("lineNo = x", "lineNo is a number", 9),
        ("function < 3", "function is a text: < is for numbers", 0),
        ("(" * 60 + "own" + ")" * 60, "too many brackets and nots in each other", 50),
        ("colour = 3", "records have no field colour: they have filename, lineNo", 0),
        ("own and depth < 3", "records have no field depth: add --fields +depth", 8),
    ],
)
def test_wrong_expressions_say_where(text: str, reason: str, place: int) -> None:
    fields = ["filename", "lineNo"] if text.split()[:1] == ["colour"] or "depth" in text else None
    with pytest.raises(ExpressionError) as error:
        parse(text, fields)
    assert (error.value.reason, error.value.place) == (reason, place)
    assert str(error.value).splitlines()[1:] == [f"    {text}", f"    {' ' * place}^"]


def test_the_command_says_where(tmp_path: Path) -> None:
    run = pikos_run(tmp_path, "lines", "--filter", "own and depth < 3", "x.py")
    assert run.code == 2
    lines = run.err.splitlines()
    assert lines[-3].endswith("--filter: records have no field depth: add --fields +depth")
    assert lines[-2:] == ["    own and depth < 3", "            ^"]


def test_extra_fields_are_filtered_too() -> None:
    def inner() -> None:
        abs(1)

    def outer() -> None:
        inner()

    everything = ListRecorder()
    with monitor_class("function")(everything, fields=["depth"]):
        outer()
    depth = next(each.depth for each in everything.records if each.function == "inner")
    recorder = ListRecorder(filter_=Compare("depth", "<", depth))
    with monitor_class("function")(recorder, fields=["depth"]):
        outer()
    assert "outer" in {each.function for each in recorder.records}
    assert "inner" not in {each.function for each in recorder.records}


def test_what_is_dropped_costs_no_look_at_memory() -> None:
    """A filter that asks about what comes before the memory decides before that is read: shown by its order of costs."""
    import time

    def many() -> None:
        for _ in range(20_000):
            abs(1)

    def spent(filter_: Any) -> float:
        best = float("inf")
        for _ in range(5):
            monitor = monitor_class("function_memory")(ListRecorder(filter_=filter_))
            began = time.process_time()
            with monitor:
                many()
            best = min(best, time.process_time() - began)
        return best

    assert spent(OnValue("function", "nobody")) < spent(OnValue("RSS", 1)) / 1.5
