"""The sampler over HTTP in a Flask application, and how long each of its routes takes.

    from pikos.sampling.flask import blueprint

    app.register_blueprint(blueprint)                  # at /pikos
    app.config["PIKOS_PROF_USERS"] = {"ada", "grace"}  # names of flask_login's users

Who has written ``from ox_profile.ui.flask.views import OX_PROF_BP`` imports that from here: it hangs at /ox_profile, and its
addresses change things by GET, too. Settings and addresses: docs/sampling.md.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import NamedTuple

from flask import Blueprint, Response, current_app, g, request

from pikos._web.doors import remote_user, wsgi_request
from pikos._web.entry import Entry
from pikos.sampling._web.desk import Desk
from pikos.sampling._web.rows import Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from flask import Flask

__all__ = ["OX_PROF_BP", "blueprint"]

#: Where an application keeps its routes' times.
EXTENSION = "pikos.sampling"
NO_ROUTE = "(no route)"


class Route(NamedTuple):
    """Requests of one route. Times are seconds, from the first handler to the end of the request; of an answer that is streamed, to its
    beginning."""

    route: str
    hits: int
    average: float
    longest: float
    total: float
    #: Those that ended by an exception.
    failed: int


class RouteTimes:
    """Counts each request. There are as many routes as the application has."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._routes: dict[str, tuple[int, float, float, int]] = {}

    def add(self, route: str, took: float, has_failed: bool) -> None:
        with self._lock:
            hits, total, longest, failed = self._routes.get(route, (0, 0.0, 0.0, 0))
            self._routes[route] = (hits + 1, total + took, max(longest, took), failed + has_failed)

    def routes(self) -> list[Route]:
        """Those that took longest in sum come first."""
        with self._lock:
            items = list(self._routes.items())
        found = [
            Route(route, hits, total / hits, longest, total, failed) for route, (hits, total, longest, failed) in items
        ]
        return sorted(found, key=lambda each: -each.total)


def _times(app: Flask) -> RouteTimes:
    times: RouteTimes = app.extensions.setdefault(EXTENSION, RouteTimes())
    return times


def _table() -> Table:
    note = "Every request of this process since its first one, in seconds: counted, not sampled."
    return Table("Requests", note, Route._fields, _times(_app()).routes())


def _app() -> Flask:
    app: Flask = current_app._get_current_object()
    return app


def setting(name: str, default: object = None) -> Any:
    """``PIKOS_PROF_NAME``, else ox_profile's ``OX_PROF_NAME``."""
    config = current_app.config
    return config.get(f"PIKOS_PROF_{name}", config.get(f"OX_PROF_{name}", default))


def who_asks() -> object:
    """The name that the program knows: by its own function, flask_login's, or the server's."""
    asked = setting("USER")
    if callable(asked):
        return asked()
    flask_login = sys.modules.get("flask_login")
    if flask_login is not None and hasattr(current_app, "login_manager"):
        user = flask_login.current_user
        return getattr(user, setting("USERNAME_FIELD", "name"), None) if user.is_authenticated else None
    return remote_user(request.environ)


def make(name: str, url_prefix: str, *, takes_get: bool = False) -> Blueprint:
    """A blueprint of another name or place. takes_get: a GET changes things, too, as ox_profile's did."""
    made = Blueprint(name, __name__, url_prefix=url_prefix)
    tables = {"/show_req_times": _table}

    def answer() -> Response:
        users = setting("USERS")
        entry = Entry(setting("TOKEN"), users)
        asked = wsgi_request(request.environ, who_asks() if users else None)
        root = asked.mount
        prefix = request.url_rule.rule.rpartition("/")[0] if request.url_rule is not None else url_prefix
        asked.mount, asked.path = root + prefix, asked.path[len(prefix) :] or "/"
        desk = Desk(setting("SAMPLER"), takes_get=takes_get or bool(setting("TAKES_GET")), tables=tables)
        answered = desk.answer(asked, entry)
        response = Response(answered.body, answered.status)
        response.headers.clear()
        response.headers.extend(answered.all_headers())
        # Location stays a path, which holds behind any proxy.
        response.autocorrect_location_header = False
        return response

    for path in Desk(takes_get=takes_get, tables=tables).paths():
        endpoint = path.strip("/") or "root"
        made.add_url_rule(path, endpoint, answer, methods=["GET", "POST"], strict_slashes=path != "/")

    def begin() -> None:
        # Another one of these may have begun.
        if "_pikos_began" not in g:
            g._pikos_began = time.perf_counter()

    def end(error: BaseException | None) -> None:
        began = g.pop("_pikos_began", None)
        if began is None or (request.endpoint is not None and request.endpoint.startswith(_own_endpoints())):
            return
        rule = request.url_rule
        route = NO_ROUTE if rule is None else f"{request.method} {rule.rule}"
        _times(_app()).add(route, time.perf_counter() - began, error is not None)

    made.before_app_request(begin)
    made.teardown_app_request(end)
    return made


def _own_endpoints() -> tuple[str, ...]:
    return tuple(f"{name}." for name, each in current_app.blueprints.items() if each.import_name == __name__)


#: Hangs at ``/pikos``.
blueprint = make("pikos", "/pikos")
#: As ox_profile has it.
OX_PROF_BP = make("ox_profile", "/ox_profile", takes_get=True)
