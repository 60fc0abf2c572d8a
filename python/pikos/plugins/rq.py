"""Profiles jobs of RQ, a profile each.

    $ PIKOS_SLOW=5 PIKOS_FOLDER=profiles rq worker --worker-class pikos.plugins.rq.Worker

The environment says what is profiled and kept: ``PIKOS_SLOW`` (seconds), ``PIKOS_EVERY`` (one in so many), ``PIKOS_KEEP``, ``PIKOS_FOLDER``.
docs/servers.md.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import rq

from pikos.plugins._requests.watch import KEEP, Watch

if TYPE_CHECKING:
    from typing import Any

__all__ = ["SimpleWorker", "Worker"]

FOLDER = "profiles"


def from_environment() -> Watch:
    """Raises ValueError and OSError for what can't be."""
    slow, every, keep = (
        _number(name, kind) for name, kind in (("PIKOS_SLOW", float), ("PIKOS_EVERY", int), ("PIKOS_KEEP", int))
    )
    if slow is None and every is None:
        raise ValueError(
            "nothing says which jobs are to be profiled: set PIKOS_SLOW (seconds) or PIKOS_EVERY (one in so many)"
        )
    folder = os.environ.get("PIKOS_FOLDER") or FOLDER
    return Watch(slow=slow, every=every, keep=KEEP if keep is None else keep, folder=folder, takes_secret=False)


def _number(name: str, kind: Any) -> Any:
    text = os.environ.get(name)
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{name} must be a number, got {text!r}") from None


class _Profiling:
    """What both kinds of workers do."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        # Here: what is wrong is said when the worker starts.
        self._pikos = from_environment()

    def perform_job(self, job: Any, queue: Any, *arguments: Any, **named: Any) -> bool:
        why = self._pikos.choice.chosen()
        running = None if why is None else self._pikos.begin(why)
        if running is None:
            return self._perform(job, queue, *arguments, **named)
        succeeded = False
        try:
            succeeded = self._perform(job, queue, *arguments, **named)
            return succeeded
        finally:
            # Before the process of a job ends, which it does at once.
            outcome = "SUCCESS" if succeeded else "FAILURE"
            running.finish(lambda: job.func_name, f"job {job.id}", outcome, has_failed=not succeeded)

    def _perform(self, job: Any, queue: Any, *arguments: Any, **named: Any) -> bool:
        done: bool = super().perform_job(job, queue, *arguments, **named)  # type: ignore[misc]
        return done


class Worker(_Profiling, rq.Worker):  # type: ignore[misc]
    """RQ's, which runs each job in a process of its own."""


class SimpleWorker(_Profiling, rq.SimpleWorker):  # type: ignore[misc]
    """RQ's, which runs all jobs in its own process."""
