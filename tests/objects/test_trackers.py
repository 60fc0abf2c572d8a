"""pympler's trackers with another import: the same methods, the same tables, right for namedtuples and slots, too."""

from __future__ import annotations

import collections
import io
import re
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pikos.objects import ClassTracker, SummaryTracker
from pikos.objects._class_tracker import ClassStats
from pikos.objects._trackers import padded

pytestmark = pytest.mark.in_process

Point = collections.namedtuple("Point", "x y")


class Line:
    __slots__ = ("line_number", "text")

    def __init__(self, line_number: int, text: str) -> None:
        self.line_number = line_number
        self.text = text


class Plain:
    def __init__(self, value: object) -> None:
        self.value = value


class Special(Plain):
    pass


def test_the_seeds_example(capsys: pytest.CaptureFixture[str]) -> None:
    tracker = SummaryTracker()
    points = [Point(number, number) for number in range(100_000)]
    lines = [Line(number, "some random text" * 100 + str(number)) for number in range(10_000)]
    tracker.print_diff()
    printed = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r" +types \|   # objects \| +total size", printed[0])
    assert re.fullmatch(r"=+ \| =+ \| =+", printed[1])
    assert len(set(map(len, printed))) == 1
    rows = {row[0].strip(): (int(row[1]), row[2].strip()) for row in (line.split("|") for line in printed[2:])}
    assert rows[f"{__name__}.Point"] == (len(points), padded(len(points) * sys.getsizeof(points[0])))
    assert rows[f"{__name__}.Line"] == (len(lines), padded(len(lines) * sys.getsizeof(lines[0])))
    assert len(lines) <= rows["str"][0] < len(lines) * 1.1
    assert len(printed) <= 17


def test_diffs() -> None:
    tracker = SummaryTracker()
    first = tracker.create_summary()
    made = [Plain(0) for _ in range(10)]
    second = tracker.create_summary()
    name = f"{__name__}.Plain"
    assert {row[0]: row[1] for row in tracker.diff(first, second)}[name] == 10
    assert {row[0]: row[1] for row in tracker.diff(second, first)}[name] == -10
    assert {row[0]: row[1] for row in tracker.diff(first)}[name] == 10
    assert {row[0]: row[1] for row in tracker.diff()}[name] == 10
    # The last look was that.
    assert name not in {row[0] for row in tracker.diff()}
    made.clear()
    assert {row[0]: row[1] for row in tracker.diff()}[name] == -10
    tracker.store_summary("now")
    assert tracker.summaries["now"]
    with pytest.raises(ValueError, match="summary2 without summary1"):
        tracker.diff(summary2=second)
    assert next(iter(tracker.format_diff(first, second))).split() == [
        "types",
        "|",
        "#",
        "objects",
        "|",
        "total",
        "size",
    ]


def summary_of(tracker: ClassTracker) -> list[str]:
    stream = io.StringIO()
    ClassStats(tracker, stream).print_summary()
    return stream.getvalue().splitlines()


def test_a_class_tracker() -> None:
    tracker = ClassTracker()
    for kind in (Point, Line, Plain):
        tracker.track_class(kind)
    tracker.create_snapshot()
    points = [Point(number, number) for number in range(1000)]
    lines = [Line(number, "x" * 1000 + str(number)) for number in range(100)]
    snapshot = tracker.create_snapshot("after")
    figures = snapshot.classes
    assert figures[f"{__name__}.Point"].active == len(points)
    assert figures[f"{__name__}.Line"].active == len(lines)
    assert figures[f"{__name__}.Line"].size > 100 * 1000 > figures[f"{__name__}.Line"].own
    printed = summary_of(tracker)
    assert printed[0].startswith("---- SUMMARY ---") and printed[-1] == "-" * 79
    assert printed[1].split() == ["active", "0", "B", "average", "pct"]
    assert printed[5].split()[:2] == ["after", "active"]
    assert printed[6].split()[:2] == [f"{__name__}.Line", "100"]
    assert all(len(line) == 79 for line in printed)


def test_what_is_shared_counts_once() -> None:
    shared = "x" * 100_000
    tracker = ClassTracker()
    tracker.track_class(Plain)
    made = [Plain(shared) for _ in range(10)]
    assert 100_000 < tracker.create_snapshot().classes[f"{__name__}.Plain"].size < 200_000
    del made


def test_one_tracked_object_is_no_part_of_another() -> None:
    tracker = ClassTracker()
    tracker.track_class(Plain)
    tracker.track_class(Line)
    inner = Line(1, "x" * 100_000)
    outer = Plain(inner)
    classes = tracker.create_snapshot().classes
    assert classes[f"{__name__}.Plain"].size < 1000
    assert classes[f"{__name__}.Line"].size > 100_000
    del outer


def test_classes_made_from_a_tracked_one_count() -> None:
    tracker = ClassTracker()
    tracker.track_class(Plain, "plain")
    made = [Plain(1), Special(2)]
    assert tracker.create_snapshot().classes["plain"].active == 2
    tracker.track_class(Special, "special")
    assert {name: each.active for name, each in tracker.create_snapshot().classes.items()} == {"plain": 1, "special": 1}
    del made


def test_objects_are_tracked_as_long_as_they_live() -> None:
    tracker = ClassTracker()
    plain = Plain("x" * 1000)
    tracker.track_object(plain, "it")
    tracker.track_change(plain)
    assert tracker.create_snapshot().classes["it"].size > 1000
    del plain
    assert "it" not in tracker.create_snapshot().classes
    with pytest.raises(TypeError, match="can't be referred to weakly: track its class, or give keep=True"):
        tracker.track_object(Point(1, 2))
    tracker.track_object(Point(1, 2), "kept", keep=True)
    assert tracker.create_snapshot().classes["kept"].active == 1


def test_detaching() -> None:
    tracker = ClassTracker()
    tracker.track_class(Plain)
    tracker.detach_class(Plain)
    with pytest.raises(KeyError):
        tracker.detach_class(Plain)
    tracker.track_class(Line)
    tracker.detach_all_classes()
    tracker.track_class(Line)
    tracker.detach_all()
    assert tracker.create_snapshot().classes == {}
    tracker.clear()
    assert tracker.snapshots == []
    with pytest.raises(TypeError, match="takes a class, got Plain"):
        tracker.track_class(Plain(1))  # type: ignore[arg-type]


def test_periodic_snapshots() -> None:
    tracker = ClassTracker()
    tracker.track_class(Plain)
    tracker.start_periodic_snapshots(0.01)
    while len(tracker.snapshots) < 3:
        time.sleep(0.01)
    tracker.close()
    count = len(tracker.snapshots)
    time.sleep(0.05)
    assert len(tracker.snapshots) == count
    with pytest.raises(ValueError, match="more than 0 seconds"):
        tracker.start_periodic_snapshots(0)


def test_statistics_in_a_file(tmp_path: Path) -> None:
    tracker = ClassTracker()
    tracker.track_class(Plain)
    made = [Plain(number) for number in range(10)]
    tracker.create_snapshot("one")
    path = tmp_path / "stats"
    tracker.stats.dump_stats(path)
    loaded = ClassStats()
    loaded.load_stats(path)
    assert loaded.snapshots == tracker.snapshots
    with open(path) as stream:
        loaded.load_stats(stream)
    path.write_text("[]")
    with pytest.raises(ValueError, match="no file of ClassStats"):
        loaded.load_stats(path)
    path.write_text('{"format": "pikos.objects.ClassStats", "snapshots": [{"description": 1}]}')
    with pytest.raises(ValueError, match="no file of ClassStats"):
        loaded.load_stats(path)
    del made


def test_the_order_of_tables(capsys: pytest.CaptureFixture[str]) -> None:
    tracker = ClassTracker()
    tracker.track_class(Plain, "a")
    tracker.track_class(Line, "b")
    made: list[Any] = [Plain(1), Line(1, "x" * 1000), Line(2, "y" * 1000)]
    tracker.create_snapshot()
    assert tracker.stats.tracked_classes == ["a", "b"]
    assert tracker.stats.sort_stats("size").tracked_classes == ["b", "a"]
    assert tracker.stats.sort_stats("size").reverse_order().tracked_classes == ["a", "b"]
    with pytest.raises(ValueError, match="there is no key 'colour': active"):
        tracker.stats.sort_stats("colour")
    tracker.stats.print_stats("b")
    assert capsys.readouterr().out.splitlines()[0] == "b"
    tracker.stats.sort_stats("size").print_stats(limit=0.5)
    assert [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")] == ["b"]
    del made
