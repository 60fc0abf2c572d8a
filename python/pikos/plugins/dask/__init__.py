"""Exact profiles of the tasks of a Dask cluster: every call on every worker, merged while it runs.

    import pikos.plugins.dask

    with pikos.plugins.dask.profile(client) as p:
        df.groupby("name").amount.sum().compute()
        p.print_stats("cumulative")  # also while it runs

    p.export("cluster.html", by="task")  # one flame graph of the whole cluster

Each worker profiles its tasks, by the prefix of their keys, in the threads that run them; the client asks the workers for what is
new, through Dask's own connections. With ``live=True`` it passes that on to ``pikos top`` and ``pikos serve``. docs/clusters.md
"""

from __future__ import annotations

from typing import TYPE_CHECKING

try:
    import distributed
except ImportError as error:
    raise ImportError("pikos.plugins.dask needs Dask's scheduler: pip install 'pikos[dask]'") from error

from pikos.cprofile import Profile
from pikos.plugins.dask._cluster import ClusterProfile
from pikos.plugins.dask._tasks import TaskProfiler
from pikos.plugins.dask._workers import Worker

if TYPE_CHECKING:
    from typing import Any

__all__ = ["ClusterProfile", "TaskProfiler", "Worker", "profile"]


def profile(
    client: Any = None,
    *,
    live: bool | str = False,
    connect: bool = False,
    remote: bool = False,
    interval: float = 1.0,
    tree: bool = True,
    **options: Any,
) -> ClusterProfile:
    """Profile all tasks that a cluster runs in a ``with`` block (or ``async with``), on all workers, those to come included.

    client: the ``distributed.Client``; by default the current one. live: pass on what the workers tell, for ``pikos top`` and ``pikos
    serve``: True, or an endpoint; connect, remote: as for ``pikos.cprofile.Profile``, and so are the other options, ``builtins=False``
    and ``hook="fast"`` among them. interval: the workers are asked so often, in seconds. tree: keep full stacks, for flame graphs.

    A worker without Pikos, or where another tool has the interpreter's slot, runs its tasks as ever; ``notes`` says so. So it does of
    workers that went without a word: what they had told is counted. Tasks that are coroutines, and those of process pools, aren't
    counted. Raises ValueError if an option can't be.
    """
    if client is None:
        client = distributed.get_client()
    if not 0.02 <= interval <= 60:
        raise ValueError(f"interval must be from 0.02 to 60 seconds, got {interval}")
    options["tree"] = tree
    if {"threads", "checkpoint", "follow"} & set(options):
        raise ValueError("threads, checkpoint and follow have no meaning here: each task is profiled in its own thread")
    # Better here than on each worker.
    Profile(**options, threads=False)
    return ClusterProfile(client, options, interval, live, connect, remote)
