"""What one process hands to another that it starts, or becomes: options and the way to us, in environment variables.

::

    PIKOS_FOLLOW=TAG;pid=…;parent=…;interval=…;…         % and ; of a value are written as %25 and %3B
    PYTHONPATH=…/_begin/_site:…                          where ``sitecustomize`` is ours

Read before the profiler is loaded, so it imports nothing of ours.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

VARIABLE = "PIKOS_FOLLOW"

#: On the PYTHONPATH of children.
FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "_begin", "_site")

#: The user's own PYTHONPATH, where there is one.
PATH = "path"


def announce(texts: "Mapping[str, str]", environ: "MutableMapping[str, str]" = os.environ) -> None:
    """Let a process know that will have this environment."""
    path = environ.get("PYTHONPATH")
    if path is not None and path.split(os.pathsep)[0] == FOLDER:
        path = parse(environ.get(VARIABLE, "")).get(PATH)
    else:
        environ["PYTHONPATH"] = FOLDER if not path else FOLDER + os.pathsep + path
    own = {} if path is None else {PATH: path}
    environ[VARIABLE] = ";".join([tag(), *(f"{name}={escape(value)}" for name, value in {**texts, **own}.items())])


def announced() -> dict[str, str]:
    """What this process was told."""
    return parse(os.environ[VARIABLE])


def forget(environ: "MutableMapping[str, str]" = os.environ) -> None:
    """Leave the environment as the user made it."""
    path = parse(environ[VARIABLE]).get(PATH)
    del environ[VARIABLE]
    if path is None:
        del environ["PYTHONPATH"]
    else:
        environ["PYTHONPATH"] = path


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


def with_pid(path: str, pid: int) -> str:
    """``out.pstats`` of process 7 is ``out-7.pstats``, as ``pikos record`` has it."""
    folder, name = os.path.split(path)
    stem, dot, rest = name[1:].partition(".")
    return os.path.join(folder, f"{name[:1]}{stem}-{pid}{dot}{rest}")
