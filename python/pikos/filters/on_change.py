"""Keeps records whose field has changed."""

from pikos._lsprof import OnChange

__all__ = ["OnChange"]
