"""The middlewares by themselves: what they refuse, and that a request is answered as without them, whatever is in the way."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import pikos.plugins.asgi
import pikos.plugins.wsgi
import pytest
from pikos.plugins._requests.kept import Folder
from running import evaluate

#: For ``evaluate``: applications, and who asks them.
SITE = '''
import asyncio, io, logging, os, threading
logging.disable()
from pikos.plugins import asgi, wsgi

def step(number): return number

def application(environ, start_response):
    for number in range(5): step(number)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

def environment(path="/", **more):
    return {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "", "wsgi.input": io.BytesIO(), **more}

def ask(app, path="/", **more):
    """Status, headers and body, as a server reads them."""
    told = []
    body = app(environment(path, **more), lambda *said: told.append(said))
    try:
        parts = b"".join(body)
        return told[0][0], told[0][1], parts
    finally:
        if hasattr(body, "close"): body.close()

async def plain(scope, receive, send):
    for number in range(5): step(number)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})

def scope(path="/", **more):
    return {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [], **more}

def ask_asgi(app, path="/", **more):
    told = []
    async def send(message): told.append(message)
    async def receive(): return {"type": "http.request"}
    asyncio.run(app(scope(path, **more), receive, send))
    return told

def kept(app):
    """What is known of each, and how often it took a step; the newest first."""
    found = []
    for entry in app.watch.kept.entries():
        rows = {row.name: row.ncalls for row in app.watch.kept.profile(entry.id)}
        found.append([entry.label, entry.why, entry.outcome, entry.note, rows.get("step", 0)])
    return found
'''


@pytest.mark.parametrize("module", [pikos.plugins.wsgi, pikos.plugins.asgi], ids=["wsgi", "asgi"])
@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({}, ValueError, "nothing says what is to be profiled: give secret=, every= or slow="),
        ({"secret": ""}, ValueError, "nothing says what is to be profiled"),
        ({"secret": "short"}, ValueError, "secret has 5 characters, and must have at least 16"),
        ({"secret": b"0123456789abcdef"}, TypeError, "secret must be a text"),
        ({"every": 0}, ValueError, "every must be at least 1"),
        ({"every": True}, TypeError, "every must be a whole number"),
        ({"every": 2.0}, TypeError, "every must be a whole number"),
        ({"slow": -1}, ValueError, "slow must be a number of seconds from 0 up"),
        ({"slow": float("nan")}, ValueError, "slow must be a number of seconds from 0 up"),
        ({"slow": float("inf")}, ValueError, "slow must be a number of seconds from 0 up"),
        ({"slow": "1"}, TypeError, "slow must be a number of seconds"),
        ({"slow": 1, "keep": 0}, ValueError, "keep must be from 1 to 10,000"),
        ({"slow": 1, "keep": "20"}, TypeError, "keep must be a whole number"),
        ({"slow": 1, "longest": 0}, ValueError, "longest must be a number of seconds above 0"),
        ({"slow": 1, "longest": float("nan")}, ValueError, "longest must be a number of seconds above 0"),
        ({"slow": 1, "folder": "/dev/null/kept"}, OSError, "Not a directory"),
        ({"slow": 1, "token": "short"}, ValueError, "token has 5 characters"),
        ({"slow": 1, "users": 3}, TypeError, "users must be a set of names"),
        ({"slow": 1, "token": "0123456789abcdef", "at": "pikos"}, ValueError, "at must be a path below the root"),
        ({"slow": 1, "token": "0123456789abcdef", "at": "/"}, ValueError, "at must be a path below the root"),
    ],
)
def test_what_cannot_be_is_refused_at_once(module: Any, options: dict[str, Any], error: type, sentence: str) -> None:
    with pytest.raises(error, match="^.*" + sentence.replace("(", r"\(")):
        module.Middleware(None, **options)


def test_help_has_the_arguments_of_each() -> None:
    pytest.importorskip("aiohttp")
    import pikos.plugins.aiohttp

    takes = [pikos.plugins.wsgi.Middleware, pikos.plugins.asgi.Middleware, pikos.plugins.aiohttp.profile_requests]
    ways = [inspect.signature(each) for each in takes]
    assert ways[0].parameters == ways[1].parameters == ways[2].parameters
    assert "token: 'str | None' = None" in str(ways[2]) and str(ways[2]).endswith("-> 'Watch'")


def test_the_answer_is_that_of_the_application() -> None:
    answers = evaluate(
        SITE
        + """
app = wsgi.Middleware(application, every=1)
status, headers, body = ask(app)
length = len(app(environment(), lambda *said: None))
answer([[status, headers, body.decode()] == ["200 OK", [("Content-Type", "text/plain")], "hello"], length, kept(app)[0]])
"""
    )
    assert answers == [True, 1, ["GET /", "in turn", "200", "", 5]]


def test_one_in_three_is_the_first_and_the_fourth() -> None:
    answers = evaluate(
        SITE
        + """
app = wsgi.Middleware(application, every=3)
for number in range(7): ask(app, f"/{number}")
answer([entry[0] for entry in kept(app)])
"""
    )
    assert answers == ["GET /6", "GET /3", "GET /0"]


def test_a_websocket_is_cut_and_a_slow_answer_is_not() -> None:
    pytest.importorskip("aiohttp")
    answers = evaluate(
        SITE
        + """
from aiohttp import ClientSession, web
from pikos.plugins.aiohttp import profile_requests

async def socket(request):
    answered = web.WebSocketResponse()
    await answered.prepare(request)
    step(1)
    while not watch.kept.entries():
        await asyncio.sleep(0.01)
    step(2)
    await answered.close()
    return answered

async def slow(request):
    step(1)
    await asyncio.sleep(0.5)
    step(2)
    return web.Response()

async def main():
    global watch
    app = web.Application()
    app.router.add_get("/socket", socket)
    app.router.add_get("/slow", slow)
    watch = profile_requests(app, every=1, longest=0.1)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    place = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    async with ClientSession() as session:
        async with session.ws_connect(place + "/socket") as asked:
            await asked.receive()
        async with session.get(place + "/slow"):
            pass
    await runner.cleanup()
    found = []
    for entry in watch.kept.entries():
        rows = {row.name: row.ncalls for row in watch.kept.profile(entry.id)}
        found.append([entry.label, entry.note, rows["step"]])
    answer(found)

asyncio.run(main())
"""
    )
    assert answers == [
        ["GET /slow", "", 2],
        ["GET /socket", "It still streamed after 0.1 s: the profile ends there.", 1],
    ]


def test_a_stream_without_end_is_cut_and_goes_on() -> None:
    answers = evaluate(
        SITE
        + """
import time
def stream(environ, start_response):
    start_response("200 OK", [])
    for number in range(40):
        step(number)
        time.sleep(0.01)
        yield b"."

async def events(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for number in range(40):
        step(number)
        await asyncio.sleep(0.01)
        await send({"type": "http.response.body", "body": b".", "more_body": number < 39})

one, two = wsgi.Middleware(stream, every=1, longest=0.05), asgi.Middleware(events, every=1, longest=0.05)
parts = len(ask(one)[2]), len(ask_asgi(two)) - 1
answer([parts, kept(one), kept(two)])
"""
    )
    parts, *lists = answers
    assert parts == [40, 40]
    for ((label, _, outcome, note, steps),) in lists:
        assert (label, outcome) == ("GET /", "200")
        assert note == "It still streamed after 0.05 s: the profile ends there."
        assert 1 <= steps < 40


def test_a_client_that_leaves_is_no_failure() -> None:
    answers = evaluate(
        SITE
        + """
async def waits(scope, receive, send):
    step(1)
    await asyncio.sleep(3600)

async def leave(app):
    task = asyncio.create_task(app(scope(), None, None))
    await asyncio.sleep(0.05)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True

slow, every = asgi.Middleware(waits, slow=3000), asgi.Middleware(waits, every=1)
cancelled = [asyncio.run(leave(app)) for app in (slow, every)]

app = wsgi.Middleware(application, every=1)
body = app(environment(), lambda *said: None)
body.close()  # nobody has read it
answer([cancelled, kept(slow), kept(every), kept(app)])
"""
    )
    assert answers == [
        [True, True],
        [],
        [["GET /", "in turn", "CancelledError", "", 1]],
        [["GET /", "in turn", "200", "", 5]],
    ]


def test_errors_of_the_application_are_its_own() -> None:
    answers = evaluate(
        SITE
        + """
def fails(environ, start_response):
    step(1)
    raise KeyError("of the program")

def fails_later(environ, start_response):
    start_response("200 OK", [])
    yield b"."
    raise KeyError("of the program")

async def fails_too(scope, receive, send):
    raise KeyError("of the program")

def error_of(ask, app):
    try:
        ask(app)
    except KeyError as error:
        return str(error)

apps = [wsgi.Middleware(fails, slow=3000), wsgi.Middleware(fails_later, slow=3000), asgi.Middleware(fails_too, slow=3000)]
errors = [error_of(each, app) for each, app in zip((ask, ask, ask_asgi), apps)]
answer([errors, [kept(app) for app in apps]])
"""
    )
    errors, lists = answers
    assert errors == ["'of the program'"] * 3
    assert [[entry[:3] for entry in each] for each in lists] == [[["GET /", "failed", "KeyError"]]] * 3


def test_another_profiler_is_in_the_way_and_requests_are_served() -> None:
    answers = evaluate(
        SITE
        + """
one, two = wsgi.Middleware(application, slow=0), asgi.Middleware(plain, slow=0)
with Profile(threads=True):
    said = [ask(one)[0], ask_asgi(two)[0]["status"], ask(one)[0]]
answer([said, kept(one), kept(two), one.watch.problem, one.watch.problems])
# It is gone: all is as it should be.
ask(one)
assert len(kept(one)) == 1
"""
    )
    said, one, two, problem, count = answers
    assert said == ["200 OK", 200, "200 OK"] and one == two == []
    assert problem.startswith("not profiled: Another profiling tool is already active") and count == 2


def test_a_middleware_around_a_middleware_serves() -> None:
    answers = evaluate(
        SITE
        + """
inner = wsgi.Middleware(application, every=1)
outer = wsgi.Middleware(inner, every=1)
answer([ask(outer)[2].decode(), kept(outer)[0][-1], kept(inner), inner.watch.problems])
"""
    )
    assert answers == ["hello", 5, [], 1]


def test_labels() -> None:
    answers = evaluate(
        SITE
        + """
class Odd:
    def __str__(self): raise RuntimeError

def broken(environ): raise KeyError

labels = [lambda environ: "mine " + environ["PATH_INFO"], lambda environ: None, lambda environ: Odd(), broken, lambda environ: "x" * 10_000]
apps = [wsgi.Middleware(application, every=1, label=label) for label in labels]
answer([ask(app, "/a")[0] and kept(app)[0][0] for app in apps])
"""
    )
    assert answers[:4] == ["mine /a", "GET /a", "(no label)", "(no label)"]
    assert answers[4] == "x" * 300


def test_requests_at_the_same_time_in_threads_and_in_one_loop() -> None:
    answers = evaluate(
        SITE
        + """
meet = threading.Barrier(20)
def steps(environ, start_response):
    meet.wait()
    for number in range(int(environ["PATH_INFO"][1:])):
        step(number)
        if number % 3 == 0: os.sched_yield()
    meet.wait()
    start_response("200 OK", [])
    return [b"."]

async def waits(scope, receive, send):
    for number in range(int(scope["path"][1:])):
        step(number)
        await asyncio.sleep(0)
    await asyncio.to_thread(step, 0)
    await send({"type": "http.response.start", "status": 200, "headers": []})

one, two = wsgi.Middleware(steps, every=1), asgi.Middleware(waits, every=1, keep=50)
threads = [threading.Thread(target=ask, args=(one, f"/{number}")) for number in range(20)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]

async def many():
    async def send(message): pass
    await asyncio.gather(*(two(scope(f"/{number}"), None, send) for number in range(50)))
asyncio.run(many())
answer([sorted([label, steps] for label, _, _, _, steps in kept(app)) for app in (one, two)])
"""
    )
    assert answers == [
        sorted([f"GET /{number}", number] for number in range(20)),
        sorted([f"GET /{number}", number + 1] for number in range(50)),
    ]


def test_requests_that_begin_while_others_end() -> None:
    answers = evaluate(
        SITE
        + """
import time
def steps(environ, start_response):
    for number in range(int(environ["PATH_INFO"][1:])):
        step(number)
        time.sleep(0.001)
    start_response("200 OK", [])
    return [b"."]

secret = "0123456789abcdef"
app = wsgi.Middleware(steps, secret=secret, keep=1000)
wrong = []
for _ in range(10):
    app.watch.kept.clear()
    numbers = [number % 10 + 1 for number in range(30)]
    threads = [threading.Thread(target=ask, args=(app, f"/{number}"), kwargs={"HTTP_X_PIKOS": secret}) for number in numbers]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    found = [[label, steps] for label, _, _, _, steps in kept(app)]
    assert len(found) == 30
    wrong += [each for each in found if each[0] != f"GET /{each[1]}"]
answer(wrong)
"""
    )
    assert answers == []


def test_what_nobody_finishes_leaves_nothing_switched_on() -> None:
    answers = evaluate(
        SITE
        + """
app = wsgi.Middleware(application, secret="0123456789abcdef")
body = app(environment(HTTP_X_PIKOS="0123456789abcdef"), lambda *said: None)
del body  # no server has closed it
with Profile(threads=True) as profile:
    step(1)
answer([row.callcount for row in profile.getstats() if getattr(row.code, "co_name", "") == "step"])
"""
    )
    assert answers == [1]


def test_a_fork_keeps_its_own() -> None:
    answers = evaluate(
        SITE
        + """
app = wsgi.Middleware(application, slow=0)
ask(app)
read, write = os.pipe()
child = os.fork()
if child == 0:
    try:
        ask(app, "/child")
        os.write(write, json.dumps(kept(app)).encode())
    finally:
        os._exit(0)
os.waitpid(child, 0)
ask(app, "/parent")
answer([json.loads(os.read(read, 100_000))[0], [entry[0] for entry in kept(app)]])
"""
    )
    assert answers == [["GET /child", "slow", "200", "", 5], ["GET /parent", "GET /"]]


def test_a_folder_that_goes_away_fails_no_request(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    answers = evaluate(
        SITE
        + f"""
import shutil
app = wsgi.Middleware(application, every=1, folder={str(place)!r})
ask(app)
first = kept(app)
shutil.rmtree({str(place)!r})
answer([len(first), ask(app)[0], kept(app), app.watch.problem])
"""
    )
    assert answers[:3] == [1, "200 OK", []]
    assert answers[3].startswith("a profile can't be kept: No such file or directory")


def test_a_folder_holds_the_newest_and_leaves_alone_what_is_not_ours(tmp_path: Path) -> None:
    place = tmp_path / "kept"
    place.mkdir()
    others = {"notes.json": "{}", "x.pikos": "", "1700000000000000-1-0000000g.json": "{}", "17-1-00000000.pikos": ""}
    hostile = {
        "1700000000000001-1-00000001.json": "",
        "1700000000000002-1-00000002.json": "[" * 60_000,
        "1700000000000003-1-00000003.json": '{"label": 1}',
        "1700000000000004-1-00000004-x.pikos": "nothing",
    }
    for name, text in {**others, **hostile}.items():
        (place / name).write_text(text)
    assert Folder(str(place), 20).entries() == []
    assert Folder(str(place), 20).profile("1700000000000004-1-00000004") is None
    answers = evaluate(
        SITE
        + f"""
app = wsgi.Middleware(application, every=1, keep=3, folder={str(place)!r}, label=lambda environ: "../../" + environ["PATH_INFO"])
for number in range(6): ask(app, f"/{{number}}")
answer([entry[0] for entry in kept(app)])
"""
    )
    assert answers == ["../..//5", "../..//4", "../..//3"]
    left = {path.name for path in place.iterdir()}
    assert set(others) < left and not set(hostile) & left, "of ours only the newest three are there"
    assert len(left) == len(others) + 2 * 3
    for path in place.glob("*.json"):
        if path.name not in others:
            assert json.loads(path.read_bytes())["outcome"] == "200"


def test_the_page_is_there_for_those_who_are_named() -> None:
    answers = evaluate(
        SITE
        + """
bearer = {"HTTP_AUTHORIZATION": "Bearer 0123456789abcdef"}
nobody, token = wsgi.Middleware(application, every=1), wsgi.Middleware(application, every=1, token="0123456789abcdef")
ada = wsgi.Middleware(application, every=1, users={"ada"}, at="/behind/this/")
statuses = [
    ask(nobody, "/__pikos__/")[0],
    ask(token, "/__pikos__/")[0],
    ask(token, "/__pikos__", **bearer)[0],
    ask(token, "/__pikos__x", **bearer)[2].decode(),
    ask(ada, "/behind/this")[0],
    ask(ada, "/behind/this", REMOTE_USER="ada")[0],
    ask(ada, "/behind/this", HTTP_REMOTE_USER="ada")[0],
    ask(ada, "/__pikos__/", REMOTE_USER="ada")[2].decode(),
]
answer([statuses, len(kept(nobody)), len(kept(token)), len(kept(ada))])
"""
    )
    assert answers == [
        ["200 OK", "401 Unauthorized", "200 OK", "hello", "403 Forbidden", "200 OK", "403 Forbidden", "hello"],
        *(1, 1, 1),
    ]
