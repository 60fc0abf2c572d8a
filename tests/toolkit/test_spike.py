"""The most memory that was in use within a line or a call: in reports, in records, and in what `pikos top` is sent."""

from __future__ import annotations

import csv
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from running import pikos_run, python

pytestmark = [
    pytest.mark.slow_in_debug,
    pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="this system has no such mark"),
]

MIB = 1 << 20

#: As the slides on Pikos have it: `legacy` makes a copy that nobody keeps. Mapped apart, so that the system has it back at once.
PROGRAM = """\
import mmap

def array(mib):
    kept = mmap.mmap(-1, mib << 20)
    for at in range(0, mib << 20, 4096):
        kept[at] = 1
    return kept

def copied(mib):
    new = array(mib); old = array(mib); old.close()
    return new

def legacy(mib):
    b = array(mib)
    a = copied(mib)
    return len(a) + len(b)

def fixed(mib):
    b = array(mib)
    a = array(mib)
    return len(a) + len(b)

legacy(48)
fixed(48)
"""

SPIKE_LINE = 10


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def functions(folder: Path, monitor: str, *arguments: str) -> list[dict[str, Any]]:
    pikos_run(folder, monitor, "--report", *arguments, "-o", "report.json", "program.py").succeeded()
    found: list[dict[str, Any]] = json.loads((folder / "report.json").read_text())["functions"]
    return found


def test_what_came_and_went_within_a_line_is_seen_and_in_its_callers(folder: Path) -> None:
    lines = {line["line"]: line for each in functions(folder, "line_memory") for line in each["lines"]}
    assert lines[SPIKE_LINE]["spike"] / MIB == pytest.approx(48, abs=4)
    # It began with `b`, and held two more for a while.
    base = lines[SPIKE_LINE - 5]["peak"] - 3 * 48 * MIB
    for number in (SPIKE_LINE, 15, 23):
        assert lines[number]["peak"] == pytest.approx(base + 3 * 48 * MIB, abs=4 * MIB), number
    assert lines[15]["spike"] / MIB == pytest.approx(48, abs=4)
    assert lines[23]["spike"] / MIB == pytest.approx(144, abs=6)
    # `fixed` needs two of them, and no line of it more than it keeps.
    assert lines[20]["spike"] / MIB < 4 and lines[20]["peak"] < lines[15]["peak"] - 40 * MIB


def test_of_calls_too(folder: Path) -> None:
    calls = {each["function"]: each for each in functions(folder, "function_memory")}
    assert calls["copied"]["calls"] == 1 and calls["array"]["calls"] == 5
    assert calls["copied"]["spike"] / MIB == pytest.approx(48, abs=4)
    assert calls["legacy"]["peak"] > calls["fixed"]["peak"] + 40 * MIB


LIBRARY = """\
import mmap

def matrix(mib):
    old = mmap.mmap(-1, mib << 20)
    for at in range(0, mib << 20, 4096):
        old[at] = 1
    new = mmap.mmap(-1, mib << 20)
    for at in range(0, mib << 20, 4096):
        new[at] = 1
    old.close()
    return new
"""


def test_the_line_that_calls_a_library_is_the_first(folder: Path) -> None:
    site = folder / "lib" / "python3" / "site-packages"
    site.mkdir(parents=True)
    (site / "arrays.py").write_text(LIBRARY)
    (folder / "uses.py").write_text(
        f"import sys\nsys.path.append({str(site)!r})\nimport arrays\n\ndef legacy():\n    small = 1\n"
        "    kept = arrays.matrix(40)\n    return small\n\ndef main():\n    legacy()\n\nmain()\n"
    )
    run = pikos_run(folder, "line_memory", "--report", "uses.py").succeeded()
    heads = re.findall(r"^(\S+)  uses\.py:\d+  ", run.out, re.MULTILINE)
    assert heads[0] == "legacy" and set(heads) == {"legacy", "main", "<module>"}
    assert re.search(
        r"^Greatest spike: (39\.9|4\d\.\d) MiB for a while, up to .*, at legacy  uses\.py:7$", run.out, re.MULTILINE
    )
    (line,) = (line for line in run.out.splitlines() if "arrays.matrix" in line)
    number, hits, own, _, growth, _, spike, *_ = line.split()
    assert (number, hits) == ("7", "1")
    assert all(float(figure) == pytest.approx(40, abs=3) for figure in (own, growth, spike))


def test_records_in_files_tell_it(folder: Path) -> None:
    for monitor in ("line_memory", "function_memory"):
        pikos_run(folder, monitor, "-o", "records.csv", "program.py").succeeded()
        with open(folder / "records.csv", newline="") as stream:
            records = list(csv.DictReader(stream))
        assert list(records[0])[-2:] == ["time_ns", "peak"]
        assert all(int(record["peak"]) >= int(record["RSS"]) for record in records)
        most = max(int(record["peak"]) for record in records)
        assert most >= max(int(record["RSS"]) for record in records)
    pytest.importorskip("pyarrow")
    pikos_run(folder, "line_memory", "-o", "records.parquet", "program.py").succeeded()
    from pyarrow import parquet

    table = parquet.read_table(folder / "records.parquet")
    assert table.column_names[-1] == "peak" and table.column("peak").to_pylist()[-1] > 0


def test_records_of_the_api_are_as_ever(folder: Path) -> None:
    (folder / "own.py").write_text(
        "from pikos.monitors.api import LineMemoryMonitor\nfrom pikos.recorders.api import ListRecorder\n"
        "recorder = ListRecorder()\ndef f():\n    return 1\nwith LineMemoryMonitor(recorder):\n    f()\n"
        "print(recorder.records[0]._fields)\n"
    )
    fields = "('index', 'function', 'lineNo', 'RSS', 'VMS', 'line', 'filename')"
    assert python(["own.py"], cwd=folder).succeeded().out.strip() == fields


def test_what_the_process_had_before_it_became_this_program_is_none_of_it(folder: Path) -> None:
    # Of a program that was started by a large one, `ru_maxrss` begins with that one's.
    (folder / "large.py").write_text(
        "import os, sys\nkept = bytearray(b'x') * (400 << 20)\nos.execv(sys.executable, [sys.executable, *sys.argv[1:]])\n"
    )
    run = ["line_memory", "--report", "-o", "report.json", "program.py"]
    python(["large.py", "-m", "pikos.runner", *run], cwd=folder).succeeded()
    report = json.loads((folder / "report.json").read_text())["functions"]
    assert max(line["peak"] for each in report for line in each["lines"]) < 300 * MIB


THREADED = """\
import mmap, threading

def spike(go, done):
    go.wait()
    new = mmap.mmap(-1, 64 << 20)
    for at in range(0, 64 << 20, 4096):
        new[at] = 1
    new.close()
    done.set()

def waits():
    go, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=spike, args=(go, done))
    thread.start()
    go.set(); done.wait()
    thread.join()

waits()
"""


def test_it_is_the_processs(folder: Path) -> None:
    (folder / "program.py").write_text(THREADED)
    lines = {line["line"]: line for each in functions(folder, "line_memory", "--threads") for line in each["lines"]}
    # Whatever was under way in any thread meanwhile has it.
    assert lines[15]["spike"] / MIB + lines[16]["spike"] / MIB >= 60
    assert lines[18]["peak"] >= 64 * MIB


def test_two_monitors_at_once_take_nothing_from_each_other(folder: Path) -> None:
    (folder / "both.py").write_text(
        "import json, mmap\n"
        "from pikos.monitors.api import LineMemoryMonitor, FunctionMemoryMonitor\n"
        "from pikos.monitors._line_report import Report, Wanted, Circumstances\n"
        "from pikos.monitors._line_table import Paper\n"
        "from pikos.monitors._line_forms import rendered\n"
        "from pikos.recorders.api import ListRecorder\n"
        "def spike():\n"
        "    new = mmap.mmap(-1, 64 << 20)\n"
        "    for at in range(0, 64 << 20, 4096): new[at] = 1\n"
        "    new.close()\n"
        "    return 1\n"
        "def outer():\n"
        "    return spike()\n"
        "reports = [Report(Wanted(True, form='json'), []), Report(Wanted(True, of_functions=True, form='json'), [])]\n"
        "monitors = [LineMemoryMonitor(ListRecorder()), FunctionMemoryMonitor(ListRecorder())]\n"
        "for report, monitor in zip(reports, monitors):\n"
        "    report.attach_to(monitor)\n"
        "with monitors[0], monitors[1]:\n"
        "    outer()\n"
        "for report in reports:\n"
        "    found = json.loads(rendered(report, Circumstances('x', 0, 0, True, []), Paper()))['functions']\n"
        "    outer = next(each for each in found if each['function'] == 'outer')\n"
        "    print(max(each['spike'] for each in outer.get('lines', [outer])))\n"
    )
    figures = python(["both.py"], cwd=folder).succeeded().out.split()
    assert len(figures) == 2 and all(int(figure) >= 60 * MIB for figure in figures), figures
