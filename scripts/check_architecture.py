"""Prints the house: rooms, who uses whom, and what is wrong. Part of `make check`.

The rules are in architecture.toml: which crate, and which room of a crate or package, may use which; where `unsafe` and
foreign crates may be named, and where a source may ask for its system. Beside them: no file uses another in a circle, no arrow runs up.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from python_modules import Tree
from rust_modules import Crate, code_of

T = TypeVar("T")
Arrows = Mapping[Path, Mapping[Path, set[str]]]

# What asks which system a source is compiled for.
SYSTEM = re.compile(r"\btarget_(?:os|family|env|vendor)\b|\bcfg\w*!?\(.*\b(?:unix|windows)\b")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    here = Path(__file__).resolve().parent
    parser.add_argument("--root", type=Path, default=here.parent, help="the repository (default: this one)")
    parser.add_argument("--quiet", action="store_true", help="print what is wrong and nothing else")
    options = parser.parse_args()
    house = House(options.root.resolve())
    house.check()
    if not options.quiet:
        print("\n".join(house.map))
    for fault in house.faults:
        print(fault, file=sys.stderr)
    if house.faults:
        print("the rules, and how to change them, are in scripts/architecture.toml", file=sys.stderr)
    print(
        f"architecture: {house.files} files, {house.rooms} rooms, {house.circles} circles, "
        f"{house.up} arrows up, {len(house.faults)} faults"
    )
    return 1 if house.faults else 0


class House:
    """The repository, held against its rules."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rules = tomllib.loads((root / "scripts" / "architecture.toml").read_text())
        self.faults: list[str] = []
        self.map: list[str] = []
        self.files = self.rooms = self.circles = self.up = 0

    def check(self) -> None:
        self._check_crates()
        for name, rule in self.rules["rust"].items():
            crate = Crate(self.root / rule["path"])
            used = " ".join(sorted(rule["depends"])) or "nothing of ours"
            self._check_part(f"{name} ({rule['path']}) -> {used}", rule, Path("src"), crate.arrows(), ("lib", "main"))
            for file in sorted((self.root / rule["path"]).rglob("*.rs")):
                if "target" not in file.relative_to(self.root).parts:
                    self._check_source(self._name(file), code_of(file.read_text()))
        for name, rule in self.rules["python"].items():
            tree = Tree(self.root / rule["path"], [self.root / root for root in rule.get("roots", [])])
            self._check_part(f"{name} ({rule['path']})", rule, Path(), tree.arrows(), ())

    def _name(self, file: Path) -> str:
        return file.relative_to(self.root).as_posix()

    # ---- rooms, arrows, circles ----

    def _check_part(
        self, title: str, rule: Mapping[str, Any], inner: Path, arrows: Arrows, free: tuple[str, ...]
    ) -> None:
        """One crate or package: its rooms, the arrows between them, circles of files."""
        self.map += ["", title]
        self.files += len(arrows)
        folder = self.root / rule["path"] / inner
        if "rooms" in rule:
            self._check_rooms(folder, rule["rooms"], arrows, free)
        for circle in circles({file: set(used) for file, used in arrows.items()}):
            self.circles += 1
            names = ", ".join(self._name(file) for file in circle)
            self.faults.append(f"a circle of {len(circle)} files: {names}")
            for file in circle:
                for used in sorted(set(circle) & set(arrows[file])):
                    taken = ", ".join(sorted(arrows[file][used]))
                    self.faults.append(f"    {self._name(file)} -> {self._name(used)}: {taken}")

    def _check_rooms(self, folder: Path, rooms: Mapping[str, list[str]], arrows: Arrows, free: tuple[str, ...]) -> None:
        seen: dict[str, dict[str, tuple[Path, Path]]] = {room: {} for room in rooms}
        sizes = dict.fromkeys(rooms, 0)
        for file, used in arrows.items():
            room = room_of(file.relative_to(folder), rooms)
            if room is None:
                if file.stem not in free or file.parent != folder:
                    self.faults.append(f"{self._name(file)}: stands in no room; architecture.toml has a table of them")
                continue
            sizes[room] += 1
            for target in used:
                other = room_of(target.relative_to(folder), rooms)
                if other is not None and other != room:
                    seen[room].setdefault(other, (file, target))
        for room, uses in seen.items():
            for other in sorted(uses.keys() - set(rooms[room])):
                self.up += 1
                file, target = uses[other]
                self.faults.append(f"{room} must not use {other}: {self._name(file)} -> {self._name(target)}")
            for other in sorted(set(rooms[room]) - rooms.keys()):
                self.faults.append(f"architecture.toml: {room} may use {other}, and there is no such room")
            if sizes[room] == 0:
                self.faults.append(f"architecture.toml: no file stands in the room {room} of {self._name(folder)}")
        for circle in circles({room: set(allowed) & rooms.keys() for room, allowed in rooms.items()}):
            self.faults.append(f"architecture.toml: these rooms may use each other in a circle: {', '.join(circle)}")
        self.rooms += len(rooms)
        width = max(map(len, rooms))
        for room in from_the_top({room: set(uses) for room, uses in seen.items()}):
            used_rooms = " ".join(seen[room]) or "-"
            self.map.append(f"  {room:{width}}  {sizes[room]:3} files  -> {used_rooms}")

    # ---- crates ----

    def _check_crates(self) -> None:
        members = tomllib.loads((self.root / "Cargo.toml").read_text())["workspace"]["members"]
        rules = {rule["path"]: (name, rule) for name, rule in self.rules["rust"].items()}
        for member in members:
            manifest = self.root / member / "Cargo.toml"
            package = tomllib.loads(manifest.read_text())
            where, name = self._name(manifest), package["package"]["name"]
            if member not in rules or rules[member][0] != name:
                self.faults.append(f"{where}: say in architecture.toml what the crate {name} may depend on")
                continue
            used = dependencies(package)
            ours = set(self.rules["rust"])
            for crate in sorted(used & ours - set(rules[member][1]["depends"])):
                self.faults.append(f"{where}: {name} must not depend on {crate}")
            for crate in sorted(used):
                for foreign, rule in self.rules["foreign"].items():
                    if crate == foreign or crate.startswith((f"{foreign}-", f"{foreign}_")):
                        if not any(place.startswith(f"{member}/") for place in rule["only"]):
                            self.faults.append(f"{where}: {name} must not depend on {crate}")
        for circle in circles({name: set(rule["depends"]) for name, rule in self.rules["rust"].items()}):
            self.faults.append(f"architecture.toml: these crates may depend on each other: {', '.join(circle)}")

    def _check_source(self, path: str, code: str) -> None:
        for number, line in enumerate(code.splitlines(), 1):
            if re.search(r"\bunsafe\b", line) and not within(path, self.rules["unsafe"]):
                self.faults.append(f"{path}:{number}: unsafe outside of the places for it")
            if SYSTEM.search(line) and not within(path, self.rules["systems"]["only"]):
                self.faults.append(f"{path}:{number}: asks for the system, which is pikos-os' business")
            for crate, rule in self.rules["foreign"].items():
                if not re.search(rf"\b{crate}(_ffi|_sys|::|\b)", line):
                    continue
                if not within(path, rule["only"]) or within(path, rule.get("never", [])):
                    self.faults.append(f"{path}:{number}: {crate} is only for {', '.join(rule['only'])}")


def dependencies(manifest: Mapping[str, Any]) -> set[str]:
    """All the dependencies, also of builds and of single platforms."""
    tables = [manifest, *manifest.get("target", {}).values()]
    sections = [table.get(kind, {}) for table in tables for kind in ("dependencies", "build-dependencies")]
    return {
        spec["package"] if isinstance(spec, dict) and "package" in spec else name
        for section in sections
        for name, spec in section.items()
    }


def within(path: str, places: Iterable[str]) -> bool:
    return any(path.startswith(place) if place.endswith("/") else path == place for place in places)


def room_of(file: Path, rooms: Iterable[str]) -> str | None:
    """The room of a file: the longest that its path, without the suffix, begins with."""
    words = file.with_suffix("").parts
    found = [room for room in rooms if words[: len(room.split("/"))] == tuple(room.split("/"))]
    return max(found, key=len, default=None)


def circles(graph: Mapping[T, Iterable[T]]) -> list[list[T]]:
    """The groups of nodes that reach each other (Tarjan's strongly connected components of two and more)."""
    found: list[list[T]] = []
    number: dict[T, int] = {}
    lowest: dict[T, int] = {}
    stack: list[T] = []

    def visit(node: T) -> None:
        number[node] = lowest[node] = len(number)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in number:
                visit(other)
            if other in stack:
                lowest[node] = min(lowest[node], lowest[other])
        if lowest[node] == number[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(group)

    for node in graph:
        if node not in number:
            visit(node)
    return found


def from_the_top(graph: Mapping[str, Iterable[str]]) -> list[str]:
    """Users before what they use."""
    order: list[str] = []

    def visit(node: str) -> None:
        if node not in order:
            for other in graph[node]:
                if other in graph and other not in pending:
                    pending.add(other)
                    visit(other)
            order.append(node)

    pending: set[str] = set()
    for node in graph:
        visit(node)
    return order[::-1]


if __name__ == "__main__":
    sys.exit(main())
