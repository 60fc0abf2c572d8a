"""``python -m pikos.cprofile``: runs a program as plain ``python`` would, and saves its profile whatever happens.

Does not profile itself: recording begins with the program's first instruction. It changes of the program's
world only what it must: ``sys.argv``, ``sys.path[0]`` and ``__main__`` are as in a plain run; ``os._exit`` and
the default action of SIGTERM save the profile first. Why each of that: docs/design/launcher.md.
"""

import os
import sys

from pikos._launcher import program
from pikos._launcher.options import option_parser, recording
from pikos._launcher.session import Session
from pikos._lsprof import _count_frames_as

program.OWN_FILES.add(__file__)


def main() -> None:
    """The command. Ends as the program ends: with its exception, its exit status, or its signal."""
    parser = option_parser()
    values, args = parser.parse_args()
    if values.code is None and not args:
        parser.print_usage(sys.stderr)
        sys.exit(2)
    # The program may change the working directory.
    outfile = None if values.outfile is None else os.path.abspath(values.outfile)
    options, profile = recording(values, outfile, parser)
    session = Session(profile, outfile, values.sort)
    try:
        code, namespace = program.prepare(args, values.code, values.module)
    except SyntaxError:
        program.hide_launcher_frames()
        raise
    session.guard()
    if options.follow:
        from pikos._processes.family import lead

        lead(session, options)
    elif options.live is not False:
        from pikos._processes.execs import watch_session

        watch_session(session)
    if values.top:
        from pikos._launcher.pane import show_top

        show_top(profile)
    failed = False
    try:
        # Our frames don't count towards the recursion limit; nor does the one that calls runpy for -m.
        _count_frames_as(-1 if values.module else 0)
        if options.paused:
            session.go_live()
        else:
            session.profile.enable()
        exec(code, namespace)
    except SystemExit:
        raise
    except BaseException as error:
        session.ending = ("exception", type(error).__name__)
        failed = True
        raise
    finally:
        # No call before this one, or it would be in the profile.
        if "threading" not in sys.modules or not [*sys.modules["threading"]._active][1:]:
            session.profile.disable()
        if failed:
            program.hide_launcher_frames()
        session.end()


if __name__ == "__main__":
    main()
