"""A function's numbers, and a stack's, as ``pikos.stats`` hands them out: here, so that who shows them needn't know profiles."""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """A function and its numbers; or one of its callers or callees, and the part that is theirs. Times in seconds.

    What nobody counted is None: calls, in a file of a profiler that takes samples of stacks."""

    file: str  #: ``~`` for a built-in
    line: int  #: of the ``def``; 0 for a built-in
    name: str  #: as cProfile has it
    qualname: str | None  #: ``Class.method``, where the file says it
    ncalls: int | None
    primitive_calls: int | None  #: those that were not recursive
    tottime: float  #: in the function itself
    cumtime: float  #: with all that it called, outermost calls only
    gil_wait: float | None  #: that it waited for the GIL, in no other time; None where that isn't known, as of callers
    number: int  #: the function's, in this profile
    #: Of ``tottime``, while a processor was at work on it; None without ``Profile(cpu=True)`` or ``--cpu``.
    cpu_tottime: float | None = None
    cpu_cumtime: float | None = None  #: likewise of ``cumtime``
    #: The quickest call, callees included; None without ``Profile(distribution=True)`` or ``--distribution``, and of callers.
    min: float | None = None
    p50: float | None = None  #: half of all calls took no longer; to within 5 %, as all of these
    p90: float | None = None
    p99: float | None = None
    p999: float | None = None  #: 999 of 1,000 took no longer
    max: float | None = None  #: the slowest call
    slowest_at: float | None = None  #: when that ended, since recording began; None where nobody knows


class Node(NamedTuple):
    """A full stack, and what happened with exactly these calls open. Times in seconds."""

    parent: int | None  #: the stack without its top: its place in the list; None at the bottom
    file: str  #: of the function on top, as in ``Row``
    line: int
    name: str
    qualname: str | None
    ncalls: int | None  #: how often this very stack was entered
    tottime: float  #: with exactly this stack
    cumtime: float  #: with this stack and all above it
    number: int  #: the function's, in this profile
