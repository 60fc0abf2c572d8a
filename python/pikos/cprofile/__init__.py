"""A drop-in for the standard library's cProfile, on a native engine.

Everything that cProfile has is here under the same names: Profile, run, runctx, and
``python -m pikos.cprofile``. Beside it: ``threads=``, ``hook=``, ``getstats(thread=…)`` and ``thread_stats()``.
"""

__all__ = ["Profile", "run", "runctx"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos.cprofile.profile import Profile as Profile
    from pikos.cprofile.profile import Stats as Stats
    from pikos.cprofile.profile import label as label
    from pikos.cprofile.profile import run as run
    from pikos.cprofile.profile import runctx as runctx
    from pikos.cprofile.profile import write_whole as write_whole


def __getattr__(name: str) -> object:
    # Imported when asked for: `python -m pikos.cprofile` comes by here, and hands over to an interpreter that will do that.
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # Not `from pikos.cprofile`: that would ask here for the module first.
    import pikos.cprofile.profile as profile

    try:
        value = globals()[name] = getattr(profile, name)
    except AttributeError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    return value


def __dir__() -> list[str]:
    return [*globals(), *__all__, "label", "write_whole"]
