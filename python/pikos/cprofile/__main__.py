"""``python -m pikos.cprofile``: runs a program as plain ``python`` would, and saves its profile whatever happens.

Reads its command line, and becomes an interpreter that runs the program with the profile armed. Why: docs/design/launcher.md.
"""

import sys

from pikos._launcher import command_line
from pikos._launcher.request import request_of
from pikos._run.launch import launch, program_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


def main() -> None:
    """The command. Ends as the program ends: with its exception, its exit status, or its signal."""
    values, rest = command_line.read(sys.argv[1:]) or in_full(sys.argv[1:])
    launch(program_of(values, rest), request_of(values, refuse))


def in_full(argv: list[str]) -> "tuple[Any, list[str]]":
    """Read all that a command line can say."""
    from pikos._launcher import options

    return options.read(options.CPROFILE, argv)


def refuse(message: str) -> "NoReturn":
    """Wrong usage: say so, and end."""
    from pikos._launcher import options

    options.refuse(options.CPROFILE, message)


if __name__ == "__main__":
    main()
