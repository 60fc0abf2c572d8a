"""Which Python file of a tree imports which: read from its syntax, imports within functions and for types included.

An arrow goes to the file that defines a name, through the packages that only pass it on.
"""

from __future__ import annotations

import ast
from pathlib import Path


class Tree:
    """The files below a folder. roots: where imports are looked for, beside the importing file's own folder."""

    def __init__(self, folder: Path, roots: list[Path]) -> None:
        self.files = sorted(file for file in folder.rglob("*.py") if "__pycache__" not in file.parts)
        self.roots = roots
        self.imports = {file: self._read(file) for file in self.files}

    def _read(self, file: Path) -> list[tuple[str, str | None, str]]:
        """(module, name in it or None, local name) of each import."""
        found: list[tuple[str, str | None, str]] = []
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                found += [(alias.name, None, alias.asname or alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                if node.level:
                    package = file.parent
                    for _ in range(node.level - 1):
                        package = package.parent
                    root = next((root for root in self.roots if package.is_relative_to(root)), package)
                    module = ".".join([*package.relative_to(root).parts, *module.split(".")]).strip(".")
                found += [(module, alias.name, alias.asname or alias.name) for alias in node.names]
        return found

    def find(self, module: str, importer: Path) -> Path | None:
        """The file of a module, if it is one of this tree."""
        # Beside a file that is in no package, as when it is run; `import __main__` in one means the program.
        beside = [] if importer.with_name("__init__.py") in self.files else [importer.parent]
        for root in [*beside, *self.roots]:
            base = root.joinpath(*module.split("."))
            for file in (base.with_name(base.name + ".py"), base / "__init__.py"):
                if file in self.imports:
                    return file
        return None

    def arrows(self) -> dict[Path, dict[Path, set[str]]]:
        """For each file, the files that it imports, and the names that it takes from there."""
        arrows: dict[Path, dict[Path, set[str]]] = {file: {} for file in self.files}
        for file, imports in self.imports.items():
            for module, name, _ in imports:
                target = self.origin(module, name, file)
                if target is not None and target != file:
                    arrows[file].setdefault(target, set()).add(name or module)
        return arrows

    def origin(self, module: str, name: str | None, importer: Path, depth: int = 0) -> Path | None:
        """The file that defines what is imported."""
        if name is not None and (inner := self.find(f"{module}.{name}", importer)) is not None:
            return inner
        file = self.find(module, importer)
        if file is None or name is None or file.name != "__init__.py" or depth > 20:
            return file
        for other, taken, local in self.imports[file]:
            if local == name and taken is not None and other != module:
                return self.origin(other, taken, file, depth + 1) or file
        return file
