"""The blueprint in a Flask application: its users, its addresses, and the times of the application's routes."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from running import PATIENCE, python
from sampled import BEARER, TOKEN, Asker, Seen

flask = pytest.importorskip("flask", reason="Flask is not installed: the blueprint is untested")

from pikos.sampling.flask import OX_PROF_BP, blueprint  # noqa: E402

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]


class App:
    """A shop, its sampler, and who is at the door."""

    def __init__(self, **config: Any) -> None:
        self.seen = Seen()
        self.user: Any = None
        self.app = flask.Flask("shop")
        self.app.config.update(PIKOS_PROF_SAMPLER=self.seen, PIKOS_PROF_USER=lambda: self.user, **config)
        self.app.register_blueprint(blueprint)
        self.app.register_blueprint(OX_PROF_BP)

        @self.app.route("/item/<int:number>", methods=["GET", "POST"])
        def item(number: int) -> str:
            return str(number)

        @self.app.route("/broken")
        def broken() -> str:
            raise KeyError("broken")

    @contextmanager
    def served(self) -> Iterator[Asker]:
        from werkzeug.serving import WSGIRequestHandler, make_server

        class Quiet(WSGIRequestHandler):
            def log(self, *_: object) -> None:
                pass

        server = make_server("127.0.0.1", 0, self.app, threaded=True, request_handler=Quiet)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Asker(server.server_port)
        finally:
            server.shutdown()
            thread.join(PATIENCE)
            server.server_close()


def test_nobody_comes_in_where_nobody_is_named() -> None:
    shop = App()
    shop.user = "ada"
    with shop.served() as asker:
        for path in ("/pikos/", "/pikos/status", "/pikos/pause", "/ox_profile/unpause", "/pikos/show_req_times"):
            for method in ("GET", "POST"):
                assert asker.ask(path, method, Origin=asker.origin).status == 403, path
        assert asker.ask("/item/3").status == 200
    assert shop.seen.told == []


@pytest.mark.parametrize("name", ["PIKOS_PROF_USERS", "OX_PROF_USERS"])
def test_named_users_come_in(name: str) -> None:
    shop = App(**{name: {"ada"}})
    with shop.served() as asker:
        for user, status in (("ada", 200), ("eve", 403), (None, 403)):
            shop.user = user
            assert asker.ask("/pikos/status").status == status, user
            assert asker.ask("/ox_profile/status").status == status, user


def test_the_token_comes_in() -> None:
    shop = App(PIKOS_PROF_TOKEN=TOKEN)
    with shop.served() as asker:
        assert asker.ask("/pikos/").status == 401
        assert asker.ask("/pikos/", Authorization=BEARER).status == 200
        form = {"body": f"token={TOKEN}".encode(), "Content_Type": "application/x-www-form-urlencoded"}
        entered = asker.ask("/pikos/enter", "POST", **form)
        assert (entered.status, entered.headers["Location"]) == (303, "/pikos/")
        assert "Path=/pikos;" in entered.headers["Set-Cookie"]
        cookie = entered.headers["Set-Cookie"].partition(";")[0]
        assert asker.ask("/pikos/status", Cookie=cookie).status == 200


def test_changes_are_posts_here_and_gets_at_the_old_address() -> None:
    shop = App(OX_PROF_USERS=["ada"])
    shop.user = "ada"
    with shop.served() as asker:
        assert asker.ask("/pikos/unpause").status == 405
        assert asker.ask("/pikos/unpause", "POST").status == 403
        assert shop.seen.told == []
        assert asker.ask("/pikos/unpause", "POST", Origin=asker.origin).status == 200
        assert asker.ask("/ox_profile/set_interval?interval=0.25").status == 200
        assert asker.ask("/ox_profile/set_interval").status == 400
        assert asker.ask("/ox_profile/pause", Sec_Fetch_Site="cross-site").status == 403
        told = json.loads(asker.ask("/ox_profile/pause").body)
        assert told["paused"] is True
    assert shop.seen.told == ["unpause", "interval 0.25", "pause"]


def test_the_page_links_to_where_it_hangs() -> None:
    shop = App(PIKOS_PROF_USERS={"ada"})
    shop.user = "ada"
    with shop.served() as asker:
        page = asker.ask("/pikos/", Accept="text/html").text
        assert 'action="/pikos/unpause"' in page and 'href="/pikos/show_req_times"' in page
        assert 'action="/ox_profile/unpause"' in asker.ask("/ox_profile/", Accept="text/html").text
        assert asker.ask("/pikos").status == 200


def test_each_request_of_a_route_is_counted() -> None:
    shop = App(PIKOS_PROF_USERS={"ada"})
    shop.user = "ada"
    with shop.served() as asker:
        for number in range(5):
            assert asker.ask(f"/item/{number}").status == 200
        assert asker.ask("/item/1", "POST").status == 200
        assert asker.ask("/nowhere/1").status == asker.ask("/nowhere/2").status == 404
        shop.app.logger.disabled = True
        assert asker.ask("/broken").status == 500
        reply = asker.ask("/pikos/show_req_times?as_csv=1")
        assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
        rows = {row["route"]: row for row in csv.DictReader(reply.text.splitlines())}
        counts = {route: (int(row["hits"]), int(row["failed"])) for route, row in rows.items()}
        assert counts == {
            "GET /item/<int:number>": (5, 0),
            "POST /item/<int:number>": (1, 0),
            "(no route)": (2, 0),
            "GET /broken": (1, 1),
        }
        row = rows["GET /item/<int:number>"]
        assert 0 < float(row["average"]) <= float(row["longest"]) <= float(row["total"])
        assert float(row["average"]) == pytest.approx(float(row["total"]) / 5)
        assert json.loads(asker.ask("/pikos/show_req_times").body)[0].keys() == row.keys()
        page = asker.ask("/pikos/show_req_times", Accept="text/html").text
        assert "<code>GET /item/&lt;int:number&gt;</code>" in page


def test_users_of_flask_login() -> None:
    flask_login = pytest.importorskip("flask_login", reason="flask_login is not installed")
    shop = App(OX_PROF_USERS={"ada"}, SECRET_KEY="not a secret", PIKOS_PROF_USERNAME_FIELD="nick")
    shop.app.config["PIKOS_PROF_USER"] = None

    class User(flask_login.UserMixin):  # type: ignore[misc, name-defined]
        def __init__(self, name: str) -> None:
            self.id = self.nick = name

    logins = flask_login.LoginManager(shop.app)
    logins.user_loader(User)
    shop.app.add_url_rule(
        "/login/<name>", view_func=lambda name: str(flask_login.login_user(User(name))), endpoint="login"
    )
    with shop.served() as asker:
        # A server's own user is no user of the program's.
        assert asker.ask("/pikos/status", Remote_User="ada").status == 403
        for name, status in (("ada", 200), ("eve", 403)):
            cookie = asker.ask(f"/login/{name}").headers["Set-Cookie"].partition(";")[0]
            assert asker.ask("/pikos/status", Cookie=cookie).status == status, name


def test_flask_is_imported_by_the_blueprint_alone() -> None:
    code = """
import sys, pikos.sampling, pikos.sampling.wsgi
assert "flask" not in sys.modules
import pikos.sampling.flask
assert sys.modules["flask"].__name__ == "flask" and pikos.sampling.flask.blueprint.name == "pikos"
print("ok")
"""
    assert python(["-c", code]).succeeded().out == "ok\n"
