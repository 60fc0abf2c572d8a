"""`pikos collect`: many processes as one source, in the views, on disk, after a restart, and pushed on."""

from __future__ import annotations

import gzip
import http.server
import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zmq
from pikos.stats import Profile, load
from running import PIKOS, SUPPORT
from serving import serving
from watching import PATIENCE, live_environment, pikos_at, started, until

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]


#: Works until there is a file; then says how often it called what.
PROGRAM = """\
import os
import sys
import time

calls = 0


def leaf():
    global calls
    calls += 1


while not os.path.exists(sys.argv[1]):
    leaf()
    time.sleep(0.001)
print(calls)
"""


def listed(folder: Path) -> list[dict[str, Any]]:
    """What `pikos ps` sees."""
    return json.loads(pikos_at(folder, "ps", "--json").stdout or "[]")


@contextmanager
def collector(
    folder: Path, *options: str | Path, bind: str = "tcp://127.0.0.1:*"
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A `pikos collect`, and where it listens."""
    process = subprocess.Popen(
        [PIKOS, "collect", "--bind", bind, *map(str, options)],
        env=live_environment(folder),
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("pikos: collecting at "), line + process.stderr.read()
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.communicate()


def end(process: subprocess.Popen[str]) -> str:
    """End a collector as Ctrl-C does; what it said."""
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    # What was read of it before is in its buffer, of which communicate() knows nothing.
    told = process.stderr.read()
    assert process.wait(PATIENCE) == 0, told
    return told


def sent(endpoint: str, *options: str) -> dict[str, int]:
    """Have processes that are none send; what they sent."""
    command = [sys.executable, str(SUPPORT / "senders.py"), endpoint, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def calls(profile: Profile, name: str = "") -> int:
    return sum(row.ncalls or 0 for row in profile if name in row.name)


def so_far(folder: Path, pattern: str = "*") -> list[Profile]:
    return [load(path) for path in sorted((folder / "so-far").glob(f"{pattern}.pikos"))]


def told_to(endpoint: str, out: str, *program: str | Path) -> list[str | Path]:
    """A program, as started, whose profile goes to a collector as well as into a file."""
    live = ["--live", endpoint, "--connect", "--interval", "0.05", "-o", out]
    return ["-m", "pikos.cprofile", *live, *program]


def test_what_processes_tell_is_added_up_by_host_program_and_thread(tmp_path: Path) -> None:
    with collector(tmp_path, "-o", "kept") as (process, endpoint):
        told = sent(
            endpoint, "--processes", "6", "--functions", "20", "--seconds", "1", "--interval", "0.2", "--hosts", "2"
        )
        assert "6 processes told of themselves to the end, 0 were still running" in end(process)
    names = sorted(path.name for path in (tmp_path / "kept" / "so-far").iterdir())
    assert names == ["node0~web.py~MainThread.pikos", "node1~web.py~MainThread.pikos"]
    first, second = so_far(tmp_path / "kept")
    assert calls(first) == calls(second) == told["calls"] // 2
    assert calls(first, "function_7") == told["calls"] // 40
    (edge,) = first.callers(next(row for row in first if row.name == "function_8"))
    assert (edge.name, edge.ncalls) == ("function_7", told["calls"] // 40)
    (slice,) = (tmp_path / "kept" / "slices").iterdir()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", slice.name)
    assert sum(calls(load(path)) for path in slice.iterdir()) == told["calls"]
    assert pikos_at(tmp_path, "check", *(tmp_path / "kept" / "so-far").iterdir()).returncode == 0


def test_views_have_it_as_one_process_of_each_program(tmp_path: Path) -> None:
    with collector(tmp_path) as (process, endpoint):
        sent(endpoint, "--processes", "4", "--functions", "10", "--seconds", "0.4", "--interval", "0.2", "--hosts", "1")
        with started(
            tmp_path,
            [
                SUPPORT / "senders.py",
                endpoint,
                "--processes",
                "3",
                "--functions",
                "10",
                "--seconds",
                "600",
                "--hosts",
                "1",
                "--first",
                "100",
            ],
        ):

            def seen() -> list[dict[str, Any]]:
                return [row for row in listed(tmp_path) if row["pid"] == process.pid and "3 processes" in row["script"]]

            (row,) = until(seen, "the sum of what runs")
            assert row["script"] == "web.py on node0: 3 processes"
            shown = pikos_at(tmp_path, "top", str(process.pid), "--once", "--json")
            assert shown.returncode == 0, shown.stderr
            functions = json.loads(shown.stdout)["functions"]
            assert len(functions) == 10 and all(each["ncalls"] >= 8 + 3 for each in functions)


def test_one_that_is_started_again_goes_on_and_counts_nothing_twice(tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text(PROGRAM)
    with collector(tmp_path, "-o", "kept", "--every", "1s") as (process, endpoint):
        sent(endpoint, "--processes", "3", "--functions", "10", "--seconds", "0.4", "--interval", "0.2", "--leave", "1")
        with started(tmp_path, told_to(endpoint, "own.pstats", script, "stop")) as program:
            until(
                lambda: any(calls(profile, "leaf") > 50 for profile in so_far(tmp_path / "kept", "*app.py*")),
                "its calls on disk",
            )
            process.kill()
            process.wait()
            before = sum(map(calls, so_far(tmp_path / "kept", "node*")))
            assert before == 3 * 2 * 10 - 10
            with collector(tmp_path, "-o", "kept", "--every", "1s", bind=endpoint) as (again, _):
                taken = pikos_at(tmp_path, "collect", "--bind", "tcp://127.0.0.1:*", "-o", "kept")
                assert taken.returncode == 2 and "another `pikos collect` keeps its figures there" in taken.stderr
                # It is heard again before it ends.
                until(
                    lambda: [
                        row
                        for row in listed(tmp_path)
                        if row["script"].startswith("app.py on ") and "1 process" in row["script"]
                    ],
                    "the program again",
                )
                (tmp_path / "stop").touch()
                out, told = program.communicate(timeout=PATIENCE)
                assert program.returncode == 0, told
                expected = int(out.splitlines()[0])
                until(
                    lambda: (
                        sum(calls(profile, "leaf") for profile in so_far(tmp_path / "kept", "*app.py*")) == expected
                    ),
                    "all of its calls",
                )
                end(again)
    assert sum(map(calls, so_far(tmp_path / "kept", "node*"))) == before
    slices = [load(path) for path in (tmp_path / "kept" / "slices").glob("*/*.pikos")]
    assert len(slices) > 2
    assert sum(calls(profile, "leaf") for profile in slices) == expected
    assert sum(calls(profile, "function_") for profile in slices) == before


#: Works under labels until there is a file, a turn for each line that comes; then says how often it called what.
LABELLED = """\
import sys

import pikos


def leaf():
    pass


for line in sys.stdin:
    for route in line.split():
        with pikos.label(route=route, tenant="a"):
            for _ in range(100):
                leaf()
    leaf()
    print("done", flush=True)
"""


def by_label(profile: Profile, name: str = "leaf") -> dict[str, int]:
    """How often a function was called, by route."""
    sets = ((labels.get("route", ""), calls(part, name)) for labels, part in profile.by_label())
    return {route: count for route, count in sets if count}


def test_labels_are_kept_apart_on_disk_in_the_views_and_after_a_restart(tmp_path: Path) -> None:
    script = tmp_path / "app.py"
    script.write_text(LABELLED)
    kept = tmp_path / "kept"

    def all_of() -> dict[str, int]:
        found = so_far(kept, "*app.py*")
        return by_label(found[0]) if found else {}

    def turn(program: subprocess.Popen[str], routes: str) -> None:
        assert program.stdin is not None and program.stdout is not None
        program.stdin.write(f"{routes}\n")
        program.stdin.flush()
        assert program.stdout.readline() == "done\n"

    with collector(tmp_path, "-o", "kept", "--every", "1s") as (process, endpoint):
        one, other = (told_to(endpoint, name, script) for name in ("own.pstats", "other.pstats"))
        with started(tmp_path, one) as first, started(tmp_path, other) as second:
            turn(first, "/v1/pay /v2/pay")
            turn(second, "/v1/pay")
            until(lambda: all_of() == {"": 2, "/v1/pay": 200, "/v2/pay": 100}, "both on disk")
            names = [path.name.partition("~")[2] for path in (kept / "so-far").glob("*.pikos")]
            assert names == ["app.py~MainThread.pikos"], "labels are no part of a thread's name"
            until(lambda: any("2 processes" in row["script"] for row in listed(tmp_path)), "the sum of both")
            with serving(tmp_path) as server:
                found = until(lambda: server.process_of(process.pid)["threads"], "its threads")
            threads = {thread["name"]: thread for thread in found}
            pay = threads["MainThread [route=/v1/pay, tenant=a]"]
            assert pay["labels"] == [["route", "/v1/pay"], ["tenant", "a"]] and "MainThread" in threads
            # 200 calls of leaf; each label's own methods are counted as well.
            assert 200 <= pay["calls"] < 300
            process.kill()
            process.wait()
            with collector(tmp_path, "-o", "kept", "--every", "1s", bind=endpoint) as (again, _):
                until(lambda: any("2 processes" in row["script"] for row in listed(tmp_path)), "both again")
                turn(first, "/v2/pay /v3/pay")
                expected = {"": 3, "/v1/pay": 200, "/v2/pay": 200, "/v3/pay": 100}
                until(lambda: all_of() == expected, "the new ones, and nothing twice")
                for program in (first, second):
                    program.communicate(timeout=PATIENCE)
                    assert program.returncode == 0
                end(again)
    assert all_of() == expected
    (whole,) = so_far(kept, "*app.py*")
    assert calls(whole, "leaf") == sum(expected.values())
    shown = pikos_at(tmp_path, "stats", *(kept / "so-far").iterdir(), "--label", "route=/v3/pay")
    assert shown.returncode == 0, shown.stderr
    slices: dict[str, int] = {}
    for path in (kept / "slices").glob("*/*.pikos"):
        found = load(path)
        # What was added has labels as the whole has.
        sets = by_label(found) or {"": calls(found, "leaf")}
        for route, count in sets.items():
            slices[route] = slices.get(route, 0) + count
    assert {route: count for route, count in slices.items() if count} == expected


def test_a_hundred_thousand_label_sets_are_bounded_and_none_is_lost(tmp_path: Path) -> None:
    sets = 100_000
    numbers = range(1, sets + 1)
    message = {
        "v": 1,
        "kind": "full",
        "id": "x",
        "seq": 1,
        "base": 1,
        "epoch": 0,
        "time": 0.0,
        "age": 0.0,
        "tick": 1e-6,
        "interval": 1.0,
        "facts": {
            "pid": 1,
            "host": "\x1b[2Jnode",
            "started": 0.0,
            "argv": ["/srv/../\x1b]0;web\x07.py"],
            "python": "CPython 3.13.0",
            "pikos": "0",
            "clock": "tsc",
            "hook": "none",
        },
        "functions": [[1, "a.py", 1, "leaf", None]],
        "threads": [[number, f"MainThread [request={number}\x1b[31m]", 1, False] for number in numbers],
        "labels": [[number, ["request", f"{number}\x1b[31m"]] for number in numbers],
        "rows": [[number, 1, 2, 2, 3, 3, 0, 0, 0] for number in numbers],
        "edges": [],
        "end": {"how": "normal", "detail": ""},
    }
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with collector(tmp_path, "-o", "kept") as (process, endpoint):
        with context, context.socket(zmq.XPUB) as socket:
            socket.connect(endpoint)
            socket.recv()
            socket.send(msgpack.packb(message))
            until(lambda: any("node: 0 processes" in row["script"] for row in listed(tmp_path)), "its sum")
        with serving(tmp_path) as server:
            threads = until(lambda: server.process_of(process.pid)["threads"], "its label sets")
        assert len(threads) == 1001 and not any("\x1b" in thread["name"] for thread in threads)
        told = end(process)
        assert "1 process told of itself to the end" in told and "\x1b" not in told
    (path,) = (tmp_path / "kept" / "so-far").iterdir()
    assert re.fullmatch(r"[\w%.~-]+", path.name), path.name
    whole = load(path)
    found = {labels.get("other") or labels["request"]: calls(part) for labels, part in whole.by_label()}
    assert len(found) == 1001 and found["true"] == 2 * (sets - 1000)
    assert sum(found.values()) == calls(whole) == 2 * sets


def test_a_message_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    with collector(tmp_path) as (process, endpoint), context, context.socket(zmq.XPUB) as socket:
        socket.connect(endpoint)
        socket.recv()
        for _ in range(3):
            socket.send(b"nonsense")
        message = {"v": 2, "kind": "full", "id": "x", "seq": 1, "base": 1, "epoch": 0}
        socket.send(msgpack.packb({**message, "time": 0.0, "age": 0.0, "tick": 1e-6, "interval": 1.0}))
        assert process.stderr is not None
        lines = [process.stderr.readline()]
        while "version 2" not in lines[-1]:
            lines.append(process.stderr.readline())
        assert sum("a message was refused" in line for line in lines) == 2, lines
        assert "; 4 messages could not be read" in end(process)


def test_a_disk_that_takes_nothing_is_said_once_and_loses_nothing(tmp_path: Path) -> None:
    with collector(tmp_path, "-o", "kept", "--every", "1s") as (process, endpoint):
        slices = tmp_path / "kept" / "slices"
        slices.rename(tmp_path / "aside")
        slices.write_text("in the way")
        told = sent(endpoint, "--processes", "2", "--functions", "10", "--seconds", "0.4", "--interval", "0.2")
        assert process.stderr is not None
        lines = [process.stderr.readline()]
        while "not written" not in lines[-1]:
            lines.append(process.stderr.readline())
        assert "what was collected is kept in memory, and it is tried again" in lines[-1]
        slices.unlink()
        (tmp_path / "aside").rename(slices)
        while "all is written again" not in lines[-1]:
            lines.append(process.stderr.readline())
        assert sum("not written" in line for line in lines) == 1
        end(process)
    assert sum(calls(load(path)) for path in slices.glob("*/*.pikos")) == told["calls"]


def test_what_was_added_is_pushed_as_pprof(tmp_path: Path) -> None:
    bodies: list[tuple[str, bytes]] = []
    answers = [503, 503]

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = answers.pop() if answers else 200
            if status == 200:
                bodies.append((self.path, body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with collector(tmp_path, "--push", url, "--push-every", "1s") as (process, endpoint):
        told = sent(
            endpoint, "--processes", "2", "--functions", "10", "--seconds", "4", "--interval", "0.5", "--hosts", "1"
        )
        said = end(process)
    server.shutdown()
    server.server_close()
    assert "not pushed" in said and "answers 503" in said and "all is pushed again" in said
    total = 0
    for number, (path, body) in enumerate(bodies):
        assert re.match(
            r"/ingest\?name=web\.py%7Bhost%3Dnode0%2Cthread%3DMainThread%7D&from=\d+&until=\d+&format=pprof&", path
        )
        start = body.index(b"\r\n\r\n") + 4
        packed = body[start : body.index(b"\r\n--", start)]
        assert gzip.decompress(packed)
        file = tmp_path / f"{number}.pb.gz"
        file.write_bytes(packed)
        total += sum(round(row.tottime * 1000) for row in load(file))
    # A millisecond each; counts of stacks that were estimated aren't told.
    assert total == told["calls"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "--bind"),
        (["--bind", "5555"], "not an endpoint"),
        (["--bind", "tcp://127.0.0.1:*", "--every", "1h"], "--output"),
        (["--bind", "tcp://127.0.0.1:*", "-o", "x", "--every", "5"], "give a time"),
        (["--bind", "tcp://127.0.0.1:*", "-o", "x", "--keep", "5"], "give a size"),
        (["--bind", "tcp://127.0.0.1:*", "--push", "https://h"], "is no address to push to"),
    ],
)
def test_a_wrong_command_line_is_refused(options: list[str], words: str, tmp_path: Path) -> None:
    done = pikos_at(tmp_path, "collect", *options)
    assert done.returncode == 2 and words in done.stderr


def test_a_state_that_cannot_be_read_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "collected.state").write_bytes(b"PIKOSCOLLECTED 1\nhalf")
    with collector(tmp_path, "-o", "kept") as (process, _):
        assert (
            "kept/collected.state can't be read: collecting begins anew. The file is in kept/unreadable-1 now"
            in end(process)
        )
    assert (tmp_path / "kept" / "unreadable-1" / "collected.state").exists()
