"""``pytest --pikos``, in a pytest of its own each time, which finds the plugin by itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pikos.stats
import pytest
from pytest_runs import SHOP, calls, index, project, run
from running import PATIENCE, environment


def test_without_an_option_it_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import sys\ndef test_nothing_is_loaded():\n    assert 'pikos.plugins.pytest' in sys.modules\n"
        "    assert not [name for name in sys.modules if name.startswith(('pikos.cprofile', 'pikos._lsprof', 'pikos.stats'))]\n"
    )
    code, printed = run(tmp_path)
    assert code == 0 and "pikos" not in printed, printed


def test_the_slowest_tests_and_where_their_time_went(tmp_path: Path) -> None:
    project(tmp_path)
    code, printed = run(tmp_path, "--pikos", "--pikos-slowest", "3")
    assert code == 0, printed
    assert "pikos: slowest 3 of 4 tests" in printed and "The whole run" in printed
    assert len(re.findall(r"test_shop.py::\S+", printed)) == 3
    # Which ones, and where, depends on what else the machine does.
    assert len(re.findall(r"\d % \S+ \(\w+\.py:\d+\) +test_shop.py::\S+", printed)) == 3, printed
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".pikos"], "nothing was to be kept"


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["one process", "pytest-xdist"])
def test_each_test_has_a_profile_and_all_have_one(tmp_path: Path, workers: list[str]) -> None:
    project(tmp_path)
    code, printed = run(tmp_path, "--pikos-save", "kept", *workers)
    assert code == 0, printed
    kept = tmp_path / "kept"
    tests = index(kept)
    assert sorted(tests) == [
        "test_shop.py::TestBlock::test_part",
        "test_shop.py::test_few",
        "test_shop.py::test_many[10]",
        "test_shop.py::test_many[20]",
    ]
    for name, rows in {"test_few": 3, "test_many[10]": 10, "test_many[20]": 20}.items():
        (file,) = tests[f"test_shop.py::{name}"]["files"]  # type: ignore[misc]
        found = calls(kept / file)
        assert (found["load"], found["row"]) == (1, rows)
    part, block = tests["test_shop.py::TestBlock::test_part"]["files"]  # type: ignore[misc]
    assert calls(kept / part)["row"] == 1 and calls(kept / block)["row"] == 5
    # The fixture's seven are no test's, and the run's.
    whole = calls(kept / "run.pikos")
    assert (whole["load"], whole["row"]) == (6, 3 + 10 + 20 + 1 + 5 + 7)
    assert f"pikos report {kept / 'run.pikos'} --open" in printed


def test_counts_are_those_of_the_project_alone(tmp_path: Path) -> None:
    project(tmp_path, "import shop\ndef test_it():\n    import colorsys, wave\n    shop.load(2)\n")
    assert run(tmp_path, "--pikos-save", "first")[0] == 0
    # Another order of imports, other plugins, another process.
    (tmp_path / "conftest.py").write_text("import colorsys, wave\n")
    assert run(tmp_path, "--pikos-save", "second", "-n", "1", "-p", "no:doctest")[0] == 0
    first, second = (index(tmp_path / name)["test_shop.py::test_it"]["calls"] for name in ("first", "second"))
    assert first == second
    assert 2 * 5 < first < 100  # type: ignore[operator]


def test_more_calls_fail_the_run_and_are_named(tmp_path: Path) -> None:
    project(tmp_path)
    assert run(tmp_path, "--pikos-save", "before")[0] == 0
    options = ("--pikos-compare", "before", "--pikos-fail-above", "10%")
    code, printed = run(tmp_path, *options)
    assert code == 0 and "more calls in 0, fewer in 0, as many in 4" in printed, printed
    (tmp_path / "shop.py").write_text(SHOP.replace("EXTRA = 0", "EXTRA = 0 + 3"))
    code, printed = run(tmp_path, *options, "-n", "2")
    assert code == 1, printed
    assert "4 tests make over 10 % more calls than before" in printed and "4 passed" in printed
    assert "+3 row (shop.py)" in printed
    assert re.search(r"\+\d+\.\d %  \d+ → \d+ calls  test_shop.py::test_few", printed)
    code, printed = run(tmp_path, "--pikos-compare", "before", "--pikos-fail-above", "500%")
    assert code == 0, printed
    # Without a limit it only tells.
    code, printed = run(tmp_path, "--pikos-compare", "before")
    assert code == 0 and "more calls in 4" in printed


def test_a_run_may_be_compared_with_what_it_replaces(tmp_path: Path) -> None:
    project(tmp_path)
    assert run(tmp_path, "--pikos-save", "kept")[0] == 0
    (tmp_path / "shop.py").write_text(SHOP.replace("EXTRA = 0", "EXTRA = 0 + 3"))
    both = ("--pikos-compare", "kept", "--pikos-save", "kept", "--pikos-fail-above", "0")
    assert run(tmp_path, *both)[0] == 1
    code, printed = run(tmp_path, *both)
    assert code == 0 and "as many in 4" in printed, printed
    rest = [path.name for path in (tmp_path / "kept").iterdir() if path.name.startswith("rest-")]
    assert len(rest) == 1, "what an earlier run has left there goes"


def test_by_time_a_sleep_is_seen(tmp_path: Path) -> None:
    project(tmp_path, "import time\nNAP = 0.02\ndef test_naps():\n    time.sleep(NAP)\n")
    assert run(tmp_path, "--pikos-save", "before")[0] == 0
    project(tmp_path, "import time\nNAP = 3\ndef test_naps():\n    time.sleep(NAP)\n")
    code, printed = run(tmp_path, "--pikos-compare", "before", "--pikos-by", "time", "--pikos-fail-above", "100%")
    assert code == 1 and "1 test takes over 100 % more time than before" in printed, printed


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--pikos-fail-above", "10%"], "needs a run to compare with: add --pikos-compare DIR"),
        (["--pikos-by", "time"], "add --pikos-compare DIR"),
        (["--pikos-compare", "nowhere"], "make one with --pikos-save"),
        (["--pikos-fail-above", "ten"], "must be a percentage such as 10%, got 'ten'"),
        (["--pikos-fail-above", "nan"], "must be a percentage such as 10%, got 'nan'"),
        (["--pikos-slowest", "-1"], "must be a whole number from 0 up, got '-1'"),
        (["--pikos-save", "test_shop.py"], "that is no folder"),
    ],
)
def test_wrong_usage_is_refused(tmp_path: Path, options: list[str], sentence: str) -> None:
    project(tmp_path)
    code, printed = run(tmp_path, *options)
    assert code == 4 and sentence in printed and "Traceback" not in printed, printed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": 2}',
        "[" * 100_000,
        '{"format": 1, "python": "3", "root": "/", "tests": {"a": {"files": ["../../etc/passwd.pikos"]}}}',
        '{"format": 1, "python": "3", "root": "/", "tests": {"a": {"files": [], "calls": "many", "seconds": 1, "share": 1, "at": null, "outcome": "passed"}}}',
    ],
)
def test_an_index_from_a_stranger_is_refused(tmp_path: Path, text: str) -> None:
    project(tmp_path)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "tests.json").write_text(text)
    code, printed = run(tmp_path, "--pikos-compare", "theirs")
    assert code == 4 and "is no index of --pikos-save" in printed and "Traceback" not in printed, printed


def test_profiles_of_a_stranger_are_left_out(tmp_path: Path) -> None:
    project(tmp_path)
    assert run(tmp_path, "--pikos-save", "kept")[0] == 0
    for path in (tmp_path / "kept").glob("test_*.pikos"):
        path.write_bytes(b"\x00nothing")
    (tmp_path / "shop.py").write_text(SHOP.replace("EXTRA = 0", "EXTRA = 0 + 3"))
    code, printed = run(tmp_path, "--pikos-compare", "kept", "--pikos-fail-above", "0%")
    assert code == 1 and "4 tests make over 0 % more calls" in printed, printed


def test_failures_doctests_unittests_and_skips_are_what_they_are(tmp_path: Path) -> None:
    tests = '''
        import unittest
        import pytest
        import shop

        def documented():
            """
            >>> documented()
            1
            """
            shop.load(4)
            return 1

        class TestOld(unittest.TestCase):
            def test_it(self):
                shop.load(6)

        def test_fails():
            shop.load(2)
            assert 0

        @pytest.mark.skip
        def test_skipped(): ...

        @pytest.fixture
        def broken():
            raise KeyError

        def test_error(broken): ...
    '''
    project(tmp_path, tests)
    code, printed = run(tmp_path, "--doctest-modules", "--pikos-save", "kept")
    assert code == 1 and "1 failed, 2 passed, 1 skipped, 1 error" in printed, printed
    tests_kept = index(tmp_path / "kept")
    rows = {}
    for name, kept in tests_kept.items():
        (file,) = kept["files"]  # type: ignore[misc]
        rows[name.rpartition("::")[2]] = calls(tmp_path / "kept" / file).get("row")
    assert rows == {"test_shop.documented": 4, "test_it": 6, "test_fails": 2}
    assert tests_kept["test_shop.py::test_fails"]["outcome"] == "failed"


def test_another_profiler_is_in_the_way_and_the_tests_run(tmp_path: Path) -> None:
    project(tmp_path, "def test_passes():\n    pass\n")
    (tmp_path / "conftest.py").write_text(
        "from pikos.cprofile import Profile\nother = Profile(threads=True)\nother.enable()\n"
    )
    code, printed = run(tmp_path, "--pikos", "-p", "no:xdist")
    assert code == 0 and "1 passed" in printed
    assert "not everything was profiled: Another profiling tool is already active" in printed
    # No news is not good news where there is a limit.
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "tests.json").write_text('{"format": 1, "python": "3", "root": "/", "tests": {}}')
    code, printed = run(tmp_path, "--pikos-compare", "kept", "--pikos-fail-above", "10%", "-p", "no:xdist")
    assert code == 1 and "nothing could be compared: no test was profiled" in printed, printed


def test_a_block_says_what_is_wrong_with_it(tmp_path: Path) -> None:
    tests = """
        import pytest

        def test_it(pikos):
            block = pikos()
            with pytest.raises(RuntimeError, match="no profile before the end"):
                block.profile
            with pytest.raises(KeyError):
                with block:
                    raise KeyError
            assert block.calls == 0 and block.seconds > 0
            with pytest.raises(RuntimeError, match="call pikos\\\\(\\\\) again"):
                block.__enter__()
            with pytest.raises(TypeError, match="calls_of takes a function of Python"):
                block.calls_of(3)
            with pytest.raises(ValueError):
                block.calls_of("(")

        class Thing:
            def __init__(self): self.go()
            def go(self): len([])

        def test_methods_and_classes(pikos):
            with pikos() as block:
                Thing()
                Thing().go()
            assert (block.calls_of(Thing), block.calls_of(Thing.go), block.calls_of(Thing().go)) == (2, 3, 3)
            assert block.calls_of(r"^\\{built-in method builtins.len\\}$") == 3
            assert block.calls == 2 + 3 + 3

        def test_others_are_in_the_way(pikos):
            from pikos.cprofile import Profile
            with Profile(threads=True):
                with pikos(): pass
    """
    project(tmp_path, tests)
    code, printed = run(tmp_path)
    assert code == 1 and "1 failed, 2 passed" in printed, printed
    assert "the block can't be profiled: Another profiling tool is already active" in printed


def test_a_full_disk_fails_no_test(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    project(tmp_path)
    kept = tmp_path / "kept"
    kept.mkdir()
    os.symlink("/dev/full", kept / "run.pikos.new")
    code, printed = run(tmp_path, "--pikos-save", "kept")
    assert code == 0 and "4 passed" in printed, printed
    assert "can't keep the profiles in" in printed and "No space left on device" in printed


def test_under_pikos_run_nothing_is_warned_of(tmp_path: Path) -> None:
    project(tmp_path)
    command = [
        "-m",
        "pikos",
        "run",
        "-q",
        "-o",
        "out.pikos",
        "-m",
        "pytest",
        "-p",
        "no:asyncio",
        "-q",
        "-W",
        "error",
        "-k",
        "not part",
        "test_shop.py",
    ]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE, env=environment()
    )
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout + done.stderr
    assert calls(tmp_path / "out.pikos")["row"] > 0


def test_benchmarks_are_not_slowed_down_and_have_a_profile(tmp_path: Path) -> None:
    pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed: benchmarks are untested")
    tests = """
        import shop

        def test_speed(benchmark):
            def measured():
                import sys
                rounds.append(is_profiled())
                return shop.load(3)
            rounds = []
            assert len(benchmark.pedantic(measured, rounds=4)) == 3
            assert rounds == [False] * 4 + [True]

        def is_profiled():
            import sys
            if sys.version_info < (3, 12):
                return sys.getprofile() is not None
            return sys.monitoring.get_tool(sys.monitoring.PROFILER_ID) is not None
    """
    project(tmp_path, tests)
    code, printed = run(tmp_path, "--pikos-save", "kept")
    assert code == 0, printed
    ((name, test),) = index(tmp_path / "kept").items()
    assert calls(tmp_path / "kept" / test["files"][0])["row"] == 3, name  # type: ignore[index]


def test_pyperf_finds_its_hook(tmp_path: Path) -> None:
    pytest.importorskip("pyperf", reason="pyperf is not installed: its hook is untested")
    (tmp_path / "bench.py").write_text(
        "import pyperf\ndef work():\n    return sum(range(100))\n"
        "runner = pyperf.Runner(values=1, warmups=0, processes=2, loops=3)\nrunner.bench_func('some/work', work)\n"
    )
    (tmp_path / "profiles").mkdir()
    command = [sys.executable, "bench.py", "--hook=pikos", "--inherit-environ", "PIKOS_PYPERF_DIR", "--quiet"]
    options = {"capture_output": True, "text": True, "cwd": tmp_path, "timeout": PATIENCE}
    done = subprocess.run(command, env=environment(PIKOS_PYPERF_DIR="profiles"), **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    made = sorted((tmp_path / "profiles").glob("pikos-some-work-*.pikos"))
    assert len(made) == 2
    for path in made:
        assert [row.ncalls for row in pikos.stats.load(path) if row.name == "work"] == [3]
    done = subprocess.run(command, env=environment(PIKOS_PYPERF_DIR="nowhere"), **options)  # type: ignore[call-overload]
    assert done.returncode != 0 and "there is no such folder" in done.stderr
