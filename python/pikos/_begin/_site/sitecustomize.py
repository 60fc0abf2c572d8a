"""Where Pikos gets into a Python process that is to be recorded: this folder is first on its PYTHONPATH.

Any Python may come by: one that is not of our release, and ABI, runs as if this were not here. The user's own
sitecustomize, or the lack of one, has the effect that it always has. What the program finds is a plain interpreter: none of our modules, and
none of the standard library's that we have imported, but for those that it would have without us.
"""

import os
import sys


def _leave():
    """Take ourselves out of the way of everybody who looks for modules."""
    folder = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [place for place in sys.path if place != folder]
    sys.path_importer_cache.pop(folder, None)
    del sys.modules["sitecustomize"]
    return folder


def _begin(folder):
    before, places = set(sys.modules), set(sys.path_importer_cache)
    try:
        kind = sys.implementation
        tag = "-".join([kind.cache_tag, getattr(sys, "abiflags", ""), getattr(kind, "_multiarch", "")])
        if os.environ.get("PIKOS_FOLLOW", "").split(";")[0] == tag:
            # What importlib.util is made of; nobody has imported that yet.
            import _frozen_importlib
            import _frozen_importlib_external

            package = os.path.dirname(os.path.dirname(folder))
            spec = _frozen_importlib_external.spec_from_file_location(
                "pikos", os.path.join(package, "__init__.py"), submodule_search_locations=[package]
            )
            sys.modules["pikos"] = _frozen_importlib.module_from_spec(spec)
            spec.loader.exec_module(sys.modules["pikos"])
            from pikos._begin import begin

            begin()
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        # The program comes first: it is not recorded. Also a panic of native code, which is no Exception, ends here.
        if "run=" in os.environ.get("PIKOS_FOLLOW", ""):
            os.write(2, ("pikos: the program runs unprofiled: " + repr(error) + "\n").encode())
    finally:
        for name in list(sys.modules):
            if name not in before:
                del sys.modules[name]
        for place in list(sys.path_importer_cache):
            if place not in places:
                del sys.path_importer_cache[place]


_folder = _leave()
try:
    import sitecustomize  # noqa: F401  the user's; if there is none, the error says so to `site`, as always
finally:
    _begin(_folder)
