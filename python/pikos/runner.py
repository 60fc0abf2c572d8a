"""``pikos-run``: runs a program under a monitor.

The program runs as under plain ``python``: same output, exit code and traceback; the interpreter itself runs it, in place of this
process. Records made before it is stopped are kept. Options are read up to the first argument that is none of ours; from there
on they are the program's.
"""

from __future__ import annotations

import sys

from pikos._launcher.handover import become
from pikos._launcher.run import say
from pikos._runner.family import SEPARATOR, prepared, start
from pikos._runner.options import argument_parser, output_of, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def main() -> None:
    """The command. Ends as the program ends; before that, exit code 2 for wrong usage and 1 for an output that can't be
    written."""
    parser = argument_parser()
    options, args = parse(parser, sys.argv[1:])
    output_of(options, parser)
    program = [options.how, *args] if options.how else args
    reason = become(program, {"run": "monitor", "argv": SEPARATOR.join(sys.argv[1:])})
    if not options.how:
        # The command has its own folder first.
        sys.path[0:1] = [""] if not sys.flags.safe_path else sys.path[0:1]
    from pikos._launcher.program import run

    recording = prepared(sys.argv[1:])
    run(program, recording.wait, reason)


def begin_recording(texts: Mapping[str, str]) -> None:
    """For ``_begin``: this process is about to run the program."""
    if not prepared(texts["argv"].split(SEPARATOR)).wait():
        say("pikos-run: another tool evaluates this interpreter's frames (PEP 523); the program runs unrecorded\n")


def begin_child(texts: Mapping[str, str], at_main: bool) -> None:
    """For ``_begin``: this process was started by a recorded one. at_main: record when its program begins, not now."""
    start(texts, at_main)


if __name__ == "__main__":
    main()
