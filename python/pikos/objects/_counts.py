"""What is known of types whose objects are counted, and of the lines that make them."""

from __future__ import annotations

from typing import NamedTuple


class TypeEvents(NamedTuple):
    """What is known of a type. None: nobody knows."""

    type: str  #: ``__qualname__``
    module: str
    created: int  #: objects made while it was watched
    destroyed: int | None  #: objects gone meanwhile, those that were there before included
    alive: int | None  #: how many more there are than in the beginning
    peak: int | None  #: the most that there were at once, likewise
    bytes: int  #: of these that are alive, without what they point at


class PlaceEvents(NamedTuple):
    """What is known of a line that makes objects of a type."""

    type: str
    module: str
    file: str
    line: int
    function: str  #: ``co_qualname``
    created: int
    alive: int | None  #: how many of these are still there; of many an estimate, by a part of them
