"""``--top``: `pikos top` beside the program, where there is room for both; else how to have it.

tmux opens a pane and leaves the keyboard where it is; elsewhere a line says what to type. Never touches the program's
standard streams, and imports nothing.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos._launcher.recorder import Recorder


def show_top(profile: Recorder) -> None:
    """Publish, and open a pane with ``pikos top`` for this process, or say on standard error how to watch it. Without a
    terminal, and where publishing fails, neither."""
    profile._go_live()
    if not profile.endpoints or not any(map(os.isatty, range(3))):
        return
    pid = os.getpid()
    problem = split_pane(pid) if os.environ.get("TMUX") else ""
    if problem is not None and os.isatty(2):
        reason = f" ({problem})" if problem else ""
        os.write(2, f"pikos: to watch the program, type in another terminal{reason}: pikos top {pid}\n".encode())


def split_pane(pid: int) -> str | None:
    """Let tmux run ``pikos top`` below the program's own pane; why it doesn't, if so."""
    # The server's environment is that of its own start: the sockets may be elsewhere.
    folders = [f"{name}={os.environ[name]}" for name in ("XDG_RUNTIME_DIR", "TMPDIR") if name in os.environ]
    absent = [f"--unset={name}" for name in ("XDG_RUNTIME_DIR", "TMPDIR") if name not in os.environ]
    command = ["env", *absent, *folders, sys.executable, "-m", "pikos", "top", str(pid)]
    pane = ["-t", os.environ["TMUX_PANE"]] if "TMUX_PANE" in os.environ else []
    # -d: the keyboard stays with the program.
    status = run(["tmux", "split-window", "-d", "-v", *pane, "--", *command])
    if status == 0:
        return None
    return status if isinstance(status, str) else "tmux opened no pane"


def run(command: list[str]) -> int | str:
    """The exit status of a command without input and output, or why it doesn't start."""
    null = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)]
    try:
        process = os.posix_spawnp(command[0], command, os.environ, file_actions=null)
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status)
