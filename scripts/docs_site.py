"""What mkdocs does beside its own work: the pages of the repository's root join the site, and links find their way.

In the repository a link is relative, whatever it leads to. On the site, one to a page leads to that page; one to
anything else (a source file, a folder) leads to the project's public home, which pyproject.toml names.
"""

from __future__ import annotations

import posixpath
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from check_links import links
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent

#: Pages outside of docs/, and what the site calls them.
ADDED = {
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "PLATFORM.md": "platform.md",
}


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages that stand elsewhere."""
    for source, name in ADDED.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of one page round to where they lead on the site."""
    own = page.file.src_uri
    source = next((source for source, name in ADDED.items() if name == own), f"docs/{own}")
    parts = []
    done = 0
    for link in links(markdown):
        parts += [markdown[done : link.start], place_of(link.target, source, own)]
        done = link.start + len(link.target)
    return "".join(parts) + markdown[done:]


def place_of(target: str, source: str, own: str) -> str:
    """A link of the page `source`, which the site calls `own`."""
    path, mark, anchor = target.partition("#")
    if not path:
        return target
    there = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    is_folder = (ROOT / there).is_dir()
    name = ADDED.get(there, there.removeprefix("docs/") if there.startswith("docs/") else None)
    if name is not None and not is_folder:
        return posixpath.relpath(name, posixpath.dirname(own) or ".") + mark + anchor
    kind = "tree" if is_folder else "blob"
    return f"{home()}/{kind}/main/{there}{mark}{anchor}"


def home() -> str:
    """Where the project is to be found."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["urls"]["Source"])
