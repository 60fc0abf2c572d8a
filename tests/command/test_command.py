"""The wheel's `pikos` command behaves as a native one: exit codes, pipes, signals, and no Python in sight."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from running import PATIENCE, environment, evaluate, python

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

SCRIPT = Path(sysconfig.get_path("scripts")) / "pikos"


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("command") / "a.pstats"
    evaluate(f"""
        with Profile() as profile:
            sorted(str(n) for n in range(100))
        profile.dump_stats({str(path)!r})
        answer(None)
    """)
    return path


def test_script_and_module_do_the_same(profile: Path) -> None:
    run = python(["-m", "pikos", "stats", profile]).succeeded()
    script = subprocess.run([SCRIPT, "stats", profile], capture_output=True, text=True, env=environment())
    assert (script.returncode, script.stdout, script.stderr) == (0, run.out, "")
    assert "{built-in method builtins.sorted}" in run.out


def test_exit_codes_are_the_commands(profile: Path, tmp_path: Path) -> None:
    assert python(["-m", "pikos", "--help"]).succeeded().out.count("Usage: pikos <COMMAND>") == 1
    usage = python(["-m", "pikos", "stats", "--no-such-option"])
    assert (usage.code, usage.out) == (2, "")
    assert "Usage: pikos stats" in usage.err
    missing = python(["-m", "pikos", "stats", tmp_path / "missing"])
    assert missing.code == 1
    assert missing.err.startswith("pikos: ") and "missing" in missing.err
    assert "Traceback" not in usage.err + missing.err


def test_names_that_are_not_utf8_are_opened(profile: Path, tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.pstats"))
    odd.write_bytes(profile.read_bytes())
    assert "sorted" in python(["-m", "pikos", "export", odd, "-f", "csv"]).succeeded().out


def test_a_reader_that_leaves_is_no_error(profile: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pikos", "export", profile, "-f", "json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.stderr.read(), process.wait(timeout=PATIENCE)) == (b"", 0)
    process.stderr.close()


def on_a_terminal(profile: Path, first: bytes) -> bytes:
    """What `pikos stats -` shows on a terminal beside its output, if its input comes when `first` has been seen."""
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pikos", "stats", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=slave,
        env=environment(),
    )
    os.close(slave)
    assert process.stdin is not None
    shown = b""
    while first not in shown:
        shown += os.read(master, 1024)
    process.stdin.write(profile.read_bytes())
    process.stdin.close()
    assert process.wait(timeout=PATIENCE) == 0
    with contextlib.suppress(OSError):  # the end, as Linux says it
        while chunk := os.read(master, 1024):
            shown += chunk
    os.close(master)
    return shown


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_what_takes_long_says_so_and_cleans_up(profile: Path) -> None:
    assert on_a_terminal(profile, b"") == b""
    shown = on_a_terminal(profile, b"reading, 1 s")
    assert shown.startswith(b"\rreading, 1 s\x1b[K")
    assert shown.endswith(b"\r\x1b[K")


def interrupt_reading(**options: bool) -> tuple[int, bytes]:
    """Send SIGINT to a command that waits for its input, then end the input: (its exit code, standard error)."""
    read, write = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "pikos", "stats", "-"],
        stdin=read,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
        preexec_fn=(lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)) if options else None,
    )
    os.close(read)
    # More than a pipe holds: when the last byte has gone in, the command is reading.
    os.write(write, b"{" * 65536)
    os.write(write, b"{" * 65536)
    process.send_signal(signal.SIGINT)
    os.close(write)
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_interrupt_ends_it_at_once_and_silently() -> None:
    assert interrupt_reading() == (-signal.SIGINT, b"")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_ignored_interrupt_stays_ignored() -> None:
    code, err = interrupt_reading(ignored=True)
    assert code == 1
    assert err.startswith(b"pikos: -: ")


def test_the_interpreters_own_handler_is_back_afterwards(profile: Path) -> None:
    code = "import signal, sys; from pikos._cli import run; code = run(['pikos', 'check', sys.argv[1]])\n"
    code += "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    code += "try: signal.raise_signal(signal.SIGINT)\n"
    code += "except KeyboardInterrupt: print('caught', code)\n"
    assert python(["-c", code, profile]).succeeded().out.endswith("caught 0\n")
