"""The filters."""

from pikos.filters import NotOnValue, OnChange, OnValue

__all__ = ["NotOnValue", "OnChange", "OnValue"]
