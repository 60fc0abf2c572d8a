"""The sampler over HTTP, as an ASGI application to be mounted anywhere.

    from pikos.sampling.asgi import application

    app.mount("/pikos", application(token=os.environ["PIKOS_TOKEN"]))    # Starlette, FastAPI

What it does, and who may come in, is as with ``pikos.sampling.wsgi``: docs/sampling.md.
"""

from __future__ import annotations

from pikos._web.doors import asgi_body, asgi_request, nobody, send_answer
from pikos._web.entry import Entry
from pikos.sampling._web.desk import Desk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Container

    from pikos._web.doors import Receive, Scope, Send
    from pikos.sampling._web.desk import Sampled

__all__ = ["application"]


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
            body = await asgi_body(receive) if scope["method"] == "POST" else b""
            request = asgi_request(scope, body, user(scope) if users is not None else None)
            answered = desk.answer(request, entry)
            await send_answer(send, request, answered)

    return answer


async def _live(receive: Receive, send: Send) -> None:
    """A server's start and end, for an application that stands alone."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return
