"""What goes wrong with a live profile is said clearly, and never the program's trouble."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from running import SUBJECT
from watching import PATIENCE, live_environment, pikos_at, sockets

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text("print('ran')\n")
    return path


def run(folder: Path, script: Path, *options: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", SUBJECT, *options, "-o", str(script.with_suffix(".pstats")), str(script)],
        env=live_environment(folder, **changes),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def ran_all_the_same(run: subprocess.CompletedProcess[str], script: Path, *words: str) -> None:
    """The program ran and was profiled, and one line of standard error has these words."""
    assert (run.returncode, run.stdout) == (0, "ran\n")
    assert script.with_suffix(".pstats").exists()
    assert run.stderr.count("\n") == 1 and run.stderr.startswith("pikos: ")
    for word in words:
        assert word in run.stderr


def test_a_port_that_is_taken(script: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        ran_all_the_same(run(tmp_path, script, f"--live={address}"), script, address, "another process has it")


def test_a_checkpoint_needs_no_socket(script: Path, tmp_path: Path) -> None:
    script.write_text("import os, time\ntime.sleep(0.5)\nprint('ran', os.path.exists(__file__[:-2] + 'pstats'))\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        found = run(tmp_path, script, f"--live={address}", "--checkpoint", "0.1")
    assert (found.returncode, found.stdout, found.stderr.count("\n")) == (0, "ran True\n", 1)
    assert "another process has it" in found.stderr


def test_a_folder_that_others_may_enter(script: Path, tmp_path: Path) -> None:
    sockets(tmp_path).mkdir(mode=0o755)
    ran_all_the_same(run(tmp_path, script, "--live"), script, str(sockets(tmp_path)), "mode 0755")


def test_a_link_in_the_place_of_the_folder(script: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    sockets(tmp_path).symlink_to(tmp_path / "elsewhere")
    ran_all_the_same(run(tmp_path, script, "--live"), script, str(sockets(tmp_path)), "not a folder")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_folder_that_does_not_exist(script: Path, tmp_path: Path) -> None:
    ran_all_the_same(
        run(tmp_path, script, "--live", TMPDIR=str(tmp_path / "missing")), script, "missing", "No such file"
    )


def test_a_path_that_is_too_long(script: Path, tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    ran_all_the_same(run(folder, script, "--live"), script, "107 bytes", "TMPDIR")


def test_what_is_at_an_endpoint_stays(script: Path, tmp_path: Path) -> None:
    """ZeroMQ would remove it, a socket in use as well."""
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "sub").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.listen()
        for name, word in {
            "file": "a file is in the way",
            "link": "a link is in the way",
            "dangling": "a link is in the way",
            "sub": "a folder is in the way",
            "socket": "another process is listening there",
            "missing/socket": "No such file",
            "file/socket": "Not a directory",
        }.items():
            address = f"ipc://{tmp_path}/{name}"
            ran_all_the_same(run(tmp_path, script, f"--live={address}"), script, address, word)
            viewer = pikos_at(tmp_path, "top", "--once", "--bind", address)
            assert (viewer.returncode, viewer.stderr.count("\n")) == (1, 1) and word in viewer.stderr
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(str(tmp_path / "socket"))
    assert (tmp_path / "file").read_text() == "kept"
    assert os.readlink(tmp_path / "dangling") == "nowhere"


def test_a_dead_socket_is_replaced_and_private(tmp_path: Path) -> None:
    path, script = tmp_path / "socket", tmp_path / "look.py"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    script.write_text(
        f"""
import glob, os, stat
assert stat.S_IMODE(os.stat({str(path)!r}).st_mode) == 0o600
for each in glob.glob({str(sockets(tmp_path))!r} + "/*"):
    assert stat.S_IMODE(os.stat(each).st_mode) == 0o600, each
if os.fork() == 0:
    os._exit(0)
os.wait()
print("ran")
"""
    )
    before = os.umask(0)
    try:
        found = run(tmp_path, script, f"--live=ipc://{path}")
    finally:
        os.umask(before)
    assert (found.returncode, found.stdout, found.stderr) == (0, "ran\n", "")
    assert not path.exists()


def test_a_name_for_this_host(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = tmp_path / "script.py"
    script.write_text(f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 10).close()\nprint('ran')\n")
    found = run(tmp_path, script, f"--live=tcp://localhost:{port}")
    assert (found.returncode, found.stdout, found.stderr) == (0, "ran\n", "")


@pytest.mark.parametrize(("value", "nearest"), [("0", "0.02"), ("1000", "60"), ("soon", "0.5"), ("nan", "0.5")])
def test_an_interval_that_can_not_be(script: Path, tmp_path: Path, value: str, nearest: str) -> None:
    found = run(tmp_path, script, "--live", "--interval", value)
    ran_all_the_same(found, script, repr(value), f"using {nearest}\n")


def test_an_environment_that_can_not_be(script: Path, tmp_path: Path) -> None:
    ran_all_the_same(run(tmp_path, script, PIKOS_LIVE="nonsense"), script, "PIKOS_LIVE=nonsense", "tcp://HOST:PORT")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--live=nonsense"], "tcp://HOST:PORT"),
        (["--live=tcp://127.0.0.1:0"], "port"),
        (["--live=tcp://0.0.0.0:9001"], "--live-remote"),
        (["--live=ipc://@name"], "--live-remote"),
        (["--live=ipc://@name", "--connect"], "--live-remote"),
        (["--live=ipc://*"], "ipc:///PATH"),
        (["--live=ipc://~/x"], "ipc:///PATH"),
        (["--live", "--connect"], "name the subscriber's endpoint"),
        (["--interval", "1"], "add --live"),
        (["--paused"], "add --live"),
        (["--checkpoint", "0"], "from 0.1"),
        (["--checkpoint", "often"], "often"),
    ],
)
def test_wrong_usage(script: Path, tmp_path: Path, options: list[str], word: str) -> None:
    found = run(tmp_path, script, *options)
    assert (found.returncode, found.stdout) == (2, "")
    assert word in found.stderr.splitlines()[-1]


def test_wrong_arguments() -> None:
    from pikos.cprofile import Profile

    for arguments in (
        {"live": True, "interval": 0.01},
        {"live": "nonsense"},
        {"live": "tcp://0.0.0.0:9001"},
        {"live": "ipc://@name"},
        {"live": "ipc://*"},
        {"live": True, "connect": True},
        {"checkpoint": ("x", 0.0)},
    ):
        with pytest.raises(ValueError):
            Profile(**arguments)  # type: ignore[arg-type]


def test_what_earlier_processes_left_is_swept(script: Path, tmp_path: Path) -> None:
    folder = sockets(tmp_path)
    folder.mkdir(mode=0o700)
    stale = folder / f"{os.getpid()}-1.pub"
    here = os.getcwd()
    os.chdir(folder)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(stale.name)
    finally:
        os.chdir(here)
    assert run(tmp_path, script, "--live").stderr == ""
    assert list(folder.iterdir()) == []


def test_without_live_nothing_is_made(script: Path, tmp_path: Path) -> None:
    assert run(tmp_path, script).stderr == ""
    assert not sockets(tmp_path).exists()


def test_closed_standard_error(script: Path, tmp_path: Path) -> None:
    code = f"exec {sys.executable} -m {SUBJECT} --live=tcp://127.0.0.1:1 -o {tmp_path}/o.pstats {script} 2>&-"
    sockets(tmp_path).mkdir(mode=0o755)
    found = subprocess.run(
        ["sh", "-c", code], env=live_environment(tmp_path), capture_output=True, text=True, timeout=PATIENCE
    )
    assert (found.returncode, found.stdout) == (0, "ran\n")
