"""``python -m pikos.sampling``: runs a program as plain ``python`` would, samples it, and says where its time went.

Reads its command line, and becomes an interpreter that runs the program with the sampler armed. Why: docs/design/launcher.md.
"""

import sys

from pikos._launcher import command_line
from pikos._launcher.request import NOTHING, SUMMARY, TABLE, Request, request_of
from pikos._options import SAMPLING
from pikos._run.launch import launch, program_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

#: Flags that this command has beside cProfile's. There is no file to leave out.
FLAGS = {name: sets for name, sets in command_line.OF_RUN.items() if name != "--no-save"}


def main() -> None:
    """The command. Ends as the program ends: with its exception, its exit status, or its signal."""
    values, rest = command_line.read(sys.argv[1:], FLAGS, SAMPLING) or in_full(sys.argv[1:])
    launch(program_of(values, rest), request_for(values))


def request_for(values: "Any") -> Request:
    """What the command line asks for."""
    if values.opens and values.outfile is None:
        refuse("--open shows the file of -o: add -o OUT")
    values.asked["sample"] = True
    return request_of(values, refuse, TABLE if values.table else NOTHING if values.quiet else SUMMARY)


def in_full(argv: list[str]) -> "tuple[Any, list[str]]":
    """Read all that a command line can say."""
    from pikos._launcher import options

    return options.read(options.SAMPLING_COMMAND, argv)


def refuse(message: str) -> "NoReturn":
    """Wrong usage: say so, and end."""
    from pikos._launcher import options

    options.refuse(options.SAMPLING_COMMAND, message)


if __name__ == "__main__":
    main()
