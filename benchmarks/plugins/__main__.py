"""What the middlewares add to a "hello world" under load, where no request is chosen, and beside one that is.

    python -m benchmarks.plugins [--rounds N] [--requests N] [--check]

Flask behind gunicorn, FastAPI behind uvicorn, one process each, which serves the application with the middleware and without. Each round is without,
with, without: so many requests each over four open connections. Counted is the processor time of the server's process, which the system
gives in nanoseconds; what else runs on the machine is not in it. A ratio is that of the second to the mean of the others; what the two others
differ by is noise. Medians, ± the standard error of the median.

"by itself" is what the middleware's own code takes of such a request: around an application that does nothing, the quickest of many turns.
On a machine that does much else, it is what can be relied on.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import socket
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from benchmarks.plugins.apps import SECRET
from benchmarks.shared import machine
from benchmarks.shared.machine import ROOT
from benchmarks.shared.turns import ENVIRONMENT

#: What may be added.
NOT_CHOSEN, BESIDE = 0.01, 0.03
CONNECTIONS = 4
#: Of an application that does nothing: calls of a turn, and turns.
CALLS, TURNS = 2000, 100
SERVERS = {
    "Flask, gunicorn": [
        "gunicorn",
        "--worker-class",
        "gthread",
        "--threads",
        "8",
        "--keep-alive",
        "60",
        "--bind",
        "127.0.0.1:{port}",
    ],
    "FastAPI, uvicorn": [
        "uvicorn",
        "--factory",
        "--port",
        "{port}",
        "--log-level",
        "warning",
        "--timeout-keep-alive",
        "60",
    ],
}
APPLICATIONS = {"Flask, gunicorn": "benchmarks.plugins.apps:wsgi()", "FastAPI, uvicorn": "benchmarks.plugins.apps:asgi"}


class Server:
    """A server that runs, and connections to it."""

    def __init__(self, name: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = [word.format(port=self.port) for word in SERVERS[name]]
        command = [sys.executable, "-m", *words, APPLICATIONS[name]]
        self.process = subprocess.Popen(command, cwd=ROOT, env=ENVIRONMENT)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.pid = int(ask(HTTPConnection("127.0.0.1", self.port), "/plain/pid").strip(b'"'))
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{name} doesn't run") from None
                time.sleep(0.1)
        self.connections = [HTTPConnection("127.0.0.1", self.port, timeout=120) for _ in range(CONNECTIONS)]
        self.pool = ThreadPoolExecutor(CONNECTIONS)

    def turn(self, path: str, requests: int) -> float:
        """Seconds of processor time for one request."""
        before = processor_time(self.pid)
        each = requests // CONNECTIONS
        list(self.pool.map(lambda connection: [ask(connection, path) for _ in range(each)], self.connections))
        return (processor_time(self.pid) - before) / (each * CONNECTIONS)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)


def ask(connection: HTTPConnection, path: str, **headers: str) -> bytes:
    connection.request("GET", path, headers=headers)
    return connection.getresponse().read()


def processor_time(pid: int) -> float:
    """Seconds that all threads of a process have had."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def rounds_of(server: Server, rounds: int, requests: int, path: str) -> tuple[list[float], list[float], list[float]]:
    """What is added, what is noise, and the time of a plain request."""
    added, noise, plain = [], [], []
    for number in range(rounds + 1):
        before, with_it, after = (server.turn(each, requests) for each in ("/plain/", path, "/plain/"))
        if number:
            added.append(with_it / statistics.mean([before, after]) - 1)
            noise.append(after / before - 1)
            plain.append(before)
    return added, noise, plain


def beside(server: Server, rounds: int, requests: int) -> list[float]:
    """What one that is chosen adds to others, while it is open."""
    added = []
    for number in range(rounds + 1):
        before = server.turn("/watched/", requests)
        chosen = HTTPConnection("127.0.0.1", server.port, timeout=600)
        chosen.request("GET", "/watched/open", headers={"X-Pikos": SECRET})
        time.sleep(0.2)
        during = server.turn("/watched/", requests)
        ask(HTTPConnection("127.0.0.1", server.port), "/plain/close")
        answer = chosen.getresponse()
        answer.read()
        if "X-Pikos-Profile" not in answer.headers:
            raise SystemExit("the chosen one was not profiled")
        after = server.turn("/watched/", requests)
        if number:
            added.append(during / statistics.mean([before, after]) - 1)
    return added


def by_itself(name: str) -> float:
    """Seconds of the middleware's own code, for a request that isn't chosen."""
    drive = drive_wsgi if name.startswith("Flask") else drive_asgi
    plain, watched = (min(drive(is_watched) for _ in range(TURNS)) for is_watched in (False, True))
    return watched - plain


def drive_wsgi(is_watched: bool) -> float:
    from pikos.plugins.wsgi import Middleware

    def app(environ: Any, start_response: Any) -> Any:
        return ()

    called: Any = Middleware(app, secret=SECRET, token=SECRET) if is_watched else app
    environ = {"PATH_INFO": "/users/7", "QUERY_STRING": "", "REQUEST_METHOD": "GET"}
    began = time.perf_counter()
    for _ in range(CALLS):
        called(environ, None)
    return (time.perf_counter() - began) / CALLS


def drive_asgi(is_watched: bool) -> float:
    from pikos.plugins.asgi import Middleware

    async def app(scope: Any, receive: Any, send: Any) -> None:
        pass

    called: Any = Middleware(app, secret=SECRET, token=SECRET) if is_watched else app
    names = (b"host", b"user-agent", b"accept", b"accept-encoding", b"connection", b"cookie")
    scope = {"type": "http", "path": "/users/7", "query_string": b"", "headers": [(name, b"x") for name in names]}
    began = time.perf_counter()
    for _ in range(CALLS):
        with contextlib.suppress(StopIteration):
            called(scope, None, None).send(None)
    return (time.perf_counter() - began) / CALLS


def shown(shares: list[float]) -> str:
    middle = statistics.median(shares)
    first, _, third = statistics.quantiles(shares, n=4)
    # Of a normal distribution, the quartiles are 1.349 standard deviations apart.
    error = 1.253 * (third - first) / 1.349 / math.sqrt(len(shares))
    return f"{middle:+.2%} ± {error:.2%}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plugins", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--requests", type=int, default=400, help="of one turn")
    parser.add_argument("--check", action="store_true", help="fail where a goal is missed")
    options = parser.parse_args()
    print("\n".join(f"{fact}: {value}" for fact, value in machine.facts().items()))
    print(f"{options.rounds} rounds of {options.requests} requests\n")
    print(f"{'':20}{'plain':>10}{'by itself':>12}{'none chosen':>20}{'beside one':>20}{'noise':>20}")
    missed = 0
    for name in SERVERS:
        server = Server(name)
        try:
            added, noise, plain = rounds_of(server, options.rounds, options.requests, "/watched/")
            others = beside(server, options.rounds, options.requests)
        finally:
            server.end()
        cost = f"{1e6 * statistics.median(plain):.0f} µs"
        alone = by_itself(name) / statistics.median(plain)
        print(f"{name:20}{cost:>10}{alone:>+12.2%}{shown(added):>20}{shown(others):>20}{shown(noise):>20}")
        missed += (alone > NOT_CHOSEN) + (statistics.median(others) > BESIDE)
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
