"""What servers hand over, as requests: WSGI's environments and ASGI's scopes."""

from __future__ import annotations

from pikos._web.asked import MOST_BODY, Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any

    from pikos._web.asked import Answer

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def remote_user(environ: dict[str, Any]) -> object:
    """Whom the server has let in: ``REMOTE_USER``, which no client can send."""
    return environ.get("REMOTE_USER") or None


def nobody(_: Scope) -> object:
    """ASGI itself doesn't tell who asks."""
    return None


def wsgi_request(environ: dict[str, Any], user: object) -> Request:
    """What a WSGI environment asks for."""
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_") and isinstance(value, str)
    }
    headers["content-type"] = environ.get("CONTENT_TYPE") or ""
    headers["content-length"] = environ.get("CONTENT_LENGTH") or ""
    stream = environ["wsgi.input"]
    return Request(
        environ["REQUEST_METHOD"],
        _text(environ.get("SCRIPT_NAME", "")),
        _text(environ.get("PATH_INFO", "")),
        environ.get("QUERY_STRING", ""),
        headers,
        scheme=environ.get("wsgi.url_scheme", "http"),
        user=user,
        body=lambda count: stream.read(min(count, MOST_BODY)),
    )


def _text(path: str) -> str:
    """WSGI's paths are bytes in the guise of Latin-1."""
    return path.encode("latin-1", "replace").decode("utf-8", "replace")


def asgi_request(scope: Scope, body: bytes, user: object) -> Request:
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


async def asgi_body(receive: Receive) -> bytes:
    """As much as will be looked at, and one byte that says that there is more."""
    body = b""
    while len(body) <= MOST_BODY:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    return body[: MOST_BODY + 1]


async def send_answer(send: Send, request: Request, answer: Answer) -> None:
    """An answer of ours, through ASGI."""
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.all_headers()]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else answer.body})
