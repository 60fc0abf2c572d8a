"""What a followed process hands to those that it starts: options and the way to us, in environment variables.

::

    PIKOS_FOLLOW=TAG;pid=…;parent=…;interval=…;…         % and ; of a value are written as %25 and %3B
    PYTHONPATH=…/_site:…                                 where ``sitecustomize`` is ours

Read before the profiler is loaded, so it imports nothing of ours.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "PIKOS_FOLLOW"

#: On the PYTHONPATH of children.
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_site")


def announce(texts: Mapping[str, str]) -> None:
    """Let children know, in this process's environment."""
    os.environ[VARIABLE] = ";".join([tag(), *(f"{name}={escape(value)}" for name, value in texts.items())])
    path = os.environ.get("PYTHONPATH")
    if path is None or path.split(os.pathsep)[0] != FOLDER:
        os.environ["PYTHONPATH"] = FOLDER if not path else FOLDER + os.pathsep + path


def announced() -> dict[str, str]:
    """What this process was told."""
    return parse(os.environ[VARIABLE])


def tag() -> str:
    """What an interpreter must be to load our native module: as ``sitecustomize`` finds it."""
    kind = sys.implementation
    return "-".join([kind.cache_tag or "", getattr(sys, "abiflags", ""), getattr(kind, "_multiarch", "")])


def escape(value: str) -> str:
    return value.replace("%", "%25").replace(";", "%3B")


def parse(text: str) -> dict[str, str]:
    """The options in the variable's value."""
    fields = (field.partition("=") for field in text.split(";")[1:])
    return {name: value.replace("%3B", ";").replace("%25", "%") for name, _, value in fields}
