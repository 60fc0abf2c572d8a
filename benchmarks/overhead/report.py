"""The tables of `make bench`: slowdowns, overhead relative to cProfile, memory; as Markdown, and all runs as JSON."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.overhead.profilers import (
    CPROFILE,
    CPROFILE_PYTHON,
    PIKOS,
    PIKOS_CPU,
    PIKOS_DISTRIBUTION,
    PIKOS_FRAMES,
    PIKOS_LIVE,
    PIKOS_PYTHON,
    PIKOS_SAMPLED,
    PLAIN,
    Profiler,
    fast_hook,
)
from benchmarks.shared import machine
from benchmarks.shared.turns import Process
from benchmarks.shared.workloads import Workload

#: Below such a share of the plain run, cProfile's overhead is no measure of anybody else's.
LEAST_OVERHEAD = 0.1
#: A geometric mean knows no zero: what a ratio counts as at least.
LEAST_RATIO = 0.01

#: What is compared with what: (ours, theirs).
PAIRS = (
    (PIKOS, CPROFILE),
    (PIKOS_LIVE, CPROFILE),
    (PIKOS_SAMPLED, CPROFILE),
    (PIKOS_DISTRIBUTION, CPROFILE),
    (PIKOS_CPU, CPROFILE),
    (PIKOS_PYTHON, CPROFILE),
    (PIKOS_FRAMES, CPROFILE),
    (PIKOS_PYTHON, CPROFILE_PYTHON),
    (PIKOS_FRAMES, CPROFILE_PYTHON),
)
#: Geometric means over the real programs that we want: all functions; Python functions only, by the faster hook.
GOALS = {"3.11": (0.50, 0.14), "3.12": (0.40, 0.25), "3.13": (0.36, 0.22), "3.14": (0.36, 0.20), "3.15": (0.40, 0.25)}
#: The same for exact counts with sampled times.
SAMPLED_GOALS = {"3.11": 0.42, "3.12": 0.28, "3.13": 0.24, "3.14": 0.22, "3.15": 0.23}
#: How much longer a run may take if it is published.
LIVE_GOAL = 0.02
#: The same if how long each call took is kept.
DISTRIBUTION_GOAL = 0.06


@dataclass(frozen=True)
class Cell:
    """One program under one profiler: seconds of each run that counts (of the process, of its main thread, of the
    clock), the greatest memory in bytes, and what went wrong."""

    cpu: list[float]
    thread: list[float]
    wall: list[float]
    peak: int
    trouble: str | None

    @classmethod
    def of(cls, process: Process) -> Cell:
        runs = process.runs
        peak = max((run["peak"] for run in runs), default=0)
        cpu, thread, wall = ([round(run[what], 6) for run in runs] for what in ("cpu", "thread", "wall"))
        return cls(cpu, thread, wall, peak, process.trouble)

    @property
    def seconds(self) -> float:
        return statistics.median(self.cpu)

    @property
    def spread(self) -> float:
        return (max(self.cpu) - min(self.cpu)) / self.seconds


@dataclass
class Row:
    program: Workload
    cells: dict[str, Cell]

    def slowdown(self, name: str) -> float | None:
        cell, plain = self.cells.get(name), self.cells[PLAIN]
        return cell.seconds / plain.seconds if cell and cell.cpu and plain.cpu else None

    def ratio(self, ours: str, theirs: str) -> float | None:
        """Our overhead relative to theirs; None where theirs is too small, or one of them has not run."""
        mine, other = self.slowdown(ours), self.slowdown(theirs)
        if mine is None or other is None or other - 1 < LEAST_OVERHEAD:
            return None
        return (mine - 1) / (other - 1)


def geometric_mean(ratios: Iterable[float | None]) -> float | None:
    known = [max(LEAST_RATIO, ratio) for ratio in ratios if ratio is not None]
    return math.exp(statistics.fmean(map(math.log, known))) if known else None


class Report:
    """Prints as it grows, and is written at the end."""

    def __init__(
        self,
        date: str,
        release: str,
        facts: dict[str, str],
        rounds: int,
        profilers: Sequence[Profiler],
        whole: bool,
    ) -> None:
        self.date = date
        self.release = release
        self.facts = facts
        self.rounds = rounds
        self.profilers = profilers
        #: All programs: the goals are theirs.
        self.whole = whole
        self.names = [profiler.name for profiler in profilers]
        self.rows: list[Row] = []
        self.lines: list[str] = []

    def say(self, line: str = "") -> None:
        print(line, flush=True)
        self.lines.append(line)

    def table(self, heads: Sequence[str]) -> None:
        self.say("| " + " | ".join(f"{head:{width(head, number)}}" for number, head in enumerate(heads)) + " |")
        self.say(
            "|" + "|".join("-" * (width(head, n) + 1) + ("-" if n == 0 else ":") for n, head in enumerate(heads)) + "|"
        )
        self.heads = heads

    def line(self, name: str, values: Iterable[str]) -> None:
        texts = [f"{value:>{width(head, 1)}}" for head, value in zip(self.heads[1:], values, strict=True)]
        self.say("| " + " | ".join([f"{name:{width(self.heads[0], 0)}}", *texts]) + " |")

    # -- while it is measured --

    def print_head(self) -> None:
        self.say(f"# Overhead on CPython {self.release}, {self.date}")
        self.say()
        for name, value in self.facts.items():
            self.say(f"- {name}: {value}")
        self.say(f"- runs that count: {self.rounds} each, in turn; medians of CPU time")
        hook, reason = fast_hook()
        self.say(f'- `hook="fast"`: {hook} ({reason})')
        self.say()
        self.say("## Slowdown: time under the profiler over plain time")
        self.say()
        self.table(["program", "plain", *self.names[1:]])

    def add(self, program: Workload, cells: dict[str, Cell]) -> None:
        row = Row(program, cells)
        self.rows.append(row)
        plain = cells[PLAIN]
        milliseconds = f"{plain.seconds * 1e3:.1f} ms" if plain.cpu else "failed"
        self.line(
            program.name,
            [milliseconds, *(f"{number(row.slowdown(name), 2)}{mark(row, name)}" for name in self.names[1:])],
        )

    # -- at the end --

    def print_end(self) -> None:
        for micro, what in ((False, "real programs"), (True, "micro programs")):
            if rows := self.of(micro):
                means = [geometric_mean(row.slowdown(name) for row in rows) for name in self.names[1:]]
                self.line(f"mean of {what}", ["", *(number(mean, 2) for mean in means)])
        self.print_ratios()
        self.print_memory()
        self.print_notes()

    def of(self, micro: bool) -> list[Row]:
        """What a mean is taken over."""
        return [row for row in self.rows if row.program.micro == micro and row.program.calls]

    def pairs(self) -> list[tuple[str, str]]:
        return [pair for pair in PAIRS if set(pair) <= set(self.names) and self.has_run(pair[0])]

    def has_run(self, name: str) -> bool:
        return any(row.slowdown(name) is not None for row in self.rows)

    def mean(self, pair: tuple[str, str], micro: bool = False) -> float | None:
        return geometric_mean(row.ratio(*pair) for row in self.of(micro))

    def print_ratios(self) -> None:
        pairs = self.pairs()
        if not pairs:
            return
        self.say()
        self.say("## Overhead relative to cProfile's: (ours - plain) / (theirs - plain)")
        self.say()
        self.table(["program", *(f"{ours} / {theirs}" for ours, theirs in pairs)])
        for row in self.rows:
            self.line(row.program.name, [number(row.ratio(*pair), 3) for pair in pairs])
        for micro, what in ((False, "real programs"), (True, "micro programs")):
            if self.of(micro):
                self.line(f"**mean of {what}**", [number(self.mean(pair, micro), 3) for pair in pairs])
        self.say()
        self.say(
            "Means are geometric. Programs without calls stay out of them, and so do those that cProfile slows by less"
        )
        self.say(
            f"than {LEAST_OVERHEAD:.0%}, which have no ratio (–): all slowdowns are above. A ratio counts as {LEAST_RATIO} at least."
        )
        if (added := self.live_cost()) is not None:
            self.say()
            self.say(
                f"Publishing ten times a second adds {added:+.1%} to the CPU time of `{PIKOS}` (geometric mean of the real"
            )
            self.say(f"programs), of which {self.publisher_share():.1%} is measured in the publisher's own thread.")
        for name, what in (
            (PIKOS_DISTRIBUTION, "Keeping how long each call took"),
            (PIKOS_CPU, "Telling processors' time apart"),
        ):
            if (added := self.added(name)) is not None:
                self.say()
                self.say(f"{what} adds {added:+.1%}.")

    def live_cost(self) -> float | None:
        return self.added(PIKOS_LIVE)

    def added(self, name: str) -> float | None:
        """What this profiler adds to the CPU time of a plain profile, as a part of that."""
        if name not in self.names:
            return None
        both = [(row.slowdown(name), row.slowdown(PIKOS)) for row in self.of(micro=False)]
        mean = geometric_mean(more / less for more, less in both if more is not None and less is not None)
        return None if mean is None else mean - 1

    def publisher_share(self) -> float:
        """CPU time of all threads but the main one, relative to that one's."""
        cells = [row.cells[PIKOS_LIVE] for row in self.of(micro=False) if row.cells[PIKOS_LIVE].cpu]
        return statistics.fmean(cell.seconds / statistics.median(cell.thread) - 1 for cell in cells)

    def print_memory(self) -> None:
        self.say()
        self.say("## Memory: greatest resident size, above that of the plain run")
        self.say()
        self.table(["profiler", "median, MB", "greatest, MB"])
        for name in self.names[1:]:
            more = [
                (row.cells[name].peak - row.cells[PLAIN].peak) / 1e6
                for row in self.rows
                if row.cells[name].cpu and row.cells[PLAIN].cpu
            ]
            if more:
                self.line(name, [f"{statistics.median(more):.1f}", f"{max(more):.1f}"])

    def print_notes(self) -> None:
        spreads = [cell.spread for row in self.rows for cell in row.cells.values() if cell.cpu]
        self.say()
        if spreads:
            self.say(
                f"Spread of a cell's runs, (greatest - least) / median: median {statistics.median(spreads):.1%}, "
                f"greatest {max(spreads):.1%}."
            )
        for line in self.troubles():
            self.say(f"- {line}")
        for line in self.goals():
            self.say(f"- {line}")

    def troubles(self) -> list[str]:
        """What did not run, and why; once for a profiler that ran nowhere for one reason."""
        lines = []
        for name in self.names:
            reasons = {row.program.name: row.cells[name].trouble for row in self.rows if row.cells[name].trouble}
            if len(set(reasons.values())) == 1 and len(reasons) == len(self.rows):
                lines.append(f"{name} did not run: {next(iter(reasons.values()))}")
            else:
                lines += [f"{name} failed in {program}: {reason}" for program, reason in reasons.items()]
        return lines

    def goals(self) -> list[str]:
        """The goals of this release, and whether they are met."""
        lines = []
        for what, value, goal in self.goal_values():
            verdict = "met" if value <= goal else "missed"
            lines.append(f"goal for {what}: at most {goal:.2f}, is {value:.3f}: {verdict}")
        return lines

    def goal_values(self) -> list[tuple[str, float, float]]:
        found: list[tuple[str, float, float]] = []
        if not self.whole:
            return found
        everything, python = GOALS.get(self.release, (math.inf, math.inf))
        if (value := self.mean((PIKOS, CPROFILE))) is not None and self.release in GOALS:
            found.append(("all functions and built-ins", value, everything))
        if (value := self.mean((PIKOS_SAMPLED, CPROFILE))) is not None and self.release in SAMPLED_GOALS:
            found.append(("exact counts with sampled times", value, SAMPLED_GOALS[self.release]))
        python_only = [self.mean((name, CPROFILE)) for name in (PIKOS_PYTHON, PIKOS_FRAMES)]
        if (known := [value for value in python_only if value is not None]) and self.release in GOALS:
            found.append(("Python functions only", min(known), python))
        if (value := self.live_cost()) is not None:
            found.append(("what publishing adds", value, LIVE_GOAL))
        if (value := self.added(PIKOS_DISTRIBUTION)) is not None:
            found.append(("what keeping how long each call took adds", value, DISTRIBUTION_GOAL))
        return found

    def missed_goals(self) -> list[str]:
        return [line for line in self.goals() if line.endswith("missed")]

    def failed(self) -> list[str]:
        """What ought to run everywhere, and did not."""
        ours_and_theirs = {PLAIN, CPROFILE, CPROFILE_PYTHON, PIKOS, PIKOS_PYTHON}
        return [
            line for line in self.troubles() if line.split(" did not run")[0].split(" failed in")[0] in ours_and_theirs
        ]

    def write(self, folder: Path) -> Path:
        """The tables, and beside them every run; returns the tables' path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.date}-{self.release}.md"
        path.write_text("\n".join(self.lines) + "\n", encoding="utf-8")
        everything = {
            "date": self.date,
            "release": self.release,
            "facts": self.facts,
            "fast": PIKOS_FRAMES if fast_hook()[0] == "frame-eval" else PIKOS_PYTHON,
            "profilers": {profiler.name: profiler.what for profiler in self.profilers},
            "programs": {
                row.program.name: {
                    "kind": row.program.kind,
                    "micro": row.program.micro,
                    "calls": row.program.calls,
                    "runs": {name: asdict(cell) for name, cell in row.cells.items()},
                }
                for row in self.rows
            },
            "means": {
                f"{ours} / {theirs}": {
                    "real": self.mean((ours, theirs)),
                    "micro": self.mean((ours, theirs), micro=True),
                }
                for ours, theirs in self.pairs()
            },
        }
        machine.write_runs(path, everything)
        return path


def width(head: str, column: int) -> int:
    return 26 if column == 0 else max(len(head), 8)


def number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def mark(row: Row, name: str) -> str:
    return "×" if row.slowdown(name) is not None else ""
