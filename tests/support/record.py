"""Profile one program of the registry in this process and save what came of it.

    python record.py PROGRAM FOLDER

Writes tables.pstats (ours, from a profile without a tree), control.pstats (cProfile's own) and, from a profile with a
tree, tree.pstats and the formats that hold stacks.
"""

from __future__ import annotations

import cProfile
import sys
from pathlib import Path

import pikos
from pikos.cprofile import Profile
from programs import program

STACKS = {
    "speedscope": "tree.speedscope.json",
    "pprof": "tree.pb.gz",
    "firefox": "tree.firefox.json",
    "collapsed": "tree.collapsed",
    "html": "tree.html",
}


def main() -> None:
    work = program(sys.argv[1]).setup()
    folder = Path(sys.argv[2])
    work()
    for name, profile in (("tables", Profile()), ("control", cProfile.Profile()), ("tree", Profile(tree=True))):
        profile.runcall(work)
        profile.dump_stats(folder / f"{name}.pstats")
    for format, name in STACKS.items():
        notes = pikos.export(profile, format, folder / name)
        assert notes == [] or format == "collapsed", notes


if __name__ == "__main__":
    main()
