"""``include`` and ``exclude``: what isn't shown as itself is its caller's, and all other counts stay exact."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running import python, subject

pytestmark = [pytest.mark.in_process, pytest.mark.beyond_cprofile]

profiler = subject()

#: Ways to record.
WAYS: dict[str, dict[str, Any]] = {
    "plainly": {},
    "with full stacks": {"tree": True},
    "compensated": {"compensate": True},
    "by a timer": {"timer": iter(range(10**9)).__next__, "timeunit": 0.5},
    "Python functions": {"builtins": False},
    "frame by frame": {"builtins": False, "hook": "frame-eval"},
}

#: Calls of a function: whom it calls in turn.
Calls = list[tuple[str, "Calls"]]

FUNCTIONS = [*(f"shown_{n}" for n in range(3)), *(f"aside_{n}" for n in range(3))]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> dict[str, Any]:
    return WAYS[request.param]


def program() -> dict[str, Callable[[Calls], None]]:
    """Functions that make the calls which they are told, each with code of its own."""
    namespace: dict[str, Any] = {}
    for name in FUNCTIONS:
        source = f"def {name}(calls):\n    for name, inner in calls:\n        FUNCTIONS[name](inner)\n"
        exec(compile(source, "program.py", "exec"), namespace)
    namespace["FUNCTIONS"] = {name: namespace[name] for name in FUNCTIONS}
    return namespace["FUNCTIONS"]  # type: ignore[no-any-return]


def invented(seed: int) -> Calls:
    """Calls at random, recursion and all."""
    dice = random.Random(seed)

    def level(depth: int) -> Calls:
        if depth == 6:
            return []
        return [(dice.choice(FUNCTIONS), level(depth + 1)) for _ in range(dice.randrange(4))]

    return [("shown_0", level(0)), ("aside_0", level(0))]


def expected(calls: Calls, caller: str | None = None) -> Counter[tuple[str | None, str]]:
    """How often each function that is shown calls each other one, by itself or through others."""
    counts: Counter[tuple[str | None, str]] = Counter()
    for name, inner in calls:
        if name.startswith("shown"):
            counts[caller, name] += 1
            counts += expected(inner, name)
        else:
            counts += expected(inner, caller)
    return counts


def run(calls: Calls, **options: Any) -> Any:
    functions = program()
    profile = profiler.Profile(**options)
    profile.enable()
    for name, inner in calls:
        functions[name](inner)
    profile.disable()
    return profile


def stats_of(profile: Any) -> dict[str, Any]:
    profile.create_stats()
    return {name: row for (file, _, name), row in profile.stats.items() if file == "program.py"}


@pytest.mark.parametrize("seed", range(8))
def test_all_other_counts_are_exact(seed: int, way: dict[str, Any]) -> None:
    calls = invented(seed)
    stats = stats_of(run(calls, exclude="aside", **way))
    assert all(name.startswith("shown") for name in stats)
    counts: Counter[tuple[str | None, str]] = Counter()
    for name, (_, ncalls, _, _, callers) in stats.items():
        inner = {caller[2]: edge[0] for caller, edge in callers.items()}
        counts.update({(caller, name): count for caller, count in inner.items()})
        if outer := ncalls - sum(inner.values()):
            counts[None, name] = outer
    assert counts == expected(calls)


def test_their_time_is_their_callers() -> None:
    """By a timer that counts how often it is read: twice for each call that is recorded."""
    calls: Calls = [("shown_0", [("aside_0", [("aside_1", [("shown_1", [])]), ("shown_1", [])])])]
    timer = iter(range(10**9)).__next__
    stats = stats_of(run(calls, exclude="aside", timer=timer, timeunit=1.0, builtins=False))
    # shown_0 begins; shown_1, twice: begins and ends; shown_0 ends.
    assert stats["shown_1"][:4] == (2, 2, 2.0, 2.0)
    assert stats["shown_0"][:4] == (1, 1, 3.0, 5.0)


def test_full_stacks_go_through_them() -> None:
    calls: Calls = [("shown_0", [("aside_0", [("shown_1", [("aside_1", [("shown_2", [])])])])])]
    from pikos import stats

    nodes = stats.of(run(calls, exclude="aside", tree=True)).tree()
    assert nodes is not None
    stacks = {node.name: nodes[node.parent].name for node in nodes if node.parent is not None}
    assert stacks["shown_2"] == "shown_1" and stacks["shown_1"] == "shown_0"


def test_only_what_is_included_is_shown() -> None:
    calls: Calls = [("aside_0", [("shown_0", [("aside_1", [("shown_1", [])])])])]
    profile = run(calls, include=r"program\.py", exclude="aside")
    profile.create_stats()
    assert {name for _, _, name in profile.stats} == {"shown_0", "shown_1"}


def test_a_built_in_is_known_by_its_name() -> None:
    profile = profiler.Profile(exclude=r"\{built-in method builtins\.len\}")
    profile.enable()
    len("x")
    abs(-1)
    profile.disable()
    names = {entry.code for entry in profile.getstats() if isinstance(entry.code, str)}
    assert "<built-in method builtins.abs>" in names and "<built-in method builtins.len>" not in names


def test_what_leaves_them_otherwise(way: dict[str, Any]) -> None:
    """Exceptions, generators that are dropped and resumed, recursion: the stack stays right."""
    namespace: dict[str, Any] = {}
    source = """
def aside_fails(): shown_inner(); raise KeyError
def aside_yields():
    yield shown_inner()
    yield shown_inner()
def aside_recurses(n): shown_inner(); n and aside_recurses(n - 1)
def shown_inner(): pass
def shown_outer():
    for n in range(3):
        try: aside_fails()
        except KeyError: pass
        for _ in aside_yields(): break
        for _ in aside_yields(): pass
        aside_recurses(4)
"""
    exec(compile(source, "program.py", "exec"), namespace)
    profile = profiler.Profile(exclude="aside", **way)
    profile.runcall(namespace["shown_outer"])
    stats = stats_of(profile)
    assert {name: row[1] for name, row in stats.items()} == {"shown_outer": 1, "shown_inner": 3 * (1 + 1 + 2 + 5)}
    assert {caller[2]: edge[0] for caller, edge in stats["shown_inner"][4].items()} == {"shown_outer": 27}


def test_one_that_is_gone_hides_nobody_else() -> None:
    """Its address may be another's."""
    profile = profiler.Profile(exclude="aside", builtins=False)
    profile.enable()
    for n in range(200):
        namespace: dict[str, Any] = {}
        exec(compile(f"def {'aside' if n % 2 else 'shown'}_{n}(): pass", "program.py", "exec"), namespace)
        function = next(value for name, value in namespace.items() if name.endswith(f"_{n}"))
        function()
        del function, namespace
    profile.disable()
    assert sum(name.startswith("shown_") for name in stats_of(profile)) == 100


@pytest.mark.parametrize("name", ["include", "exclude"])
def test_no_regular_expression(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is not a regular expression, \"\(\": unclosed group$"):
        profiler.Profile(**{name: "("})
    with pytest.raises(TypeError, match=name):
        profiler.Profile(**{name: 7})


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "script.py"
    path.write_text(
        "import os, json\ndef own():\n    return json.dumps(list(range(9)))\ndef main():\n    own()\n    own()\nmain()\n"
    )
    yield path


def test_on_the_command_line(script: Path) -> None:
    asked = ["--include", r"script\.py", "--exclude", r"\(<module>\)"]
    table = python(["-m", "pikos.cprofile", *asked, script]).succeeded().out
    rows = [line.split() for line in table.splitlines() if "script.py" in line]
    assert [(row[0], row[-1].rpartition("(")[2]) for row in rows] == [("1", "main)"), ("2", "own)")]
    assert "json" not in table

    wrong = python(["-m", "pikos.cprofile", "--include", "[", script])
    assert wrong.code == 2 and "include is not a regular expression" in wrong.err
