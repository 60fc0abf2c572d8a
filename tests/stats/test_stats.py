"""`pikos.stats`: what it loads is what pstats loads, and its rows are pstats' rows."""

from __future__ import annotations

import cProfile
import io
import marshal
import pstats
import sys
from pathlib import Path

import pikos
import pikos.stats
import pytest
from running import python, subject

pytestmark = [pytest.mark.any_release, pytest.mark.in_process, pytest.mark.beyond_cprofile]


def work() -> None:
    def fib(n: int) -> int:
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    for n in range(8):
        sorted([fib(n), len(str(n))], key=abs)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stats") / "a.pstats"
    profile = subject().Profile()
    profile.runcall(work)
    profile.dump_stats(path)
    return path


@pytest.fixture(scope="module")
def table(path: Path) -> dict:
    with open(path, "rb") as stream:
        return marshal.load(stream)


def test_pstats_takes_it_and_finds_the_files_values(path: Path, table: dict) -> None:
    loaded = pikos.stats.load(path)
    assert "stats" not in vars(loaded), "no dict before it is asked for"
    assert pstats.Stats(loaded).stats == table
    # pstats empties `stats`; a second one must find it full again.
    assert pstats.Stats(loaded).stats == table
    assert pikos.stats.load(path).stats == table


def test_rows_are_the_files_rows(path: Path, table: dict) -> None:
    loaded = pikos.stats.load(path)
    rows = {
        (row.file, row.line, row.name): (row.primitive_calls, row.ncalls, row.tottime, row.cumtime) for row in loaded
    }
    assert rows == {label: row[:4] for label, row in table.items()}
    assert len(loaded) == len(table)
    assert loaded.metadata["ncalls"] == sum(row[1] for row in table.values())
    assert loaded.metadata["tottime"] == pytest.approx(sum(row[2] for row in table.values()))


@pytest.mark.parametrize("key", ["calls", "cumulative", "filename", "line", "name", "nfl", "pcalls", "stdname", "time"])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_order_and_the_text_are_pstats(path: Path, key: str, reverse: bool) -> None:
    out = io.StringIO()
    theirs = pstats.Stats(str(path), stream=out).sort_stats(key)
    if reverse:
        theirs.reverse_order()
    ours = pikos.stats.load(path).sort(key, reverse=reverse)
    assert [(row.file, row.line, row.name) for row in ours] == theirs.fcn_list
    theirs.files = []  # the heading with the file's date
    theirs.print_stats()
    assert str(ours) == out.getvalue()


def test_what_nobody_counted_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.speedscope.json").write_text(
        """{"$schema": "https://www.speedscope.app/file-format-schema.json", "shared": {"frames": [{"name": "f"}, {"name": "g"}]},
        "profiles": [{"type": "evented", "name": "a", "unit": "seconds", "startValue": 0, "endValue": 2, "events": [
        {"type": "O", "frame": 0, "at": 0}, {"type": "O", "frame": 1, "at": 1}, {"type": "C", "frame": 1, "at": 2},
        {"type": "C", "frame": 0, "at": 2}]}]}"""
    )
    loaded = pikos.stats.load(tmp_path / "a.speedscope.json")
    assert loaded.metadata["counts"] == "unknown"
    caller, callee = loaded.sort("name")
    assert (callee.ncalls, callee.primitive_calls, callee.tottime) == (None, None, 1.0)
    assert [row.ncalls for row in [*loaded.callers(callee), *loaded.callees(caller), *(loaded.tree() or [])]] == [
        None
    ] * 4
    assert (loaded.metadata["ncalls"], loaded.metadata["primitive_calls"]) == (None, None)
    assert "calls not counted" in repr(loaded)
    html, _, graph = loaded._repr_html_().partition("<iframe")
    assert "flame graph" in graph
    assert "<td>-</td>" in html and "2 functions in 2.000" in html and "None" not in html


def test_filter_top_and_slices(path: Path) -> None:
    loaded = pikos.stats.load(path).sort("calls")
    found = loaded.filter(r"\(fib\)|sorted")
    assert sorted(row.name for row in found) == ["<built-in method builtins.sorted>", "fib"]
    assert found[0].name == "fib", "the order stays"
    assert [*loaded.top(3)] == [*loaded][:3] == [*loaded[:3]]
    assert loaded[-1] == [*loaded][-1]
    assert [*loaded.filter("fib").sort("name")] == [*loaded.filter("fib")]
    with pytest.raises(IndexError):
        loaded[len(loaded)]
    with pytest.raises(ValueError, match="step"):
        loaded[::2]


def test_callers_and_callees_are_the_files(path: Path, table: dict) -> None:
    loaded = pikos.stats.load(path)
    callees: dict = {}
    for row in loaded:
        label = (row.file, row.line, row.name)
        callers = {
            (c.file, c.line, c.name): (c.ncalls, c.primitive_calls, c.tottime, c.cumtime) for c in loaded.callers(row)
        }
        assert callers == table[label][4]
        for caller, numbers in callers.items():
            callees.setdefault(caller, {})[label] = numbers
    for row in loaded:
        called = {
            (c.file, c.line, c.name): (c.ncalls, c.primitive_calls, c.tottime, c.cumtime)
            for c in loaded.callees(row.number)
        }
        assert called == callees.get((row.file, row.line, row.name), {})
    assert callees, "the program calls something"
    with pytest.raises(IndexError):
        loaded.callers(10**6)


def test_strip_dirs_is_pstats(path: Path) -> None:
    stripped = {(row.file, row.line, row.name): row.ncalls for row in pikos.stats.load(path).strip_dirs()}
    theirs = pstats.Stats(str(path)).strip_dirs().stats
    assert stripped == {label: row[1] for label, row in theirs.items()}


def test_data_frames(path: Path) -> None:
    loaded = pikos.stats.load(path).sort("tottime")
    pandas = pytest.importorskip("pandas", reason="pandas is optional")
    frame = loaded.to_pandas()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame["name"]) == [row.name for row in loaded]
    assert list(frame.columns) == list(pikos.stats.Row._fields[: pikos.stats.Row._fields.index("number")])
    assert frame["ncalls"].sum() == loaded.metadata["ncalls"]
    assert list(loaded.filter("no such function").to_pandas().columns) == list(frame.columns)


def test_arrow_tables(path: Path) -> None:
    pytest.importorskip("pyarrow", reason="pyarrow is optional")
    loaded = pikos.stats.load(path)
    assert loaded.to_arrow().column("tottime").to_pylist() == [row.tottime for row in loaded]
    assert loaded.to_arrow().schema == loaded.filter("no such function").to_arrow().schema


def test_export_takes_whatever_holds_a_profile(path: Path, tmp_path: Path) -> None:
    ours, theirs = subject().Profile(), cProfile.Profile()
    ours.runcall(work)
    theirs.runcall(work)
    sources = [ours, theirs, pstats.Stats(str(path)), path, str(path), pikos.stats.load(path)]
    for number, source in enumerate(sources):
        target = tmp_path / f"{number}.out"
        assert pikos.export(source, "callgrind", target) == []
        text = target.read_text()
        assert "\nevents: ns\n" in text
        assert text.count("calls=") >= 4
    with pytest.raises(TypeError, match="int"):
        pikos.export(7, "callgrind", tmp_path / "x")


def test_export_says_what_a_format_cannot(path: Path, tmp_path: Path) -> None:
    assert pikos.export(path, "csv", tmp_path / "a.csv") == []
    (note,) = pikos.export(path, None, tmp_path / "a.speedscope.json")
    assert "approximated" in note


def test_errors_name_file_and_cure(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as missing:
        pikos.stats.load(tmp_path / "missing.pstats")
    assert missing.value.filename == str(tmp_path / "missing.pstats")
    with pytest.raises(FileNotFoundError) as folder:
        pikos.export(path, "csv", tmp_path / "missing" / "a.csv")
    assert folder.value.filename == str(tmp_path / "missing" / "a.csv")
    with pytest.raises(ValueError, match="not a format: choose one of pstats, pikos, callgrind"):
        pikos.export(path, "xml", tmp_path / "a.xml")
    with pytest.raises(ValueError, match="doesn't say"):
        pikos.export(path, None, tmp_path / "a")
    with pytest.raises(ValueError, match="not a sort key"):
        pikos.stats.load(path).sort("colour")
    with pytest.raises(ValueError, match=r"look-around"):
        pikos.stats.load(path).filter("(?=a)")
    half = tmp_path / "half.pstats"
    half.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"half\.pstats: .*.*truncated.*at byte \d+$"):
        pikos.stats.load(half)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["half.pstats"], "no half-written file is left"


def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path) -> None:
    evil = tmp_path / "evil.pstats"
    evil.write_bytes(marshal.dumps({("a", 1, "f"): compile("print('run')", "a", "exec")}))
    with pytest.raises(ValueError, match="code"):
        pikos.stats.load(evil)


def test_importing_pikos_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import pikos; print(*sorted(set(sys.modules) - before))"
    loaded = python(["-c", code]).succeeded().out.split()
    assert loaded == ["pikos"]


@pytest.mark.skipif(sys.platform == "win32", reason="file names are text there")
def test_file_names_that_are_not_utf8_come_through(tmp_path: Path) -> None:
    label = ("/tmp/\udcff.py", 3, "f")
    path = tmp_path / "odd.pstats"
    path.write_bytes(marshal.dumps({label: (1, 1, 0.5, 0.5, {})}))
    loaded = pikos.stats.load(path)
    assert loaded[0].file == label[0]
    assert loaded.stats == {label: (1, 1, 0.5, 0.5, {})}
    assert "f" in loaded._repr_html_()
