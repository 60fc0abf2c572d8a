"""``pikos run``: the launcher for those who don't come from cProfile. All threads, full stacks, a file that keeps all that is known, and
a summary at the end; else it is ``python -m pikos.cprofile``."""

import os
import time

from pikos._launcher import command_line
from pikos._launcher.request import NOTHING, SUMMARY, TABLE, Request, request_of
from pikos._run.launch import launch, program_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

#: Of a program's name so many characters are in that of its file.
MOST_OF_A_NAME = 60


def main(argv: list[str]) -> None:
    """The command, with the words behind ``pikos run``. Ends as the program ends."""
    values, rest = command_line.read(argv, command_line.OF_RUN, None) or in_full(argv)
    launch(program_of(values, rest), request_for(values, rest))


def request_for(values: "Any", rest: list[str]) -> Request:
    """What the command line asks for, and what it leaves to us."""
    if values.opens and values.keeps is False:
        refuse("--open shows the file that --no-save leaves out: choose one of them")
    if values.outfile is None and values.keeps is not False:
        values.outfile = free_name(values, rest)
    if not values.asked.get("sample", False):
        values.asked.setdefault("threads", True)
        if values.asked.get("builtins") is not False and values.asked.get("times") != "sampled":
            values.asked.setdefault("gil_wait", "out")
    shows = TABLE if values.table else NOTHING if values.quiet else SUMMARY
    wants_tree = values.asked.pop("tree", False) or shows == SUMMARY
    request = request_of(values, refuse, shows)
    request.options = request.options.but(tree=request.options.tree or wants_tree)
    return request


def free_name(values: "Any", rest: list[str]) -> str:
    """A name for the file: of the program, and the time. In the working folder, if we may write there; else in that for temporary
    files."""
    folder = "" if os.access(os.curdir, os.W_OK) else os.environ.get("TMPDIR") or "/tmp"
    if values.code is not None:
        name = "code"
    elif values.module:
        name = rest[0]
    else:
        name = os.path.splitext(os.path.basename(rest[0].rstrip("/")))[0]
    name = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in name).lstrip(".-")
    stem = f"{name[:MOST_OF_A_NAME] or 'stdin'}-{time.strftime('%Y%m%d-%H%M%S')}"
    number = 1
    while True:
        path = os.path.join(folder, f"{stem}.pikos" if number == 1 else f"{stem}-{number}.pikos")
        if not os.path.lexists(path):
            return path
        number += 1


def in_full(argv: list[str]) -> "tuple[Any, list[str]]":
    """Read all that a command line can say."""
    from pikos._launcher import options

    return options.read(options.RUN, argv)


def refuse(message: str) -> "NoReturn":
    """Wrong usage: say so, and end."""
    from pikos._launcher import options

    options.refuse(options.RUN, message)
