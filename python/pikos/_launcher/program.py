"""The program as plain ``python`` would find it: ``sys.argv``, ``sys.path[0]`` and ``__main__``; and tracebacks without our frames."""

import io
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType, TracebackType

#: Whose frames are none of the program's: those of this folder, and of the commands that have added themselves.
OWN_FOLDER = os.path.join(os.path.dirname(__file__), "")
OWN_FILES = {"<pikos>"}


def prepare(args: list[str], code: str | None = None, is_module: bool = False) -> "tuple[CodeType, dict[str, object]]":
    """Set ``sys.argv``, ``sys.path[0]`` and ``__main__``; return what to execute, and where.

    args: the script or module, and its arguments; of ``-c``, with the code in ``code``, these alone.
    """
    if code is not None:
        return prepare_code(code, args), fresh_main()
    sys.argv[:] = args
    target = args[0]
    if is_module:
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


def prepare_code(source: str, args: list[str]) -> "CodeType":
    """What ``-c`` executes."""
    sys.argv[:] = ["-c", *args]
    replace_path("")
    code = compile(source, "<string>", "exec", dont_inherit=True)
    if sys.version_info >= (3, 13):
        # From 3.13 on, tracebacks show the lines of -c. 3.13 looks for them by file name, later releases by code.
        import linecache

        key = code if sys.version_info >= (3, 14) else "<string>"
        linecache._register_code(key, source, "<string>")  # type: ignore[attr-defined]
    return code


def call(code: str, **namespace: object) -> "tuple[CodeType, dict[str, object]]":
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


def hide_launcher_frames() -> None:
    """Let the traceback that the interpreter prints begin where the program begins."""
    show = sys.excepthook

    def excepthook(kind: type[BaseException], error: BaseException, traceback: "TracebackType | None") -> None:
        sys.excepthook = show
        # The default hook prints the exception's own traceback, not its argument.
        error.__traceback__ = rest = after_launcher(traceback)
        show(kind, error, rest)

    sys.excepthook = excepthook


def after_launcher(traceback: "TracebackType | None") -> "TracebackType | None":
    """The part of a traceback that begins after our last frame."""
    rest = traceback
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file in OWN_FILES or file.startswith(OWN_FOLDER):
            rest = traceback.tb_next
        traceback = traceback.tb_next
    return rest
