"""`python -m pikos.cprofile PROGRAM` does what `python PROGRAM` does, and saves the profile besides, whatever happens.

Every program is run both ways, in the same folder with the same input; standard output, standard error and the exit
code must be equal to the last byte (with `-o`, so that no table is printed). cProfile itself passes only some of it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest
from running import PATIENCE, SUBJECT, UNCOVERED, Run, calls, environment, python, write

pytestmark = [pytest.mark.slow_in_debug, pytest.mark.beyond_cprofile]

ENTRY = ["-m", SUBJECT]


def profiled(folder: Path, *arguments: str, **options: Any) -> tuple[Run, dict[str, int]]:
    """Run under the profiler with `-o`. Returns the run and {function name: calls}; fails if nothing was saved."""
    out = folder.parent / "out.pstats"
    out.unlink(missing_ok=True)
    run = python([*ENTRY, "-o", str(out), *arguments], cwd=folder, **options)
    return run, calls(out)


def same_both_ways(folder: Path, *arguments: str, **options: Any) -> tuple[Run, dict[str, int]]:
    plain = python(arguments, cwd=folder, **options)
    ours, found = profiled(folder, *arguments, **options)
    assert without_addresses(ours) == without_addresses(plain)
    return ours, found


def without_addresses(run: Run) -> Run:
    """`<function f at 0x7f…>` is another in each process, profiled or not."""
    return Run(run.code, *(re.sub(r"\b0x[0-9a-f]+", "0x…", text) for text in (run.out, run.err)))


WHERE_AM_I = """
    import os, sys
    def where():
        print(__name__, __package__, __spec__ is None, __doc__, sys.argv, os.path.basename(sys.path[0]), os.getcwd())
        print(__file__ if "__file__" in globals() else "no file", sorted(name for name in globals() if name != "where"))
        print(sys.modules["__main__"].__dict__ is globals(), sys.modules["__main__"].where is where)
    where()
"""


def test_a_script_finds_its_own_world(folder: Path) -> None:
    write(folder, WHERE_AM_I, "sub/script.py")
    write(folder, "value = 42", "sub/neighbour.py")
    _, found = same_both_ways(folder, "sub/script.py", "-o", "mine", "--flag", "a b", "")
    assert found["where"] == 1


def test_an_absolute_path_to_a_script(folder: Path) -> None:
    write(folder, WHERE_AM_I)
    same_both_ways(folder, str(folder / "script.py"))


def test_a_script_imports_its_neighbours(folder: Path) -> None:
    write(folder, "def help(): return 7", "sub/neighbour.py")
    write(folder, "import neighbour\nprint(neighbour.help())", "sub/script.py")
    _, found = same_both_ways(folder, "sub/script.py")
    assert found["help"] == 1


def test_a_symlinked_script_finds_the_neighbours_of_its_target(folder: Path) -> None:
    write(folder, "x = 1", "sub/neighbour.py")
    write(folder, "import neighbour; print(neighbour.x, __file__)", "sub/script.py")
    (folder / "link.py").symlink_to(folder / "sub" / "script.py")
    same_both_ways(folder, "link.py")


def test_a_module(folder: Path) -> None:
    write(folder, "", "package/__init__.py")
    write(
        folder,
        "import sys\nfrom . import tool\ndef run(): print(__name__, __package__, __spec__.name, sys.argv[1:], tool.f())\nrun()",
        "package/__main__.py",
    )
    write(folder, "def f(): return len('f')", "package/tool.py")
    _, found = same_both_ways(folder, "-m", "package", "one", "-o", "two")
    assert (found["run"], found["f"]) == (1, 1)


def test_a_missing_module(folder: Path) -> None:
    run = python([*ENTRY, "-m", "no_such_module_anywhere"], cwd=folder)
    assert run.code == 1
    assert "No module named no_such_module_anywhere" in run.err
    assert "Traceback" not in run.err


def test_code_on_the_command_line(folder: Path) -> None:
    code = "import sys\ndef f(): print(sys.argv, repr(sys.path[0]), __name__)\nf()"
    _, found = same_both_ways(folder, "-c", code, "-x", "y")
    assert found["f"] == 1


def test_a_folder_and_a_zip_file(folder: Path) -> None:
    write(folder, "import neighbour\nneighbour.f()", "app/__main__.py")
    write(folder, "def f(): print(__name__)", "app/neighbour.py")
    with zipfile.ZipFile(folder / "app.zip", "w") as archive:
        for name in ("__main__.py", "neighbour.py"):
            archive.write(folder / "app" / name, name)
    for target in ("app", "app.zip"):
        _, found = same_both_ways(folder, target)
        assert found["f"] == 1


def test_pickling_of_mains_classes_and_multiprocessing(folder: Path) -> None:
    write(
        folder,
        """
        import multiprocessing, pickle
        class Thing:
            def __init__(self, value): self.value = value
        def double(thing): return Thing(thing.value * 2)
        if __name__ == "__main__":
            print(pickle.loads(pickle.dumps(Thing(3))).value)
            for method in ("spawn", "fork"):
                with multiprocessing.get_context(method).Pool(2) as pool:
                    print(sorted(thing.value for thing in pool.map(double, map(Thing, range(5)))))
    """,
    )
    run, found = same_both_ways(folder, "script.py", env={"PYTHONWARNINGS": "ignore"})
    assert run.out.splitlines() == ["3", *["[0, 2, 4, 6, 8]"] * 2]
    assert found["__init__"] >= 11


def test_futures_dataclasses_and_annotations_in_main(folder: Path) -> None:
    write(
        folder,
        """
        from dataclasses import dataclass, field
        import typing
        @dataclass
        class Node:
            name: str
            next: "Node | None" = None
            rest: list["Node"] = field(default_factory=list)
        print(typing.get_type_hints(Node), Node("a", Node("b")))
    """,
    )
    same_both_ways(folder, "script.py")


def test_the_launchers_future_imports_are_not_the_programs(folder: Path) -> None:
    write(folder, "def f(x: int) -> str: pass\nprint(f.__annotations__)")
    same_both_ways(folder, "script.py")
    same_both_ways(folder, "-c", "def f(x: int): pass\nprint(f.__annotations__)")


TRACEBACKS = {
    "an exception": "def f():\n    return 1 / 0\nf()\n",
    "a chained one": "def f():\n    try: {}['x']\n    except KeyError as e: raise ValueError('no') from e\nf()\n",
    "while handling another": "try: {}['x']\nexcept KeyError: [][1]\n",
    "a group": "def f(): raise ExceptionGroup('many', [ValueError(1), KeyError(2)])\nf()\n",
    "with a note": "e = ValueError('x'); e.add_note('look here'); raise e\n",
    "endless recursion": "import sys\nsys.tracebacklimit = 5\ndef f(n): return f(n + 1)\nf(0)\n",
    "a syntax error": "x = 1\ndef f(:\n    pass\n",
    "a syntax error inside an import": "exec('import json\\nx ==== 1')\n",
    "an indentation error": "def f():\nreturn 1\n",
    "through C": "sorted([1, 2], key=lambda x: x / 0)\n",
    "from a generator": "def g():\n    yield 1\n    raise OSError(2, 'gone', 'file')\nlist(g())\n",
    "a custom hook": "import sys\nsys.excepthook = lambda *a: print('hooked', a[0].__name__, a[2].tb_frame.f_code.co_name)\n1 / 0\n",
    "in __del__": "class A:\n    def __del__(self): raise ValueError('late')\na = A()\ndel a\nprint('on')\n",
    "at exit": "import atexit\ndef bad(): raise KeyError('at exit')\natexit.register(bad)\nprint('main over')\n",
    "in a thread": "import threading\ndef bad(): raise KeyError('in thread')\nt = threading.Thread(target=bad, name='T'); t.start(); t.join()\nprint('on')\n",
    "a warning": "import warnings\nwarnings.simplefilter('default')\ndef f(): warnings.warn('careful', UserWarning, stacklevel=2)\nf()\n",
    "an assertion": "assert 1 == 2, 'not equal'\n",
    "an exception without text": "raise RuntimeError\n",
    "not an exception": "raise 3\n",
    "keyboard interrupt raised": "def f(): raise KeyboardInterrupt\nf()\n",
    "generator exit": "raise GeneratorExit('out')\n",
    "that is shown and caught": "import traceback\ndef f(): raise KeyError('shown')\ntry: f()\nexcept KeyError: traceback.print_exc()\n",
}
# Before the first instruction there is nothing to profile; the message alone must be the same.
NOT_STARTED = ("a syntax error", "an indentation error")


@pytest.mark.parametrize("what", TRACEBACKS)
def test_tracebacks_are_the_plain_runs(folder: Path, what: str) -> None:
    (folder / "script.py").write_text(TRACEBACKS[what])
    if what in NOT_STARTED:
        plain = python(["script.py"], cwd=folder)
        for options in (["-o", str(folder.parent / "out")], []):
            assert python([*ENTRY, *options, "script.py"], cwd=folder) == plain
    else:
        same_both_ways(folder, "script.py")


def test_a_script_that_is_not_utf_8_is_a_syntax_error(folder: Path) -> None:
    """The interpreter words it differently for a file and for what compile() gets: only the kind must be the same."""
    (folder / "script.py").write_bytes(b"x = '\xff\xfe'\nprint(1)\n")
    run = python([*ENTRY, "-o", str(folder.parent / "out"), "script.py"], cwd=folder)
    assert (run.code, run.out) == (1, "")
    assert "SyntaxError:" in run.err.splitlines()[-1] and "Traceback" not in run.err and "utf-8" in run.err.lower()


@pytest.mark.parametrize("how", ["-m", "-c"])
def test_tracebacks_of_modules_and_code(folder: Path, how: str) -> None:
    write(folder, "def f(): 1 / 0\nf()\n", "broken.py")
    same_both_ways(folder, how, {"-m": "broken", "-c": "def f(): 1 / 0\nf()\n"}[how])


def test_the_program_may_recurse_as_deep_as_in_a_plain_run(folder: Path) -> None:
    write(
        folder,
        """
        import sys
        def depth(n=1):
            try: return depth(n + 1)
            except RecursionError: return n
        print(sys.getrecursionlimit(), depth())
    """,
    )
    same_both_ways(folder, "script.py")


EXITS = {
    "0": "sys.exit()",
    "3": "sys.exit(3)",
    "a message": "sys.exit('went wrong')",
    "none": "sys.exit(None)",
    "256": "sys.exit(256)",
    "-1": "sys.exit(-1)",
    "a tuple": "sys.exit((1, 2))",
    "true": "sys.exit(True)",
    "raised": "raise SystemExit(5)",
    "a subclass": "raise type('Mine', (SystemExit,), {})(6)",
    "in a function": "(lambda: sys.exit(7))()",
    "quit": "quit(8)",
    "at exit": "import atexit; atexit.register(print, 'bye'); sys.exit(9)",
    "in a thread": "import threading; t = threading.Thread(target=sys.exit, args=(3,)); t.start(); t.join(); sys.exit(10)",
    "unflushed": "sys.stdout.write('no newline'); sys.exit(11)",
    "closed stdout": "sys.stdout.close(); sys.exit(12)",
    "no stdout": "sys.stdout = None; sys.exit(13)",
    "with finally": "exec('try: sys.exit(14)\\nfinally: print(1)')",
}


@pytest.mark.parametrize("how", EXITS)
def test_exit_codes_are_the_plain_runs(folder: Path, how: str) -> None:
    write(folder, f"import sys\ndef work(): return len('w')\nwork()\n{EXITS[how]}\n")
    _, found = same_both_ways(folder, "script.py")
    assert found["work"] == 1


@pytest.mark.parametrize("code", [0, 3])
def test_os_exit_saves_the_profile(folder: Path, code: int) -> None:
    write(folder, f"import os\ndef work(): return len('w')\nwork()\nprint('said', flush=True)\nos._exit({code})\n")
    run, found = same_both_ways(folder, "script.py")
    assert run.code == code
    assert found["work"] == 1


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )


def signalled(folder: Path, number: signal.Signals, *arguments: str, delay: float = 0.0) -> Run:
    """Start, wait for a line of output and then for `delay` seconds, send the signal, wait for the end."""
    with start(folder, *arguments) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(delay)
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
        return Run(process.returncode, first + out, err)


LOOPING = """
    import signal, sys, time
    def work(): return len("w")
    def main():
        work()
        print("ready", flush=True)
        while True: time.sleep(0.01)
    main()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_as_ever_and_the_profile_is_saved(folder: Path, number: signal.Signals) -> None:
    write(folder, LOOPING)
    out = folder.parent / "out.pstats"
    plain = signalled(folder, number, "script.py")
    ours = signalled(folder, number, *ENTRY, "-o", str(out), "script.py")
    assert ours == plain
    assert calls(out)["work"] == 1
    assert calls(out)["main"] == 1


def test_a_signal_during_one_long_c_call(folder: Path) -> None:
    write(folder, "import time\nprint('ready', flush=True)\ntime.sleep(600)\n")
    run = signalled(folder, signal.SIGTERM, *ENTRY, "-o", str(folder.parent / "out.pstats"), "script.py", delay=0.3)
    assert run.code == -signal.SIGTERM
    assert "<built-in method time.sleep>" in calls(folder.parent / "out.pstats")


def test_the_programs_own_signal_handler_wins(folder: Path) -> None:
    write(
        folder,
        """
        import signal, sys, time
        def stop(number, frame):
            print("stopping"); sys.exit(4)
        signal.signal(signal.SIGTERM, stop)
        print("ready", flush=True)
        while True: time.sleep(0.01)
    """,
    )
    out = folder.parent / "out.pstats"
    run = signalled(folder, signal.SIGTERM, *ENTRY, "-o", str(out), "script.py")
    assert run == Run(4, "ready\nstopping\n", "")
    assert calls(out)["stop"] == 1


def test_the_program_finds_the_interpreter_as_ever(folder: Path) -> None:
    """SIGTERM's handler and os._exit are ours while it runs: that is how nothing is lost. All else is untouched."""
    write(
        folder,
        """
        import os, signal, sys, threading
        print([signal.getsignal(number) for number in sorted(signal.valid_signals()) if number != signal.SIGTERM][:12])
        print(os._exit.__name__, sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__, sys.unraisablehook is sys.__unraisablehook__)
        print(threading.excepthook is threading.__excepthook__, sys.getrecursionlimit(), sys.getswitchinterval(), sys.flags, sys.gettrace())
        print(threading.active_count(), threading.current_thread().name, sys.orig_argv[-1])
    """,
    )
    same_both_ways(folder, "script.py")


def test_a_child_of_fork_does_not_clobber_the_parents_file(folder: Path) -> None:
    write(
        folder,
        """
        import os, sys
        def parents(): return len("p")
        def childs(): return len("c")
        for way in ("return", "os._exit", "sys.exit", "exception"):
            pid = os.fork()
            if pid == 0:
                childs()
                if way == "os._exit": os._exit(3)
                if way == "sys.exit": sys.exit(4)
                if way == "exception": raise KeyError(way)
                break
            print(way, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
            parents()
    """,
    )
    run, found = same_both_ways(folder, "script.py", env={"PYTHONWARNINGS": "ignore"})
    assert run.out.splitlines() == ["return 0", "os._exit 3", "sys.exit 4", "exception 1"]
    assert found["parents"] == 4
    assert "childs" not in found


def test_a_forked_child_dies_of_a_signal_by_default(folder: Path) -> None:
    """The child saves nothing, so it needs no handler of ours; and one written in Python may come too late, when the
    child goes to wait in C just as the signal arrives."""
    write(
        folder,
        """
        import os, signal
        pid = os.fork()
        if pid == 0:
            print(signal.getsignal(signal.SIGTERM), flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
    """,
    )
    same_both_ways(folder, "script.py", env={"PYTHONWARNINGS": "ignore"})


def test_a_relative_output_is_where_the_run_began(folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    write(folder, "import os\ndef work(): os.chdir('elsewhere')\nwork()")
    python([*ENTRY, "-o", "out.pstats", "script.py"], cwd=folder).succeeded()
    assert calls(folder / "out.pstats")["work"] == 1
    assert list((folder / "elsewhere").iterdir()) == []


def test_an_unwritable_output_goes_to_a_named_fallback(folder: Path) -> None:
    write(folder, "def work(): print('out')\nwork()\nraise SystemExit(3)\n")
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    (folder / "there").mkdir()
    write(
        folder,
        "import shutil\nshutil.rmtree('there')\ndef work(): print('out')\nwork()\nraise SystemExit(3)\n",
        "removes.py",
    )
    write(folder, "import os\nos.mkdir('out')\ndef work(): print('out')\nwork()\nraise SystemExit(3)\n", "makes.py")
    for target, script in (("there/out.pstats", "removes.py"), ("out", "makes.py")):
        run = python([*ENTRY, "-o", target, script], cwd=folder, env={"TMPDIR": str(temporary)})
        assert (run.code, run.out) == (3, "out\n")
        named = [word.strip(":;,'\"") for word in run.err.split() if word.strip(":;,'\"").startswith(str(temporary))]
        assert len(named) == 1, run.err
        assert "Traceback" not in run.err
        assert calls(Path(named[0]))["work"] == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_loses_nothing(folder: Path) -> None:
    write(folder, "def work(): pass\nwork()")
    temporary = folder.parent / "temporary"
    temporary.mkdir()
    run = python([*ENTRY, "-o", "/dev/full", "script.py"], cwd=folder, env={"TMPDIR": str(temporary)})
    assert "Traceback" not in run.err and "/dev/full" in run.err
    (saved,) = temporary.iterdir()
    assert calls(saved)["work"] == 1


def test_an_old_profile_survives_a_run_that_cannot_start(folder: Path) -> None:
    (folder / "out.pstats").write_bytes(b"old")
    run = python([*ENTRY, "-o", "out.pstats", "missing.py"], cwd=folder)
    assert run.code != 0
    assert (folder / "out.pstats").read_bytes() == b"old"


def test_a_missing_script_is_one_clear_line(folder: Path) -> None:
    plain = python(["missing.py"], cwd=folder)
    run = python([*ENTRY, "missing.py"], cwd=folder)
    assert (run.code, run.out) == (plain.code, "")
    assert len(run.err.splitlines()) == 1
    assert "missing.py" in run.err and "No such file or directory" in run.err


@pytest.mark.parametrize("arguments", [["-s", "beauty"], ["--sort=beauty"], ["--no-such-option"], []])
def test_a_wrong_command_line_is_a_usage_error(folder: Path, arguments: list[str]) -> None:
    write(folder, "print('must not run')")
    run = python([*ENTRY, *arguments, *(["script.py"] if arguments else [])], cwd=folder)
    assert run.code == 2
    assert run.out == ""
    assert "Usage:" in run.err and "Traceback" not in run.err
    if "beauty" in "".join(arguments):
        assert "beauty" in run.err and "cumulative" in run.err


def test_help(folder: Path) -> None:
    run = python([*ENTRY, "--help"], cwd=folder).succeeded()
    for option in ("--outfile", "--sort", "-m", "-c", "--threads", "--no-threads", "--compensate"):
        assert option in run.out


@pytest.mark.parametrize(
    "sort, heading",
    [([], "cumulative time"), (["-s", "tottime"], "internal time"), (["--sort", "name"], "function name")],
)
def test_without_output_the_table_is_printed(folder: Path, sort: list[str], heading: str) -> None:
    write(folder, "def work(): print('mine')\nwork()")
    run = python([*ENTRY, *sort, "script.py"], cwd=folder).succeeded()
    assert run.out.startswith("mine\n")
    assert f"Ordered by: {heading}" in run.out
    assert re.search(r"^ +1 .* script\.py:1\(work\)$", run.out, re.MULTILINE)


def test_sort_keys_are_all_of_pstats(folder: Path) -> None:
    import pstats

    write(folder, "pass")
    for key in sorted(pstats.Stats.sort_arg_dict_default)[::4]:
        python([*ENTRY, "-s", key, "script.py"], cwd=folder).succeeded()


def test_the_launcher_is_not_in_the_profile(folder: Path) -> None:
    write(folder, "def work(): pass\nwork()")
    _, found = profiled(folder, "script.py")
    assert sum(found.values()) == 2 + found.get("<built-in method builtins.exec>", 0) + found.get(
        "<method 'disable' of '_lsprof.Profiler' objects>", 0
    )
    assert found["<module>"] == found["work"] == 1


@pytest.mark.parametrize("rows", [1, 20_000])
def test_a_reader_that_leaves_early_is_no_error(folder: Path, rows: int) -> None:
    write(folder, f"for n in range({rows}): exec(f'def f{{n}}(): pass\\nf{{n}}()')\nprint('first', flush=True)\n")
    read, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, *ENTRY, "script.py"],
        cwd=folder,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    os.close(writing)
    with os.fdopen(read) as pipe:
        assert pipe.readline() == "first\n"
    _, err = process.communicate(timeout=PATIENCE)
    assert err == ""


def test_the_programs_own_broken_pipe_is_as_ever(folder: Path) -> None:
    write(folder, "import sys\nfor n in range(100_000): print(n)\n")
    ends = []
    for command in (["script.py"], [*ENTRY, "-o", str(folder.parent / "out.pstats"), "script.py"]):
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        ends.append((re.sub(r"print\(\d+\)", "print", process.stderr.read()), process.wait(timeout=PATIENCE)))
        process.stderr.close()
    assert ends[0] == ends[1]
    assert calls(folder.parent / "out.pstats")["<built-in method builtins.print>"] > 0


def test_threads_that_outlive_main_are_waited_for_and_counted(folder: Path) -> None:
    write(
        folder,
        """
        import threading, time, atexit
        atexit.register(print, "at exit")
        def late(): return len("late")
        def worker():
            time.sleep(0.3)
            for _ in range(5): late()
            print("worker done", flush=True)
        threading.Thread(target=worker).start()
        print("main done", flush=True)
    """,
    )
    run = python(["script.py"], cwd=folder)
    ours, found = profiled(folder, "--threads", "script.py")
    assert ours == run
    assert found["late"] == 5
    ours, found = profiled(folder, "--no-threads", "script.py")
    assert ours == run
    assert "late" not in found


@pytest.mark.parametrize("hook", [[], ["--fast"], ["--compensate"]], ids=str)
def test_threads_that_c_makes_are_counted(folder: Path, hook: list[str]) -> None:
    write(
        folder,
        """
        import ctypes
        libc = ctypes.CDLL(None)
        @ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)
        def body(_):
            for _ in range(20): work()
        def work(): pass
        for _ in range(10):
            thread = ctypes.c_ulong()
            assert libc.pthread_create(ctypes.byref(thread), None, body, None) == 0
            libc.pthread_join(thread, None)
    """,
    )
    run, found = profiled(folder, "--threads", *hook, "script.py")
    assert run == Run(0, "", "")
    assert (found["body"], found["work"]) == (10, 200)


@pytest.mark.parametrize("threads", [True, False])
def test_threads_that_are_not_profiled_are_told(folder: Path, threads: bool) -> None:
    write(
        folder, "import threading\nt = threading.Thread(target=sum, args=([1],))\n" + "t.start(); t.join()\n" * threads
    )
    for options, covers in (([], sys.version_info >= (3, 12)), (["--threads"], True), (["--no-threads"], True)):
        run = subprocess.run(
            [sys.executable, *ENTRY, "-o", "../out.pstats", *options, "script.py"],
            cwd=folder,
            capture_output=True,
            text=True,
            env=environment(),
        )
        # Who says --no-threads knows it.
        assert (run.returncode, run.stderr) == (0, UNCOVERED if threads and not covers else "")


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 on there is a hook for each tool")
def test_a_hook_that_the_program_took_is_told(folder: Path) -> None:
    for taking in ("sys.setprofile(None)", "sys.setprofile(lambda *_: None)", "cProfile.Profile().enable()"):
        write(folder, f"import cProfile, sys\n{taking}\n")
        run = python([*ENTRY, "-o", "../out.pstats", "script.py"], cwd=folder)
        assert run.code == 0 and "sys.setprofile" in run.err and len(run.err.splitlines()) == 1, run.err
    write(folder, "import sys\nbefore = sys.getprofile()\nsys.setprofile(None)\nsys.setprofile(before)\n")
    run = python([*ENTRY, "-o", "../out.pstats", "script.py"], cwd=folder)


def test_daemon_threads_do_not_hold_the_end_up(folder: Path) -> None:
    write(
        folder,
        """
        import threading, time
        def endless():
            while True: time.sleep(0.001)
        threading.Thread(target=endless, daemon=True).start()
        time.sleep(0.05)
        print("main done")
    """,
    )
    run, _ = same_both_ways(folder, "script.py")
    assert run.out == "main done\n"


def test_standard_input_reaches_the_program(folder: Path) -> None:
    write(folder, "import sys\nprint(sys.stdin.read().upper(), input.__name__)")
    same_both_ways(folder, "script.py", stdin="some text")


def test_interpreter_options_hold(folder: Path) -> None:
    write(
        folder,
        "import sys\nassert False\nprint(sys.flags.optimize, sys.flags.dont_write_bytecode, sys.flags.safe_path, sys.path[0] != '')",
    )
    for options in (["-O"], ["-OO", "-B"]):
        plain = python([*options, "script.py"], cwd=folder)
        ours = python([*options, *ENTRY, "-o", str(folder.parent / "out"), "script.py"], cwd=folder)
        assert ours == plain


def test_nested_profiles_refuse_or_work_as_they_should(folder: Path) -> None:
    """A profiled program that profiles a part of itself must go on, whatever becomes of its inner profile."""
    write(
        folder,
        f"""
        import importlib
        Profile = importlib.import_module({SUBJECT!r}).Profile
        def work(): return len("w")
        inner = Profile()
        try:
            inner.enable(); work(); inner.disable()
        except ValueError as error:
            print("refused:", error)
        work()
        print("end")
    """,
    )
    run, found = profiled(folder, "script.py")
    assert run.code == 0 and run.err == "" and run.out.endswith("end\n")
    assert found["work"] >= 1


def test_output_larger_than_a_pipe_is_not_reordered(folder: Path) -> None:
    write(folder, "import sys\nfor n in range(3000):\n    print('out', n)\n    print('err', n, file=sys.stderr)\n")
    same_both_ways(folder, "script.py")
