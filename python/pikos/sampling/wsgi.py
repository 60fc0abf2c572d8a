"""The sampler over HTTP, as a WSGI application to be mounted anywhere.

    from pikos.sampling.wsgi import application

    app = DispatcherMiddleware(app, {"/pikos": application(token=os.environ["PIKOS_TOKEN"])})

Addresses, answers, and who may come in: docs/sampling.md.
"""

from __future__ import annotations

from pikos._web.doors import remote_user, wsgi_request
from pikos._web.entry import Entry
from pikos.sampling._web.desk import Desk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable
    from typing import Any
    from wsgiref.types import StartResponse, WSGIApplication

    from pikos.sampling._web.desk import Sampled

__all__ = ["application"]


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
        request = wsgi_request(environ, user(environ) if users is not None else None)
        answered = desk.answer(request, entry)
        start_response(answered.line, answered.all_headers())
        return [] if request.method == "HEAD" else [answered.body]

    return answer
