"""Forty programs that nobody wrote for us, under plain python and under us: the same output, errors, exit code and files.

They are the standard library's own commands, tests and demonstrations, tools that are installed beside it, and applications in every
form that python runs.
"""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
import zipapp
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from running import PATIENCE, SUBJECT, UNCOVERED, environment

pytestmark = [pytest.mark.slow_in_debug, pytest.mark.beyond_cprofile]

ENTRY = ["-m", SUBJECT, "-o", "../out.pstats"]

INPUTS = {
    "data.json": '{"b": [1, 2.5, null], "a": "é"}',
    "bad.json": "{",
    "listing.py": "import os\nclass A:\n    def f(self, x: int = 1) -> int:\n        return [i for i in range(x)]\n\nprint(A().f(3))\n",
    "broken.py": "def f(:\n",
    "text.txt": "one two\nthree\n" * 20,
    "test_some.py": """
        import unittest
        class T(unittest.TestCase):
            def test_one(self): self.assertEqual(1, 1)
            def test_two(self): self.assertEqual(1, 2, "as planned")
            @unittest.skip("not now")
            def test_three(self): pass
    """,
    "test_pytest.py": "import pytest\n@pytest.mark.parametrize('n', range(3))\ndef test_it(n, tmp_path): assert n < 2, tmp_path.name\n",
    "doctested.py": 'def f(x):\n    """\n    >>> f(1)\n    2\n    >>> f(2)\n    4\n    """\n    return x + 1\n',
    "package/__init__.py": "print('package', __name__)",
    "package/__main__.py": "import sys\nfrom . import part\nprint(part.x, sys.argv[1:], __package__)",
    "package/part.py": "x = 5",
    "app/__main__.py": "import sys, helper\nprint(helper.x, sys.argv[1:])\nsys.exit(3)",
    "app/helper.py": "x = 6",
    "sieve.py": "def primes(n):\n    s = [True] * n\n    for i in range(2, n):\n        if s[i]:\n            yield i\n            for j in range(i * i, n, i): s[j] = False\nprint(sum(primes(5000)))",
    "threads.py": """
        import concurrent.futures, queue, threading
        q = queue.Queue()
        def work(n):
            q.put(n * n)
            return n
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            print(sorted(pool.map(work, range(50)))[-1], q.qsize())
        threading.Thread(target=lambda: print("after main")).start()
    """,
    "processes.py": """
        import multiprocessing, concurrent.futures
        def work(n): return n * n
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(2) as pool: print(pool.map(work, range(5)))
            with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as pool: print(list(pool.map(work, range(5))))
    """,
    "asynchronous.py": """
        import asyncio, contextvars
        v = contextvars.ContextVar("v", default=0)
        async def child(n):
            v.set(n)
            await asyncio.sleep(0)
            return v.get()
        async def main():
            print(await asyncio.gather(*map(child, range(5))), v.get())
            async with asyncio.timeout(5):
                process = await asyncio.create_subprocess_exec("echo", "hello", stdout=asyncio.subprocess.PIPE)
                print(await process.communicate())
        asyncio.run(main())
    """,
    "sqlite.py": "import sqlite3\nc = sqlite3.connect('x.db')\nc.execute('create table t (a)')\nc.executemany('insert into t values (?)', [(i,) for i in range(9)])\nc.commit()\nprint(c.execute('select sum(a) from t').fetchone())",
    "logs.py": "import logging, logging.handlers\nlogging.basicConfig(format='%(levelname)s %(filename)s:%(lineno)d %(funcName)s %(message)s', level=10)\ndef f(): logging.warning('careful')\nf()\nlogging.getLogger('x').exception('none')",
    "warns.py": "import warnings\nwarnings.simplefilter('always')\nwarnings.warn('here', stacklevel=1)\nwarnings.warn('above', stacklevel=2)\nwarnings.warn('far above', stacklevel=9)",
    "inspects.py": "import inspect, sys, traceback\nprint([f.function for f in inspect.stack()], sys._getframe().f_back)\ntraceback.print_stack()\ndef f(): return inspect.currentframe().f_back.f_code.co_name\nprint(f(), inspect.getsource(f))",
    "pickles.py": "import pickle, copy\nclass A:\n    def __reduce__(self): return A, ()\nprint(type(pickle.loads(pickle.dumps(A()))) is A, copy.deepcopy([A])[0] is A, pickle.dumps(A).__len__())",
    "at_exit.py": "import atexit, sys, threading, weakref\nclass A: pass\na = A()\nweakref.finalize(a, print, 'finalized')\natexit.register(lambda: print('exit', sys.modules['__main__'].__name__))\nclass B:\n    def __del__(self): print('deleted', __name__)\nb = B()",
    "recursive.py": "import sys\nsys.setrecursionlimit(5000)\ndef f(n): return n and 1 + f(n - 1)\nprint(f(4000))\ntry: f(10000)\nexcept RecursionError as e: print(e)",
    "enums.py": "import dataclasses, enum, typing\nclass E(enum.Flag):\n    A = enum.auto(); B = enum.auto()\n@dataclasses.dataclass(order=True, frozen=True)\nclass D:\n    x: typing.ClassVar[int] = 1\n    y: int = 2\nprint(E.A | E.B, D(), D() < D(3), typing.get_type_hints(D))",
    "commands.txt": "next\nnext\nwhere\nprint(1 + 1)\nquit\n",
}


@dataclass(frozen=True)
class Program:
    arguments: list[str]
    stdin: str = ""
    #: None where releases differ.
    code: int | None = 0
    #: Of the interpreter.
    flags: list[str] = field(default_factory=list)


PROGRAMS = {
    "json.tool": Program(["-m", "json.tool", "data.json"]),
    "json.tool, from a pipe": Program(["-m", "json.tool", "--sort-keys"], stdin=INPUTS["data.json"]),
    "json.tool, of what is no json": Program(["-m", "json.tool", "bad.json"], code=1),
    "calendar": Program(["-m", "calendar", "2026"]),
    "dis": Program(["-m", "dis", "listing.py"]),
    "ast": Program(["-m", "ast", "listing.py"]),
    "ast, of what is no python": Program(["-m", "ast", "broken.py"], code=1),
    "tokenize": Program(["-m", "tokenize", "listing.py"]),
    "symtable": Program(["-m", "symtable", "listing.py"]),
    "py_compile": Program(["-m", "py_compile", "listing.py"]),
    "compileall": Program(["-m", "compileall", "-q", "package"]),
    "base64": Program(["-m", "base64", "-e", "text.txt"]),
    "gzip": Program(["-m", "gzip", "--best", "text.txt"]),
    "zipfile": Program(["-m", "zipfile", "-c", "made.zip", "package"]),
    "tarfile": Program(["-m", "tarfile", "-l", "none.tar"], code=1),
    "inspect": Program(["-m", "inspect", "textwrap:dedent"]),
    "pickletools": Program(["-m", "pickletools", "none.pickle"], code=None),
    "pdb": Program(["-m", "pdb", "listing.py"], stdin=INPUTS["commands.txt"]),
    "doctest": Program(["-m", "doctest", "doctested.py"], code=1),
    "unittest": Program(["-m", "unittest", "-v", "test_some"], code=1),
    "pytest": Program(
        ["-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:asyncio", "-q", "test_pytest.py"], code=1
    ),
    "pip": Program(["-m", "pip", "--version"]),
    "pip, of what is not there": Program(["-m", "pip", "show", "no-such-project-anywhere"], code=1),
    "platform": Program(["-m", "platform"]),
    "this": Program(["-m", "this"]),
    "site": Program(["-m", "site"]),
    "sysconfig": Program(["-m", "sysconfig"]),
    "timeit, of an error": Program(["-m", "timeit", "-n1", "1 / 0"], code=1),
    "trace": Program(["-m", "trace", "--listfuncs", "listing.py"]),
    "cProfile's help": Program(["-m", "cProfile", "--help"]),
    "an argument that is wrong": Program(["-m", "json.tool", "--no-such"], code=2),
    "http.client, imported": Program(
        ["-c", "import http.client, email, ssl, xml.etree.ElementTree as e; print(e.fromstring('<a/>').tag)"]
    ),
    "a package": Program(["-m", "package", "one"]),
    "a folder": Program(["app", "two"], code=3),
    "an archive": Program(["app.pyz", "three"], code=3),
    "a script with options": Program(["sieve.py"], flags=["-OO", "-B", "-X", "dev"]),
    "threads": Program(["threads.py"]),
    "processes": Program(["processes.py"]),
    "asyncio": Program(["asynchronous.py"]),
    "sqlite": Program(["sqlite.py"]),
    "logging": Program(["logs.py"]),
    "warnings": Program(["warns.py"]),
    "inspection": Program(["inspects.py"]),
    "pickling": Program(["pickles.py"]),
    "what happens at the end": Program(["at_exit.py"]),
    "recursion": Program(["recursive.py"]),
    "enums and dataclasses": Program(["enums.py"]),
    "a session": Program(["-"], flags=["-i", "-q"], stdin="import sys\nprint(sys.argv)\n1 + 1\n1 / 0\n"),
}


def prepared(folder: Path) -> Path:
    folder.mkdir()
    for name, text in INPUTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    zipapp.create_archive(folder / "app", folder / "app.pyz", interpreter="/usr/bin/env python3")
    return folder


def ran(folder: Path, program: Program, entry: list[str]) -> tuple[int, str, str, dict[str, bytes]]:
    done = subprocess.run(
        [sys.executable, *program.flags, *entry, *program.arguments],
        cwd=folder,
        input=program.stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env=environment(PYTHONWARNINGS="default"),
    )
    made = {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return done.returncode, alike(done.stdout), alike(done.stderr.replace(UNCOVERED, "")), made


def alike(text: str) -> str:
    """Without what differs between two plain runs."""
    text = re.sub(r"\b0x[0-9a-f]+", "0x…", text)
    text = re.sub(r"\bpytest-\d+", "pytest-N", text)
    return re.sub(r"\b\d+\.\d+ ?s\b", "… s", text)


def without_times(files: dict[str, bytes]) -> dict[str, bytes | int]:
    """Archives and databases hold the time of day: their length must do, and that of compiled code, the same file."""
    return {
        name: len(data) if name.endswith((".zip", ".pyz", ".gz", ".db")) else data
        for name, data in files.items()
        if "__pycache__" not in name
    }


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_runs_as_ever(tmp_path: Path, name: str) -> None:
    program = PROGRAMS[name]
    place = tmp_path / "work"
    ends = []
    for entry in ([], ENTRY):
        # At the same place, since some print it.
        ran_here = ran(prepared(place), program, entry)
        ends.append((*ran_here[:3], without_times(ran_here[3])))
        place.rename(tmp_path / f"done{len(ends)}")
    plain, ours = ends
    assert program.code in (None, plain[0]), plain[:3]
    assert ours == plain
    if name != "cProfile's help":
        assert (tmp_path / "out.pstats").stat().st_size > 1


def test_a_virtual_environment(tmp_path: Path) -> None:
    for entry, name in (([], "plain"), (ENTRY, "ours")):
        (tmp_path / name).mkdir()
        done = subprocess.run(
            [sys.executable, *entry, "-m", "venv", "--without-pip", "made"],
            cwd=tmp_path / name,
            capture_output=True,
            text=True,
            env=environment(),
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    names = [
        sorted(str(p.relative_to(tmp_path / name)) for p in (tmp_path / name).rglob("*")) for name in ("plain", "ours")
    ]
    assert names[0] == names[1]


def test_a_server_that_sigterm_ends(tmp_path: Path) -> None:
    (tmp_path / "served.txt").write_text("hello")
    ends = []
    for entry in ([], ENTRY):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, *entry, "-m", "http.server", "--bind", "127.0.0.1", str(port)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(PYTHONUNBUFFERED="1"),
        )
        try:
            assert process.stdout is not None and "Serving" in process.stdout.readline()
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/served.txt", timeout=PATIENCE) as answer:
                text = answer.read()
            time.sleep(0.1)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        ends.append((process.returncode, text, out, re.sub(r"\[.*?\]", "[]", err.replace(UNCOVERED, ""))))
    assert ends[0] == ends[1] and ends[0][:2] == (-signal.SIGTERM, b"hello")
    assert (tmp_path.parent / "out.pstats").stat().st_size > 1
