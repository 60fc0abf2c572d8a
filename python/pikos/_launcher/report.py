"""What a command reports at the end of a program: in a file, or on the program's standard output."""

from pikos._launcher.run import say, show
from pikos.cprofile.profile import write_whole


def hand_out(text: str, outfile: str | None, errors: str) -> bool:
    """Write the report of `pikos-run`, or print it where no file is named. errors: how to encode what UTF-8 can't. Whether it is in the
    file; where that can't be, standard error has it."""
    if outfile is None:
        show(text, "pikos-run", "the report")
        return False
    try:
        write_whole(outfile, text.encode("utf-8", errors))
    except OSError as error:
        say(f"pikos-run: can't write {outfile}: {error.strerror}; here is the report:\n{text}")
        return False
    return True
