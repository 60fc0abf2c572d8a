"""Records in a Parquet file: another reader finds what a list holds, whenever it looks."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pikos.api import monitor_class, parquet_file
from pikos.filters import OnValue
from pikos.monitors.records import FunctionMemoryRecord, FunctionRecord, LineRecord
from pikos.recorders.api import ListRecorder, ParquetFileRecorder, RecorderError
from reference_monitor import load, make_program, monitored, rows_of
from running import environment, pikos_run

pytestmark = pytest.mark.in_process

parquet = pytest.importorskip(
    "pyarrow.parquet", reason="pyarrow is large: tests/requirements.txt says where it is used"
)

#: Rows of a row group.
FULL = 131_072

LONG = """
def main(n):
    for i in range(n):
        abs(i)
"""


def rows(path: Path) -> list[dict[str, Any]]:
    return parquet.read_table(path).to_pylist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["function", "line", "function_memory", "line_memory"])
@pytest.mark.parametrize(
    "filter_", [None, OnValue("function", "double", "generator"), lambda record: record.lineNo % 2 == 0]
)
def test_a_file_holds_what_a_list_does(kind: str, filter_: Any, tmp_path: Path) -> None:
    for seed in range(5):
        filename = f"<program {seed}>"
        main = load(make_program(seed), filename)["main"]
        listed, recorder = ListRecorder(filter_=filter_), ParquetFileRecorder(tmp_path / "x.parquet", filter_=filter_)
        monitored(monitor_class(kind)(listed), main)
        monitored(monitor_class(kind)(recorder), main)
        table = parquet.read_table(tmp_path / "x.parquet")
        record_type = type(listed.records[0])
        assert tuple(table.column_names) == record_type._fields
        read = [record_type(**row) for row in table.to_pylist()]
        assert rows_of(read, filename) == rows_of(listed.records, filename)
        assert [record.index for record in read] == [record.index for record in listed.records]


def test_many_row_groups(tmp_path: Path) -> None:
    monitored(
        monitor_class("function")(ParquetFileRecorder(tmp_path / "x.parquet")),
        lambda: load(LONG, "<long>")["main"](150_000),
    )
    file = parquet.ParquetFile(tmp_path / "x.parquet")
    groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert groups[:-1] == [FULL, FULL] and 0 < groups[-1] < FULL
    table = file.read()
    index = table.column("index").to_pylist()
    assert index == list(range(index[0], index[0] + len(index)))
    assert table.column("function").to_pylist().count("abs") == 300_000
    assert (tmp_path / "x.parquet").stat().st_size < 2 * len(index)


def test_many_short_recordings_are_one_table(tmp_path: Path) -> None:
    recorder = parquet_file(filename=str(tmp_path / "x.parquet"))
    program = load(LONG, "<long>")["main"]
    decorated = monitor_class("function")(recorder).attach(program)
    for number in range(1, 1001):
        decorated(4)
        if number % 250 == 0:
            assert [row["function"] for row in rows(tmp_path / "x.parquet")].count("abs") == 8 * number
    assert parquet.ParquetFile(tmp_path / "x.parquet").num_row_groups <= 4


def test_a_killed_program_leaves_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(LONG + "main(100_000)\nprint('up', flush=True)\nimport time; time.sleep(60)\n")
    command = [sys.executable, "-m", "pikos.runner", "functions", "--recording", "parquet", "long.py"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGKILL)
    assert len(rows(tmp_path / "monitor_records.parquet")) == FULL


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_it_ends_in_a_footer_at_any_time(tmp_path: Path) -> None:
    """Looked at between any two system calls, of which an addition takes several: the first one as well as later ones."""
    (tmp_path / "long.py").write_text(LONG + "main(200_000)\n")
    path, copy = tmp_path / "x.parquet", tmp_path / "copy.parquet"
    command = [sys.executable, "-m", "pikos.runner", "functions", "-o", "x.parquet", "long.py"]
    looks: list[int] = []
    with subprocess.Popen(command, cwd=tmp_path, env=environment()) as process:
        while process.poll() is None:
            if len(looks) < 200 and path.exists():
                process.send_signal(signal.SIGSTOP)
                while state(process.pid) not in "TZ":
                    time.sleep(0.0002)
                if size := path.stat().st_size:
                    copy.write_bytes(path.read_bytes())
                    looks.append(size)
                process.send_signal(signal.SIGCONT)
                if size:
                    parquet.ParquetFile(copy).read(["index"])
            time.sleep(0.001)
        assert process.returncode == 0 and max(looks) > 10_000
    assert len(rows(path)) > 3 * FULL


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text(
        "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        + LONG
        + "main(1_000_000)\nprint('done')\n"
    )
    run = pikos_run(tmp_path, "functions", "-o", "x.parquet", "long.py")
    assert (run.code, run.out) == (0, "done\n")
    assert run.err.count("File too large; records from then on are lost") == 1
    read = len(rows(tmp_path / "x.parquet"))
    assert read >= FULL and read % FULL == 0
    assert (tmp_path / "x.parquet").stat().st_size <= 100_000


def test_records_made_in_python(tmp_path: Path) -> None:
    recorder = ParquetFileRecorder(tmp_path / "x.parquet")
    with pytest.raises(RecorderError):
        recorder.record(FunctionRecord(7, "call", "f", 3, "x.py"))
    recorder.prepare(FunctionRecord)
    assert rows(tmp_path / "x.parquet") == []
    recorder.record(FunctionRecord(7, "call", "f", 3, "x.py"))
    for bad in (FunctionRecord(7, "jump", "f", 3, "x.py"), FunctionRecord(7, "call", 5, 3, "x.py")):  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="doesn't fit"):
            recorder.record(bad)
    with pytest.raises(TypeError):
        recorder.record(LineRecord(7, "f", 3, "pass", "x.py")[:4])
    recorder.finalize()
    assert rows(tmp_path / "x.parquet") == [FunctionRecord(7, "call", "f", 3, "x.py")._asdict()]
    with pytest.raises(TypeError, match="holds FunctionRecords and can't take FunctionMemoryRecords"):
        recorder.prepare(FunctionMemoryRecord)
    with pytest.raises(FileNotFoundError):
        ParquetFileRecorder(tmp_path / "no" / "x.parquet").prepare(FunctionRecord)
