"""The sampler over HTTP, as an ASGI application to be mounted anywhere.

    from pikos.sampling.asgi import application

    app.mount("/pikos", application(token=os.environ["PIKOS_TOKEN"]))    # Starlette, FastAPI

What it does, and who may come in, is as with ``pikos.sampling.wsgi``: docs/sampling.md.
"""

from __future__ import annotations

from pikos.sampling._web.asked import MOST_BODY, Request
from pikos.sampling._web.desk import Desk
from pikos.sampling._web.entry import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container, MutableMapping
    from typing import Any

    from pikos.sampling._web.desk import Sampled

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

__all__ = ["application"]


def nobody(_: Scope) -> object:
    """ASGI itself doesn't tell who asks."""
    return None


def application(
    sampler: Sampled | None = None,
    *,
    token: str | None = None,
    users: Container[object] | None = None,
    user: Callable[[Scope], object] = nobody,
    takes_get: bool = False,
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An ASGI application that shows what a sampler has seen, pauses it, and lets it go on.

    The arguments are those of ``pikos.sampling.wsgi.application``; user says who asks, from the ASGI scope. Making a page takes a few
    milliseconds, in which the event loop waits.
    """
    desk = Desk(sampler, takes_get=takes_get)
    entry = Entry(token, users)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
        elif scope["type"] == "http":
            body = await _body(receive) if scope["method"] == "POST" else b""
            request = request_of(scope, body, user(scope) if users is not None else None)
            answered = desk.answer(request, entry)
            headers = [
                (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answered.all_headers()
            ]
            await send({"type": "http.response.start", "status": answered.status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else answered.body})

    return answer


def request_of(scope: Scope, body: bytes, user: object) -> Request:
    """What an ASGI scope asks for."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    # Chunked bodies have no length.
    headers["content-length"] = str(len(body))
    mount, path = scope.get("root_path", ""), scope["path"]
    # Newer servers and frameworks leave the mount in the path.
    if mount and (path == mount or path.startswith(mount + "/")):
        path = path[len(mount) :]
    return Request(
        scope["method"],
        mount,
        path or "/",
        scope.get("query_string", b"").decode("latin-1"),
        headers,
        scheme=scope.get("scheme", "http"),
        user=user,
        body=lambda count: body[:count],
    )


async def _body(receive: Receive) -> bytes:
    """As much as will be looked at, and one byte that says that there is more."""
    body = b""
    while len(body) <= MOST_BODY:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    return body[: MOST_BODY + 1]


async def _live(receive: Receive, send: Send) -> None:
    """A server's start and end, for an application that stands alone."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return
