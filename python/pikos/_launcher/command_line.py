"""The command line of ``python -m pikos.cprofile``, and of ``pikos run``, as most people type it, read in no time.

What is rare, wrong or a request for help is left to ``options``, which knows all that there is and imports optparse, and with that a
third of what a start takes.
"""

from pikos._options import COUNTING, Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: ``pstats``' number for "cumulative", cProfile's default on the command line.
CUMULATIVE = 2

#: The sort keys of ``pstats`` by which the native table can be sorted: all that there are up to 3.15.
SORT_KEYS = frozenset(
    "calls cumtime cumulative filename line module name ncalls nfl pcalls stdname time tottime".split()
)

#: Flags that nothing follows, and what they mean.
FLAGS = {
    flag.name: flag.sets
    for option in Options.OPTIONS.values()
    for flag in option.flags
    if flag.sets is not None and flag.metavar is None
}

#: Flags that a text follows, by name.
WITH_TEXT = {
    flag.name: option.name for option in Options.OPTIONS.values() for flag in option.flags if flag.sets is None
}

#: Flags that not all commands have: what each is of.
OF = {flag.name: option.of for option in Options.OPTIONS.values() for flag in option.flags if option.of}

ENDPOINTS = ("tcp://", "ipc://")

#: Flags that `pikos run` has beside cProfile's: the attribute of ``Values`` that each sets, and to what.
OF_RUN = {
    "--no-save": ("keeps", False),
    "--open": ("opens", True),
    "-q": ("quiet", True),
    "--quiet": ("quiet", True),
    "--table": ("table", True),
}


class Values:
    """What was said. rows: how many the table has at most; asked: the options of ``pikos._options`` among that; keeps: whether there is a
    file; None where nothing was said of it."""

    def __init__(self) -> None:
        self.outfile: str | None = None
        self.sort: str | int = CUMULATIVE
        self.rows: int | None = None
        self.module = False
        self.code: str | None = None
        self.top = False
        self.web = False
        self.keeps: bool | None = None
        self.opens = False
        self.quiet = False
        self.table = False
        self.asked: dict[str, Any] = {}


def read(
    argv: list[str], more: "Mapping[str, tuple[str, bool]] | None" = None, of: str | None = COUNTING
) -> tuple[Values, list[str]] | None:
    """What was said, and the program with its arguments. None for what takes a closer look. more: flags that a command has beside
    those of cProfile's, as OF_RUN. of: COUNTING or SAMPLING, what the command does; None if either."""
    values = Values()
    rest = list(argv)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "-m":
            values.module = True
        elif word == "--top":
            values.top = True
        elif word == "--web":
            values.web = True
        elif more and word in more:
            setattr(values, *more[word])
        elif of is not None and OF.get(word, of) != of:
            return None
        elif word in FLAGS:
            values.asked.update(FLAGS[word])
        elif word == "--live":
            values.asked["live"] = rest.pop(0) if rest and rest[0].startswith(ENDPOINTS) else True
        elif not rest:
            return None
        elif word in WITH_TEXT:
            values.asked[WITH_TEXT[word]] = rest.pop(0)
        elif word in ("-o", "--outfile"):
            values.outfile = rest.pop(0)
        elif word in ("-s", "--sort") and rest[0] in SORT_KEYS:
            values.sort = rest.pop(0)
        elif word == "-c":
            values.code = rest.pop(0)
            return values, rest
        else:
            return None
    return (values, rest) if rest else None
