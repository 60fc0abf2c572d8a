"""``pikos attach``, ``pikos detach`` and ``pikos objects``: what is done in a process that runs already, on CPython 3.14 and later.

``sys.remote_exec`` has the other process run ``in_target.py`` when its main thread comes to a safe point. Request and answer
are files in a folder that only this user can enter::

    FOLDER/script.py          what is run
    FOLDER/wanted             renamed to ``taken`` by the other process, or removed by us when we give up
    FOLDER/answer             what came of it
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import tempfile
import time

from pikos._options import FAST, Options

#: The first release that can be attached to, and from.
FIRST = (3, 14)

#: Seconds from one look at the folder to the next.
PAUSE = 0.01

#: What a process with an interpreter in it has mapped.
INTERPRETER = re.compile(r"/(?:libpython|python)(\d)\.(\d+)t?d?(?:\.so[.\d]*)?$", re.MULTILINE)

INSTEAD = (
    "start the program with `python -m pikos.cprofile --live --paused script.py`; then `pikos ctl resume PID` begins "
    "and `pikos ctl pause PID` ends"
)


INSTEAD_OF_OBJECTS = "have the program itself call `print(pikos.objects.census())`"


class CantAttach(Exception):
    """Why it can't be done, and what to do instead."""


def attach(pid: int, *, interval: float, fast: bool, tree: bool, timeout: float) -> str:
    """Make a process live. Returns what to tell the user; raises CantAttach. interval, timeout: seconds."""
    options = Options(live=True, interval=interval, tree=tree, **(FAST if fast else {}))
    endpoints = ask(pid, "start", options.for_start(), timeout)
    return f"process {pid} is live: watch it with `pikos top {pid}`, or subscribe to {endpoints[0]}"


def detach(pid: int, *, timeout: float) -> str:
    """End what attach() began; the same returns and raises."""
    ask(pid, "stop", {}, timeout)
    return f"process {pid} is no longer profiled"


def objects(pid: int, *, rows: int, by: str, timeout: float) -> str:
    """Count the objects of a process. Returns the table; raises CantAttach."""
    columns = shutil.get_terminal_size().columns
    arguments: dict[str, object] = {"rows": rows, "by": by, "columns": columns}
    return "\n".join(ask(pid, "count", arguments, timeout, INSTEAD_OF_OBJECTS))


def ask(pid: int, action: str, arguments: dict[str, object], timeout: float, instead: str = INSTEAD) -> list[str]:
    """Have a process run ``action``; return the lines of its answer. instead: what else can be done where that can't."""
    check(pid, instead)
    since = started(pid)
    sweep()
    folder = tempfile.mkdtemp(prefix=f"pikos-attach-{pid}-")
    is_given_up = False
    try:
        here = os.path.dirname(os.path.abspath(__file__))
        with open(os.path.join(here, "in_target.py"), encoding="utf-8") as file:
            text = file.read()
        script = os.path.join(folder, "script.py")
        with open(script, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(
                f"{text}\n\nrun({folder!r}, {os.path.dirname(here)!r}, {action!r}, {arguments!r}, {pid}, {since!r})\n"
            )
        with open(os.path.join(folder, "wanted"), "w"):
            pass
        send(pid, script, instead)
        before = signal.getsignal(signal.SIGINT)
        if before is not signal.SIG_IGN:
            # A command that is interrupted takes its request back.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            answer = wait(pid, since, folder, timeout)
        except BaseException:
            is_given_up = take_back(folder) and is_running(pid) and started(pid) == since
            raise
        finally:
            signal.signal(signal.SIGINT, before)
    except KeyboardInterrupt:
        raise CantAttach("interrupted") from None
    finally:
        if not is_given_up:
            shutil.rmtree(folder, ignore_errors=True)
    if answer[0] != "ok":
        raise CantAttach(f"process {pid} refuses: {' '.join(answer[1:])}")
    return answer[1:]


def check(pid: int, instead: str = INSTEAD) -> None:
    """Raise CantAttach for a process that can't be attached to, as far as that can be known from outside."""
    if not is_running(pid):
        raise CantAttach(f"there is no process {pid}")
    if pid == os.getpid():
        raise CantAttach(f"process {pid} is this command itself")
    owner = os.stat(f"/proc/{pid}").st_uid if os.path.isdir("/proc/self") else os.geteuid()
    if owner != os.geteuid():
        raise CantAttach(
            f"process {pid} belongs to user {owner}, but this command runs as user {os.geteuid()}: run it as user {owner}"
        )
    if in_another_container(pid):
        raise CantAttach(f"process {pid} runs in a container, with a file system of its own: run pikos inside it")
    theirs, ours = release(pid), sys.version_info[:2]
    if theirs is not None and theirs < FIRST:
        raise CantAttach(
            f"process {pid} runs CPython {dotted(theirs)}, but attaching needs {dotted(FIRST)} or later: {instead}"
        )
    if ours < FIRST:
        raise CantAttach(
            f"this pikos runs in CPython {dotted(ours)}, but attaching needs {dotted(FIRST)} or later: use the pikos of the "
            f"interpreter that runs process {pid}; or {instead}"
        )
    if theirs is not None and theirs != ours:
        raise CantAttach(
            f"process {pid} runs CPython {dotted(theirs)}, but this pikos runs in {dotted(ours)}: install pikos "
            f"for {dotted(theirs)} and use its command"
        )


def is_running(pid: int) -> bool:
    """Whether there is such a process, of whomever."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def started(pid: int) -> str | None:
    """When a process was started, in clock ticks since boot, or None if that can't be told: a number alone is given anew."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def in_another_container(pid: int) -> bool:
    """Whether the process sees other files than we do, as far as that can be known."""
    try:
        return os.readlink(f"/proc/{pid}/ns/mnt") != os.readlink("/proc/self/ns/mnt")
    except OSError:
        return False


def release(pid: int) -> tuple[int, int] | None:
    """The CPython that a process runs, or None if that can't be told."""
    try:
        with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
            found = INTERPRETER.search(file.read())
    except OSError:
        return None
    return (int(found[1]), int(found[2])) if found else None


def dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def send(pid: int, script: str, instead: str = INSTEAD) -> None:
    """Have the process run the script at its next safe point."""
    try:
        sys.remote_exec(pid, script)  # type: ignore[attr-defined,unused-ignore]
    except PermissionError as error:
        raise CantAttach(
            f"process {pid} can't be reached: {error}. The system lets only root (sudo), or a process with CAP_SYS_PTRACE, attach; "
            "where /proc/sys/kernel/yama/ptrace_scope is 0, you can attach to your own processes, too"
        ) from error
    except ProcessLookupError:
        raise CantAttach(f"there is no process {pid}") from None
    except (OSError, RuntimeError) as error:
        problem = "; ".join(str(part) for part in (error, error.__cause__) if part)
        raise CantAttach(
            f"process {pid} can't be reached: {problem}. Is it a CPython {dotted(sys.version_info[:2])}, started without "
            f"PYTHON_DISABLE_REMOTE_DEBUG and -X disable-remote-debug? If not, {instead}"
        ) from error


def wait(pid: int, since: str | None, folder: str, timeout: float) -> list[str]:
    """The lines of the answer."""
    deadline = time.monotonic() + timeout
    answer = os.path.join(folder, "answer")
    while not os.path.exists(answer):
        if not is_running(pid) or started(pid) != since:
            raise CantAttach(f"process {pid} ended before it answered")
        # What it has begun, it ends: then the answer is worth waiting for.
        if time.monotonic() > deadline and not os.path.exists(os.path.join(folder, "taken")):
            raise CantAttach(
                f"process {pid} reached no safe point within {timeout:g} s: its main thread is in a long call into C, or waits in "
                "one. Nothing was changed; try again with a longer --timeout"
            )
        time.sleep(PAUSE)
    with open(answer, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().split("\n")


def take_back(folder: str) -> bool:
    """Whether the request was taken back before the process came to it. It will run the script: that must stay, and does
    nothing but remove itself."""
    try:
        os.unlink(os.path.join(folder, "wanted"))
    except OSError:
        return False
    return True


def sweep() -> None:
    """Remove requests that were taken back, of processes that never came to them."""
    with os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            found = re.match(r"pikos-attach-(\d+)-", entry.name)
            if found and not is_running(int(found[1])) and entry.is_dir(follow_symlinks=False):
                if entry.stat(follow_symlinks=False).st_uid == os.geteuid():
                    shutil.rmtree(entry.path, ignore_errors=True)
