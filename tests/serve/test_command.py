"""The command lines of ``pikos serve``, ``pikos view --web`` and ``--web``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import PATIENCE
from serving import Server, serving
from watching import live_environment, pikos_at, started, until

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

PROGRAM = """\
import os, sys

def work():
    return sum(range(1000))

def main():
    for _ in range(50):
        work()
    print("out", sys.argv[1:], flush=True)
    print("err", file=sys.stderr, flush=True)
    if os.environ.get("WAITS"):
        sys.stdin.readline()
    try:
        os.wait()
    except ChildProcessError:
        print("no children")

main()
sys.exit(7)
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    return path


def saved(folder: Path) -> Path:
    path = folder / "saved.pstats"
    subprocess.run(
        [sys.executable, "-m", "pikos.cprofile", "-o", str(path), "-c", "sorted(range(10))"], check=True, cwd=folder
    )
    return path


def test_files_are_shown_and_read_anew(tmp_path: Path) -> None:
    path = saved(tmp_path)
    with serving(tmp_path, path) as server:
        (file,) = server.processes()
        assert (file["id"], file["kind"], file["phase"], file["title"]) == ("f0", "file", "file", str(path))
        with server.events("all") as events:
            events.until(lambda: events.rows, "rows")
            assert "{sorted}" in events.names.values()
            subprocess.run(
                [sys.executable, "-m", "pikos.cprofile", "-o", str(path), "-c", "max(range(10))"], check=True
            )
            events.until(lambda: events.kinds[-2:] == ["reset", "full"], "the new file")
            assert events.row("{max}")
        status, body = server.control("f0", command="pause")
        assert status == 409 and "file" in body["error"]


def test_ctrl_c_ends_it_cleanly(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert server.process is not None and server.process.stderr is not None
        with server.events("all") as events:
            events.next()
            server.process.send_signal(signal.SIGINT)
            out, err = server.process.communicate(timeout=PATIENCE)
        assert (server.process.returncode, out) == (0, "")
        assert "Ctrl-C ends the server" in err and "Traceback" not in err and "panic" not in err


def test_what_cannot_be_served_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for arguments, expected in [
            (["--port", port], f"port {port} is taken"),
            (["--listen", "0.0.0.0"], "--remote"),
            (["--remote"], "--listen"),
            (["--port", "x"], "--port"),
            (["no-such-file.pstats"], "no-such-file.pstats: there is no such file"),
            (["4194304"], "process 4194304 is not profiled live"),
            (["--bind", "tcp://127.0.0.1:0", "17"], "leave out `17`"),
        ]:
            done = pikos_at(tmp_path, "serve", *arguments)
            assert (done.returncode, done.stdout) == (2, ""), done
            assert expected in done.stderr and "panic" not in done.stderr, done.stderr


def test_the_usual_port_gives_way_if_it_is_taken(tmp_path: Path) -> None:
    environment = live_environment(tmp_path)
    command = [sys.executable, "-m", "pikos", "serve"]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for _ in range(2)
    ]
    try:
        servers = [Server(process.stdout.readline(), process) for process in processes if process.stdout]
        assert len({server.port for server in servers}) == 2
        assert [server.processes() for server in servers] == [[], []]
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def test_a_collector_shows_processes_that_connect(tmp_path: Path, program: Path) -> None:
    with serving(tmp_path, "--bind", f"ipc://{tmp_path}/collector") as server:
        arguments = [
            "-m",
            "pikos.cprofile",
            "--live",
            f"ipc://{tmp_path}/collector",
            "--connect",
            "-o",
            os.devnull,
            program,
        ]
        with started(tmp_path, arguments, WAITS="1") as process:
            assert server.process_of(process.pid)["phase"] == "running"


@pytest.mark.parametrize("launcher", [["-m", "pikos.cprofile"], ["-m", "pikos", "run", "-q"]])
def test_the_page_beside_a_program(tmp_path: Path, program: Path, launcher: list[str]) -> None:
    out = tmp_path / "saved.pstats"
    # A browser that opens nothing.
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/opened\n')
    opener.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    arguments = [*launcher, "--web", "-o", out, program, "a"]
    with started(tmp_path, arguments, WAITS="1", PATH=path) as process:
        assert process.stdout is not None and process.stderr is not None
        # Not readline(): what it takes in beside the line is lost to communicate().
        line = ""
        while not line.endswith("\n") and (letter := os.read(process.stderr.fileno(), 1)):
            line += letter.decode("latin-1")
        assert "http://" in line, line
        server = Server(line[line.index("http://") :])
        known = server.process_of(process.pid)
        until(lambda: server.process_of(process.pid)["phase"] == "running", "what its second message says")
        opened = until(lambda: (tmp_path / "opened").exists() and (tmp_path / "opened").read_text(), "the browser")
        once = opened.strip().rpartition("=")[2]
        assert opened.startswith(f"http://127.0.0.1:{server.port}/?token=") and once != server.token
        assert server.request(f"/?token={once}", Authorization="")[0] == 303
        assert server.request(f"/?token={once}", Authorization="")[0] == 401, "it opens once"
        with server.events(known["id"]) as events:
            events.until(lambda: events.row("work").get("calls") == 50, "its calls")
            rest, errors = process.communicate("\n")
            assert (process.returncode, rest, errors) == (7, "out ['a']\nno children\n", "err\n")
            assert out.exists()
            events.until(lambda: any(p["phase"] == "ended" for p in events.processes), "its end")
            assert server.json(f"/api/picture?scope={known['id']}")["functions"]["id"], "it stays"
        # Nobody looks any more.
        began = time.monotonic()

        def is_gone() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", server.port)) != 0

        until(is_gone, "the server's end")
        assert time.monotonic() - began > 5, "a page may be loaded anew"
