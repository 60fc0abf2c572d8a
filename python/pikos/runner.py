"""``pikos-run``: runs a program under a monitor.

The program runs as under plain ``python``: same output, exit code and traceback; the interpreter itself runs it, in place of this
process. Records made before it is stopped are kept. Options are read up to the first argument that is none of ours; from there
on they are the program's.
"""

from __future__ import annotations

import argparse
import os
import sys
from _thread import get_ident, start_new_thread
from os import getpid
from time import perf_counter, sleep

from pikos._launcher.handover import become
from pikos._launcher.run import Run, say, show
from pikos._launcher.summary import columns, has_colours
from pikos._lsprof import __version__, _at_main, _peaks_problem
from pikos.api import CSV_FILE, PARQUET_FILE, TEXT_FILE, monitor_class
from pikos.cprofile.profile import write_whole
from pikos.monitors import _profile_decorator
from pikos.monitors._focus_by_name import NoSuchFunction, codes_of, named
from pikos.monitors._line_forms import rendered
from pikos.monitors._line_report import (
    FUNCTIONS,
    LISTED,
    OF_MEMORY,
    OF_TIME,
    Circumstances,
    Report,
    Wanted,
    form_of,
)
from pikos.monitors._line_table import Paper
from pikos.monitors.records import extended

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import CodeType
    from typing import Any, NoReturn

    from pikos.monitors.monitor import EventMonitor
    from pikos.recorders.abstract_recorder import AbstractRecorder

#: What the command calls a monitor, and what the API does.
MONITORS = {
    "functions": "function",
    "lines": "line",
    "function_memory": "function_memory",
    "line_memory": "line_memory",
}

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
  pikos-run line_memory --recording zmq script.py     watch it from another terminal: pikos top
"""

RECORDINGS = ("screen", "text", "csv", "parquet", "zmq")

#: Between the arguments that one process hands to the next.
SEPARATOR = "\x1f"


def main() -> None:
    """The command. Ends as the program ends; before that, exit code 2 for wrong usage and 1 for an output that can't be
    written."""
    parser = argument_parser()
    options, args = parse(parser, sys.argv[1:])
    output_of(options, parser)
    program = [options.how, *args] if options.how else args
    reason = become(program, {"run": "monitor", "argv": SEPARATOR.join(sys.argv[1:])})
    if not options.how:
        # The command has its own folder first.
        sys.path[0:1] = [""] if not sys.flags.safe_path else sys.path[0:1]
    from pikos._launcher.program import run

    recording = prepare(sys.argv[1:])
    run(program, recording.wait, reason)


def begin_recording(texts: Mapping[str, str]) -> None:
    """For ``_begin``: this process is about to run the program."""
    if not prepare(texts["argv"].split(SEPARATOR)).wait():
        say("pikos-run: another tool evaluates this interpreter's frames (PEP 523); the program runs unrecorded\n")


def prepare(argv: list[str]) -> Recording:
    """What a command line asks to be recorded."""
    parser = argument_parser()
    options, program = parse(parser, argv)
    outfile = output_of(options, parser)
    command = " ".join(["python", options.how, *program]) if options.how else ""
    recorder, report = recorder_of(options, outfile, command)
    kind: Any = monitor_class(MONITORS[options.monitor])
    focused: Any = monitor_class(MONITORS[options.monitor], focused=True)
    record_type = record_type_of(kind, options)

    def monitor_of(codes: list[CodeType] | None) -> Any:
        """The monitor of these functions, or of all."""
        functions = {} if codes is None else {"functions": codes}
        new = (kind if codes is None else focused)(
            recorder, record_type=record_type, threads=options.threads, **functions
        )
        if report is not None:
            report.attach_to(new)
        return new

    return Recording(monitor_of, report, outfile, options, " ".join(program), parser)


def record_type_of(kind: Any, options: argparse.Namespace) -> Any:
    """What records are made of; None for what the monitor makes by itself. `pikos plot` draws those in files over time; and what was
    in use between two records, where the system tells."""
    record_type = kind._timed_record_type if options.recording in ("csv", "parquet") else None
    if kind._reads_memory and options.recording in ("csv", "parquet", "zmq") and _peaks_problem() is None:
        return extended(record_type or kind._own_record_type, "peak")
    return record_type


class CommandLine(argparse.ArgumentParser):
    """A command line whose errors begin as all that the command says."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\n")


def argument_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = CommandLine(
        prog="pikos-run",
        usage="pikos-run [OPTION]... {functions,lines,function_memory,line_memory} [OPTION]... "
        "[-c CODE | -m MODULE | SCRIPT] [OPTION]... [ARG]...",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("monitor", choices=MONITORS, help="what to record")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    add_options(parser)
    return parser


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those that may stand anywhere."""
    missing: Any = argparse.SUPPRESS
    parser.add_argument(
        "-o",
        "--output",
        default=missing,
        help=f"write to this file (default: {CSV_FILE}, {PARQUET_FILE} or {TEXT_FILE}); with zmq, bind this endpoint, too; "
        "a report as text, page, JSON or CSV, as the name says (.html, .json, .csv)",
    )
    parser.add_argument(
        "--buffered",
        action="store_true",
        default=missing,
        help="write to the screen or to a text file in large blocks, not record by record",
    )
    parser.add_argument(
        "--recording",
        choices=RECORDINGS,
        default=missing,
        help="how to record (default: what the name of -o says, or screen)",
    )
    parser.add_argument(
        "--focused-on",
        action="append",
        default=missing,
        metavar="NAME[,NAME]...",
        help="record only inside these functions: of the script (main, Class.method), or importable ones "
        "(package.module.function); a class or a module stands for all of its functions, and names may have wildcards",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        default=missing,
        help="instead of records, print the program's own functions, the costliest first: each line with its hits and its time, "
        "or memory; with functions and function_memory a line for each function",
    )
    parser.add_argument(
        "-n",
        dest="count",
        type=whole_number,
        default=missing,
        metavar="N",
        help=f"with --report: show this many functions (default: {FUNCTIONS}, in a list {LISTED})",
    )
    parser.add_argument(
        "--sort",
        choices=sorted({*OF_TIME, *OF_MEMORY}),
        default=missing,
        metavar="KEY",
        help=f"with --report: the order of functions: {', '.join(OF_TIME)}; of memory {', '.join(OF_MEMORY)}",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        dest="everything",
        default=missing,
        help="with --report: show all functions, those of libraries, too",
    )
    parser.add_argument(
        "-z",
        "--skip-zero",
        action="store_true",
        default=missing,
        help="with --report: leave out lines and functions of zeros, and lines that did not run",
    )
    parser.add_argument(
        "--summary", action="store_true", default=missing, help="a report with one line for each function"
    )
    parser.add_argument("--json", action="store_true", default=missing, help="a report as JSON")
    parser.add_argument("--csv", action="store_true", default=missing, help="a report as comma-separated values")
    parser.add_argument(
        "-l",
        "--line-by-line",
        action="store_true",
        default=missing,
        help="a report of the functions that are decorated with @profile, and of -p",
    )
    parser.add_argument(
        "-p",
        "--prof-mod",
        action="append",
        default=missing,
        metavar="NAME[,NAME]...",
        help="the same as --focused-on",
    )
    parser.add_argument(
        "-v", "--view", action="store_true", default=missing, help="with --report: print it, also where -o names a file"
    )
    parser.add_argument(
        "-u",
        "--unit",
        type=positive,
        default=missing,
        metavar="SECONDS",
        help="with --report: the unit of times, as 1e-3",
    )
    parser.add_argument(
        "-r", "--rich", action="store_true", default=missing, help="with --report: in colours, also in a pipe"
    )
    parser.add_argument(
        "-t",
        "--sort-by-time",
        action="store_const",
        const="time",
        dest="sort",
        default=missing,
        help="the same as --sort time",
    )
    parser.add_argument(
        "-i",
        "--output-interval",
        type=positive,
        default=missing,
        metavar="SECONDS",
        help="with --report and -o: write the file anew each time these are over, too",
    )
    parser.add_argument(
        "--threads", action="store_true", default=missing, help="watch all threads, not just the main one"
    )


def parse(parser: argparse.ArgumentParser, argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the program with its arguments."""
    loose = CommandLine(prog=parser.prog, usage=parser.usage, add_help=False, allow_abbrev=False)
    add_options(loose)
    options_of = loose._option_string_actions
    takes_value = {name for name, action in options_of.items() if action.nargs != 0}
    flags = {name for name, action in options_of.items() if action.nargs == 0}
    letters = {name[1] for name in flags if len(name) == 2}
    # Behind the script, what programs call their own options like is theirs.
    takes_value_behind, flags_behind = (
        {"-o", "--output", "--recording", "--focused-on", "-n", "--sort"},
        {
            "--buffered",
            "--report",
            "--threads",
            "--all",
        },
    )
    ours: list[str] = []
    monitor: str | None = None
    how = ""
    script: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if script:
            takes_value, flags, letters = takes_value_behind, flags_behind, set()
        if word.split("=", 1)[0] in takes_value and word.startswith("-"):
            ours.append(word)
            if "=" not in word:
                if not rest:
                    parser.error(f"argument {word}: expected one argument")
                ours.append(rest.pop(0))
        elif word in flags or (word[:2] in takes_value and not word.startswith("--")):
            # What follows a short option may stand right behind it.
            ours.append(word)
        elif letters and len(word) > 2 and word[0] == "-" and letters.issuperset(word[1:]):
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
            if word not in MONITORS:
                import difflib

                near = difflib.get_close_matches(word, MONITORS, 1)
                hint = f"; did you mean {near[0]}?" if near else ""
                parser.error(f"there is no monitor {word!r}: choose {', '.join(MONITORS)}{hint}")
            monitor = word
        else:
            script.append(word)
    if monitor is None:
        parser.error(f"name a monitor: {', '.join(MONITORS)}")
    if not script:
        parser.error("name a script, -m and a module, or -c and code")
    options = argparse.Namespace(
        monitor=monitor,
        how=how,
        output=None,
        buffered=False,
        recording=None,
        focused_on=[],
        prof_mod=[],
        report=False,
        threads=False,
        count=None,
        sort=None,
        everything=False,
        skip_zero=False,
        summary=False,
        json=False,
        csv=False,
        line_by_line=False,
        view=False,
        unit=None,
        rich=False,
        output_interval=None,
    )
    loose.parse_args(ours, options)
    orders = OF_MEMORY if monitor.endswith("memory") else OF_TIME
    if options.sort is not None and options.sort not in orders:
        parser.error(f"--sort {options.sort}: choose {', '.join(orders)}")
    is_page = options.output is not None and options.recording is None and form_of(options.output) == "html"
    if options.line_by_line or options.summary or options.json or options.csv or is_page:
        options.report = True
    needless = [
        name
        for name, value in (
            ("-n", options.count),
            ("--sort", options.sort),
            ("--all", options.everything),
            ("-z", options.skip_zero),
            ("-v", options.view),
            ("-u", options.unit),
            ("-r", options.rich),
            ("-i", options.output_interval),
        )
        if value
    ]
    if needless and not options.report:
        parser.error(f"{needless[0]} is for --report: add it")
    if options.output_interval is not None and options.output is None:
        parser.error("-i writes the report to a file: name it with -o")
    if options.json and options.csv:
        parser.error("--json and --csv are two forms of a report: choose one")
    options.focused_on += options.prof_mod
    options.focused_on = [path for paths in options.focused_on for path in paths.split(",") if path]
    return options, script


def output_of(options: argparse.Namespace, parser: argparse.ArgumentParser) -> str | None:
    """The file to write, absolute: the program may change the working directory. None for the screen."""
    if options.report:
        if options.recording not in (None, "text"):
            parser.error(f"--report prints a table: leave out --recording {options.recording}")
    elif options.recording is None:
        options.recording = "screen" if options.output is None else guess(options.output)
    if options.recording == "screen" and options.output is not None:
        parser.error("--recording screen writes no file: leave out -o, or choose csv, parquet or text")
    if options.recording == "zmq":
        return options.output  # type: ignore[no-any-return]
    name = options.output or {"csv": CSV_FILE, "parquet": PARQUET_FILE, "text": TEXT_FILE}.get(options.recording)
    return None if name is None else os.path.abspath(name)


def guess(name: str) -> str:
    """The recording for a file of this name."""
    if name.startswith(("tcp://", "ipc://")):
        return "zmq"
    # Not splitext: it finds no extension in ".csv".
    return next((kind for kind in ("csv", "parquet") if name.endswith(f".{kind}")), "text")


def recorder_of(
    options: argparse.Namespace, outfile: str | None, command: str
) -> tuple[AbstractRecorder, Report | None]:
    """The recorder, and the report if there is to be one."""
    if options.report:
        from pikos.recorders.list_recorder import ListRecorder

        wanted = Wanted(
            reads_memory=options.monitor.endswith("memory"),
            of_functions=options.monitor.startswith("function"),
            most=options.count,
            sort=options.sort,
            everything=options.everything,
            skip_zero=options.skip_zero,
            summary=options.summary,
            form="json" if options.json else "csv" if options.csv else "text" if outfile is None else form_of(outfile),
            unit=options.unit,
            command=command,
        )
        return ListRecorder(), Report(wanted, options.focused_on)
    if options.recording == "csv":
        from pikos.recorders.csv_file_recorder import CSVFileRecorder

        return CSVFileRecorder(str(outfile)), None
    if options.recording == "parquet":
        from pikos.recorders.parquet_file_recorder import ParquetFileRecorder

        return ParquetFileRecorder(str(outfile)), None
    if options.recording == "zmq":
        from pikos.recorders.zeromq_recorder import ZeroMQRecorder

        return ZeroMQRecorder(outfile), None
    if options.recording == "text":
        from pikos.recorders.text_file_recorder import TextFileRecorder

        return TextFileRecorder(str(outfile), formatted=True, auto_flush=not options.buffered), None
    from pikos.recorders.text_stream_recorder import TextStreamRecorder

    return TextStreamRecorder(sys.stdout, formatted=True, auto_flush=not options.buffered), None


def focus(options: argparse.Namespace, code: CodeType, parser: argparse.ArgumentParser) -> list[CodeType]:
    """The functions of ``--focused-on``."""
    found = []
    for path in options.focused_on:
        try:
            found += codes_of(path, code)
        except NoSuchFunction as error:
            parser.error(f"--focused-on {path}: {error}")
    return found


class Recording(Run):
    """A monitored run."""

    def __init__(
        self,
        monitor_of: Callable[[list[CodeType] | None], Any],
        report: Report | None,
        outfile: str | None,
        options: argparse.Namespace,
        program: str,
        parser: argparse.ArgumentParser,
    ) -> None:
        super().__init__(outfile)
        self.monitor_of = monitor_of
        self.monitor: EventMonitor | None = None
        self.report = report
        self.options = options
        self.focus: list[str] = list(options.focused_on)
        #: The functions that are watched; None for all.
        self.codes: list[CodeType] | None = None
        self.threads: bool = options.threads
        self.main_thread = get_ident()
        self.program = program
        self.began = 0.0
        self.parser = parser
        self.guard()

    def wait(self) -> bool:
        """Record from the program's first instruction to its last. False where nobody can tell when that comes."""
        return _at_main(self.begin, self.end, imports=False)

    def begin(self, code: CodeType) -> None:
        """The program begins."""
        options = self.options
        is_decorated = _profile_decorator.is_decorated(code)
        if options.focused_on or options.line_by_line or is_decorated:
            self.codes = focus(options, code, self.parser)
            if self.report is not None:
                self.report.watch_chosen()
        _profile_decorator.define(self.decorated)
        self.switch_on()
        if options.output_interval is not None:
            start_new_thread(self.write_now_and_then, (options.output_interval,))

    def switch_on(self) -> None:
        """Record, from now on."""
        monitor = self.monitor_of(self.codes)
        if self.monitor is not None:
            monitor._index = self.monitor._index
        try:
            monitor.enable()
        except ValueError as error:
            self.parser.error(str(error))
        except OSError as error:
            problem = error if error.filename is None else f"can't write {error.filename}: {error.strerror}"
            say(f"pikos-run: {problem}\n")
            sys.exit(1)
        except RuntimeError as error:
            say(f"pikos-run: {error}\n")
            sys.exit(1)
        self.monitor = monitor
        self.began = self.began or perf_counter()

    def decorated(self, codes: list[CodeType]) -> None:
        """The program has decorated a function with ``@profile``: it is watched, too; or alone, if it is the first."""
        if self.saved or self.monitor is None:
            return
        self.focus += [named(codes[0])]
        if self.codes is None:
            # Nobody could know before: what was summed up so far is not asked for.
            self.codes = codes
            if self.report is not None:
                self.report.watch_chosen()
            self.monitor.disable()
            self.switch_on()
            return
        monitor: Any = self.monitor
        self.codes += codes
        for code in codes:
            monitor.functions.add(code)
        if get_ident() == self.main_thread:
            # Not the recorder, too: what it has open stays open.
            monitor._native.disable(all=True)
            monitor._native.enable(*monitor._destination())

    def write_now_and_then(self, interval: float) -> None:
        """Write the report while the program runs. In a thread that ends with the process."""
        while not self.saved:
            sleep(interval)
            if self.saved or getpid() != self.process or self.report is None or self.outfile is None:
                return
            try:
                write_whole(
                    self.outfile,
                    rendered(self.report, self.circumstances(0), Paper()).encode("utf-8", "backslashreplace"),
                )
            except OSError:
                # The last time, it is said.
                pass

    def circumstances(self, missed: int) -> Circumstances:
        # Before 3.12 nothing tells what other threads run.
        is_certain = sys.version_info >= (3, 12)
        return Circumstances(self.program, perf_counter() - self.began, missed, is_certain, self.focus)

    def covers_all_threads(self) -> bool:
        """Whether other threads' events are recorded."""
        return self.threads

    def go_on(self) -> Callable[[], None]:
        """What makes it record again: as long as the program hasn't changed, records are where they were."""
        monitor = self.monitor
        return lambda: None if monitor is None else monitor.enable()

    def complete(self) -> None:
        """Stop recording, and write what is left to write: the report."""
        if self.monitor is None:
            return
        self.monitor.disable()
        missed = 0 if self.threads else self.monitor._native.threads_missed
        run = self.circumstances(missed)
        if not run.is_certain and self.options.output_interval is not None:
            # Our own.
            missed = max(0, missed - 1)
            run = run._replace(threads_missed=missed)
        if self.focus and missed:
            ran = "ran" if run.is_certain else "may have run"
            say(f"pikos-run: a function in focus {ran} in a thread that was not watched: add --threads to watch all\n")
        if self.report is None:
            return
        if self.options.line_by_line and not self.focus:
            say("pikos-run: no function was decorated with @profile, and -p names none: there is nothing to report\n")
        text = rendered(self.report, run, paper_for(self.outfile, self.options.rich))
        if self.outfile is None:
            show(text, "pikos-run", "the report")
            return
        try:
            write_whole(self.outfile, text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            say(f"pikos-run: can't write {self.outfile}: {error.strerror}; here is the report:\n{text}")
            return
        if self.options.view:
            self.report.wanted = self.report.wanted._replace(form="text")
            show(rendered(self.report, run, paper_for(None, self.options.rich)), "pikos-run", "the report")


def paper_for(outfile: str | None, in_colours: bool) -> Paper:
    """What the report is written on: a terminal is as wide as it is; a file and a pipe have no width, and no colours but where they
    are asked for."""
    stream = sys.stdout
    try:
        if outfile is not None or not stream.isatty():
            return Paper(has_colours=in_colours and outfile is None)
        "▏…".encode(stream.encoding or "ascii")
    except UnicodeError:
        return Paper(columns(1), in_colours or has_colours(1))
    except Exception:
        # The program's own stream may be anything.
        return Paper()
    return Paper(columns(1), in_colours or has_colours(1), has_blocks=True)


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


if __name__ == "__main__":
    main()
