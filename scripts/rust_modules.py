"""Which Rust file of a crate uses which: read from `use` statements and paths, as text.

An arrow goes to the file that defines a name, through re-exports, so a `mod.rs` that is a table of contents ties nothing
together. Tests are left out. What is found without a path (methods of a type that came as an argument) is not seen.
"""

from __future__ import annotations

import re
from pathlib import Path

Module = tuple[str, ...]

# Comments, then strings and characters: a word in them is not code.
NOT_CODE = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | r(\#*)".*?"\1 | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\\n])'""",
    re.DOTALL | re.VERBOSE,
)
INLINE_MODULE = re.compile(r"\bmod\s+(\w+)\s*\{")
OF_TESTS = re.compile(
    r"#\[cfg\((?:test|all\(test\b[^\]]*)\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(mod|use)\b"
)
USE = re.compile(r"(?<![\w#])(pub(?:\s*\([^)]*\))?\s+)?use\s+([^;]+);")
PATH = re.compile(r"(?<![\w:])((?:[A-Za-z_]\w*\s*::\s*)+)([A-Za-z_]\w*)")


def code_of(source: str) -> str:
    """The source with comments and literals blanked out, line numbers kept."""
    return NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)


class Source:
    """One file: the names that it brings in, and the paths that it mentions."""

    def __init__(self, module: Module, code: str) -> None:
        self.module = module
        #: (module in which it stands, path, local name, whether it is a re-export)
        self.uses: list[tuple[Module, tuple[str, ...], str, bool]] = []
        #: (module in which it stands, path)
        self.mentions: list[tuple[Module, tuple[str, ...]]] = []
        self.words: dict[str, int] = {}
        self.test_modules: set[str] = set()
        self._read(module, self._without_tests(code))

    def _without_tests(self, code: str) -> str:
        for match in reversed([*OF_TESTS.finditer(code)]):
            rest = code[match.end() :]
            named = re.match(r"\s+(\w+)\s*([;{])", rest) if match[1] == "mod" else None
            if named and named[2] == "{":
                end = match.end() + closing(rest, named.end() - 1)
            else:
                end = code.index(";", match.end()) + 1
                if named:
                    self.test_modules.add(named[1])
            code = code[: match.start()] + re.sub(r"[^\n]", " ", code[match.start() : end]) + code[end:]
        return code

    def _read(self, module: Module, code: str) -> None:
        while inline := INLINE_MODULE.search(code):
            end = closing(code, inline.end() - 1)
            self._read((*module, inline[1]), code[inline.end() : end - 1])
            code = code[: inline.start()] + code[end:]
        for match in USE.finditer(code):
            for path, name in leaves(re.sub(r"\s+", " ", match[2]).strip()):
                self.uses.append((module, path, name, bool(match[1])))
        code = USE.sub(" ", code)
        for match in PATH.finditer(code):
            self.mentions.append((module, (*re.findall(r"\w+", match[1]), match[2])))
        for word in re.findall(r"\w+", code):
            self.words[word] = self.words.get(word, 0) + 1


def closing(code: str, start: int) -> int:
    """Where the block that is opened at ``start`` ends."""
    depth = 0
    for place in range(start, len(code)):
        depth += {"{": 1, "}": -1}.get(code[place], 0)
        if depth == 0:
            return place + 1
    return len(code)


def leaves(tree: str, before: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], str]]:
    """The paths of a use tree, each with its local name: ``a::{self, b as c}`` is (a, "a") and (a::b, "c")."""
    head, brace, rest = tree.partition("{")
    path = (*before, *re.findall(r"[\w*]+(?=\s*::)", head))
    if brace:
        found = []
        depth, part = 0, ""
        for sign in rest[: rest.rindex("}")] + ",":
            depth += {"{": 1, "}": -1}.get(sign, 0)
            if sign == "," and depth == 0:
                found += leaves(part.strip(), path) if part.strip() else []
                part = ""
            else:
                part += sign
        return found
    words = head.split()
    last = words[0].rsplit("::", 1)[-1].strip()
    name = words[2] if len(words) == 3 and words[1] == "as" else last
    if last == "self" and path:
        return [(path, name if name != "self" else path[-1])]
    return [((*path, last), name)]


def is_test(module: Module, tests: set[Module]) -> bool:
    """Whether a file is only compiled for tests, or stands in such a module."""
    if module and (module[-1].endswith("_tests") or "tests" in module):
        return True
    return any(module[:length] in tests for length in range(1, len(module) + 1))


class Crate:
    """The files of one crate, without its tests."""

    def __init__(self, root: Path) -> None:
        found: dict[Module, Path] = {}
        for file in sorted((root / "src").rglob("*.rs")):
            module = file.relative_to(root / "src").with_suffix("").parts
            found[module[:-1] if module[-1] in ("mod", "lib") else module] = file
        sources = {module: Source(module, code_of(file.read_text())) for module, file in found.items()}
        tests = {(*module, name) for module, source in sources.items() for name in source.test_modules}
        self.sources = {module: source for module, source in sources.items() if not is_test(module, tests)}
        self.files = {module: found[module] for module in self.sources}

    def arrows(self) -> dict[Path, dict[Path, set[str]]]:
        """For each file, the files that it uses, and the names that it takes from there."""
        arrows: dict[Path, dict[Path, set[str]]] = {file: {} for file in self.files.values()}
        for module, source in self.sources.items():
            here = self.files[module]
            taken = [(inside, path) for inside, path in source.mentions]
            for inside, path, name, is_reexport in source.uses:
                if not is_reexport or source.words.get(name, 0) > 0:
                    taken.append((inside, path))
            for inside, path in taken:
                target = self.resolve(inside, path)
                if target is not None and target[1] and self.files[target[0]] != here:
                    arrows[here].setdefault(self.files[target[0]], set()).add(target[1])
        return arrows

    def _file_of(self, module: Module) -> Module:
        """The file in which a module stands: its own, or the one around it."""
        while module not in self.files and module:
            module = module[:-1]
        return module

    def resolve(self, inside: Module, path: tuple[str, ...], depth: int = 0) -> tuple[Module, str] | None:
        """The file module that defines what a path names, and the name; None for what is no path of this crate."""
        if depth > 20:
            return None
        source = self.sources[self._file_of(inside)]
        place = inside
        rest = list(path)
        if rest[0] in ("crate", "self", "super"):
            place = () if rest[0] == "crate" else inside
            while rest and rest[0] in ("crate", "self", "super"):
                place = place[:-1] if rest[0] == "super" else place
                rest.pop(0)
        elif (*inside, rest[0]) not in self.files:
            for where, target, name, _ in source.uses:
                if name == rest[0] and where == inside and target != path and target[0] != name:
                    return self.resolve(where, (*target, *rest[1:]), depth + 1)
            return None
        while rest and (*place, rest[0]) in self.files:
            place = (*place, rest.pop(0))
        if not rest or rest[0] == "*":
            return (place, "*") if rest else (place, "")
        if place not in self.files:
            return (self._file_of(place), rest[0])
        for where, target, name, _ in self.sources[place].uses:
            if name == rest[0] and where == place:
                return self.resolve(where, (*target, *rest[1:]), depth + 1) or None
        return (place, rest[0])
