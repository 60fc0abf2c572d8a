"""Keeps records whose field has one of some values."""

from pikos._lsprof import OnValue

__all__ = ["OnValue"]
