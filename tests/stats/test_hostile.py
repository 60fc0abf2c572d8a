"""Files made to run code or to exhaust memory: every reader refuses them, and says what they are."""

from __future__ import annotations

import marshal
import pickle
import re
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pikos.stats
import pytest
from running import evaluate, python

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

READERS = ("pstats", "callgrind", "collapsed", "speedscope")


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.path), "w")


def with_code(canary: Path) -> list[bytes]:
    """Files that make another file once they are loaded the careless way (and run, for marshal)."""
    code = compile(f"open({str(canary)!r}, 'w')", "a.py", "exec")
    pickles = [pickle.dumps(Touch(canary), protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    row = (1, 1, 0.5, 0.5)
    return [
        *pickles,
        marshal.dumps(code),
        marshal.dumps({("a.py", 1, "f"): code}),
        marshal.dumps({("a.py", 1, "f"): (*row, {("a.py", 1, code): row})}),
        marshal.dumps({code: (*row, {})}),
    ]


def test_the_careless_way_would_run_it(tmp_path: Path) -> None:
    pickle.loads(with_code(tmp_path / "canary")[0]).close()
    assert (tmp_path / "canary").exists()


@pytest.mark.parametrize("reader", [*READERS, "guessed"])
def test_code_is_refused_and_not_run(reader: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for number, content in enumerate(with_code(canary)):
        path = tmp_path / f"{number}.{'pstats' if reader == 'guessed' else reader}"
        path.write_bytes(content)
        options = [] if reader == "guessed" else ["--from", reader]
        run = python(["-m", "pikos", "stats", path, *options])
        assert (run.code, run.out) == (1, ""), (reader, number)
        assert re.match(rf"pikos: \S*{path.name}: .*(byte|line|column) \d", run.err), run.err
        with pytest.raises(ValueError, match=rf"{path.name}: .*(byte|line|column) \d"):
            pikos.stats.load(path)
    assert not canary.exists()


def references_to_one_dict() -> bytes:
    """3 MB that would become 100 million callers."""
    row = b")\x05i\x01\0\0\0i\x01\0\0\0g" + bytes(8) + b"g" + bytes(8)

    def label(number: int) -> bytes:
        return b")\x03z\x01fi" + struct.pack("<i", number) + b"z\x01n"

    callers = b"".join(label(number) + b"i\x01\0\0\0" for number in range(1000))
    others = b"".join(label(number) + row + b"r\0\0\0\0" for number in range(1, 100_000))
    return b"{" + label(0) + row + b"\xfb" + callers + b"0" + others + b"0"


#: File, what makes its content, and what the error says.
BOMBS: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "one dict of callers again and again": ("a.pstats", references_to_one_dict, "exhaust memory"),
    "a tuple of 2^31 items": ("a.pstats", lambda: b"{(\xff\xff\xff\x7f", "2147483647 items"),
    "a string of 2 GB": ("a.pstats", lambda: b"{)\x03u\xff\xff\xff\x7fabc", "truncated"),
    "an int of 2^31 digits": ("a.pstats", lambda: b"{)\x03z\x01fl\xff\xff\xff\x7f", "more than 64 bits"),
    "dicts in dicts": ("a.pstats", lambda: b"{" * 5_000_000, "expected a label (file, line, name), found a dict"),
    "lists in lists": ("a.speedscope.json", lambda: b"[" * 5_000_000, "line 1, column"),
    "objects in objects": ("a.speedscope.json", lambda: b'{"shared":' * 500_000, "line 1, column"),
    "samples without weights": (
        "a.speedscope.json",
        lambda: (
            b'{"shared":{"frames":[]},"profiles":[{"type":"sampled","unit":"none","weights":[],"samples":['
            + b",".join([b"[]"] * 1_000_000)
            + b"]}]}"
        ),
        "weights for 1000000",
    ),
    "names without end": (
        "a.callgrind",
        lambda: b"events: ns\n" + b"".join(b"fn=(%d)a\n" % number for number in range(300_000)) + b"calls=1 1\n",
        "line 300002",
    ),
    "functions without end": (
        "a.callgrind",
        lambda: b"events: ns\n" + b"".join(b"fn=%x\n1 1\n" % number for number in range(300_000)) + b"x\n",
        "line 600002",
    ),
    "a stack of half a million frames": (
        "a.collapsed",
        lambda: b";".join(b"%x" % number for number in range(500_000)) + b" 1\nx\n",
        "line 2",
    ),
}


@pytest.mark.skipif(sys.platform == "win32", reason="it has no getrusage")
@pytest.mark.parametrize("name", BOMBS)
def test_memory_is_not_exhausted(name: str, tmp_path: Path) -> None:
    file, make, words = BOMBS[name]
    content = make()
    path = tmp_path / file
    path.write_bytes(content)
    message, kilobytes = evaluate(
        f"""
        import pikos.stats, resource
        def greatest():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "darwin" else 1)
        before = greatest()
        try:
            pikos.stats.load({str(path)!r})
        except ValueError as error:
            answer([str(error), greatest() - before])
        """
    )
    assert words in message
    # Where each byte may stand for a name, what it takes to remember it.
    assert kilobytes * 1024 < 40 * len(content) + (4 << 20)
