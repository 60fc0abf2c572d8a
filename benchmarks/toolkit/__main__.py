"""What the toolkit's monitors cost, against the same thing in plain Python, psutil and line_profiler.

Each case runs in processes of its own, one for each way, in turn; the median of the rounds counts. Rates are events per
second of the whole run, the program's own time included.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from benchmarks.shared.machine import ROOT, facts

#: What to reach: at least so many times the rate, or at most so much of the cost.
GOALS = {
    "function events to csv": 20.0,
    "line events to csv": 20.0,
    "memory at function events": 10.0,
    "memory at lines": 10.0,
    "function events to a recorder of one's own": 1.0,
    "function events through a filter of one's own": 1.0,
    "line events to a recorder of one's own": 1.0,
    "line events through a filter of one's own": 1.0,
}

#: Whose function events are recorded to compare files: our own loop, which is the simplest, and programs of ../shared/workloads.py.
LOOP = "loop"
RECORDED = (LOOP, "raytrace", "go", "sympy", "jinja2")


def call_functions(rounds: int) -> None:
    """Calls of Python functions and of built-ins, half and half."""
    for i in range(rounds):
        add(i, 1)
        abs(i)


def add(x: int, y: int) -> int:
    return x + y


def run_lines(rounds: int) -> int:
    """Lines that do little."""
    total = 0
    for i in range(rounds):
        total += i
        if total > 1000:
            total = 0
    return total


def other_code(rounds: int) -> int:
    """What is not in the focus: calls, loops, objects."""
    total = 0
    for i in range(rounds):
        total += add(i, 1)
        total -= len([i, total])
    return total


def focused(rounds: int) -> int:
    """A short function in the focus, and a long rest."""
    run_lines(2)
    return other_code(rounds)


def profile_function(path: str, memory: bool) -> Callable[[], None]:
    """A profile function in Python that writes records of function events with csv.writer. Returns what ends it."""
    stream = open(path, "w", newline="")
    writer = csv.writer(stream)
    index = 0
    read = memory_reader() if memory else None

    def on_event(frame: Any, event: str, arg: Any) -> None:
        nonlocal index
        code = frame.f_code
        c = event.startswith("c_")
        name, line = (arg.__name__, frame.f_lineno) if c else (code.co_name, code.co_firstlineno)
        used = () if read is None else read()
        writer.writerow((index, event, name, *used, line, code.co_filename))
        index += 1

    sys.setprofile(on_event)

    def end() -> None:
        sys.setprofile(None)
        stream.close()

    return end


def trace_function(path: str, memory: bool) -> Callable[[], None]:
    """A trace function in Python that writes records of lines with csv.writer. Returns what ends it."""
    import linecache

    stream = open(path, "w", newline="")
    writer = csv.writer(stream)
    index = 0
    read = memory_reader() if memory else None

    def on_event(frame: Any, event: str, arg: Any) -> Any:
        nonlocal index
        if event == "line":
            code = frame.f_code
            line = linecache.getline(code.co_filename, frame.f_lineno).rstrip()
            used = () if read is None else read()
            writer.writerow((index, code.co_name, frame.f_lineno, *used, line, code.co_filename))
            index += 1
        return on_event

    sys.settrace(on_event)

    def end() -> None:
        sys.settrace(None)
        stream.close()

    return end


def memory_reader() -> Callable[[], tuple[int, int]]:
    import psutil

    process = psutil.Process()

    def read() -> tuple[int, int]:
        used = process.memory_info()
        return used.rss, used.vms

    return read


def monitor(kind: str, path: str, functions: list[Any] | None = None) -> Callable[[], None]:
    """One of ours, to a CSV file. Returns what ends it."""
    from pikos.api import monitor_class
    from pikos.recorders.csv_file_recorder import CSVFileRecorder

    recorder = CSVFileRecorder(path)
    made: Any
    if functions:
        made = monitor_class(kind, focused=True)(recorder, functions=functions)
    else:
        made = monitor_class(kind)(recorder)
    made.enable()
    return made.disable  # type: ignore[no-any-return]


def own(kind: str, *, filters: bool = False, functions: list[Any] | None = None) -> Callable[[], int]:
    """One of ours, with a recorder in Python, or a filter. Returns what ends it, and says how many records there were."""
    from pikos.api import monitor_class
    from pikos.recorders.abstract_recorder import AbstractRecorder
    from pikos.recorders.list_recorder import ListRecorder

    records: list[Any] = []

    class Own(AbstractRecorder):
        def prepare(self, record: Any) -> None: ...
        def finalize(self) -> None: ...
        def record(self, data: Any) -> None:
            records.append(data)

    recorder: Any = ListRecorder(lambda record: record.lineNo > 0) if filters else Own()
    made: Any
    if functions:
        made = monitor_class(kind, focused=True)(recorder, functions=functions)
    else:
        made = monitor_class(kind)(recorder)
    made.enable()

    def end() -> int:
        made.disable()
        return len(recorder) if filters else len(records)

    return end


def bare_profile_function() -> Callable[[], int]:
    """The least that a profile function in Python can do: append a tuple. Returns what ends it, and says how many there were."""
    records: list[Any] = []

    def on_event(frame: Any, event: str, arg: Any) -> None:
        code = frame.f_code
        if event.startswith("c_"):
            records.append((len(records), event, arg.__name__, frame.f_lineno, code.co_filename))
        else:
            records.append((len(records), event, code.co_name, code.co_firstlineno, code.co_filename))

    def end() -> int:
        sys.setprofile(None)
        return len(records)

    sys.setprofile(on_event)
    return end


def bare_trace_function() -> Callable[[], int]:
    """The same for lines, with their text."""
    import linecache

    records: list[Any] = []

    def on_event(frame: Any, event: str, arg: Any) -> Any:
        if event == "line":
            code = frame.f_code
            line = linecache.getline(code.co_filename, frame.f_lineno).rstrip()
            records.append((len(records), code.co_name, frame.f_lineno, line, code.co_filename))
        return on_event

    def end() -> int:
        sys.settrace(None)
        return len(records)

    sys.settrace(on_event)
    return end


def report(functions: list[Any]) -> Callable[[], None]:
    """Our report on lines."""
    from pikos.api import monitor_class
    from pikos.monitors._line_report import Report
    from pikos.recorders.list_recorder import ListRecorder

    made: Any = monitor_class("line", focused=True)(ListRecorder(), functions=functions)
    Report(reads_memory=False).attach_to(made)
    made.enable()
    return made.disable  # type: ignore[no-any-return]


def line_profiler(function: Any) -> Callable[[], None]:
    """line_profiler on a function."""
    from line_profiler import LineProfiler

    profiler = LineProfiler(function)
    profiler.enable_by_count()
    return profiler.disable_by_count  # type: ignore[no-any-return]


def nothing() -> None:
    pass


#: (case, the program, its rounds with us, those with the others); and its ways: what each begins, given a file.
CASES: dict[str, tuple[Callable[[int], Any], int, int, dict[str, Callable[[str], Callable[[], int | None]]]]] = {
    "function events to csv": (
        call_functions,
        500_000,
        50_000,
        {"pikos": lambda path: monitor("function", path), "python": lambda path: profile_function(path, False)},
    ),
    "line events to csv": (
        run_lines,
        500_000,
        50_000,
        {"pikos": lambda path: monitor("line", path), "python": lambda path: trace_function(path, False)},
    ),
    "memory at function events": (
        call_functions,
        200_000,
        10_000,
        {"pikos": lambda path: monitor("function_memory", path), "psutil": lambda path: profile_function(path, True)},
    ),
    "memory at lines": (
        run_lines,
        200_000,
        10_000,
        {"pikos": lambda path: monitor("line_memory", path), "psutil": lambda path: trace_function(path, True)},
    ),
    "function events to a recorder of one's own": (
        call_functions,
        200_000,
        200_000,
        {"pikos": lambda path: own("function"), "python": lambda path: bare_profile_function()},
    ),
    "function events through a filter of one's own": (
        call_functions,
        200_000,
        200_000,
        {"pikos": lambda path: own("function", filters=True), "python": lambda path: bare_profile_function()},
    ),
    "line events to a recorder of one's own": (
        run_lines,
        200_000,
        200_000,
        {"pikos": lambda path: own("line"), "python": lambda path: bare_trace_function()},
    ),
    "line events through a filter of one's own": (
        run_lines,
        200_000,
        200_000,
        {"pikos": lambda path: own("line", filters=True), "python": lambda path: bare_trace_function()},
    ),
    "report on lines": (
        run_lines,
        300_000,
        300_000,
        {
            "plain": lambda path: nothing,
            "pikos": lambda path: report([run_lines]),
            "line_profiler": lambda path: line_profiler(run_lines),
        },
    ),
    "outside of a focus on lines": (
        focused,
        1_000_000,
        1_000_000,
        {
            "plain": lambda path: nothing,
            "pikos": lambda path: monitor("line", path, [run_lines]),
            "functions": lambda path: monitor("function", path, [run_lines]),
            "own recorder": lambda path: own("line", functions=[run_lines]),
            "own recorder of functions": lambda path: own("function", functions=[run_lines]),
            "own filter": lambda path: own("line", filters=True, functions=[run_lines]),
            "again plain": lambda path: nothing,
        },
    ),
}


def child(case: str, way: str) -> None:
    """Run one way once; print the seconds, and the events in the file."""
    program, rounds, fewer, ways = CASES[case]
    if way in ("python", "psutil"):
        rounds = fewer
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "records.csv")
        end = ways[way](path)
        began = time.perf_counter()
        program(rounds)
        events = end() or 0
        seconds = time.perf_counter() - began
        if os.path.exists(path):
            with open(path, "rb") as stream:
                events = sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b"")) - 1
    print(json.dumps({"seconds": seconds, "events": events, "rounds": rounds}))


def measure_growth(kind: str, records: int) -> dict[str, float]:
    """The memory that a recorder takes for so many records, in a process of its own: bytes for each, at the end."""
    from pikos.api import monitor_class
    from pikos.recorders.api import CSVFileRecorder, ListRecorder, ParquetFileRecorder

    with tempfile.NamedTemporaryFile() as file:
        recorders: dict[str, Callable[[], Any]] = {
            "list": ListRecorder,
            "csv": lambda: CSVFileRecorder(os.devnull),
            "parquet": lambda: ParquetFileRecorder(file.name),
        }
        recorder = recorders[kind]()
        call_functions(1000)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with monitor_class("function")(recorder):
            call_functions(records // 4)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"before": before / 1024, "grown": (after - before) / 1024, "each": (after - before) * 1024 / records}


def measure_files(name: str) -> dict[str, float]:
    """The size of what a program's function events are recorded to: bytes for each record."""
    from pikos.api import monitor_class
    from pikos.recorders.api import CSVFileRecorder, ParquetFileRecorder

    from benchmarks.shared.workloads import workload

    work = (lambda: call_functions(250_000)) if name == LOOP else workload(name).setup()
    work()
    with tempfile.TemporaryDirectory() as folder:
        csv_path, parquet_path = (os.path.join(folder, f"records.{kind}") for kind in ("csv", "parquet"))
        for recorder in (CSVFileRecorder(csv_path), ParquetFileRecorder(parquet_path)):
            with monitor_class("function")(recorder):
                work()
        with open(csv_path, newline="", encoding="utf-8") as stream:
            lengths = [len(row["filename"].encode()) for row in csv.DictReader(stream)]
        sizes = {"csv": os.path.getsize(csv_path), "parquet": os.path.getsize(parquet_path), "name": sum(lengths)}
    return {"records": len(lengths), **{what: size / len(lengths) for what, size in sizes.items()}}


def in_process(*arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.toolkit", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode != 0:
        return done.stderr.strip().splitlines()[-1]
    return json.loads(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.toolkit", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each way runs (default: 5)")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--growth", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--files", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(*options.child)
        return
    if options.growth:
        print(json.dumps(measure_growth(options.growth[0], int(options.growth[1]))))
        return
    if options.files:
        print(json.dumps(measure_files(options.files)))
        return
    for name, fact in facts().items():
        print(f"- {name}: {fact}")
    for case, (_, _, _, ways) in CASES.items():
        print(f"\n## {case}\n")
        results: dict[str, list[Any]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way in ways:
                results[way].append(in_process("--child", case, way))
        show(case, results)
    print("\n## memory of recorders\n")
    recorders = (
        ("csv", 100_000),
        ("csv", 10_000_000),
        ("parquet", 1_000_000),
        ("parquet", 10_000_000),
        ("list", 2_000_000),
    )
    for kind, count in recorders:
        grown = in_process("--growth", kind, str(count))
        print(f"{kind}, {count:,} records: {grown['grown']:.1f} MiB more, {grown['each']:.1f} bytes a record")
    print("\n## files of records\n")
    for name in RECORDED:
        sizes = in_process("--files", name)
        if isinstance(sizes, str):
            print(f"{name}: not run: {sizes}")
            continue
        print(
            f"{name}, {sizes['records']:,} records: {sizes['parquet']:.2f} bytes a record as Parquet, "
            f"{sizes['csv']:.0f} as CSV ({sizes['name']:.0f} of them the file's name)"
        )


def show(case: str, results: dict[str, list[Any]]) -> None:
    """Print what a case came to."""
    median = {}
    for way, runs in results.items():
        failed = [run for run in runs if isinstance(run, str)]
        if failed:
            print(f"{way}: not run: {failed[0]}")
            continue
        median[way] = statistics.median(run["seconds"] for run in runs)
        events = runs[0]["events"]
        rate = f", {events / median[way] / 1e6:.2f} million events a second" if events > 100 else ""
        print(f"{way}: {median[way]:.3f} s{rate}")
    if case in GOALS:
        ours, other = (
            statistics.median(run["events"] / run["seconds"] for run in results[way]) for way in list(results)[:2]
        )
        print(f"-> {ours / other:.2f} times the rate (goal: at least {GOALS[case]:g})")
    elif case == "report on lines" and "line_profiler" in median:
        ratio = (median["pikos"] - median["plain"]) / (median["line_profiler"] - median["plain"])
        print(f"-> {ratio:.2f} of line_profiler's overhead (goal: at most 0.50)")
    elif "plain" in median:
        for way in median:
            if way != "plain":
                ratios = [a["seconds"] / b["seconds"] for a, b in zip(results[way], results["plain"], strict=True)]
                print(f"-> {way}: {statistics.median(ratios):.3f} of plain (goal on 3.12 and later: at most 1.03)")


if __name__ == "__main__":
    main()
