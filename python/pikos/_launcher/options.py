"""All of the command lines of ``python -m pikos.cprofile`` and ``pikos run``: cProfile's options, and ours of ``pikos._options``; their
help, and what is said of wrong ones."""

from optparse import OptionParser

from pikos._launcher.command_line import CUMULATIVE, ENDPOINTS, OF_RUN, SORT_KEYS
from pikos._launcher.command_line import Values as Said
from pikos._lsprof import __version__
from pikos._options import COUNTING, SAMPLING, Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from optparse import Values
    from typing import Any, NoReturn

    from pikos._options import Flag, Option


class Command:
    """A command that runs a program. usage: what may follow its name; flags: what it has beside cProfile's options and ours, with
    their texts; of: COUNTING or SAMPLING, what it does; None if either."""

    def __init__(
        self,
        name: str,
        usage: str,
        outfile: str,
        sort: str,
        flags: "Mapping[str, str]",
        examples: str,
        of: str | None = None,
    ) -> None:
        self.name = name
        self.usage = f"{name} {usage}"
        self.outfile = outfile
        self.sort = sort
        self.flags = flags
        self.examples = examples.replace("PROGRAM", name)
        self.of = of

    def has(self, option: "Option") -> bool:
        """Whether an option is for this command. That it samples is in its name."""
        return self.of is None or (option.of in ("", self.of) and option.name != "sample")


CPROFILE = Command(
    "python -m pikos.cprofile",
    "[-o OUT] [-s SORT] [OPTION]... [-c CODE | -m MODULE | SCRIPT] [ARG]...",
    "save the profile to OUT; without, print a table",
    "sort the table by this key of pstats.Stats.sort_stats",
    {},
    """
Examples:
  PROGRAM script.py                       run it, then print where its time went
  PROGRAM -o out.pstats -m package ARG    save the profile; look at it with: pikos view out.pstats
  PROGRAM --live script.py                watch it from another terminal: pikos top
  PROGRAM --web script.py                 watch it in the browser
  PROGRAM -o flame.html script.py         draw a flame graph of its exact stacks
""",
    COUNTING,
)

SAMPLING_COMMAND = Command(
    "python -m pikos.sampling",
    "[-o OUT] [OPTION]... [-c CODE | -m MODULE | SCRIPT] [ARG]...",
    "save the profile to OUT",
    "sort the table of --table by this key of pstats.Stats.sort_stats",
    {
        "--open": "show the report in a browser when the program is done",
        "-q": "print no summary",
        "--table": "print the table of all functions, as cProfile does, instead of the summary",
    },
    """
Examples:
  PROGRAM script.py ARG                    run it, then say where its time went
  PROGRAM -o out.pikos -m package ARG      save the profile; look at it with: pikos view out.pikos
  PROGRAM --rate 1000 --mode cpu script.py look more often, and only at what runs
  PROGRAM --live script.py                 watch it from another terminal: pikos top
  PROGRAM -o flame.html script.py          draw a flame graph

A process that runs already: pikos sample PID.
""",
    SAMPLING,
)

RUN = Command(
    "pikos run",
    "[OPTION]... [-c CODE | -m MODULE | SCRIPT] [ARG]...",
    "save the profile to OUT (default: NAME-DATE.pikos in the working folder)",
    "sort the table of --table by this key of pstats.Stats.sort_stats",
    {
        "--no-save": "save nothing",
        "--open": "show the report in a browser when the program is done",
        "-q": "print no summary",
        "--table": "print the table of all functions, as cProfile does, instead of the summary",
    },
    """
Examples:
  PROGRAM script.py ARG            run it, then say where its time went
  PROGRAM --open -m pytest tests   show the report in a browser, too
  PROGRAM --live script.py         watch it from another terminal: pikos top
  PROGRAM --web script.py          watch it in the browser
  PROGRAM --sample script.py       sample it instead of counting its calls
  PROGRAM -o flame.html script.py  draw a flame graph of its exact stacks

The summary goes to standard error: the program's own output stays as it is.
Look at the file that was saved with `pikos view FILE`, share it with `pikos report FILE`.
""",
)

OPTIONS = Options.OPTIONS

#: Their texts mean something in the light of others.
READ_LATER = frozenset(["budget", "checkpoint", "interval", "rate", "slow_step"])


class Parser(OptionParser):
    """optparse knows no option whose value may be missing, and breaks the lines of an epilog anew."""

    def _process_long_opt(self, rargs: list[str], values: "Values") -> None:
        if rargs[0].startswith("--live="):
            values.asked["live"] = rargs.pop(0).removeprefix("--live=")
        else:
            super()._process_long_opt(rargs, values)

    def format_epilog(self, formatter: object) -> str:
        return self.epilog or ""


def option_parser(command: Command) -> "Parser":
    """cProfile's options, and ours. Those of ``pikos._options`` are gathered in ``values.asked``: what was said, and no defaults."""
    # Its own options for help and version would look for a translation of six words, and import `locale` for that.
    parser = Parser(prog=command.name, usage=command.usage, epilog=command.examples, add_help_option=False)
    parser.allow_interspersed_args = False
    parser.set_defaults(**{**vars(Said()), "asked": {}})
    parser.add_option("-h", "--help", action="help", help="show this help and exit")
    parser.version = f"pikos {__version__}"
    parser.add_option("--version", action="version", help="show the version and exit")
    parser.add_option("-o", "--outfile", metavar="OUT", help=command.outfile)
    parser.add_option(
        "-s",
        "--sort",
        default=CUMULATIVE,
        action="callback",
        type="string",
        callback=check_sort,
        help=command.sort,
    )
    parser.add_option(
        "-n",
        dest="rows",
        metavar="N",
        action="callback",
        type="string",
        callback=check_rows,
        help="print only the first N functions of the table",
    )
    for name, text in command.flags.items():
        attribute, value = OF_RUN[name]
        names = [flag for flag, sets in OF_RUN.items() if sets == OF_RUN[name]]
        parser.add_option(*names, dest=attribute, action="store_const", const=value, help=text)
    parser.add_option("-m", dest="module", action="store_true", default=False, help="run a module, as python -m does")
    parser.add_option(
        "-c", dest="code", action="callback", type="string", callback=end_of_options, help="run CODE, as python -c does"
    )
    for option in filter(command.has, OPTIONS.values()):
        for flag in option.flags:
            add_flag(parser, option, flag)
    parser.add_option(
        "--top",
        action="store_true",
        default=False,
        help="as --live, and run `pikos top` beside the program: within tmux in a pane below it; elsewhere a line on standard "
        "error says what to type in another terminal",
    )
    parser.add_option(
        "--web",
        action="store_true",
        default=False,
        help="as --live, and show the program in the browser while it runs; the page stays until you close it",
    )
    return parser


def add_flag(parser: "Parser", option: "Option", flag: "Flag") -> None:
    """Let the parser know one flag of an option."""
    sets, name = flag.sets, option.name
    notes = [option.range(is_typed=True)] if option.least is not None else []
    if flag.metavar and option.default and not option.choices:
        notes.append(f"default {option.typed_default()}")
    text = f"{flag.help} ({'; '.join(notes)})" if notes else flag.help
    if sets is None:

        def take_text(_option: object, _name: str, value: str, parser: "OptionParser") -> None:
            asked_of(parser)[name] = value if name in READ_LATER else value_of(option, value, flag.name, parser)

        parser.add_option(
            flag.name, action="callback", type="string", metavar=flag.metavar, callback=take_text, help=text
        )
        return

    def take_flag(_option: object, _name: str, _value: None, parser: "OptionParser") -> None:
        asked = asked_of(parser)
        asked.update(sets)
        if flag.metavar is not None:
            # ``--live tcp://…``: a script has no such name.
            rest = parser.rargs
            assert rest is not None
            if rest and rest[0].startswith(ENDPOINTS):
                asked[name] = rest.pop(0)

    parser.add_option(flag.name, action="callback", callback=take_flag, help=text)


def value_of(option: "Option", text: str, name: str, parser: "OptionParser") -> "Any":
    """What a text stands for; wrong usage if it is nothing that the option can be. name: as it was typed."""
    try:
        value = option.typed(text)
        option.check(value, name)
    except ValueError:
        parser.error(str(option.refusal(text, name)))
    return value


def read(command: Command, argv: list[str]) -> "tuple[Any, list[str]]":
    """What was said, and the program with its arguments. Ends the process where that is wrong, or a request for help."""
    parser = option_parser(command)
    values, rest = parser.parse_args(argv)
    if values.code is None and not rest:
        parser.error("name a program: a script, -m and a module, or -c and code")
    return values, rest


def refuse(command: Command, message: str) -> "NoReturn":
    """Wrong usage: say so, and end."""
    option_parser(command).error(message)


def asked_of(parser: "OptionParser") -> "dict[str, Any]":
    """What was said so far."""
    assert parser.values is not None
    return parser.values.asked  # type: ignore[no-any-return]


def check_sort(option: object, name: str, value: str, parser: "OptionParser") -> None:
    """``-s``: one of pstats' keys. Imports pstats only for a word that we don't know."""
    if value not in SORT_KEYS:
        import pstats

        choices = sorted(pstats.Stats.sort_arg_dict_default)
        if value not in choices:
            listed = ", ".join(map(repr, choices))
            parser.error(f"option {name}: invalid choice: {value!r} (choose from {listed})")
    assert parser.values is not None
    parser.values.sort = value


def check_rows(option: object, name: str, value: str, parser: "OptionParser") -> None:
    """``-n``: a number of rows."""
    if not value.isdecimal() or int(value) == 0:
        parser.error(f"option {name}: {value!r} is no number of functions: 1 or more")
    assert parser.values is not None
    parser.values.rows = int(value)


def end_of_options(option: object, name: str, value: str, parser: "OptionParser") -> None:
    """``-c CODE``: what follows belongs to the program."""
    assert parser.values is not None and parser.rargs is not None and parser.largs is not None
    parser.values.code = value
    parser.largs.extend(parser.rargs)
    del parser.rargs[:]
