"""Stacks made from caller edges, against the tree that was recorded in the same run."""

from __future__ import annotations

import importlib
import random
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pikos
import pikos.stats
import pytest
from running import subject

pytestmark = [pytest.mark.any_release, pytest.mark.in_process, pytest.mark.beyond_cprofile]

Stacks = list[tuple[tuple[str, ...], int]]


def program(seed: int) -> str:
    """Functions that call each other, also in circles; each call has a budget, so it ends. Only work makes time go by."""
    chance = random.Random(seed)
    count = chance.randint(4, 12)
    lines = ["def work(n): now[0] += n"]
    for number in range(count):
        lines += [f"def f{number}(left):", f"    work({chance.randint(20, 400)})", "    if left <= 0: return"]
        for _ in range(chance.randint(1, 3)):
            # Mostly forwards; backwards, or to itself, is recursion.
            callee = chance.randint(number + 1, count) if chance.random() < 0.75 else chance.randint(0, number)
            call = f"f{callee}(left - 1)" if callee < count else f"work({chance.randint(100, 2000)})"
            lines.append(f"    {call}")
    return "\n".join([*lines, "def main():", "    for _ in range(20): f0(7)", ""])


def modules(folder: Path, seed: int) -> str:
    """Modules that import others and work a while; the name of the first."""
    chance = random.Random(seed)
    for number in range(12):
        imports = [f"import circle{seed}_{n}" for n in range(number + 1, 12) if chance.random() < 0.3]
        work = f"total = 0\nfor i in range({chance.randint(1000, 60000)}): total += i\n"
        (folder / f"circle{seed}_{number}.py").write_text("\n".join([*imports, work]))
    return f"circle{seed}_0"


def collapsed(profile: Any, path: Path) -> Stacks:
    pikos.export(profile, "collapsed", path)
    found = []
    for line in path.read_text().splitlines():
        stack, _, number = line.rpartition(" ")
        # A stack that was recorded knows qualified names, a pstats file doesn't.
        frames = (frame.rpartition(" (")[2] if frame.endswith(")") else frame for frame in stack.split(";"))
        found.append((tuple(frames), int(number)))
    return found


def own_times(stacks: Stacks) -> Counter[str]:
    times: Counter[str] = Counter()
    for stack, time in stacks:
        times[stack[-1]] += time
    return times


def cumulative_times(stacks: Stacks) -> Counter[str]:
    times: Counter[str] = Counter()
    for stack, time in stacks:
        for frame in set(stack):
            times[frame] += time
    return times


def compare_own_times(recorded: Stacks, computed: Stacks) -> None:
    own, own_computed = own_times(recorded), own_times(computed)
    whole = sum(own.values())
    # A nanosecond for each function, where the clock's unit is none.
    assert abs(sum(own_computed.values()) - whole) <= len(own)
    assert {frame: time for frame, time in own.items() if abs(own_computed[frame] - time) > 50} == {}


def cumulative_error(recorded: Stacks, computed: Stacks) -> float:
    """In points of the whole: how far off the worst of the ten functions with the most cumulative time is."""
    whole = sum(own_times(recorded).values())
    computed_times = cumulative_times(computed)
    costliest = cumulative_times(recorded).most_common(10)
    return max(100 * abs(computed_times[frame] - time) / whole for frame, time in costliest)


def both(run: Any, tmp_path: Path, *clock: Any) -> tuple[Stacks, Stacks]:
    profile = subject().Profile(*clock, tree=True)
    profile.runcall(run)
    profile.dump_stats(tmp_path / "edges.pstats")
    return (
        collapsed(profile, tmp_path / "recorded.folded"),
        collapsed(pikos.stats.load(tmp_path / "edges.pstats"), tmp_path / "computed.folded"),
    )


def test_programs_with_recursion(tmp_path: Path) -> None:
    """Own times are exact in all. Cumulative times of circles are found by a search, which comes close."""
    errors = []
    for seed in range(100):
        now = [0]
        namespace: dict[str, Any] = {"now": now}
        exec(compile(program(seed), f"program{seed}.py", "exec"), namespace)
        recorded, computed = both(namespace["main"], tmp_path, lambda now=now: now[0], 1e-6)
        assert own_times(recorded) == own_times(computed), seed
        errors.append(cumulative_error(recorded, computed))
    assert max(errors) <= 5 and sum(error <= 1 for error in errors) >= 95, sorted(errors)
    assert sorted(errors)[50] < 0.1


@pytest.mark.parametrize("seed", range(6))
def test_programs_that_import(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = modules(tmp_path, seed)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    # Which import stood below which is a guess, so cumulative times are not compared.
    compare_own_times(*both(lambda: importlib.import_module(name), tmp_path))
    for module in [module for module in sys.modules if module.startswith(f"circle{seed}_")]:
        del sys.modules[module]


def test_each_writer_has_the_own_times(tmp_path: Path) -> None:
    name = modules(tmp_path, 99)
    sys.path.insert(0, str(tmp_path))
    importlib.invalidate_caches()
    try:
        _, computed = both(lambda: importlib.import_module(name), tmp_path)
    finally:
        sys.path.remove(str(tmp_path))
    (note, *_) = pikos.export(tmp_path / "edges.pstats", "html", tmp_path / "a.html")
    assert "own times are exact" in note and "% of the time may be in another stack" in note
    pikos.export(tmp_path / "edges.pstats", "speedscope", tmp_path / "a.speedscope.json")
    again = pikos.stats.load(tmp_path / "a.speedscope.json")
    own = own_times(computed)
    # Through another file, rounded there and here.
    for frame, time in own_times(collapsed(again, tmp_path / "again.folded")).items():
        assert abs(own[frame] - time) <= 50, frame
