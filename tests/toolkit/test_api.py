"""Every name, signature and example of the toolkit's documentation."""

from __future__ import annotations

import collections
import importlib
import inspect
import io
import sys
from pathlib import Path
from typing import Any

import pikos.api
import pytest
from pikos.filters import OnValue
from pikos.monitors.api import FunctionMemoryMonitor, FunctionMonitor
from pikos.monitors.records import FunctionMemoryRecord
from pikos.recorders.abstract_recorder import AbstractRecorder, RecorderError
from pikos.recorders.api import TextFileRecorder, TextStreamRecorder

pytestmark = pytest.mark.in_process

MONITORS = ["FunctionMonitor", "LineMonitor", "FunctionMemoryMonitor", "LineMemoryMonitor"]
FOCUSED = [f"Focused{name}" for name in MONITORS]


def snake(name: str) -> str:
    return "".join("_" + sign.lower() if sign.isupper() else sign for sign in name).lstrip("_")


@pytest.mark.parametrize("name", ["Monitor", *MONITORS, *FOCUSED])
def test_monitors_are_where_they_are_documented(name: str) -> None:
    module = importlib.import_module("pikos.monitors.monitor" if name == "Monitor" else f"pikos.monitors.{snake(name)}")
    monitor = getattr(module, name)
    assert getattr(importlib.import_module("pikos.monitors.api"), name) is monitor
    for method in ("enable", "disable", "attach", "__enter__", "__exit__"):
        assert callable(getattr(monitor, method))
    if name in MONITORS:
        assert list(inspect.signature(monitor).parameters)[:2] == ["recorder", "record_type"]
        assert inspect.signature(monitor).parameters["record_type"].default is None
    if "Function" in name:
        assert list(inspect.signature(monitor.on_function_event).parameters) == ["self", "frame", "event", "arg"]
        assert list(inspect.signature(monitor.gather_info).parameters) == ["self", "frame", "event", "arg"]
    if "Line" in name:
        assert list(inspect.signature(monitor.on_line_event).parameters) == ["self", "frame", "why", "arg"]
        assert list(inspect.signature(monitor.gather_info).parameters) == ["self", "frame"]


@pytest.mark.parametrize("name", FOCUSED)
def test_focused_monitors_are_made_of_a_mixin_and_a_monitor(name: str) -> None:
    monitor: Any = getattr(importlib.import_module("pikos.monitors.api"), name)
    kind = "function" if "Function" in name else "line"
    mixin = getattr(importlib.import_module(f"pikos.monitors.focused_{kind}_mixin"), f"Focused{kind.title()}Mixin")
    plain: Any = getattr(importlib.import_module("pikos.monitors.api"), name.removeprefix("Focused"))
    assert issubclass(monitor, mixin) and issubclass(monitor, plain)
    made = monitor(pikos.api.screen(), functions=[snake])
    assert snake in made.functions and inspect not in made.functions
    assert list(made.functions) == [snake] and len(made.functions) == 1


RECORDS = {
    "FunctionRecord": (
        ("index", "type", "function", "lineNo", "filename"),
        "{:<8} {:<11} {:<30} {:<5} {}",
        "{:<8} {:<11} {:<30} {:<5} {}",
    ),
    "LineRecord": (
        ("index", "function", "lineNo", "line", "filename"),
        "{:<12} {:<50} {:<7} {} -- {}",
        "{:<12} {:<50} {:<7} {} -- {}",
    ),
    "FunctionMemoryRecord": (
        ("index", "type", "function", "RSS", "VMS", "lineNo", "filename"),
        "{:<8} | {:<11} | {:<12} | {:<15} | {:<15} | {:>6} | {}",
        "{:>8} | {:<11} | {:<12} | {:>15} | {:>15} | {:>6} | {}",
    ),
    # The table in the documentation lacks `line`; the sample beside it, and the formats, have it.
    "LineMemoryRecord": (
        ("index", "function", "lineNo", "RSS", "VMS", "line", "filename"),
        "{:^12} | {:^30} | {:^7} | {:^15} | {:^15} | {} {}",
        "{:<12} | {:<30} | {:<7} | {:>15} | {:>15} | {} {}",
    ),
}


@pytest.mark.parametrize("name", list(RECORDS))
def test_records_are_as_documented(name: str) -> None:
    fields, header, line = RECORDS[name]
    record_type: Any = getattr(importlib.import_module("pikos.monitors.records"), name)
    assert record_type._fields == fields
    assert record_type.header == header
    assert record_type.line == line
    record = record_type(*range(len(fields)))
    assert isinstance(record, tuple) and record == tuple(range(len(fields)))
    assert record.filename == len(fields) - 1
    if "line" in fields:
        assert record.line == fields.index("line")


RECORDERS = {
    "abstract_recorder.AbstractRecorder": [],
    "csv_recorder.CSVRecorder": ["stream", "filter_", "csv_kwargs"],
    "csv_file_recorder.CSVFileRecorder": ["filename", "filter_", "csv_kwargs"],
    "list_recorder.ListRecorder": ["filter_"],
    "text_stream_recorder.TextStreamRecorder": ["text_stream", "filter_", "formatted", "auto_flush", "formater"],
    "text_file_recorder.TextFileRecorder": ["filename", "filter_", "formatted", "auto_flush", "formater"],
}


@pytest.mark.parametrize("path", list(RECORDERS))
def test_recorders_are_as_documented(path: str) -> None:
    module, name = path.split(".")
    recorder = getattr(importlib.import_module(f"pikos.recorders.{module}"), name)
    assert issubclass(recorder, AbstractRecorder)
    parameters = inspect.signature(recorder).parameters
    assert list(parameters) == RECORDERS[path] or not RECORDERS[path]
    for parameter, default in (("filter_", None), ("formatted", False), ("auto_flush", False)):
        if parameter in parameters:
            assert parameters[parameter].default is default
    for method in ("prepare", "finalize", "record"):
        assert callable(getattr(recorder, method))


def test_filters_are_as_documented() -> None:
    from pikos.filters.not_on_value import NotOnValue
    from pikos.filters.on_change import OnChange
    from pikos.filters.on_value import OnValue
    from pikos.monitors.records import FunctionRecord

    def record(function: str) -> Any:
        return FunctionRecord(0, "call", function, 1, "file")

    on = OnValue("function", "a", "b")
    assert on.field == "function" and list(on.values) == ["a", "b"]
    assert [on(record(name)) for name in "abc"] == [True, True, False]
    off = NotOnValue("function", "a", "b")
    assert [off(record(name)) for name in "abc"] == [False, False, True]
    change = OnChange("function")
    assert change.field == "function" and change.previous is None
    assert [change(record(name)) for name in "aabba"] == [True, False, True, False, True]
    assert change.previous == "a"
    with pytest.raises(AttributeError):
        OnValue("colour", "red")(record("a"))


def test_the_first_ways_to_use_a_monitor(capsys: pytest.CaptureFixture[str]) -> None:
    """As documented, but for the slip that it imports FunctionMonitor and calls Monitor."""
    from pikos.api import screen
    from pikos.monitors.api import FunctionMonitor

    monitor = FunctionMonitor(recorder=screen())
    monitor.enable()
    snake("OneTwo")
    monitor.disable()
    assert "call        snake" in capsys.readouterr().out

    monitor = FunctionMonitor(recorder=screen())
    with monitor:
        snake("OneTwo")
    assert "call        snake" in capsys.readouterr().out

    monitor = FunctionMonitor(recorder=screen())

    @monitor.attach
    def monitored_function() -> str:
        return snake("OneTwo")

    assert monitored_function() == "one_two"
    assert "call        snake" in capsys.readouterr().out


def test_a_factory_with_a_recorder_and_a_focus(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    from pikos.api import csv_file, function_monitor

    @function_monitor(recorder=csv_file(), focused=True)
    def monitored_function() -> int:
        return len("abc")

    assert monitored_function() == 3
    rows = (tmp_path / "monitor_records.csv").read_text().splitlines()
    assert rows[0] == "index,type,function,lineNo,filename"
    assert [row.split(",")[1:3] for row in rows[1:]] == [
        ["call", "monitored_function"],
        ["c_call", "len"],
        ["c_return", "len"],
        ["return", "monitored_function"],
    ]
    # Again: the file is not begun anew, and numbers go on.
    monitored_function()
    assert len((tmp_path / "monitor_records.csv").read_text().splitlines()) == 9


@pytest.mark.parametrize(
    "name",
    "screen textfile text_file csvfile csv_file monitor_functions monitor_lines memory_on_functions memory_on_lines "
    "function_monitor line_monitor function_memory_monitor line_memory_monitor yappi_profile line_profile monitor".split(),
)
def test_the_api_has(name: str) -> None:
    assert callable(getattr(pikos.api, name))


@pytest.mark.parametrize("name", ["function_monitor", "line_monitor", "function_memory_monitor", "line_memory_monitor"])
@pytest.mark.parametrize("arguments", [{}, {"focused": True}, {"focus_on": [snake]}])
def test_factories(name: str, arguments: dict[str, Any]) -> None:
    recorder = importlib.import_module("pikos.recorders.api").ListRecorder()
    decorated = getattr(pikos.api, name)(recorder=recorder, **arguments)(lambda: snake("AB"))
    assert decorated() == "a_b"
    functions = {record.function for record in recorder.records}
    assert ("<lambda>" in functions) == ("focus_on" not in arguments)
    assert ("snake" in functions) == (arguments != {"focused": True} or "function" in name)


def test_wrong_arguments_say_so() -> None:
    from pikos.monitors.api import FocusedFunctionMonitor, FunctionMonitor

    with pytest.raises(TypeError, match="call the decorator's factory first"):
        pikos.api.function_monitor(lambda: 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is not a function"):
        FunctionMonitor(pikos.api.screen()).attach(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="below @staticmethod"):
        FunctionMonitor(pikos.api.screen()).attach(staticmethod(len))
    with pytest.raises(TypeError, match="has no Python code"):
        FocusedFunctionMonitor(pikos.api.screen(), functions=[len])


@pytest.mark.parametrize(
    "make",
    [
        lambda: importlib.import_module("pikos.recorders.api").CSVRecorder(io.StringIO()),
        lambda: importlib.import_module("pikos.recorders.api").TextStreamRecorder(io.StringIO()),
    ],
)
def test_recording_before_prepare_is_an_error(make: Any) -> None:
    from pikos.monitors.records import FunctionRecord

    recorder = make()
    record = FunctionRecord(0, "call", "f", 1, "file")
    for call in (lambda: recorder.record(record), recorder.finalize):
        with pytest.raises(RecorderError, match="not ready: call prepare"):
            call()
    recorder.prepare(FunctionRecord)
    recorder.record(record)
    recorder.finalize()
    with pytest.raises(RecorderError):
        recorder.record(record)
    assert recorder._stream.getvalue().count("call") == 1


NATIVE = {
    "ListRecorder": lambda made, folder: made(),
    "CSVFileRecorder": lambda made, folder: made(folder / "x"),
    "TextFileRecorder": lambda made, folder: made(folder / "x"),
    "ParquetFileRecorder": lambda made, folder: made(folder / "x"),
    "ZeroMQRecorder": lambda made, folder: made(f"ipc://{folder}/x"),
}


@pytest.mark.parametrize("name", NATIVE)
def test_a_record_method_of_somebody_elses_is_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    base = getattr(importlib.import_module("pikos.recorders.api"), name)
    seen = []

    class Listens(base):  # type: ignore[misc]
        def record(self, data: Any) -> None:
            seen.append(data.function)
            super().record(data)

    for made, expected in ((base, 0), (Listens, 1)):
        with pikos.api.monitor_class("function")(NATIVE[name](made, tmp_path)):
            snake("OneTwo")
        assert seen.count("snake") == 2 * expected, made


@pytest.mark.parametrize(("name", "done"), [("ParquetFileRecorder", "written"), ("ZeroMQRecorder", "sent")])
@pytest.mark.parametrize("filter_", [None, lambda record: True])
def test_records_of_unknown_fields_are_refused(
    name: str, done: str, filter_: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    base = getattr(importlib.import_module("pikos.recorders.api"), name)
    place = f"ipc://{tmp_path}/x" if name == "ZeroMQRecorder" else tmp_path / "x"
    colours = collections.namedtuple("Colours", ["index", "colour"])
    with pytest.raises(TypeError, match=f"records of Colours can't be {done}: it has a field"):
        base(place, filter_).prepare(colours)


def test_the_header_is_written_once() -> None:
    from pikos.monitors.records import FunctionRecord
    from pikos.recorders.api import CSVRecorder

    stream = io.StringIO()
    recorder = CSVRecorder(stream)
    for _ in range(2):
        recorder.prepare(FunctionRecord)
        recorder.finalize()
    assert stream.getvalue() == "index,type,function,lineNo,filename\r\n"


def test_the_profiler_as_a_monitor() -> None:
    import pstats
    from cProfile import Profile

    from pikos.external.python_cprofiler import PythonCProfiler
    from pikos.monitors.monitor import Monitor

    profiler = PythonCProfiler()
    assert isinstance(profiler, Profile) and isinstance(profiler, Monitor)

    @profiler.attach
    def recursive(n: int) -> int:
        return 0 if n == 0 else 1 + recursive(n - 1)

    @profiler.attach
    def generator() -> Any:
        yield recursive(2)
        yield recursive(1)

    assert recursive(3) == 3
    assert list(generator()) == [2, 1]
    stats = pstats.Stats(profiler)
    calls = {key[2]: value[1] for key, value in stats.stats.items()}  # type: ignore[attr-defined]
    assert calls["recursive"] == 4 + 3 + 2


@pytest.mark.parametrize("name, module", [("yappi_profile", "yappi"), ("line_profile", "line_profiler")])
def test_other_profilers_are_named_where_they_are_missing(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(
        sys.modules,
        f"pikos.external.{'line_profiler' if module == 'line_profiler' else 'yappi_profiler'}",
        raising=False,
    )
    with pytest.raises(ImportError, match=f"pip install {module}"):
        getattr(pikos.api, name)()


@pytest.mark.parametrize("name, module", [("yappi_profile", "yappi"), ("line_profile", "line_profiler")])
def test_other_profilers_where_they_are_installed(name: str, module: str) -> None:
    other = pytest.importorskip(module)
    decorated = getattr(pikos.api, name)()(snake)
    assert decorated("OneTwo") == "one_two"
    if module == "yappi":
        assert any(stat.name == "snake" for stat in other.get_func_stats())
        other.clear_stats()


def test_a_formater_says_how_lines_look(tmp_path: Path) -> None:
    """The one of the record type's own is written natively; any other is called for each record."""
    from pikos.monitors.function_memory_monitor import FunctionMemoryRecordFormater
    from pikos.monitors.function_monitor import FunctionRecordFormater

    class Short:
        def header(self, fields: tuple[str, ...]) -> str:
            return "-".join(fields)

        def line(self, record: Any) -> str:
            return f"{record.type} of {record.function}"

    class Longer(FunctionRecordFormater):
        def line(self, record: Any) -> str:
            return super().line(record) + " !"

    def written(**more: Any) -> list[str]:
        stream = io.StringIO()
        with FunctionMonitor(TextStreamRecorder(stream, OnValue("function", "snake"), **more)):
            snake("OneTwo")
        return stream.getvalue().splitlines()

    formatted = written(formatted=True)
    assert written(formater=FunctionRecordFormater()) == formatted and len(formatted) == 3
    assert written(formater=Short()) == ["index-type-function-lineNo-filename", "call of snake", "return of snake"]
    assert written(formater=Longer())[1:] == [line + " !" for line in formatted[1:]]
    path = tmp_path / "memory.log"
    with FunctionMemoryMonitor(TextFileRecorder(path, formater=FunctionMemoryRecordFormater())):
        snake("OneTwo")
    header, *lines = path.read_text().splitlines()
    assert header == FunctionMemoryRecord.header.format(*FunctionMemoryRecord._fields)
    assert any("| snake " in line for line in lines)
