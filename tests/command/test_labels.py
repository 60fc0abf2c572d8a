"""Names of built-ins: the same in every process, so that two equal runs differ in nothing, whoever recorded them."""

from __future__ import annotations

import collections
import json
import marshal
import pstats
import re
from pathlib import Path
from typing import Any

import pytest
from running import CONTROL, evaluate, pikos, python

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

Table = dict[tuple[str, int, str], tuple[Any, ...]]

#: Makes names with addresses in them, of all sorts; `python program.py PROFILER FILE`.
PROGRAM = '''
import collections, ctypes, enum, functools, importlib, io, itertools, operator, random, re, socket, sys, threading, types

Profile = importlib.import_module(sys.argv[1]).Profile
space = [object() for _ in range(int(sys.argv[3]))]  # so that heaps differ, too, where the system gives all processes the same

class Shown:
    def __repr__(self):
        return object.__repr__(self)
    def method(self):
        return 1

class Count(int):
    def __new__(cls, value):
        return int.__new__(cls, value)

class Copied(dict):
    def copy(self):
        return super().copy()
    get = lambda self, key: super(Copied, self).get(key)
    pop = property(lambda self: super().pop)
    keys = functools.partial(print, Shown())
    values = Shown()
    items = staticmethod(Shown().method)
    update = classmethod(lambda cls: None)
    clear = Shown().method
    setdefault = type("setdefault", (), {})

class Stream(io.StringIO):
    def write(self, text):
        return super().write(text)
    def close(self):
        super().close()

class Queue(collections.deque):
    append = lambda self, item: collections.deque.append(self, item)

class Meta(type):
    def __new__(meta, *rest):
        return super().__new__(meta, *rest)
    def mro(cls):
        return super().mro()

def generated(owner):
    """Code that is named after an object, in a file that is."""
    space = {}
    exec(compile("def made():\\n    return 1\\n", f"<made for {owner!r}>", "exec"), space)
    made = space["made"]
    made.__code__ = made.__code__.replace(co_name=f"<wrapper of {owner!r}>", co_qualname=f"<wrapper of {owner!r}>")
    return made

def work():
    Point = collections.namedtuple("Point", "x y")
    Point(1, 2), Point._make([1, 2]), tuple.__new__(Point, (1, 2)), object.__new__(Shown)
    enum.Enum("Colour", "red green"), enum.IntFlag("Bits", "a b")(3)
    Count(3), float.__new__(float, 1), str.__new__(str, "a"), Meta("Made", (), {})
    socket.socket().close()
    with socket.socket():
        pass
    functools.partial(int, "3")(), functools.lru_cache(None)(abs)(-1), functools.reduce(operator.add, [1, 2])
    operator.itemgetter(0)([1]), operator.methodcaller("upper")("a"), operator.attrgetter("real")(1)
    ctypes.CDLL(None).getpid(), ctypes.CFUNCTYPE(ctypes.c_int)(lambda: 3)(), ctypes.c_int.from_buffer(bytearray(8))
    shown = Shown()
    shown.method(), shown.__repr__(), generated(shown)()
    copied = Copied()
    copied.copy(), copied.get(1), dict.pop(copied, 1, None), dict.keys(copied), dict.values(copied), dict.items(copied)
    dict.update(copied), dict.clear(copied), dict.setdefault(copied, 1), Copied.fromkeys("a")
    with Stream() as stream:
        stream.write("a")
    Queue().append(1)
    random.Random(1).random(), random.Random().seed(2)
    lock = threading.RLock()
    with lock:
        pass
    re.sub("a", lambda found: "b", "aa"), sorted([2, 1], key=lambda number: number)
    list(itertools.chain.from_iterable([[1]])), types.SimpleNamespace(a=1), list(map(shown.method.__func__, [shown]))

work()  # so that caches are full
profile = Profile()
profile.enable()
work()
profile.disable()
profile.dump_stats(sys.argv[2])
'''


def counts(path: Path) -> list[tuple[str, int, str, int]]:
    """file, line, name, calls"""
    return [(*label, row[1]) for label, row in pstats.Stats(str(path)).stats.items()]  # type: ignore[attr-defined]


def labels(path: Path) -> set[str]:
    return {name for file, _, name, _ in counts(path) if file == "~"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Two equal runs under each profiler."""
    folder = tmp_path_factory.mktemp("labels")
    program = folder / "program.py"
    program.write_text(PROGRAM)
    made: dict[str, list[Path]] = {}
    for profiler in ("pikos.cprofile", CONTROL):
        for number in (1, 2):
            path = folder / f"{profiler}-{number}.pstats"
            python([program, profiler, path, str(number * 10_000)]).succeeded()
            made.setdefault(profiler, []).append(path)
    return made


@pytest.mark.parametrize("profiler", ["pikos.cprofile", CONTROL])
def test_equal_runs_differ_in_nothing(recorded: dict[str, list[Path]], profiler: str) -> None:
    runs = recorded[profiler]
    for pair in (runs, runs[::-1]):
        # Times vary on a busy machine; a function that one of them hasn't, or another count, is no noise.
        run = pikos("diff", *pair, "--noise", "1000s", "--fail-above", "1000s", "--json").succeeded()
        found = json.loads(run.out)
        assert (found["changes"], found["unchanged"] > 50) == ([], True)


@pytest.mark.parametrize("profiler", ["pikos.cprofile", CONTROL])
def test_a_sum_has_each_function_once(recorded: dict[str, list[Path]], profiler: str, tmp_path: Path) -> None:
    path = tmp_path / "sum.pstats"
    pikos("merge", *recorded[profiler], "-o", path).succeeded()
    expected: collections.Counter[tuple[str, int, str]] = collections.Counter()
    for file, line, name, count in counts(recorded[profiler][0]):
        expected[re.sub(" at 0x[0-9a-f]+", "", file), line, re.sub(" at 0x[0-9a-f]+", "", name)] += 2 * count
    assert {(file, line, name): count for file, line, name, count in counts(path)} == expected


def test_our_files_have_no_addresses_and_otherwise_cprofiles_names(recorded: dict[str, list[Path]]) -> None:
    ours, theirs = labels(recorded["pikos.cprofile"][0]), labels(recorded[CONTROL][0])
    assert [name for name in ours if "0x" in name] == []
    assert {
        "<built-in method __new__ of type object>",
        "<function socket.close>",
        "<function Copied.copy>",
        "<function Stream.write>",
        "<function Random.seed>",
    } <= ours
    assert any(" at 0x" in name for name in theirs)


def test_files_of_others_are_read_as_they_are(recorded: dict[str, list[Path]], tmp_path: Path) -> None:
    theirs = recorded[CONTROL][0]
    expected = labels(theirs)
    copy = tmp_path / "copy.pstats"
    pikos("export", theirs, "-o", copy).succeeded()
    assert labels(copy) == expected
    assert "__new__ of type object at 0x" in pikos("stats", theirs, "-n", "1000").succeeded().out


def test_our_run_is_compared_with_cprofiles(recorded: dict[str, list[Path]]) -> None:
    run = pikos("diff", recorded[CONTROL][0], recorded["pikos.cprofile"][0], "--noise", "1000s", "--json").succeeded()
    changes = json.loads(run.out)["changes"]
    # Where cProfile's name is what an object of the program's says of itself, ours is the method's.
    ours = {change["name"] for change in changes if change.get("status") == "new"}
    theirs = {change["name"] for change in changes if change.get("status") == "gone"}
    assert {"<method 'clear' of 'dict' objects>", "<method 'values' of 'dict' objects>"} <= ours
    assert all(re.fullmatch(r"<method '\w+' of 'dict' objects>", name) for name in ours), ours
    assert len(theirs) == len(ours)
    assert {"<__main__.Shown object>", "<bound method Shown.method of <__main__.Shown object>>"} <= theirs
    assert not any(name.startswith(("<function", "<method", "<built-in")) for name in theirs)


@pytest.mark.parametrize("ending", ["callgrind", "speedscope.json", "folded"])
def test_names_with_addresses_match_in_other_formats(tmp_path: Path, ending: str) -> None:
    paths = []
    for number in (1, 2):
        table: Table = {
            ("a.py", 1, "main"): (1, 1, 0.5, 1.0, {}),
            ("~", 0, f"<built-in method __new__ of type object at 0x7f0a{number}c5ea00>"): (
                *(2, 2, 0.5, 0.5),
                {("a.py", 1, "main"): (2, 2, 0.5, 0.5)},
            ),
        }
        file, path = tmp_path / f"{number}.pstats", tmp_path / f"{number}.{ending}"
        file.write_bytes(marshal.dumps(table))
        run = pikos("export", file, "-o", path)
        assert run.code == 0, run.err
        paths.append(path)
    found = json.loads(pikos("diff", *paths, "--fail-above", "0%", "--json").succeeded().out)
    assert (found["changes"], found["unchanged"]) == ([], 2)


def test_two_functions_that_differ_in_more_stay_two(tmp_path: Path) -> None:
    def save(name: str, *functions: str) -> Path:
        path = tmp_path / name
        path.write_bytes(marshal.dumps({("~", 0, function): (1, 1, 0.5, 0.5, {}) for function in functions}))
        return path

    before = save("1", "<function A.f at 0x7f01>", "<function B.f at 0x7f02>", "libc.so 0x1234")
    after = save("2", "<function A.f at 0x7f02>", "<function C.f at 0x7f01>", "libc.so 0x5678")
    changes = json.loads(pikos("diff", before, after, "--json").succeeded().out)["changes"]
    assert sorted((change["status"], change["name"]) for change in changes) == [
        ("gone", "<function B.f>"),
        ("gone", "libc.so 0x1234"),
        ("new", "<function C.f>"),
        ("new", "libc.so 0x5678"),
    ]
    # Functions of one file that differ in their addresses only are one in a sum.
    local = save("3", "<function f.<locals>.g at 0x7f01>", "<function f.<locals>.g at 0x7f02>")
    pikos("merge", local, local, "-o", tmp_path / "sum").succeeded()
    assert counts(tmp_path / "sum") == [("~", 0, "<function f.<locals>.g>", 4)]


def test_a_name_is_the_same_everywhere() -> None:
    found = evaluate(
        """
        import contextlib, io, pstats, socket
        import pikos, pikos.stats
        profile = Profile()
        with profile:
            tuple.__new__(tuple, (1,))
            socket.socket().close()
        profile.create_stats()
        table = io.StringIO()
        pstats.Stats(profile, stream=table).print_stats()
        profile.create_stats()
        raw = [entry.code for entry in profile.getstats() if isinstance(entry.code, str)]
        stored = pikos.stats.of(profile)
        answer([table.getvalue(), raw, [row.name for row in stored], [name for _, _, name in profile.stats],
                *[stored.dumps(format).decode() for format in ("json", "callgrind", "csv", "speedscope")]])
        """
    )
    for text in map(str, found):
        assert "__new__ of type object" in text and "function socket.close" in text
        assert "0x7" not in text and "at 0x" not in text


def test_no_repr_of_the_program_is_called() -> None:
    names, called = evaluate(
        """
        called = []
        class Loud:
            def __repr__(self):
                called.append(1)
                return "loud"
        class Metaclass(type):
            __repr__ = Loud.__repr__
        class List(list):
            append = Loud()
            extend = Metaclass("extend", (), {})
            @property
            def sort(self): called.append(2)
            reverse = staticmethod(Loud())
        ours = List()
        profile = Profile()
        with profile:
            list.append(ours, 1)
            list.extend(ours, [1])
            list.sort(ours)
            list.reverse(ours)
        answer([[entry.code for entry in profile.getstats() if isinstance(entry.code, str)], called])
        """
    )
    assert called == []
    assert {f"<method '{name}' of 'list' objects>" for name in ("append", "extend", "sort", "reverse")} <= set(names)
