"""The servers of examples/servers, started as their README says, asked for much at once, and what they have kept."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, NamedTuple

from running import PATIENCE, environment
from watching import until

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "servers"
TOKEN, SECRET = "a token of the tests", "a secret of the tests"
PORT = "8000"


class Reply(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Shop:
    """A server that runs."""

    def __init__(self, port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.port, self.process, self.folder = port, process, folder

    def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """Headers have ``_`` for ``-``."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Reply(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def ask_all(self, paths: list[str], at_once: int) -> list[Reply]:
        with ThreadPoolExecutor(at_once) as pool:
            return list(pool.map(self.ask, paths))

    def shown(self, path: str = "/", method: str = "GET", **headers: str) -> Reply:
        return self.ask(f"/__pikos__{path}", method, Authorization=f"Bearer {TOKEN}", **headers)

    def kept(self) -> list[dict[str, Any]]:
        """The newest comes first."""
        told = self.shown().json()
        assert told["trouble"] == "", told["trouble"]
        requests: list[dict[str, Any]] = told["requests"]
        return requests

    def kept_of(self, place: str, why: str) -> dict[str, Any]:
        """The one that is kept of a path, or behind a link. An answer may be there a moment before its profile is."""

        def found() -> dict[str, Any] | None:
            for entry in self.kept():
                if (place.endswith(entry["id"]) or entry["what"] == f"GET {place}") and entry["why"] == why:
                    return entry
            return None

        entry: dict[str, Any] = until(found, f"a profile of {place}, {why}")
        return entry

    def calls(self, entry: dict[str, Any]) -> dict[str, int]:
        """How often each function of the shop was called."""
        rows = self.shown(f"/{entry['id']}?max_records=10000").json()["functions"]
        assert not [row for row in rows if "/pikos/plugins/" in row["file"]], "ours are in it"
        return {row["function"]: row["calls"] for row in rows if row["file"].startswith(str(self.folder))}

    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")


def copied(folder: Path) -> Path:
    """The examples, where they may write."""
    place = folder / "shop"
    shutil.copytree(EXAMPLES, place)
    return place


def command(name: str) -> str:
    """What the README says for this one."""
    row = re.search(rf"^\| {re.escape(name)} \| `(.+?)` \|", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    assert row is not None, name
    return row[1]


def arguments(typed: str, port: int) -> tuple[list[str], dict[str, str]]:
    """A command as a process takes it, and what stands before it for its environment."""
    words = [word.replace(PORT, str(port)) for word in shlex.split(typed)]
    variables = {}
    while "=" in words[0]:
        variable, _, value = words.pop(0).partition("=")
        variables[variable] = value
    program = [sys.executable] if words[0] == "python" else [sys.executable, "-m", words[0]]
    return [*program, *words[1:]], variables


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def shop(folder: Path, name: str, **env: str) -> Iterator[Shop]:
    """The server of that line, ended at the end."""
    place = copied(folder)
    port = free_port()
    command_line, variables = arguments(command(name), port)
    variables = {"PIKOS_TOKEN": TOKEN, "PIKOS_SECRET": SECRET, "PYTHONWARNINGS": "default", **variables, **env}
    with serving(command_line, place, port, **variables) as server:
        yield server


@contextmanager
def serving(command_line: Sequence[str | Path], place: Path, port: int, **env: str) -> Iterator[Shop]:
    """A server that is started so in this folder, and ended at the end."""
    with (place / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command_line, cwd=place, env=environment(**env), stdout=log, stderr=log, start_new_session=True
        )
    server = Shop(port, process, place)
    try:
        until_it_answers(server)
        yield server
    finally:
        end(process)


def until_it_answers(server: Shop) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            server.ask("/nothing-is-here")
            return
        except (OSError, HTTPException):
            assert server.process.poll() is None, server.log()
            assert time.monotonic() < deadline, server.log()
            time.sleep(0.05)


def end(process: subprocess.Popen[bytes]) -> None:
    """As a system does that shuts down: and all that it has started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
