"""Keeps records whose field has none of some values."""

from pikos._lsprof import NotOnValue

__all__ = ["NotOnValue"]
