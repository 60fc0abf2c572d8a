"""The program within our own process, where this can't become another one: as plain ``python`` would run it, as far as that goes.

What differs: modules that we have imported are there already, our frames stand below the program's, and what the interpreter does
before ``__main__`` is done by Python code.
"""

import io
import os
import sys

from pikos._launcher.run import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, TracebackType

#: Whose frames are none of the program's: those of this folder, and of the commands.
OWN_FOLDER = os.path.join(os.path.dirname(__file__), "")
PACKAGE = os.path.dirname(os.path.dirname(__file__))
COMMANDS = (os.path.join(PACKAGE, "cprofile", "__main__.py"), os.path.join(PACKAGE, "runner.py"))


def run(program: list[str], arm: "Callable[[], object]", reason: str) -> None:
    """Run what an interpreter would be told to run by these arguments. ``arm()`` is called when ``__main__`` is made."""
    say(
        f"pikos: {reason}, so the program runs inside of this process: modules that Pikos uses are loaded already, and our frames "
        "stand below the program's own\n"
    )
    hide_launcher_frames()
    how, rest = (program[0], program[1:]) if program[0] in ("-c", "-m") else ("", program)
    if how == "-c":
        sys.argv[:] = ["-c", *rest[1:]]
        replace_path("")
        code = compile(rest[0], "<string>", "exec", dont_inherit=True)
        namespace = fresh_main()
    elif how == "-m" or is_folder_or_archive(rest[0]):
        import runpy

        sys.argv[:] = rest
        fresh_main()
        name = rest[0]
        if how != "-m":
            name = "__main__"
            sys.path.insert(0, os.path.abspath(rest[0]))
        arm()
        runpy._run_module_as_main(name, alter_argv=how == "-m")  # type: ignore[attr-defined]
        return
    else:
        sys.argv[:] = rest
        code, namespace = script(rest[0])
    arm()
    exec(code, namespace)


def script(path: str) -> "tuple[CodeType, dict[str, object]]":
    """What a script executes, and where."""
    if path == "-":
        source: bytes = sys.stdin.buffer.read()
        replace_path("")
        return compile(source, "<stdin>", "exec", dont_inherit=True), fresh_main()
    # As the interpreter does it: absolute, and otherwise as it stands.
    path = path if os.path.isabs(path) else os.path.join(os.getcwd(), path)
    try:
        with io.open_code(path) as stream:
            source = stream.read()
    except OSError as error:
        say(f"{sys.executable}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n")
        sys.exit(2)
    replace_path(os.path.dirname(os.path.realpath(path)))
    return compile(source, path, "exec", dont_inherit=True), fresh_main(path)


def replace_path(first: str) -> None:
    """``-m pikos.cprofile`` put the working directory first; a plain run puts ``first`` there."""
    if not sys.flags.safe_path:
        sys.path[0] = first


def is_folder_or_archive(path: str) -> bool:
    """Whether this is an application in a folder, or in a zip file."""
    if not os.path.isfile(path):
        return os.path.isdir(path)
    import zipimport

    try:
        zipimport.zipimporter(path)
    except zipimport.ZipImportError:
        return False
    return True


def fresh_main(path: str | None = None) -> dict[str, object]:
    """Make a new ``__main__``, as a plain run would find it, so that pickling finds the program's classes."""
    import builtins

    module = type(sys)("__main__")
    namespace = module.__dict__
    namespace["__builtins__"] = builtins
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
        rest = after_launcher(traceback)
        # The default hook prints the exception's own traceback, not its argument. Some exceptions let nobody set it.
        show(kind, BaseException.with_traceback(error, rest), rest)

    sys.excepthook = excepthook


def after_launcher(traceback: "TracebackType | None") -> "TracebackType | None":
    """The part of a traceback that begins after our last frame."""
    rest = traceback
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if file in COMMANDS or file.startswith(OWN_FOLDER):
            rest = traceback.tb_next
        traceback = traceback.tb_next
    return rest
