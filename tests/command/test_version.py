"""The version stands in Cargo.toml alone, and everybody says the same one."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest
from running import environment, evaluate, python
from watching import Subscriber, endpoint, started

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

ROOT = Path(__file__).resolve().parents[2]
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]


def test_the_package_and_its_metadata_say_it() -> None:
    import pikos

    assert pikos.__version__ == VERSION
    assert importlib.metadata.version("pikos") == VERSION


def test_the_package_alone_loads_nothing_for_it() -> None:
    loaded = evaluate("""
        import subprocess, sys
        code = "import pikos, sys; print([name for name in sys.modules if name.startswith('pikos.')])"
        answer(subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout)
    """)
    assert loaded == "[]\n"


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["-m", "pikos"], "pikos"),
        (["-m", "pikos.cprofile"], "pikos"),
        (["-m", "pikos.runner"], "pikos-run"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[-1],
)
def test_commands_say_it(command: list[str], name: str) -> None:
    assert python([*command, "--version"]).succeeded().out == f"{name} {VERSION}\n"


@pytest.mark.parametrize("script", ["pikos", "pikos-run"])
def test_installed_scripts_say_it(script: str) -> None:
    path = Path(sysconfig.get_path("scripts")) / script
    done = subprocess.run([path, "--version"], capture_output=True, text=True, env=environment())
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{script} {VERSION}\n", "")


def test_a_programs_own_version_option_is_the_programs(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text("import sys; print(sys.argv[1:])")
    for command in (
        ["-m", "pikos.cprofile", "-o", tmp_path / "out"],
        ["-m", "pikos.runner", "functions", "-o", "out.txt"],
    ):
        run = python([*command, script, "--version"], cwd=tmp_path).succeeded()
        assert "['--version']" in run.out


def test_the_live_stream_says_it(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text("import sys; sys.stdin.read()")
    with started(tmp_path, ["-m", "pikos.cprofile", "--live", script]) as process:
        with Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
            while subscriber.receive()["kind"] != "full":
                pass
    assert subscriber.facts["pikos"] == VERSION


def test_the_changelog_has_a_chapter_for_it() -> None:
    assert f"\n## {VERSION} (" in (ROOT / "CHANGELOG.md").read_text()
