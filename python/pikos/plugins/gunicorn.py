"""Profiles each worker of gunicorn from its beginning to its end, into a file of its own.

    # gunicorn.conf.py
    from pikos.plugins.gunicorn import hooks

    post_fork, worker_exit = hooks("profiles/app.pikos", live=True)

Worker 7 writes ``profiles/app-7.pikos`` when it ends: when it is recycled (``max_requests``), told to stop, or replaced. ``pikos merge`` adds
them up. Of one that is killed (by its ``timeout``, or by the system) there is what was written last: docs/servers.md.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from pikos.cprofile import Profile

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["hooks"]

#: Seconds between two writings, where nobody says it.
CHECKPOINT = 10.0


def hooks(
    out: str | os.PathLike[str],
    *,
    live: bool = False,
    checkpoint: float = CHECKPOINT,
    tree: bool = True,
    **options: Any,
) -> tuple[Callable[[Any, Any], None], Callable[[Any, Any], None]]:
    """``post_fork`` and ``worker_exit``, for gunicorn's configuration.

    out: the file of worker 7 is named after it and the worker. live: each worker can be watched (``pikos top``). checkpoint: its file is written so
    often, in seconds, while it runs. The other options are those of ``pikos.cprofile.Profile``. All threads are recorded.

    Raises TypeError and ValueError for arguments that can't be, OSError if the folder of ``out`` can't be made.
    """
    path = os.path.abspath(os.fspath(out))
    options = {"threads": True, "tree": tree, **options}
    # What is wrong is said when the server starts, and not by each worker.
    Profile(live=live, checkpoint=(path, checkpoint), **options)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    profiles: dict[int, Profile] = {}

    def post_fork(server: Any, worker: Any) -> None:
        profile = Profile(live=live, checkpoint=(with_pid(path, os.getpid()), checkpoint), **options)
        try:
            profile.enable()
        except (ValueError, RuntimeError) as error:
            worker.log.warning("pikos: this worker isn't profiled: %s", error)
            return
        profiles[os.getpid()] = profile

    def worker_exit(server: Any, worker: Any) -> None:
        profile = profiles.pop(os.getpid(), None)
        if profile is None:
            return
        file = with_pid(path, os.getpid())
        profile.close()
        try:
            profile.dump_stats(file)
        except OSError as error:
            print(f"pikos: can't write {file}: {error.strerror or error}", file=sys.stderr)

    return post_fork, worker_exit


def with_pid(path: str, pid: int) -> str:
    """``app.pikos`` of worker 7 is ``app-7.pikos``, as ``--follow`` has it."""
    folder, name = os.path.split(path)
    stem, dot, rest = name[1:].partition(".")
    return os.path.join(folder, f"{name[:1]}{stem}-{pid}{dot}{rest}")
