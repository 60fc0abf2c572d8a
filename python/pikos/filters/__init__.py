"""Filters: which records are kept. A filter is called with a record and says whether; any function will do.

These need no Python for an event: monitors apply them natively. One that is shared between recorders compares with what
either has seen.
"""

from pikos.filters.not_on_value import NotOnValue
from pikos.filters.on_change import OnChange
from pikos.filters.on_value import OnValue

__all__ = ["NotOnValue", "OnChange", "OnValue"]
