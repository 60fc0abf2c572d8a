"""A "hello world" of Flask and one of FastAPI, each with and without the middleware in one process: below `/plain` and below `/watched`.

`/open` is a request that brings the secret, and lasts until `/close`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

SECRET = "the secret of the benchmark"


def wsgi() -> Any:
    from flask import Flask
    from pikos.plugins.wsgi import Middleware

    flask = Flask(__name__)
    ended = threading.Event()

    @flask.route("/")
    def hello() -> str:
        return "Hello, world!"

    @flask.route("/pid")
    def pid() -> str:
        return str(os.getpid())

    @flask.route("/open")
    def opened() -> str:
        ended.clear()
        ended.wait(600)
        return "closed"

    @flask.route("/close")
    def close() -> str:
        ended.set()
        return "closed"

    plain, watched = flask.wsgi_app, Middleware(flask.wsgi_app, secret=SECRET, every=10**9, token=SECRET)
    # The first one is in turn.
    watched.watch.choice.chosen()

    def both(environ: Any, start_response: Any) -> Any:
        _, way, path = environ["PATH_INFO"].split("/", 2)
        environ["PATH_INFO"] = f"/{path}"
        return (watched if way == "watched" else plain)(environ, start_response)

    return both


def asgi() -> Any:
    from fastapi import FastAPI
    from pikos.plugins.asgi import Middleware

    fastapi = FastAPI()
    ended = asyncio.Event()

    @fastapi.get("/")
    async def hello() -> str:
        return "Hello, world!"

    @fastapi.get("/pid")
    async def pid() -> str:
        return str(os.getpid())

    @fastapi.get("/open")
    async def opened() -> str:
        ended.clear()
        await ended.wait()
        return "closed"

    @fastapi.get("/close")
    async def close() -> str:
        ended.set()
        return "closed"

    plain, watched = fastapi, Middleware(fastapi, secret=SECRET, every=10**9, token=SECRET)
    watched.watch.choice.chosen()

    async def both(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            _, way, path = scope["path"].split("/", 2)
            scope["path"] = f"/{path}"
            if way == "watched":
                return await watched(scope, receive, send)
        return await plain(scope, receive, send)

    return both
