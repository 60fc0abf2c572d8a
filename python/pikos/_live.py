"""The launcher's options for a live profile: read only where there is one."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from optparse import OptionParser, Values
    from typing import Any

#: Seconds from one message to the next: the least, the usual and the most.
INTERVALS = (0.02, 0.5, 60.0)


def from_environment(value: str) -> bool | str:
    """``PIKOS_LIVE``: 1, or an endpoint; 0 or nothing for a profile that isn't live."""
    return value == "1" or (value not in ("", "0") and value)


def check_arguments(options: Values, wanted: bool | str, parser: OptionParser) -> dict[str, Any]:
    """The keyword arguments for ``Profile``. What is wrong on the command line ends it, as wrong usage; a wrong interval
    or a wrong environment is said on standard error, and the program runs."""
    from pikos.cprofile import Profile

    arguments: dict[str, Any] = {
        "live": wanted,
        "interval": interval(options.interval),
        "connect": options.connect,
        "remote": options.live_remote,
        "follow": options.follow,
    }
    try:
        Profile(**arguments)
    except ValueError as error:
        if options.live is not None:
            parser.error(str(error))
        sys.stderr.write(f"pikos: PIKOS_LIVE={os.environ['PIKOS_LIVE']}: {error}\n")
        return {}
    return arguments


def interval(text: str | None) -> float:
    """``--interval``, or ``PIKOS_INTERVAL``, moved to what can be done."""
    least, usual, most = INTERVALS
    if text is None:
        text = os.environ.get("PIKOS_INTERVAL")
        if text is None:
            return usual
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if least <= seconds <= most:
        return seconds
    nearest = usual if seconds != seconds else min(max(seconds, least), most)
    sys.stderr.write(
        f"pikos: an interval of {text!r}: it must be from {least:g} to {most:g} seconds; it is {nearest:g} now\n"
    )
    return nearest
