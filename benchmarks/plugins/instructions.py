"""What a request that is profiled adds to those beside it, in instructions: the same on a busy machine as on a quiet one.

    python -m benchmarks.plugins.instructions [--python PATH ...] [--check]

A "hello world" of Flask in the main thread, beside one that is profiled in another thread; one of FastAPI in asyncio's loop, and in uvloop's, beside
one in the same loop. Both wait while the requests are counted, by valgrind's callgrind. No server and no socket is in it: of a request behind a
server the share is less.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks.shared.callgrind import callgrind

#: Requests in the shorter run and in the longer one: what they differ by is what the requests take, and nothing else is.
FEW, MANY = 50, 150
#: Before they count: everything is imported, and specialised.
WARM = 20
#: What may be added.
BESIDE = 0.03
ABSENT = 3


def profile() -> Any:
    """As the middlewares make it."""
    from pikos.cprofile import Profile

    return Profile(context=True, tree=True)


def flask(requests: int, is_beside: bool) -> None:
    from benchmarks.plugins.apps import wsgi

    app = wsgi()
    begun, ended = threading.Event(), threading.Event()

    def open_one() -> None:
        with profile():
            begun.set()
            ended.wait()

    def request() -> None:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/plain/",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": None,
            "wsgi.errors": sys.stderr,
        }
        answer = app(environ, lambda status, headers, trouble=None: None)
        b"".join(answer)
        answer.close()

    for _ in range(WARM):
        request()
    thread = threading.Thread(target=open_one)
    if is_beside:
        thread.start()
        begun.wait()
    for _ in range(requests):
        request()
    ended.set()
    if is_beside:
        thread.join()


async def fastapi(requests: int, is_beside: bool) -> None:
    from benchmarks.plugins.apps import asgi

    app = asgi()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def open_one() -> None:
        with profile():
            begun.set()
            await ended.wait()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        pass

    async def request() -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/plain/",
            "raw_path": b"/plain/",
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        await asyncio.create_task(app(scope, receive, send))

    for _ in range(WARM):
        await request()
    if is_beside:
        profiled = asyncio.create_task(open_one())
        await begun.wait()
    for _ in range(requests):
        await request()
    ended.set()
    if is_beside:
        await profiled


def run(name: str, way: str, requests: int) -> None:
    """In the process that is counted."""
    try:
        if name == "Flask":
            flask(requests, way == "beside")
        elif name == "FastAPI":
            asyncio.run(fastapi(requests, way == "beside"))
        else:
            import uvloop

            uvloop.run(fastapi(requests, way == "beside"))
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(ABSENT)


NAMES = ("Flask", "FastAPI", "FastAPI, uvloop")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.plugins.instructions", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--python", action="append", default=[], help="an interpreter that has pikos and these; more than once"
    )
    parser.add_argument("--check", action="store_true", help=f"fail where more than {BESIDE:.0%} is added")
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run[0], options.run[1], int(options.run[2]))
        return 0
    missed = 0
    with ThreadPoolExecutor() as pool:
        for python in options.python or [sys.executable]:
            command = [python, "-m", "benchmarks.plugins.instructions", "--run"]
            runs = {
                (name, way, requests): pool.submit(callgrind, [*command, name, way, str(requests)])
                for name in NAMES
                for way in ("alone", "beside")
                for requests in (FEW, MANY)
            }
            print(f"\n{python}: instructions of a request")
            print(f"{'':20}{'alone':>12}{'beside one':>12}{'added':>9}")
            for name in NAMES:
                counts = {key: run.result() for key, run in runs.items() if key[0] == name}
                if -1 in counts.values():
                    print(f"{name:20}{'–':>12}")
                    continue
                alone, beside = (
                    (counts[name, way, MANY] - counts[name, way, FEW]) / (MANY - FEW) for way in ("alone", "beside")
                )
                added = beside / alone - 1
                print(f"{name:20}{alone:>12,.0f}{beside:>12,.0f}{added:>+9.1%}", flush=True)
                missed += added > BESIDE
    return int(options.check and missed > 0)


if __name__ == "__main__":
    sys.exit(main())
