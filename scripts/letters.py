#!/usr/bin/env python3
"""Makes the letters of `pikos plot`'s PNG files from a TrueType font: outlines of a few signs, in a form that takes little room.

    pip install fonttools
    scripts/letters.py /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf crates/pikos-cli/src/plot/letters.bin

For each sign: its width, how many points each outline has, 0, and these: x and y of all of them, then a bit for each that is on the
curve; the others are control points of quadratic Bézier curves. A unit is the 200th part of the font's size. The font's licence is in
letters.txt, beside what this writes.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

#: From the first to the last; then the others.
ASCII = range(0x20, 0x7F)
OTHERS = "µ·…"
SIZE = 200
#: Where x and y are 0.
ORIGIN = (20, 60)


def main() -> None:
    font, target = sys.argv[1:]
    from fontTools.ttLib import TTFont  # type: ignore[import-not-found]

    source = TTFont(font)
    names, glyphs = source.getBestCmap(), source["glyf"]
    scale = SIZE / source["head"].unitsPerEm
    data = bytearray()
    for sign in [*ASCII, *map(ord, OTHERS)]:
        name = names[sign]
        points, ends, flags = glyphs[name].getCoordinates(glyphs)
        starts = [0, *(end + 1 for end in ends)]
        data.append(round(source["hmtx"][name][0] * scale))
        data += bytes(last - first for first, last in itertools.pairwise(starts)) + b"\0"
        for place in (0, 1):
            data += bytes(round(point[place] * scale) + ORIGIN[place] for point in points)
        bits = sum((flag & 1) << number for number, flag in enumerate(flags))
        data += bits.to_bytes((len(points) + 7) // 8, "little")
    Path(target).write_bytes(data)


if __name__ == "__main__":
    main()
