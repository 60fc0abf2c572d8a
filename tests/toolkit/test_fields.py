"""Extra fields of records: what they say, in all recorders; and records without them are what they always were."""

from __future__ import annotations

import asyncio
import csv
import io
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pikos._lsprof import _peaks_problem
from pikos.api import monitor_class
from pikos.monitors.records import EXTRA_FIELDS, FunctionRecord
from pikos.recorders.abstract_recorder import AbstractRecorder
from pikos.recorders.api import CSVRecorder, ListRecorder, TextStreamRecorder
from reference_monitor import load, make_program, monitored, rows_of
from running import pikos_run

pytestmark = pytest.mark.in_process

KINDS = ["function", "line", "function_memory", "line_memory"]


class Own(AbstractRecorder):
    """A recorder in Python."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def prepare(self, record: Any) -> None:
        pass

    def finalize(self) -> None:
        pass

    def record(self, data: Any) -> None:
        self.records.append(data)


def fields_of(kind: str) -> list[str]:
    lacks = {"exception"} if kind.startswith("line") else set()
    if not kind.endswith("memory") or _peaks_problem() is not None:
        lacks.add("peak")
    return [field for field in EXTRA_FIELDS if field not in lacks]


def record(kind: str, recorder: Any, act: Any, *fields: str) -> list[Any]:
    monitored(monitor_class(kind)(recorder, fields=fields), act)
    return recorder.records  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("recorder", [ListRecorder, Own])
def test_they_stand_behind_the_others(kind: str, recorder: type[Any]) -> None:
    for seed in range(5):
        filename = f"<program {seed}>"
        main = load(make_program(seed), filename)["main"]
        plain = record(kind, recorder(), main)
        more = record(kind, recorder(), main, *fields_of(kind))
        assert more[0]._fields == (*plain[0]._fields, *fields_of(kind))
        count = len(plain[0]._fields)
        shorter = [type(plain[0])._make(each[:count]) for each in more]
        assert rows_of(shorter, filename) == rows_of(plain, filename)


PROGRAM = """
import time

class Thing:
    def method(self, n):
        time.sleep(0)
        return self.method(n - 1) if n else [1].append(2)

def fails():
    raise KeyError("x")

def main():
    Thing().method(2)
    try:
        fails()
    except KeyError:
        pass
"""


@pytest.mark.parametrize("recorder", [ListRecorder, Own])
def test_depth_and_names_and_exceptions(recorder: type[Any]) -> None:
    main = load(PROGRAM, "<program>")["main"]
    found = record("function", recorder(), main, "qualname", "depth", "exception", "thread", "task", "time")
    rows = [each for each in found if each.filename == "<program>"]
    base = next(each.depth for each in rows if each.function == "main")
    seen = [(each.type, each.qualname, each.depth - base, each.exception) for each in rows]

    def method(depth: int, inner: list[Any]) -> list[Any]:
        sleep = [("c_call", "sleep", depth, ""), ("c_return", "sleep", depth, "")]
        return [("call", "Thing.method", depth, ""), *sleep, *inner, ("return", "Thing.method", depth, "")]

    append = [("c_call", "list.append", 3, ""), ("c_return", "list.append", 3, "")]
    assert seen == [
        ("call", "main", 0, ""),
        *method(1, method(2, method(3, append))),
        ("call", "fails", 1, ""),
        ("return", "fails", 1, "KeyError"),
        ("return", "main", 0, ""),
    ]
    assert {each.thread for each in rows} == {threading.get_native_id()}
    assert {each.task for each in rows} == {""}
    times = [each.time for each in rows]
    assert times == sorted(times) and all(isinstance(each, float) for each in times)


def test_times_go_on_when_it_is_enabled_again() -> None:
    recorder = ListRecorder()
    monitor = monitor_class("function")(recorder, fields=["time"])
    with monitor:
        abs(1)
    first = recorder.records[-1].time
    before = time.perf_counter()
    time.sleep(0.01)
    with monitor:
        abs(1)
    assert recorder.records[-1].time - first >= 0.01
    assert recorder.records[-1].time - first <= time.perf_counter() - before + first + 1


def test_depth_is_that_of_the_stack() -> None:
    """A function's depth is the number of its frames, ours not among them."""
    wanted: list[int] = []

    def measured() -> None:
        frame, depth = sys._getframe(), 0
        while frame is not None:
            depth += 1
            frame = frame.f_back  # type: ignore[assignment]
        wanted.append(depth)

    recorder = ListRecorder()
    with monitor_class("function")(recorder, fields=["depth"]):
        measured()
    assert [each.depth for each in recorder.records if each.function == "measured"] == wanted * 2


def test_tasks() -> None:
    async def step(name: str) -> None:
        await asyncio.sleep(0)

    async def main() -> None:
        one = asyncio.create_task(step("a"), name="one")
        two = asyncio.create_task(step("b"), name="two")
        await asyncio.gather(one, two)

    recorder = ListRecorder()
    with monitor_class("function")(recorder, fields=["task"]):
        asyncio.run(main())
    assert {each.task for each in recorder.records if each.function == "step"} == {"one", "two"}
    assert all(each.task == "" for each in recorder.records if each.function == "run")


def test_threads() -> None:
    seen: list[int] = []

    def work() -> None:
        seen.append(threading.get_native_id())

    recorder = ListRecorder()
    with monitor_class("function")(recorder, threads=True, fields=["thread"]):
        threads = [threading.Thread(target=work) for _ in range(3)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert sorted(
        each.thread for each in recorder.records if each.function == "work" and each.type == "call"
    ) == sorted(seen)


@pytest.mark.parametrize("kind", KINDS)
def test_text_and_csv_have_them(kind: str) -> None:
    fields = fields_of(kind)
    text, table = io.StringIO(), io.StringIO()
    main = load(PROGRAM, "<program>")["main"]
    monitored(monitor_class(kind)(TextStreamRecorder(text, formatted=True), fields=fields), main)
    monitored(monitor_class(kind)(CSVRecorder(table), fields=fields), main)
    assert text.getvalue().splitlines()[0].split()[-1] == fields[-1]
    rows = list(csv.DictReader(io.StringIO(table.getvalue())))
    assert all(set(fields) <= set(row) for row in rows)
    own = [row for row in rows if row["filename"] == "<program>"]
    assert all(float(row["time"]) >= 0 and len(row["time"].split(".")[1]) == 9 for row in own)
    assert {row["qualname"] for row in own} >= {"main", "fails", "Thing.method"}


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no extra field 'colour': choose time, thread"):
        monitor_class("function")(ListRecorder(), fields=["colour"])
    with pytest.raises(ValueError, match=r"records of lines have no extra field 'exception'"):
        monitor_class("line")(ListRecorder(), fields=["exception"])
    with pytest.raises(ValueError, match="not both"):
        monitor_class("function")(ListRecorder(), record_type=tuple, fields=["time"])


def test_without_them_the_type_is_the_documented_one() -> None:
    recorder = ListRecorder()
    with monitor_class("function")(recorder):
        abs(1)
    assert type(recorder.records[0]) is FunctionRecord


@pytest.mark.parametrize("recording", ["csv", "parquet"])
def test_the_command(recording: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM + "\nmain()\n")
    options = ["--fields", "+time,+qualname", "--fields=+depth,+exception", "-o", f"x.{recording}"]
    pikos_run(tmp_path, "functions", *options, "program.py").succeeded()
    if recording == "csv":
        with open(tmp_path / "x.csv", newline="", encoding="utf-8") as stream:
            rows: list[dict[str, Any]] = list(csv.DictReader(stream))
    else:
        parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is large: tests/requirements.txt says where")
        table = parquet.read_table(tmp_path / "x.parquet")
        assert str(table.schema.field("time").type) == "double" and str(table.schema.field("depth").type) == "int32"
        rows = table.to_pylist()
    module = [row for row in rows if row["qualname"] == "<module>" and row["filename"].endswith("program.py")]
    assert [int(row["depth"]) for row in module] == [1, 1]
    assert [row["exception"] for row in rows if row["function"] == "fails"] == ["", "KeyError"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["functions", "--fields", "time"], "--fields time: write +time"),
        (["functions", "--fields", "+colour"], "no extra field 'colour'"),
        (["lines", "--fields", "+exception"], "no extra field 'exception'"),
        (["lines", "--report", "--fields", "+time"], "leave out --report"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, tmp_path: Path) -> None:
    run = pikos_run(tmp_path, *arguments, "program.py")
    assert run.code == 2 and message in run.err
