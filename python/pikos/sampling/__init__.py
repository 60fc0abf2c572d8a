"""Profiles that production can leave on: where all threads are, looked at now and then.

    from pikos.sampling import Sampler

    with Sampler(rate=100) as sampler:
        work()
    print(sampler.show())
    sampler.save("out.pikos")

``python -m pikos.sampling script.py`` does that for a whole program, ``pikos sample PID`` for one that runs already. When to sample and
when to count: docs/sampling.md.
"""

__all__ = ["ProfileRecord", "Sampler", "SimpleLauncher", "launch"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos.sampling.launchers import SimpleLauncher as SimpleLauncher
    from pikos.sampling.launchers import launch as launch
    from pikos.sampling.sampler import ProfileRecord as ProfileRecord
    from pikos.sampling.sampler import Sampler as Sampler

_MODULES = {"ProfileRecord": "sampler", "Sampler": "sampler", "SimpleLauncher": "launchers", "launch": "launchers"}


def __getattr__(name: str) -> object:
    # Imported when asked for: `python -m pikos.sampling` comes by here, and hands over to an interpreter that will do that.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    value = globals()[name] = getattr(importlib.import_module(f"pikos.sampling.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.endswith("__"))})
