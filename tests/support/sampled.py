"""A sampler that has seen what a test says, and servers of this process that show it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPMessage
from socketserver import ThreadingMixIn
from typing import Any, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from running import PATIENCE

TOKEN = "a-token-that-nobody-guesses"
BEARER = f"Bearer {TOKEN}"
HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "\u202egnirts", "\x1b[2J"]


class Seen:
    """Has a ``Sampler``'s methods as far as they are asked for over HTTP, and notes what it was told."""

    def __init__(self, names: list[str] | None = None) -> None:
        from pikos._lsprof import _StoredProfile
        from pikos.stats import Profile

        stacks = "".join(f"main;work {30 - at}\nmain;work;{name} 10\n" for at, name in enumerate(names or ["leaf"]))
        self._profile = Profile(_StoredProfile.read(stacks.encode(), "seen.folded", "collapsed"))
        self._is_paused = True
        self._interval = 0.01
        self.told: list[str] = []
        self.trouble: Exception | None = None

    def pause(self) -> None:
        self.told.append("pause")
        self._is_paused = True

    def unpause(self) -> None:
        self.told.append("unpause")
        self._is_paused = False

    def clear(self) -> None:
        self.told.append("clear")

    def is_paused(self) -> bool:
        return self._is_paused

    def set_interval(self, seconds: float) -> None:
        if not 0.0001 <= seconds <= 10:
            raise ValueError(f"interval must be from 0.0001 to 10 seconds, got {seconds!r}")
        self.told.append(f"interval {seconds}")
        self._interval = seconds

    def status(self) -> dict[str, Any]:
        return {"paused": self._is_paused, "interval": self._interval, "samples": 40, "interval_mean": float("nan")}

    def snapshot(self) -> Any:
        if self.trouble is not None:
            raise self.trouble
        return self._profile


class Reply(NamedTuple):
    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Asker:
    """Sends requests to a server on this host; to paths below ``mount``."""

    def __init__(self, port: int, mount: str = "") -> None:
        self.port = port
        self.mount = mount

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Reply:
        """Headers have ``_`` for ``-``."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, self.mount + path, body, named)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(application: Callable[..., Any], mount: str = "") -> Iterator[Asker]:
    """The application, on a free port."""
    with make_server("127.0.0.1", 0, application, _Server, _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Asker(server.server_port, mount)
        finally:
            server.shutdown()
            thread.join()


def mounted(at: str, application: Callable[..., Any]) -> Callable[..., Any]:
    """The application below a path, as dispatchers do it."""

    def dispatch(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        path = environ["PATH_INFO"]
        assert path.startswith(at)
        return application({**environ, "SCRIPT_NAME": at, "PATH_INFO": path[len(at) :]}, start_response)

    return dispatch
