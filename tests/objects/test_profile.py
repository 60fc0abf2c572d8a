"""A profile that counts objects as well."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
from running import PATIENCE, python
from watching import sockets, started

needs_tracer = pytest.mark.skipif(sys.version_info < (3, 13), reason="all types: from Python 3.13 on")

PROGRAM = """
    from pikos.cprofile import Profile

    class Model:
        def __init__(self):
            self.rows = [1]

    def work():
        return [Model() for _ in range(1000)]

    def row(profile):
        return next(row for row in profile.objects.rows() if row.type == "Model")
"""


def printed(body: str) -> list[str]:
    script = textwrap.dedent(PROGRAM) + textwrap.dedent(body)
    return python(["-c", script]).succeeded().out.splitlines()


@pytest.mark.parametrize("types", ["['Model']", "[Model]", pytest.param("True", marks=needs_tracer)])
def test_objects_are_counted_while_calls_are(types: str) -> None:
    created, alive, places, calls, ours = printed(f"""
        with Profile(objects={types}) as profile:
            kept = work()
            del kept[500:]
        print(row(profile).created)
        print(row(profile).alive)
        print({{(place.line, place.created) for place in profile.objects.places() if place.type == "Model"}})
        profile.create_stats()
        print(next(stats[1] for (_, _, name), stats in profile.stats.items() if name == "__init__"))
        print([name for file, _, name in profile.stats if "_objects" in file or "Counting" in name])
    """)
    assert (created, alive, calls, ours) == ("1000", "500", "1000", "[]")
    assert places == "{(9, 1000)}"


def test_each_enable_begins_anew_and_the_end_is_the_profiles() -> None:
    lines = printed("""
        profile = Profile(objects=[Model], exclude="nothing")
        profile.enable()
        try:
            profile.enable()
        except ValueError:
            pass  # from Python 3.12 on
        first = work()
        profile.disable()
        profile.disable()
        more = work()
        print(row(profile).created, len(first))
        profile.runcall(work)
        print(row(profile).created)
        print(type(profile).__name__, isinstance(profile, Profile), Profile().objects)
    """)
    assert lines == ["1000 1000", "1000", "Profile True None"]


def test_what_is_no_type_is_refused() -> None:
    (line,) = printed("""
        try:
            Profile(objects=[7])
        except TypeError as error:
            print(error)
    """)
    assert "a type is named by a string or is a class" in line


@needs_tracer
def test_where_another_tool_is_told_that_is_said() -> None:
    (line,) = printed("""
        import tracemalloc

        profile = Profile(objects=True)
        tracemalloc.start()
        try:
            profile.enable()
        except RuntimeError as error:
            print("tracemalloc" in str(error), profile.getstats())
    """)
    assert line == "True []"


def test_a_live_profile_sends_its_objects(tmp_path: Path) -> None:
    import msgpack
    import zmq

    (tmp_path / "counted.py").write_text(
        textwrap.dedent(PROGRAM)
        + textwrap.dedent("""
            with Profile(objects=["Model"], live=True):
                kept = work()
                print("made", flush=True)
                input()
        """)
    )
    with started(tmp_path, ["counted.py"]) as process:
        assert process.stdout is not None and process.stdout.readline() == "made\n"
        (socket,) = sockets(tmp_path).glob(f"{process.pid}-*.rec")
        subscriber = zmq.Context.instance().socket(zmq.SUB)
        subscriber.connect(f"ipc://{socket}")
        subscriber.subscribe(b"")
        assert subscriber.poll(int(PATIENCE * 1000)), "nobody sends"
        message = msgpack.unpackb(subscriber.recv())
        subscriber.close(0)
        types = message["types"]
        assert [message["texts"][name] for name in types["name"]] == ["Model"]
        assert types["created"] == [1000]
