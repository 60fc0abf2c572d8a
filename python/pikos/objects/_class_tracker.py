"""``ClassTracker``: how many objects of some classes there are, and what they own, over time; with the methods of pympler's.

A class is counted, not wrapped: nothing is put into its constructor, no weak references are taken. So namedtuples and classes with
``__slots__`` can be tracked like any other, and objects made before they were tracked count, too.
"""

from __future__ import annotations

import sys
import threading
import time
import weakref
from dataclasses import asdict, dataclass, field

from pikos._lsprof import _memory, _owned
from pikos.objects._names import label_of
from pikos.objects._trackers import padded

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import IO, Any, Self

__all__ = ["ClassSnapshot", "ClassStats", "ClassTracker"]

#: What a table is sorted by, with pympler's words for it.
KEYS = {"classname": "name", "name": "name", "size": "size", "tsize": "size", "active": "active", "count": "active"}

#: The first word of a file of statistics.
FORMAT = "pikos.objects.ClassStats"


@dataclass
class Figures:
    """Of one class at a moment: how many objects, their own bytes, and those with what they refer to (code aside, and what several refer
    to counted once)."""

    active: int
    own: int
    size: int


@dataclass
class ClassSnapshot:
    """All tracked classes at a moment."""

    description: str
    #: Seconds since the tracker was made.
    timestamp: float
    #: The memory of the process, in bytes; 0 if unknown.
    memory: int
    #: By the class' name.
    classes: dict[str, Figures] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(figures.size for figures in self.classes.values())


class ClassTracker:
    """Counts the objects of classes.

    from pikos.objects import ClassTracker

    tracker = ClassTracker()
    tracker.track_class(Point)
    tracker.create_snapshot("before")
    work()
    tracker.create_snapshot("after")
    tracker.stats.print_summary()

    stream: where tables are printed; standard output without one.
    """

    def __init__(self, stream: IO[str] | None = None) -> None:
        self.stream = stream
        self.snapshots: list[ClassSnapshot] = []
        self._begun = time.monotonic()
        self._classes: dict[type, str] = {}
        self._objects: dict[int, tuple[str, Any]] = {}
        self._lock = threading.RLock()
        self._periodic: tuple[threading.Thread, threading.Event] | None = None

    def track_class(
        self, cls: type, name: str | None = None, resolution_level: int = 0, keep: bool = False, trace: bool = False
    ) -> None:
        """Count the objects of a class, and of those made from it that are not tracked themselves. name: what tables call it. The other
        arguments are taken for pympler's sake. Raises TypeError for what is no class."""
        if not isinstance(cls, type):
            raise TypeError(f"track_class() takes a class, got {type(cls).__name__}: track_object() takes an object")
        with self._lock:
            self._classes[cls] = label_of(cls) if name is None else name

    def track_object(
        self,
        instance: Any,
        name: str | None = None,
        resolution_level: int = 0,
        keep: bool = False,
        trace: bool = False,
    ) -> None:
        """Measure one object as long as it lives. keep: it lives as long as it is tracked. Raises TypeError for an object that can't be
        referred to weakly, without keep."""
        reference: Any = _Strong(instance)
        if not keep:
            try:
                reference = weakref.ref(instance)
            except TypeError:
                raise TypeError(
                    f"a {type(instance).__name__} can't be referred to weakly: track its class, or give keep=True"
                ) from None
        with self._lock:
            self._objects[id(instance)] = (name or label_of(type(instance)), reference)

    def track_change(self, instance: Any, resolution_level: int = 0) -> None:
        """Measure one object from now on, if it isn't measured yet."""
        if id(instance) not in self._objects:
            self.track_object(instance, resolution_level=resolution_level)

    def detach_class(self, cls: type) -> None:
        """Count a class no more. Raises KeyError if it isn't tracked."""
        with self._lock:
            del self._classes[cls]

    def detach_all_classes(self) -> None:
        """Count no class any more."""
        with self._lock:
            self._classes.clear()

    def detach_all(self) -> None:
        """Count no class any more, and measure no object."""
        with self._lock:
            self._classes.clear()
            self._objects.clear()

    def clear(self) -> None:
        """Forget everything: what is tracked, and all snapshots."""
        self.detach_all()
        self.snapshots.clear()

    def close(self) -> None:
        """Take no more snapshots by itself, and track nothing any more. The snapshots stay."""
        self.stop_periodic_snapshots()
        self.detach_all()

    def create_snapshot(
        self, description: str = "", timestamp: float | None = None, compute_total: bool = True
    ) -> ClassSnapshot:
        """Count now. timestamp: seconds, in place of those since the tracker was made. The program stands still meanwhile."""
        with self._lock:
            classes = dict(self._classes)
            found = ((name, reference()) for name, reference in self._objects.values())
            objects = [(name, instance) for name, instance in found if instance is not None]
            now = time.monotonic() - self._begun if timestamp is None else timestamp
            snapshot = ClassSnapshot(description, now, _memory()[0])
            kinds = [(name, kind) for cls, name in classes.items() for kind in family(cls, classes)]
            of_kinds, of_objects = _owned([kind for _, kind in kinds], [instance for _, instance in objects])
            names = [name for name, _ in kinds] + [name for name, _ in objects]
            for name in classes.values():
                snapshot.classes.setdefault(name, Figures(0, 0, 0))
            for name, (count, own, size) in zip(names, [*of_kinds, *of_objects], strict=True):
                figures = snapshot.classes.setdefault(name, Figures(0, 0, 0))
                figures.active += count
                figures.own += own
                figures.size += size
            self.snapshots.append(snapshot)
            return snapshot

    def start_periodic_snapshots(self, interval: float = 1.0) -> None:
        """Take a snapshot every so many seconds, in a thread of its own. Where that runs already, only the interval changes."""
        if not interval > 0:
            raise ValueError(f"the interval must be more than 0 seconds, got {interval}")
        self.stop_periodic_snapshots()
        over = threading.Event()

        def repeat() -> None:
            while not over.wait(interval):
                self.create_snapshot()

        thread = threading.Thread(target=repeat, name="pikos-objects", daemon=True)
        self._periodic = (thread, over)
        thread.start()

    def stop_periodic_snapshots(self) -> None:
        """Take no more by itself."""
        if self._periodic is not None:
            thread, over = self._periodic
            self._periodic = None
            over.set()
            thread.join()

    @property
    def stats(self) -> ClassStats:
        """Tables of the snapshots."""
        return ClassStats(self)


class ClassStats:
    """Snapshots of a ``ClassTracker``, or of a file, as tables. stream: where to print; standard output without one."""

    def __init__(self, tracker: ClassTracker | None = None, stream: IO[str] | None = None) -> None:
        self.snapshots = tracker.snapshots if tracker is not None else []
        self._stream = stream or (tracker.stream if tracker is not None else None)
        self._keys = ["name"]
        self._is_reversed = False

    @property
    def tracked_classes(self) -> list[str]:
        """Their names, in the order of the tables."""
        names = {name for snapshot in self.snapshots for name in snapshot.classes}
        last = self.snapshots[-1].classes if self.snapshots else {}

        def rank(name: str) -> tuple[Any, ...]:
            figures = last.get(name, Figures(0, 0, 0))
            values = {"name": name, "size": -figures.size, "active": -figures.active}
            return (*(values[key] for key in self._keys), name)

        return sorted(names, key=rank, reverse=self._is_reversed)

    def sort_stats(self, *keys: str) -> Self:
        """Sort tables by ``"classname"``, ``"size"`` or ``"active"``; the first that differs decides. Raises ValueError for another."""
        for key in keys:
            if key not in KEYS:
                raise ValueError(f"there is no key {key!r}: {', '.join(sorted(KEYS))}")
        self._keys = [KEYS[key] for key in keys] or ["name"]
        return self

    def reverse_order(self) -> Self:
        """Turn the order of the tables round."""
        self._is_reversed = not self._is_reversed
        return self

    def print_summary(self) -> None:
        """For each snapshot and class: how many objects, what they own, the average, and what that is of the process' memory."""
        lines = ["---- SUMMARY " + "-" * 66]
        for snapshot in self.snapshots:
            head = (cut_after(snapshot.description, 35), "active", padded(snapshot.size), "average", "pct")
            lines.append("{:<35} {:>11} {:>12} {:>12} {:>5}".format(*head))
            for name in self.tracked_classes:
                figures = snapshot.classes.get(name, Figures(0, 0, 0))
                average = padded(figures.size // figures.active if figures.active else 0)
                part = figures.size * 100 // snapshot.memory if snapshot.memory else 0
                lines.append(
                    f"  {cut_after(name, 33):<33} {figures.active:>11} {padded(figures.size):>12} {average:>12} {part:>4}%"
                )
        lines.append("-" * 79)
        self._print(lines)

    def print_stats(self, clsname: str | None = None, limit: float = 1.0) -> None:
        """For each class: what it had at each snapshot. clsname: only classes whose name has this text. limit: so many classes, or that
        part of them."""
        names = [name for name in self.tracked_classes if clsname is None or clsname in name]
        count = int(limit) if limit > 1 else round(len(names) * limit)
        lines: list[str] = []
        for name in names[:count]:
            lines.append(f"{name}")
            lines.append(f"  {'time':>11} {'active':>11} {'own':>12} {'size':>12}  description")
            for snapshot in self.snapshots:
                figures = snapshot.classes.get(name, Figures(0, 0, 0))
                minutes, seconds = divmod(snapshot.timestamp, 60)
                hours, minutes = divmod(int(minutes), 60)
                lines.append(
                    f"  {hours:02}:{minutes:02}:{seconds:05.2f} {figures.active:>11} {padded(figures.own):>12} "
                    f"{padded(figures.size):>12}  {snapshot.description}".rstrip()
                )
        self._print(lines)

    def dump_stats(self, fdump: str | os.PathLike[str] | IO[str], close: bool = True) -> None:
        """Write the snapshots to a file, as JSON; close: a stream that was given is closed."""
        import json

        text = json.dumps({"format": FORMAT, "snapshots": [asdict(snapshot) for snapshot in self.snapshots]})
        if hasattr(fdump, "write"):
            fdump.write(text)
            if close:
                fdump.close()  # type: ignore[union-attr]
        else:
            with open(fdump, "w", encoding="utf-8") as stream:
                stream.write(text)

    def load_stats(self, fdump: str | os.PathLike[str] | IO[str]) -> None:
        """Read what ``dump_stats`` has written. Nothing in it is executed. Raises OSError, and ValueError for another file."""
        import json

        if hasattr(fdump, "read"):
            text = fdump.read()
        else:
            with open(fdump, encoding="utf-8") as stream:
                text = stream.read()
        try:
            data = json.loads(text)
            if data["format"] != FORMAT:
                raise KeyError("format")
            self.snapshots = [
                ClassSnapshot(
                    str(one["description"]),
                    float(one["timestamp"]),
                    int(one["memory"]),
                    {str(name): Figures(**figures) for name, figures in one["classes"].items()},
                )
                for one in data["snapshots"]
            ]
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"this is no file of ClassStats.dump_stats(): {error}") from None

    def _print(self, lines: list[str]) -> None:
        stream = self._stream or sys.stdout
        stream.write("".join(line + "\n" for line in lines))


class _Strong:
    """A reference that keeps its object."""

    def __init__(self, instance: Any) -> None:
        self._instance = instance

    def __call__(self) -> Any:
        return self._instance


def family(cls: type, tracked: dict[type, str]) -> list[type]:
    """A class and those made from it, without any that are tracked themselves."""
    found = {id(cls): cls}
    waiting: list[type] = [cls]
    while waiting:
        made: list[type] = type.__subclasses__(waiting.pop())
        for kind in made:
            if kind not in tracked and id(kind) not in found:
                found[id(kind)] = kind
                waiting.append(kind)
    return list(found.values())


def cut_after(text: str, most: int) -> str:
    """In one line, and not longer."""
    text = text.replace("\n", "|")
    return text if len(text) <= most else text[: most - 3] + "..."
