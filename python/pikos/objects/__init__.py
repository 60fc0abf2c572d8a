"""The program's objects: how many of which type there are, which grow, and what keeps them alive.

    import pikos.objects

    print(pikos.objects.census())
    print(pikos.objects.holders(thing))
    with pikos.objects.growth(every=1) as growth:
        work()
    print(growth.report())
    with pikos.objects.ObjectMonitor(["dict", "app.*"], where=True) as monitor:
        work()
    print(monitor)

``SummaryTracker`` and ``ClassTracker`` have the methods of pympler's. Nothing is put into the program, and nothing of it is kept: it
stands still for a count, and none of its code runs. What can't be seen: docs/objects.md.
"""

__all__ = [
    "Census",
    "ClassTracker",
    "Growth",
    "Holders",
    "ObjectMonitor",
    "SummaryTracker",
    "census",
    "growth",
    "holders",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos.objects._census import Census as Census
    from pikos.objects._census import census as census
    from pikos.objects._class_tracker import ClassTracker as ClassTracker
    from pikos.objects._events import ObjectMonitor as ObjectMonitor
    from pikos.objects._growth import Growth as Growth
    from pikos.objects._growth import growth as growth
    from pikos.objects._holders import Holders as Holders
    from pikos.objects._holders import holders as holders
    from pikos.objects._trackers import SummaryTracker as SummaryTracker

_MODULES = {
    "Census": "_census",
    "ClassTracker": "_class_tracker",
    "Growth": "_growth",
    "Holders": "_holders",
    "ObjectMonitor": "_events",
    "SummaryTracker": "_trackers",
    "census": "_census",
    "growth": "_growth",
    "holders": "_holders",
}


def __getattr__(name: str) -> object:
    # Imported when asked for: the profiled program pays for what it uses.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = globals()[name] = getattr(importlib.import_module(f"pikos.objects.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.endswith("__"))})
