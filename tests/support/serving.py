"""A server of ``pikos serve`` and who asks it, for the tests: nothing but the standard library, and what docs/serve.md says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from running import PATIENCE
from watching import live_environment, until

Json = Any


class Server:
    """A server that listens. ``process`` is None where another has started it."""

    def __init__(self, url: str, process: subprocess.Popen[str] | None = None) -> None:
        parts = urlsplit(url.strip())
        assert parts.port is not None and parts.query.startswith("token="), url
        self.port = parts.port
        self.token = parts.query.removeprefix("token=")
        self.process = process

    def request(
        self, path: str, method: str = "GET", body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes, HTTPResponse]:
        """Status, body and answer. Headers have ``_`` for ``-``; that of the token is there unless it is given."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            all_headers = {
                "Authorization": f"Bearer {self.token}",
                **{k.replace("_", "-"): v for k, v in headers.items()},
            }
            connection.request(method, path, body, {name: value for name, value in all_headers.items() if value})
            answer = connection.getresponse()
            return answer.status, answer.read(), answer
        finally:
            connection.close()

    def json(self, path: str) -> Json:
        status, body, _ = self.request(path)
        assert status == 200, (path, status, body)
        return json.loads(body)

    def processes(self) -> list[Json]:
        found: list[Json] = self.json("/api/processes")["processes"]
        return found

    def process_of(self, pid: int) -> Json:
        """What the list says of a process, as soon as it is in it."""
        return until(lambda: next((p for p in self.processes() if p["pid"] == pid), None), f"process {pid}")

    def control(self, scope: str, **told: Any) -> tuple[int, Json]:
        body = json.dumps(told).encode()
        status, answer, _ = self.request(
            f"/api/processes/{scope}/control", "POST", body, Content_Type="application/json"
        )
        return status, json.loads(answer)

    def events(self, scope: str, *, stacks: bool = False, last: str = "") -> Events:
        return Events(self, scope, stacks, last)


class Events:
    """A viewer of a scope: applies what comes."""

    def __init__(self, server: Server, scope: str, stacks: bool, last: str) -> None:
        self.connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {server.token}"}
        if last:
            headers["Last-Event-ID"] = last
        self.connection.request("GET", f"/api/events?scope={scope}&stacks={int(stacks)}", headers=headers)
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.read()
        assert self.answer.headers["Content-Type"] == "text/event-stream"
        self.last = last
        self.kinds: list[str] = []
        self.names: dict[int, str] = {}
        self.rows: dict[int, dict[str, Any]] = {}
        self.processes: list[Json] = []
        self.nodes: list[list[Any]] = []

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()
        self.connection.close()

    def next(self) -> tuple[str, Json]:
        """One event, applied."""
        fields: dict[str, str] = {}
        while True:
            line = self.answer.readline().decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif "event" in fields:
                break
            else:
                assert fields, "the stream ended"
                fields = {}
        self.last = fields.get("id", self.last)
        kind, data = fields["event"], json.loads(fields["data"])
        self.kinds.append(kind)
        if kind == "processes":
            self.processes = data["processes"]
        elif kind == "reset":
            self.rows = {}
        else:
            self.apply(kind, data)
        return kind, data

    def apply(self, kind: str, data: Json) -> None:
        if kind == "full":
            self.names, self.rows, self.nodes = {}, {}, []
        if labels := data.get("labels"):
            names = dict(zip(labels["id"], labels["name"], strict=True))
            assert not names.keys() & self.names.keys(), "each comes once"
            self.names |= names
        columns = data["functions"]
        for at, function in enumerate(columns["id"]):
            self.rows[function] = {name: column[at] for name, column in columns.items()}
        if stacks := data.get("stacks"):
            assert stacks.get("from", 0) == len(self.nodes)
            self.nodes += [list(node) for node in zip(stacks["parent"], stacks["function"], strict=True)]

    def until(self, condition: Any, what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain: {what}; {self.kinds[-20:]}"
            self.next()

    def row(self, name: str) -> dict[str, Any]:
        """The row of the one function of that name; empty if there is none yet."""
        return next((row for id, row in self.rows.items() if self.names[id] == name), {})


@contextmanager
def serving(folder: Path, *arguments: str | Path, command: str = "serve") -> Iterator[Server]:
    """``pikos serve`` on a free port, for the processes of ``watching.started(folder)``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pikos", command, "--port", "0", *map(str, arguments)],
        env=live_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline()
        if not url:
            raise AssertionError(process.communicate())
        yield Server(url, process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
