"""Tab completes commands, options, sort keys and live processes, in the shells that are here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from running import PATIENCE, environment, python

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

SCRIPTS = sysconfig.get_path("scripts")


def offered(*words: str, **changes: str) -> dict[str, str]:
    """What may stand in place of the last word, and what it means."""
    run = python(["-m", "pikos", "__complete", *words], env=changes).succeeded()
    return dict(line.split("\t", 1) for line in run.out.splitlines())


def test_commands_and_their_options_are_offered() -> None:
    assert offered("pikos", "stat") == {"stats": "Print the table of functions, as pstats does"}
    assert set(offered("pikos", "stats", "-s", "cum")) == {"cumtime", "cumulative"}
    assert "--callers" in offered("pikos", "stats", "x.pikos", "--c")
    assert offered("pikos", "stats", "") == {}


def test_what_python_knows_is_offered() -> None:
    assert offered("pikos", "ru") == {"run": "Run a program, say where its time went, and save the profile"}
    found = offered("pikos", "run", "--n")
    assert set(found) == {"--no-save", "--no-threads"} and found["--no-save"] == "save nothing"
    assert set(offered("pikos", "run", "-s", "n")) == {"name", "ncalls", "nfl"}
    # Behind the program all words are its own; in front of it any file may stand.
    assert offered("pikos", "run", "app.py", "--") == offered("pikos", "run", "") == {}
    assert set(offered("pikos-run", "li")) == {"lines", "line_memory"}
    assert "--report" in offered("pikos-run", "lines", "--r")
    assert set(offered("/usr/bin/pikos-run", "lines", "--recording", "c")) == {"csv"}
    assert offered("pikos-run", "lines", "app.py", "--r") == {}


def test_live_processes_are_offered(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text("print('ready', flush=True); input()")
    process = subprocess.Popen(
        [sys.executable, "-m", "pikos", "run", "-q", "--no-save", "--live", "server.py"],
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    pid = str(process.pid)
    for command in (["top"], ["ctl", "pause"], ["record"], ["attach"]):
        assert offered("pikos", *command, "", TMPDIR=str(tmp_path)) == {pid: "server.py"}
    process.communicate("\n", timeout=PATIENCE)
    assert offered("pikos", "top", "", TMPDIR=str(tmp_path)) == {}


BASH = """
source <(pikos completions bash)
COMP_WORDS=(pikos stats --cal) COMP_CWORD=2
_pikos
printf '%s\\n' "${COMPREPLY[@]}"
"""
# A terminal of its own, into which a line and a Tab are typed.
ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; autoload -Uz compinit; compinit -u -d $TMPDIR/dump; source <(pikos completions zsh); echo REA''DY"
zpty -r -m shell line '*READY*'
zpty -w -n shell $'pikos stats --callee\\t'
zpty -r -m shell line '*--callees*' && print -r -- ${line##*$'\\n'}
zpty -d shell
"""
FISH = "pikos completions fish | source; complete -C 'pikos stats --cal'"


@pytest.mark.parametrize(("shell", "script"), [("bash", BASH), ("zsh", ZSH), ("fish", FISH)])
def test_shells_offer_it(shell: str, script: str, tmp_path: Path) -> None:
    command = shutil.which(shell)
    if command is None:
        pytest.skip(f"{shell} is not installed here")
    path = os.pathsep.join([SCRIPTS, os.environ["PATH"]])
    done = subprocess.run(
        [command, "-c", script],
        env=environment(PATH=path, TMPDIR=str(tmp_path), HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "--callees" in re.split(r"[\s\x00-\x1f]+", done.stdout), (done.stdout, done.stderr)
