"""Profiles requests of an aiohttp application, a profile each.

    from pikos.plugins.aiohttp import profile_requests

    profile_requests(app, slow=0.5, token=os.environ["PIKOS_TOKEN"])

What is profiled, what is kept, and who sees it: docs/servers.md.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from aiohttp import web

from pikos._web.asked import MOST_BODY, Request
from pikos.plugins._requests.choice import ASKED
from pikos.plugins._requests.profiling import Profiling, called_as
from pikos.plugins.wsgi import ANSWER, FIELD, HEADER, too_long

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from pikos.plugins._requests.watch import Running, Watch

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

__all__ = ["profile_requests"]


def nobody(_: web.Request) -> object:
    """aiohttp itself doesn't tell who asks."""
    return None


def route_of(request: web.Request) -> str:
    """The pattern that has matched. Empty if none has."""
    resource = request.match_info.route.resource
    return "" if resource is None else f"{request.method} {resource.canonical}"


class _Profiling(Profiling["web.Application", "web.Request"]):
    user_of = staticmethod(nobody)
    label_of = staticmethod(route_of)


class Watchdog:
    """Cuts off the profile of a request that streams for too long: of a websocket, or of an answer that is written bit by bit."""

    def __init__(self, longest: float, request: web.Request) -> None:
        self.cut: Callable[[], None] = lambda: None
        self._longest = longest
        self._request = request
        self._timer = self._later()

    def _later(self) -> asyncio.TimerHandle | None:
        return None if self._longest == math.inf else asyncio.get_running_loop().call_later(self._longest, self._look)

    def _look(self) -> None:
        if getattr(self._request.writer, "output_size", 0) > 0:
            self.cut()
        else:
            # It is slow, and hasn't answered: that is to be seen to its end.
            self._timer = self._later()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


@called_as(_Profiling)
def profile_requests(app: web.Application, **options: Any) -> Watch:
    """Profile requests of ``app``, which has not been started yet: a middleware, the first one.

    The arguments are those of ``pikos.plugins.wsgi.Middleware``; user and label are given aiohttp's request. Of a websocket, or an answer that
    is written bit by bit, nothing is recorded after ``longest`` seconds.
    """
    profiling = _Profiling(app, **options)
    watch, choice, desk = profiling.watch, profiling.watch.choice, profiling._desk
    place, named, user = profiling._at, profiling._label, profiling._user

    def is_asked(request: web.Request) -> bool:
        given = request.headers.get(HEADER)
        if given is None and f"{FIELD}=" in request.query_string:
            given = request.query.get(FIELD)
        return choice.is_asked(given)

    def finish(running: Running, request: web.Request, outcome: str, has_failed: bool, note: str = "") -> None:
        what = f"{request.method} {request.path}"
        running.finish(lambda: named(request) or what, what, outcome, has_failed=has_failed, note=note)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if place is not None and (request.path == place or request.path.startswith(f"{place}/")):
            return await show(request, place)
        why = choice.chosen()
        if choice.options.secret is not None and is_asked(request):
            why = ASKED
        if why is None:
            return await handler(request)
        # Before the profile begins, which is not to have it.
        watchdog = Watchdog(watch.longest, request)
        running = watch.begin(why)
        if running is None:
            watchdog.end()
            return await handler(request)
        watchdog.cut = lambda: finish(running, request, "", False, too_long(running))
        try:
            response = await handler(request)
        except web.HTTPException as answer:
            # How a handler of aiohttp's may answer.
            finish(running, request, str(answer.status), answer.status >= 500)
            raise
        except BaseException as error:
            finish(running, request, type(error).__name__, isinstance(error, Exception))
            raise
        finally:
            watchdog.end()
        finish(running, request, str(response.status), response.status >= 500)
        if running.why == ASKED and place is not None and not response.prepared:
            response.headers[ANSWER] = f"{place}/{running.id}"
        return response

    async def show(request: web.Request, place: str) -> web.Response:
        body = await request.content.read(MOST_BODY + 1) if request.method == "POST" else b""
        asked = Request(
            request.method,
            place,
            request.path[len(place) :] or "/",
            request.query_string,
            {**{name.lower(): value for name, value in request.headers.items()}, "content-length": str(len(body))},
            scheme=request.scheme,
            user=user(request) if desk.asks_for_users else None,
            body=lambda count: body[:count],
        )
        answered = desk.answer(asked)
        response = web.Response(body=b"" if request.method == "HEAD" else answered.body, status=answered.status)
        for name, value in answered.all_headers():
            if name != "Content-Length":
                response.headers[name] = value
        return response

    app.middlewares.insert(0, middleware)
    return watch
