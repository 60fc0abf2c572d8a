"""``python -m pikos.sampling`` and ``pikos run --sample``: the program is what it is without them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running import PATIENCE, environment, python

pytestmark = pytest.mark.beyond_cprofile

ENTRY = ["-m", "pikos.sampling", "-q", "--rate", "1000", "--budget", "100", "-o", "../out.pikos"]

WORK = "def work(): return sum(number * number for number in range(3_000_000))\n"

PROGRAMS = {
    "plain": "import sys\nprint(sys.argv, __name__, __file__, sorted(sys.modules))\n",
    "status": "raise SystemExit(7)\n",
    "words": "raise SystemExit('words')\n",
    "exception": "def f(): raise KeyError('x')\nf()\n",
    "_exit": "import os\nprint('before', flush=True)\nos._exit(5)\n",
    "threads": "import threading\nthreading.Thread(target=print, args=('thread',)).start()\n",
    "atexit": "import atexit\natexit.register(print, 'last')\nprint('first')\n",
    "exec": "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'print(1)'])\n",
    "warns": "import warnings, os\nwarnings.simplefilter('error')\npid = os.fork()\nif not pid: os._exit(0)\nos.waitpid(pid, 0)\n",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_output_status_and_exceptions_are_those_of_a_plain_run(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "program.py").write_text(WORK + "work()\n" + PROGRAMS[name])
    plain = python(["program.py", "an argument"], cwd=folder)
    sampled = python([*ENTRY, "program.py", "an argument"], cwd=folder)
    assert sampled == plain
    import pikos.stats

    profile = pikos.stats.load(tmp_path / "out.pikos")
    assert profile.metadata["counts"] == "samples"
    assert "work" in {row.name for row in profile}


@pytest.mark.parametrize("which", [signal.SIGTERM, signal.SIGINT])
def test_a_program_that_is_killed_leaves_a_file(tmp_path: Path, which: signal.Signals) -> None:
    (tmp_path / "program.py").write_text("print('ready', flush=True)\nwhile True: pass\n")
    out = tmp_path / "out.pikos"
    process = subprocess.Popen(
        [sys.executable, "-m", "pikos.sampling", "-o", str(out), "program.py"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(which)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == -which, err
    assert out.stat().st_size > 0


def test_modules_code_and_the_summary(tmp_path: Path) -> None:
    (tmp_path / "package.py").write_text(WORK + "work()\n")
    run = python(["-m", "pikos.sampling", "--rate", "1000", "-o", "out.pikos", "-m", "package"], cwd=tmp_path)
    assert run.code == 0 and run.out == ""
    assert "work" in run.err and "Saved to out.pikos" in run.err and "pikos view out.pikos" in run.err
    run = python(["-m", "pikos.sampling", "--rate", "1000", "-c", WORK + "work()"], cwd=tmp_path)
    assert run.code == 0 and "work" in run.err and "Saved" not in run.err
    assert [path.name for path in tmp_path.glob("*.pikos")] == ["out.pikos"]


def test_pikos_run_samples_on_request(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(WORK + "work()\n")
    run = python(["-m", "pikos", "run", "--sample", "--rate", "1000", "program.py"], cwd=tmp_path)
    assert run.code == 0 and run.out == "" and "Saved to program-" in run.err, run.err
    (saved,) = tmp_path.glob("program-*.pikos")
    import pikos.stats

    assert pikos.stats.load(saved).metadata["counts"] == "samples"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--rate", "0"], "--rate must be from 0.1 to 10,000 looks a second, got '0'"),
        (["--rate", "1e6"], "--rate must be from 0.1 to 10,000 looks a second, got '1e6'"),
        (["--rate", "often"], "--rate must be from 0.1 to 10,000 looks a second, got 'often'"),
        (["--mode", "all"], "--mode must be wall or cpu or gil, got 'all'"),
        (["--budget", "500"], "--budget must be from 0.01 to 100 percent, got '500'"),
        (["--budget", "0%"], "--budget must be from 0.01 to 100 percent, got '0%'"),
        (["--fast"], "no such option: --fast"),
        (["--follow"], "--follow has nowhere to put the children's profiles: add --live, or -o OUT"),
        (["--open"], "--open shows the file of -o: add -o OUT"),
        (["-o", "out.unknown"], "is no format that Pikos writes"),
        (["--interval", "1"], "--interval has no effect without --live: add --live"),
    ],
)
def test_wrong_usage_is_refused(tmp_path: Path, options: list[str], sentence: str) -> None:
    (tmp_path / "program.py").write_text("print('ran')\n")
    run = python(["-m", "pikos.sampling", *options, "program.py"], cwd=tmp_path)
    assert run.code == 2 and sentence in run.err and run.out == "", run.err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--rate", "100"], "--rate has no effect without --times sampled, or --sample of pikos run: add one of them"),
        (["--sample", "--fast"], "--fast is for counted calls, which --sample has none of: choose one of them"),
        (["--sample", "--gil-wait", "out"], "--gil-wait is for counted calls"),
    ],
)
def test_what_counts_and_what_samples_are_told_apart(tmp_path: Path, options: list[str], sentence: str) -> None:
    (tmp_path / "program.py").write_text("print('ran')\n")
    run = python(["-m", "pikos", "run", *options, "program.py"], cwd=tmp_path)
    assert run.code == 2 and sentence in run.err and run.out == "", run.err


def test_cprofiles_command_has_no_options_of_samples(tmp_path: Path) -> None:
    run = python(["-m", "pikos.cprofile", "--sample", "program.py"], cwd=tmp_path)
    assert run.code == 2 and "no such option: --sample" in run.err
    help_of = {name: python(["-m", name, "--help"]).out for name in ("pikos.cprofile", "pikos.sampling")}
    assert "--mode" not in help_of["pikos.cprofile"] and "--mode" in help_of["pikos.sampling"]
    assert "--gil-wait" in help_of["pikos.cprofile"] and "--gil-wait" not in help_of["pikos.sampling"]
    assert "0.01 to 100; default 1" in " ".join(help_of["pikos.sampling"].split())
