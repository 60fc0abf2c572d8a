"""The recipes of docs/use/recipes.md do what they say: their files are written, their commands typed, as a reader would.

A command that says `Ctrl-C ends it` runs beside those after it, and gets Ctrl-C when they are done. 4711 stands for its process.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
import textwrap
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from running import PATIENCE, environment

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "use" / "recipes.md"
#: What a recipe needs beside Pikos.
NEEDS = {"Flask": "flask", "Django": "django", "FastAPI": "uvicorn", "Celery": "celery", "A notebook": "IPython"}
ENDED_BY_HAND = "Ctrl-C ends it"

# Not every machine has it.
CURL = f"""#!{sys.executable}
import sys, urllib.request
arguments = [word for word in sys.argv[1:] if word != "-s"]
out = arguments.pop(arguments.index("-o") + 1) if "-o" in arguments else None
body = urllib.request.urlopen(arguments[-1], timeout=60).read()
open(out, "wb").write(body) if out else sys.stdout.buffer.write(body)
"""


def recipes() -> dict[str, str]:
    """The sections of the page."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def fences(text: str) -> list[tuple[str, str]]:
    """(what stands behind the backticks, what is between them)."""
    return re.findall(r"^```(.+?)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


class Reader:
    """Somebody who types what a recipe says, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        own = folder / "bin"
        own.mkdir()
        (own / "curl").write_text(CURL)
        (own / "curl").chmod(0o755)
        scripts = sysconfig.get_path("scripts")
        # Sockets and caches of its own: other tests run beside it.
        self.environment = environment(
            PATH=os.pathsep.join([str(own), scripts, os.environ["PATH"]]),
            PYTHONPATH="",
            PYTHONWARNINGS="ignore",
            TMPDIR=str(folder),
            HOME=str(folder),
        )
        self.running: list[tuple[subprocess.Popen[str], str]] = []

    def type(self, line: str) -> None:
        if self.running:
            line = line.replace("4711", str(self.running[-1][0].pid))
        if ENDED_BY_HAND in line:
            self.start(line)
            return
        end = time.monotonic() + PATIENCE
        while True:
            done = subprocess.run(
                ["bash", "-c", line],
                cwd=self.folder,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                stdin=subprocess.DEVNULL,
            )
            # Whoever types the next command has seen that the one before it is ready.
            is_early = done.returncode != 0 and self.running and time.monotonic() < end
            if not is_early:
                break
            process, started = self.running[-1]
            assert process.poll() is None, f"{started}\nended by itself: {process.communicate()}"
            time.sleep(0.2)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, f"{line}\n{done.stderr}"

    def start(self, line: str) -> None:
        process = subprocess.Popen(
            ["bash", "-c", "exec " + line],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.running.append((process, line))

    def stop(self) -> None:
        """Ctrl-C."""
        while self.running:
            process, line = self.running.pop()
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=PATIENCE)
            assert "internal error" not in out and "panicked" not in out, f"{line}\n{out}"


def test_each_recipe_is_in_the_list_at_the_top() -> None:
    head = PAGE.read_text(encoding="utf-8").split("\n## ")[0]
    linked = re.findall(r"\(#([\w-]+)\)", head)
    assert sorted(linked) == sorted(name.lower().replace(" ", "-") for name in recipes())


@pytest.mark.parametrize("name", recipes())
def test_a_recipe_does_what_it_says(name: str, tmp_path: Path) -> None:
    if (module := NEEDS.get(name)) and find_spec(module) is None:
        pytest.skip(f"{module} is not installed here")
    text = recipes()[name]
    found = fences(text)
    assert found, "a recipe without a command"
    reader = Reader(tmp_path)
    try:
        for kind, body in found:
            if title := re.fullmatch(r'python title="(.+)"', kind):
                (tmp_path / title[1]).write_text(body, encoding="utf-8")
                continue
            assert kind == "console", kind
            commands = re.findall(r"^\$ (.*)$", body, flags=re.MULTILINE)
            assert commands
            for number, command in enumerate(commands):
                after = commands[number + 1 :]
                if reader.running and not needs_it(command, after):
                    reader.stop()
                reader.type(command)
    finally:
        for process, _ in reader.running:
            if process.poll() is None and sys.exc_info()[0] is not None:
                process.kill()
        reader.stop()
    for written in re.findall(r"-o (\S+)", textwrap.dedent(text)):
        assert (tmp_path / written).stat().st_size > 0, written


def needs_it(command: str, after: list[str]) -> bool:
    """Whether a process that runs beside is still at work for this command: what reads the file that it saves at its end comes later."""
    return not command.startswith("pikos stats") or any(line.startswith("curl") for line in after)
