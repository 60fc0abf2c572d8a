"""What `pikos run` says at the end: the summary, where the profile is, and what can be done with it.

On standard error: the program's output stays what it would be without us.
"""

import os
import sys

from pikos._launcher.pane import run
from pikos._launcher.run import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos._launcher.recorder import Recorder

#: Columns where nothing says how many there are, as in a pipe.
COLUMNS = 100
#: Lines this short can't hold a figure and a name.
LEAST_COLUMNS = 40


def say_summary(profile: "Recorder", path: str | None) -> None:
    """Say what there is to say, and where the profile is; None if it isn't saved."""
    say(f"\n{profile._finished().summary(columns(), has_colours())}{next_steps(path)}")


def next_steps(path: str | None) -> str:
    """What to type next."""
    if path is None:
        return ""
    short = os.path.relpath(path) if path.startswith(os.path.join(os.getcwd(), "")) else path
    word = quoted(short)
    return f"\nSaved to {short}\n  look:   pikos view {word}\n  share:  pikos report {word}\n"


def open_page(path: str) -> None:
    """Let the browser show the report of a saved profile."""
    status = run([sys.executable, "-m", "pikos", "report", path, "--open"])
    if status != 0:
        say(f"pikos: the report could not be opened; to see it: pikos report {quoted(path)} --open\n")


def columns(stream: int = 2) -> int:
    """How wide standard error is, or another stream of this number."""
    text = os.environ.get("COLUMNS", "")
    if text.isdigit() and int(text) > 0:
        return max(int(text), LEAST_COLUMNS)
    try:
        return max(os.get_terminal_size(stream).columns, LEAST_COLUMNS)
    except OSError:
        return COLUMNS


def has_colours(stream: int = 2) -> bool:
    """Whether standard error, or another stream of this number, shows colours, and the user wants them."""
    try:
        is_terminal = os.isatty(stream)
    except OSError:
        return False
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") not in ("dumb", "")


def quoted(word: str) -> str:
    """As a shell takes it."""
    if word and all((letter.isalnum() and letter.isascii()) or letter in "@%+=:,./-_" for letter in word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"
