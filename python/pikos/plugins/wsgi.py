"""Profiles requests of a WSGI application, a profile each.

    from pikos.plugins.wsgi import Middleware

    app = Middleware(app, slow=0.5, token=os.environ["PIKOS_TOKEN"])

What is profiled, what is kept, and who sees it: docs/servers.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pikos._web.doors import remote_user, wsgi_request
from pikos.plugins._requests.choice import ASKED
from pikos.plugins._requests.profiling import Profiling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any
    from wsgiref.types import StartResponse, WSGIApplication

    from pikos.plugins._requests.watch import Running

    Application = WSGIApplication
    Environment = dict[str, Any]

__all__ = ["Middleware"]

#: What has the secret: a header, or a field of the query.
HEADER, FIELD = "X-Pikos", "pikos"
#: Where Werkzeug has its request.
WERKZEUG = "werkzeug.request"
#: What an answer to it has: where the profile is to be seen.
ANSWER = "X-Pikos-Profile"


def route_of(environ: dict[str, Any]) -> str:
    """What the framework says after the request: Flask and others on Werkzeug, Bottle, and Django by our own middleware. Empty if it doesn't."""
    method = environ.get("REQUEST_METHOD", "")
    rule = getattr(getattr(environ.get(WERKZEUG), "url_rule", None), "rule", None)
    if rule is None:
        rule = getattr(environ.get("bottle.route"), "rule", None)
    if not isinstance(rule, str):
        return ""
    return f"{method} {environ.get('SCRIPT_NAME', '')}{rule}"


class Middleware(Profiling["Application", "Environment"]):
    """A WSGI application that is ``app``, and profiles some of its requests.

    secret: a request with it in the header ``X-Pikos``, or in the query as ``pikos=``, is profiled; at least 16 characters. every: so is one in so
    many. slow: all are, and those are kept that take so many seconds or longer, or fail. keep: how many are kept, the newest; folder: there,
    so that all processes of a server have them in common, and not in this process's memory. longest: seconds after which the profile of a
    request that still streams is finished.

    token, users: who sees them below ``at``; without either, nobody does, and the address is the application's. user: says who asks, from the
    WSGI environment; by default whom the server has let in. label: says from the environment what a request is called; by default its route,
    where the framework tells it, or its path.

    Raises TypeError, ValueError, and OSError for arguments that can't be.
    """

    user_of = staticmethod(remote_user)
    label_of = staticmethod(route_of)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if self._at is not None and environ.get("PATH_INFO", "").startswith(self._at):
            path: str = environ["PATH_INFO"][len(self._at) :]
            if path[:1] in ("", "/"):
                return self._show(environ, path, start_response)
        why = self._choice.chosen() if self._counts else None
        if self._takes_secret:
            if "HTTP_X_PIKOS" in environ:
                if self._choice.is_asked(environ["HTTP_X_PIKOS"]):
                    why = ASKED
            elif (query := environ.get("QUERY_STRING")) and self._choice.is_asked(secret_in(query)):
                why = ASKED
        if why is not None:
            running = self.watch.begin(why)
            if running is not None:
                return self._profiled(running, environ, start_response)
        return self.app(environ, start_response)

    def _profiled(self, running: Running, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = OneRequest(running, environ, self._label, self._at)
        try:
            body = self.app(environ, request.starter(start_response))
        except BaseException as error:
            request.finish(error)
            raise
        running.pause()
        return Body(request, body)

    def _show(self, environ: dict[str, Any], path: str, start_response: StartResponse) -> Iterable[bytes]:
        request = wsgi_request(environ, self._user(environ) if self._desk.asks_for_users else None)
        assert self._at is not None
        request.mount, request.path = request.mount + self._at, path.rstrip("/") or "/"
        answered = self._desk.answer(request)
        start_response(answered.line, answered.all_headers())
        return [] if request.method == "HEAD" else [answered.body]


class OneRequest:
    """A request that is profiled, from the call of the application to the end of its answer."""

    def __init__(
        self,
        running: Running,
        environ: dict[str, Any],
        label: Callable[[dict[str, Any]], object],
        at: str | None,
    ) -> None:
        self.running = running
        self._environ = environ
        self._label = label
        self._at = at
        self._status = ""
        #: Werkzeug's, which Flask takes out of the environment at its end.
        self._request: object = None
        #: Now: the application may change it.
        self._what = f"{environ.get('REQUEST_METHOD', '')} {path_of(environ)}"

    def starter(self, start_response: StartResponse) -> StartResponse:
        """``start_response``, which tells the status."""
        environ = self._environ
        is_asked = self.running.why == ASKED and self._at is not None
        link = f"{environ.get('SCRIPT_NAME', '')}{self._at}/{self.running.id}"

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            # No call of ours, of built-ins either: it would be in the profile.
            self._status = status
            if WERKZEUG in environ:
                self._request = environ[WERKZEUG]
            if is_asked:
                headers = [*headers, (ANSWER, link)]
            return start_response(status, headers) if exc_info is None else start_response(status, headers, exc_info)

        return start

    def finish(self, error: BaseException | None = None, note: str = "") -> None:
        if error is not None:
            outcome = type(error).__name__
        else:
            outcome = self._status.partition(" ")[0]
        has_failed = isinstance(error, Exception) or outcome.startswith("5")
        label, what, environ = self._label, self._what, self._environ
        if self._request is not None and environ.get(WERKZEUG) is None:
            environ = {**environ, WERKZEUG: self._request}
        self.running.finish(lambda: label(environ) or what, what, outcome, has_failed=has_failed, note=note)


class Body:
    """The answer's body. What the application does for each part of it is in the profile, what the server does in between isn't."""

    def __init__(self, request: OneRequest, body: Iterable[bytes]) -> None:
        self._request = request
        self._body = body
        self._parts: Iterator[bytes] | None = None

    def __len__(self) -> int:
        # A server that knows that there is one part knows its length.
        return len(self._body)  # type: ignore[arg-type]

    def __bool__(self) -> bool:
        return bool(self._body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        running = self._request.running
        running.go_on()
        try:
            if self._parts is None:
                self._parts = iter(self._body)
            part = next(self._parts)
        except StopIteration:
            running.pause()
            raise
        except BaseException as error:
            self._request.finish(error)
            raise
        running.pause()
        if not running.is_over and running.is_too_long():
            self._request.finish(note=too_long(running))
        return part

    def close(self) -> None:
        """The server calls this at the end, however that comes."""
        running = self._request.running
        try:
            if hasattr(self._body, "close"):
                running.go_on()
                self._body.close()
        except BaseException as error:
            self._request.finish(error)
            raise
        finally:
            self._request.finish()


def too_long(running: Running) -> str:
    return f"It still streamed after {running.watch.longest:g} s: the profile ends there."


def secret_in(query: str) -> str | None:
    """What the query says of us."""
    if f"{FIELD}=" not in query:
        return None
    from urllib.parse import unquote_plus

    found = [part for part in query.split("&") if part.startswith(f"{FIELD}=")]
    return unquote_plus(found[-1].partition("=")[2]) if found else None


def path_of(environ: dict[str, Any]) -> str:
    path: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return path.encode("latin-1", "replace").decode("utf-8", "replace")
