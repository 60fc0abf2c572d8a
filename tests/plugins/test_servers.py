"""The middlewares in real frameworks, behind real servers, asked for fifty requests at once: each profile has exactly its own calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from shops import SECRET, Shop, shop
from watching import until

#: Different numbers of items, so that a call in the wrong profile shows.
MANY = range(1, 51)


@pytest.fixture(scope="module")
def flask_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    pytest.importorskip("flask", reason="Flask is not installed: its middleware is untested")
    with shop(tmp_path_factory.mktemp("flask"), "Flask") as server:
        yield server


@pytest.fixture(scope="module")
def fastapi_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    pytest.importorskip("fastapi", reason="FastAPI is not installed: the ASGI middleware is untested with it")
    pytest.importorskip("uvicorn", reason="uvicorn is not installed: the ASGI middleware is untested behind it")
    with shop(tmp_path_factory.mktemp("fastapi"), "FastAPI", PIKOS_EVERY="1") as server:
        yield server


def items_of(entry: dict[str, Any]) -> int:
    found = re.search(r"/(\d+)$", entry["what"])
    assert found is not None, entry
    return int(found[1])


def check_each(server: Shop, path: str, label: str, extra: int = 0) -> None:
    """Fifty at once: each is kept, named by its route, and has its own calls alone."""
    replies = server.ask_all([f"{path}{items}" for items in MANY], len(MANY))
    assert [reply.status for reply in replies] == [200] * len(MANY), server.log()

    def paid() -> list[dict[str, Any]]:
        return [entry for entry in server.kept() if entry["what"].startswith(f"GET {path}")]

    until(lambda: len(paid()) >= len(MANY), "all are kept")
    kept = paid()
    assert sorted(map(items_of, kept)) == list(MANY)
    assert {entry["label"] for entry in kept} == {label}
    assert {entry["outcome"] for entry in kept} == {"200"}
    wrong = {
        items_of(entry): calls
        for entry in kept
        if (calls := server.calls(entry)).get("add_item") != items_of(entry) + extra
    }
    assert wrong == {}


# ---- threads ----


def test_fifty_requests_in_threads(flask_shop: Shop) -> None:
    flask_shop.shown("/clear", "POST")
    replies = flask_shop.ask_all([f"/slow/{items}" for items in MANY], len(MANY))
    assert [reply.status for reply in replies] == [200] * len(MANY)
    until(lambda: len(flask_shop.kept()) >= 20, "as many are kept as may be")
    kept = flask_shop.kept()
    assert len(kept) == 20, "the newest are kept"
    for entry in kept:
        assert (entry["label"], entry["why"], entry["outcome"]) == ("GET /slow/<int:items>", "slow", "200")
        assert flask_shop.calls(entry)["add_item"] == items_of(entry)
        assert entry["seconds"] >= 0.3


def test_what_is_quick_is_not_kept_and_what_fails_is(flask_shop: Shop) -> None:
    flask_shop.shown("/clear", "POST")
    assert flask_shop.ask("/broken").status == 500
    entry = flask_shop.kept_of("/broken", "failed")
    assert (entry["label"], entry["outcome"]) == ("GET /broken", "500")
    calls = flask_shop.calls(entry)
    assert (calls["broken"], calls["pay"], calls["total"]) == (1, 1, 1)


def test_a_streamed_answer_is_in_the_profile_to_its_end(flask_shop: Shop) -> None:
    reply = flask_shop.ask("/list/9", X_Pikos=SECRET)
    assert reply.body.count(b"\n") == 9
    entry = flask_shop.kept_of(reply.headers["x-pikos-profile"], "asked for")
    assert flask_shop.calls(entry)["add_item"] == 9


@pytest.mark.parametrize("way", ["header", "query"])
def test_a_profile_on_demand(flask_shop: Shop, way: str) -> None:
    asked = (
        flask_shop.ask("/pay/4", X_Pikos=SECRET)
        if way == "header"
        else flask_shop.ask(f"/pay/4?a=1&pikos={SECRET.replace(' ', '+')}&b=2")
    )
    place = asked.headers["x-pikos-profile"]
    assert asked.body == flask_shop.ask("/pay/4").body
    flask_shop.kept_of(place, "asked for")
    shown = flask_shop.shown(f"{place.removeprefix('/__pikos__')}?max_records=10000").json()
    assert (shown["label"], shown["why"]) == ("GET /pay/<int:items>", "asked for")
    assert [row["calls"] for row in shown["functions"] if row["function"] == "add_item"] == [4]


@pytest.mark.parametrize("given", ["", "x", SECRET[:-1], SECRET + "x", SECRET.upper(), "x" * 8000, "\xff\xfe"])
def test_a_wrong_secret_leaves_no_trace(flask_shop: Shop, given: str) -> None:
    plain = flask_shop.ask("/pay/4")
    wrong = flask_shop.ask("/pay/4", X_Pikos=given)
    assert (wrong.status, wrong.body) == (plain.status, plain.body)
    assert {**wrong.headers, "date": ""} == {**plain.headers, "date": ""}


# ---- one loop ----


def test_fifty_requests_in_one_event_loop(fastapi_shop: Shop) -> None:
    check_each(fastapi_shop, "/pay/", "GET /pay/{items}")


def test_fifty_requests_in_threads_of_the_pool(fastapi_shop: Shop) -> None:
    check_each(fastapi_shop, "/pool/", "GET /pool/{items}")


def test_fifty_requests_with_tasks_and_threads_of_their_own(fastapi_shop: Shop) -> None:
    # A router that is included knows nothing of its prefix. Four tasks add an item each.
    check_each(fastapi_shop, "/api/tasks/", "GET /api/tasks/{items}", extra=4)


def test_one_in_two(tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="FastAPI is not installed")
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    with shop(tmp_path, "FastAPI") as server:
        server.shown("/clear", "POST")
        for items in range(20):
            server.ask(f"/pay/{items}")
        until(lambda: len(server.kept()) >= 10, "half of them are kept")
        kept = server.kept()
        assert len(kept) == 10
        assert len({items_of(entry) % 2 for entry in kept}) == 1
        asked = server.ask("/pay/7", X_Pikos=SECRET), server.ask("/pay/7", X_Pikos=SECRET)
        assert all("x-pikos-profile" in reply.headers for reply in asked)


# ---- the others ----


def test_django_in_threads(tmp_path: Path) -> None:
    pytest.importorskip("django", reason="Django is not installed: its middleware is untested")
    pytest.importorskip("gunicorn", reason="gunicorn is not installed")
    with shop(tmp_path, "Django") as server:
        check_each(server, "/pay/", "GET /pay/<int:items>")
        assert server.ask("/broken").status == 500
        entry = server.kept_of("/broken", "failed")
        assert (entry["label"], entry["outcome"]) == ("GET /broken", "500")
        assert server.ask("/__pikos__/").status == 401
        assert server.ask("/__pikos__x/").status == 404


def test_django_in_one_event_loop(tmp_path: Path) -> None:
    pytest.importorskip("django", reason="Django is not installed: its middleware is untested")
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    with shop(tmp_path, "Django, asynchronous") as server:
        check_each(server, "/async/pay/", "GET /async/pay/<int:items>")
        # A plain view runs in a thread of asgiref's.
        check_each(server, "/pay/", "GET /pay/<int:items>")


def test_aiohttp(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp", reason="aiohttp is not installed: its middleware is untested")
    with shop(tmp_path, "aiohttp") as server:
        check_each(server, "/pay/", "GET /pay/{items}")
        assert server.ask("/broken").status == 500
        entry = server.kept_of("/broken", "in turn")
        assert (entry["label"], entry["outcome"]) == ("GET /broken", "TypeError")
        assert server.ask("/__pikos__/").status == 401


# ---- what is kept ----


def test_workers_that_share_a_folder_show_the_same(tmp_path: Path) -> None:
    pytest.importorskip("fastapi", reason="FastAPI is not installed")
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    with shop(tmp_path, "workers that share what they keep", PIKOS_EVERY="1") as server:
        replies = server.ask_all([f"/pay/{items}" for items in range(60)], 20)
        assert [reply.status for reply in replies] == [200] * 60
        until(lambda: sum(entry["label"] == "GET /pay/{items}" for entry in server.kept()) >= 60, "all are kept")
        lists = [server.kept() for _ in range(10)]
        assert all(each == lists[0] for each in lists), "whichever worker answers"
        paid = [entry for entry in lists[0] if entry["label"] == "GET /pay/{items}"]
        assert len(paid) == 60
        for entry in paid[::6]:
            assert server.calls(entry)["add_item" if items_of(entry) else "pay"] >= items_of(entry)
        files = sorted((server.folder / "kept").glob("*.pikos"))
        assert len(files) == len(lists[0])
        assert (server.folder / "kept").stat().st_mode & 0o077 == 0, "others can't read what is kept"


def test_pages_of_what_is_kept(flask_shop: Shop) -> None:
    place = flask_shop.ask("/pay/4", X_Pikos=SECRET).headers["x-pikos-profile"].removeprefix("/__pikos__")
    flask_shop.kept_of(place, "asked for")
    assert flask_shop.ask("/__pikos__/").status == 401
    listed = flask_shop.shown("/", Accept="text/html")
    assert listed.status == 200 and f'href="/__pikos__{place}"' in listed.body.decode()
    assert "<script" not in listed.body.decode()
    table = flask_shop.shown(f"{place}?max_records=10000", Accept="text/html").body.decode()
    assert "add_item" in table and f"/__pikos__{place}/report" in table and "<script" not in table
    report = flask_shop.shown(f"{place}/report")
    assert report.headers["content-type"].startswith("text/html") and b"add_item" in report.body
    # Its script can reach nothing of the application's.
    assert report.headers["content-security-policy"].startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in report.headers["content-security-policy"]
    file = flask_shop.shown(f"{place}/file?format=speedscope")
    assert file.headers["content-disposition"].endswith('.speedscope.json"')
    assert "add_item" in file.body.decode()
    for path in ("/nowhere", f"{place}/nowhere", "/../shop.py", f"{place[:-1]}x", "/1700000000000000-1-00000000"):
        assert flask_shop.shown(path).status == 404, path
    assert flask_shop.shown(f"{place}/file?format=nonsense").status == 400
    assert flask_shop.shown(f"{place}?sort=nonsense").status == 400
    assert flask_shop.shown("/clear").status == 405
    assert flask_shop.shown("/clear", "POST").json() == {"requests": []}
    assert flask_shop.shown(place).status == 404
