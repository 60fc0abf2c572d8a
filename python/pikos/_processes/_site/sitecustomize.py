"""Where ``--follow`` gets into Python processes that a profiled one starts: this folder is first on their PYTHONPATH.

Any Python may come by: one that is not of our release, and ABI, runs as if this were not here. The user's own
sitecustomize, or the lack of one, has the effect that it always has.
"""

import os
import sys


def _leave():
    """Take ourselves out of the way of everybody who looks for modules; the environment is left to the next generation."""
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if place != folder]
    sys.path_importer_cache.pop(folder, None)
    del sys.modules["sitecustomize"]
    return folder


def _follow(folder):
    try:
        kind = sys.implementation
        tag = "-".join([kind.cache_tag, getattr(sys, "abiflags", ""), getattr(kind, "_multiarch", "")])
        if os.environ.get("PIKOS_FOLLOW", "").split(";")[0] == tag:
            import importlib.util

            package = os.path.dirname(os.path.dirname(folder))
            spec = importlib.util.spec_from_file_location(
                "pikos", os.path.join(package, "__init__.py"), submodule_search_locations=[package]
            )
            sys.modules["pikos"] = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(sys.modules["pikos"])
            from pikos._processes.begin import begin

            begin()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        # The program comes first: it is not followed. Also a panic of native code, which is no Exception, ends here.
        pass


_folder = _leave()
try:
    import sitecustomize  # noqa: F401  the user's; if there is none, the error says so to `site`, as always
finally:
    _follow(_folder)
