"""``Profile(objects=…)``: the objects that are made and that go while a profile records, counted beside the calls."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pikos.objects import ObjectMonitor

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from pikos._lsprof import Profiler

    Base = Profiler
else:
    Base = object


class Counting(Base):
    """Has a monitor that counts for as long as the profile records."""

    objects: ObjectMonitor
    #: How they are sent to who watches the profile live; None where it isn't live.
    _published: dict[str, Any] | None

    def enable(self, subcalls: object = None, builtins: object = None) -> None:
        if self._is_enabled:
            # What that means, each release says in its own way.
            super().enable(subcalls, builtins)
            return
        self.objects.enable()
        try:
            if self._published is not None:
                self.objects.publish(**self._published)
            super().enable(subcalls, builtins)
        except BaseException:
            self.objects.disable()
            raise

    def disable(self) -> None:
        super().disable()
        self.objects.disable()


#: Our own calls are no calls of the program.
OURS = rf"{re.escape(__file__)}:\d+\((?:enable|disable)\)|^\{{function Counting\.disable\}}"


def count_objects(profile: Any, types: Iterable[str | type] | None, published: dict[str, Any] | None) -> None:
    """Have a profile count objects: of these types, or of all. published: how they are sent meanwhile, as `ObjectMonitor.publish` takes it."""
    kind: type[Any] = type(profile)
    monitor = ObjectMonitor(types, where=True)
    # Whoever counts none has the native methods, which no call of ours stands before.
    profile.__class__ = type(kind.__name__, (Counting, kind), {"__module__": kind.__module__, "__doc__": kind.__doc__})
    profile.objects = monitor
    profile._published = published
