"""Profiles requests of a Django project, a profile each, under WSGI and ASGI.

    # settings.py
    MIDDLEWARE = ["pikos.plugins.django.middleware", ...]
    PIKOS = {"slow": 0.5, "users": {"ada", "grace"}}

What is profiled, what is kept, and who sees it: docs/servers.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.utils.decorators import sync_and_async_middleware

from pikos._web.asked import MOST_BODY, Request
from pikos.plugins._requests.choice import ASKED
from pikos.plugins._requests.profiling import NAMES, Profiling
from pikos.plugins.wsgi import ANSWER, FIELD

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any, Self

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from pikos.plugins._requests.watch import Running

__all__ = ["middleware"]

SETTING = "PIKOS"


@sync_and_async_middleware
def middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """To be named in ``MIDDLEWARE``, as the first one, so that the others are in the profiles. The setting ``PIKOS`` has the arguments of
    ``pikos.plugins.wsgi.Middleware`` by name; user and label are given Django's request. What an answer that is streamed does after it was
    returned is not in its profile."""
    try:
        profiler = Profiler(get_response, **options())
    except (TypeError, ValueError, OSError) as error:
        raise ImproperlyConfigured(f"{SETTING}: {error}") from None

    if iscoroutinefunction(get_response):

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            if profiler.is_ours(request):
                if profiler.needs_user:
                    # Whoever asks is known when the others have seen the request.
                    await get_response(request)
                return await sync_to_async(profiler.show)(request)
            with OneRequest(profiler, request) as one:
                one.response = response = await get_response(request)
            return response

        return answer_async

    def answer(request: HttpRequest) -> HttpResponseBase:
        if profiler.is_ours(request):
            if profiler.needs_user:
                get_response(request)
            return profiler.show(request)
        with OneRequest(profiler, request) as one:
            one.response = response = get_response(request)
        return response

    return answer


def options() -> dict[str, Any]:
    """The setting. Raises ImproperlyConfigured."""
    found = getattr(settings, SETTING, None)
    if not isinstance(found, dict):
        raise ImproperlyConfigured(
            f'pikos.plugins.django.middleware needs the setting {SETTING}, a dict that says what is to be profiled: {SETTING} = {{"slow": 0.5}}'
        )
    unknown = [name for name in found if name not in NAMES]
    if unknown:
        raise ImproperlyConfigured(f"{SETTING} has {unknown[0]!r}, which is none of its names: {', '.join(NAMES)}")
    return found


def user_of(request: HttpRequest) -> object:
    """The name of who is logged in, if Django knows somebody."""
    user = getattr(request, "user", None)
    return user.get_username() if user is not None and user.is_authenticated else None


def route_of(request: HttpRequest) -> str:
    """The pattern that has matched, after the request. Empty if none has."""
    match = getattr(request, "resolver_match", None)
    return "" if match is None else f"{request.method} /{match.route}"


class Profiler(Profiling["Callable[[HttpRequest], Any]", "HttpRequest"]):
    """What one middleware does, whether the project is asynchronous or not."""

    user_of = staticmethod(user_of)
    label_of = staticmethod(route_of)

    @property
    def needs_user(self) -> bool:
        """Whether somebody may come in whom Django's own middleware finds out."""
        return self._desk.asks_for_users

    def is_ours(self, request: HttpRequest) -> bool:
        at, path = self._at, request.path_info
        return at is not None and path.startswith(at) and path[len(at) : len(at) + 1] in ("", "/")

    def show(self, request: HttpRequest) -> HttpResponse:
        assert self._at is not None
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Request(
            request.method or "",
            request.path[: len(request.path) - len(request.path_info)] + self._at,
            request.path_info[len(self._at) :] or "/",
            request.META.get("QUERY_STRING", ""),
            headers,
            scheme=request.scheme or "http",
            user=self._user(request) if self.needs_user else None,
            body=lambda count: request.read(min(count, MOST_BODY)),
        )
        answered = self._desk.answer(asked)
        response = HttpResponse(b"" if asked.method == "HEAD" else answered.body, status=answered.status)
        del response["Content-Type"]
        for name, value in answered.all_headers():
            response[name] = value
        return response

    def begin(self, request: HttpRequest) -> Running | None:
        why = self._choice.chosen()
        if self._takes_secret and self._is_asked(request):
            why = ASKED
        return None if why is None else self.watch.begin(why)

    def _is_asked(self, request: HttpRequest) -> bool:
        given = request.META.get("HTTP_X_PIKOS")
        if given is None and f"{FIELD}=" in request.META.get("QUERY_STRING", ""):
            given = request.GET.get(FIELD)
        return self._choice.is_asked(given)

    def finish(
        self,
        running: Running,
        request: HttpRequest,
        response: HttpResponseBase | None,
        error: BaseException | None,
    ) -> None:
        running.pause()
        if response is not None:
            outcome = str(response.status_code)
            if running.why == ASKED and self._at is not None:
                root = request.path[: len(request.path) - len(request.path_info)]
                response[ANSWER] = f"{root}{self._at}/{running.id}"
        else:
            outcome = type(error).__name__
        what = f"{request.method} {request.path}"
        has_failed = outcome.startswith("5") or isinstance(error, Exception)
        running.finish(lambda: self._label(request) or what, what, outcome, has_failed=has_failed)


class OneRequest:
    """For a ``with`` around what answers a request: it is profiled, if it is chosen."""

    __slots__ = ("_profiler", "_request", "_running", "response")

    def __init__(self, profiler: Profiler, request: HttpRequest) -> None:
        self._profiler = profiler
        self._request = request
        self._running: Running | None = None
        self.response: HttpResponseBase | None = None

    def __enter__(self) -> Self:
        self._running = self._profiler.begin(self._request)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running is not None:
            self._profiler.finish(self._running, self._request, self.response, error)
