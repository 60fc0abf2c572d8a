"""What tab completion finds: the public names, and no others."""

from __future__ import annotations

import pytest
from running import evaluate, python

pytestmark = pytest.mark.beyond_cprofile


def test_the_package_has_its_modules() -> None:
    names = evaluate("import pikos\nanswer(dir(pikos))")
    assert {"api", "cprofile", "export", "live", "stats", "__version__"} <= set(names)
    public = [name for name in names if not name.startswith("__")]
    assert public == ["api", "cprofile", "export", "label", "labels", "live", "objects", "sampling", "stats"]


def test_what_is_listed_is_there_without_further_imports() -> None:
    names = "('api', 'cprofile', 'live', 'stats')"
    assert evaluate(
        f"import pikos\nanswer([getattr(pikos, name).__name__ for name in {names}])",
    ) == ["pikos.api", "pikos.cprofile", "pikos.live", "pikos.stats"]
    assert evaluate("import pikos\nanswer(callable(pikos.export) and isinstance(pikos.__version__, str))")
    # And costs nobody anything who doesn't ask.
    loaded = python(["-c", "import sys, pikos\nprint([name for name in sys.modules if name.startswith('pikos.')])"])
    assert loaded.succeeded().out == "[]\n"


def test_live_lists_what_is_public() -> None:
    names = evaluate("import pikos.live\nanswer([name for name in dir(pikos.live) if not name.startswith('__')])")
    assert names == ["Process", "RecordBatch", "RecordSubscriber", "Subscriber", "Thread", "start", "stop"]
