"""The filters."""

from pikos.filters import (
    And,
    Compare,
    Glob,
    Matches,
    Not,
    NotOnValue,
    OnChange,
    OnValue,
    Or,
    OwnCode,
    parse,
)

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
