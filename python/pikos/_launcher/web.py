"""``--web``: the program's page in the browser, beside it.

``pikos serve`` is a process of its own, and nobody's child: the program may wait for its children. It ends by itself when the program
has, and nobody looks at the page any more. Never touches the program's standard input and output, and imports nothing that the program
would find imported.
"""

from __future__ import annotations

import os
import sys

from pikos._launcher.environment import VARIABLE, forget

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos._launcher.recorder import Recorder

#: The shell ends at once, and leaves what it started to the system.
DETACHED = ["/bin/sh", "-c", '"$@" &', "sh"]


def show_page(profile: Recorder, follows: bool) -> None:
    """Publish, serve the page of this process, have it opened, and say on standard error where it is. follows: its children are
    shown, too. Where publishing fails, nothing."""
    profile._go_live()
    if not profile.endpoints:
        return
    told = serve([] if follows else [str(os.getpid())])
    if told.startswith("http://"):
        told = f"pikos: watch the program in the browser: {told}"
    os.write(2, f"{told}\n".encode())


def serve(targets: list[str]) -> str:
    """Start ``pikos serve`` for these; return its address, or why there is none."""
    environ = dict(os.environ)
    if VARIABLE in environ:
        # The server is not to be recorded.
        forget(environ)
    command = [sys.executable, "-P", "-m", "pikos", "serve", *targets, "--beside", "--open"]
    read_end, write_end = os.pipe()
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, write_end, 1),
        (os.POSIX_SPAWN_DUP2, write_end, 2),
    ]
    try:
        # A group of its own: Ctrl-C is for the program.
        process = os.posix_spawn(DETACHED[0], [*DETACHED, *command], environ, file_actions=actions, setpgroup=0)
    except OSError as error:
        os.close(read_end)
        return f"pikos: no page: {DETACHED[0]}: {error.strerror}"
    finally:
        os.close(write_end)
    os.waitpid(process, 0)
    told = b""
    while b"\n" not in told and (more := os.read(read_end, 4096)):
        told += more
    os.close(read_end)
    return told.decode(errors="replace").partition("\n")[0] or "pikos: no page: `pikos serve` ended at once"
