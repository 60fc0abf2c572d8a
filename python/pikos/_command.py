"""The ``pikos`` command: hands the command line to the native code, which does everything but run programs.

Beside ``__main__``, since an entry point is imported under its name, and that of ``__main__`` is taken while a program runs.
"""

import sys


def main() -> int:
    """Run the command line in ``sys.argv``; return the exit code: 0 fine, 1 failed, 2 a wrong command line."""
    if sys.argv[1:2] == ["run"]:
        # Not the native code, which takes time to load: another process will need it, not this one.
        from pikos._run import command

        command.main(sys.argv[2:])
        return 0
    if sys.argv[1:2] == ["lines"]:
        from pikos import runner

        runner.main()
        return 0
    if sys.argv[1:2] == ["__complete"]:
        from pikos._run import completion

        if completion.is_ours(sys.argv[2:]):
            completion.complete(sys.argv[2:])
            return 0
    try:
        from pikos._cli import run
    except ImportError as error:
        print(
            f"pikos: the command's own library can't be loaded: {error}; put it right with `python -m pip install --force-reinstall pikos`",
            file=sys.stderr,
        )
        return 1
    return run(["pikos", *sys.argv[1:]])
