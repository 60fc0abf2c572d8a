"""A program under a monitor."""

from __future__ import annotations

import _thread
import argparse
import sys
from _thread import get_ident, start_new_thread
from os import getpid
from time import perf_counter, sleep

from pikos._launcher.report import hand_out
from pikos._launcher.run import Run, say, show
from pikos._launcher.summary import columns, has_colours
from pikos._lsprof import _at_main
from pikos._runner.options import (
    MONITORS,
    OBJECTS,
    CommandLine,
    argument_parser,
    output_of,
    parse,
    record_type_of,
)
from pikos.api import monitor_class
from pikos.cprofile.profile import write_whole
from pikos.monitors import _profile_decorator
from pikos.monitors._focus_by_name import NoSuchFunction, codes_of, named
from pikos.monitors._line_forms import rendered
from pikos.monitors._line_report import Circumstances, Report, Wanted, form_of
from pikos.monitors._line_table import Paper
from pikos.objects._events import ObjectMonitor
from pikos.objects._run import BEFORE_3_13, Counting
from pikos.objects._table import full_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any, NoReturn

    from pikos.monitors.monitor import EventMonitor
    from pikos.objects._counts import PlaceEvents
    from pikos.recorders.abstract_recorder import AbstractRecorder


class QuietCommandLine(CommandLine):
    """That of a child: its program comes first, and nobody there has asked for us."""

    def error(self, message: str) -> NoReturn:
        sys.exit(2)


def prepare(argv: list[str], child_out: str | None = None) -> Recording | Counting:
    """What a command line asks to be recorded. child_out: of a child of the process that it was given to, the file; empty for none."""
    is_child = child_out is not None
    parser = argument_parser(QuietCommandLine if is_child else CommandLine)
    options, program = parse(parser, argv)
    outfile = output_of(options, parser)
    if is_child:
        # An endpoint is the first process's.
        outfile = child_out or None
    command = " ".join(["python", options.how, *program]) if options.how else ""
    if options.monitor == OBJECTS:
        live = options.recording == "zmq"
        words = " ".join([options.how, *program] if options.how else program)
        return Counting(outfile, options.types, options.where, options.report, live, options.count, words, parser.error)
    kind: Any = monitor_class(MONITORS[options.monitor])
    focused: Any = monitor_class(MONITORS[options.monitor], focused=True)
    record_type = record_type_of(kind, options)

    def made(outfile: str | None) -> tuple[Callable[[list[CodeType] | None], Any], Report | None]:
        """What makes monitors that record to this file, and the report."""
        recorder, report = recorder_of(options, outfile, command)

        def monitor_of(codes: list[CodeType] | None) -> Any:
            """The monitor of these functions, or of all."""
            functions = {} if codes is None else {"functions": codes}
            new = (kind if codes is None else focused)(
                recorder, record_type=record_type, threads=options.threads, fields=options.fields, **functions
            )
            if report is not None:
                report.attach_to(new)
            return new

        return monitor_of, report

    return Recording(made, outfile, options, " ".join(program), parser, is_child)


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

        return CSVFileRecorder(str(outfile), options.filter), None
    if options.recording == "parquet":
        from pikos.recorders.parquet_file_recorder import ParquetFileRecorder

        return ParquetFileRecorder(str(outfile), options.filter), None
    if options.recording == "trace":
        from pikos.recorders.trace_file_recorder import TraceFileRecorder

        return TraceFileRecorder(str(outfile), options.filter), None
    if options.recording == "zmq":
        from pikos.recorders.zeromq_recorder import ZeroMQRecorder

        return ZeroMQRecorder(outfile, options.filter), None
    if options.recording == "text":
        from pikos.recorders.text_file_recorder import TextFileRecorder

        at_once = not options.buffered
        return TextFileRecorder(str(outfile), options.filter, formatted=True, auto_flush=at_once), None
    from pikos.recorders.text_stream_recorder import TextStreamRecorder

    return TextStreamRecorder(sys.stdout, options.filter, formatted=True, auto_flush=not options.buffered), None


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
        made: Callable[[str | None], tuple[Callable[[list[CodeType] | None], Any], Report | None]],
        outfile: str | None,
        options: argparse.Namespace,
        program: str,
        parser: argparse.ArgumentParser,
        is_child: bool,
    ) -> None:
        super().__init__(outfile)
        self.made = made
        self.monitor_of, self.report = made(outfile)
        self.forebears: list[object] = []
        #: Called when recording has begun.
        self.when_begun: Callable[[], object] | None = None
        self.monitor: EventMonitor | None = None
        self.objects: ObjectMonitor | None = None
        self.options = options
        self.is_child = is_child
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
        try:
            self.record(code)
        except SystemExit:
            if not self.is_child:
                raise
            # The program comes first. Its functions may be others than those in focus.
            self.saved = True

    def begin_anew(self, outfile: str | None, patience: int) -> None:
        """In a forked child: record the same functions, for this process, in this file."""
        self.process = getpid()
        self.is_child = True
        self.saved = False
        self.saving = _thread.RLock()
        self.deferred = None
        self.patience = patience
        self.outfile = outfile
        self.main_thread = get_ident()
        self.monitor = None
        self.began = 0.0
        # Its file is the parent's: it is neither to be written to nor closed here.
        self.forebears.append(self.monitor_of)
        self.monitor_of, self.report = self.made(outfile)
        if self.report is not None and self.codes is not None:
            self.report.watch_chosen()
        if self.catches:
            self.catch_sigterm()
        try:
            self.switch_on()
        except SystemExit:
            self.saved = True

    def record(self, code: CodeType) -> None:
        """Record from here on, what was asked for."""
        options = self.options
        is_decorated = _profile_decorator.is_decorated(code)
        if options.focused_on or options.line_by_line or is_decorated:
            self.codes = focus(options, code, self.parser)
            if self.report is not None:
                self.report.watch_chosen()
        _profile_decorator.define(self.decorated)
        if options.types is not None or options.where:
            self.count_objects(code.co_filename)
        self.switch_on()
        if self.when_begun is not None:
            self.when_begun()
        if options.output_interval is not None:
            start_new_thread(self.write_now_and_then, (options.output_interval,))

    def count_objects(self, script: str) -> None:
        """Have the report say which types the lines made that grew."""
        main = script.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
        types = BEFORE_3_13 if self.options.types is None and sys.version_info < (3, 13) else self.options.types
        try:
            self.objects = ObjectMonitor(types, where=True, main=main)
            self.objects.enable()
        except ValueError as error:
            self.parser.error(str(error))
        except RuntimeError as error:
            say(f"pikos-run: {error}\n")
            sys.exit(1)

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
        if self.objects is not None and self.report is not None:
            self.objects.disable()
            self.report.made = made_by_line(self.objects)
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
        if hand_out(text, self.outfile, "backslashreplace") and self.options.view:
            self.report.wanted = self.report.wanted._replace(form="text")
            show(rendered(self.report, run, paper_for(None, self.options.rich)), "pikos-run", "the report")


def made_by_line(objects: ObjectMonitor) -> dict[tuple[str, int], list[str]]:
    """What each line made, by file and line: the types of which there are most left first."""
    made: dict[tuple[str, int], list[PlaceEvents]] = {}
    for place in objects.places():
        made.setdefault((place.file, place.line), []).append(place)
    told_of = {}
    for line, places in made.items():
        # What is a hundredth of the rest explains nothing.
        least = max(place.created for place in places) / 100
        places.sort(key=lambda place: (-(place.alive or 0), -place.created))
        told_of[line] = [told(place) for place in places if place.created >= least]
    return told_of


def told(place: PlaceEvents) -> str:
    """How many of a type were made, and are left."""
    left = "" if place.alive is None else f" ({place.alive:,} left)"
    return f"{place.created:,} {full_name(place.module, place.type)}{left}"


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
