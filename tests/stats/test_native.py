"""`.pikos`: what is written by default, what it knows of the run, and that everything reads it."""

from __future__ import annotations

import builtins
import datetime
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import pikos
import pikos.stats
import pytest
from running import pikos as pikos_command
from running import python, subject

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

MAGIC = b"\x89PIKOS\r\n"
#: Magic and version, in front of the first snapshot.
HEAD = len(MAGIC) + 1

PROGRAM = """
import threading
def leaf(): return sum(range(1000))
def main():
    for _ in range(300): leaf()
main()
thread = threading.Thread(target=main)
thread.start()
thread.join()
"""


def recorded(folder: Path, *options: str, name: str = "out", words: tuple[str, ...] = ()) -> Path:
    """What the launcher writes."""
    (folder / "program.py").write_text(PROGRAM)
    run = ["-m", "pikos.cprofile", *options, "-o", name, "program.py", *words]
    python(run, cwd=folder).succeeded()
    return folder / name


def facts(path: Path) -> dict[str, str]:
    return pikos.stats.load(path).metadata["facts"]


def test_the_facts_of_a_run(tmp_path: Path) -> None:
    path = recorded(tmp_path, "--tree", "--threads", words=("a b", "it's"))
    assert path.read_bytes().startswith(MAGIC)
    found = facts(path)
    assert shlex.split(found["command"])[1:] == ["program.py", "a b", "it's"]
    assert found["folder"] == os.path.realpath(tmp_path)
    assert found["python"].startswith(f"CPython {'.'.join(map(str, sys.version_info[:3]))}")
    assert found["pikos"] == pikos.__version__
    uname = os.uname()
    assert found["host"] == uname.nodename
    assert found["system"] == f"{uname.sysname} {uname.release} {uname.machine}"
    assert int(found["cpus"]) == len(os.sched_getaffinity(0)) or int(found["cpus"]) > 0
    assert int(found["process"]) != os.getpid()
    started = datetime.datetime.fromisoformat(found["started"])
    assert started.tzinfo is not None
    assert abs((datetime.datetime.now(datetime.UTC) - started).total_seconds()) < 300
    assert started.utcoffset() == datetime.datetime.now().astimezone().utcoffset()
    assert float(found["elapsed"]) > 0 and 0 < float(found["cpu"])
    assert found["threads"] == "2"
    assert found["options"] == "threads=True, tree=True"
    assert "cut" not in found


def test_the_zone_is_that_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text("pass\n")
    words = ["-m", "pikos.cprofile", "-o", "out.pikos", "p.py"]
    python(words, cwd=tmp_path, env={"TZ": "XYZ-05:30"}).succeeded()
    assert facts(tmp_path / "out.pikos")["started"].endswith("+05:30")


@pytest.mark.parametrize(
    ("name", "options", "holds"),
    [
        ("a", ["--tree"], "pikos"),
        ("a.bin", ["--tree"], "pikos"),
        ("a.4711", ["--tree"], "pikos"),
        ("a.pikos", ["--tree"], "pikos"),
        ("a.pikos", [], "pikos"),
        ("a", [], "pstats"),
        ("a.out", [], "pstats"),
        ("a.bin", [], "pstats"),
    ],
)
def test_the_name_says_the_format_and_a_tree_is_kept(tmp_path: Path, name: str, options: list[str], holds: str) -> None:
    path = recorded(tmp_path, *options, name=name)
    assert path.read_bytes().startswith(MAGIC) == (holds == "pikos")
    assert (pikos.stats.load(path).tree() is not None) == bool(options)


@pytest.mark.parametrize("name", ["a.pstats", "a.prof", "a.out", "a.stats"])
def test_cprofiles_names_stay_pstats_and_the_loss_is_told(tmp_path: Path, name: str) -> None:
    profile = pikos.stats.load(recorded(tmp_path, "--tree", name="a.pikos"))
    (said,) = profile.export(tmp_path / name, "pstats")
    assert "no place for full stacks" in said
    refused = python(["-m", "pikos.cprofile", "--tree", "-o", name, "-c", "print('ran')"], cwd=tmp_path)
    assert (refused.code, refused.out) == (2, "") and ".pikos" in refused.err


@pytest.mark.in_process
def test_dump_stats_goes_by_the_name(tmp_path: Path) -> None:
    import pstats

    profile = subject().Profile(tree=True)
    profile.runcall(sorted, range(10))
    for name in (tmp_path / "a.pikos", os.fsencode(tmp_path / "b.PIKOS")):
        profile.dump_stats(name)
        loaded = pikos.stats.load(os.fsdecode(name))
        assert loaded.tree() is not None
        assert loaded.metadata["facts"]["options"] == "tree=True"
    profile.dump_stats(tmp_path / "plain")
    assert pstats.Stats(str(tmp_path / "plain")).total_calls > 0  # type: ignore[attr-defined]


@pytest.mark.in_process
def test_the_program_sees_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    profile = subject().Profile()
    seen: list[str] = []

    def spy(name: str, *rest: Any, **named: Any) -> Any:
        seen.append(name)
        return original(name, *rest, **named)

    original = builtins.__import__
    before = set(sys.modules)
    monkeypatch.setattr(builtins, "__import__", spy)
    profile.enable()
    profile.disable()
    first = list(seen)
    seen.clear()
    profile.enable()
    profile.disable()
    monkeypatch.undo()
    # The facts are gathered when it is enabled for the first time.
    assert seen == first and set(sys.modules) == before
    assert pikos.stats.of(profile).metadata["facts"]["host"]
    # What is no list of texts is none of ours to fail by.
    monkeypatch.setattr(sys, "orig_argv", [1, "python", None])
    other = subject().Profile()
    other.runcall(sorted, [])
    assert pikos.stats.of(other).metadata["facts"]["command"] == "python"


@pytest.mark.in_process
def test_pauses_are_left_out_and_a_clear_begins_anew() -> None:
    import time

    profile = subject().Profile(tree=True, tree_nodes=1, subcalls=False)
    assert pikos.stats.of(profile).metadata["facts"] == {}
    profile.runcall(sorted, range(1000))
    time.sleep(0.3)
    profile.runcall(lambda: [abs(n) for n in range(1000)])
    found = pikos.stats.of(profile).metadata["facts"]
    assert 0 < float(found["elapsed"]) < 0.3
    assert found["options"] == "tree=True, tree_nodes=1, subcalls=False"
    assert "have no stack of their own" in found["cut"]
    profile.clear()
    assert pikos.stats.of(profile).metadata["facts"] == {}


def test_json_holds_the_facts_and_gives_them_back(tmp_path: Path) -> None:
    path = recorded(tmp_path, name="a.pikos")
    pikos.stats.load(path).export(tmp_path / "a.json")
    written = json.loads((tmp_path / "a.json").read_text())["facts"]
    assert list(written.items()) == list(facts(path).items()) == list(facts(tmp_path / "a.json").items())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of one snapshot, one of two, and one that is cut in the second."""
    folder = tmp_path_factory.mktemp("files")
    one = recorded(folder, "--tree", "--threads", name="one.pikos").read_bytes()
    found = {"one": one, "two": one + one[HEAD:], "cut": one + one[HEAD:-30]}
    for name, content in found.items():
        (folder / f"{name}.pikos").write_bytes(content)
    return {name: folder / f"{name}.pikos" for name in found}


@pytest.mark.parametrize("which", ["one", "two", "cut"])
def test_every_command_reads_it(files: dict[str, Path], which: str, tmp_path: Path) -> None:
    path = files[which]
    whole = pikos.stats.load(files["one"])
    loaded = pikos.stats.load(path)
    assert list(loaded) == list(whole) and loaded.tree() == whole.tree()
    assert loaded.metadata["facts"] == whole.metadata["facts"]
    is_cut = which == "cut"
    assert any("cut short" in note for note in loaded.metadata["notes"]) == is_cut

    def ran(*words: str | Path) -> str:
        run = pikos_command(*words, cwd=tmp_path)
        assert run.code == 0, run.err
        assert ("cut short" in run.err + run.out) == (is_cut and path in words), run.err
        return str(run.out)

    heading = ran("stats", path).partition("function calls")[0]
    assert "python" in heading and "program.py" in heading
    assert "s elapsed" in heading and "s of CPU" in heading
    for options in (["--callers"], ["--callees"], ["--json"]):
        assert "leaf" in ran("stats", *options, path)
    assert "leaf" in ran("view", "--once", path)
    checked = ran("check", path)
    assert all(f"    {name:9} {value}\n" in checked for name, value in whole.metadata["facts"].items())
    for name in ("a.pikos", "a.pstats", "a.callgrind", "a.folded", "a.html", "a.svg", "a.json", "a.csv", "a.dot"):
        ran("export", path, "-o", name)
    assert facts(tmp_path / "a.pikos") == whole.metadata["facts"]
    assert ran("diff", path, files["one"])
    ran("merge", path, files["one"], "-o", "sum")
    merged = facts(tmp_path / "sum")
    assert (tmp_path / "sum").read_bytes().startswith(MAGIC) and merged["merged"] == "2"
    assert merged["process"] == whole.metadata["facts"]["process"]


def test_what_others_have_a_place_for(files: dict[str, Path], tmp_path: Path) -> None:
    profile = pikos.stats.load(files["one"])
    known = profile.metadata["facts"]
    title = f"program.py, {known['started'][:16].replace('T', ' ')}"
    for name in ("html", "svg", "speedscope", "firefox", "trace", "cpuprofile"):
        assert title in profile.dumps(name).decode(), name
    callgrind = profile.dumps("callgrind").decode()
    assert f"cmd: {known['command']}\n" in callgrind and f"desc: host: {known['host']}\n" in callgrind
    assert json.loads(profile.dumps("firefox"))["meta"]["arguments"] == known["command"]
    pikos_command("export", files["one"], "-o", "a.html", cwd=tmp_path)
    assert title in (tmp_path / "a.html").read_text()


def test_a_merge_keeps_what_is_equal_and_a_diff_says_what_differs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = recorded(tmp_path / "a", name="a.pikos")
    other = recorded(tmp_path / "b", "--threads", name="b.pikos")
    merged = pikos_command("merge", one, other, one, "-o", "all.pikos", cwd=tmp_path)
    assert merged.code == 0, merged.err
    found = facts(tmp_path / "all.pikos")
    assert found["merged"] == "3" and found["host"] == facts(one)["host"]
    assert not {"process", "folder", "options"} & found.keys()
    assert "merged from 3 profiles" in pikos_command("stats", "all.pikos", cwd=tmp_path).out
    assert "not the same" not in pikos_command("diff", one, other, cwd=tmp_path).err
    wider = recorded(tmp_path / "a", "--tree", name="c.pikos")
    said = pikos_command("diff", other, wider, cwd=tmp_path).err
    assert "not the same options: threads=True before, tree=True after" in said
