"""What a shell may offer where Python knows the options: for ``pikos run`` and ``pikos-run``.

The shell's script (``pikos completions``) gives the words typed so far, of which the last may be empty; one line for each candidate goes
back, with its meaning behind a tab. None where any file may stand.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    #: (names, whether a value follows, what it may be, what it means)
    Spec = tuple[list[str], bool, list[str], str]


def is_ours(words: list[str]) -> bool:
    """Whether these words, the command's own name first, are for us and not for the native code."""
    return is_toolkit(words) or (words[1:2] in (["run"], ["lines"]) and len(words) > 2)


def is_toolkit(words: list[str]) -> bool:
    return bool(words) and os.path.basename(words[0]) == "pikos-run"


def complete(words: list[str]) -> None:
    """Print what may stand in place of the last word."""
    if is_toolkit(words):
        found = candidates(words[1:], toolkit(), program_ends=lambda word: word.endswith((".py", ".pyz")))
    elif words[1] == "lines":
        named = [spec for spec in toolkit() if spec[0]]
        found = candidates(words[2:], named, program_ends=lambda word: word.endswith((".py", ".pyz")))
    else:
        found = candidates(words[2:], launcher(), program_ends=lambda word: True)
    for word, meaning in found:
        print(f"{word}\t{meaning}")


def candidates(
    words: list[str], specs: "list[Spec]", program_ends: "Callable[[str], bool]"
) -> "Iterable[tuple[str, str]]":
    """program_ends: whether a word that is no option is the program, behind which all words are its own."""
    *before, last = words
    by_name = {name: spec for spec in specs for name in spec[0]}
    values: list[str] | None = None
    for word in before:
        if values is not None:
            values = None
        elif (spec := by_name.get(word)) is not None:
            if spec[1]:
                values = spec[2]
        elif not word.startswith("-") and program_ends(word):
            return []
    if values is not None:
        return [(value, "") for value in values if value.startswith(last)]
    if last.startswith("-"):
        longest = [(max(names, key=len), meaning) for names, _, _, meaning in specs if names]
        return [(name, meaning) for name, meaning in longest if name.startswith(last)]
    # Words that may stand without a dash.
    positional = [value for names, _, choices, _ in specs if not names for value in choices]
    return [(value, "") for value in positional if value.startswith(last) and value not in before]


def launcher() -> "list[Spec]":
    """The options of ``pikos run``."""
    from pikos._launcher.command_line import SORT_KEYS
    from pikos._launcher.options import RUN, option_parser

    specs: list[Spec] = []
    for option in option_parser(RUN).option_list:
        names = [*option._short_opts, *option._long_opts]
        has_value = option.takes_value() and "-m" not in names
        choices = sorted(SORT_KEYS) if "--sort" in names else []
        specs.append((names, bool(has_value), choices, first_line(option.help)))
    return specs


def toolkit() -> "list[Spec]":
    """The options of ``pikos-run``."""
    from pikos._runner.options import argument_parser

    specs: list[Spec] = []
    for action in argument_parser()._actions:
        choices = [str(choice) for choice in action.choices or ()]
        specs.append(([*action.option_strings], action.nargs != 0, choices, first_line(action.help)))
    return specs


def first_line(text: str | None) -> str:
    return (text or "").splitlines()[0] if text else ""
