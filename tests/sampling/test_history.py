"""The last stacks of what fails or takes long, in a file."""

from __future__ import annotations

import json
import stat
import textwrap
from pathlib import Path
from typing import Any

import pytest
from running import python

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

PREAMBLE = """
import asyncio, json, os, sys, threading, time
from pikos.sampling.history import History

def answer(value):
    print(json.dumps(value))

def text_of(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()

def until(condition):
    while not condition():
        time.sleep(0.001)

def busy_until(condition):
    until(condition)
"""


def run(code: str, folder: Path, said: str = "") -> Any:
    """What the code hands to answer(), in an interpreter of its own."""
    done = python(["-c", PREAMBLE + textwrap.dedent(code)], cwd=folder)
    assert (done.code, done.err) == (0, said)
    return json.loads(done.out)


def test_an_exception_that_leaves_is_written_with_what_came_before(tmp_path: Path) -> None:
    written = run(
        """
        history = History(50, dump_on=ValueError, folder="failures", interval=0.001)

        @history
        def handle(number):
            busy_until(lambda: len(history.stacks()) >= 5)
            raise ValueError(f"no {number}\\x1b[2J")

        try:
            handle(3)
        except ValueError:
            pass
        answer(history.written)
        """,
        tmp_path,
    )
    (path,) = map(Path, written)
    assert path.parent == tmp_path / "failures"
    assert path.name.startswith("pikos-history-") and path.suffix == ".txt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text(encoding="utf-8")
    assert text.startswith("ValueError left handle after ")
    assert "thread MainThread" in text
    assert "Traceback (most recent call last):" in text
    assert "ValueError: no 3\\x1b[2J" in text and "\x1b" not in text
    table = text.partition("Where it was")[2]
    assert "100%" in table and "busy_until" in table
    # The file says how it was called, from the outside to the inside.
    stack = [
        line.rpartition("  ")[2] for line in table.partition("Its stacks")[2].splitlines() if line.startswith("    ")
    ]
    assert stack[:3] == ["<module>", "handle", "busy_until"]
    assert "history.py" not in table


def test_other_exceptions_and_quick_calls_are_not_written(tmp_path: Path) -> None:
    seen = run(
        """
        history = History(dump_on=(ValueError, OSError), longer_than=3600, folder="failures")
        caught = []

        @history
        def handle(kind):
            if kind:
                raise kind
            return 5

        assert handle(None) == 5
        for kind in (KeyError, SystemExit, FileNotFoundError):
            try:
                handle(kind)
            except BaseException as error:
                caught.append(type(error).__name__)
        answer([caught, len(history.written), handle.__name__])
        """,
        tmp_path,
    )
    assert seen == [["KeyError", "SystemExit", "FileNotFoundError"], 1, "handle"]
    assert len(list((tmp_path / "failures").iterdir())) == 1


def test_a_long_call_is_written_while_it_runs_and_again_at_its_end(tmp_path: Path) -> None:
    while_it_ran, files = run(
        """
        history = History(1000, longer_than=0.01, folder="slow", interval=0.001)
        with history:
            busy_until(lambda: history.written and os.path.getsize(history.written[0]))
            until(lambda: "goes on" in text_of(history.written[0]) and "Its stacks" in text_of(history.written[0]))
            text = text_of(history.written[0])
        answer([text, history.written])
        """,
        tmp_path,
    )
    assert while_it_ran.startswith("<module>, line ") and " and goes on\n" in while_it_ran
    assert "busy_until" in while_it_ran
    (path,) = files
    assert "longer than 0.01 s\n" in Path(path).read_text()


def test_the_last_stacks_alone_are_kept_and_each_thread_has_its_own(tmp_path: Path) -> None:
    seen = run(
        """
        history = History(5, dump_on=KeyError, interval=0.001)
        both = threading.Barrier(2)

        @history
        def fails():
            in_one()

        def in_one():
            end = time.perf_counter() + 0.05
            until(lambda: time.perf_counter() > end)
            both.wait()
            raise KeyError

        def in_another():
            with history:
                both.wait()

        def one():
            try:
                fails()
            except KeyError:
                pass

        threads = [threading.Thread(target=one, name="one"), threading.Thread(target=in_another, name="another")]
        for each in threads: each.start()
        for each in threads: each.join()
        stacks = history.stacks()
        answer([len(stacks), sorted({each.thread for each in stacks}), text_of(history.written[0])])
        """,
        tmp_path,
    )
    count, threads, text = seen
    assert count == 5
    assert set(threads) <= {"one", "another"}
    assert "thread one" in text and "in_one" in text and "in_another" not in text


def test_blocks_in_each_other_and_coroutines(tmp_path: Path) -> None:
    seen = run(
        """
        history = History(dump_on=KeyError, folder="f", interval=0.001)

        @history
        async def waits(name, fails):
            before = len(history.stacks())
            while len(history.stacks()) < before + 3:
                await asyncio.sleep(0)
            if fails:
                raise KeyError(name)
            return name

        async def main():
            return await asyncio.gather(waits("a", False), waits("b", True), waits("c", False), return_exceptions=True)

        results = asyncio.run(main())
        with history:
            try:
                with history:
                    raise KeyError("inner")
            except KeyError:
                pass
        answer([[str(each) for each in results], len(history.written), text_of(history.written[0])])
        """,
        tmp_path,
    )
    assert seen[0] == ["a", "'b'", "c"]
    assert seen[1] == 2
    assert seen[2].startswith("KeyError left waits after ")


def test_no_more_files_than_allowed(tmp_path: Path) -> None:
    seen = run(
        """
        history = History(dump_on=KeyError, files=3, folder="f")
        for _ in range(10):
            try:
                with history:
                    raise KeyError
            except KeyError:
                pass
        answer([len(history.written), history.left_out])
        """,
        tmp_path,
    )
    assert seen == [3, 7]
    assert len(list((tmp_path / "f").iterdir())) == 3


def test_a_folder_that_cannot_be_is_said_once_and_the_program_goes_on(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    seen = run(
        """
        history = History(dump_on=KeyError, folder="taken")
        caught = 0
        for _ in range(3):
            try:
                with history:
                    raise KeyError
            except KeyError:
                caught += 1
        answer([caught, history.written])
        """,
        tmp_path,
        f"pikos: a history couldn't be written: [Errno 17] File exists: '{tmp_path}/taken'\n",
    )
    assert seen == [3, []]


def test_a_forked_child_has_a_history_of_its_own(tmp_path: Path) -> None:
    seen = run(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        history = History(dump_on=KeyError, folder="f", interval=0.001)
        with history:
            child = os.fork()
            if child == 0:
                with history:
                    before = len(history.stacks())
                    until(lambda: len(history.stacks()) > before)
                os._exit(0)
            _, status = os.waitpid(child, 0)
        answer(status)
        """,
        tmp_path,
    )
    assert seen == 0


def test_the_interval_may_be_asked_for(tmp_path: Path) -> None:
    seen = run(
        """
        asked = []
        def interval():
            asked.append(1)
            if len(asked) == 2: raise RuntimeError("what it comes to is the program's trouble, not its end")
            return 0.001 if len(asked) < 3 else -5
        history = History(interval=interval)
        with history:
            until(lambda: len(history.stacks()) >= 5)
        answer(len(asked) >= 5)
        """,
        tmp_path,
    )
    assert seen is True


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ("0", "ValueError", "keep must be 1 to 100,000, got 0"),
        ("'5'", "TypeError", "keep must be a number"),
        ("dump_on=ValueError()", "TypeError", "dump_on must be an exception type or a tuple of them"),
        ("dump_on=[ValueError]", "TypeError", "dump_on must be an exception type"),
        ("longer_than=-1", "ValueError", "longer_than must be 0 to"),
        ("interval=0", "ValueError", "interval must be 0.001 to 60"),
        ("files=-1", "ValueError", "files must be 0 to"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(arguments: str, error: str, sentence: str, tmp_path: Path) -> None:
    said = run(
        f"""
        try:
            History({arguments})
        except Exception as error:
            answer([type(error).__name__, str(error)])
        """,
        tmp_path,
    )
    assert said[0] == error and sentence in said[1]


def test_a_generator_is_refused(tmp_path: Path) -> None:
    said = run(
        """
        def g():
            yield
        try:
            History()(g)
        except TypeError as error:
            answer(str(error))
        """,
        tmp_path,
    )
    assert said == "g is a generator: its call ends before it runs. Write `with history:` in it"
