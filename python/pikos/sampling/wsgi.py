"""The sampler over HTTP, as a WSGI application to be mounted anywhere.

    from pikos.sampling.wsgi import application

    app = DispatcherMiddleware(app, {"/pikos": application(token=os.environ["PIKOS_TOKEN"])})

Addresses, answers, and who may come in: docs/sampling.md.
"""

from __future__ import annotations

from pikos.sampling._web.asked import MOST_BODY, Request
from pikos.sampling._web.desk import Desk
from pikos.sampling._web.entry import Entry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable
    from typing import Any
    from wsgiref.types import StartResponse, WSGIApplication

    from pikos.sampling._web.desk import Sampled

__all__ = ["application"]


def remote_user(environ: dict[str, Any]) -> object:
    """Whom the server has let in: ``REMOTE_USER``, which no client can send."""
    return environ.get("REMOTE_USER") or None


def application(
    sampler: Sampled | None = None,
    *,
    token: str | None = None,
    users: Container[object] | None = None,
    user: Callable[[dict[str, Any]], object] = remote_user,
    takes_get: bool = False,
) -> WSGIApplication:
    """A WSGI application that shows what a sampler has seen, pauses it, and lets it go on.

    sampler: by default one of this process's own, paused until it is told to go on. token: whoever sends it comes in: as the header
    ``Authorization: Bearer …``, or by the page's form; at least 16 characters. users: names that come in; user: says who asks, from
    the WSGI environment. Without a token and without users nobody does. takes_get: ``/pause``, ``/unpause`` and ``/set_interval`` answer
    to GET, too, as ox_profile's do.

    Raises ValueError or TypeError for a token or users that can't be.
    """
    desk = Desk(sampler, takes_get=takes_get)
    entry = Entry(token, users)

    def answer(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = request_of(environ, user(environ) if users is not None else None)
        answered = desk.answer(request, entry)
        start_response(answered.line, answered.all_headers())
        return [] if request.method == "HEAD" else [answered.body]

    return answer


def request_of(environ: dict[str, Any], user: object) -> Request:
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
