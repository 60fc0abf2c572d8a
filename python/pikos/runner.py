"""``pikos-run``: runs a program under a monitor.

The program runs as under plain ``python``: same output, exit code and traceback; the interpreter itself runs it, in place of this
process. Records made before it is stopped are kept. Options are read up to the first argument that is none of ours; from there
on they are the program's.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from time import perf_counter

from pikos._launcher.handover import become
from pikos._launcher.run import Run, say, show
from pikos._launcher.summary import columns, has_colours
from pikos._lsprof import __version__, _at_main
from pikos.api import CSV_FILE, PARQUET_FILE, TEXT_FILE, monitor_class
from pikos.cprofile.profile import write_whole
from pikos.monitors._line_report import FUNCTIONS, OF_MEMORY, OF_TIME, Circumstances, Report
from pikos.monitors._line_table import Paper
from pikos.monitors.focus import code_of
from pikos.objects._run import Counting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
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

#: What counts objects is none of them.
OBJECTS = "objects"
CHOICES = [*MONITORS, OBJECTS]

DESCRIPTION = """\
Run a Python script under a monitor. Options may come before or after the script. The first argument that is
none of these options begins the script's own; so does what follows --.
"""

EXAMPLES = """\
examples:
  pikos-run line_memory --focused-on load script.py   memory at each line of load()
  pikos-run lines --report script.py                  hits and time of each line of the costliest functions
  pikos-run lines --report --focused-on load -m tool  the same of load() alone: the rest runs at full speed
  pikos-run functions -o calls.parquet script.py ARG  all calls and returns, for pandas or DuckDB
  pikos-run line_memory --recording zmq script.py     watch it from another terminal: pikos top
  pikos-run objects --where script.py                 which types of objects it makes and keeps, and which lines make them
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
    program = ["-m", *args] if options.module else args
    reason = become(program, {"run": "monitor", "argv": SEPARATOR.join(sys.argv[1:])})
    if not options.module:
        # The command has its own folder first.
        sys.path[0:1] = [""] if not sys.flags.safe_path else sys.path[0:1]
    from pikos._launcher.program import run

    recording = prepare(sys.argv[1:])
    run(program, recording.wait, reason)


def begin_recording(texts: Mapping[str, str]) -> None:
    """For ``_begin``: this process is about to run the program."""
    if not prepare(texts["argv"].split(SEPARATOR)).wait():
        say("pikos-run: another tool evaluates this interpreter's frames (PEP 523); the program runs unrecorded\n")


def prepare(argv: list[str]) -> Recording | Counting:
    """What a command line asks to be recorded."""
    parser = argument_parser()
    options, program = parse(parser, argv)
    outfile = output_of(options, parser)
    if options.monitor == OBJECTS:
        live = options.recording == "zmq"
        words = " ".join(["-m", *program] if options.module else program)
        return Counting(outfile, options.types, options.where, options.report, live, options.count, words, parser.error)
    recorder, report = recorder_of(options, outfile)
    kind: Any = monitor_class(MONITORS[options.monitor], focused=bool(options.focused_on))

    def monitor_of(code: CodeType) -> Any:
        """The monitor, when the program's code is known."""
        functions = [focus(path, code, parser) for path in options.focused_on]
        # `pikos plot` draws them over time.
        record_type = kind._timed_record_type if options.recording in ("csv", "parquet") else None
        focused = {"functions": functions} if functions else {}
        monitor = kind(recorder, record_type=record_type, threads=options.threads, **focused)
        if report is not None:
            report.attach_to(monitor)
        return monitor

    return Recording(monitor_of, report, outfile, options, " ".join(program), parser)


class CommandLine(argparse.ArgumentParser):
    """A command line whose errors begin as all that the command says."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {message}\n")


def argument_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = CommandLine(
        prog="pikos-run",
        usage="pikos-run [OPTION]... {functions,lines,function_memory,line_memory,objects} [OPTION]... [-m MODULE | SCRIPT] "
        "[OPTION]... [ARG]...",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("monitor", choices=CHOICES, help="what to record")
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
        help=f"write to this file (default: {CSV_FILE}, {PARQUET_FILE} or {TEXT_FILE}); with zmq, bind this endpoint, too",
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
        metavar="FUNCTION[,FUNCTION]...",
        help="record only inside these functions: of the script (main, Class.method), or importable ones "
        "(package.module.function)",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        default=missing,
        help="with lines and line_memory: print the program's own functions, the costliest first, each line with its hits and "
        "its time, or memory, instead of records; with objects: also which types grew, and what holds them",
    )
    parser.add_argument(
        "-n",
        dest="count",
        type=whole_number,
        default=missing,
        metavar="N",
        help=f"with --report: show this many functions (default: {FUNCTIONS})",
    )
    parser.add_argument(
        "--sort",
        choices=sorted({*OF_TIME, *OF_MEMORY}),
        default=missing,
        metavar="KEY",
        help=f"with --report: the order of functions: {', '.join(OF_TIME)} of lines, {', '.join(OF_MEMORY)} of line_memory",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        dest="everything",
        default=missing,
        help="with --report: show all functions, those of libraries, too",
    )
    parser.add_argument(
        "--types",
        action="append",
        default=missing,
        metavar="TYPE[,TYPE]...",
        help="with objects: count these types only (list, app.Model, app.*)",
    )
    parser.add_argument(
        "--where", action="store_true", default=missing, help="with objects: also by the line that makes them"
    )
    parser.add_argument(
        "--threads", action="store_true", default=missing, help="watch all threads, not just the main one"
    )


def parse(parser: argparse.ArgumentParser, argv: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the program with its arguments."""
    loose = CommandLine(prog=parser.prog, usage=parser.usage, add_help=False, allow_abbrev=False)
    add_options(loose)
    takes_value = {"-o", "--output", "--recording", "--focused-on", "-n", "--sort", "--types"}
    flags = {"--buffered", "--report", "--threads", "--all", "--where"}
    ours: list[str] = []
    monitor: str | None = None
    module = False
    script: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word.split("=", 1)[0] in takes_value and word.startswith("-"):
            ours.append(word)
            if "=" not in word:
                if not rest:
                    parser.error(f"argument {word}: expected one argument")
                ours.append(rest.pop(0))
        elif word in flags or (word[:2] in takes_value and not word.startswith("--")):
            # What follows a short option may stand right behind it.
            ours.append(word)
        elif word in ("-h", "--help", "--version") and not script:
            parser.parse_args([word])  # prints, and exits
        elif script:
            script += rest if word == "--" else [word, *rest]
            break
        elif word == "-m" and monitor is not None:
            module = True
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
        parser.error("name a script, or -m and a module")
    options = argparse.Namespace(
        monitor=monitor,
        module=module,
        output=None,
        buffered=False,
        recording=None,
        focused_on=[],
        report=False,
        threads=False,
        count=None,
        sort=None,
        everything=False,
        types=None,
        where=False,
    )
    loose.parse_args(ours, options)
    if monitor == OBJECTS:
        check_objects(options, parser)
        return options, script
    if options.types is not None or options.where:
        parser.error(f"{'--where' if options.types is None else '--types'} is for objects: pikos-run objects ...")
    orders = OF_MEMORY if monitor == "line_memory" else OF_TIME
    if options.sort is not None and options.sort not in orders:
        parser.error(f"--sort {options.sort}: choose {', '.join(orders)}")
    needless = [
        name
        for name, value in (("-n", options.count), ("--sort", options.sort), ("--all", options.everything or None))
        if value is not None
    ]
    if needless and not options.report:
        parser.error(f"{needless[0]} is for --report: add it")
    options.focused_on = [path for paths in options.focused_on for path in paths.split(",") if path]
    return options, script


def check_objects(options: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Refuse what makes no sense where objects are counted."""
    needless = {
        "--threads": (options.threads, "all threads' objects are counted"),
        "--focused-on": (options.focused_on, "objects of all functions are counted; --where tells them apart"),
        "--buffered": (options.buffered, "there are no records"),
        "--sort": (options.sort, "the types with most bytes come first"),
        "--all": (options.everything, "all types are shown"),
    }
    for name, (value, reason) in needless.items():
        if value:
            parser.error(f"{name} has no meaning for objects ({reason}): leave it out")
    if options.recording not in (None, "screen", "zmq"):
        parser.error(f"objects are counted, not recorded one by one: leave out --recording {options.recording}")
    if options.types is not None:
        options.types = [name for names in options.types for name in names.split(",") if name]
        if not options.types:
            parser.error("--types: name a type, list for instance")


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
        if MONITORS[options.monitor] not in ("line", "line_memory"):
            parser.error("--report works with lines and line_memory only")
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


def recorder_of(options: argparse.Namespace, outfile: str | None) -> tuple[AbstractRecorder, Any]:
    """The recorder, and the report if there is to be one."""
    if options.report:
        from pikos.recorders.list_recorder import ListRecorder

        return ListRecorder(), Report(options.monitor == "line_memory", options.count, options.sort, options.everything)
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


def focus(path: str, code: CodeType, parser: argparse.ArgumentParser) -> Any:
    """A function of ``--focused-on``: of the program itself, by its qualified name, or one that can be imported."""
    own = {each.co_qualname: each for each in functions_in(code)}
    if path in own:
        return own[path]
    module = None
    parts = path.split(".")
    place = 0
    while place < len(parts):
        try:
            module = importlib.import_module(".".join(parts[: place + 1]))
        except ModuleNotFoundError:
            break
        except Exception as error:
            parser.error(f"--focused-on {path}: importing {'.'.join(parts[: place + 1])} failed: {error!r}")
        place += 1
    if module is None:
        missing(path, path, "", sorted(own), parser)
    found: Any = module
    for done in range(place, len(parts)):
        try:
            found = getattr(found, parts[done])
        except AttributeError:
            names = [name for name in dir(found) if not name.startswith("__")]
            missing(path, parts[done], ".".join(parts[:done]), names, parser)
    try:
        return code_of(found)
    except TypeError as error:
        parser.error(f"--focused-on {path}: {error}")


def missing(path: str, part: str, where: str, names: list[str], parser: argparse.ArgumentParser) -> NoReturn:
    """Says which part of a path was not found, and what is near it."""
    import difflib

    near = difflib.get_close_matches(part, names, 3)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    place = (
        f"{where} has no {part!r}"
        if where
        else f"the script has no function {part!r}, and there is no module of that name"
    )
    parser.error(f"--focused-on {path}: {place}{hint}")


def functions_in(code: CodeType) -> Iterator[CodeType]:
    """The code objects inside of one."""
    for constant in code.co_consts:
        if hasattr(constant, "co_qualname"):
            yield constant
            yield from functions_in(constant)


class Recording(Run):
    """A monitored run."""

    def __init__(
        self,
        monitor_of: Callable[[CodeType], Any],
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
        self.focus: list[str] = options.focused_on
        self.threads: bool = options.threads
        self.program = program
        self.began = 0.0
        self.parser = parser
        self.guard()

    def wait(self) -> bool:
        """Record from the program's first instruction to its last. False where nobody can tell when that comes."""
        return _at_main(self.begin, self.end, imports=False)

    def begin(self, code: CodeType) -> None:
        """The program begins."""
        monitor = self.monitor_of(code)
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
        self.began = perf_counter()

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
        elapsed = perf_counter() - self.began
        missed = 0 if self.threads else self.monitor._native.threads_missed
        # Before 3.12 nothing tells what other threads run.
        is_certain = sys.version_info >= (3, 12)
        if self.focus and missed:
            ran = "ran" if is_certain else "may have run"
            say(f"pikos-run: a function in focus {ran} in a thread that was not watched: add --threads to watch all\n")
        if self.report is None:
            return
        table = io.StringIO()
        run = Circumstances(self.program, elapsed, missed, is_certain, self.focus)
        self.report.write(table, run, paper_for(self.outfile))
        if self.outfile is None:
            show(table.getvalue(), "pikos-run", "the report")
            return
        try:
            write_whole(self.outfile, table.getvalue().encode("utf-8"))
        except OSError as error:
            say(f"pikos-run: can't write {self.outfile}: {error.strerror}; here is the report:\n{table.getvalue()}")


def paper_for(outfile: str | None) -> Paper:
    """What the report is written on: a terminal is as wide as it is; a file and a pipe have no width, and no colours."""
    stream = sys.stdout
    try:
        if outfile is not None or not stream.isatty():
            return Paper()
        "▏…".encode(stream.encoding or "ascii")
    except UnicodeError:
        return Paper(columns(1), has_colours(1))
    except Exception:
        # The program's own stream may be anything.
        return Paper()
    return Paper(columns(1), has_colours(1), has_blocks=True)


def whole_number(text: str) -> int:
    """A number of functions."""
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number, 1 or greater")


if __name__ == "__main__":
    main()
