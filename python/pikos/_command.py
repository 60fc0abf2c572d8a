"""The ``pikos`` command: hands the command line to the native code, which does everything.

Beside ``__main__``, since an entry point is imported under its name, and that of ``__main__`` is taken while a program runs.
"""

import sys

from pikos._lsprof import _command


def main() -> int:
    """Run the command line in ``sys.argv``; return the exit code: 0 fine, 1 failed, 2 a wrong command line."""
    return _command(["pikos", *sys.argv[1:]])
