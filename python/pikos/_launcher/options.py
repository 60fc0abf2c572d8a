"""The command line of ``python -m pikos.cprofile``: cProfile's options, ours of ``pikos._options``, and what the environment adds."""

import os
import sys
from optparse import OptionParser

from pikos._lsprof import __version__, _holds_stacks
from pikos._options import STACKS, Options, whether_or_where
from pikos.cprofile import Profile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from optparse import Values
    from typing import Any

    from pikos._options import Flag, Option

PROGRAM = "python -m pikos.cprofile"
USAGE = f"{PROGRAM} [-o OUT] [-s SORT] [OPTION]... [-c CODE | -m MODULE | SCRIPT] [ARG]..."

EXAMPLES = f"""
Examples:
  {PROGRAM} script.py                       run it, then print where its time went
  {PROGRAM} -o out.pstats -m package ARG    save the profile; look at it with: pikos view out.pstats
  {PROGRAM} --live script.py                watch it from another terminal: pikos top
  {PROGRAM} --tree -o flame.html script.py  draw a flame graph of its exact stacks
"""

OPTIONS = Options.OPTIONS

#: Their texts mean something in the light of others.
READ_LATER = frozenset(["checkpoint", "interval"])

#: ``pstats``' number for "cumulative", cProfile's default on the command line.
CUMULATIVE = 2

#: The sort keys of ``pstats`` by which the native table can be sorted: all that there are up to 3.15.
SORT_KEYS = frozenset(
    "calls cumtime cumulative filename line module name ncalls nfl pcalls stdname time tottime".split()
)


class Parser(OptionParser):
    """optparse knows no option whose value may be missing, and breaks the lines of an epilog anew."""

    def _process_long_opt(self, rargs: list[str], values: "Values") -> None:
        if rargs[0].startswith("--live="):
            values.asked["live"] = rargs.pop(0).removeprefix("--live=")
        else:
            super()._process_long_opt(rargs, values)

    def format_epilog(self, formatter: object) -> str:
        return EXAMPLES


def option_parser() -> "Parser":
    """cProfile's options, and ours. Those of ``pikos._options`` are gathered in ``values.asked``: what was said, and no defaults."""
    # Its own options for help and version would look for a translation of six words, and import `locale` for that.
    parser = Parser(prog=PROGRAM, usage=USAGE, add_help_option=False)
    parser.allow_interspersed_args = False
    parser.set_defaults(asked={})
    parser.add_option("-h", "--help", action="help", help="show this help and exit")
    parser.version = f"pikos {__version__}"
    parser.add_option("--version", action="version", help="show the version and exit")
    parser.add_option("-o", "--outfile", metavar="OUT", help="save the profile to OUT; without, print a table")
    parser.add_option(
        "-s",
        "--sort",
        default=CUMULATIVE,
        action="callback",
        type="string",
        callback=check_sort,
        help="sort the table by this key of pstats.Stats.sort_stats",
    )
    parser.add_option("-m", dest="module", action="store_true", default=False, help="run a module, as python -m does")
    parser.add_option(
        "-c", dest="code", action="callback", type="string", callback=end_of_options, help="run CODE, as python -c does"
    )
    for option in OPTIONS.values():
        for flag in option.flags:
            add_flag(parser, option, flag)
    parser.add_option(
        "--top",
        action="store_true",
        default=False,
        help="as --live, and run `pikos top` beside the program: within tmux in a pane below it; elsewhere a line on standard "
        "error says what to type in another terminal",
    )
    return parser


def add_flag(parser: "Parser", option: "Option", flag: "Flag") -> None:
    """Let the parser know one flag of an option."""
    sets, name = flag.sets, option.name
    notes = [option.range()] if option.least is not None else []
    if flag.metavar and option.default:
        notes.append(f"default {option.default}")
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
            if rest and rest[0].startswith(("tcp://", "ipc://")):
                asked[name] = rest.pop(0)

    parser.add_option(flag.name, action="callback", callback=take_flag, help=text)


def value_of(option: "Option", text: str, name: str, parser: "OptionParser") -> "Any":
    """What a text stands for; wrong usage if it is nothing that the option can be. name: as it was typed."""
    try:
        value = option.read(text) if option.read else text
        option.check(value, name)
    except ValueError:
        parser.error(str(option.refusal(text, name)))
    return value


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


def end_of_options(option: object, name: str, value: str, parser: "OptionParser") -> None:
    """``-c CODE``: what follows belongs to the program."""
    assert parser.values is not None and parser.rargs is not None and parser.largs is not None
    parser.values.code = value
    parser.largs.extend(parser.rargs)
    del parser.rargs[:]


def recording(values: "Values", outfile: str | None, parser: "OptionParser") -> "tuple[Options, Profile]":
    """What the command line asks for, and a profile that does that; the environment counts where it says nothing of being live.
    What is wrong on the command line ends it, as wrong usage; a wrong interval or a wrong environment is said on standard error,
    and the program runs."""
    said = asked_of(parser)
    asked = dict(said)
    if "live" not in said:
        asked["live"] = whether_or_where(os.environ.get("PIKOS_LIVE", "0"))
    if values.top:
        asked["live"] = asked["live"] or True
    if asked["live"] is not False:
        asked["interval"] = interval(said.get("interval"))
    for name in said:
        if OPTIONS[name].needs == "live" and asked["live"] is False:
            parser.error(f"{OPTIONS[name].flags[0].name} has no effect without --live: add --live")
    if "checkpoint" in said:
        if outfile is None:
            parser.error("--checkpoint writes the file of -o: add -o OUT")
        asked["checkpoint"] = (outfile, value_of(OPTIONS["checkpoint"], said["checkpoint"], "--checkpoint", parser))
    options = Options(**asked)
    try:
        profile = Profile(**options.for_profile())
    except ValueError as error:
        if "live" in said or values.top or options.live is False:
            parser.error(str(error))
        options = options.but(live=False, paused=False)
        profile = without_environment(options, error, parser)
    if options.live is False:
        check_places(options, outfile, parser)
    return options, profile


def without_environment(options: "Options", error: ValueError, parser: "OptionParser") -> "Profile":
    """The profile that isn't live, where the environment asks for one that can't be; unless something else is wrong."""
    try:
        profile = Profile(**options.for_profile())
    except ValueError:
        parser.error(str(error))
    sys.stderr.write(f"pikos: PIKOS_LIVE={os.environ['PIKOS_LIVE']}: {error}; the program runs unwatched\n")
    return profile


def check_places(options: "Options", outfile: str | None, parser: "OptionParser") -> None:
    """What is recorded must be somewhere to be seen, where it isn't live."""
    if options.follow and outfile is None:
        parser.error("--follow has nowhere to put the children's profiles: add --live, or -o OUT")
    if options.tree and (outfile is None or not _holds_stacks(outfile)):
        parser.error(
            f"--tree keeps full stacks, which neither a table nor a pstats file can hold: write them to a file, -o {STACKS}; "
            "or watch them, --live"
        )


def interval(text: str | None) -> float:
    """Seconds of ``--interval``, or ``PIKOS_INTERVAL``, moved to what can be done."""
    option = OPTIONS["interval"]
    name = "--interval"
    if text is None:
        name, text = "PIKOS_INTERVAL", os.environ.get("PIKOS_INTERVAL")
        if text is None:
            return option.default  # type: ignore[return-value]
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    try:
        option.check(seconds)
    except ValueError:
        nearest: Any = option.default if seconds != seconds else min(max(seconds, option.least), option.most)  # type: ignore[type-var]
        sys.stderr.write(f"pikos: {option.refusal(text, name)}; using {nearest:g}\n")
        return nearest  # type: ignore[no-any-return]
    return seconds
