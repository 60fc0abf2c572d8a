"""Tables as plain text."""

from __future__ import annotations


def columns(rows: list[list[str]], right: int = 0) -> list[str]:
    """Rows under each other, a line each; the first so many columns stand to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            text.rjust(width) if at < right else text.ljust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
