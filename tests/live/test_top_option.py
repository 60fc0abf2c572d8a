"""``python -m pikos.cprofile --top``: a pane of tmux, or a line that says what to type."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from terminal import Terminal
from watching import live_environment, started, until

pytestmark = pytest.mark.beyond_cprofile

PROGRAM = """\
import sys, time


def main():
    print("the program's own line", flush=True)
    for line in sys.stdin:
        print("heard", line.strip(), flush=True)
        if "end" in line:
            break
        time.sleep(0.01)


main()
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in live_environment(tmp_path).items() if not name.startswith("TMUX")}
    return {**kept, "XDG_RUNTIME_DIR": "", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


def command(script: Path) -> list[str]:
    return [sys.executable, "-m", "pikos.cprofile", "--top", "-o", os.devnull, str(script)]


def test_without_tmux_a_line_says_what_to_type(script: Path, environment: dict[str, str]) -> None:
    with Terminal(command(script), env={**environment, "TMUX": ""}) as terminal:
        terminal.until(lambda: "own line" in terminal.plain)
        expected = f"type in another terminal: pikos top {terminal.process.pid}"
        assert expected in terminal.plain.partition("the program's own line")[0]
        with Terminal(["pikos", "top", str(terminal.process.pid)], env={**environment, "TERM": "xterm"}) as top:
            top.until("main")
            top.keys("q")
            assert top.wait() == 0
        terminal.keys("end\n")
        assert terminal.wait() == 0


def test_a_tmux_that_is_gone_costs_nothing(script: Path, environment: dict[str, str], tmp_path: Path) -> None:
    with Terminal(command(script), env={**environment, "TMUX": f"{tmp_path}/no-socket,1,0"}) as terminal:
        terminal.until(lambda: "own line" in terminal.plain)
        assert "type in another terminal (tmux" in terminal.plain
        terminal.keys("end\n")
        assert terminal.wait() == 0


def test_without_a_terminal_it_is_live_and_silent(script: Path, tmp_path: Path) -> None:
    arguments = ["-m", "pikos.cprofile", "--top", "-o", os.devnull, script]
    with started(tmp_path, arguments, TMUX=f"{tmp_path}/no-socket,1,0") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "the program's own line\n"
        assert list(tmp_path.glob(f"pikos-*/{process.pid}-*.pub"))
        out, errors = process.communicate("end\n")
        assert (out, errors, process.returncode) == ("heard end\n", "", 0)


class Tmux:
    """A tmux server of the test's own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.environment = environment
        self.command = ["tmux", "-f", os.devnull, "-S", str(folder / "tmux")]

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self.command, *arguments], env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def text(self, pane: int) -> str:
        return self.run("capture-pane", "-p", "-t", f":.{pane}")


@pytest.fixture
def tmux(tmp_path: Path, environment: dict[str, str]) -> Iterator[Tmux]:
    if shutil.which("tmux") is None:
        pytest.skip("there is no tmux here")
    # The server's own environment knows another folder: the pane must look where the program's sockets are.
    server = Tmux(tmp_path, {**environment, "TERM": "xterm-256color", "TMPDIR": "/tmp"})
    server.run("new-session", "-d", "-x", "120", "-y", "40", "sh")
    yield server
    subprocess.run([*server.command, "kill-server"], env=server.environment, capture_output=True, check=False)


def test_tmux_opens_a_pane_and_the_keyboard_stays(tmux: Tmux, script: Path, tmp_path: Path) -> None:
    tmux.run("send-keys", f"TMPDIR={tmp_path} {' '.join(command(script))}; echo status $?", "Enter")
    until(lambda: len(tmux.run("list-panes").splitlines()) == 2, "a second pane")
    until(lambda: "pikos top" in tmux.text(1) and "main" in tmux.text(1), "pikos top in it")
    tmux.run("send-keys", "some words", "Enter")
    until(lambda: "heard some words" in tmux.text(0), "the program reads the keyboard")
    assert "type in another" not in tmux.text(0)
    tmux.run("send-keys", "the end", "Enter")  # "end" alone is the name of a key
    until(lambda: "status 0" in tmux.text(0), "its end")
    until(lambda: "target ended normally" in tmux.text(1), "the end is on screen, and stays")
    tmux.run("send-keys", "-t", ":.1", "q")
    until(lambda: len(tmux.run("list-panes").splitlines()) == 1, "the pane is gone")
