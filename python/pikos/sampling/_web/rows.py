"""What pages, JSON and tables are made of."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Function(NamedTuple):
    """A row of the table. Shares are of all the time that was sampled."""

    function: str
    file: str
    line: int
    samples: int
    self_samples: int
    self_seconds: float
    total_seconds: float
    self_share: float
    total_share: float


class Frame(NamedTuple):
    function: str
    file: str
    line: int


class Thread(NamedTuple):
    """Where a thread is now, the outermost function first."""

    name: str
    id: int
    is_daemon: bool
    stack: list[Frame]
    #: Functions below those that are not shown.
    cut: int


class Table(NamedTuple):
    """Another page that a door has: figures of its own. note: what they are, a sentence."""

    title: str
    note: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int | float]]
