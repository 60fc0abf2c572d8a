"""``python -m pikos.cprofile``: runs a program as plain ``python`` would, and saves its profile whatever happens.

Reads its command line, and becomes an interpreter that runs the program with the profile armed. Why: docs/design/launcher.md.
"""

import sys

from pikos._launcher import command_line
from pikos._launcher.handover import become
from pikos._launcher.request import Request, request_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


def main() -> None:
    """The command. Ends as the program ends: with its exception, its exit status, or its signal."""
    values, program = command_line.read(sys.argv[1:]) or in_full(sys.argv[1:])
    request = request_of(values, refuse)
    if values.code is not None:
        program = ["-c", values.code, *program]
    elif values.module:
        program = ["-m", *program]
    elif program[0] != "-" and program[0].startswith("-"):
        program = ["--", *program]
    reason = become(program, {"run": "profile", **request.encoded()})
    run_here(program, request, reason)


def run_here(program: list[str], request: Request, reason: str) -> None:
    """Run it within this process."""
    from pikos._launcher.program import run
    from pikos._launcher.start import at_main, profiled

    session = profiled(request)
    if request.options.follow:
        from pikos._processes.family import lead

        lead(session, request.options)
    run(program, lambda: at_main(session, request), reason)


def in_full(argv: list[str]) -> "tuple[Any, list[str]]":
    """Read all that a command line can say."""
    from pikos._launcher import options

    return options.read(argv)


def refuse(message: str) -> "NoReturn":
    """Wrong usage: say so, and end."""
    from pikos._launcher import options

    options.refuse(message)


if __name__ == "__main__":
    main()
