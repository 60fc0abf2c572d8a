"""Follows every relative link of the repository's Markdown: the file must be there, and the heading that it names.

Part of `make check`. Reads files only: links to other hosts are not tried. Headings have GitHub's anchors, which are also
those of the site (mkdocs.yml).
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

ROOT = Path(__file__).resolve().parent.parent

FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
TARGET = r"\(\s*<?([^()\s<>]+)>?(?:\s+\"[^\"]*\")?\s*\)"
IMAGE = re.compile(r"!\[[^\[\]]*\]" + TARGET)
#: Its text may be an image.
LINK = re.compile(r"(?<!!)\[(?:[^\[\]]|!?\[[^\[\]]*\](?:\([^()]*\))?)*\]" + TARGET)
#: What a page may hold of HTML: pictures, and links around them.
TAG = re.compile(r"<(?:a|img|source)\b[^>]*?\b(?:href|src|srcset)=\"([^\"]+)\"")
CODE = re.compile(r"(?<!`)(`+)(?!`)(?:[^`]|(?!\1(?!`))`+)*?(?<!`)\1(?!`)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*\s*$")
ELSEWHERE = re.compile(r"^(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


class Link(NamedTuple):
    """A link, and where its target stands in the page's text."""

    start: int
    target: str


def blank(code: str) -> str:
    """As many characters and lines, with nothing on them."""
    return re.sub(r"[^\n]", " ", code)


def without_code(text: str) -> str:
    """A page with its code blanked out, blocks and words; every other character stays where it is."""
    kept = []
    fence = ""
    indented = False
    empty = True
    for line in text.splitlines(keepends=True):
        opening = FENCE.match(line)
        if fence:
            kept.append(blank(line))
            if opening and opening[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
            continue
        # Four spaces after an empty line begin a block of code, unless they go on with an item of a list.
        indented = line.startswith("    ") and (indented or empty) and not line.lstrip().startswith(("-", "*"))
        empty = not line.strip()
        fence = opening[1] if opening else ""
        kept.append(blank(line) if fence or indented else line)
    return CODE.sub(lambda code: blank(code[0]), "".join(kept))


def links(text: str) -> list[Link]:
    """The links of a page that stay in the repository."""
    shown = without_code(text)
    found = (match for pattern in (IMAGE, LINK, TAG) for match in pattern.finditer(shown))
    return sorted(Link(match.start(1), match[1]) for match in found if not ELSEWHERE.match(match[1]))


def anchor(heading: str) -> str:
    """What GitHub calls a heading in a link, but for the number that tells equal ones apart."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = re.sub(r"(?<![\w`])[*_]{1,2}([^*_]+)[*_]{1,2}(?!\w)", r"\1", text)
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


@cache
def anchors(path: Path) -> frozenset[str]:
    """All the anchors of a page."""
    text = path.read_text(encoding="utf-8")
    shown = without_code(text)
    found = set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", shown))
    for line, whole in zip(shown.splitlines(), text.splitlines(), strict=True):
        if line.startswith("#") and (heading := HEADING.match(whole)):
            name = unique = anchor(heading[1])
            number = 0
            while unique in found:
                number += 1
                unique = f"{name}-{number}"
            found.add(unique)
    return frozenset(found)


def faults(page: Path) -> Iterator[str]:
    """What is wrong with a page's links."""
    text = page.read_text(encoding="utf-8")
    for link in links(text):
        name, _, wanted = link.target.partition("#")
        where = f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, link.start) + 1}"
        target = page.parent / unquote(name) if name else page
        if name.startswith("/"):
            yield f"{where}: {link.target}: a link within the repository is relative"
        elif not target.exists():
            yield f"{where}: {link.target}: there is no such file"
        elif not target.resolve().is_relative_to(ROOT):
            yield f"{where}: {link.target}: leads out of the repository"
        elif wanted and target.suffix == ".md" and wanted not in anchors(target.resolve()):
            yield f"{where}: {link.target}: {target.name} has no such heading"


def pages() -> list[Path]:
    """Every page of Markdown that is or is about to be committed."""
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", "*.md"]
    names = subprocess.run(git, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [path for path in (ROOT / name for name in sorted(names.split("\0")) if name) if path.exists()]


def main() -> int:
    found = pages()
    wrong = [fault for page in found for fault in faults(page)]
    for fault in wrong:
        print(fault, file=sys.stderr)
    count = sum(len(links(page.read_text(encoding="utf-8"))) for page in found)
    print(f"links: {count} in {len(found)} pages, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
