"""Filters: which records are kept. A filter is called with a record and says whether; any function will do.

These need no Python for an event: monitors apply them natively, before they look at the memory or at a line's text where that isn't
what is asked about. ``&``, ``|`` and ``~`` combine them. One that is shared between recorders compares with what either has seen.
"""

from pikos._lsprof import And, Compare, Glob, Matches, Not, Or, OwnCode
from pikos.filters.expression import parse
from pikos.filters.not_on_value import NotOnValue
from pikos.filters.on_change import OnChange
from pikos.filters.on_value import OnValue

__all__ = [
    "And",
    "Compare",
    "Glob",
    "Matches",
    "Not",
    "NotOnValue",
    "OnChange",
    "OnValue",
    "Or",
    "OwnCode",
    "parse",
]
