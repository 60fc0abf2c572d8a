"""The newest results of each release as one table, for README.md: a line for each release.

python -m benchmarks.overhead.summary [--write]

`--write` puts it between the marks in README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.overhead.profilers import CPROFILE, PIKOS, PIKOS_LIVE
from benchmarks.overhead.report import Cell, Row, geometric_mean
from benchmarks.shared.machine import ROOT
from benchmarks.shared.workloads import Workload

RESULTS = Path(__file__).with_name("results")
README = ROOT / "README.md"
BEGIN, END = "<!-- overhead: written by benchmarks/overhead/summary.py -->\n", "<!-- /overhead -->\n"


def newest() -> dict[str, dict[str, Any]]:
    """By release, in their order."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(RESULTS.glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        found[result["release"]] = result  # names begin with the date: the last one is the newest
    return dict(sorted(found.items(), key=lambda item: tuple(map(int, item[0].split(".")))))


def rows(result: dict[str, Any]) -> list[Row]:
    """Of the real programs."""
    return [
        Row(
            Workload(name, program["kind"], lambda: print), {who: Cell(**cell) for who, cell in program["runs"].items()}
        )
        for name, program in result["programs"].items()
        if not program["micro"]
    ]


def table(results: dict[str, dict[str, Any]]) -> str:
    lines = [
        "| CPython | cProfile | Pikos | live | `--fast` | yappi | viztracer | Pikos / cProfile | `--fast` / cProfile |",
        "|---------|---------:|------:|-----:|---------:|------:|----------:|-----------------:|--------------------:|",
    ]
    for release, result in results.items():
        programs, fast = rows(result), result["fast"]
        means = [
            geometric_mean(row.slowdown(name) for row in programs)
            for name in (CPROFILE, PIKOS, PIKOS_LIVE, fast, "yappi", "viztracer")
        ]
        ratios = [geometric_mean(row.ratio(name, CPROFILE) for row in programs) for name in (PIKOS, fast)]
        texts = ["–" if mean is None else f"{mean:.2f}×" for mean in means]
        texts += ["–" if ratio is None else f"**{ratio:.2f}**" for ratio in ratios]
        lines.append(f"| {release} | {' | '.join(texts)} |")
    newest_one = max(results.values(), key=lambda result: str(result["date"]))
    facts = newest_one["facts"]
    lines += [
        "",
        f"Time over plain time, geometric mean of {len(rows(newest_one))} programs; then the overhead, (ours - plain) / (cProfile -",
        f"plain). {facts['CPU']}, {newest_one['date']}.",
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.overhead.summary", description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="into README.md")
    args = parser.parse_args()
    results = newest()
    if not results:
        print("no results yet: make bench", file=sys.stderr)
        return 1
    text = table(results)
    print(text, end="")
    if args.write:
        readme = README.read_text(encoding="utf-8")
        if BEGIN not in readme or END not in readme:
            print(f"{README.name} has no place for it: {BEGIN.strip()} and {END.strip()}", file=sys.stderr)
            return 1
        before, _, rest = readme.partition(BEGIN)
        after = rest.partition(END)[2]
        README.write_text(before + BEGIN + "\n" + text + "\n" + END + after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
