"""The live profile of this very process: ``pikos.live.start()`` and ``stop()``, also what ``pikos attach`` calls.

Imports nothing that the program doesn't have already, but for the profiler itself.
"""

from __future__ import annotations

from pikos.cprofile.profile import Profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: What start() has begun and stop() hasn't handed back.
_profile: Profile | None = None


def start(
    *,
    builtins: bool = True,
    threads: bool | None = True,
    hook: str | None = None,
    compensate: bool = False,
    tree: bool = False,
    endpoint: str | None = None,
    interval: float = 0.5,
    connect: bool = False,
    remote: bool = False,
    follow: bool = False,
    paused: bool = False,
    **others: Any,
) -> Profile:
    """Begin a live profile of this process, for ``pikos top`` and others, and return it.

    There is one at a time; it ends by stop(), by ``pikos ctl stop``, or with the interpreter. Calls that are open now are not
    in it. All threads count unless ``threads`` says otherwise. endpoint: publish there, too (``tcp://127.0.0.1:9001``,
    ``ipc:///path``). paused: collect nothing before ``pikos ctl resume`` or ``enable()``. The other arguments, and the
    meaning of these, are those of ``pikos.cprofile.Profile``.

    Raises RuntimeError if it is running already, ValueError if an argument is wrong or another profiler is active, OSError if
    there is no socket to be had.
    """
    global _profile
    if is_running():
        raise RuntimeError("this process is live already: call pikos.live.stop() first")
    profile = Profile(
        builtins=builtins,
        threads=threads,
        hook=hook,
        compensate=compensate,
        tree=tree,
        live=True if endpoint is None else endpoint,
        interval=interval,
        connect=connect,
        remote=remote,
        follow=follow,
        **others,
    )
    if _profile is not None:
        # Ended by a request, or left over from before a fork.
        _profile.close()
        _profile = None
    problem = profile._go_live()
    if problem is not None:
        raise OSError(f"the profile can't go live: {problem}")
    _profile = profile
    if not paused:
        try:
            profile.enable()
        except BaseException:
            _profile = None
            profile.close()
            raise
    return profile


def stop() -> Profile:
    """End what start() began: the last message is sent, and nothing of it stays but what it returns, the Profile, to be looked
    at or saved. Waits at most 0.2 s.

    Raises RuntimeError without a start().
    """
    global _profile
    if _profile is None:
        raise RuntimeError("this process is not live: call pikos.live.start() first")
    # At once, so that little of ours is in the profile.
    _profile.disable()
    profile, _profile = _profile, None
    profile.close()
    return profile


def count(rows: int, by: str, columns: int) -> list[str]:
    """For ``pikos objects``: the lines of a census."""
    from pikos.objects import census

    return census(by).table(rows, columns).splitlines()


def is_running() -> bool:
    """Whether start() would refuse: False also after ``pikos ctl stop``."""
    return _profile is not None and bool(_profile.endpoints)
