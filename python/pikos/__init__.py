"""Pikos, a profiler. ``pikos.cprofile`` and ``pikos.sampling`` record, ``pikos.stats`` and ``pikos.export`` look at what was recorded.

PYTEST_DONT_REWRITE: where Pikos runs pytest, this is imported before pytest finds our plugin, and would warn of it.
"""

#: Modules that ``pikos.NAME`` imports.
_MODULES = ("api", "cprofile", "labels", "live", "objects", "sampling", "stats")

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos import api as api
    from pikos import cprofile as cprofile
    from pikos import labels as labels
    from pikos import live as live
    from pikos import objects as objects
    from pikos import sampling as sampling
    from pikos import stats as stats
    from pikos._lsprof import __version__ as __version__
    from pikos.labels import label as label
    from pikos.stats import export as export

__all__ = ["export", "label"]


def __getattr__(name: str) -> object:
    # Imported when asked for: the profiled program pays for what it uses.
    if name == "export":
        from pikos.stats import export

        return export
    if name == "label":
        from pikos.labels import label

        # There are many of them, and each is made by this name.
        globals()["label"] = label
        return label
    if name == "load_ipython_extension":
        from pikos._notebook.magics import load_ipython_extension

        return load_ipython_extension
    if name == "__version__":
        from pikos._lsprof import __version__

        return __version__
    if name in _MODULES:
        import importlib

        return importlib.import_module(f"pikos.{name}")
    raise AttributeError(f"module 'pikos' has no attribute {name!r}")


def __dir__() -> list[str]:
    private = {name for name in globals() if name.startswith("_") and not name.endswith("__")}
    return sorted({*globals(), *__all__, *_MODULES, "__version__"} - private - {"TYPE_CHECKING"})
