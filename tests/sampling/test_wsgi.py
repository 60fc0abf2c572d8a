"""The sampler over HTTP: who may come in, what may be changed, and what hostile requests get."""

from __future__ import annotations

import asyncio
import base64
import csv
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pikos.sampling import asgi, wsgi
from pikos.sampling.wsgi import application
from sampled import BEARER, HOSTILE, TOKEN, Asker, Seen, mounted, serving

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

EVERYWHERE = [
    "/",
    "/index",
    "/status",
    "/stacks",
    "/profile",
    "/pause",
    "/unpause",
    "/set_interval",
    "/clear",
    "/nowhere",
]


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def site(seen: Seen) -> Iterator[Asker]:
    with serving(application(seen, token=TOKEN)) as asker:
        yield asker


def form(**fields: str) -> dict[str, Any]:
    from urllib.parse import urlencode

    return {"body": urlencode(fields).encode(), "Content_Type": "application/x-www-form-urlencoded"}


# ---- who may come in ----


@pytest.mark.parametrize("options", [{}, {"token": ""}, {"users": set()}, {"token": None, "users": []}])
def test_nobody_comes_in_where_nobody_is_named(seen: Seen, options: dict[str, Any]) -> None:
    with serving(application(seen, **options)) as asker:
        for path in EVERYWHERE:
            for method in ("GET", "POST", "DELETE"):
                reply = asker.ask(path, method, Authorization="Bearer ", Cookie="pikos_sampling=", Origin=asker.origin)
                assert reply.status == 403, (method, path)
    assert seen.told == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": "Bearer \xff\xfe"},
        {"Cookie": f"pikos_sampling={TOKEN}"},
        {"Cookie": "pikos_sampling=; pikos_sampling"},
        {"Remote_User": "ada"},
    ],
)
def test_only_the_token_opens(site: Asker, seen: Seen, headers: dict[str, str]) -> None:
    for path in EVERYWHERE:
        reply = site.ask(path, "POST", Origin=site.origin, **headers)
        assert reply.status == 401, path
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
        assert "main" not in reply.text
    assert seen.told == []


def test_the_token_opens(site: Asker) -> None:
    assert site.ask("/", Authorization=BEARER).status == 200
    assert site.ask("/", Authorization=f"bearer  {TOKEN}").status == 200


def test_a_token_in_an_address_is_refused_even_if_it_is_right(site: Asker) -> None:
    reply = site.ask(f"/?token={TOKEN}", Authorization=BEARER)
    assert reply.status == 400
    assert TOKEN not in reply.text


def test_the_page_asks_for_the_token_and_keeps_a_cookie_that_is_not_it(seen: Seen) -> None:
    with serving(mounted("/a b/pikos", application(seen, token=TOKEN)), "/a%20b/pikos") as asker:
        page = asker.ask("/", Accept="text/html")
        assert page.status == 401
        assert 'action="/a%20b/pikos/enter"' in page.text
        assert asker.ask("/enter", "POST", **form(token="wrong")).status == 401
        entered = asker.ask("/enter", "POST", **form(token=TOKEN))
        assert (entered.status, entered.headers["Location"]) == (303, "/a%20b/pikos/")
        cookie = entered.headers["Set-Cookie"]
        assert TOKEN not in cookie
        assert {"HttpOnly", "SameSite=Strict", "Path=/a%20b/pikos"} <= set(cookie.split("; "))
        sent = cookie.partition(";")[0]
        assert asker.ask("/status", Cookie=f"other=1; {sent}").status == 200
        # A cookie comes with every request, whoever made the browser send it.
        assert asker.ask("/pause", "POST", Cookie=sent).status == 403
        assert asker.ask("/pause", "POST", Cookie=sent, Origin=asker.origin).status == 200
        left = asker.ask("/leave", "POST", Cookie=sent)
        assert "Max-Age=0" in left.headers["Set-Cookie"]


def test_the_cookie_is_for_encrypted_connections_where_there_is_one(seen: Seen) -> None:
    answered: list[Any] = []
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/enter",
        "QUERY_STRING": "",
        "wsgi.url_scheme": "https",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(f"token={TOKEN}")),
        "wsgi.input": __import__("io").BytesIO(f"token={TOKEN}".encode()),
    }
    application(seen, token=TOKEN)(environ, lambda status, headers: answered.append((status, dict(headers))))  # type: ignore[arg-type, misc, return-value]
    assert "; Secure" in answered[0][1]["Set-Cookie"]


@pytest.mark.parametrize(
    ("users", "who", "status"),
    [
        ({"ada"}, "ada", 200),
        (["ada", "grace"], "grace", 200),
        ({"ada": 1}, "ada", 200),
        ("ada", "ada", 200),
        ("ada", "ad", 403),
        ({"ada"}, "eve", 403),
        ({"ada"}, "", 403),
        ({"ada"}, None, 403),
        ({"ada"}, ["ada"], 403),
        ({None}, None, 403),
    ],
)
def test_users_are_named(seen: Seen, users: Any, who: object, status: int) -> None:
    with serving(application(seen, users=users, user=lambda environ: who)) as asker:
        assert asker.ask("/status").status == status


def test_the_servers_user_counts_and_a_header_of_that_name_does_not(seen: Seen) -> None:
    app = application(seen, users={"ada"})

    def logged_in(environ: dict[str, Any], start_response: Any) -> Any:
        return app({**environ, "REMOTE_USER": "ada"}, start_response)

    with serving(logged_in) as asker:
        assert asker.ask("/").status == 200
    with serving(app) as asker:
        assert asker.ask("/", Remote_User="ada", REMOTE_USER="ada").status == 403


@pytest.mark.parametrize(
    ("options", "error"),
    [({"token": "short"}, "at least 16"), ({"token": b"x" * 20}, "must be a text"), ({"users": 5}, "a set of names")],
)
def test_what_would_be_no_lock_is_refused_at_once(options: dict[str, Any], error: str) -> None:
    with pytest.raises((ValueError, TypeError), match=error):
        application(Seen(), **options)
    with pytest.raises((ValueError, TypeError), match=error):
        asgi.application(Seen(), **options)


# ---- changes ----


def test_it_pauses_goes_on_and_sets_the_interval(site: Asker, seen: Seen) -> None:
    assert json.loads(site.ask("/unpause", "POST", Authorization=BEARER).body)["paused"] is False
    reply = site.ask("/set_interval?interval=0.5", "POST", Authorization=BEARER)
    assert json.loads(reply.body)["sampler"]["interval"] == 0.5
    assert site.ask("/set_interval", "POST", Authorization=BEARER, **form(interval="2")).status == 200
    assert json.loads(site.ask("/pause", "POST", Authorization=BEARER).body)["paused"] is True
    assert site.ask("/clear", "POST", Authorization=BEARER).status == 200
    assert seen.told == ["unpause", "interval 0.5", "interval 2.0", "pause", "clear"]


def test_a_form_of_the_page_leads_back_to_it(site: Asker) -> None:
    reply = site.ask("/pause", "POST", Authorization=BEARER, Accept="text/html")
    assert (reply.status, reply.headers["Location"]) == (303, "/")


@pytest.mark.parametrize("path", ["/pause", "/unpause", "/set_interval?interval=1", "/clear"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_changes_need_a_post(site: Asker, seen: Seen, path: str, method: str) -> None:
    reply = site.ask(path, method, Authorization=BEARER)
    assert (reply.status, reply.headers["Allow"]) == (405, "POST")
    assert seen.told == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "http://127.0.0.1:PORT"}, 200),
        ({"Origin": "https://127.0.0.1:PORT"}, 200),  # a proxy in between ends TLS
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:PORT.evil.example"}, 403),
        ({"Origin": "http://127.0.0.1:PORT@evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "http://[::1"}, 403),
        ({"Sec_Fetch_Site": "same-origin"}, 200),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "none"}, 403),
        ({"Sec_Fetch_Site": "cross-site", "Origin": "http://127.0.0.1:PORT"}, 403),
    ],
)
def test_other_sites_change_nothing(seen: Seen, headers: dict[str, str], status: int) -> None:
    with serving(application(seen, users={"ada"}, user=lambda environ: "ada")) as asker:
        named = {name: value.replace("PORT", str(asker.port)) for name, value in headers.items()}
        assert asker.ask("/pause", "POST", **named).status == status
    assert seen.told == (["pause"] if status == 200 else [])


def test_gets_change_something_where_that_is_asked_for_and_not_from_other_sites(seen: Seen) -> None:
    with serving(application(seen, users={"ada"}, user=lambda environ: "ada", takes_get=True)) as asker:
        assert asker.ask("/unpause").status == 200
        assert asker.ask("/set_interval?interval=1", Sec_Fetch_Site="none").status == 200
        assert asker.ask("/pause", Sec_Fetch_Site="cross-site").status == 403
        assert asker.ask("/pause", "HEAD").status == 405
    assert seen.told == ["unpause", "interval 1.0"]


# ---- bad requests ----


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/set_interval", "interval is missing: give seconds, as in interval=0.01."),
        ("/set_interval?interval=", "interval is missing"),
        ("/set_interval?interval=soon", "interval must be seconds, got 'soon'."),
        ("/set_interval?interval=nan", "interval must be seconds"),
        ("/set_interval?interval=inf", "interval must be seconds"),
        ("/set_interval?interval=1e999", "interval must be seconds"),
        ("/set_interval?interval=0", "from 0.0001 to 10 seconds"),
        ("/set_interval?interval=-1", "from 0.0001 to 10 seconds"),
        ("/set_interval?interval=1&interval=2", "'interval' is given twice"),
        ("/set_interval?interval=%00%1b[2J", "interval must be seconds"),
    ],
)
def test_a_wrong_interval_is_refused_with_a_sentence(site: Asker, seen: Seen, path: str, sentence: str) -> None:
    reply = site.ask(path, "POST", Authorization=BEARER)
    assert reply.status == 400
    error = json.loads(reply.body)["error"]
    assert sentence in error
    assert error.isprintable()
    assert seen.told == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("max_records=0", "from 1 to 10,000, got '0'"),
        ("max_records=-5", "whole number"),
        ("max_records=1.5", "whole number"),
        ("max_records=" + "9" * 5000, "whole number"),
        ("max_records=%D9%A3", "whole number"),
        ("re_filter=(", "re_filter is no regular expression"),
        ("re_filter=(%3F=a)", "re_filter is no regular expression"),
        ("re_filter=" + "a" * 1001, "longer than 1,000"),
        ("re_filter=(a{1000}){1000}", "re_filter is no regular expression"),
        ("sort=nothing", "sort must be self or total"),
        ("sort=%3Cb%3E", "sort must be self or total"),
        ("&".join(f"n{at}=1" for at in range(40)), "More than 32 names"),
    ],
)
def test_a_wrong_query_is_refused_with_a_sentence(site: Asker, query: str, sentence: str) -> None:
    for kind in ("application/json", "text/html"):
        reply = site.ask(f"/status?{query}", Authorization=BEARER, Accept=kind)
        assert reply.status == 400, query
        if kind == "application/json":
            assert sentence in json.loads(reply.body)["error"]
        else:
            assert "<b>" not in reply.text.replace("<b>Pikos</b>", "")


def test_a_regular_expression_takes_linear_time(seen: Seen) -> None:
    # Python's own would try for longer than the sun shines.
    with serving(application(Seen(["a" * 200]), token=TOKEN)) as asker:
        reply = asker.ask("/status?re_filter=(a%2B)%2B%24!", Authorization=BEARER)
        assert json.loads(reply.body)["functions"] == []


def test_what_is_too_much_is_refused(site: Asker) -> None:
    assert site.ask("/status?re_filter=" + "a" * 9000, Authorization=BEARER).status == 414
    for path in ("/pause", "/enter"):
        assert site.ask(path, "POST", Authorization=BEARER, **form(x="a" * 9000)).status == 413
    assert site.ask("/pause", "POST", body=b"{}", Content_Type="application/json", Authorization=BEARER).status == 400
    assert site.ask("/pause", "POST", Content_Length="-1", Authorization=BEARER).status == 400
    assert site.ask("/pause", "POST", Content_Length="9" * 40, Authorization=BEARER).status == 400


def test_what_is_not_there(site: Asker) -> None:
    for path in ("/nowhere", "/status/more", "/%1b[2J", "/..%2f..%2fetc/passwd", "//evil.example/"):
        reply = site.ask(path, Authorization=BEARER)
        assert reply.status == 404
        assert "/status" in json.loads(reply.body)["error"]
        assert "\x1b" not in reply.text


@pytest.mark.parametrize("path", ["/", "/status", "/stacks", "/profile"])
def test_head_tells_what_get_would_and_others_are_refused(site: Asker, path: str) -> None:
    head = site.ask(path, "HEAD", Authorization=BEARER)
    assert (head.status, head.body) == (200, b"")
    assert int(head.headers["Content-Length"]) > 0
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
        reply = site.ask(path, method, Authorization=BEARER)
        assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD"), method


def test_a_sampler_that_cannot_look_says_why(seen: Seen, site: Asker) -> None:
    seen.trouble = RuntimeError("this system forbids to read memory")
    reply = site.ask("/", Authorization=BEARER)
    assert (reply.status, json.loads(reply.body)["error"]) == (503, "this system forbids to read memory.")


# ---- what is shown ----


def test_status_tells_the_functions(site: Asker) -> None:
    told = json.loads(site.ask("/status?max_records=2", Authorization=BEARER).body)
    assert [each["function"] for each in told["functions"]] == ["main", "work"]
    assert told["count"] == 3
    assert told["functions"][1]["self_share"] == pytest.approx(0.75)
    assert told["functions"][1]["total_share"] == pytest.approx(1.0)
    # JSON has no such number.
    assert told["sampler"]["interval_mean"] is None
    told = json.loads(site.ask("/status?re_filter=leaf&sort=self", Authorization=BEARER).body)
    assert [each["function"] for each in told["functions"]] == ["leaf"]
    assert told["functions"][0]["self_share"] == pytest.approx(0.25)


def test_status_as_a_page_text_and_table(site: Asker) -> None:
    page = site.ask("/", Authorization=BEARER, Accept="text/html,*/*;q=0.8")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "<code>work</code>" in page.text and "75.0 %" in page.text
    text = site.ask("/status?format=text", Authorization=BEARER)
    assert re.search(r"^ *75\.0% +100\.0% +\d+ +work", text.text, re.MULTILINE)
    rows = list(csv.DictReader(site.ask("/status?format=csv", Authorization=BEARER).text.splitlines()))
    assert [row["function"] for row in rows] == ["main", "work", "leaf"]
    assert json.loads(site.ask("/?format=json", Authorization=BEARER, Accept="text/html").body)["paused"] is True


def test_pages_have_no_script_and_show_names_as_text() -> None:
    name = threading.current_thread().name
    threading.current_thread().name = HOSTILE[0]
    try:
        with serving(application(Seen(HOSTILE), token=TOKEN)) as asker:
            for path in ("/", "/stacks", "/nowhere/<script>", "/?re_filter=%3Cscript%3E&refresh=5"):
                page = asker.ask(path, Authorization=BEARER, Accept="text/html")
                assert "<script" not in page.text and "<img" not in page.text and " style=" not in page.text, path
                assert "\u202e" not in page.text and "\x1b" not in page.text
                policy = page.headers["Content-Security-Policy"]
                style = re.search(r"<style>(.*?)</style>", page.text, re.DOTALL)
                assert style is not None
                digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
                assert f"'sha256-{digest}'" in policy and "default-src 'none'" in policy
                assert page.headers["X-Content-Type-Options"] == "nosniff"
                assert page.headers["Cache-Control"] == "no-store"
            assert (
                "&lt;script&gt;alert(1)&lt;/script&gt;"
                in asker.ask("/stacks", Authorization=BEARER, Accept="text/html").text
            )
    finally:
        threading.current_thread().name = name


def test_stacks_tell_where_each_thread_is(site: Asker) -> None:
    begun, end = threading.Event(), threading.Event()

    def waits_here() -> None:
        begun.set()
        end.wait()

    thread = threading.Thread(target=waits_here, name="the waiting one")
    thread.start()
    try:
        begun.wait()
        threads = json.loads(site.ask("/stacks", Authorization=BEARER).body)["threads"]
        mine = next(each for each in threads if each["name"] == "the waiting one")
        assert any(frame["function"].endswith("waits_here") and frame["file"] == __file__ for frame in mine["stack"])
        text = site.ask("/stacks?format=text", Authorization=BEARER).text
        assert "the waiting one" in text and "waits_here" in text
    finally:
        end.set()
        thread.join()


@pytest.mark.parametrize(
    ("format", "ending"), [("pikos", "pikos"), ("speedscope", "speedscope.json"), ("html", "html")]
)
def test_profiles_are_downloads(site: Asker, seen: Seen, format: str, ending: str) -> None:
    reply = site.ask(f"/profile?format={format}", Authorization=BEARER)
    assert reply.body == seen.snapshot().dumps(format)
    assert reply.headers["Content-Disposition"].startswith("attachment;")
    assert reply.headers["Content-Disposition"].endswith(f'.{ending}"')
    assert reply.headers["Content-Type"] == "application/octet-stream"


@pytest.mark.parametrize("format", ["nothing", "../../x", "%0d%0aSet-Cookie:a=b", "%22"])
def test_an_unknown_format_is_refused(site: Asker, format: str) -> None:
    reply = site.ask(f"/profile?format={format}", Authorization=BEARER)
    assert reply.status == 400
    assert "speedscope" in json.loads(reply.body)["error"]
    assert "Set-Cookie" not in reply.headers


# ---- ASGI ----


def asgi_ask(
    app: Any, path: str, method: str = "GET", body: list[bytes] | None = None, **more: Any
) -> tuple[int, dict[str, str], bytes]:
    chunks = list(body or [b""])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        chunk = chunks.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    address, _, query = path.partition("?")
    headers = [(name.encode(), value.encode()) for name, value in more.pop("headers", {}).items()]
    scope = {
        "type": "http",
        "method": method,
        "path": address,
        "query_string": query.encode(),
        "headers": headers,
        **more,
    }
    asyncio.run(app(scope, receive, send))
    head = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], head, b"".join(each["body"] for each in sent[1:])


def test_asgi_answers_as_wsgi_does(seen: Seen) -> None:
    app = asgi.application(seen, token=TOKEN)
    mine = {"authorization": BEARER}
    assert asgi_ask(app, "/status")[0] == 401
    status, headers, body = asgi_ask(app, "/status?max_records=1", headers=mine)
    assert (status, headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert [each["function"] for each in json.loads(body)["functions"]] == ["main"]
    # A mount is in the path, or it isn't: both are in use.
    for path in ("/pikos/pause", "/pause"):
        assert asgi_ask(app, path, "POST", headers=mine, root_path="/pikos")[0] == 200
    kind = {"content-type": "application/x-www-form-urlencoded"}
    assert asgi_ask(app, "/set_interval", "POST", [b"inter", b"val=3"], headers=mine | kind)[0] == 200
    assert asgi_ask(app, "/set_interval", "POST", [b"x" * 5000] * 1000, headers=mine | kind)[0] == 413
    assert asgi_ask(app, "/status", "HEAD", headers=mine)[2] == b""
    entered = asgi_ask(app, "/enter", "POST", [f"token={TOKEN}".encode()], headers=kind, scheme="https")
    assert entered[0] == 303 and "; Secure" in entered[1]["set-cookie"]
    assert seen.told == ["pause", "pause", "interval 3.0"]


def test_asgi_names_users_by_its_scope(seen: Seen) -> None:
    app = asgi.application(seen, users={"ada"}, user=lambda scope: scope.get("user"))
    assert asgi_ask(app, "/status", user="ada")[0] == 200
    assert asgi_ask(app, "/status", user="eve")[0] == 403
    assert asgi_ask(asgi.application(seen, users={"ada"}), "/status")[0] == 403


def test_the_doors_import_no_framework() -> None:
    from running import python

    code = f"import sys; import {wsgi.__name__}, {asgi.__name__}; assert 'flask' not in sys.modules; print('ok')"
    assert python(["-c", code]).succeeded().out == "ok\n"
