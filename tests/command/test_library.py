"""The `pikos` command has a library of its own, so that no profiled process has any of it."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import python

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]


def library(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin)


def test_the_extension_has_nothing_of_the_command() -> None:
    # Where a panic would come from, Rust keeps the names of files.
    source = b"crates/pikos-cli/src/"
    assert source in library("pikos._cli").read_bytes()
    assert source not in library("pikos._lsprof").read_bytes()


def test_the_command_loads_no_extension() -> None:
    code = "import sys; from pikos._command import main; main()\n"
    code += "print(*(name for name in ('pikos._cli', 'pikos._lsprof') if name in sys.modules))"
    assert python(["-c", code, "formats"]).succeeded().out.splitlines()[-1] == "pikos._cli"


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("nm") is None, reason="needs nm, and Linux's libraries")
@pytest.mark.parametrize(("module", "wrapped"), [("pikos._cli", False), ("pikos._lsprof", True)])
def test_no_symbol_of_one_is_taken_for_the_others(module: str, wrapped: bool) -> None:
    listed = subprocess.run(["nm", "-D", "--defined-only", library(module)], capture_output=True, text=True, check=True)
    exported = {line.split()[-1] for line in listed.stdout.splitlines()}
    # The extension's memory functions are its own alone, and called under these names by nobody else.
    memory = {name for name in exported if name.startswith("__wrap_")}
    assert exported - memory == {f"PyInit_{module.rpartition('.')[2]}"}
    assert bool(memory) == wrapped


def test_a_missing_library_is_said() -> None:
    code = "import sys; sys.modules['pikos._cli'] = None; from pikos._command import main; sys.exit(main())"
    run = python(["-c", code, "--version"])
    assert (run.code, run.out) == (1, "")
    assert run.err.startswith("pikos: the command's own library can't be loaded: ")
    assert "pip install --force-reinstall pikos" in run.err
    assert "Traceback" not in run.err


@pytest.mark.parametrize("command", ["attach", "detach"])
def test_an_extension_of_another_version_is_said(command: str) -> None:
    code = f"import sys, pikos._lsprof; pikos._lsprof.__version__ = '0.0.1'; sys.argv[1:] = [{command!r}, '1']\n"
    code += "from pikos._command import main; sys.exit(main())"
    run = python(["-c", code])
    assert (run.code, run.out) == (1, "")
    assert run.err.startswith("pikos: this installation is a mixture: the command is of Pikos ")
    assert "the extension of 0.0.1" in run.err
