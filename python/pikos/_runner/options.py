"""What ``pikos-run`` can be asked for."""

from __future__ import annotations

import argparse
import os
import sys

from pikos._lsprof import __version__, _peaks_problem
from pikos.api import CSV_FILE, PARQUET_FILE, TEXT_FILE, TRACE_FILE, monitor_class
from pikos.monitors._line_report import FUNCTIONS, LISTED, OF_MEMORY, OF_TIME, form_of
from pikos.monitors.records import EXTRA_FIELDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

#: What the command calls a monitor, and what the API does.
MONITORS = {
    "functions": "function",
    "lines": "line",
    "function_memory": "function_memory",
    "line_memory": "line_memory",
}

#: What counts objects is none of them.
OBJECTS = "objects"
CHOICES = [*MONITORS, OBJECTS]

DESCRIPTION = """\
Run a Python script under a monitor. Options may come before or after the script. The first argument that is
none of these options begins the script's own; so does what follows --. `pikos lines` is the same as `pikos-run lines`.
"""

EXAMPLES = """\
examples:
  pikos-run line_memory --focused-on load script.py   memory at each line of load()
  pikos-run lines --report script.py                  hits and time of each line of the costliest functions
  pikos-run line_memory --report -o page.html app.py  which lines took memory, also for a while: a page to share
  pikos-run lines -l -v script.py                     as kernprof: the lines of functions decorated with @profile
  pikos-run lines --report --focused-on load -m tool  the same of load() alone: the rest runs at full speed
  pikos-run functions -o calls.parquet script.py ARG  all calls and returns, for pandas or DuckDB
  pikos-run functions -o calls.trace.json script.py   the same as a trace, for https://ui.perfetto.dev
  pikos-run line_memory --recording zmq script.py     watch it from another terminal: pikos top
  pikos-run objects --where script.py                 which types of objects it makes and keeps, and which lines make them
"""

RECORDINGS = ("screen", "text", "csv", "parquet", "trace", "zmq")
#: Where records go unless a file is named.
FILES = {"csv": CSV_FILE, "parquet": PARQUET_FILE, "text": TEXT_FILE, "trace": TRACE_FILE}
#: What the name of a file says. A profile's trace has these names, too.
ENDINGS = {".csv": "csv", ".parquet": "parquet", ".trace": "trace", ".trace.json": "trace"}


class Option:
    """An option of the command, and all that is said about it.

    names: the long one last. how: what ``argparse`` is to do with it; without, it is a flag. place: where its value is found, if not by
    its last name. behind: whether it is read behind the script as well: others are the script's own there. of_reports: whether it
    makes sense for reports alone. not_of_objects: why it makes none where objects are counted.
    """

    def __init__(
        self,
        names: str,
        help: str,
        how: dict[str, Any] | None = None,
        *,
        place: str = "",
        behind: bool = False,
        of_reports: bool = False,
        not_of_objects: str = "",
    ) -> None:
        self.names = names.split()
        self.help = help
        self.how = how or {"action": "store_true"}
        action = self.how.get("action", "store")
        self.dest = place or self.names[-1].lstrip("-").replace("-", "_")
        self.behind = behind
        self.of_reports = of_reports
        self.not_of_objects = not_of_objects
        self.takes_value = action not in ("store_true", "store_const")
        #: Its value where it isn't given.
        self.default: Any = {"append": [], "store_true": False}.get(action)

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(*self.names, dest=self.dest, default=argparse.SUPPRESS, help=self.help, **self.how)


def whole_number(text: str) -> int:
    """A number of functions."""
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 1 or greater")


def positive(text: str) -> float:
    """A number of seconds."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if 0 < number < float("inf"):
        return number
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")


NAMES: dict[str, Any] = {"action": "append", "metavar": "NAME[,NAME]..."}
SECONDS: dict[str, Any] = {"type": positive, "metavar": "SECONDS"}
NO_RECORDS = "there are no records"
ALL_FUNCTIONS = "objects of all functions are counted; --where tells them apart"

#: Those that may stand anywhere.
OPTIONS = [
    Option(
        "-o --output",
        "write to this file (default: monitor_records with an ending that fits); with zmq, bind this endpoint, too; "
        "a report as text, page, JSON or CSV, as the name says (.html, .json, .csv)",
        {"metavar": "OUTPUT"},
        behind=True,
    ),
    Option(
        "--buffered",
        "write to the screen or to a text file in large blocks, not record by record",
        behind=True,
        not_of_objects=NO_RECORDS,
    ),
    Option(
        "--recording",
        "how to record (default: what the name of -o says, or screen)",
        {"choices": RECORDINGS},
        behind=True,
    ),
    Option(
        "--focused-on",
        "record only inside these functions: of the script (main, Class.method), or importable ones "
        "(package.module.function); a class or a module stands for all of its functions, and names may have wildcards",
        NAMES,
        behind=True,
        not_of_objects=ALL_FUNCTIONS,
    ),
    Option(
        "--report",
        "instead of records, print the program's own functions, the costliest first: each line with its hits and its time, "
        "or memory; with functions and function_memory a line for each function; with objects also which types grew, and what holds them",
        behind=True,
    ),
    Option(
        "-n",
        f"with --report: show this many functions (default: {FUNCTIONS}, in a list {LISTED})",
        {"type": whole_number, "metavar": "N"},
        place="count",
        behind=True,
        of_reports=True,
    ),
    Option(
        "--sort",
        f"with --report: the order of functions: {', '.join(OF_TIME)}; of memory {', '.join(OF_MEMORY)}",
        {"choices": sorted({*OF_TIME, *OF_MEMORY}), "metavar": "KEY"},
        behind=True,
        of_reports=True,
        not_of_objects="the types with most bytes come first",
    ),
    Option(
        "--all",
        "with --report: show all functions, those of libraries, too",
        place="everything",
        behind=True,
        of_reports=True,
        not_of_objects="all types are shown",
    ),
    Option(
        "--fields",
        f"have records tell more: {', '.join(f'+{field}' for field in EXTRA_FIELDS)}",
        {"action": "append", "metavar": "+FIELD[,+FIELD]..."},
        behind=True,
        not_of_objects=NO_RECORDS,
    ),
    Option(
        "--filter",
        "record only what this says: FIELD ~ REGEX, FIELD = VALUE, FIELD < NUMBER, FIELD glob PATTERN, own (your own code), "
        "with and, or, not and brackets; of several, all must hold",
        {"action": "append", "metavar": "EXPRESSION"},
        behind=True,
        not_of_objects="--types says which ones count",
    ),
    Option(
        "-z --skip-zero",
        "with --report: leave out lines and functions of zeros, and lines that did not run",
        of_reports=True,
        not_of_objects="types without objects are not shown",
    ),
    Option(
        "--summary",
        "a report with one line for each function",
        not_of_objects="the table has one line for each type",
    ),
    Option(
        "--json",
        "a report as JSON",
        not_of_objects="pikos top --json prints it while the program runs",
    ),
    Option("--csv", "a report as comma-separated values", not_of_objects="name a file, -o types.csv"),
    Option(
        "-l --line-by-line",
        "a report of the functions that are decorated with @profile, and of -p",
        not_of_objects=ALL_FUNCTIONS,
    ),
    Option("-p --prof-mod", "the same as --focused-on", NAMES, place="focused_on"),
    Option(
        "-v --view",
        "with --report: print it, also where -o names a file",
        of_reports=True,
        not_of_objects="the table is printed, or written",
    ),
    Option(
        "-u --unit",
        "with --report: the unit of times, as 1e-3",
        SECONDS,
        of_reports=True,
        not_of_objects="there are no times",
    ),
    Option(
        "-r --rich",
        "with --report: in colours, also in a pipe",
        of_reports=True,
        not_of_objects="the table has no colours",
    ),
    Option(
        "-t --sort-by-time",
        "the same as --sort time",
        {"action": "store_const", "const": "time"},
        place="sort",
    ),
    Option(
        "-i --output-interval",
        "with --report and -o: write the file anew each time these are over, too",
        SECONDS,
        of_reports=True,
        not_of_objects="the table is written at the end",
    ),
    Option(
        "--types",
        "with objects, and line_memory --report: count these types only (list, app.Model, app.*)",
        {"action": "append", "metavar": "TYPE[,TYPE]..."},
        behind=True,
    ),
    Option(
        "--where",
        "with objects: also by the line that makes them; with line_memory --report: say which types of objects those lines made "
        "that grew the memory",
        behind=True,
    ),
    Option(
        "--threads",
        "watch all threads, not just the main one",
        behind=True,
        not_of_objects="all threads' objects are counted",
    ),
    Option(
        "--follow",
        "record the Python processes that it starts as well, each in a file with its process ID in the name, or a stream of its own",
        behind=True,
        not_of_objects="they are counted in one process",
    ),
]


class CommandLine(argparse.ArgumentParser):
    """A command line whose errors begin as all that the command says."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\n")


def argument_parser(kind: type[CommandLine] = CommandLine) -> argparse.ArgumentParser:
    """The options."""
    parser = kind(
        prog="pikos-run",
        usage="pikos-run [OPTION]... {functions,lines,function_memory,line_memory,objects} [OPTION]... "
        "[-c CODE | -m MODULE | SCRIPT] [OPTION]... [ARG]...",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("monitor", choices=CHOICES, help="what to record")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    for option in OPTIONS:
        option.add_to(parser)
    return parser


def parse(parser: argparse.ArgumentParser, argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the program with its arguments."""
    loose = type(parser)(prog=parser.prog, usage=parser.usage, add_help=False, allow_abbrev=False)
    for option in OPTIONS:
        option.add_to(loose)
    takes_value, flags = {}, {}
    # Behind the script, what programs call their own options like is theirs.
    for behind in (False, True):
        read = [(option, name) for option in OPTIONS if option.behind or not behind for name in option.names]
        takes_value[behind] = {name for option, name in read if option.takes_value}
        flags[behind] = {name for option, name in read if not option.takes_value}
    letters = {name[1] for name in flags[False] if len(name) == 2}
    ours: list[str] = []
    monitor: str | None = None
    how = ""
    script: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        behind = bool(script)
        if word.split("=", 1)[0] in takes_value[behind] and word.startswith("-"):
            ours.append(word)
            if "=" not in word:
                if not rest:
                    parser.error(f"argument {word}: expected one argument")
                ours.append(rest.pop(0))
        elif word in flags[behind] or (word[:2] in takes_value[behind] and not word.startswith("--")):
            # What follows a short option may stand right behind it.
            ours.append(word)
        elif not behind and len(word) > 2 and word[0] == "-" and letters.issuperset(word[1:]):
            ours += [f"-{letter}" for letter in word[1:]]
        elif word in ("-h", "--help", "--version") and not script:
            parser.parse_args([word])  # prints, and exits
        elif script:
            script += rest if word == "--" else [word, *rest]
            break
        elif word == "-m" and monitor is not None:
            how = word
        elif word == "-c" and monitor is not None and rest:
            # As for the interpreter, all that follows the code is the program's.
            how, script = word, rest
            break
        elif word.startswith("-") and word != "-":
            parser.error(f"unrecognized arguments: {word}")
        elif monitor is None:
            if word not in CHOICES:
                import difflib

                near = difflib.get_close_matches(word, CHOICES, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                parser.error(f"there is no monitor {word!r}: choose {', '.join(CHOICES)}{hint}")
            monitor = word
        else:
            script.append(word)
    if monitor is None:
        parser.error(f"name a monitor: {', '.join(CHOICES)}")
    if not script:
        parser.error("name a script, -m and a module, or -c and code")
    options = argparse.Namespace(monitor=monitor, how=how)
    for option in OPTIONS:
        setattr(options, option.dest, list(option.default) if option.default == [] else option.default)
    loose.parse_args(ours, options)
    types = [name for names in options.types for name in names.split(",") if name]
    if options.types and not types:
        parser.error("--types: name a type, list for instance")
    options.types = types or None
    if monitor == OBJECTS:
        check_objects(options, parser)
        return options, script
    orders = OF_MEMORY if monitor.endswith("memory") else OF_TIME
    if options.sort is not None and options.sort not in orders:
        parser.error(f"--sort {options.sort}: choose {', '.join(orders)}")
    is_page = options.output is not None and options.recording is None and form_of(options.output) == "html"
    if options.line_by_line or options.summary or options.json or options.csv or is_page:
        options.report = True
    if (options.types is not None or options.where) and not (monitor == "line_memory" and options.report):
        name = "--where" if options.types is None else "--types"
        parser.error(f"{name} is for objects, and for line_memory --report: pikos-run objects ...")
    if not options.report:
        for option in OPTIONS:
            if option.of_reports and getattr(options, option.dest):
                parser.error(f"{option.names[0]} is for --report: add it")
    if options.output_interval is not None and options.output is None:
        parser.error("-i writes the report to a file: name it with -o")
    is_to_screen = options.recording == "screen" or (options.output is None and options.recording is None)
    if options.follow and is_to_screen:
        parser.error("--follow needs a file for each process: name it with -o, or choose --recording zmq")
    if options.json and options.csv:
        parser.error("--json and --csv are two forms of a report: choose one")
    options.focused_on = [path for paths in options.focused_on for path in paths.split(",") if path]
    kind: Any = monitor_class(MONITORS[monitor])
    options.fields = fields_of(options, kind, parser)
    options.filter = filter_of(options, kind, parser)
    return options, script


def fields_of(options: argparse.Namespace, kind: Any, parser: argparse.ArgumentParser) -> tuple[str, ...]:
    """The extra fields that ``--fields`` names."""
    words = [word.strip() for words in options.fields for word in words.split(",")]
    if words and options.report:
        parser.error("--fields is for records: leave out --report")
    for word in words:
        if word[:1] != "+":
            parser.error(f"--fields {word}: write +{word}: it is added to what records have")
    names = [word[1:] for word in words]
    recording = options.recording or guess(options.output or "")
    # What was in use between two records, where the system tells: `pikos plot` and `pikos top` show it.
    if (
        kind._reads_memory
        and recording in ("csv", "parquet", "zmq")
        and not options.report
        and _peaks_problem() is None
    ):
        names.append("peak")
    # How long each line takes, for `pikos top`.
    if kind._kind == "line" and not kind._reads_memory and recording == "zmq" and not options.report:
        names.append("time")
    try:
        return kind._extras(names)  # type: ignore[no-any-return]
    except ValueError as error:
        parser.error(f"--fields: {error}")


def filter_of(options: argparse.Namespace, kind: Any, parser: argparse.ArgumentParser) -> Any:
    """The filter that ``--filter`` says; None without one."""
    if not options.filter:
        return None
    if options.report:
        parser.error("--filter is for records: leave out --report")
    from pikos.filters import And, parse
    from pikos.filters.expression import ExpressionError
    from pikos.monitors.records import with_fields

    fields = with_fields(record_type_of(kind, options), options.fields)._fields
    filters = []
    for text in options.filter:
        try:
            filters.append(parse(text, fields))
        except ExpressionError as error:
            parser.error(f"--filter: {error}")
    return filters[0] if len(filters) == 1 else And(*filters)


def check_objects(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what makes no sense where objects are counted."""
    for option in OPTIONS:
        if option.not_of_objects and getattr(options, option.dest):
            name, reason = option.names[0], option.not_of_objects
            parser.error(f"{name} has no meaning for objects ({reason}): leave it out")
    if options.recording not in (None, "screen", "zmq"):
        parser.error(f"objects are counted, not recorded one by one: leave out --recording {options.recording}")


def output_of(options: argparse.Namespace, parser: argparse.ArgumentParser) -> str | None:
    """The file to write, absolute: the program may change the working directory. None for the screen."""
    if options.monitor == OBJECTS:
        output: str | None = options.output
        if options.recording == "zmq" or output is None:
            return output
        if options.recording == "screen":
            parser.error("--recording screen writes no file: leave out -o")
        return os.path.abspath(output)
    if options.report:
        if options.recording not in (None, "text"):
            parser.error(f"--report prints a table: leave out --recording {options.recording}")
    elif options.recording is None:
        options.recording = "screen" if options.output is None else guess(options.output)
    if options.recording == "screen" and options.output is not None:
        parser.error("--recording screen writes no file: leave out -o, or choose csv, parquet, text or trace")
    if options.recording == "trace" and options.monitor not in ("functions", "function_memory"):
        parser.error("a trace is made of calls and returns: record functions or function_memory")
    if options.recording == "zmq":
        return options.output  # type: ignore[no-any-return]
    name = options.output or FILES.get(options.recording)
    return None if name is None else os.path.abspath(name)


def guess(name: str) -> str:
    """The recording for a file of this name."""
    if name.startswith(("tcp://", "ipc://")):
        return "zmq"
    # Not splitext: it finds no extension in ".csv".
    return next((kind for ending, kind in ENDINGS.items() if name.endswith(ending)), "text")


def record_type_of(kind: Any, options: argparse.Namespace) -> Any:
    """The type of records, without the extra fields."""
    # `pikos plot` draws them over time.
    recording = options.recording or guess(options.output or "")
    is_timed = recording in ("csv", "parquet") and kind._timed_record_type is not None
    return kind._timed_record_type if is_timed else kind._own_record_type
