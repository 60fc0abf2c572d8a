"""Profiles tasks of Celery, a profile each.

    from pikos.plugins.celery import profile_tasks

    profile_tasks(slow=5, folder="profiles")    # where the Celery application is made

Works in all of its pools. What is profiled, what is kept, and who sees it: docs/servers.md.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from celery.signals import task_postrun, task_prerun

from pikos.plugins._requests.watch import KEEP, Watch

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from typing import Any

    from pikos.plugins._requests.watch import Running

__all__ = ["profile_tasks"]

#: Tasks that are profiled at the same time, by the objects that stand for them.
_running: dict[int, Running] = {}
#: Under which name Celery has each of our two receivers: a second call takes the place of the first.
_BEGIN, _END = "pikos.begin", "pikos.end"
#: States that a task is in after it has failed.
FAILURES = ("FAILURE", "RETRY", "REJECTED")


def profile_tasks(
    *,
    every: int | None = None,
    slow: float | None = None,
    keep: int = KEEP,
    folder: str | os.PathLike[str],
    tasks: Sequence[str] = ("*",),
) -> None:
    """Profile tasks in each worker that imports this.

    every: one task in so many; slow: seconds: all are profiled, and those are kept that take as long, or fail, or are retried. keep: how many, the
    newest, in all processes together. folder: where they are kept, as ``.pikos`` files. tasks: patterns of the names of those that are meant.

    Raises TypeError, ValueError, and OSError for arguments that can't be.
    """
    if isinstance(tasks, str):
        raise TypeError(f"tasks must be a list of patterns, got {tasks!r}: write [{tasks!r}]")
    patterns = list(tasks)
    watch = Watch(every=every, slow=slow, keep=keep, folder=folder, takes_secret=False)

    def begin(sender: Any = None, task: Any = None, **_: Any) -> None:
        name = sender.name
        if not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            return
        why = watch.choice.chosen()
        running = None if why is None else watch.begin(why)
        if running is not None:
            # Not by its id: a task that calls itself in place may have it as well.
            _running[id(task.request)] = running

    def end(sender: Any = None, task: Any = None, task_id: str = "", state: str | None = None, **_: Any) -> None:
        running = _running.pop(id(task.request), None)
        if running is not None:
            outcome = state or ""
            running.finish(lambda: sender.name, f"task {task_id}", outcome, has_failed=outcome in FAILURES)

    task_prerun.connect(begin, weak=False, dispatch_uid=_BEGIN)
    task_postrun.connect(end, weak=False, dispatch_uid=_END)
