"""Pikos, a profiler. ``pikos.cprofile`` records, ``pikos.stats`` and ``pikos.export`` look at what was recorded."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pikos._lsprof import __version__ as __version__
    from pikos.stats import export as export

__all__ = ["export"]


def __getattr__(name: str) -> object:
    # Imported when asked for: the profiled program pays for what it uses.
    if name == "export":
        from pikos.stats import export

        return export
    if name == "load_ipython_extension":
        from pikos._notebook.magics import load_ipython_extension

        return load_ipython_extension
    if name == "__version__":
        from pikos._lsprof import __version__

        return __version__
    raise AttributeError(f"module 'pikos' has no attribute {name!r}")
