"""`pikos view` in a real pseudo-terminal: what is on the screen, what keys do, and that the terminal is given back."""

from __future__ import annotations

import json
import os
import pstats
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from running import PIKOS, environment, evaluate
from terminal import PATIENCE, Terminal

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]


#: Bold, dim, underlined, reversed, the ends of each, and the terminal's own colours.
WITHOUT_COLOUR = {"", "0", "1", "2", "4", "7", "22", "24", "27", "39", "49", "59"}

PROGRAM = """\
def outer(n):
    return sum(inner(i) for i in range(n))


def inner(i):
    return i * i
"""


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A small profile, whose source is there to be shown."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    return record(PROGRAM, script, "outer(1000)", tmp_path / "a.pstats")


def record(program: str, script: Path | str, call: str, path: Path) -> Path:
    """Profile a call into `program`, which says that it stands in `script`."""
    evaluate(f"""
        namespace = {{}}
        exec(compile({program!r}, {str(script)!r}, "exec"), namespace)
        profile = Profile()
        profile.runctx({call!r}, namespace, namespace)
        profile.dump_stats({str(path)!r})
        answer(None)
    """)
    return path


def view(*arguments: str | Path, **options: int) -> Terminal:
    return Terminal([PIKOS, "view", *map(os.fspath, arguments)], env=environment(TERM="xterm"), **options)


def test_look_drill_down_and_leave(profile: Path) -> None:
    with view(profile) as terminal:
        terminal.until("q quit")
        assert "a.pstats" in terminal.text.splitlines()[0]
        assert "1000" in terminal.line("inner")
        terminal.keys("/inner\r")
        terminal.until(lambda: "outer" not in terminal.text)
        terminal.keys("\r")
        terminal.until("callers (1)")
        terminal.until("<genexpr>")
        terminal.keys("3")
        terminal.until("return i * i")
        assert "1000" in terminal.line("def inner(i):"), "the figures stand beside the line"
        terminal.keys("\x1b")
        terminal.until("file:line")
        terminal.keys("q")
        assert terminal.wait() == 0
        assert terminal.is_restored()
        assert terminal.plain == "", "nothing is left on the shell's screen"


LIBRARY = """\
import json


def load(text):
    return [json.loads(text) for _ in range(200)]


load("[1, 2, [3]]")
"""


@pytest.fixture
def with_a_library(tmp_path: Path) -> Path:
    """A profile of a program of whose time nearly all is the library's."""
    script, path = tmp_path / "load.py", tmp_path / "load.pstats"
    script.write_text(LIBRARY)
    command = [sys.executable, "-m", "pikos.cprofile", "-o", str(path), str(script)]
    subprocess.run(command, env=environment(), check=True)
    return path


def printed(*arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PIKOS, *arguments], capture_output=True, text=True, env=environment(**env))


def test_ones_own_code_alone(with_a_library: Path) -> None:
    with view(with_a_library) as terminal:
        terminal.until("json.decoder:")
        terminal.keys("u")
        terminal.until("your code only")
        terminal.until(lambda: "json.decoder" not in terminal.text)
        assert "load.py:4" in terminal.line("load ")
        terminal.keys("t")
        terminal.until("approximated")
        terminal.keys("q")
        terminal.until("file:line")
        terminal.keys("u")
        terminal.until("json.decoder:")
        terminal.keys("q")
        assert terminal.wait() == 0


def test_folded_or_not_the_sum_is_the_same(with_a_library: Path) -> None:
    def rows(*options: str) -> list[dict[str, Any]]:
        run = printed("view", "--json", *options, with_a_library)
        assert (run.returncode, run.stderr) == (0, "")
        found: list[dict[str, Any]] = json.loads(run.stdout)["functions"]
        return found

    def functions(*options: str) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in rows(*options)}

    every, mine = functions(), functions("--mine")
    # Up to 3.11 a comprehension is a function of its own.
    assert set(mine) <= {"load", "<module>", "<listcomp>", "{outside of your code}"}
    assert mine["load"]["ncalls"] == 1 and mine["load"]["cumtime"] == every["load"]["cumtime"]

    def own(rows: dict[str, dict[str, float]]) -> float:
        return sum(row["tottime"] for name, row in rows.items() if name in ("load", "<listcomp>"))

    assert own(mine) > 2 * own(every)
    total = sum(row["tottime"] for row in rows())
    assert sum(row["tottime"] for row in rows("--mine")) == pytest.approx(total)
    hidden = functions("--hide", "json")
    assert not any("json" in row["file"] for row in hidden.values()) and "load" in hidden  # type: ignore[operator]
    for command in ("stats", "view"):
        assert "decoder.py" not in printed(command, "--mine", with_a_library).stdout
        assert "decoder.py" not in printed(command, "-x", "decoder", with_a_library).stdout
    none = with_a_library.with_name("none.pstats")
    printed("export", with_a_library, "--hide", "load.py", "-o", none)
    assert "no function of your own code" in printed("view", "--mine", none).stderr


def test_the_first_row_is_chosen_and_q_goes_back(profile: Path) -> None:
    with view(profile) as terminal:
        terminal.until("q quit")
        terminal.keys("\r")
        terminal.until("callers (")
        terminal.keys("q")
        terminal.until("q quit")
        # The second row, and again: the header has two lines, the table a heading.
        terminal.keys("\x1b[<0;5;5M\x1b[<0;5;5m" * 2)
        terminal.until("callers (")
        terminal.keys("\x03")
        terminal.wait()
        assert terminal.is_restored()


def test_what_a_terminal_shows(profile: Path) -> None:
    with Terminal([PIKOS, "view", str(profile)], env=environment(TERM="xterm", LC_ALL="C")) as terminal:
        terminal.until("q quit")
        assert terminal.text.isascii()
        terminal.keys("q")
        assert terminal.wait() == 0
    with Terminal([PIKOS, "view", str(profile)], env=environment(TERM="dumb")) as terminal:
        assert terminal.wait() == 0
        assert "inner" in terminal.plain and max(map(len, terminal.plain.splitlines())) <= 80


def test_what_nobody_counted_is_not_zero(tmp_path: Path) -> None:
    stacks = tmp_path / "a.folded"
    stacks.write_text("main;f 3\nmain;g 4\n")
    once = printed("view", "--once", stacks).stdout
    assert " calls" not in once and re.search(r"^ +- .* f$", once, re.M)
    with view(stacks) as terminal:
        terminal.until("q quit")
        terminal.keys("\r2")
        terminal.until("callees (2)")
        [row] = [line for line in terminal.text.splitlines() if re.search(r" f$", line.rstrip())]
        assert row.split()[0] == "-"
        terminal.keys("\x03")
        terminal.wait()


def test_a_resize_draws_anew(profile: Path) -> None:
    with view(profile) as terminal:
        terminal.until("q quit")
        terminal.resize(160, 50)
        terminal.until(lambda: "q quit" in terminal.text.splitlines()[-1])
        assert "tot/call" in terminal.text, "there is room for more columns"
        terminal.resize(20, 4)
        terminal.until(lambda: terminal.text.splitlines()[-1].startswith("q quit"))
        terminal.resize(80, 24)
        terminal.until(lambda: "file:line" in terminal.text and "q quit" in terminal.text.splitlines()[-1])
        terminal.keys("q")
        assert terminal.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_signals_end_it_and_the_terminal_is_restored(profile: Path, number: signal.Signals) -> None:
    with view(profile) as terminal:
        terminal.until("q quit")
        terminal.process.send_signal(number)
        assert terminal.wait() == -number
        assert terminal.is_restored()


def test_suspended_it_gives_the_terminal_back_and_takes_it_again(profile: Path) -> None:
    with view(profile) as terminal:
        terminal.until("q quit")
        terminal.keys("\x1a")
        status = 0

        def is_stopped() -> bool:
            nonlocal status
            pid, now = os.waitpid(terminal.process.pid, os.WUNTRACED | os.WNOHANG)
            status = now if pid else status
            return os.WIFSTOPPED(status)

        terminal.until(lambda: is_stopped() and terminal.is_restored())
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until("q quit")
        terminal.keys("q")
        assert terminal.wait() == 0
        assert terminal.is_restored()


def test_save_as_and_do_not_replace_unasked(profile: Path, tmp_path: Path) -> None:
    target = tmp_path / "b.callgrind"
    copy = tmp_path / "c.pstats"
    copy.write_text("precious")
    with view(profile) as terminal:
        terminal.until("q quit")
        terminal.keys("s\x15" + str(target) + "\r")
        terminal.until("saved as callgrind")
        terminal.keys("s\x15" + str(tmp_path / "d.unknown") + "\r")
        terminal.until("is no format's")
        assert not (tmp_path / "d.unknown").exists()
        terminal.keys("s\x15" + str(copy) + "\r")
        terminal.until("exists")
        assert copy.read_text() == "precious"
        terminal.keys("\r")
        terminal.until("saved as pstats")
        terminal.keys("q")
        assert terminal.wait() == 0
    assert target.read_text().startswith("# callgrind format")
    assert pstats.Stats(str(copy)).total_calls == pstats.Stats(str(profile)).total_calls  # type: ignore[attr-defined]


def test_a_file_that_is_written_anew_is_compared_with_what_it_was(profile: Path) -> None:
    with view(profile) as terminal:
        terminal.until("q quit")
        terminal.keys("m")
        terminal.until("marked")
        record(PROGRAM, profile.with_name("program.py"), "outer(1500)", profile)
        terminal.until("read again")  # at the bottom: the rest is there
        assert "1500" in terminal.line("inner")
        terminal.keys("d")
        terminal.until("SINCE")
        terminal.until(lambda: "+500" in terminal.line("inner"))
        terminal.keys("q")
        assert terminal.wait() == 0


def test_hostile_names_command_nothing(tmp_path: Path) -> None:
    path = tmp_path / "hostile\x1b[31m.pstats"
    record("def f(): pass\n", "/tmp/\x1b[2J\x1b]0;owned\x07\u202e.py", "f()", path)
    # The terminal fails on every sequence that it doesn't know and on every control character.
    with view(path, width=160) as terminal:
        terminal.until("\ufffd[2J")
        terminal.keys("\r3")
        terminal.until("owned")
        terminal.keys("qq")
        assert terminal.wait() == 0
    once = subprocess.run([PIKOS, "view", "--once", path], capture_output=True, text=True, env=environment())
    assert once.returncode == 0 and "\x1b" not in once.stdout and "\u202e" not in once.stdout


def test_no_colours_where_none_are_wanted(profile: Path) -> None:
    def colours(env: dict[str, str]) -> set[str]:
        with Terminal([PIKOS, "view", str(profile)], env=env) as terminal:
            terminal.until("q quit")
            terminal.keys("jq")
            assert terminal.wait() == 0
            return {style for style in terminal.styles if set(style.split(";")) - WITHOUT_COLOUR}

    plain = environment(TERM="xterm")
    assert colours(plain) == set(), "NO_COLOR is set"
    del plain["NO_COLOR"]
    found = colours({**plain, "NO_COLOR": ""})
    assert found
    by_number = [style.split(";") for style in found if style.startswith(("38;", "48;"))]
    assert all(style[1] == "5" and int(style[2]) < 16 for style in by_number), "the terminal's sixteen colours only"


def test_a_pipe_gets_a_table_and_json(profile: Path) -> None:
    run = subprocess.run([PIKOS, "view", profile], capture_output=True, text=True, env=environment())
    assert run.returncode == 0
    assert "\x1b" not in run.stdout
    assert any("inner" in line and "1000" in line for line in run.stdout.splitlines())
    run = subprocess.run(
        [PIKOS, "view", "--json", "-g", "inner", profile], capture_output=True, text=True, env=environment()
    )
    document = json.loads(run.stdout)
    assert [(row["name"], row["ncalls"]) for row in document["functions"]] == [("inner", 1000)]
    assert document["processes"][0]["status"] == "finished"


def test_a_profile_from_a_pipe_is_viewed(profile: Path) -> None:
    with Terminal(["sh", "-c", f"cat '{profile}' | '{PIKOS}' view -"], env=environment(TERM="xterm")) as terminal:
        terminal.until("standard input")
        terminal.keys("?")
        terminal.until("this help")
        terminal.keys("qq")
        assert terminal.wait() == 0
        assert terminal.is_restored()


def test_usage_errors(profile: Path) -> None:
    for arguments, message in (
        (["--sort", "colour"], "choose one of ncalls"),
        (["--sort", "calls/s"], "these profiles don't have it"),
        (["--grep", "("], "unclosed"),
        ([], "required"),
    ):
        files = [str(profile)] if arguments else []
        run = subprocess.run([PIKOS, "view", *arguments, *files], capture_output=True, text=True, env=environment())
        assert run.returncode == 2
        assert message in run.stderr


def test_it_does_nothing_while_nothing_happens(profile: Path) -> None:
    with view(profile) as terminal:
        terminal.until("q quit")

        def cpu() -> float:
            fields = Path(f"/proc/{terminal.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

        if not Path("/proc/self/stat").exists():
            pytest.skip("no /proc to read the time from")
        while terminal.read(1.0):
            pass  # the rest of the first screen
        before = cpu()
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            assert not terminal.read(0.1), "nothing is drawn again"
        assert cpu() - before < 0.5
        terminal.keys("q")
        assert terminal.wait() == 0


def test_a_terminal_that_is_gone_ends_it(profile: Path) -> None:
    with view(profile) as terminal:
        terminal.until("ncalls")
        # The window is closed: a hang-up, and an end of file for whoever reads on.
        os.close(terminal.master)
        terminal.master = os.open(os.devnull, os.O_RDONLY)
        # By the signal, or by an error of the terminal's if that comes first.
        assert terminal.process.wait(PATIENCE) in (-signal.SIGHUP, 1)
