"""What stands where a result goes is replaced by the whole new one, or stays: whatever comes in between.

A file of the last run, or a checkpoint of this one, is often all that is left of hours.
"""

from __future__ import annotations

import os
import pstats
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from running import PATIENCE, SUBJECT, Run, environment, evaluate, python, write

pytestmark = [pytest.mark.slow_in_debug, pytest.mark.beyond_cprofile]

ENTRY = ["-m", SUBJECT]
OLD = b"what was there before"

#: So many functions that building and writing their profile takes a while.
MANY = 20_000
LARGE = f"""
    import os, signal, sys, threading, time
    for n in range({MANY}):
        exec(f"def f{{n}}(): pass\\nf{{n}}()")
"""


def functions(path: Path) -> set[str]:
    return {name for _, _, name in pstats.Stats(str(path)).stats}  # type: ignore[attr-defined]


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if ".tmp" in path.name]


# ---- a disk that is full


FULL = """
    import resource, signal, sys
    for n in range(300):
        exec(f"def f{n}(): pass\\nf{n}()")
    def full():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    if "late" not in sys.argv:
        full()
"""


@pytest.mark.parametrize(
    "name, options",
    [("out.pstats", []), ("out.pstats", ["--checkpoint", "60"]), ("out.speedscope.json", ["--tree"])],
)
def test_a_full_disk_keeps_the_old_file(folder: Path, name: str, options: list[str]) -> None:
    write(folder, FULL)
    (folder / name).write_bytes(OLD)
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    run = python([*ENTRY, *options, "-o", name, "script.py"], cwd=folder, env={"TMPDIR": str(temporary)})
    assert run.code == 0 and "Traceback" not in run.err and "can't write" in run.err
    assert (folder / name).read_bytes() == OLD
    # The fallback is on a full disk, too: what was measured is on standard error.
    assert "(f299)" in run.err
    assert list(temporary.iterdir()) == []
    assert leftovers(folder) == []


def test_a_table_in_place_of_a_file_is_whole_whatever_was_asked_of_the_one_at_the_end(folder: Path) -> None:
    write(folder, FULL)
    options = ["--table", "-n", "1", "-o", "out.pstats", "script.py"]
    run = python(["-m", "pikos", "run", *options], cwd=folder, env={"TMPDIR": str(folder)})
    assert run.code == 0 and "can't write" in run.err and "(f299)" in run.err
    assert "due to restriction <1>" in run.out and "(f299)" not in run.out
    assert leftovers(folder) == []


@pytest.mark.parametrize("way", ["dump_stats", "own create_stats", "run", "export"])
def test_a_full_disk_keeps_what_dump_stats_would_replace(folder: Path, way: str) -> None:
    write(
        folder,
        textwrap.dedent(FULL)
        + textwrap.dedent(f"""
        import pikos
        from {SUBJECT} import Profile, run
        class Own(Profile):
            def create_stats(self):
                self.disable()
                self.snapshot_stats()
        text = "\\n".join(f"def g{{n}}(): pass\\ng{{n}}()" for n in range(300))
        profile = Own() if {way!r} == "own create_stats" else Profile()
        full()
        try:
            if {way!r} == "run":
                run(text, "out.pstats")
            elif {way!r} == "export":
                profile.run(text)
                pikos.export(profile, "pstats", "out.pstats")
            else:
                profile.run(text)
                profile.dump_stats("out.pstats")
        except OSError as error:
            print(error.errno, error.filename)
        if {way!r} != "run":
            assert ("<string>", 1, "g0") in profile._stats()
        """),
    )
    (folder / "out.pstats").write_bytes(OLD)
    run = python(["script.py", "late"], cwd=folder).succeeded()
    assert run.out == "27 out.pstats\n"
    assert (folder / "out.pstats").read_bytes() == OLD
    assert leftovers(folder) == []


def test_a_full_disk_keeps_the_old_report(folder: Path) -> None:
    write(folder, FULL)
    (folder / "table.txt").write_bytes(OLD)
    run = python(["-m", "pikos.runner", "lines", "--report", "--all", "-o", "table.txt", "script.py"], cwd=folder)
    assert run.code == 0 and "Traceback (" not in run.err and "can't write" in run.err
    assert "f299" in run.err
    assert (folder / "table.txt").read_bytes() == OLD
    assert leftovers(folder) == []


# ---- what ends the process in the middle of the write


def ended_in_the_write(folder: Path, first: signal.Signals, then: Any, program: str = "") -> Run:
    """Run a large program over an old file; as soon as the file or its folder changes, do what `then` does."""
    write(
        folder,
        LARGE
        + textwrap.indent(textwrap.dedent(program), "    ")
        + "\n    print('ready', flush=True)\n    while True: time.sleep(0.01)\n",
    )
    out = folder / "out.pstats"
    out.write_bytes(OLD)
    process = subprocess.Popen(
        [sys.executable, *ENTRY, "-o", "out.pstats", "script.py"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        before = (out.stat().st_size, out.stat().st_ino, sorted(os.listdir(folder)))
        process.send_signal(first)
        while process.poll() is None:
            if (out.stat().st_size, out.stat().st_ino, sorted(os.listdir(folder))) != before:
                then(process)
                break
        text, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return Run(process.returncode, text, err)


def is_whole(folder: Path) -> None:
    names = functions(folder / "out.pstats")
    assert {f"f{n}" for n in range(MANY)} <= names
    assert leftovers(folder) == []


@pytest.mark.parametrize("then", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal(folder: Path, first: signal.Signals, then: signal.Signals) -> None:
    run = ended_in_the_write(folder, first, lambda process: process.send_signal(then))
    is_whole(folder)
    assert run.code in (-first, -then)


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_kill_9_leaves_the_old_file_or_the_new_one(folder: Path, first: signal.Signals) -> None:
    ended_in_the_write(folder, first, lambda process: process.kill())
    if (folder / "out.pstats").read_bytes() != OLD:
        assert {f"f{n}" for n in range(MANY)} <= functions(folder / "out.pstats")


def test_a_storm_of_signals(folder: Path) -> None:
    """Before, while and after it is built and written."""

    def storm(process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGINT)
            time.sleep(0.001)

    write(folder, LARGE + "\n    print('ready', flush=True)\n    while True: time.sleep(0.01)\n")
    process = subprocess.Popen(
        [sys.executable, *ENTRY, "-o", "out.pstats", "script.py"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
    )
    (folder / "out.pstats").write_bytes(OLD)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    storm(process)
    assert process.returncode == -signal.SIGTERM
    process.stdout.close()
    is_whole(folder)


@pytest.mark.parametrize("leave", ["os._exit(7)", "sys.exit(7)"])
def test_the_programs_own_handler_leaves(folder: Path, leave: str) -> None:
    program = f"""
        def leave(number, frame):
            {leave}
        signal.signal(signal.SIGUSR1, leave)
    """
    run = ended_in_the_write(folder, signal.SIGINT, lambda process: process.send_signal(signal.SIGUSR1), program)
    is_whole(folder)
    assert run.code == 7 if "os" in leave else run.code in (7, 120, -signal.SIGINT, 1)


def test_another_thread_leaves(folder: Path) -> None:
    program = """
        def leave():
            before = sorted(os.listdir("."))
            while os.stat("out.pstats").st_size < 100 and sorted(os.listdir(".")) == before:
                if not os.stat("out.pstats").st_size:
                    break
            os._exit(7)
        threading.Thread(target=leave, daemon=True).start()
    """
    run = ended_in_the_write(folder, signal.SIGINT, lambda process: None, program)
    is_whole(folder)
    assert run.code in (7, -signal.SIGINT)


# ---- what kind of file it is


def save(path: Path, way: str) -> None:
    if way == "-o":
        script = path.parent / "program.py"
        script.write_text("def work(): pass\nwork()")
        python([*ENTRY, "-o", str(path), str(script)], cwd=path.parent).succeeded()
        return
    if way in ("dump_stats", "export"):
        evaluate(f"""
            import pikos
            def work(): pass
            profile = Profile()
            profile.runcall(work)
            if {way!r} == "export":
                pikos.export(profile, "pstats", {str(path)!r})
            else:
                profile.dump_stats({str(path)!r})
            answer(None)
        """)
    else:
        done = subprocess.run(
            [sys.executable, "-m", "pikos", "export", "-f", "pstats", saved(path), "-o", path],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr


def saved(path: Path) -> Path:
    source = path.parent / "source.pstats"
    save(source, "dump_stats")
    return source


WAYS = ["-o", "dump_stats", "export", "pikos export"]


@pytest.mark.parametrize("way", WAYS)
def test_a_link_is_followed_and_stays(folder: Path, way: str) -> None:
    (folder / "elsewhere").mkdir()
    target = folder / "elsewhere" / "target.pstats"
    target.write_bytes(OLD)
    (folder / "second").symlink_to("elsewhere/target.pstats")
    (folder / "out").symlink_to("second")
    (folder / "dangling").symlink_to("elsewhere/new.pstats")
    for name in ("out", "dangling"):
        save(folder / name, way)
        assert (folder / name).is_symlink() and "work" in functions(folder / name)
    assert "work" in functions(target) and "work" in functions(folder / "elsewhere" / "new.pstats")
    assert (folder / "second").is_symlink()
    assert leftovers(folder) == leftovers(folder / "elsewhere") == []


@pytest.mark.parametrize("way", WAYS)
def test_the_mode_of_a_file_stays(folder: Path, way: str) -> None:
    out = folder / "out.pstats"
    for mode in (0o600, 0o666, 0o640):
        out.write_bytes(OLD)
        out.chmod(mode)
        save(out, way)
        assert stat.S_IMODE(out.stat().st_mode) == mode
        assert "work" in functions(out)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.skipif(os.getuid() != 0, reason="gives files away: only root may")
def test_the_owner_of_a_file_stays(folder: Path, way: str) -> None:
    out = folder / "out.pstats"
    out.write_bytes(OLD)
    os.chown(out, 12345, 23456)
    save(out, way)
    assert (out.stat().st_uid, out.stat().st_gid) == (12345, 23456)
    assert "work" in functions(out)


@pytest.mark.parametrize("way", WAYS)
def test_a_pipe_is_written_to(folder: Path, way: str) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    save(pipe, way)
    reader.join(PATIENCE)
    (folder / "read.pstats").write_bytes(read[0])
    assert stat.S_ISFIFO(pipe.stat().st_mode) and "work" in functions(folder / "read.pstats")


@pytest.mark.parametrize("way", WAYS)
def test_devices_stay(folder: Path, way: str) -> None:
    before = os.stat("/dev/null")
    (folder / "null").symlink_to("/dev/null")
    save(folder / "null", way)
    after = os.stat("/dev/null")
    assert stat.S_ISCHR(after.st_mode) and after.st_ino == before.st_ino and (folder / "null").is_symlink()


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="needs /dev/stdout")
def test_standard_output_that_is_a_file(folder: Path) -> None:
    """The file must stay the one that the shell has opened."""
    write(folder, "def work(): pass\nwork()")
    with open(folder / "redirected", "wb") as stream:
        before = os.stat(stream.fileno()).st_ino
        done = subprocess.run(
            [sys.executable, *ENTRY, "-o", "/dev/stdout", "script.py"], cwd=folder, stdout=stream, env=environment()
        )
    assert done.returncode == 0 and os.path.islink("/dev/stdout")
    assert (folder / "redirected").stat().st_ino == before
    assert "work" in functions(folder / "redirected")


def test_a_name_too_long_for_one_beside_it(folder: Path) -> None:
    out = folder / ("n" * 255)
    for _ in range(2):
        save(out, "-o")
        assert "work" in functions(out)
    assert leftovers(folder) == []


def test_a_folder_that_takes_no_new_file(folder: Path) -> None:
    """A file that we may write in a folder that we may not."""
    # Below a folder of pytest's, nobody else gets through.
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        out = place / "out.pstats"
        out.write_bytes(OLD)
        out.chmod(0o666)
        place.chmod(0o555)
        write(
            folder,
            """
            import os
            def work(): pass
            work()
            if os.getuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            """,
        )
        python([*ENTRY, "-o", str(out), "script.py"], cwd=folder).succeeded()
        assert "work" in functions(out)
        assert os.listdir(place) == ["out.pstats"]
        place.chmod(0o755)


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user: only root may")
def test_a_file_that_may_not_be_written_is_not_replaced(folder: Path) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o777)
        out = place / "out.pstats"
        out.write_bytes(OLD)
        out.chmod(0o444)
        write(folder, "import os, tempfile\ndef work(): pass\nwork()\nos.setgid(65534)\nos.setuid(65534)\n")
        run = python([*ENTRY, "-o", str(out), "script.py"], cwd=folder, env={"TMPDIR": name})
        assert f"can't write {out}: Permission denied" in run.err
        assert out.read_bytes() == OLD


def test_the_fallback_takes_nobodys_file(folder: Path) -> None:
    """The folder for temporary files is everybody's: what stands there by that name isn't ours."""
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    victim = folder / "victim"
    victim.write_bytes(OLD)
    write(
        folder,
        f"""
        import os, sys
        def work(): pass
        work()
        os.rmdir("gone")
        name = f"{temporary}/pikos-{{os.getpid()}}-out.pstats"
        if sys.argv[1] == "link":
            os.symlink({str(victim)!r}, name)
        else:
            os.mkfifo(name)
        """,
    )
    for kind in ("link", "pipe"):
        (folder / "gone").mkdir()
        run = python([*ENTRY, "-o", "gone/out.pstats", "script.py", kind], cwd=folder, env={"TMPDIR": str(temporary)})
        assert run.code == 0 and "the profile is in " in run.err, run.err
        (mine,) = (path for path in temporary.iterdir() if path.is_file() and not path.is_symlink())
        assert str(mine) in run.err and "work" in functions(mine)
        assert stat.S_IMODE(mine.stat().st_mode) == 0o600
        mine.unlink()
    assert victim.read_bytes() == OLD
