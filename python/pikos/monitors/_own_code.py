"""Whose code a file is: of the program that runs, or of others."""

from __future__ import annotations

import os
import sys
import sysconfig

#: A folder that has one of these holds a project.
MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg")
#: Folders that installers fill.
INSTALLED = ("site-packages", "dist-packages")
#: More folders are not searched for a mark: a project is not that deep.
MOST_STEPS = 8


class OwnCode:
    """What belongs to a program: what lies below its folder, or its project's, and neither in the standard library nor among
    installed packages. Asked before the program may change the working directory.

    program: its file. is_module: whether it was found by name, from the working directory."""

    def __init__(self, program: str, is_module: bool = False) -> None:
        self.here = os.getcwd()
        self.libraries = tuple({folder(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")})
        self.program = os.path.realpath(program)
        home = folder(os.path.dirname(self.program))
        self.roots = [home] if self.is_installed(home) else [project_of(home)]
        if is_module and not self.is_installed(here := folder(self.here)):
            self.roots.append(here)
        # A module that lies among others has no folder of its own.
        self.has_folder = home not in self.libraries and os.path.basename(home[:-1]) not in INSTALLED
        self.known: dict[str, bool] = {}

    def has(self, path: str) -> bool:
        """Whether this file is the program's own."""
        found = self.known.get(path)
        if found is None:
            found = self.known[path] = self.look_at(path)
        return found

    def look_at(self, path: str) -> bool:
        if path.startswith("<"):
            # Typed in, or made while the program ran.
            return path in ("<stdin>", "<string>") and path == os.path.basename(self.program)
        real = os.path.realpath(os.path.join(self.here, path))
        if real == self.program:
            return True
        for root in self.roots:
            if real.startswith(root) and (self.has_folder or root != self.roots[0]):
                # What is installed below the project is not the project's; of an installed program, its own folder is.
                return self.is_installed(root) or not self.is_installed(real)
        return False

    def is_installed(self, path: str) -> bool:
        """Whether it came with the interpreter, or was put beside it."""
        return path.startswith(self.libraries) or any(part in INSTALLED for part in path.split(os.sep))

    def short(self, path: str) -> str:
        """As one types it from here."""
        start = os.path.join(self.here, "")
        return path[len(start) :] if path.startswith(start) else path


def folder(path: str) -> str:
    """With a slash at its end."""
    return os.path.join(os.path.realpath(path), "")


def project_of(home: str) -> str:
    """The nearest folder around that is marked as a project's; else this one."""
    at = home[:-1]
    user = os.path.expanduser("~")
    for _ in range(MOST_STEPS):
        if at in (user, os.path.dirname(at), sys.prefix):
            break
        if any(os.path.lexists(os.path.join(at, mark)) for mark in MARKS):
            return os.path.join(at, "")
        at = os.path.dirname(at)
    return home
