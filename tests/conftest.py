"""What holds for all tests."""

import gc
import os
import signal
import sys
from collections.abc import Iterator

import pytest

# A job in the background of a script has Ctrl-C ignored, and its children inherit that. Tests are about what it does.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--in-process",
        choices=("only", "never"),
        help="only the tests that profile the test process itself, or only the others (scripts/test.sh: in parallel)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--in-process")
    if wanted is None:
        return
    left_out = [item for item in items if (item.get_closest_marker("in_process") is None) == (wanted == "only")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish(session: pytest.Session) -> None:
    # What finding the tests left: a generator that is closed as garbage would be in a test's profile.
    gc.collect()
    if "PYTEST_XDIST_WORKER" in os.environ:
        grouped = [item for item in session.items if item.get_closest_marker("xdist_group")]
        assert all("@" in item.nodeid for item in grouped), "this pytest-xdist can't group tests of this pytest"


# ---- in a process of pytest-xdist's: a profile of it would hold calls of its threads, now and then ----

_HOOKS = {"sys.setprofile", "sys.settrace", "sys.monitoring.register_callback"}
_is_test_running = False


def _refuse_hooks(event: str, _: object) -> None:
    if event in _HOOKS and _is_test_running:
        raise AssertionError("this test profiles the test process itself: it needs the marker in_process")


if "PYTEST_XDIST_WORKER" in os.environ:
    sys.addaudithook(_refuse_hooks)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol() -> Iterator[None]:
        global _is_test_running
        _is_test_running = True
        try:
            return (yield)
        finally:
            _is_test_running = False
