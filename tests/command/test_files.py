"""What `pikos merge` and `pikos diff` make of several files: sums, changes, exit codes."""

from __future__ import annotations

import json
import marshal
import os
import pstats
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from running import pikos, python

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

Table = dict[tuple[str, int, str], tuple[Any, ...]]


def save(path: Path, table: Table) -> Path:
    path.write_bytes(marshal.dumps(table))
    return path


def one_of_many(number: int) -> Table:
    """A profile that shares functions and edges with some of the others."""
    main, work, own = ("a.py", 1, "main"), ("a.py", 5, "work"), ("b.py", number, f"own_{number % 17}")
    third = number % 3 + 1
    table: Table = {
        main: (1, 1, 0.25, 2.0, {}),
        work: (third, third, 0.5, 1.0, {main: (third, third, 0.5, 1.0)}),
        own: (2, 2, 0.75, 0.75, {work: (1, 1, 0.25, 0.25), main: (1, 1, 0.5, 0.5)}),
    }
    return dict(reversed(table.items())) if number % 2 else table


def test_many_files_make_pstats_sum(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{number}.pstats", one_of_many(number)) for number in range(100)]
    out = tmp_path / "sum.pstats"
    pikos("merge", *paths, "-o", out).succeeded()
    theirs = pstats.Stats(*map(str, paths))
    assert pstats.Stats(str(out)).stats == theirs.stats
    assert theirs.total_calls == sum(3 + number % 3 + 1 for number in range(100))


def test_the_first_bad_file_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{number}.pstats", one_of_many(number)) for number in range(20)]
    paths[7].write_bytes(b"{")
    paths[13].write_bytes(b"x")
    run = pikos("merge", *paths, "-o", tmp_path / "sum.pstats")
    assert (run.code, run.out) == (1, "")
    assert run.err.startswith(f"pikos: {paths[7]}: the file is truncated: it ends inside ") and run.err.count("\n") == 1
    assert not (tmp_path / "sum.pstats").exists()
    run = pikos("merge", *paths[:5], tmp_path / "missing", "-o", tmp_path / "sum.pstats")
    assert (run.code, run.err.count("missing")) == (1, 1)


def test_what_cannot_be_added_is_refused(tmp_path: Path) -> None:
    counted = save(tmp_path / "counted.pstats", one_of_many(1))
    sampled = save(tmp_path / "sampled.pstats", {**one_of_many(1), ("__sampled__",): True})  # type: ignore[dict-item]
    run = pikos("merge", counted, sampled, "-o", tmp_path / "sum.pstats")
    assert run.code == 1
    problem = "these profiles can't be combined: one counts calls, another samples"
    assert run.err == f"pikos: {sampled}: {problem}; `--lossy` leaves out what only some of them have\n"


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes")
def test_pipes_are_read_as_well(tmp_path: Path) -> None:
    pipe, file = tmp_path / "pipe", save(tmp_path / "a.pstats", one_of_many(1))
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[file.read_bytes()])
    writer.start()
    pikos("merge", file, pipe, file, "-o", tmp_path / "sum.pstats").succeeded()
    writer.join()
    assert pstats.Stats(str(tmp_path / "sum.pstats")).total_calls == 3 * 5  # type: ignore[attr-defined]


@pytest.fixture
def before_and_after(tmp_path: Path) -> tuple[Path, Path]:
    before: Table = {("m.py", 1, "f"): (2, 2, 0.5, 0.5, {}), ("m.py", 5, "old"): (1, 1, 0.1, 0.1, {})}
    after: Table = {("m.py", 1, "f"): (4, 4, 1.0, 1.0, {}), ("m.py", 9, "fresh"): (1, 1, 0.2, 0.2, {})}
    return save(tmp_path / "before.pstats", before), save(tmp_path / "after.pstats", after)


def test_diff_shows_what_changed_most_first(before_and_after: tuple[Path, Path]) -> None:
    lines = pikos("diff", *before_and_after).succeeded().out.splitlines()
    assert lines[:2] == ["600.000 ms -> 1.200 s: +600.000 ms (+100.0 %)", "3 calls -> 5 calls"]
    rows = [line for line in lines if "m.py" in line]
    assert [row.split("  ")[-1] for row in rows] == ["m.py:1(f)", "[new] m.py:9(fresh)", "[gone] m.py:5(old)"]
    assert rows[0].split()[:3] == ["1.000", "+0.500", "+100%"]
    assert "function (s)" in lines[3]
    changes = json.loads(pikos("diff", *before_and_after, "--json").succeeded().out)["changes"]
    assert [(change["name"], change.get("status")) for change in changes] == [
        ("f", None),
        ("fresh", "new"),
        ("old", "gone"),
    ]
    assert (changes[0]["before"]["ncalls"], changes[0]["after"]["ncalls"]) == (2, 4)


def test_diff_fails_above_a_limit(before_and_after: tuple[Path, Path]) -> None:
    run = pikos("diff", *before_and_after, "--fail-above", "10%")
    told = "slower by 600.000 ms; the limit is 60.000 ms. Most of it: m.py:1(f), +500.000 ms of its own"
    assert (run.code, run.err) == (1, f"pikos: {told}\n")
    assert pikos("diff", *before_and_after, "--fail-above", "0.5s").code == 1
    pikos("diff", *before_and_after, "--fail-above", "150%").succeeded()
    # What got faster is within every limit, whatever is there again.
    pikos("diff", *reversed(before_and_after), "--fail-above", "0s").succeeded()
    pikos("diff", before_and_after[0], before_and_after[0], "--fail-above", "0%").succeeded()
    assert pikos("diff", *before_and_after, "--fail-above", "much").code == 2


def test_a_new_function_counts_with_the_total_only(tmp_path: Path) -> None:
    main = ("m.py", 1, "main")
    before = save(
        tmp_path / "a", {main: (1, 1, 0.1, 2.0, {}), ("m.py", 9, "f"): (1, 1, 1.9, 1.9, {main: (1, 1, 1.9, 1.9)})}
    )
    table: Table = {
        main: (1, 1, 0.1, 2.1, {}),
        ("m.py", 9, "f"): (1, 1, 1.0, 1.0, {main: (1, 1, 1.0, 1.0)}),
        ("m.py", 50, "fresh"): (2, 2, 1.0, 1.0, {main: (2, 2, 1.0, 1.0)}),
    }
    after = save(tmp_path / "b", table)
    pikos("diff", before, after, "--fail-above", "10%").succeeded()
    run = pikos("diff", before, after, "--fail-above", "1%")
    assert run.code == 1
    assert "Most of it: the new m.py:50(fresh) (called by m.py:1(main)), +1.000 s of its own" in run.err


def test_a_slower_function_is_named_with_its_caller(tmp_path: Path) -> None:
    """Of a built-in, the Python code that led to it."""
    main, callback, sleep = ("m.py", 1, "main"), ("~", 0, "<built-in method builtins.map>"), ("~", 0, "<sleep>")

    def profile(name: str, seconds: float, other: float) -> Path:
        total = seconds + other
        table: Table = {
            main: (1, 1, other, total, {}),
            callback: (1, 1, 0.0, seconds, {main: (1, 1, 0.0, seconds)}),
            sleep: (3, 3, seconds, seconds, {callback: (3, 3, seconds, seconds)}),
        }
        return save(tmp_path / name, table)

    run = pikos("diff", profile("a", 0.1, 1.0), profile("b", 0.6, 1.0), "--fail-above", "10%")
    assert "Most of it: {sleep} (called by m.py:1(main)), +500.000 ms of its own" in run.err
    run = pikos("diff", tmp_path / "a", profile("c", 0.6, 0.6), "--fail-above", "20%")
    assert (run.code, run.err.count("takes 500.000 ms longer; the limit is 220.000 ms")) == (1, 1)
    run = pikos("diff", tmp_path / "a", profile("d", 0.6, 0.1), "--fail-above", "20%")
    assert run.code == 0 and run.err.startswith("pikos: note: the total did not grow, but ")


#: Run from two checkouts; `{name}` is renamed in one of them.
CHECKOUT = """
import json
def {name}(number):
    return json.dumps(list(range(number)))
def main():
    return [{name}(50) for _ in range(20)]
main()
"""


def changes(*arguments: str | Path) -> list[tuple[str, str | None, str | None]]:
    """Name, status and old name of all that is listed where times say nothing."""
    run = pikos("diff", *arguments, "--noise", "1000s", "--json", "-n", "1000").succeeded()
    found = json.loads(run.out)["changes"]
    return [(row["name"], row.get("status"), row.get("was", {}).get("name")) for row in found]


def test_checkouts_in_other_folders_differ_in_nothing(tmp_path: Path) -> None:
    paths = []
    for folder, name in [("home/ci/app", "dump"), ("srv/release-2/app", "dump"), ("home/ci/app", "encode")]:
        (tmp_path / folder / "part").mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "part/__init__.py").write_text("")
        (tmp_path / folder / "part/work.py").write_text(CHECKOUT.format(name=name))
        (tmp_path / folder / "main.py").write_text("import part.work")
        paths.append(tmp_path / f"{len(paths)}.pstats")
        options = ["-m", "cProfile", "-o", paths[-1], tmp_path / folder / "main.py"]
        python(["-B", *options], cwd=tmp_path / folder).succeeded()
    assert changes(paths[0], paths[1]) == []
    assert [row for row in changes(paths[0], paths[2]) if "json" not in row[0]] == [("encode", "renamed", "dump")]
    assert [row for row in changes(paths[1], paths[2]) if "json" not in row[0]] == [("encode", "renamed", "dump")]


def test_folders_can_be_mapped(tmp_path: Path) -> None:
    before = save(
        tmp_path / "a", {("/ci/one/x.py", 1, "f"): (1, 1, 1.0, 1.0, {}), ("/ci/two/x.py", 1, "f"): (1, 1, 2.0, 2.0, {})}
    )
    after = save(
        tmp_path / "b", {("/srv/2/x.py", 1, "f"): (1, 1, 2.0, 2.0, {}), ("/srv/1/x.py", 1, "f"): (1, 1, 1.0, 1.0, {})}
    )
    mapped = pikos("diff", before, after, "--map", "/ci/one=/srv/1", "--map", "/ci/two/=/srv/2/").succeeded().out
    assert "2 did not change beyond noise" in mapped and "x.py" not in mapped
    assert pikos("diff", before, after, "--map", "nothing").code == 2


def test_two_releases_of_python_share_the_standard_library(tmp_path: Path) -> None:
    def profile(name: str, *files: str) -> Path:
        return save(tmp_path / name, {(file, line, "f"): (1, 1, 1.0, 1.0, {}) for line, file in enumerate(files, 1)})

    old = profile(
        "a", "/usr/lib/python3.10/re.py", "/usr/lib/python3.10/json/__init__.py", "/usr/lib/python3.10/posixpath.py"
    )
    new = profile(
        "b", "/opt/lib/python3.13/re/__init__.py", "/opt/lib/python3.13/json/__init__.py", "<frozen posixpath>"
    )
    assert changes(old, new) == []


def test_units_fit_what_is_shown(tmp_path: Path) -> None:
    before = save(tmp_path / "a", {("m.py", 1, "f"): (1, 1, 0.027, 0.027, {}), ("m.py", 5, "g"): (1, 1, 0.0, 0.0, {})})
    after = save(tmp_path / "b", {("m.py", 1, "f"): (1, 1, 0.020, 0.020, {}), ("m.py", 5, "g"): (2, 2, 0.0, 0.0, {})})
    out = pikos("diff", before, after).succeeded().out
    assert "function (ms)" in out and "20.000 -7.000   -26%" in out and "-0.000" not in out


def test_diff_calls_small_changes_noise(tmp_path: Path) -> None:
    before = save(tmp_path / "a.pstats", {("m.py", 1, "f"): (1, 1, 1.0, 1.0, {})})
    after = save(tmp_path / "b.pstats", {("m.py", 1, "f"): (1, 1, 1.04, 1.04, {})})
    assert "m.py" not in pikos("diff", before, after).succeeded().out
    assert "m.py:1(f)" in pikos("diff", before, after, "--noise", "1%").succeeded().out
