"""Installs what dist/ holds as a stranger would, and types what README.md says: `make test-dist`.

    python scripts/test_dist.py dist/pikos-0.2.0-*.whl dist/pikos-0.2.0.tar.gz

Each file goes into a fresh venv, outside of the repository. git is out of reach: a source distribution must do without.
Then every command of README's consoles runs in a folder with a small `script.py`, and so does its Python.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby, pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120.0
BUILD_PATIENCE = 1800.0

#: What the extension of a wheel for Linux may have, in bytes: each profiled process loads it.
EXTENSION = 8_500_000

#: What README's commands and Python work on, beside what earlier ones have written.
FILES = {
    "script.py": """\
import os, time

def load(path):
    return [number * number for number in range(1000)]

class Parser:
    def feed(self, text):
        words = text.split()
        return len(words)

def main():
    end = time.monotonic() + float(os.environ.get("SECONDS", "0.3"))
    while time.monotonic() < end:
        load("a")
        Parser().feed("one two three")
        time.sleep(0.01)

if __name__ == "__main__":
    main()
""",
    "server.py": "import asyncio\nasyncio.run(asyncio.sleep(0.1))\n",
    "package/__init__.py": "",
    "package/module.py": "print(sum(range(1000)))\n",
}

#: What README tells to type that is no use of Pikos, or needs what isn't there, by how it begins.
NOT_TYPED = {
    "pip install": "done already, from the file",
    "make ": "for a clone of the repository",
    "git ": "for a clone of the repository",
    "pytest": "needs pytest, and tests",
    "curl": "needs a server of your own",
    "snakeviz": "another project's",
    "pyprof2calltree": "another project's",
    "jupyter": "another project's",
    "pikos attach": "needs a running process of CPython 3.14",
    "pikos detach": "needs a running process of CPython 3.14",
    "pikos sample": "needs the right to read the memory of other processes",
    "pikos stacks": "needs the right to read the memory of other processes",
    "pikos top --sample": "needs the right to read the memory of other processes",
}

#: What runs until the program ends, beside which others are typed.
BESIDE = re.compile(r"--live\b|--top\b|--recording zmq")
#: What runs until it is interrupted, and how a line begins that it prints when it is ready.
STAYS = {"pikos serve": "http://", "pikos collect": "pikos: collecting at tcp://"}
#: The process that README speaks of.
PROCESS = "4711"


class Failed(Exception):
    """A command that didn't do what README promises."""


class Stranger:
    """Somebody with a venv and a folder, and nothing else."""

    def __init__(self, folder: Path) -> None:
        self.venv = folder / "venv"
        self.home = folder / "home"
        self.home.mkdir()
        for name, text in FILES.items():
            path = self.home / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        hidden = folder / "bin"
        hidden.mkdir()
        # No git; and a browser, for those whose machine has no screen.
        own = {
            "git": "echo 'git: there is none here' >&2\nexit 127",
            "xdg-open": 'test -s "$1"',
            "open": 'test -s "$1"',
        }
        for name, text in own.items():
            (hidden / name).write_text(f"#!/bin/sh\n{text}\n")
            (hidden / name).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIKOS", "PYO3"))}
        self.environment = {
            **kept,
            "PATH": os.pathsep.join([str(self.venv / "bin"), str(hidden), kept["PATH"]]),
            "TMPDIR": str(folder),
            "TERM": "dumb",
        }
        self.environment.pop("XDG_RUNTIME_DIR", None)
        subprocess.run([sys.executable, "-m", "venv", self.venv], check=True)

    def run(self, command: list[str], patience: float = PATIENCE, allowed: tuple[int, ...] = (0,)) -> str:
        """Type a command and wait for its end; return what it printed."""
        for before, word in pairwise(command):
            # Files that the page names, and that an earlier command of its has written under another name.
            if word.endswith((".pstats", ".pikos")) and before != "-o" and not (self.home / word).exists():
                self.run(["pikos", "run", "-q", "-o", word, "script.py"])
        done = subprocess.run(
            command,
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=patience,
        )
        if done.returncode not in allowed:
            raise Failed(f"{shlex.join(command)}: exit code {done.returncode}\n{done.stdout}")
        return done.stdout

    def until_interrupted(self, command: list[str], expected: str) -> None:
        """Start what runs until Ctrl-C, wait for a line that begins so, and end it."""
        process = subprocess.Popen(
            command,
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert process.stdout is not None
            printed = ""
            has_begun = False
            while not has_begun and (line := process.stdout.readline()):
                printed += line
                has_begun = line.startswith(expected)
            process.send_signal(signal.SIGINT)
            code = process.wait(PATIENCE)
            if not has_begun or code != 0:
                raise Failed(f"{shlex.join(command)}: exit code {code}\n{printed}")
        finally:
            process.kill()
            process.wait()

    @contextmanager
    def beside(self, command: list[str], seconds: int) -> Iterator[int]:
        """Start a command whose program runs so long, as in another terminal, and wait until `pikos ps` lists it. Its number."""
        log = self.home / "beside.log"
        with open(log, "wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.home,
                env={**self.environment, "SECONDS": str(seconds)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            end = time.monotonic() + PATIENCE
            # Where nothing is live, the exit code is 1.
            while str(process.pid) not in self.run(["pikos", "ps"], allowed=(0, 1)):
                if time.monotonic() > end or process.poll() is not None:
                    raise Failed(f"{shlex.join(command)}: not live\n{log.read_text()}")
                time.sleep(0.05)
            yield process.pid
            process.send_signal(signal.SIGTERM)
            if process.wait(PATIENCE) not in (0, -signal.SIGTERM):
                raise Failed(f"{shlex.join(command)}: exit code {process.returncode}\n{log.read_text()}")
        finally:
            process.kill()
            process.wait()


def blocks(page: str, language: str) -> list[str]:
    """The blocks of code of one language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def commands(page: str) -> Iterator[list[str]]:
    """What a page tells to type, as words."""
    for block in blocks(page, "console"):
        for line in block.splitlines():
            if line.startswith("$ "):
                lexer = shlex.shlex(line[2:], posix=True, punctuation_chars=";")
                lexer.whitespace_split = True
                # A word that stands for others, "args…", is left out.
                words = [word for word in lexer if not word.endswith("…")]
                for is_end, command in groupby(words, lambda word: word == ";"):
                    if not is_end:
                        yield list(command)


def try_page(stranger: Stranger, page: str) -> tuple[int, list[str]]:
    """Type all that a page says. How much that was, and what was left out."""
    typed = 0
    left_out = []
    live = ["python", "-m", "pikos.cprofile", "--live", "script.py"]
    for words in commands(page):
        command = shlex.join(words)
        reason = next((why for start, why in NOT_TYPED.items() if command.startswith(start)), None)
        if reason is not None:
            left_out.append(f"{command}  ({reason})")
            continue
        print(f"  $ {command}", flush=True)
        typed += 1
        if BESIDE.search(command):
            with stranger.beside(words, 30):
                pass
        elif begun := STAYS.get(" ".join(words[:2])):
            stranger.until_interrupted(words, begun)
        elif PROCESS in words or words[:2] in (["pikos", "top"], ["pikos", "ps"]):
            # What waits for the program's end gets it.
            with stranger.beside(live, 5 if words[1] == "record" else 30) as pid:
                printed = stranger.run([str(pid) if word == PROCESS else word for word in words])
                if words[1] in ("top", "ps") and not printed.strip():
                    raise Failed(f"{command}: prints nothing")
        else:
            stranger.run(words)
    for number, block in enumerate(blocks(page, "python"), 1):
        if "pikos.plugins." in block:
            left_out.append(f"Python, block {number}  (needs what it plugs into)")
            continue
        print(f"  Python, block {number}", flush=True)
        typed += 1
        stranger.run(["python", "-c", without_optional(block)])
    return typed, left_out


def without_optional(code: str) -> str:
    """Python of README without the lines that need packages which Pikos doesn't."""
    return "\n".join(line for line in code.splitlines() if "to_pandas" not in line and "to_arrow" not in line)


def check_size(package: Path) -> None:
    """Fail if the extension has grown beyond what it may be, and say how large the native libraries are."""
    sizes = {library.name: library.stat().st_size for library in sorted(package.glob("*.so"))}
    for name, size in sizes.items():
        print(f"  {name}: {size / 1e6:.2f} MB")
        if name.startswith("_lsprof") and size > EXTENSION:
            raise Failed(
                f"{name} may have {EXTENSION / 1e6:.2f} MB: what only the `pikos` command uses belongs in pikos-cli, "
                "which no profiled process loads"
            )


def check_glibc(package: Path, wheel: str) -> None:
    """Fail if a library needs a later glibc than the wheel's name says: of the two, maturin looks at the extension alone."""
    promised = max((int(major), int(minor)) for major, minor in re.findall(r"manylinux_(\d+)_(\d+)", wheel))
    for library in sorted(package.glob("*.so")):
        needed = max(
            (int(major), int(minor)) for major, minor in re.findall(rb"GLIBC_(\d+)\.(\d+)", library.read_bytes())
        )
        if needed > promised:
            raise Failed(f"{library.name} needs glibc {needed[0]}.{needed[1]}, which {wheel} doesn't say")


def try_file(file: Path, page: str) -> None:
    """Install one file and use it."""
    with tempfile.TemporaryDirectory(prefix="pikos-dist-") as name:
        folder = Path(name)
        start = time.monotonic()
        stranger = Stranger(folder)
        stranger.run(["python", "-m", "pip", "install", "--quiet", "--no-cache-dir", str(file)], BUILD_PATIENCE)
        seconds = time.monotonic() - start
        version = stranger.run(["pikos", "--version"]).strip()
        expected = re.sub(r"^pikos-(\d+\.\d+\.\d+).*", r"pikos \1", file.name)
        where = stranger.run(["python", "-c", "import pikos; print(pikos.__file__)"]).strip()
        if version != expected or not where.startswith(str(stranger.venv)):
            raise Failed(f"{file.name}: {version!r} from {where}, not {expected!r} from the venv")
        print(f"{file.name}: installed in {seconds:.0f} s", flush=True)
        if "manylinux" in file.name:
            check_size(Path(where).parent)
            check_glibc(Path(where).parent, file.name)
        typed, left_out = try_page(stranger, page)
        for command in left_out:
            print(f"  not typed: {command}")
        if not typed:
            raise Failed("README says nothing to type")
        print(f"{file.name}: {typed} uses of README work")


def main() -> int:
    files = [Path(name).resolve() for name in sys.argv[1:]]
    if not files:
        print("usage: python scripts/test_dist.py FILE...", file=sys.stderr)
        return 2
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    if shutil.which("cargo") is None:
        print("test_dist: Rust is not here; a source distribution needs it", file=sys.stderr)
    failed = 0
    for file in files:
        try:
            try_file(file, page)
        except (Failed, subprocess.TimeoutExpired) as error:
            print(f"FAILED: {file.name}: {error}", file=sys.stderr)
            failed += 1
    print(f"{len(files) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
