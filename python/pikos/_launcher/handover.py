"""The program is started by the interpreter itself: this process becomes one that runs it, with the profile armed before it begins.

Whatever a Python program played for it here would differ somewhere. The new interpreter has the flags of this one, and the command line
of a plain run. What it is to record is in its environment, where ``_begin`` finds it, and takes it out again.
"""

import os
import sys

from pikos._launcher import environment, interpreter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: What locale coercion (PEP 538) sets.
COERCED = "LC_CTYPE"


def become(program: list[str], texts: "Mapping[str, str]") -> str:
    """Run ``python FLAGS PROGRAM…`` in place of this process, and have it do what ``texts`` say. Returns only if that can't be: why."""
    reason = obstacle()
    if reason:
        return reason
    options, _, _ = interpreter.split(sys.orig_argv)
    environ = dict(os.environ)
    if COERCED in environ and was_coerced():
        # It will be again; but an interpreter that finds it set takes it for the user's, and no longer for the C locale.
        del environ[COERCED]
    environment.announce(texts, environ)
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (AttributeError, OSError, ValueError):
        pass
    try:
        os.execve(sys.executable, [sys.orig_argv[0], *options, *program], environ)
    except OSError as error:
        return f"{sys.executable}: {error.strerror}"


def obstacle() -> str:
    """Why this process can't become another one and still record; empty if it can."""
    flags = sys.flags
    if flags.isolated or flags.ignore_environment:
        return f"{'-I' if flags.isolated else '-E'} keeps a new interpreter from finding Pikos"
    if flags.no_site:
        return "-S keeps a new interpreter from finding Pikos"
    if os.name != "posix":
        return "this system can't replace a process by another program"
    if not sys.executable or not runs_us():
        return "this interpreter was started to run something else"
    if sys.gettrace() is not None or sys.getprofile() is not None or monitored():
        return "another tool traces this process"
    return ""


def runs_us() -> bool:
    """Whether this interpreter was started to run our command, and nothing else: else somebody has called it, who goes on after it."""
    _, how, rest = interpreter.split(sys.orig_argv)
    if not rest or how == "-c" or rest[1:] != sys.argv[1:]:
        return False
    return rest[0].split(".")[0] == "pikos" if how == "-m" else os.path.basename(rest[0]).startswith("pikos")


def monitored() -> bool:
    """Whether a tool uses ``sys.monitoring``."""
    monitoring = getattr(sys, "monitoring", None)
    return monitoring is not None and any(monitoring.get_tool(tool) is not None for tool in range(6))


def was_coerced() -> bool:
    """Whether the interpreter has set ``LC_CTYPE`` itself, and nobody before it."""
    try:
        with open("/proc/self/environ", "rb") as stream:
            given = stream.read().split(b"\0")
    except OSError:
        return False
    return not any(each.startswith(f"{COERCED}=".encode()) for each in given)
