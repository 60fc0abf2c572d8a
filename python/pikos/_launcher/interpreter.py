"""An interpreter's command line, read as the interpreter reads it."""

#: One-letter options that have a value: the rest of the word, or the next one.
WITH_VALUE = "WX"
LONG_WITH_VALUE = "--check-hash-based-pycs"


def split(argv: list[str]) -> tuple[list[str], str, list[str]]:
    """(options, how, rest) of a command line. how: ``-c`` or ``-m``, then rest begins with the code or the module's name; or empty,
    then it begins with the script's path, if there is one."""
    options: list[str] = []
    place = 1
    while place < len(argv):
        word = argv[place]
        if word == "--":
            return options, "", argv[place + 1 :]
        if word == "-" or not word.startswith("-"):
            break
        place += 1
        if word.startswith("--"):
            options.append(word)
            if word == LONG_WITH_VALUE:
                options += argv[place : place + 1]
                place += 1
            continue
        for index, letter in enumerate(word[1:], 1):
            if letter in "cm":
                if index > 1:
                    options.append(word[:index])
                value = [word[index + 1 :]] if word[index + 1 :] else []
                return options, f"-{letter}", [*value, *argv[place:]]
            if letter in WITH_VALUE:
                options.append(word)
                if index == len(word) - 1:
                    options += argv[place : place + 1]
                    place += 1
                break
        else:
            options.append(word)
    return options, "", argv[place:]
