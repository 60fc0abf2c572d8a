"""Lines that ran, in files that coverage.py and lcov's readers take."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from running import PATIENCE, environment, python

pytestmark = pytest.mark.beyond_cprofile

needs_coverage = pytest.mark.skipif(
    find_spec("coverage") is None, reason="coverage.py is not installed: nobody reads the .coverage file"
)

CART = """\
import threading

def total(n):
    if n > 10:
        return "big"
    x = 0
    for k in range(n):
        x += k
    return x

def never():
    return 1

def turns():
    yield 1
    yield 2
"""
#: What a call of total(3) and all of turns() run.
RAN = {4, 6, 7, 8, 9, 15, 16}

PREAMBLE = """
import json, os, sys, threading, time
from pikos.sampling.coverage import Coverage

def answer(value):
    print(json.dumps(value))

def use(cart):
    assert cart.total(3) == 3 and list(cart.turns()) == [1, 2]

def use_until_seen(cart, coverage, count=7):
    # On 3.11 lines are seen now and then.
    while sum(map(len, coverage.lines().values())) < count:
        for _ in range(100):
            use(cart)
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "cart.py").write_text(CART)
    (tmp_path / "shop" / "unused.py").write_text("def f():\n    return 1\n")
    return tmp_path


def run(code: str, folder: Path) -> Any:
    path = folder / "program.py"
    path.write_text(PREAMBLE + textwrap.dedent(code))
    return json.loads(python([path], cwd=folder).succeeded().out)


def of_coverage(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "coverage", *arguments],
        cwd=folder,
        env=environment(PYTHONWARNINGS="default"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def reported(folder: Path, *arguments: str) -> dict[str, tuple[list[int], list[int]]]:
    """What coverage.py says of its file: the lines that ran and those that didn't, by file."""
    of_coverage(folder, "json", "-o", "out.json", *arguments)
    files = json.loads((folder / "out.json").read_text())["files"]
    return {name: (each["executed_lines"], each["missing_lines"]) for name, each in files.items()}


@needs_coverage
def test_coverage_py_reports_on_the_file(shop: Path) -> None:
    run(
        """
        import shop.cart as cart
        with Coverage(["shop"], every=0.06, window=0.05) as coverage:
            use_until_seen(cart, coverage)
        answer(True)
        """,
        shop,
    )
    assert reported(shop) == {
        "shop/__init__.py": ([], []),
        "shop/cart.py": (sorted(RAN), [1, 3, 5, 11, 12, 14]),
        "shop/unused.py": ([], [1, 2]),
    }
    assert "shop/cart.py" in of_coverage(shop, "report")
    of_coverage(shop, "html")
    assert "cart.py" in (shop / "htmlcov" / "index.html").read_text()
    assert sorted(path.name for path in shop.iterdir() if ".part" in path.name) == []


def test_lines_of_all_threads_and_of_what_is_under_way(shop: Path) -> None:
    seen = run(
        """
        import shop.cart as cart
        end = False

        def work():
            count = 0
            while not end:
                count += 1

        # In two calls: the later line is reached after start().
        threads = [threading.Thread(target=work), threading.Thread(target=lambda: [use(cart) for _ in iter(lambda: end, True)])]
        for each in threads: each.start()
        coverage = Coverage(["shop", "program.py"], every=0.06, window=0.05)
        coverage.start()
        first = work.__code__.co_firstlineno
        def seen():
            lines = coverage.lines()
            return lines.get(os.path.abspath("shop/cart.py"), set()), lines.get(os.path.abspath("program.py"), set())
        while not (len(seen()[0]) == 7 and {first + 2, first + 3} <= seen()[1]):
            pass
        end = True
        for each in threads: each.join()
        coverage.stop()
        answer(sorted(seen()[0]))
        """,
        shop,
    )
    assert set(seen) == RAN


@pytest.mark.skipif(sys.version_info < (3, 12), reason="3.11 traces now and then")
def test_each_line_is_told_once_and_the_first_call_is_enough(shop: Path) -> None:
    seen = run(
        """
        import shop.cart as cart
        calls = []
        coverage = Coverage("shop", data_file="x.lcov")
        method = coverage._method
        on_line = method._on_line
        method._on_line = lambda code, line: calls.append(line) or on_line(code, line)
        with coverage:
            for _ in range(50):
                use(cart)
        lines = coverage.lines()
        # What is begun anew begins from nothing.
        again = Coverage("shop", data_file="again.lcov")
        with again:
            use(cart)
        # A line that is reached from two places is told by each.
        answer([sorted(set(calls)), len(calls) <= 2 * len(set(calls)), [sorted(each) for each in lines.values()], lines == again.lines()])
        """,
        shop,
    )
    assert seen == [sorted(RAN), True, [sorted(RAN)], True]


def test_a_tracer_that_is_there_stays(shop: Path) -> None:
    seen = run(
        """
        import shop.cart as cart
        events = []
        def trace(frame, event, _):
            if frame.f_code.co_name == "total" and event == "line":
                events.append(frame.f_lineno)
            return trace
        coverage = Coverage("shop", data_file="x.lcov", every=0.03, window=0.02)
        sys.settrace(trace)
        coverage.start()
        calls = 0
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            cart.total(1)
            calls += 1
        coverage.stop()
        assert sys.gettrace() is trace
        sys.settrace(None)
        answer([events.count(4) == calls, sorted(set(events)), threading.active_count()])
        """,
        shop,
    )
    assert seen == [True, [4, 6, 7, 8, 9], 1]


def test_threads_that_begin_while_tracing_does_are_traced_and_nothing_is_said(shop: Path) -> None:
    # That standard error stays empty is a part of it.
    seen = run(
        """
        import shop.cart as cart
        with Coverage("shop", data_file="x.lcov", every=0.012, window=0.006) as coverage:
            # Others keep the GIL, so that a thread's first steps take as long as a window does.
            def work():
                while not end:
                    use(cart)
            end = False
            busy = [threading.Thread(target=work) for _ in range(4)]
            for each in busy: each.start()
            for _ in range(15):
                threads = [threading.Thread(target=use, args=(cart,)) for _ in range(5)]
                for each in threads: each.start()
                for each in threads: each.join()
            end = True
            for each in busy: each.join()
            use_until_seen(cart, coverage)
        answer(sys.gettrace() is None)
        """,
        shop,
    )
    assert seen is True


def test_lcov_needs_nothing(shop: Path) -> None:
    (shop / "coverage.py").write_text("raise ModuleNotFoundError('no module named coverage', name='coverage')\n")
    seen = run(
        """
        import shop.cart as cart
        with Coverage("shop", data_file="out.lcov", every=0.06, window=0.05) as coverage:
            use_until_seen(cart, coverage)
        try:
            coverage.save(".coverage")
        except ModuleNotFoundError as error:
            answer([str(error), os.path.exists(".coverage"), sorted(os.listdir("."))])
        """,
        shop,
    )
    assert "Install pikos[coverage], or save to a name that ends in .lcov" in seen[0]
    assert seen[1] is False
    assert not [name for name in seen[2] if name.endswith(".part")]
    records = (shop / "out.lcov").read_text().split("end_of_record\n")
    cart = next(each for each in records if f"SF:{shop}/shop/cart.py\n" in each)
    ran = {int(line[3:].split(",")[0]) for line in cart.splitlines() if line.startswith("DA:") and line.endswith(",1")}
    missed = {
        int(line[3:].split(",")[0]) for line in cart.splitlines() if line.startswith("DA:") and line.endswith(",0")
    }
    assert (ran, missed) == (RAN, {1, 3, 5, 11, 12, 14})
    assert "LF:13\nLH:7\n" in cart
    unused = next(each for each in records if "unused.py" in each)
    assert "LF:2\nLH:0\n" in unused


@needs_coverage
def test_append_adds_to_what_is_there(shop: Path) -> None:
    code = """
        import shop.cart as cart
        with Coverage("shop", append={append}, every=0.06, window=0.05) as coverage:
            while {line} not in coverage.lines().get(os.path.abspath("shop/cart.py"), ()):
                for _ in range(100):
                    {call}
        answer(True)
        """
    run(code.format(append=False, line=5, call="cart.total(11)"), shop)
    run(code.format(append=True, line=12, call="cart.never()"), shop)
    assert reported(shop)["shop/cart.py"][0] == [4, 5, 12]
    run(code.format(append=False, line=12, call="cart.never()"), shop)
    assert reported(shop)["shop/cart.py"][0] == [12]


def test_the_default_is_ones_own_code(shop: Path) -> None:
    seen = run(
        """
        import json, shop.cart as cart, pikos.sampling
        with Coverage(data_file="x.lcov", every=0.06, window=0.05) as coverage:
            use_until_seen(cart, coverage, 12)
            json.dumps({"a": [1, 2]}, indent=1)
            exec("a = 1\\nb = 2")
        answer(sorted(os.path.relpath(each) for each in coverage.lines()))
        """,
        shop,
    )
    assert seen == ["program.py", "shop/cart.py"]


def test_one_at_a_time(shop: Path) -> None:
    said = run(
        """
        first, second = (Coverage("shop", data_file="x.lcov") for _ in range(2))
        first.start()
        first.start()
        try:
            second.start()
        except RuntimeError as error:
            said = str(error)
        second.stop()
        first.stop()
        second.start()
        second.stop()
        second.stop()
        answer(said)
        """,
        shop,
    )
    assert said == "another Coverage is at work in this process: stop it first"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("'no_such_place'", "source 'no_such_place' is no file or folder here, and no module"),
        ("['shop', '']", "source '' is no file or folder"),
        ("[]", "source is empty"),
        ("'shop', every=0", "every must be 0.01 to 86,400, got 0"),
        ("'shop', window=9", "window must be 0.001 to 5, got 9"),
        ("'shop', append=True, data_file='x.info'", "append needs a file of coverage.py"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(shop: Path, arguments: str, sentence: str) -> None:
    said = run(
        f"""
        try:
            Coverage({arguments})
        except ValueError as error:
            answer(str(error))
        """,
        shop,
    )
    assert sentence in said


def test_a_file_that_cannot_be_written_says_so(shop: Path) -> None:
    said = run(
        """
        coverage = Coverage("shop", data_file="nowhere/x.lcov")
        try:
            coverage.save()
        except OSError as error:
            answer(type(error).__name__)
        """,
        shop,
    )
    assert said == "FileNotFoundError"
