"""Profiles requests of an ASGI application, a profile each: those of Starlette, FastAPI, Litestar, Quart, Falcon and others.

    from pikos.plugins.asgi import Middleware

    app.add_middleware(Middleware, slow=0.5, token=os.environ["PIKOS_TOKEN"])    # Starlette, FastAPI
    app = Middleware(app, slow=0.5, token=os.environ["PIKOS_TOKEN"])             # any other

What is profiled, what is kept, and who sees it: docs/servers.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pikos._web.doors import asgi_body, asgi_request, nobody, send_answer
from pikos.plugins._requests.choice import ASKED
from pikos.plugins._requests.profiling import Profiling
from pikos.plugins.wsgi import ANSWER, FIELD, HEADER, secret_in, too_long

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import Any

    from pikos._web.doors import Receive, Scope, Send
    from pikos.plugins._requests.watch import Running

    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

__all__ = ["Middleware"]

_HEADER, _FIELD = HEADER.lower().encode(), f"{FIELD}=".encode()


def route_of(scope: Scope) -> str:
    """What the framework says after the request: Starlette, FastAPI, Litestar. Empty if it doesn't."""
    route = scope.get("route")
    pattern = scope.get("path_template") or getattr(route, "path_format", None) or getattr(route, "path", None)
    if not isinstance(pattern, str):
        return ""
    root, path = scope.get("root_path", ""), scope["path"]
    if root and not path.startswith(root):
        path = root + path
    regex = getattr(getattr(route, "path_regex", None), "pattern", None)
    return f"{scope.get('method', '')} {above(path, regex, scope.get('path_params') or {})}{pattern}"


def above(path: str, regex: object, parameters: Mapping[str, object]) -> str:
    """What a route's own pattern lacks: where its application is mounted, or its router included. Values in it become names again."""
    if not isinstance(regex, str):
        return ""
    found = re.search(regex.removeprefix("^"), path)
    if found is None or found.start() == 0:
        return ""
    names = {str(value): f"{{{name}}}" for name, value in parameters.items()}
    return "/".join(names.get(part, part) for part in path[: found.start()].split("/"))


class Middleware(Profiling["Application", "Scope"]):
    """An ASGI application that is ``app``, and profiles some of its requests: what runs in the request's own context, in its tasks and in the
    pool's threads that carry it. Websockets aren't profiled.

    The arguments are those of ``pikos.plugins.wsgi.Middleware``; user and label are given the ASGI scope.
    """

    user_of = staticmethod(nobody)
    label_of = staticmethod(route_of)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if self._at is not None and self._at in scope["path"]:
                path = inner_path(scope)
                if path == self._at or path.startswith(f"{self._at}/"):
                    return await self._show(scope, receive, send)
            why = self._choice.chosen() if self._counts else None
            if self._takes_secret:
                # Here, and not in a function: for most requests this is all that is done.
                for name, value in scope["headers"]:
                    if name == _HEADER:
                        if self._choice.is_asked(value):
                            why = ASKED
                        break
                else:
                    if _FIELD in (scope.get("query_string") or b"") and self._is_asked(scope["query_string"]):
                        why = ASKED
            if why is not None:
                running = self.watch.begin(why)
                if running is not None:
                    return await self._profiled(running, scope, receive, send)
        await self.app(scope, receive, send)
        return None

    def _is_asked(self, query: bytes) -> bool:
        return self._choice.is_asked(secret_in(query.decode("latin-1")))

    async def _profiled(self, running: Running, scope: Scope, receive: Receive, send: Send) -> None:
        what = f"{scope.get('method', '')} {scope['path']}"
        root: str = scope.get("root_path", "")
        label = self._label
        link = f"{root}{self._at}/{running.id}" if running.why == ASKED and self._at is not None else None
        status = ""

        def finish(error: BaseException | None = None, note: str = "") -> None:
            outcome = status if error is None else type(error).__name__
            has_failed = isinstance(error, Exception) or status.startswith("5")
            running.finish(lambda: label(scope) or what, what, outcome, has_failed=has_failed, note=note)

        async def sending(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
                if link is not None:
                    header = (ANSWER.lower().encode(), link.encode("utf-8", "replace"))
                    message = {**message, "headers": [*message.get("headers", ()), header]}
            elif not running.is_over and running.is_too_long():
                finish(note=too_long(running))
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except BaseException as error:
            finish(error)
            raise
        finish()

    async def _show(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await asgi_body(receive) if scope["method"] == "POST" else b""
        request = asgi_request(scope, body, self._user(scope) if self._desk.asks_for_users else None)
        assert self._at is not None
        request.mount, request.path = request.mount + self._at, request.path[len(self._at) :] or "/"
        await send_answer(send, request, self._desk.answer(request))


def inner_path(scope: Scope) -> str:
    """The path below where the application is mounted."""
    root, path = scope.get("root_path", ""), scope["path"]
    if root and (path == root or path.startswith(f"{root}/")):
        path = path[len(root) :]
    found: str = path
    return found
