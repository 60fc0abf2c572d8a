"""``python -m pikos.cprofile``: runs a program as plain ``python`` would, and saves its profile whatever happens.

Does not profile itself: recording begins with the program's first instruction. It changes of the program's
world only what it must: ``sys.argv``, ``sys.path[0]`` and ``__main__`` are as in a plain run; ``os._exit`` and
the default action of SIGTERM save the profile first.
"""

from __future__ import annotations

import _thread
import io
import os
import sys

from pikos._lsprof import _count_frames_as, _holds_stacks, _keep_signal_to_this_process, _signal_seen
from pikos.cprofile import Profile, write_whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from optparse import OptionParser, Values
    from types import CodeType, FrameType, TracebackType
    from typing import Any, NoReturn

USAGE = "python -m pikos.cprofile [-o OUT] [-s SORT] [OPTION]... [-c CODE | -m MODULE | SCRIPT] [ARG]..."

#: ``pstats``' number for "cumulative", cProfile's default on the command line.
CUMULATIVE = 2

#: Whose frames are none of the program's.
OWN_FILES = {__file__}

#: The sort keys of ``pstats`` by which the native table can be sorted: all that there are up to 3.15.
SORT_KEYS = frozenset(
    "calls cumtime cumulative filename line module name ncalls nfl pcalls stdname time tottime".split()
)

#: How often what is in the way of saving may come in between: each Ctrl-C does.
MOST_INTERRUPTIONS = 20
#: How many names are tried in the folder for temporary files.
MOST_NAMES = 20

STACKS = "x.speedscope.json, .folded, .html, .svg, .pb.gz or .firefox.json"


def main() -> None:
    """The command. Ends as the program ends: with its exception, its exit status, or its signal."""
    parser = option_parser()
    options, args = parser.parse_args()
    if options.code is None and not args:
        parser.print_usage(sys.stderr)
        sys.exit(2)
    live = live_arguments(options, parser)
    if options.tree and not live and (options.outfile is None or not _holds_stacks(options.outfile)):
        parser.error(
            f"--tree keeps full stacks, which a pstats file or a table can't hold: name a file, -o {STACKS}; or watch, --live"
        )
    # The program may change the working directory.
    outfile = None if options.outfile is None else os.path.abspath(options.outfile)
    profile = Profile(
        builtins=not options.fast,
        threads=options.threads,
        hook="fast" if options.fast else None,
        compensate=options.compensate,
        tree=options.tree,
        **live,
        **checkpoint_arguments(options, outfile, parser),
    )
    session = Session(profile, outfile, options.sort)
    try:
        code, namespace = prepare(options, args)
    except SyntaxError:
        hide_launcher_frames()
        raise
    session.guard()
    if options.follow:
        from pikos._follow import lead

        lead(session, options, live)
    elif live:
        from pikos._exec import watch

        watch(session.before_exec)
    if options.top:
        from pikos._pane import show_top

        show_top(profile)
    try:
        # Our frames don't count towards the recursion limit; nor does the one that calls runpy for -m.
        _count_frames_as(-1 if options.module else 0)
        if options.paused:
            session.go_live()
        else:
            session.profile.enable()
        exec(code, namespace)
    except SystemExit:
        raise
    except BaseException as error:
        session.ending = ("exception", type(error).__name__)
        hide_launcher_frames()
        raise
    finally:
        # No call before this one, or it would be in the profile.
        if "threading" not in sys.modules or not [*sys.modules["threading"]._active][1:]:
            session.profile.disable()
        session.end()


def option_parser() -> OptionParser:
    """cProfile's options, and ours."""
    from optparse import OptionParser

    class Parser(OptionParser):
        """optparse knows no option whose value may be missing."""

        def _process_long_opt(self, rargs: list[str], values: Values) -> None:
            if rargs[0].startswith("--live="):
                values.live = rargs.pop(0).removeprefix("--live=")
            else:
                super()._process_long_opt(rargs, values)

    parser = Parser(usage=USAGE)
    parser.allow_interspersed_args = False
    parser.set_defaults(live=None)
    parser.add_option("-o", "--outfile", help="save the profile to OUT, for pstats and pikos; default: print a table")
    parser.add_option(
        "-s",
        "--sort",
        default=CUMULATIVE,
        action="callback",
        type="string",
        callback=check_sort,
        help="sort order of the table: a key of pstats.Stats.sort_stats",
    )
    parser.add_option("-m", dest="module", action="store_true", default=False, help="run a module, as python -m does")
    parser.add_option(
        "-c", dest="code", action="callback", type="string", callback=end_of_options, help="run CODE, as python -c does"
    )
    parser.add_option(
        "--fast",
        action="store_true",
        default=False,
        help="count Python functions only, not built-ins, by the cheapest hook that this release has for that",
    )
    parser.add_option("--threads", action="store_true", dest="threads", help="profile all threads")
    parser.add_option("--no-threads", action="store_false", dest="threads", help="profile the main thread only")
    parser.add_option(
        "--compensate", action="store_true", default=False, help="take what recording itself costs out of the times"
    )
    parser.add_option(
        "--tree",
        action="store_true",
        default=False,
        help=f"keep full stacks, for `pikos top` and others with --live; else for a file that holds them: -o {STACKS}",
    )
    parser.add_option(
        "--live",
        dest="live",
        action="callback",
        callback=take_endpoint,
        help="publish the numbers while the program runs, for `pikos top` and others; --live=ENDPOINT: there, too "
        "(tcp://127.0.0.1:9001 or ipc:///path)",
    )
    parser.add_option(
        "--top",
        action="store_true",
        default=False,
        help="--live, and `pikos top` beside the program: in a pane below it within tmux; elsewhere a line on standard error "
        "says what to type in another terminal",
    )
    parser.add_option("--interval", metavar="S", help="seconds from one message to the next, 0.02 to 60; default 0.5")
    parser.add_option("--connect", action="store_true", default=False, help="the subscriber binds ENDPOINT")
    parser.add_option(
        "--live-remote",
        action="store_true",
        default=False,
        help="allow an ENDPOINT that other hosts can reach: whoever does can read the profile",
    )
    parser.add_option(
        "--follow",
        action="store_true",
        default=False,
        help="profile the Python processes that the program starts, too: live, or into OUT with the process's number",
    )
    parser.add_option(
        "--checkpoint",
        metavar="S",
        help="write the file of -o every S seconds, so that it is there when the program is killed",
    )
    parser.add_option("--paused", action="store_true", default=False, help="collect nothing before `pikos ctl resume`")
    return parser


def checkpoint_arguments(options: Values, outfile: str | None, parser: OptionParser) -> dict[str, Any]:
    """What ``Profile`` is to be told about writing the file now and then."""
    if options.checkpoint is None:
        return {}
    if outfile is None:
        parser.error("--checkpoint writes the file of -o: name one")
    try:
        seconds = float(options.checkpoint)
        Profile(checkpoint=(outfile, seconds))
    except ValueError as error:
        parser.error(f"--checkpoint {options.checkpoint}: {error}")
    return {"checkpoint": (outfile, seconds)}


def take_endpoint(option: object, name: str, value: None, parser: OptionParser) -> None:
    """``--live``, or ``--live=ENDPOINT``, or ``--live tcp://…``: a script has no such name."""
    assert parser.values is not None and parser.rargs is not None
    rest = parser.rargs
    parser.values.live = rest.pop(0) if rest and rest[0].startswith(("tcp://", "ipc://")) else True


def live_arguments(options: Values, parser: OptionParser) -> dict[str, Any]:
    """What ``Profile`` is to be told about being live. The environment counts where the command line says nothing."""
    wanted = options.live
    if wanted is None and "PIKOS_LIVE" in os.environ:
        from pikos._live import from_environment

        wanted = from_environment(os.environ["PIKOS_LIVE"])
    if options.top:
        wanted = wanted or True
    if not wanted:
        for name in ("interval", "connect", "live_remote", "paused"):
            if getattr(options, name):
                parser.error(f"--{name.replace('_', '-')} is for a live profile: add --live")
        if options.follow and options.outfile is None:
            parser.error("--follow needs somewhere for the children's profiles: add --live, or -o OUT")
        return {}
    from pikos._live import check_arguments

    return check_arguments(options, wanted, parser)


def check_sort(option: object, name: str, value: str, parser: OptionParser) -> None:
    """``-s``: one of pstats' keys. Imports pstats only for a word that we don't know."""
    if value not in SORT_KEYS:
        import pstats

        choices = sorted(pstats.Stats.sort_arg_dict_default)
        if value not in choices:
            listed = ", ".join(map(repr, choices))
            parser.error(f"option {name}: invalid choice: {value!r} (choose from {listed})")
    assert parser.values is not None
    parser.values.sort = value


def end_of_options(option: object, name: str, value: str, parser: OptionParser) -> None:
    """``-c CODE``: what follows belongs to the program."""
    assert parser.values is not None and parser.rargs is not None and parser.largs is not None
    parser.values.code = value
    parser.largs.extend(parser.rargs)
    del parser.rargs[:]


def prepare(options: Values, args: list[str]) -> tuple[CodeType, dict[str, object]]:
    """Set ``sys.argv``, ``sys.path[0]`` and ``__main__``; return what to execute, and where."""
    if options.code is not None:
        sys.argv[:] = ["-c", *args]
        replace_path("")
        code = compile(options.code, "<string>", "exec", dont_inherit=True)
        if sys.version_info >= (3, 13):
            # From 3.13 on, tracebacks show the lines of -c. 3.13 looks for them by file name, later releases by code.
            import linecache

            key = code if sys.version_info >= (3, 14) else "<string>"
            linecache._register_code(key, options.code, "<string>")  # type: ignore[attr-defined]
        return code, fresh_main()
    sys.argv[:] = args
    target = args[0]
    if options.module:
        import runpy

        fresh_main()
        # What the interpreter itself calls for `python -m`.
        return call("run(target)", run=runpy._run_module_as_main, target=target)  # type: ignore[attr-defined]
    if os.path.isdir(target) or is_archive(target):
        import runpy

        return call("run(target, run_name='__main__')", run=runpy.run_path, target=target)
    path = os.path.abspath(target)
    try:
        with io.open_code(path) as stream:
            source = stream.read()
    except OSError as error:
        sys.stderr.write(f"pikos: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n")
        sys.exit(2)
    replace_path(os.path.dirname(os.path.realpath(target)))
    return compile(source, path, "exec", dont_inherit=True), fresh_main(path)


def call(code: str, **namespace: object) -> tuple[CodeType, dict[str, object]]:
    """A call, as something to execute."""
    return compile(code, "<pikos>", "exec"), namespace


def replace_path(first: str) -> None:
    """``-m pikos.cprofile`` put the working directory first; a plain run puts ``first`` there."""
    if not sys.flags.safe_path:
        sys.path[0] = first


def is_archive(path: str) -> bool:
    """Whether this is an application in a zip file."""
    try:
        with open(path, "rb") as stream:
            if b"PK" not in stream.read(4):
                return False
    except OSError:
        return False
    import zipfile

    return zipfile.is_zipfile(path)


def fresh_main(path: str | None = None) -> dict[str, object]:
    """Make a new ``__main__``, as a plain run would find it, so that pickling finds the program's classes."""
    module = type(sys)("__main__")
    namespace = module.__dict__
    namespace["__builtins__"] = __builtins__
    # What a __main__ is born with differs between releases.
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    if path is not None:
        from importlib.machinery import SourceFileLoader

        module.__loader__ = SourceFileLoader("__main__", path)
        namespace["__file__"] = path
        if sys.version_info < (3, 15):
            namespace["__cached__"] = None
    # It must stay alive: its globals are in use.
    sys.modules["pikos.__main__"] = sys.modules["__main__"]
    sys.modules["__main__"] = module
    return namespace


class Run:
    """One run of a program under us: it is completed once, however it ends, in the process that began it."""

    def __init__(self, outfile: str | None) -> None:
        self.outfile = outfile
        self.process = os.getpid()
        self.saved = False
        #: Held by the thread that saves.
        self.saving = _thread.RLock()
        #: Seconds that SIGTERM may wait for a main thread that is in a call of C; then the result is lost, not the signal.
        self.patience = 10
        #: While it is being saved: the signal that came in the middle of that, or 0.
        self.deferred: int | None = None
        #: How the program ended, for those who watch it live: a word, and a name.
        self.ending = ("normal", "")

    def covers_all_threads(self) -> bool:
        """Whether other threads count."""
        raise NotImplementedError

    def complete(self) -> None:
        """Stop recording and write the result."""
        raise NotImplementedError

    def save(self) -> None:
        """Complete the run, once. A forked child leaves that to its parent.

        Another thread that leaves meanwhile waits. This thread may come here again, from a handler of the program's that leaves:
        then the run is completed there.
        """
        if self.saved or os.getpid() != self.process or not self.saving.acquire(timeout=self.patience):
            return
        try:
            if self.saved:
                return
            self.deferred = 0
            try:
                self.complete()
            finally:
                self.saved = True
                came, self.deferred = self.deferred, None
                if came:
                    self.on_signal(came, None)
        finally:
            self.saving.release()

    def guard(self, catches: bool = True) -> None:
        """See to it that the run is saved on the ways out that run no ``finally``. catches: also where SIGTERM leads."""
        leave = os._exit

        def _exit(status: int) -> NoReturn:
            """Exit to the system with specified status, without normal exit processing."""
            self.ending = ("exit", "")
            try:
                self.save()
            finally:
                leave(status)

        os._exit = _exit
        if catches:
            self.catch_sigterm()

    def catch_sigterm(self) -> None:
        """Save before the signal's default action ends the process."""
        import signal

        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            handler = self.on_signal
            signal.signal(signal.SIGTERM, handler)
            _keep_signal_to_this_process(signal.SIGTERM, self.patience)

            def restore() -> None:
                """What the child does on the signal is the program's business: let it find what it expects."""
                if signal.getsignal(signal.SIGTERM) == handler:
                    signal.signal(signal.SIGTERM, signal.SIG_DFL)

            os.register_at_fork(after_in_child=restore)

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        """Save, then die of the signal as the program would have without us."""
        _signal_seen()
        if self.deferred is not None:
            self.deferred = number
            return
        import signal

        self.ending = ("signal", signal.Signals(number).name)
        try:
            self.save()
        finally:
            # Not before: the next one would come in the middle.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def end(self) -> None:
        """The main program is over. Other threads that are still at work are waited for first, as always."""
        if self.covers_all_threads() and other_threads_alive():
            import atexit

            # Last in, first out: before the program's own handlers, after its threads.
            atexit.register(self.save)
        else:
            self.save()


class Session(Run):
    """A profiled run."""

    def __init__(self, profile: Profile, outfile: str | None, sort: str | int) -> None:
        super().__init__(outfile)
        self.profile = profile
        self.sort = sort
        #: Whether the table is printed where there is no file.
        self.prints = True
        #: Whether there is nothing to gain from writing again.
        self.is_written = False

    def go_live(self) -> None:
        """Publish, and record nothing before a subscriber asks for it."""
        problem = self.profile._go_live()
        if problem is not None:
            sys.stderr.write(f"pikos: the profile is not live: {problem}\n")

    def before_exec(self) -> Callable[[], None]:
        """Save; the program is about to be replaced. Returns what is to be called if that fails."""
        from pikos._exec import end_streams

        was_live = bool(self.profile.endpoints)
        go_live = end_streams()
        self.save()

        def go_on() -> None:
            self.saved = False
            if was_live:
                go_live()
            else:
                self.profile.enable()

        return go_on

    def covers_all_threads(self) -> bool:
        """Whether other threads' calls count."""
        chosen = self.profile.threads
        return sys.version_info >= (3, 12) if chosen is None else chosen

    def complete(self) -> None:
        """Stop recording and write or print the result. Writes again what Ctrl-C, or a handler of the program's, kept from
        being written: the exception is raised after that."""
        self.is_written = False
        interruption: BaseException | None = None
        for _ in range(MOST_INTERRUPTIONS):
            try:
                self.finish()
                break
            except BaseException as error:
                interruption = error
                if self.outfile is None or self.is_written:
                    break
        if interruption is not None:
            raise interruption

    def finish(self) -> None:
        """The same, unless something comes in between."""
        self.profile.disable()
        self.profile._end_live(*self.ending)
        if self.outfile is not None:
            self.write(self.outfile)
        elif self.prints:
            self.print_table()

    def print_table(self) -> None:
        """The table, on standard output, if there is still somebody to read it."""
        try:
            sys.stdout.write(self.table())
            if self.profile.compensate:
                seconds, share = self.profile.overhead()
                print(f"Recording took {seconds:.3f} seconds, {share:.0%} of what was measured. They are taken out.\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # The reader has left (`| head`). Keep the interpreter from complaining about it at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def table(self) -> str:
        """What ``Profile.print_stats`` prints, without importing pstats."""
        finished = self.profile._finished().strip_dirs()
        text = finished.sort([str(self.sort)], False).report()
        # A name that this output can't show must not cost the table.
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        return text.encode(encoding, "backslashreplace").decode(encoding)

    def write(self, path: str) -> None:
        """Write the file; where that fails, another one in the folder for temporary files; else a table."""
        problem = self.try_write(path)
        if problem is None:
            return
        self.is_written = False
        # Not before it is needed: a signal may have come in the middle of the program's own import of it.
        import tempfile

        stem = os.path.basename(path) or "profile"
        second: str | None = "File exists"
        # That folder is everybody's: what is there isn't ours, not even a link.
        for number in range(MOST_NAMES):
            name = f"pikos-{self.process}-{number}-{stem}" if number else f"pikos-{self.process}-{stem}"
            fallback = os.path.join(tempfile.gettempdir(), name)
            if not os.path.lexists(fallback):
                second = self.try_write(fallback, fresh=True)
                break
        if second is None:
            sys.stderr.write(f"pikos: can't write {path}: {problem}; the profile is in {fallback}\n")
            return
        sys.stderr.write(f"pikos: can't write {path}: {problem}; nor {fallback}: {second}; here it is:\n")
        sys.stderr.write(self.table())

    def try_write(self, path: str, fresh: bool = False) -> str | None:
        """Why the profile couldn't be written there, or None. With ``fresh``, nothing may be there."""
        try:
            self.is_written = self.profile._save(path, fresh)
            if not self.is_written:
                # A device or a pipe can't be written to twice.
                self.is_written = True
                if self.profile.tree and _holds_stacks(path):
                    self.profile._finished().export(path)
                else:
                    write_whole(path, self.profile._pstats())
        except OSError as error:
            return error.strerror or str(error)
        return None


def other_threads_alive() -> bool:
    """Whether threads are running that the interpreter waits for at its end."""
    threading = sys.modules.get("threading")
    if threading is None:
        return False
    main_thread = threading.main_thread()
    return any(t.is_alive() and not t.daemon and t is not main_thread for t in threading.enumerate())


def hide_launcher_frames() -> None:
    """Let the traceback that the interpreter prints begin where the program begins."""
    show = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        sys.excepthook = show
        # The default hook prints the exception's own traceback, not its argument.
        error.__traceback__ = rest = after_launcher(traceback)
        show(kind, error, rest)

    sys.excepthook = excepthook


def after_launcher(traceback: TracebackType | None) -> TracebackType | None:
    """The part of a traceback that begins after our last frame."""
    rest = traceback
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename in (*OWN_FILES, "<pikos>"):
            rest = traceback.tb_next
        traceback = traceback.tb_next
    return rest
