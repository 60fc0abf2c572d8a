"""The filters."""

from pikos.filters import *  # noqa: F403
from pikos.filters import __all__ as __all__
