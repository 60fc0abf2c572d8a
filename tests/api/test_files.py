"""What is written can be read: by pstats, pyprof2calltree, snakeviz and gprof2dot; and rows of one label are added up."""

from __future__ import annotations

import cProfile
import importlib.util
import json
import marshal
import pstats
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import PATIENCE, SUBJECT, SUPPORT, TESTS, environment, subject

pytestmark = pytest.mark.in_process

profiler = subject()


def fibonacci(number: int) -> int:
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


def work() -> int:
    return sum(map(fibonacci, range(8)))


CALLS = 100  # of fibonacci: 2 * F(n + 1) - 1 for each n below 8
LABEL = (__file__, fibonacci.__code__.co_firstlineno, "fibonacci")


@pytest.fixture
def profile() -> Any:
    profile = profiler.Profile()
    profile.runcall(work)
    return profile


@pytest.fixture
def dumped(profile: Any, tmp_path: Path) -> Path:
    path = tmp_path / "out.pstats"
    profile.dump_stats(path)
    return path


def tool(*arguments: str | Path) -> str:
    """Run another project's tool on this interpreter. Its own warnings are not ours to fix."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(PYTHONWARNINGS="ignore"),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_calls_are_what_the_formula_says() -> None:
    def calls(number: int) -> int:
        return 1 if number < 2 else 1 + calls(number - 1) + calls(number - 2)

    assert sum(map(calls, range(8))) == CALLS


def test_pstats_reads_the_object_and_the_file_alike(profile: Any, dumped: Path) -> None:
    from_object, from_file = pstats.Stats(profile), pstats.Stats(str(dumped))
    assert from_object.stats == from_file.stats  # type: ignore[attr-defined]
    cc, nc, _, _, callers = from_file.stats[LABEL]  # type: ignore[attr-defined]
    assert (cc, nc) == (8, CALLS)
    assert callers["~", 0, "<built-in method builtins.sum>"][:2] == (8, 8)
    assert callers[LABEL][0] == CALLS - 8


def test_file_is_plain_marshal_with_exact_types(dumped: Path) -> None:
    stats = marshal.loads(dumped.read_bytes())
    assert type(stats) is dict
    for label, row in stats.items():
        assert [type(part) for part in label] == [str, int, str]
        assert [type(part) for part in row] == [int, int, float, float, dict]
        for caller, numbers in row[4].items():
            assert [type(part) for part in caller] == [str, int, str]
            assert [type(part) for part in numbers] == [int, int, float, float]


@pytest.mark.parametrize("kind", [str, Path, lambda path: str(path).encode()])
def test_dump_stats_takes_each_kind_of_path(profile: Any, tmp_path: Path, kind: Any) -> None:
    profile.dump_stats(kind(tmp_path / "out"))
    assert marshal.loads((tmp_path / "out").read_bytes())


def test_dump_stats_to_an_impossible_place_says_so_and_keeps_the_profile(profile: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        profile.dump_stats(tmp_path / "missing" / "out")
    profile.dump_stats(tmp_path / "out")
    assert LABEL in marshal.loads((tmp_path / "out").read_bytes())


def test_files_add_up_with_cprofiles(dumped: Path, tmp_path: Path) -> None:
    control = cProfile.Profile()
    control.runcall(work)
    control.dump_stats(tmp_path / "control")
    together = pstats.Stats(str(dumped)).add(str(tmp_path / "control"))
    assert together.stats[LABEL][:2] == (16, 2 * CALLS)  # type: ignore[attr-defined]


def test_pyprof2calltree_converts_it(dumped: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec("pyprof2calltree") is None:
        pytest.skip("NOT TESTED: pyprof2calltree is not installed")
    if not hasattr(cProfile, "label"):
        pytest.skip("pyprof2calltree 1.4.5 asks cProfile for label(), which 3.15's has no more")
    out = tmp_path / "callgrind.out"
    tool("-m", "pyprof2calltree", "-i", dumped, "-o", out)
    text = out.read_text()
    assert f"fl={__file__}\nfn=fibonacci" in text
    assert re.search(rf"cfn=fibonacci\ncalls={CALLS - 8} ", text)


def test_gprof2dot_draws_it(dumped: Path) -> None:
    if importlib.util.find_spec("gprof2dot") is None:
        pytest.skip("NOT TESTED: gprof2dot is not installed")
    graph = tool("-m", "gprof2dot", "-f", "pstats", "-n0", "-e0", dumped)
    assert re.search(rf'label="test_files:{LABEL[1]}:fibonacci\\n[^"]*\\n{CALLS}×', graph)


def test_snakeviz_reads_it(dumped: Path) -> None:
    if importlib.util.find_spec("snakeviz") is None:
        pytest.skip("NOT TESTED: snakeviz is not installed")
    tree = json.loads(
        tool(
            "-c",
            """
import json, pstats, sys
from snakeviz.stats import json_stats, table_rows
stats = pstats.Stats(sys.argv[1])
print(json.dumps([json_stats(stats), table_rows(stats)]))
""",
            dumped,
        )
    )
    nodes, rows = tree
    (node,) = (name for name in nodes if name.endswith("(fibonacci)"))
    assert sorted(nodes[node]["stats"][:2]) == [8, CALLS]
    assert any(f"{CALLS}/8" in str(row) for row in rows)


def test_print_stats_prints_recursion_as_all_and_primitive_calls() -> None:
    out = tool(
        "-c",
        f"""
import sys
sys.path[:0] = {[str(TESTS / "api"), str(SUPPORT)]!r}
import {SUBJECT} as profiler
from test_files import work
profile = profiler.Profile()
profile.runcall(work)
profile.print_stats("name")
""",
    )
    assert re.search(rf"^ +{CALLS}/8 .* test_files\.py:{LABEL[1]}\(fibonacci\)$", out, re.MULTILINE)


@pytest.mark.beyond_cprofile  # it keeps the last of them only
def test_functions_of_one_label_are_added_up() -> None:
    namespaces: list[dict[str, Any]] = [{}, {}, {}]
    for namespace in namespaces:
        exec(compile("def same(n):\n    return n and same(n - 1)\n", "<generated>", "exec"), namespace)
    profile = profiler.Profile()
    profile.enable()
    for depth, namespace in enumerate(namespaces):
        namespace["same"](depth)
    profile.disable()
    profile.create_stats()
    raw = [entry for entry in profile.getstats() if getattr(entry.code, "co_name", "") == "same"]
    cc, nc, tottime, cumtime, callers = profile.stats["<generated>", 1, "same"]
    assert [(entry.callcount, entry.reccallcount) for entry in raw] == [(1, 0), (2, 1), (3, 2)]
    assert (cc, nc) == (3, 6)
    assert tottime == pytest.approx(sum(entry.inlinetime for entry in raw))
    assert cumtime == pytest.approx(sum(entry.totaltime for entry in raw))
    # each edge has a level of recursion of its own: of two inner calls one is an edge's first
    assert callers["<generated>", 1, "same"][:2] == (3, 2)


@pytest.mark.beyond_cprofile
def test_two_lambdas_on_one_line_lose_nothing() -> None:
    first, second = (lambda: 1), (lambda: [len("two") for _ in "ab"])
    profile = profiler.Profile()
    profile.enable()
    first(), first(), second()
    profile.disable()
    profile.create_stats()
    rows = [
        row
        for (_, line, name), row in profile.stats.items()
        if name == "<lambda>" and line == first.__code__.co_firstlineno
    ]
    assert [row[:2] for row in rows] == [(3, 3)]


@pytest.mark.parametrize("name", ["naïve", "函数", "e\u0301"])
def test_names_that_are_not_ascii(name: str, tmp_path: Path) -> None:
    namespace: dict[str, Any] = {}
    exec(compile(f"def {name}(): pass", f"{tmp_path}/ünïcode {name}.py", "exec"), namespace)
    profile = profiler.Profile()
    function = next(value for value in namespace.values() if callable(value))
    profile.runcall(function)
    profile.dump_stats(tmp_path / "out")
    assert (function.__code__.co_filename, 1, function.__code__.co_name) in marshal.loads(
        (tmp_path / "out").read_bytes()
    )


def test_a_surrogate_in_a_file_name_survives(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {}
    exec(compile("def f(): pass", "bad\udcff.py", "exec"), namespace)
    profile = profiler.Profile()
    profile.runcall(namespace["f"])
    profile.dump_stats(tmp_path / "out")
    assert ("bad\udcff.py", 1, "f") in marshal.loads((tmp_path / "out").read_bytes())
