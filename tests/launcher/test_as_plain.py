"""What a program can find out about how it was started, and about the interpreter it runs in, is what it finds under plain python.

Each program runs under both, in the same folder; output, errors and exit code are equal to the last byte.
"""

from __future__ import annotations

import os
import py_compile
import re
import signal
import subprocess
import sys
import textwrap
import zipapp
from pathlib import Path

import pytest
from running import PATIENCE, SUBJECT, Run, calls, environment, python, write

pytestmark = [pytest.mark.slow_in_debug, pytest.mark.beyond_cprofile]

ENTRY = ["-m", SUBJECT, "-o", "../out.pstats"]
RUNNER = ["-m", "pikos.runner", "functions", "-o", "../out.csv"]


def write_all(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        write(folder, text, name)


def same(
    folder: Path, *arguments: str, stdin: str = "", env: dict[str, str] | None = None, **options: list[str]
) -> Run:
    """Plain, profiled, monitored: all the same. Returns what it was."""
    flags = options.get("flags", [])
    plain = python([*flags, *arguments], cwd=folder, stdin=stdin, env=env)
    assert python([*flags, *ENTRY, *arguments], cwd=folder, stdin=stdin, env=env) == plain
    assert (folder.parent / "out.pstats").stat().st_size > 1
    if arguments[0] != "-c":
        assert python([*flags, *RUNNER, *arguments], cwd=folder, stdin=stdin, env=env) == plain
    return plain


# ---- what is run ----


def test_a_script_that_is_a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")

    def through(*entry: str) -> Run:
        process = subprocess.Popen(
            [sys.executable, *entry, "pipe"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        with (folder / "pipe").open("w") as pipe:
            pipe.write("print('ran', __file__)\n")
        out, err = process.communicate(timeout=PATIENCE)
        return Run(process.returncode, out, err)

    plain = through()
    assert plain.out == "ran pipe\n" or plain.out.endswith("/pipe\n")
    assert through(*ENTRY) == plain
    assert through(*RUNNER) == plain


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_a_script_on_standard_input(folder: Path, name: str) -> None:
    run = same(
        folder, name, "one", stdin="import sys\nprint(sys.argv, sys.path[0], __name__, '__file__' in globals())\n"
    )
    assert run.code == 0 and "one" in run.out


def test_a_compiled_script(folder: Path) -> None:
    write_all(folder, {"one.py": "print(__file__, __name__, type(__loader__).__name__)"})
    py_compile.compile(str(folder / "one.py"), str(folder / "one.pyc"))
    assert same(folder, "one.pyc").code == 0


APPLICATION = {
    "app/__main__.py": """
        import atexit, os, pickle, sys
        print(sys.path[0], sys.argv, __file__, __spec__.name, __package__)
        os.chdir("/")
        import helper
        class B: pass
        atexit.register(lambda: print(len(pickle.dumps(B())) > 0))
        print(helper.X)
        try:
            import only
        except ModuleNotFoundError as error:
            print(error)
    """,
    "app/helper.py": "X = 5",
    "elsewhere/only.py": "",
}


@pytest.mark.parametrize("kind", ["folder", "zip", "zip with a shebang", "zip behind much text"])
def test_an_application(folder: Path, kind: str) -> None:
    write_all(folder, APPLICATION)
    target = "app"
    if kind != "folder":
        zipapp.create_archive(
            folder / "app", folder / "a.pyz", interpreter="/usr/bin/env python3" if "she" in kind else None
        )
        target = "a.pyz"
    if "text" in kind:
        (folder / "a.pyz").write_bytes(b"#!/bin/sh\n" + b"# nothing\n" * 5000 + (folder / "a.pyz").read_bytes())
    os.chdir(folder)
    for where in (".", "elsewhere"):
        run = same(folder / where, os.path.relpath(folder / target, folder / where), "x")
        assert run.code == 0 and "No module named 'only'" in run.out


@pytest.mark.parametrize("target", ["empty", "no.zip", "nothing", "script.txt"])
def test_what_is_no_application(folder: Path, target: str) -> None:
    write_all(folder, {"empty/other.py": "", "script.txt": "print('any name will do')"})
    (folder / "no.zip").write_bytes(b"PK\3\4 and no more")
    plain = python([target], cwd=folder)
    assert python([*ENTRY, target], cwd=folder) == plain
    assert python([*RUNNER, target], cwd=folder) == plain


def test_a_path_through_a_link_is_the_systems(folder: Path) -> None:
    write_all(folder, {"real/deep/x": "", "real/s.py": "print('right', __file__)", "s.py": "print('wrong')"})
    (folder / "link").symlink_to("real/deep")
    assert same(folder, "link/../s.py").out.startswith("right")
    for path in ("./s.py", "real/../s.py", "real//s.py"):
        same(folder, path)
    python(["-m", SUBJECT, "-o", "link/../out.pstats", "s.py"], cwd=folder).succeeded()
    assert (folder / "real" / "out.pstats").exists()


ENCODINGS = {
    "latin 1, declared": b"# -*- coding: latin-1 -*-\nprint(ascii('\xe4'))\n",
    "not utf-8": b"x = '\xff\xfe'\nprint(1)\n",
    "unknown": b"# coding: nonsense\nprint(1)\n",
    "a NUL": b"print(1)\n\0print(2)\n",
    "a mark": b"\xef\xbb\xbfprint(1)\n",
    "no newline": b"print(1)",
    "carriage returns": b"print(1)\rprint(2)\r\n",
}


@pytest.mark.parametrize("what", ENCODINGS)
def test_a_script_in_any_encoding(folder: Path, what: str) -> None:
    (folder / "script.py").write_bytes(ENCODINGS[what])
    plain = python(["script.py"], cwd=folder)
    assert python([*ENTRY, "script.py"], cwd=folder) == plain


def test_options_of_the_interpreter(folder: Path) -> None:
    write_all(
        folder,
        {"skip.py": "not python\nimport sys\nprint(sys.flags, sys.warnoptions, sys._xoptions, sys.orig_argv[1:])\n"},
    )
    same(folder, "skip.py", flags=["-x"])
    write_all(
        folder, {"see.py": "import sys\nprint(sys.flags, sys.warnoptions, sorted(sys._xoptions), sys.orig_argv[1:])\n"}
    )
    for flags in (
        ["-B", "-OO"],
        ["-W", "error", "-Wignore::UserWarning"],
        ["-X", "dev"],
        ["-bbs"],
        ["-X", "utf8=0"],
        ["-P"],
    ):
        same(folder, "see.py", flags=flags)


def test_what_follows_an_interactive_session(folder: Path) -> None:
    write_all(folder, {"see.py": "value = 42\n"})
    plain = python(["-i", "see.py"], cwd=folder, stdin="print(value)\n")
    assert plain.out == "42\n"
    assert python(["-i", *ENTRY, "see.py"], cwd=folder, stdin="print(value)\n") == plain


def test_a_word_that_looks_like_an_option(folder: Path) -> None:
    write_all(folder, {"see.py": "import sys\nprint(sys.argv)\n"})
    # pikos-run takes its options from behind the script, too.
    for arguments in (["see.py", "-o", "x"], ["see.py", "--", "-c"], ["-m", "see", "-o", "x"]):
        assert python([*ENTRY, *arguments], cwd=folder) == python(arguments, cwd=folder)
    for arguments in (["", " "], ["-m"], ["é", "\udce4"]):
        same(folder, "see.py", *arguments)
    same(folder, "-c", "import sys; print(sys.argv)", "-c", "")


# ---- what it finds ----

WORLD = """
    import os, sys
    main = sys.modules["__main__"]
    print(sorted(vars(main)), type(__builtins__), main.__loader__, main.__spec__, sys.argv, sys.path, sys.orig_argv[1:])
    print(sorted(sys.modules))
    print(sorted((name, value) for name, value in os.environ.items() if name != "_"))
    print(sorted(sys.path_importer_cache), [type(finder) for finder in sys.meta_path], sys.path_hooks[0])
    print(sys._getframe().f_back, sys.getprofile() is None or "a profile function", sys.gettrace(), sys.excepthook, sys.displayhook)
    __builtins__.answer = 42
    print(answer, sys.flags, sys.getrecursionlimit(), os.getppid() > 0, sys.stdin.encoding, sys.stdout.errors)
"""


@pytest.mark.parametrize("name", ["see.py", "-m", "-c", "app"])
def test_the_world_is_plain(folder: Path, name: str) -> None:
    world = WORLD.replace("sys.getprofile() is None or ", "") if sys.version_info < (3, 12) else WORLD
    write_all(
        folder,
        {
            "see.py": world.replace('"a profile function"', "0"),
            "app/__main__.py": world.replace('"a profile function"', "0"),
        },
    )
    arguments = {"-m": ["-m", "see"], "-c": ["-c", textwrap.dedent(world).replace('"a profile function"', "0")]}.get(
        name, [name]
    )
    plain = python(arguments, cwd=folder)
    assert plain.code == 0, plain.err
    assert without_addresses(python([*ENTRY, *arguments], cwd=folder)) == without_addresses(plain)


def without_addresses(run: Run) -> Run:
    return Run(run.code, *(re.sub(r"\b0x[0-9a-f]+", "0x…", text) for text in (run.out, run.err)))


LOCALES = [
    {},
    {"LC_ALL": "C"},
    {"LANG": "C"},
    {"LC_ALL": "POSIX"},
    {"LC_CTYPE": "C.UTF-8"},
    {"PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize("locale", LOCALES, ids=str)
@pytest.mark.parametrize("path", [None, "", "one", "one:two"])
def test_the_environment_is_the_users(folder: Path, locale: dict[str, str], path: str | None) -> None:
    write_all(
        folder,
        {
            "see.py": "import os, sys\nprint(sys.flags, sys.path, sorted(os.environ.items()), sys.stdout.encoding, sys.stdout.errors)"
        },
    )
    environ = {"PATH": os.environ["PATH"], **locale, **({} if path is None else {"PYTHONPATH": path})}

    def run(*entry: str) -> tuple[bytes, bytes]:
        done = subprocess.run([sys.executable, *entry, "see.py"], cwd=folder, env=environ, capture_output=True)
        return done.stdout, done.stderr

    assert run(*ENTRY) == run()


#: Modules of the standard library that a program may have as its own.
SHADOWS = sorted(
    (
        "abc argparse ast atexit bisect calendar cmd code collections colorsys configparser contextlib copy csv dataclasses datetime "
        "decimal difflib enum errno functools gc getopt getpass gettext glob heapq html importlib inspect io ipaddress "
        "itertools json keyword linecache locale logging math numbers operator optparse os pathlib pickle platform pprint profile "
        "pstats queue random re reprlib runpy select selectors shutil signal site socket stat statistics string struct subprocess symtable "
        "sysconfig tempfile textwrap threading time timeit token tokenize trace traceback types typing unittest uuid warnings "
        "weakref zipfile zlib"
    ).split()
)


@pytest.mark.parametrize("options", [[], ["--compensate"]], ids=["", "compensate"])
def test_the_programs_own_modules(folder: Path, options: list[str]) -> None:
    """One program for each name would take minutes: each is imported in turn, and says whose it is."""
    for name in SHADOWS:
        write_all(folder, {f"own/{name}.py": f"MINE = {name!r}\n"})
    write_all(
        folder,
        {
            "own/main.py": """
                import sys
                for name in sys.argv[1:]:
                    try:
                        module = __import__(name)
                    except Exception as error:
                        print(name, type(error))
                    else:
                        print(name, getattr(module, "MINE", None))
            """
        },
    )
    plain = python(["own/main.py", *SHADOWS], cwd=folder)
    assert plain.out.count("None") < len(SHADOWS) / 2, plain.out
    assert python(["-m", SUBJECT, "-o", "../out.pstats", *options, "own/main.py", *SHADOWS], cwd=folder) == plain
    if not options:
        assert python([*RUNNER, "own/main.py", *SHADOWS], cwd=folder) == plain


# ---- what it may do ----

REPLACED = {
    "threading is None": "import sys; sys.modules['threading'] = None; print('ok')",
    "threading is a mock": "import sys, unittest.mock as m; sys.modules['threading'] = m.MagicMock(); print('ok')",
    "os.getpid is replaced": "import os; os.getpid = lambda: 0",
    "all of os is replaced": "import os\nfor name in dir(os):\n    if name[0] != '_' and name != 'environ': setattr(os, name, None)",
    "all of signal is replaced": "import signal\nfor name in dir(signal): setattr(signal, name, None)",
    "builtins are replaced": "import builtins; builtins.open = builtins.len = builtins.isinstance = None",
    "no modules": "import sys\nfor name in list(sys.modules):\n    if name.startswith('pikos'): del sys.modules[name]",
    "stdout is None": "import sys; sys.stdout = None; sys.exit(3)",
    "stdout is closed": "import sys; sys.stdout.close(); sys.exit(4)",
    "stdout's descriptor is closed": "import os; os.close(1)",
    "stderr is None": "import sys; sys.stderr = None; 1 / 0",
    "stdout is a mock": "import sys, unittest.mock as m; sys.stdout = m.MagicMock(); sys.exit(5)",
    "excepthook is deleted": "import sys; del sys.excepthook; 1 / 0",
    "excepthook is None": "import sys; sys.excepthook = None; 1 / 0",
    "a frozen exception": """
import dataclasses, sys
@dataclasses.dataclass(frozen=True)
class E(Exception):
    code: int
sys.excepthook = lambda kind, value, traceback: print("reported", value.code, traceback.tb_lineno)
raise E(404)
""",
    "an exception that nobody may set": """
class E(Exception):
    def __setattr__(self, name, value): raise TypeError(name)
raise E('no')
""",
    "an exception whose traceback is a property": """
class E(Exception):
    @property
    def __traceback__(self): return None
raise E('no')
""",
}


@pytest.mark.parametrize("what", REPLACED)
def test_a_program_may_replace_what_it_likes(folder: Path, what: str) -> None:
    write_all(folder, {"script.py": REPLACED[what]})
    if what != "builtins are replaced":
        same(folder, "script.py")
        return
    # Recorders of the toolkit are Python's.
    assert python([*ENTRY, "script.py"], cwd=folder) == python(["script.py"], cwd=folder)


@pytest.mark.parametrize("what", [what for what in REPLACED if "stdout" in what])
def test_a_table_that_cannot_be_printed_costs_nothing(folder: Path, what: str) -> None:
    write_all(folder, {"script.py": REPLACED[what]})
    plain = python(["script.py"], cwd=folder)
    run = python(["-m", SUBJECT, "script.py"], cwd=folder)
    assert (run.code, run.out) == (plain.code, plain.out)
    assert "Traceback" not in run.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_table_that_does_not_fit_goes_to_standard_error(folder: Path) -> None:
    write_all(folder, {"script.py": "def work(): pass\nwork()\n"})
    for redirection, expected in ((">/dev/full", "No space left on device"), (">&-", "")):
        done = subprocess.run(
            ["sh", "-c", f'"$0" -m {SUBJECT} script.py {redirection}', sys.executable],
            cwd=folder,
            capture_output=True,
            text=True,
            env=environment(),
        )
        assert done.returncode == 0
        assert expected in done.stderr and ("(work)" in done.stderr) == bool(expected)


OS_EXIT = {
    "pickled": """
        import multiprocessing, os
        if __name__ == "__main__":
            process = multiprocessing.get_context("spawn").Process(target=os._exit, args=(7,))
            process.start(); process.join(); print(process.exitcode)
    """,
    "a class attribute": "import os\nclass S: leave = os._exit\nS().leave(3)",
    "an attribute of an object": "import os\nclass S:\n    def __init__(self): self.leave = os._exit\nS().leave(4)",
    "partial": "import functools, os\nfunctools.partial(os._exit, status=5)()",
    "in a thread": "import os, threading\nt = threading.Thread(target=os._exit, args=(6,)); t.start(); t.join()",
    "of posix": "import posix\nposix._exit(7)",
    "a bool": "import os\nos._exit(True)",
    "an index": "import os\nclass I:\n    def __index__(self): print('asked', flush=True); return 8\nos._exit(I())",
    "inspected": "import inspect, os\nprint(os._exit, inspect.isbuiltin(os._exit), inspect.signature(os._exit), os._exit.__doc__, os._exit.__reduce__())",
    "exec inspected": "import inspect, os\nprint(os.execv, inspect.isbuiltin(os.execve), inspect.signature(os.execve), os.execv.__self__)",
    "signal inspected": "import _signal, inspect, signal\nprint(_signal.signal, _signal.getsignal, inspect.signature(_signal.signal))",
}


@pytest.mark.parametrize("what", OS_EXIT)
def test_os_exit_is_what_it_is(folder: Path, what: str) -> None:
    write_all(folder, {"script.py": OS_EXIT[what]})
    same(folder, "script.py", env={"PYTHONWARNINGS": "ignore"})


@pytest.mark.parametrize("arguments", ["'x'", "", "1, 2", "1 << 40", "None", "1.5", "code=1", "status='x'"])
def test_a_wrong_os_exit_ends_nothing(folder: Path, arguments: str) -> None:
    write_all(
        folder,
        {
            "script.py": f"""
                import os
                try: os._exit({arguments})
                except Exception as error: print(type(error), error)
                def f(): pass
                for _ in range(1000): f()
            """
        },
    )
    same(folder, "script.py")
    assert calls(folder.parent / "out.pstats")["f"] == 1000


# ---- signals ----

LOOKING = """
    import signal
    print([(number, signal.getsignal(number)) for number in sorted(signal.valid_signals())])
"""


def test_no_handler_shows(folder: Path) -> None:
    write_all(folder, {"script.py": LOOKING})
    same(folder, "script.py")


#: The program is about to die of SIGTERM; it has called `before` once.
DYING = {
    "by default": "",
    "after the default was set": "signal.signal(signal.SIGTERM, signal.SIG_DFL)",
    "after a handler came and went": "old = signal.signal(signal.SIGTERM, print); assert signal.signal(signal.SIGTERM, old) is print",
    "after asyncio": """
async def main():
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, print)
    loop.remove_signal_handler(signal.SIGTERM)
import asyncio
asyncio.run(main())
""",
    "in asyncio": """
import asyncio
async def main():
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(600)
asyncio.run(main())
""",
    "where all free signals are taken": """
for number in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):
    assert signal.signal(number, print) == signal.SIG_DFL, number
    assert signal.getsignal(number) is print
""",
    "where another handler takes ours": """
for number in range(signal.SIGRTMAX, signal.SIGRTMAX - 3, -1):
    assert signal.signal(number, print) == signal.SIG_DFL, number
    assert signal.signal(number, signal.SIG_DFL) is print
""",
    "in a wait": "import threading\nthreading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()\nthreading.Event().wait()",
    "in a sleep": "import threading, time\nthreading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()\ntime.sleep(600)",
    "in select": "import select, threading\nthreading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()\nselect.select([0], [], [], 600)",
    "from a thread": "import threading\nt = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGTERM)); t.start(); t.join()",
}


@pytest.mark.parametrize("how", DYING)
def test_sigterm_saves_and_ends(folder: Path, how: str) -> None:
    if "free signals" in how and not hasattr(signal, "SIGRTMIN"):
        pytest.skip("there are none on this system")
    write_all(
        folder,
        {
            "script.py": "import os, signal\ndef before(): print(signal.getsignal(signal.SIGTERM), flush=True)\nbefore()\n"
            + DYING[how]
            + "\nos.kill(os.getpid(), signal.SIGTERM)\nimport time\ntime.sleep(600)\n"
        },
    )
    plain = python(["script.py"], cwd=folder)
    assert plain.code == -signal.SIGTERM, plain.err
    assert python([*ENTRY, "script.py"], cwd=folder) == plain
    if "all free" not in how:
        assert "before" in calls(folder.parent / "out.pstats")


def test_sigterm_while_the_interpreter_ends(folder: Path) -> None:
    """What is left to run then has nothing to do with us, and finds no signal that it doesn't know."""
    write_all(
        folder,
        {
            "script.py": """
                import os, signal, sys, time
                class Last:
                    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGTERM, sleep=time.sleep):
                        kill(pid, number)
                        sleep(5)
                sys.last = Last()
                del signal
            """
        },
    )
    assert same(folder, "script.py").code == -signal.SIGTERM


def test_a_program_that_is_replaced(folder: Path) -> None:
    for call in (
        "os.execv(sys.executable, [sys.executable, '-c', 'print(1)'])",
        "os.execve(sys.executable, [sys.executable, '-c', 'print(1)'], os.environ)",
        "os.execlp('python3', 'python3', '-c', 'print(1)')",
        "os.execve(path=sys.executable, argv=[sys.executable, '-c', 'print(1)'], env=os.environ)",
        "os.execv(os.fsencode(sys.executable), [sys.executable, '-c', 'print(1)'])",
    ):
        write_all(folder, {"script.py": f"import os, sys\ndef before(): pass\nbefore()\n{call}\n"})
        (folder.parent / "out.pstats").unlink(missing_ok=True)
        assert python([*ENTRY, "script.py"], cwd=folder) == python(["script.py"], cwd=folder)
        assert "before" in calls(folder.parent / "out.pstats"), call


def test_a_replacement_that_fails_costs_nothing(folder: Path) -> None:
    write_all(
        folder,
        {
            "bad": "no program",
            "script.py": """
                import os
                os.chmod("bad", 0o755)
                for path, arguments in (("missing", ["x"]), ("bad", ["x"]), ("bad", []), (".", ["x"]), (3.5, ["x"])):
                    try: os.execv(path, arguments)
                    except Exception as error: print(type(error), error)
                def after(): pass
                for _ in range(100): after()
            """,
        },
    )
    same(folder, "script.py")
    assert calls(folder.parent / "out.pstats")["after"] == 100


# ---- where it can't be ----


@pytest.mark.parametrize("flag", ["-I", "-E", "-S"])
def test_a_new_interpreter_that_would_not_find_us(folder: Path, flag: str) -> None:
    write_all(folder, {"script.py": "import sys\nprint(sys.argv, __name__, __file__)\ndef f(): 1 / 0\nf()\n"})
    site = [] if flag != "-S" else [str(Path(next(p for p in sys.path if p.endswith("site-packages"))))]
    env = {"PYTHONPATH": os.pathsep.join(site)} if site else None
    plain = python([flag, "script.py", "x"], cwd=folder, env=env)
    run = python([flag, *ENTRY, "script.py", "x"], cwd=folder, env=env)
    first, rest = run.err.split("\n", 1)
    assert first.startswith("pikos: ") and flag in first
    assert Run(run.code, run.out, rest) == plain
    assert (folder.parent / "out.pstats").stat().st_size > 1
    run = python([flag, *RUNNER, "script.py", "x"], cwd=folder, env=env)
    assert Run(run.code, run.out, run.err.split("\n", 1)[1]) == plain


def test_a_program_that_calls_the_launcher_goes_on(folder: Path) -> None:
    write_all(
        folder,
        {
            "script.py": "import sys\nprint(sys.argv)\ndef work(): pass\nwork()\n",
            "caller.py": f"""
                import os, runpy, sys
                pid = os.getpid()
                sys.argv = ["x", "-o", "../out.pstats", "script.py", "one"]
                runpy.run_module({SUBJECT!r}, run_name="__main__")
                print("still here", os.getpid() == pid)
            """,
        },
    )
    run = python(["caller.py", "two"], cwd=folder)
    assert run.out == "['script.py', 'one']\nstill here True\n"
    assert run.err.startswith("pikos: this interpreter was started to run something else, so ") and run.code == 0
    assert (folder.parent / "out.pstats").stat().st_size > 1
