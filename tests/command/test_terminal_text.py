"""What a terminal would obey is shown instead, in a pipe as well: it may end on one."""

from __future__ import annotations

import json
import marshal
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from running import environment, python

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

#: C0, DEL, C1 (CSI and OSC in one byte), marks of direction, separators of lines.
EVIL = "\x1b]0;evil\x07 \x08\x7f\x9b2J\x9d \u202e \u2066 \u200f \u061c \u2028 \u2029"

OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def pikos(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "pikos", *map(os.fspath, arguments)]
    done = subprocess.run(command, capture_output=True, env=environment(), timeout=60)
    assert done.returncode == 0, done.stderr
    assert not OBEYED.search(done.stderr.decode())
    return done.stdout.decode()


#: All that is no binary format.
ALL_TEXT = "text json csv markdown collapsed callgrind dot html svg speedscope cpuprofile trace firefox".split()
#: Of these, the JSON ones.
JSON = {"json", "speedscope", "cpuprofile", "trace", "firefox"}


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    inner = (f"{EVIL}.py", 1, f"f{EVIL}")
    main = ("m.py", 5, "main")
    table = {inner: (2, 2, 0.5, 0.5, {main: (2, 2, 0.5, 0.5)}), main: (1, 1, 1.0, 2.0, {})}
    path = tmp_path / "evil.pstats"
    path.write_bytes(marshal.dumps(table))
    return path


def slower(profile: Path) -> Path:
    table = marshal.loads(profile.read_bytes())
    table = {
        label: (ncalls, all_, 2 * own, 2 * whole, callers)
        for label, (ncalls, all_, own, whole, callers) in table.items()
    }
    path = profile.with_name("slower.pstats")
    path.write_bytes(marshal.dumps(table))
    return path


@pytest.mark.parametrize(
    "command",
    [
        "stats",
        "stats --callers",
        "stats --callees",
        "stats --json",
        "view",
        "view --json",
        "check",
        "diff",
        "diff --json",
        "diff --format markdown",
        "diff --format github",
        "diff --format html",
        "diff --format svg",
        "diff --summary",
        *(f"export -f {name} -o -" for name in ALL_TEXT),
    ],
)
def test_commands(profile: Path, command: str) -> None:
    name, *options = command.split()
    inputs = [profile, slower(profile)] if name == "diff" else [profile]
    out = pikos(name, *inputs, *options)
    # Lines of CSV end so.
    out = out.replace("\r\n", "\n")
    assert not OBEYED.search(out), OBEYED.findall(out)
    assert "evil" in out or "--summary" in options
    if "--json" in options or JSON & set(options):
        document = json.loads(out)
        if name == "stats":
            assert f"f{EVIL}" in {row["name"] for row in document}
    elif name == "stats" or "text" in options:
        assert r"\u{1b}]0;evil\u{7}" in out and r"\u{9b}2J" in out


def test_the_launchers_table(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        f"def work(): pass\nwork.__code__ = work.__code__.replace(co_name='f' + {EVIL!r}, co_qualname='f' + {EVIL!r})\nwork()\n"
    )
    run = python(["-m", "pikos.cprofile", "script.py"], cwd=tmp_path).succeeded()
    assert r"(f\u{1b}]0;evil" in run.out and not OBEYED.search(run.out)


@pytest.mark.parametrize("name", ["csv", "collapsed", "callgrind"])
def test_files_for_programs_have_names_as_they_are(profile: Path, name: str) -> None:
    path = profile.with_name("out")
    pikos("export", profile, "-f", name, "-o", path)
    assert "\u202e" in path.read_text()
    # A device may be a terminal.
    pikos("export", profile, "-f", name, "-o", "/dev/null")


def test_names_of_files(profile: Path) -> None:
    evil = profile.with_name("x\x1b[2J\x9b\u202e.pstats")
    evil.write_bytes(profile.read_bytes())
    evil.with_name(evil.name + "2").write_text("rubbish")
    for command, *arguments in [
        ["check", evil],
        ["check", evil, f"{evil}2"],
        ["stats", f"{evil}2"],
        ["stats", f"{evil}3"],
        ["merge", evil, evil, "-o", evil],
        ["export", evil, "-o", evil.with_suffix(".csv")],
        ["export", evil, "-o", evil / "nowhere.csv"],
        ["export", evil, "--\x9b\u202e"],
        ["export", evil, "-f", "\x9b\u202e", "-o", "-"],
        ["\x9b\u202e"],
        ["ctl", "status", "\x9b\u202e"],
    ]:
        line = [sys.executable, "-m", "pikos", command, *map(os.fspath, arguments)]
        done = subprocess.run(line, capture_output=True, env=environment(), timeout=60)
        for text in (done.stdout.decode(), done.stderr.decode()):
            assert not OBEYED.search(text), (command, arguments, text)


def test_tables_of_lines(tmp_path: Path) -> None:
    script = tmp_path / "script\x1b[2J\u202e.py"
    script.write_text("def f():\n    return '\u202e\x9b'\nf()\n")
    run = python(["-m", "pikos.runner", "lines", "--report", script.name], cwd=tmp_path).succeeded()
    assert "f  " in run.out and "\\u{1b}[2J" in run.out and "\\u{9b}" in run.out
    assert not OBEYED.search(run.out), OBEYED.findall(run.out)
