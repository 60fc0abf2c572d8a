"""``pikos serve`` over processes at work."""

from __future__ import annotations

import os
import pstats
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import PATIENCE
from serving import Server, serving
from watching import started, until

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

PROGRAM = """
import sys, threading, time

def leaf():
    time.sleep(0.002)

def main():
    print("at work", flush=True)
    while not ended:
        leaf()

def wait():
    sys.stdin.readline()
    ended.append(True)

ended = []
threading.Thread(target=wait, name="waits").start()
main()
"""

NAMES = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\u202egnirts",
    "\x1b[2J",
    "a\nb",
    "e\u0301\ud83d",
]


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def live(program: Path, *options: str) -> list[str | Path]:
    return ["-m", "pikos.cprofile", "--live", "--threads", "--interval", "0.05", *options, "-o", os.devnull, program]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as server:
        yield server


def test_a_process_appears_by_itself_and_its_figures_move(tmp_path: Path, program: Path, server: Server) -> None:
    assert server.processes() == []
    with server.events("all") as events, started(tmp_path, live(program)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        begun = time.monotonic()
        events.until(lambda: any(p["pid"] == process.pid for p in events.processes), "the process")
        # On an idle machine it is a quarter of a second, and half a one for the list.
        assert time.monotonic() - begun < 10
        events.until(lambda: events.row("leaf").get("calls", 0) > 0, "calls")
        before = events.row("leaf")["calls"]
        events.until(lambda: events.row("leaf")["calls"] > before + 20, "more calls")
        assert "delta" in events.kinds and events.kinds.count("full") == 1
        known = server.process_of(process.pid)
        assert (known["kind"], known["phase"], known["parent"] is None) == ("live", "running", True)
        assert known["title"].endswith("program.py") and known["calls"] > 0 and known["cpu"] is not None
        assert {thread["name"] for thread in known["threads"]} == {"MainThread", "waits"}
        # What deltas add up to is what a picture says.
        process.communicate("\n")
        until(lambda: server.process_of(process.pid)["phase"] == "ended", "its end")
        picture = server.json(f"/api/picture?scope={known['id']}")
        names = dict(zip(picture["labels"]["id"], picture["labels"]["name"], strict=True))
        calls = dict(zip((names[id] for id in picture["functions"]["id"]), picture["functions"]["calls"], strict=True))
        events.until(lambda: events.row("leaf")["calls"] == calls["leaf"], "all calls")
        assert calls["main"] == 1
        # What it was asked for once.
        leaf = next(id for id, name in names.items() if name == "leaf")
        edges = server.json(f"/api/edges?scope={known['id']}&function={leaf}")
        assert [names[id] for id in edges["callers"]["id"]] == ["main"] and edges["callers"]["calls"] == [calls["leaf"]]
        source = server.json(f"/api/source?scope={known['id']}&function={leaf}")
        assert (source["lines"], source["changed"]) == (["def leaf():", "    time.sleep(0.002)"], False)


def test_pause_resume_clear_interval_and_stop(tmp_path: Path, program: Path, server: Server) -> None:
    with started(tmp_path, live(program)) as process:
        scope = server.process_of(process.pid)["id"]
        phase = lambda: server.process_of(process.pid)["phase"]  # noqa: E731
        status, done = server.control(scope, command="pause")
        assert (status, done["done"]) == (200, True) and done["at"] > 1e9
        until(lambda: phase() == "paused", "paused")
        assert server.control(scope, command="resume")[0] == 200
        until(lambda: phase() == "running", "running")
        with server.events(scope) as events:
            events.until(lambda: events.row("leaf").get("calls", 0) > 5, "calls")
            assert server.control(scope, command="clear")[0] == 200
            events.until(lambda: "reset" in events.kinds, "a reset")
            assert events.next()[0] == "full"
            events.until(lambda: events.row("leaf").get("calls", 0) > 0, "calls again")
        assert server.control(scope, command="interval", seconds=0.1)[0] == 200
        until(lambda: server.process_of(process.pid)["interval"] == 0.1, "the interval")
        status, refused = server.control(scope, command="interval", seconds=1e9)
        assert status == 409 and "interval" in refused["error"]
        target = tmp_path / "dumped.pstats"
        assert server.control(scope, command="dump", path=str(target))[0] == 200
        assert pstats.Stats(str(target)).total_calls > 0  # type: ignore[attr-defined]
        assert server.control(scope, command="stop")[0] == 200
        until(lambda: phase() == "ended", "its end")
        status, refused = server.control(scope, command="pause")
        assert status == 409 and "no commands" in refused["error"]
        assert process.poll() is None, "the program goes on"


def test_a_profile_is_saved_in_any_format(tmp_path: Path, program: Path, server: Server) -> None:
    with started(tmp_path, live(program, "--tree")) as process:
        scope = server.process_of(process.pid)["id"]
        until(lambda: server.process_of(process.pid)["calls"] > 10, "calls")
        for name in ["pstats", "pikos", "callgrind", "collapsed", "speedscope", "html", "svg", "pprof", "json", "csv"]:
            status, content, answer = server.request(f"/api/processes/{scope}/profile?format={name}")
            assert (status, len(content) > 100) == (200, True), name
            disposition = answer.headers["Content-Disposition"]
            assert disposition.startswith(f'attachment; filename="pikos-{process.pid}.'), disposition
            (tmp_path / f"saved.{name}").write_bytes(content)
        stats = pstats.Stats(str(tmp_path / "saved.pstats")).stats  # type: ignore[attr-defined]
        assert "leaf" in {name for _, _, name in stats}
        import pikos

        for name in ["pikos", "callgrind", "speedscope", "html"]:
            profile = pikos.stats.load(tmp_path / f"saved.{name}")
            assert "leaf" in {label[2] for label in profile.stats}, name
        assert server.request(f"/api/processes/{scope}/pprof?token={server.token}", Authorization="")[0] == 200


def test_stacks_and_what_is_open_now(tmp_path: Path, program: Path, server: Server) -> None:
    with started(tmp_path, live(program, "--tree")) as process:
        known = server.process_of(process.pid)
        assert known["stacks"] is True
        with server.events(known["id"], stacks=True) as events:
            names = lambda node: events.names[node[1]]  # noqa: E731
            has_leaf = lambda: any(  # noqa: E731
                names(node) == "leaf" and node[0] >= 0 and names(events.nodes[node[0]]) == "main"
                for node in events.nodes
            )
            events.until(has_leaf, "leaf on main")
            now = server.json(f"/api/now?scope={known['id']}")
            assert now["exact"] is True
            chains = {
                thread["name"]: [events.names[call["function"]] for call in thread["calls"]]
                for thread in now["threads"]
            }
            assert "main" in chains["MainThread"] and "wait" in chains["waits"]
        thread = next(t["id"] for t in known["threads"] or server.process_of(process.pid)["threads"])
        assert server.json(f"/api/picture?scope={known['id']}:{thread}")["functions"]["id"]


def test_history_and_ranges(tmp_path: Path, program: Path, server: Server) -> None:
    with started(tmp_path, live(program, "--tree")) as process:
        scope = server.process_of(process.pid)["id"]
        until(lambda: server.process_of(process.pid)["age"] > 1.5, "some time")
        process.communicate("\n")
        until(lambda: server.process_of(process.pid)["phase"] == "ended", "its end")
        picture = server.json(f"/api/picture?scope={scope}")
        history = server.json(f"/api/history?scope={scope}")
        whole = sum(picture["functions"]["own"])
        told = sum(sum(own for _, own in bucket["top"]) + bucket["rest"] for bucket in history["buckets"])
        assert abs(told - whole) < 1e-3 * whole + 1e-4
        assert len(history["buckets"]) > 5
        totals = dict(zip(picture["functions"]["id"], picture["functions"]["calls"], strict=True))
        middle = (history["from"] + history["to"]) / 2
        sums: dict[int, int] = {}
        ends = history["from"] - 1, middle, middle + 1e-6, history["to"] + 1
        for begin, end in [ends[:2], ends[2:]]:
            part = server.json(f"/api/range?scope={scope}&from={begin}&to={end}&stacks=1")
            assert set(part["functions"]["id"]) <= set(part["labels"]["id"]) <= set(picture["labels"]["id"])
            assert part["stacks"]["state"] == "kept"
            for function, calls in zip(part["functions"]["id"], part["functions"]["calls"], strict=True):
                sums[function] = sums.get(function, 0) + calls
        assert sums == totals
        assert server.json("/api/range?scope=all&from=0&to=1e12&labels=0")["labels"] is None


def test_callers_and_threads_have_a_past(tmp_path: Path, program: Path, server: Server) -> None:
    with started(tmp_path, live(program)) as process:
        scope = server.process_of(process.pid)["id"]
        until(lambda: server.process_of(process.pid)["age"] > 1.5, "some time")
        process.communicate("\n")
        until(lambda: server.process_of(process.pid)["phase"] == "ended", "its end")
        picture = server.json(f"/api/picture?scope={scope}")
        numbers = dict(zip(picture["labels"]["name"], picture["labels"]["id"], strict=True))
        history = server.json(f"/api/history?scope={scope}")
        middle = (history["from"] + history["to"]) / 2
        times = [(history["from"] - 1, middle), (middle + 1e-6, history["to"] + 1)]

        def calls(scope: str, function: str, begin: float, end: float) -> dict[int, int]:
            asked = f"/api/edges?scope={scope}&function={numbers[function]}&from={begin}&to={end}"
            callers = server.json(asked)["callers"]
            return dict(zip(callers["id"], callers["calls"], strict=True))

        main = numbers["main"]
        early, late = (calls(scope, "leaf", *time)[main] for time in times)
        whole = server.json(f"/api/edges?scope={scope}&function={numbers['leaf']}")["callers"]
        assert early > 0 and late > 0 and [early + late] == whole["calls"]
        threads = {thread["name"]: thread["id"] for thread in server.process_of(process.pid)["threads"]}
        assert calls(f"{scope}:{threads['MainThread']}", "leaf", *times[0])[main] == early
        assert calls(f"{scope}:{threads['waits']}", "leaf", *times[0]) == {}
        ran = {}
        for name, thread in threads.items():
            part = server.json(f"/api/range?scope={scope}:{thread}&from={times[0][0]}&to={times[1][1]}")
            ran[name] = set(part["functions"]["id"])
            assert server.json(f"/api/history?scope={scope}:{thread}")["buckets"], name
        assert (
            numbers["leaf"] in ran["MainThread"] - ran["waits"] and numbers["wait"] in ran["waits"] - ran["MainThread"]
        )


def test_types_of_objects_are_told_over_time(tmp_path: Path, server: Server) -> None:
    (tmp_path / "shop.py").write_text(
        "import sys, time\n"
        "class Session:\n"
        "    pass\n"
        "kept = []\n"
        "print('at work', flush=True)\n"
        "for _ in range(100_000):\n"
        "    kept.append(Session())\n"
        "    time.sleep(0.002)\n"
    )
    command = ["-m", "pikos.runner", "objects", "--types", "Session", "--where", "--recording", "zmq", "shop.py"]
    with started(tmp_path, command) as process:
        scope = server.process_of(process.pid)["id"]
        recorded = lambda: server.json(f"/api/recording?scope={scope}").get("types") or {"past": {"time": []}}  # noqa: E731
        until(lambda: len(recorded()["past"]["time"]) >= 3, "three moments")
        types = recorded()
        at = next(at for at, name in enumerate(types["name"]) if name.endswith("Session"))
        assert types["created"][at] > 0
        places = types["places"]
        assert [(place, function) for place, function in zip(places["place"], places["function"], strict=True)] == [
            ("shop.py:7", "<module>")
        ] or places["place"][0].endswith("shop.py:7")
        if types["alive"][at] is not None:
            (series,) = (one for one in types["past"]["types"] if one["id"] == types["id"][at])
            assert series["alive"] == sorted(series["alive"]) and series["alive"][-1] > series["alive"][0]
        process.kill()


def test_who_connects_again_misses_nothing(tmp_path: Path, program: Path, server: Server) -> None:
    with started(tmp_path, live(program)) as process:
        scope = server.process_of(process.pid)["id"]
        with server.events(scope) as events:
            events.until(lambda: events.kinds.count("delta") >= 2, "deltas")
            last, seen = events.last, events.row("leaf")
        with server.events(scope, last=last) as again:
            again.names, again.rows = events.names, events.rows
            again.until(lambda: again.row("leaf")["calls"] > seen["calls"], "more calls")
            assert "full" not in again.kinds
        with server.events(scope, last="0000000000000001.0.3") as another:
            another.until(lambda: another.rows, "rows")
            assert another.kinds[:2] == ["processes", "full"]


def test_a_server_that_is_started_anew_shows_all_again(tmp_path: Path, program: Path) -> None:
    with started(tmp_path, live(program)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "at work\n"
        with serving(tmp_path, str(process.pid)) as first:
            scope = first.process_of(process.pid)["id"]
            with first.events(scope) as events:
                events.until(lambda: events.rows, "rows")
                last = events.last
            assert first.process is not None
            first.process.send_signal(signal.SIGINT)
            assert first.process.wait(PATIENCE) == 0
        with serving(tmp_path, str(process.pid)) as second:
            assert second.token != first.token
            second.process_of(process.pid)
            assert second.request("/api/processes", Authorization=f"Bearer {first.token}")[0] == 401
            with second.events(scope, last=last) as events:
                events.until(lambda: events.row("leaf").get("calls", 0) > 0, "calls")
                assert events.kinds[:2] == ["processes", "full"]


def test_one_that_is_killed_stays(tmp_path: Path, program: Path, server: Server) -> None:
    with started(tmp_path, live(program)) as process:
        scope = server.process_of(process.pid)["id"]
        until(lambda: server.process_of(process.pid)["calls"] > 10, "calls")
        process.kill()
        lost = until(lambda: (p := server.process_of(process.pid))["phase"] == "lost" and p, "its loss")
        assert "vanished" in lost["how"] and lost["calls"] > 10 and lost["calls_per_s"] == 0
        assert server.json(f"/api/picture?scope={scope}")["functions"]["id"]
        assert server.request(f"/api/processes/{scope}/profile?format=pstats")[0] == 200
        assert server.control(scope, command="pause")[0] == 409


def test_names_are_text(tmp_path: Path, server: Server) -> None:
    script = tmp_path / "hostile.py"
    script.write_text(
        "import time\n"
        f"for name in {NAMES!r}:\n"
        "    code = compile('def f():\\n time.sleep(0.001)', name, 'exec')\n"
        "    space = {'time': time}\n"
        "    exec(code, space)\n"
        "    space['f'].__code__ = space['f'].__code__.replace(co_name=name, **({'co_qualname': name}))\n"
        "    space['f']()\n"
        "print('done', flush=True)\n"
        "time.sleep(60)\n"
    )
    with started(tmp_path, live(script)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        scope = server.process_of(process.pid)["id"]
        shown = lambda: server.json(f"/api/picture?scope={scope}")["labels"]["name"]  # noqa: E731
        until(lambda: NAMES[0] in shown(), "the names")
        for name in shown():
            assert not any(ord(c) < 32 or "\u202a" <= c <= "\u202e" for c in name), name
        answer = server.request(f"/api/picture?scope={scope}")[2]
        assert (answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]) == (
            "application/json",
            "nosniff",
        )


def test_read_only_has_no_control(tmp_path: Path, program: Path) -> None:
    with serving(tmp_path, "--read-only") as server, started(tmp_path, live(program)) as process:
        scope = server.process_of(process.pid)["id"]
        assert server.json("/api/processes")["read_only"] is True
        assert server.control(scope, command="pause")[0] == 404
        assert server.process_of(process.pid)["phase"] == "running"


def test_another_sites_page_controls_nothing(tmp_path: Path, program: Path, server: Server) -> None:
    with started(tmp_path, live(program)) as process:
        scope = server.process_of(process.pid)["id"]
        path, pause = f"/api/processes/{scope}/control", b'{"command": "pause"}'
        for headers in [
            {"Origin": "http://evil.example"},
            {"Origin": "null"},
            {"Host": f"evil.example:{server.port}"},
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
        ]:
            cookie = {"Cookie": f"pikos-{server.port}={server.token}", "Authorization": ""}
            for method, body in [("GET", None), ("POST", pause)]:
                status, answer, _ = server.request(
                    path, method, body, Content_Type="application/json", **cookie, **headers
                )
                assert status == 403, (headers, answer)
        assert server.process_of(process.pid)["phase"] == "running"


def test_a_thousand_idle_connections_and_slow_readers(tmp_path: Path, program: Path, server: Server) -> None:
    idle = []
    try:
        with started(tmp_path, live(program)) as process:
            scope = server.process_of(process.pid)["id"]
            for _ in range(900):
                idle.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            # One that never reads what it asked for.
            slow = socket.create_connection(("127.0.0.1", server.port))
            idle.append(slow)
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            request = f"GET /api/events?scope={scope}&stacks=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n\r\n"
            slow.sendall(request.encode())
            with server.events(scope) as events:
                events.until(lambda: events.kinds.count("delta") >= 20, "deltas beside them")
            assert server.process_of(process.pid)["phase"] == "running"
    finally:
        for connection in idle:
            connection.close()
