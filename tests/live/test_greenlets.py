"""What a subscriber sees of greenlets: also of those that are switched away."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from watching import PATIENCE, Subscriber, endpoint, same_as_file, started

pytestmark = [
    pytest.mark.any_release,
    pytest.mark.beyond_cprofile,
    pytest.mark.skipif(
        importlib.util.find_spec("greenlet") is None,
        reason="NOT TESTED: greenlet is not installed for this Python (no wheel?)",
    ),
]

# Five greenlets wait in `job`, twice deep; the main one works until a line comes on standard input.
PROGRAM = """\
import greenlet, select, sys, time

def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass

def job(depth=1):
    if depth: return job(depth - 1)
    busy(0.01)
    greenlet.getcurrent().parent.switch()
    busy(0.01)

def outer():
    job()

def main():
    greenlets = [greenlet.greenlet(outer) for _ in range(5)]
    for one in greenlets: one.switch()
    while not select.select([sys.stdin], [], [], 0.001)[0]: busy(0.001)
    for one in greenlets: one.switch()

main()
"""


@pytest.mark.parametrize("options", [[], ["--tree"], ["--compensate", "--threads"], ["--fast"]])
def test_calls_of_greenlets_that_wait_are_shown_with_the_time_that_they_had(options: list[str], tmp_path: Path) -> None:
    script, out = tmp_path / "program.py", tmp_path / "out.pstats"
    script.write_text(PROGRAM)
    arguments = ["-m", "pikos.cprofile", "--live", "--interval", "0.05", *options, "-o", out, script]
    with started(tmp_path, arguments) as process, Subscriber(endpoint(tmp_path, process.pid)) as subscriber:
        first, known = [0] * 8, False
        # Until the last one has switched, too.
        while not (known and first[4] == 10 and first == subscriber.row("job")):
            first = subscriber.row("job") if known else first
            subscriber.receive()
            known = any(name[2] == "job" for name in subscriber.names.values())
        ncalls, primitive, tottime, cumtime, opened, _, open_cumtime, _ = first
        # As the page says: all but one of the five that are no recursion.
        assert (ncalls, primitive, tottime, cumtime, opened) == (0, 4, 0, 0, 10)
        tick = subscriber.messages[-1]["tick"]
        if "--compensate" not in options:
            # The publisher's thread has some of the process's time, on another core.
            assert open_cumtime * tick >= 0.8 * 5 * 0.01
        before = subscriber.row("main")
        for _ in range(5):
            subscriber.receive()
        assert subscriber.row("job") == first, "they stand still"
        assert subscriber.row("main")[6] > before[6]
        if "--tree" in options:
            stacks = subscriber.stacks()
            assert stacks["outer", "job"][2] == stacks["outer", "job", "job"][2] == 5
            assert stacks["outer", "job"][4] == open_cumtime
        process.stdin.write("\n")  # type: ignore[union-attr]
        process.stdin.flush()  # type: ignore[union-attr]
        subscriber.to_the_end()
        said = process.communicate(timeout=PATIENCE)[1]
        assert "name it .pikos to keep them" in said if "--tree" in options else said == ""
        same_as_file(subscriber, out)
        assert subscriber.row("job")[:2] == [10, 5]
        assert subscriber.row("outer")[:2] == [5, 5]
