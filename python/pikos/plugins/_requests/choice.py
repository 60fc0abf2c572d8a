"""Which requests and tasks are profiled, and which of those are kept."""

from __future__ import annotations

import hmac
import itertools
import math
from typing import NamedTuple

#: A secret that is shorter can be guessed.
LEAST_SECRET = 16

#: Why something was profiled, or kept.
ASKED, IN_TURN, SLOW, FAILED = "asked for", "in turn", "slow", "failed"


class Options(NamedTuple):
    """What a user has said. secret: a request that brings it is profiled; every: one in so many is; slow: seconds: all are, and those that
    take as long, or fail, are kept. Those that are asked for, or in turn, are always kept."""

    secret: str | None
    every: int | None
    slow: float | None


def checked(secret: object, every: object, slow: object, *, takes_secret: bool = True) -> Options:
    """Raises TypeError and ValueError for what can't be."""
    if secret is not None:
        if not isinstance(secret, str):
            raise TypeError(f"secret must be a text, got a {type(secret).__name__}")
        # An empty one is a setting that isn't there.
        if secret and len(secret) < LEAST_SECRET:
            raise ValueError(
                f"secret has {len(secret)} characters, and must have at least {LEAST_SECRET}: secrets.token_urlsafe() makes one"
            )
    if every is not None:
        if not isinstance(every, int) or isinstance(every, bool):
            raise TypeError(f"every must be a whole number, got {every!r}")
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every}: 100 profiles one in a hundred")
    if slow is not None:
        if not isinstance(slow, int | float) or isinstance(slow, bool):
            raise TypeError(f"slow must be a number of seconds, got {slow!r}")
        if not 0 <= slow < math.inf:
            raise ValueError(f"slow must be a number of seconds from 0 up, got {slow!r}")
    if not secret and every is None and slow is None:
        ways = "secret=, every= or slow=" if takes_secret else "every= or slow="
        raise ValueError(f"nothing says what is to be profiled: give {ways}")
    return Options(secret or None, every, None if slow is None else float(slow))


class Choice:
    """Chooses."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._secret = None if options.secret is None else options.secret.encode("utf-8", "replace")
        #: A step of it is atomic, so threads need no lock.
        self._count = None if options.every is None else itertools.count()
        #: Whether any is profiled although nobody asks for it.
        self.counts = options.every is not None or options.slow is not None

    def is_asked(self, given: str | bytes | None) -> bool:
        """Whether that is the secret; in a time that doesn't tell where it differs."""
        if self._secret is None or not given:
            return False
        if isinstance(given, str):
            given = given.encode("utf-8", "replace")
        return hmac.compare_digest(given, self._secret)

    def chosen(self) -> str | None:
        """Of the next request, why it is to be profiled, although nobody asks for it; None if it isn't."""
        if self._count is not None and self.options.every is not None and next(self._count) % self.options.every == 0:
            return IN_TURN
        return SLOW if self.options.slow is not None else None

    def why_kept(self, why: str, seconds: float, has_failed: bool) -> str | None:
        """Of a request that was profiled for this reason, why it is kept; None if it isn't."""
        if why != SLOW:
            return why
        if has_failed:
            return FAILED
        return SLOW if self.options.slow is not None and seconds >= self.options.slow else None
