"""Writes a small static site: invents articles, renders their Markdown, links and indexes them.

A program of the kind that one profiles: regular expressions, string building, a little recursion, many small calls.
Run it alone, or see where its time goes:

    python -m pikos.cprofile -s cumulative examples/site.py
"""

from __future__ import annotations

import hashlib
import html
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

ARTICLES = 320
WORDS = (
    "river granite lantern harbour willow copper meadow cinder thistle marble orchard tide ember hollow saffron "
    "timber vessel quarry bramble cobalt fern gale heather isle juniper kestrel loam moss nettle oak pebble reed"
).split()
SYLLABLES = ["ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "pu", "ra", "se", "ti", "vo", "wu", "za"]

INLINE = [
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*(.+?)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\*(.+?)\*"), r"<em>\1</em>"),
    (re.compile(r"\[([^\]]+)\]\(([^)]+)\)"), r'<a href="\2">\1</a>'),
]
TAG = re.compile(r"<[^>]+>")


@dataclass
class Page:
    title: str
    text: str
    body: str = ""
    related: list[str] = field(default_factory=list)


def invent_word(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4)))
    return rng.choice(WORDS)


def invent_sentence(rng: random.Random) -> str:
    words = [invent_word(rng) for _ in range(rng.randint(6, 14))]
    mark = rng.choice(["{}", "{}", "**{}**", "*{}*", "`{}`", "[{}](/notes)"])
    place = rng.randrange(len(words))
    words[place] = mark.format(words[place])
    return " ".join(words).capitalize() + "."


def invent_article(rng: random.Random, number: int) -> Page:
    blocks = []
    for _ in range(rng.randint(6, 10)):
        kind = rng.random()
        if kind < 0.2:
            blocks.append(f"## {invent_word(rng)} {invent_word(rng)}")
        elif kind < 0.4:
            blocks.append("\n".join("  " * rng.randint(0, 2) + "- " + invent_sentence(rng) for _ in range(5)))
        else:
            blocks.append("\n".join(invent_sentence(rng) for _ in range(rng.randint(2, 5))))
    return Page(f"{invent_word(rng)} {number}", "\n\n".join(blocks))


def render_inline(text: str) -> str:
    text = html.escape(text, quote=False)
    for pattern, replacement in INLINE:
        text = pattern.sub(replacement, text)
    return text


def render_list(lines: list[str], depth: int = 0) -> Iterator[str]:
    """Nested lists by their indentation; takes its lines off the front."""
    yield "<ul>"
    while lines:
        indent = (len(lines[0]) - len(lines[0].lstrip())) // 2
        if indent < depth:
            break
        if indent > depth:
            yield from render_list(lines, depth + 1)
        else:
            yield f"<li>{render_inline(lines.pop(0).lstrip('- '))}</li>"
    yield "</ul>"


def render_block(block: str) -> Iterator[str]:
    if block.startswith("#"):
        level = len(block) - len(block.lstrip("#"))
        yield f"<h{level}>{render_inline(block[level:].strip())}</h{level}>"
    elif block.lstrip().startswith("- "):
        yield from render_list(block.split("\n"))
    else:
        yield f"<p>{' '.join(render_inline(line) for line in block.split(chr(10)))}</p>"


def render(page: Page) -> None:
    page.body = "\n".join(line for block in page.text.split("\n\n") for line in render_block(block))


def terms(page: Page) -> Counter[str]:
    return Counter(word.strip(".,").lower() for word in TAG.sub(" ", page.body).split() if len(word) > 3)


def similarity(a: Counter[str], b: Counter[str]) -> float:
    common = sum(min(count, b[word]) for word, count in a.items() if word in b)
    return common / (a.total() + b.total())


def relate(pages: list[Page]) -> None:
    """Each page's three nearest: every pair is compared, and that is what a profile shows."""
    words = {page.title: terms(page) for page in pages}
    scores: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for i, page in enumerate(pages):
        for other in pages[:i]:
            score = similarity(words[page.title], words[other.title])
            scores[page.title].append((score, other.title))
            scores[other.title].append((score, page.title))
    for page in pages:
        page.related = [title for _, title in sorted(scores[page.title], reverse=True)[:3]]


def main() -> None:
    rng = random.Random(2024)
    pages = [invent_article(rng, number) for number in range(ARTICLES)]
    for page in pages:
        render(page)
    relate(pages)
    digest = hashlib.sha256()
    for page in pages:
        links = "".join(f"<li>{title}</li>" for title in page.related)
        digest.update(f"<h1>{page.title}</h1>{page.body}<ol>{links}</ol>".encode())
    print(f"{len(pages)} pages, {sum(len(page.body) for page in pages)} characters, {digest.hexdigest()[:12]}")


if __name__ == "__main__":
    main()
