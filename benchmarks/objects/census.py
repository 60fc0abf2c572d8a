"""A census of many objects: how long the program stands still, and what it takes, beside pympler and objgraph.

    python -m benchmarks.objects.census [--objects 5000000] [--rounds 3] [--check]

Each tool counts in a process of its own that has made the objects before (instances, dicts, lists, tuples, texts, numbers), all tools in
turn, round after round; the median counts. Memory is what the count adds to the greatest resident size.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import subprocess
import sys
from time import perf_counter, process_time
from typing import Any

from benchmarks.shared.machine import ROOT, facts
from benchmarks.shared.peak import forget_peak, peak_memory
from benchmarks.shared.turns import ENVIRONMENT

#: The tools, and what they need.
MODULES = {
    "pikos": ["pikos.objects._census"],
    "pympler": ["pympler.muppy", "pympler.summary"],
    "objgraph": ["objgraph"],
}
TOOLS = tuple(MODULES)
#: Seconds of standstill for a million objects, at most; how many times as fast as the others, at least; which part of pympler's memory, at most.
STANDSTILL, FASTER, PART = 0.15, {"pympler": 20.0, "objgraph": 5.0}, 0.1


class Point:
    """An instance with two attributes."""

    def __init__(self, number: int) -> None:
        self.x = number * 1000
        self.y = str(number)


def objects(count: int) -> list[Any]:
    """About so many objects of several types."""
    made: list[Any] = []
    for number in range(count // 10):
        # An instance, two attributes; a dict, its value; a list, its item; a tuple, a text and a number in it.
        made.append((Point(number), {"key": float(number)}, [number + 10**6], (f"text {number}", number + 10**9)))
    return made


def count_once(tool: str) -> int:
    """Has a tool count; returns what it finds."""
    if tool == "pikos":
        import pikos.objects

        return pikos.objects.census().count
    if tool == "pympler":
        from pympler import muppy, summary

        return sum(row[1] for row in summary.summarize(muppy.get_objects()))
    import objgraph

    return sum(number for _, number in objgraph.most_common_types(limit=10**9))


def child(tool: str, count: int) -> None:
    kept = objects(count)
    try:
        for module in MODULES[tool]:
            importlib.import_module(module)
    except ImportError as error:
        print(json.dumps({"skip": str(error)}))
        return
    forget_peak()
    before = peak_memory()
    begin, begin_cpu = perf_counter(), process_time()
    found = count_once(tool)
    seconds, cpu = perf_counter() - begin, process_time() - begin_cpu
    print(
        json.dumps({"seconds": seconds, "cpu": cpu, "bytes": peak_memory() - before, "found": found, "kept": len(kept)})
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.objects.census", description=__doc__.split("\n")[0])
    parser.add_argument("--objects", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="500,000 objects, one round")
    parser.add_argument("--check", action="store_true", help="fail where a goal is missed")
    parser.add_argument("--tool", choices=TOOLS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.objects, options.rounds = 500_000, 1
    if options.tool:
        child(options.tool, options.objects)
        return 0
    runs: dict[str, list[dict[str, Any]]] = {tool: [] for tool in TOOLS}
    for _ in range(options.rounds):
        for tool in TOOLS:
            runs[tool].append(run(tool, options.objects))
    print("\n".join(f"{fact}: {value}" for fact, value in facts().items()))
    print(f"{options.objects:,} objects, medians of {options.rounds}\n")
    return report(runs, options.check)


def run(tool: str, count: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.objects.census", "--tool", tool, "--objects", str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=ENVIRONMENT)
    if done.returncode != 0:
        sys.exit(f"{tool}: exit code {done.returncode}\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def report(runs: dict[str, list[dict[str, Any]]], check: bool) -> int:
    median: dict[str, dict[str, float]] = {}
    print("| tool | objects found | seconds | CPU seconds | CPU s for a million | memory MB |")
    print("|---|---:|---:|---:|---:|---:|")
    for tool, answers in runs.items():
        if "skip" in answers[0]:
            print(f"| {tool} | not here: {answers[0]['skip']} | | | | |")
            continue
        median[tool] = {what: statistics.median(each[what] for each in answers) for what in answers[0]}
        found, seconds, cpu = (median[tool][what] for what in ("found", "seconds", "cpu"))
        memory = median[tool]["bytes"] / 1e6
        print(f"| {tool} | {found:,.0f} | {seconds:.3f} | {cpu:.3f} | {cpu / found * 1e6:.3f} | {memory:.1f} |")
    print()
    ours = median["pikos"]
    goals = {f"at most {STANDSTILL} s for a million": ours["cpu"] / ours["found"] * 1e6 <= STANDSTILL}
    for tool, times in FASTER.items():
        if tool in median:
            ratio = median[tool]["cpu"] / ours["cpu"]
            goals[f"{times:g} times as fast as {tool} (is {ratio:.1f})"] = ratio >= times
    if "pympler" in median:
        part = ours["bytes"] / max(median["pympler"]["bytes"], 1)
        goals[f"at most {PART:.0%} of pympler's memory (is {part:.1%})"] = part <= PART
    for goal, is_met in goals.items():
        print(f"- goal: {goal}: {'met' if is_met else 'missed'}")
    return 1 if check and not all(goals.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
