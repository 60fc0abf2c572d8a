"""``pikos-run objects``: a program whose objects are counted, and what is said at its end."""

from __future__ import annotations

import os
import sys
from time import perf_counter

from pikos._launcher.report import hand_out
from pikos._launcher.run import Run, say
from pikos._launcher.summary import columns
from pikos._lsprof import _at_main, _memory, _own_files
from pikos.objects._events import ObjectMonitor
from pikos.objects._growth import Growth
from pikos.objects._names import label, size
from pikos.objects._table import full_name, own_first, places_table, types_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from pikos.objects._counts import PlaceEvents, TypeEvents

#: As many types are shown where nobody says how many, and as many places of each of so many types.
TYPES = 12
PLACES = 4
TYPES_WITH_PLACES = 4
#: The folder of this package.
OURS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
#: Seconds from one look at all objects to the next, for the report.
GROWTH_EVERY = 1.0
#: What is counted before 3.13 where no type is named: the program's own classes, and containers.
BEFORE_3_13 = ["__main__.*", "list", "dict", "set", "tuple"]


class Counting(Run):
    """A run whose objects are counted. refuse: says what is wrong with the command line, and leaves."""

    def __init__(
        self,
        outfile: str | None,
        types: list[str] | None,
        where: bool,
        report: bool,
        live: bool,
        count: int | None,
        program: str,
        refuse: Callable[[str], object],
    ) -> None:
        super().__init__(None if live else outfile)
        # By the end the program may have changed where modules come from.
        import textwrap
        from difflib import get_close_matches

        self.fill = textwrap.fill
        self.matches = get_close_matches
        self.endpoint = outfile if live else None
        self.types = types
        self.where = where
        self.report = report
        self.live = live
        self.count = count or TYPES
        self.program = program
        self.refuse = refuse
        self.monitor: ObjectMonitor | None = None
        self.growth: Growth | None = None
        self.began = 0.0
        self.guard()

    def wait(self) -> bool:
        """Count from the program's first instruction to its last. False where nobody can tell when that comes."""
        return _at_main(self.begin, self.end, imports=False)

    def begin(self, code: CodeType) -> None:
        """The program begins."""
        main = code.co_filename.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
        types = BEFORE_3_13 if self.types is None and sys.version_info < (3, 13) else self.types
        try:
            monitor = ObjectMonitor(types, where=self.where, main=main)
            growth = Growth(GROWTH_EVERY, types=as_main(types, main)) if self.report else None
            # The one that makes more objects of its own begins first, so that the other doesn't see them.
            if growth is not None and sys.version_info >= (3, 13):
                growth.start()
            monitor._matches = self.matches
            monitor.enable()
            if growth is not None and sys.version_info < (3, 13):
                growth.start()
            self.growth = growth
            if self.live:
                monitor.publish(self.endpoint)
        except ValueError as error:
            self.refuse(str(error))
            return
        except (OSError, RuntimeError) as error:
            say(f"pikos-run: {error}\n")
            sys.exit(1)
        self.monitor = monitor
        self.began = perf_counter()

    def covers_all_threads(self) -> bool:
        """All threads' objects count."""
        return True

    def go_on(self) -> Callable[[], None]:
        """What makes it count again, from zero."""
        monitor = self.monitor
        return lambda: None if monitor is None else monitor.enable()

    def complete(self) -> None:
        """Stop counting, and say what there is."""
        monitor = self.monitor
        if monitor is None:
            return
        monitor.disable()
        if self.growth is not None:
            self.growth.stop()
        if self.live and self.report is False:
            return
        elapsed = perf_counter() - self.began
        if self.outfile is not None and self.outfile.endswith(".csv"):
            text = as_csv(monitor)
        else:
            text = self.text(monitor, elapsed, columns(1) if self.outfile is None else 120)
        hand_out(text, self.outfile, "surrogateescape")

    def text(self, monitor: ObjectMonitor, elapsed: float, width: int) -> str:
        """The whole report."""
        rows = monitor.rows()
        parts = [self.head(rows, elapsed)]
        own, others = own_types(rows)
        if own:
            parts.append(types_table(own, self.count, width))
        if others:
            title = "Types of Python and of libraries\n" if own else ""
            parts.append(title + types_table(others, self.count, width))
        if self.where:
            parts += self.places(monitor, [*own, *others], width)
        parts += [
            self.fill(f"Note: {note}{'' if note.endswith('?') else '.'}", width) + "\n" for note in monitor.notes()
        ]
        if self.growth is not None:
            grown = self.growth.report(width, places=lambda name: self.lines_of(monitor, name))
            parts.append(f"Types that grew\n{grown}\n")
        step = self.next_step()
        return "\n".join([*parts, step] if step else parts)

    def head(self, rows: list[TypeEvents], elapsed: float) -> str:
        """How much it was, in all."""
        created = sum(row.created for row in rows)
        alive = sum(max(row.alive or 0, 0) for row in rows)
        held = sum(row.bytes for row in rows)
        return (
            f"\n{self.program}: {created:,} objects made in {elapsed:.1f} s, {alive:,} of them still there "
            f"({size(held)}; the process has {size(_memory()[0])})\n"
        )

    def places(self, monitor: ObjectMonitor, rows: list[TypeEvents], width: int) -> list[str]:
        """Where objects of the first types were made."""
        parts = []
        places = not_ours(monitor.places())
        kept = [row for row in rows if row.alive is not None and row.alive > 0] or rows
        for row in kept[:TYPES_WITH_PLACES]:
            made = [place for place in places if (place.module, place.type) == (row.module, row.type)]
            if made:
                parts.append(
                    f"{full_name(row.module, row.type)} was made at\n" + places_table(own_first(made)[:PLACES], width)
                )
        return parts

    def lines_of(self, monitor: ObjectMonitor, name: str) -> list[str]:
        """The lines that made objects of this type, one text each."""
        made = own_first([place for place in not_ours(monitor.places()) if label(place.module, place.type) == name])
        kept = sorted([place for place in made if place.alive] or made, key=lambda place: -(place.alive or 0))[:PLACES]
        return [
            f"{'' if place.alive is None else f'{place.alive:,} of '}{place.created:,} at {place.file}:{place.line}  {place.function}"
            for place in kept
        ]

    def next_step(self) -> str:
        """What to type next."""
        if self.where and not self.report:
            return f"Next: which types grow, and what holds them:  pikos-run objects --where --report {self.program}\n"
        if not self.where:
            return f"Next: which lines make them:  pikos-run objects --where {self.program}\n"
        if not self.live:
            return f"Next: watch them come and go:  pikos-run objects --where --recording zmq {self.program}, and pikos top\n"
        return ""


def as_main(types: list[str] | None, main: str) -> list[str] | None:
    """The names, and what they mean in the program's own module."""
    if types is None:
        return None
    return [*types, *(f"__main__.{name.removeprefix(f'{main}.')}" for name in types if name.startswith(f"{main}."))]


def not_ours(places: list[PlaceEvents]) -> list[PlaceEvents]:
    """Without what we make ourselves."""
    return [place for place in places if not place.file.startswith(OURS)]


def own_types(rows: list[TypeEvents]) -> tuple[list[TypeEvents], list[TypeEvents]]:
    """The types of the user's own modules, and the others."""
    files = [module_file(row.module) for row in rows]
    own = _own_files([file or "<frozen unknown>" for file in files], "")
    is_own = [file is not None and each for file, each in zip(files, own, strict=True)]
    return (
        [row for row, each in zip(rows, is_own, strict=True) if each],
        [row for row, each in zip(rows, is_own, strict=True) if not each],
    )


def module_file(name: str) -> str | None:
    """The file of a module; None if it has none."""
    file = getattr(sys.modules.get(name), "__file__", None)
    return file if isinstance(file, str) else None


def as_csv(monitor: ObjectMonitor) -> str:
    """A line for each type, or with places for each place."""
    import csv
    import io

    rows: list[tuple[object, ...]] = [*monitor.places()] if monitor._where else [*monitor.rows()]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = ("type", "module", "file", "line", "function", "created", "alive")
    writer.writerow(heads if monitor._where else ("type", "module", "created", "destroyed", "alive", "peak", "bytes"))
    writer.writerows(rows)
    return text.getvalue()
