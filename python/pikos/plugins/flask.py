"""Profiles requests of a Flask application, a profile each.

    from pikos.plugins.flask import profile_requests

    profile_requests(app, slow=0.5, users={"ada", "grace"})    # names of flask_login's users

What is profiled, what is kept, and who sees it: docs/servers.md.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pikos._web.doors import remote_user
from pikos.plugins.wsgi import Middleware

if TYPE_CHECKING:
    from typing import Any

    from flask import Flask

__all__ = ["profile_requests"]


def profile_requests(app: Flask, *, username_field: str = "name", **options: Any) -> Middleware:
    """Put the middleware around ``app``, and return it.

    options: those of ``pikos.plugins.wsgi.Middleware``. users: names of flask_login's users, if the application has it, else those that the
    server has let in. username_field: which attribute of ``current_user`` is the name.
    """

    def user(environ: dict[str, Any]) -> object:
        flask_login = sys.modules.get("flask_login")
        if flask_login is None or not hasattr(app, "login_manager"):
            return remote_user(environ)
        with app.request_context(environ):
            who = flask_login.current_user
            return getattr(who, username_field, None) if who.is_authenticated else None

    options.setdefault("user", user)
    middleware = Middleware(app.wsgi_app, **options)
    app.wsgi_app = middleware  # type: ignore[method-assign]
    return middleware
