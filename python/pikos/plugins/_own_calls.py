"""What the tests' own code does: calls that don't depend on the tool that runs it, on what was imported before, or on when garbage was found.

A stack counts from the first function on that is the project's: what that calls, directly or through libraries, is its doing. What an
import does is not, for it happens once in a process, whoever comes first; nor what `__del__` does, which happens at any time.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from pikos.stats import Node, Profile

#: Below a node: nothing counts yet; all does; nothing will.
_NOT_YET, _COUNTS, _NEVER = range(3)
#: This package: what begins and ends a recording.
_PIKOS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
#: Whose threads run beside the tests in a process of pytest-xdist's.
_WORKERS = f"{os.sep}execnet{os.sep}"
#: What imports: also the callbacks of its weak references, which come later.
_IMPORTS = "<frozen importlib."
#: Event loops: how often they turn depends on how busy the machine is.
_LOOPS = re.compile(r"[/\\](asyncio[/\\](\w+_)?events\.py|selectors\.py|trio[/\\]_core[/\\]\w+\.py)$")
#: How the end of a recording looks in it.
_END = "<method 'disable' of '_lsprof.Profiler'"


class OwnCalls(NamedTuple):
    """Calls of the project's own doing, and the seconds that each of its functions owes, with what it calls in libraries."""

    calls: int
    spent: dict[str, float]
    #: Calls by function: ``name (file)``, without the line, which changes with each edit above it.
    by_function: dict[str, int]
    #: Which of these are the project's.
    mine: set[str]


def own_calls(profile: Profile, is_own: Callable[[str], bool], from_the_start: bool = False) -> OwnCalls:
    """from_the_start: the profile was begun in the project's code, so all counts, whoever is at its bottom, but for an event loop."""
    nodes = profile.tree() or []
    states: list[int] = []
    #: The function of the project that a node's time is owed to.
    owners: list[Node | None] = []
    calls = 0
    by_function: dict[str, int] = {}
    own: set[str] = set()
    spent: dict[str, float] = {}
    known: dict[str, bool] = {}
    for node in nodes:
        parent = node.parent
        owner = owners[parent] if parent is not None else None
        file = node.file
        if parent is not None:
            state = states[parent]
        else:
            state = _COUNTS if from_the_start and not _LOOPS.search(file) else _NOT_YET
        mine = known.get(file)
        if mine is None:
            mine = known[file] = is_own(file)
        if mine:
            owner = node
        if _is_left_out(node):
            state = _NEVER
        elif state == _NOT_YET and mine:
            state = _COUNTS
        states.append(state)
        owners.append(owner)
        if state != _COUNTS:
            continue
        count = node.ncalls or 0
        calls += count
        name = shown(node, has_line=False)
        by_function[name] = by_function.get(name, 0) + count
        if mine:
            own.add(name)
        if owner is not None:
            place = shown(owner)
            spent[place] = spent.get(place, 0.0) + node.tottime
    return OwnCalls(calls, spent, by_function, own)


def _is_left_out(node: Node) -> bool:
    file, name = node.file, node.name
    return file.startswith((_IMPORTS, _PIKOS)) or _WORKERS in file or name == "__del__" or name.startswith(_END)


def shown(node: Node, has_line: bool = True) -> str:
    """``load (shop.py:12)``"""
    name = (node.qualname or node.name).replace(".<locals>", "")
    if node.file == "~":
        return f"{{{name[1:-1]}}}" if name[:1] == "<" and name[-1:] == ">" else name
    return f"{name} ({os.path.basename(node.file)}{f':{node.line}' if has_line else ''})"


def shown_code(code: CodeType) -> str:
    """The same of a function that may not be in a profile."""
    name = code.co_qualname.replace(".<locals>", "")
    return f"{name} ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"


def under(root: str) -> Callable[[str], bool]:
    """Whether a file is the project's: it is below this folder, and not of an environment that is there as well."""
    root = os.path.join(os.path.realpath(root), "")
    foreign = {os.path.join(os.path.realpath(path), "") for path in _foreign_folders()}
    foreign = {path for path in foreign if not root.startswith(path)}

    def is_own(file: str) -> bool:
        if file.startswith("<doctest "):
            return True
        if file in ("~", "") or file.startswith("<"):
            return False
        path = os.path.realpath(file)
        if not path.startswith(root) or f"{os.sep}site-packages{os.sep}" in path[len(root) - 1 :]:
            return False
        return not any(path.startswith(each) for each in foreign)

    return is_own


def _foreign_folders() -> list[str]:
    paths = sysconfig.get_paths()
    found = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib") if name in paths]
    if sys.prefix != sys.base_prefix:
        found.append(sys.prefix)
    return found
