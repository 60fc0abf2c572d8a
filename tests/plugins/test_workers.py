"""Workers of gunicorn, uvicorn, Celery and RQ: recycled, told to stop, and killed."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pikos.stats
import pytest
from running import PATIENCE, environment
from shops import Shop, arguments, command, copied, end, free_port, serving
from watching import until

CONFIGURATION = """
from pikos.plugins.gunicorn import hooks

workers = 2
max_requests = {most}
post_fork, worker_exit = hooks("profiles/worker.pikos", checkpoint=0.2)
"""


def calls(path: Path, name: str) -> int:
    return sum(row.ncalls or 0 for row in pikos.stats.load(path) if row.name == name and row.file.endswith("shop.py"))


def total(folder: Path, name: str) -> int:
    return sum(calls(path, name) for path in folder.glob("*.pikos"))


# ---- gunicorn ----


@contextmanager
def gunicorn(folder: Path, most: int) -> Iterator[Shop]:
    """With workers that end after so many requests."""
    pytest.importorskip("gunicorn", reason="gunicorn is not installed: its hooks are untested")
    pytest.importorskip("flask", reason="Flask is not installed")
    place, port = copied(folder), free_port()
    (place / "workers.conf.py").write_text(CONFIGURATION.format(most=most))
    # An application without a middleware: whole workers are profiled.
    (place / "plain.py").write_text(
        "import os, shop\n"
        "def app(environ, start):\n"
        "    shop.pay(10)\n"
        "    start('200 OK', [])\n"
        "    return [str(os.getpid()).encode()]\n"
    )
    typed, _ = arguments(command("whole workers").replace("flask_app:app", "plain:app"), port)
    with serving(typed, place, port) as server:
        yield server


def test_recycled_workers_lose_nothing(tmp_path: Path) -> None:
    with gunicorn(tmp_path, 15) as server:
        workers = {server.ask("/").body for _ in range(60)}
        assert len(workers) > 2, "some have been recycled"
        end(server.process)
        # One more was the first that it answered.
        assert total(server.folder / "profiles", "pay") == 61, server.log()
        assert total(server.folder / "profiles", "add_item") == 610
    names = {path.name for path in (server.folder / "profiles").iterdir()}
    assert {f"worker-{int(pid)}.pikos" for pid in workers} <= names
    assert not [name for name in names if not re.fullmatch(r"worker-\d+\.pikos", name)]


def test_of_a_killed_worker_there_is_what_was_written_last(tmp_path: Path) -> None:
    with gunicorn(tmp_path, 0) as server:
        pid = int(server.ask("/").body)
        path = server.folder / "profiles" / f"worker-{pid}.pikos"
        until(lambda: path.exists() and calls(path, "pay") > 0, "a checkpoint with the request")
        os.kill(pid, signal.SIGKILL)
        assert calls(path, "add_item") >= 10
        assert pikos.stats.load(path).metadata["unfinished"]
        until(lambda: int(server.ask("/").body) != pid, "another worker answers")


def test_a_worker_that_cannot_be_profiled_serves(tmp_path: Path) -> None:
    with gunicorn(tmp_path, 0) as server:
        text = (server.folder / "workers.conf.py").read_text()
        assert server.process.poll() is None
    end(server.process)
    (server.folder / "workers.conf.py").write_text(
        text + "\nfrom pikos.cprofile import Profile\nother, ours = Profile(threads=True), post_fork\n"
        "def post_fork(server, worker):\n    other.enable()\n    ours(server, worker)\n"
    )
    typed, _ = arguments(command("whole workers").replace("flask_app:app", "plain:app"), server.port)
    with serving(typed, server.folder, server.port) as again:
        assert again.ask("/").status == 200
        assert "this worker isn't profiled: Another profiling tool is already active" in again.log()


@pytest.mark.parametrize(
    ("hooks", "error"),
    [
        ("hooks('x.pikos', checkpoint=0)", "checkpoint"),
        ("hooks('x.pikos', nonsense=1)", "nonsense"),
        ("hooks('/dev/null/x/y.pikos')", "Not a directory"),
    ],
)
def test_wrong_arguments_are_refused_at_once(hooks: str, error: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"from pikos.plugins.gunicorn import hooks; {hooks}"],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=PATIENCE,
    )
    assert done.returncode == 1 and error in done.stderr.splitlines()[-1], done.stderr


# ---- uvicorn ----


def test_workers_of_uvicorn_are_followed(tmp_path: Path) -> None:
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    place, port = copied(tmp_path), free_port()
    (place / "plain.py").write_text(
        "import shop\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] != 'http': return\n"
        "    shop.pay(10)\n"
        "    await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
        "    await send({'type': 'http.response.body', 'body': b'ok'})\n"
    )
    run = [sys.executable, "-m", "pikos", "run", "--follow", "-q", "-o", "out.pikos"]
    uvicorn = ["-m", "uvicorn", "plain:app", "--workers", "2", "--lifespan", "off", "--port", str(port)]
    with serving([*run, *uvicorn], place, port) as server:
        for _ in range(20):
            server.ask("/")
        server.process.send_signal(signal.SIGINT)
        server.process.wait(PATIENCE)
        assert total(place, "pay") == 21, server.log()


# ---- Celery ----


@contextmanager
def celery(folder: Path, *options: str) -> Iterator[Path]:
    pytest.importorskip("celery", reason="Celery is not installed: its tasks are untested")
    place = copied(folder)
    typed, _ = arguments(command("Celery"), 0)
    with (place / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [*typed, *options],
            cwd=place,
            env=environment(PYTHONWARNINGS="ignore"),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield place
    finally:
        end(process)


def ask_celery(place: Path, *tasks: str) -> None:
    """Have these done, and wait for it."""
    code = (
        "import sys, celery_app\n"
        "results = [eval('celery_app.' + text) for text in sys.argv[1:]]\n"
        f"for result in results: result.get(timeout={PATIENCE / 2}, propagate=False)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *tasks],
        cwd=place,
        env=environment(PYTHONWARNINGS="ignore"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr + (place / "worker.log").read_text(errors="replace")


def kept_tasks(place: Path) -> list[dict[str, object]]:
    return [json.loads(path.read_bytes()) for path in sorted((place / "profiles").glob("*.json"))]


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo"])
def test_tasks_of_celery_have_a_profile_each(tmp_path: Path, pool: str) -> None:
    with celery(tmp_path, "--pool", pool, "--concurrency", "3") as place:
        ask_celery(place, *(f"pay_slowly.delay({items})" for items in (3, 4, 5, 6)), "broken.delay()", "pay.delay(9)")
        wanted = [f"celery_app.{name}" for name in ("broken", *["pay_slowly"] * 4)]

        def labels() -> list[object]:
            return sorted(
                str(entry["label"])
                for entry in kept_tasks(place)
                if entry["why"] != "slow" or "slowly" in str(entry["label"])
            )

        # A result may be there a moment before the profile is.
        until(lambda: labels() == wanted, "five are kept")
        entries = {entry["id"]: entry for entry in kept_tasks(place)}
        found = []
        for path in (place / "profiles").glob("*celery_app.pay_slowly.pikos"):
            assert calls(path, "pay_slowly") == 1
            found.append(calls(path, "add_item"))
        assert sorted(found) == [3, 4, 5, 6]
        assert {(entry["label"], entry["why"], entry["outcome"]) for entry in entries.values()} >= {
            ("celery_app.broken", "failed", "FAILURE"),
            ("celery_app.pay_slowly", "slow", "SUCCESS"),
        }


def test_a_killed_worker_of_celery_loses_no_finished_task(tmp_path: Path) -> None:
    with celery(tmp_path, "--pool", "prefork", "--concurrency", "1", "--max-tasks-per-child", "2") as place:
        ask_celery(place, *(f"pay_slowly.delay({items})" for items in range(5)))
        until(lambda: len(list((place / "profiles").glob("*pay_slowly.pikos"))) == 5, "all are kept")
    assert sorted(calls(path, "add_item") for path in (place / "profiles").glob("*pay_slowly.pikos")) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ("folder='kept'", "nothing says what is to be profiled: give every= or slow="),
        ("slow=-1, folder='kept'", "slow must be a number of seconds from 0 up, got -1"),
        ("slow=1, folder='kept', tasks='shop.*'", "write ['shop.*']"),
        ("slow=1, folder='/dev/null/kept'", "Not a directory"),
        ("every=0, folder='kept'", "every must be at least 1"),
        ("every=1.5, folder='kept'", "every must be a whole number"),
    ],
)
def test_wrong_options_are_refused_at_once(tmp_path: Path, options: str, error: str) -> None:
    pytest.importorskip("celery", reason="Celery is not installed")
    done = subprocess.run(
        [sys.executable, "-c", f"from pikos.plugins.celery import profile_tasks; profile_tasks({options})"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(PYTHONWARNINGS="ignore"),
        timeout=PATIENCE,
    )
    assert done.returncode == 1 and error in done.stderr.splitlines()[-1], done.stderr


# ---- RQ ----


@pytest.mark.parametrize("worker", ["Worker", "SimpleWorker"])
def test_jobs_of_rq_have_a_profile_each(tmp_path: Path, worker: str) -> None:
    pytest.importorskip("rq", reason="RQ is not installed: its jobs are untested")
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("there is no redis-server on this machine: jobs of RQ are untested")
    place, port = copied(tmp_path), free_port()
    redis = subprocess.Popen(
        [server, "--port", str(port), "--save", "", "--bind", "127.0.0.1"], cwd=place, stdout=subprocess.DEVNULL
    )
    code = f"""
import redis, rq, shop, time
for _ in range(1000):
    try:
        queue = rq.Queue(connection=redis.Redis(port={port}))
        queue.enqueue("shop.pay_slowly", 4)
        break
    except redis.exceptions.ConnectionError:
        time.sleep(0.1)
queue.enqueue("shop.pay", 5)
queue.enqueue("shop.pay", None)
"""
    options = {"cwd": place, "capture_output": True, "text": True, "timeout": PATIENCE}
    try:
        # RQ's command imports jobs from the current folder.
        env = environment(PYTHONWARNINGS="ignore", PYTHONPATH=str(place), PIKOS_SLOW="0.2", PIKOS_FOLDER="kept")
        done = subprocess.run([sys.executable, "-c", code], env=env, **options)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr
        typed = [sys.executable, "-m", "rq.cli", "worker", "--burst", "--url", f"redis://127.0.0.1:{port}"]
        done = subprocess.run([*typed, "--worker-class", f"pikos.plugins.rq.{worker}"], env=env, **options)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr
    finally:
        redis.terminate()
        redis.wait()
    entries = [json.loads(path.read_bytes()) for path in (place / "kept").glob("*.json")]
    assert {(e["label"], e["why"], e["outcome"]) for e in entries} >= {
        ("shop.pay_slowly", "slow", "SUCCESS"),
        ("shop.pay", "failed", "FAILURE"),
    }
    (path,) = (place / "kept").glob("*shop.pay_slowly.pikos")
    assert calls(path, "add_item") == 4
