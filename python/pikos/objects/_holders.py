"""What keeps an object alive: the shortest way to it from a module, or from a variable of a running function.

No code of the program's runs: attributes are read by what CPython itself has for them, names of classes likewise.
"""

from __future__ import annotations

import os
import sys
import types
from collections import deque

from pikos._lsprof import _referrers, _ways
from pikos.objects._names import cut, label_of, mro_of, name_of, namespace_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, NamedTuple

    class Step(NamedTuple):
        """One step of a way: how it is reached from the one before, and what is there."""

        how: str
        what: str
else:
    from collections import namedtuple

    Step = namedtuple("Step", ("how", "what"))

__all__ = ["Holders", "Step", "holders"]

_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep

#: Referrers that are named, steps up from an object that nothing leads to, characters of a key.
_MOST_REFERRERS, _MOST_UP, _MOST_OF_A_KEY = 1000, 6, 40

#: Types whose text is their own.
_PLAIN = (str, int, float, bool, bytes, type(None))

_ITEMS = (list, tuple, deque)


class Holders:
    """The way to an object. As a text: a line for each step, the object last."""

    def __init__(self, steps: list[Step], is_found: bool) -> None:
        self.steps = steps
        #: Whether it begins at a module or a running function. If not, C code holds what stands first, or nothing does, and it waits for the
        #: garbage collector.
        self.is_found = is_found

    @property
    def path(self) -> str:
        """In one line: ``app.CACHE['x'].rows[3]``."""
        return "".join(step.how for step in self.steps)

    @property
    def owner(self) -> str:
        """The beginning that has a name: a module's variable, a class attribute, or a variable of a function."""
        return "".join(step.how for step in self.steps[:2])

    def text(self, columns: int = 80, indent: str = "") -> str:
        """Lines of at most so many columns."""
        width = min(max((len(step.how) for step in self.steps), default=0), columns // 2)
        lines = [f"{indent}{cut(step.how, width):<{width}}  {step.what}"[:columns].rstrip() for step in self.steps]
        if not self.is_found:
            from textwrap import wrap

            note = "(no module or running function leads here: C code holds it, or it waits for the collector)"
            lines[:0] = wrap(note, columns, initial_indent=indent, subsequent_indent=indent)
        return "\n".join(lines)

    def dot(self) -> str:
        """The same as a graph for Graphviz: ``dot -Tsvg``."""
        lines = ["digraph holders {", "  node [shape=box, fontname=monospace];"]
        for number, step in enumerate(self.steps):
            lines.append(f"  n{number} [label={_dot(step.what)}];")
            if number:
                lines.append(f"  n{number - 1} -> n{number} [label={_dot(step.how)}];")
        return "\n".join([*lines, "}", ""])

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<pikos.objects.Holders: {self.path or 'nothing'}>"


def holders(instance: object) -> Holders:
    """What keeps an object alive: the shortest way from a module to it; from a variable of a running function, if no module leads there.

    The program stands still for the search, about a quarter of a second for a million objects. Raises MemoryError where there are too
    many of them.
    """
    return ways_to([instance])[0]


def ways_to(instances: list[Any]) -> list[Holders]:
    """The same for several objects, in one search."""
    roots, names = modules()
    found = _ways(roots, instances, [], own_frames())
    return [
        upwards(instance, [found, instances, roots]) if way is None else described(way, names)
        for way, instance in zip(found, instances, strict=True)
    ]


def modules() -> tuple[list[Any], list[str]]:
    """All modules and their names: the program's first, then libraries, the interpreter's last; none of ours."""

    def rank(name: str) -> int:
        return 0 if name == "__main__" else 2 if name.partition(".")[0] in sys.stdlib_module_names else 1

    known = [(rank(name), name, module) for name, module in [*sys.modules.items()] if type(name) is str]
    known = [each for each in known if each[1].partition(".")[0] != "pikos"]
    known.sort(key=lambda each: each[0])
    return [module for _, _, module in known], [name for _, name, _ in known]


def own_frames() -> int:
    """How many of the newest frames are ours."""
    frame = sys._getframe(1)
    count = 0
    while frame is not None and frame.f_code.co_filename.startswith(_FOLDER):
        count += 1
        frame = frame.f_back  # type: ignore[assignment]
    return count


def described(way: Any, names: list[str]) -> Holders:
    origin, objects = way
    if isinstance(origin, int):
        steps = [Step(names[origin], "module")]
    else:
        _thread, depth, code, number = origin
        name = variable(code, number)
        place = f"{os.path.basename(code.co_filename)}:{code.co_firstlineno}"
        thread = thread_of(code, depth)
        steps = [
            Step(f"{code.co_qualname}()", f"running{thread}, {place}"),
            Step(f" {name}", what(objects[0])),
        ]
    return Holders(steps + links(objects), True)


def variable(code: types.CodeType, number: int) -> str:
    """The name of a variable, by its place in the frame."""
    cells = [name for name in code.co_cellvars if name not in code.co_varnames]
    names = [*code.co_varnames, *cells, *code.co_freevars]
    return names[number] if number < len(names) else "?"


def thread_of(code: types.CodeType, depth: int) -> str:
    """Which thread runs that code so deep, unless it is the main one."""
    import threading

    main = threading.main_thread().ident
    for ident, newest in sys._current_frames().items():
        frame: types.FrameType | None = newest
        for _ in range(depth):
            frame = frame.f_back if frame is not None else None
        if frame is not None and frame.f_code is code:
            if ident == main:
                return ""
            thread = threading._active.get(ident)  # type: ignore[attr-defined]
            return f" in thread {thread.name}" if thread is not None else f" in thread {ident}"
    return ""


def upwards(instance: Any, avoid: list[Any]) -> Holders:
    """What refers to an object that no module leads to, a few steps up."""
    objects = [instance]
    while len(objects) <= _MOST_UP:
        above = _referrers(objects[0], [*avoid, objects], _MOST_REFERRERS)
        above = [each for each in above if not any(each is known for known in objects)]
        # Not our own: the frame that asks, and its lists.
        above = [each for each in above if not is_ours(each)]
        if not above:
            break
        objects.insert(0, above[0])
    return Holders([Step(what(objects[0]), what(objects[0])), *links(objects)], False)


def is_ours(each: Any) -> bool:
    return type(each) is types.FrameType and each.f_code.co_filename.startswith(_FOLDER)


def links(objects: list[Any]) -> list[Step]:
    """A step for each object after the first; those that are only how CPython keeps attributes are left out."""
    steps = []
    place = 0
    while place + 1 < len(objects):
        parent, child = objects[place], objects[place + 1]
        place += 1
        if place + 1 < len(objects) and is_namespace(parent, child):
            # The namespace is how the parent has its attributes.
            steps.append(Step(key_of(child, objects[place + 1], "."), what(objects[place + 1])))
            place += 1
        elif type(parent) is types.FunctionType and parent.__closure__ is child and place + 2 < len(objects):
            cells = parent.__code__.co_freevars
            number = next(
                (number for number, cell in enumerate(parent.__closure__ or ()) if cell is objects[place + 1]), 0
            )
            name = cells[number] if number < len(cells) else "?"
            steps.append(Step(f"<closure>.{name}", what(objects[place + 2])))
            place += 2
        else:
            steps.append(Step(link(parent, child), what(child)))
    return steps


def is_namespace(parent: Any, child: Any) -> bool:
    if type(child) is not dict:
        return False
    return isinstance_of(parent, type) or attributes(parent) is child


def isinstance_of(each: Any, kind: type) -> bool:
    """As ``isinstance``, by what it is, not what it says."""
    return is_one_of(kind, mro_of(type(each)))


def is_one_of(kind: type, kinds: Iterable[type]) -> bool:
    """As ``kind in kinds``, without the ``__eq__`` and ``__hash__`` that a metaclass may have."""
    return any(kind is each for each in kinds)


def attributes(each: Any) -> Any:
    """An object's own attributes; None if it has none."""
    for base in mro_of(type(each)):
        found = namespace_of(base).get("__dict__")
        if found is not None:
            if not is_one_of(type(found), (types.GetSetDescriptorType, types.MemberDescriptorType)):
                return None
            try:
                return found.__get__(each)  # type: ignore[attr-defined]
            except Exception:
                return None
    return None


def link(parent: Any, child: Any) -> str:
    """How a child is reached from its parent."""
    if isinstance_of(parent, dict):
        return key_of(parent, child, "")
    for kind in _ITEMS:
        if isinstance_of(parent, kind):
            number = index_of(kind, parent, child)
            if number is not None:
                return f"[{number}]"
    if isinstance_of(parent, set) or isinstance_of(parent, frozenset):
        return "{…}"
    if type(parent) is types.FrameType:
        return f" {key_of(dict(parent.f_locals), child, ' ').strip()}"
    return attribute(parent, child)


def index_of(kind: Any, parent: Any, child: Any) -> int | None:
    try:
        return next((number for number, each in enumerate(kind.__iter__(parent)) if each is child), None)
    except RuntimeError:
        return None  # changed by another thread


def key_of(namespace: Any, child: Any, before_a_name: str) -> str:
    """Under which key a dict has a child: ``['x']``, or ``.x`` if it is a namespace."""
    try:
        for key, value in dict.items(namespace):
            if value is child:
                if before_a_name and type(key) is str:
                    return f"{before_a_name}{key}"
                return f"[{shown(key)}]"
            if key is child:
                return " key"
    except RuntimeError:
        pass  # changed by another thread
    return "[…]"


def attribute(parent: Any, child: Any) -> str:
    """By which attribute an object has a child."""
    own = attributes(parent)
    if type(own) is dict:
        name = key_of(own, child, ".")
        if name != "[…]":
            return name
    for base in mro_of(type(parent)):
        # A getter in C may do anything, if it isn't the interpreter's.
        trusted = name_of(base)[0].partition(".")[0] in {"builtins", *sys.stdlib_module_names}
        for name, found in [*namespace_of(base).items()]:
            is_getter = trusted and type(found) is types.GetSetDescriptorType
            if type(found) is types.MemberDescriptorType or is_getter:
                try:
                    if found.__get__(parent) is child:  # type: ignore[attr-defined]
                        return f".{name}"
                except Exception:
                    continue
    if is_one_of(type(parent), (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)):
        return "<its frame>"
    return " →"


def what(each: Any) -> str:
    """An object in a few words."""
    kind = type(each)
    if isinstance_of(each, type):
        return f"class {label_of(each)}"
    if kind is types.ModuleType:
        return "module"
    if kind is types.FunctionType:
        code = each.__code__
        return f"function {code.co_qualname}, {os.path.basename(code.co_filename)}:{code.co_firstlineno}"
    if kind is types.FrameType:
        return f"frame of {each.f_code.co_qualname}(), {os.path.basename(each.f_code.co_filename)}:{each.f_lineno}"
    name = label_of(kind)
    for base in (dict, list, tuple, set, frozenset, deque, str, bytes, bytearray):
        if isinstance_of(each, base):
            count = base.__len__(each)
            keys = ""
            if base is dict and kind is dict and 0 < count <= 8:
                keys = ": " + ", ".join(shown(key) for key in dict.keys(each))
            return f"{name} of {count:,}{keys}"
    return name


def shown(key: Any) -> str:
    if is_one_of(type(key), _PLAIN):
        text = repr(key)
        return text if len(text) <= _MOST_OF_A_KEY else text[: _MOST_OF_A_KEY - 1] + "…"
    if type(key) is tuple and all(is_one_of(type(each), _PLAIN) for each in key):
        text = repr(key)
        return text if len(text) <= _MOST_OF_A_KEY else text[: _MOST_OF_A_KEY - 1] + "…"
    return f"<{label_of(type(key))}>"


def _dot(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") + '"'
