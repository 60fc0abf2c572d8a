"""``os.exec*`` of a profiled process: what must be done before its program is replaced.

Nobody else tells: the process number and start time stay, so the sockets would look alive, and no exit handler runs.
Used while something is live, or followed; ``os.execl`` and the others call these two.
"""

from __future__ import annotations

import os

from pikos._lsprof import _live_before_exec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    from pikos._launcher.session import Session

    Undo = Callable[[], object]

#: Called before the program is replaced, in this order; each returns what is to be called if that fails after all.
_watchers: list[Callable[[], Undo]] = []

_execv = os.execv
_execve = os.execve


def watch(watcher: Callable[[], Undo]) -> None:
    """Have ``watcher`` called from now on."""
    if watcher not in _watchers:
        _watchers.append(watcher)
    if os.execv is not execv:
        _replace()


def unwatch(watcher: Callable[[], Undo]) -> None:
    """Call it no more; without watchers, ``os`` is as it was."""
    if watcher in _watchers:
        _watchers.remove(watcher)
    if not _watchers and os.execv is execv and os.execve is execve:
        os.execv, os.execve = _execv, _execve


def watch_streams() -> None:
    """Live profiles say that the program was replaced."""
    watch(end_streams)


def unwatch_streams() -> None:
    """No profile is live any more."""
    unwatch(end_streams)


def end_streams() -> Undo:
    """End what is live in this process."""
    ended = _live_before_exec()

    def go_on() -> None:
        for profiler, was_enabled in ended:
            profiler._go_live()
            if was_enabled:
                profiler.enable()

    return go_on


def watch_session(session: Session) -> None:
    """Save a profiled run before its program is replaced; let it go on if that fails."""

    def save() -> Undo:
        was_live = bool(session.profile.endpoints)
        go_live = end_streams()
        session.save()

        def go_on() -> None:
            session.saved = False
            if was_live:
                go_live()
            else:
                session.profile.enable()

        return go_on

    watch(save)


def execv(path: Any, argv: Any, /) -> NoReturn:
    """Execute an executable path with arguments, replacing current process."""
    undo = _before(path)
    try:
        _execv(path, argv)
    finally:
        _after(undo)


def execve(path: Any, argv: Any, env: Any) -> NoReturn:
    """Execute an executable path with arguments and an environment, replacing current process."""
    undo = _before(path)
    try:
        _execve(path, argv, env)
    finally:
        _after(undo)


def _replace() -> None:
    global _execv, _execve
    _execv, _execve = os.execv, os.execve
    os.execv, os.execve = execv, execve


def _before(path: Any) -> list[Undo]:
    # ``os.execvp`` tries one folder after another: only where there is a program will this process end.
    return [watcher() for watcher in [*_watchers]] if _is_program(path) else []


def _is_program(path: Any) -> bool:
    if isinstance(path, int):
        return True
    try:
        return os.path.isfile(path) and os.access(path, os.X_OK)
    except (TypeError, ValueError):
        return False


def _after(undo: list[Undo]) -> None:
    for each in reversed(undo):
        each()
