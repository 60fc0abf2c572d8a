"""Profiles tests: ``pytest --pikos``, and a fixture for a part of one. pytest finds this by itself.

Without one of its options it does nothing but to know them, and loads no profiler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pikos.plugins._tests import SLOWEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from pikos.plugins._tests.block import Block

#: The name of what profiles, among pytest's plugins.
PLUGIN = "pikos-profiles"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("pikos", "profiles of tests (Pikos)")
    group.addoption("--pikos", action="store_true", help="profile each test; say which are slowest, and why")
    group.addoption(
        "--pikos-slowest",
        type=_count,
        default=None,
        metavar="N",
        help=f"how many tests the table has (default {SLOWEST}; 0 for no table)",
    )
    group.addoption(
        "--pikos-save",
        default=None,
        metavar="DIR",
        help="keep the profiles of this run in DIR, in place of what an earlier run has left there: one for each test, and run.pikos with all",
    )
    group.addoption(
        "--pikos-compare", default=None, metavar="DIR", help="compare with the run that --pikos-save has kept in DIR"
    )
    group.addoption(
        "--pikos-fail-above",
        type=_percent,
        default=None,
        metavar="10%",
        help="with --pikos-compare: the run fails if a test has become so much more expensive",
    )
    group.addoption(
        "--pikos-by",
        choices=("calls", "time"),
        default=None,
        help="what --pikos-compare compares: calls of your own code and all that it calls, which don't depend on how busy the machine is "
        "(the default), or time",
    )


def pytest_configure(config: pytest.Config) -> None:
    option = config.option
    if option.pikos_fail_above is not None and option.pikos_compare is None:
        raise pytest.UsageError(
            "--pikos-fail-above needs a run to compare with: add --pikos-compare DIR, and make DIR with --pikos-save DIR"
        )
    if option.pikos_by is not None and option.pikos_compare is None:
        raise pytest.UsageError("--pikos-by says what is compared: add --pikos-compare DIR")
    asked = (option.pikos, option.pikos_save, option.pikos_compare, option.pikos_slowest)
    if any(value not in (None, False) for value in asked):
        from pikos.plugins._tests.run import plugin

        config.pluginmanager.register(plugin(config), PLUGIN)


@pytest.fixture
def pikos(request: pytest.FixtureRequest) -> Callable[[], Block]:
    """Profiles a part of a test: ``with pikos() as block: …``. Then ``block.calls`` and ``block.seconds`` say what your own code and all that it
    calls have done, ``block.calls_of(function)`` how often one ran, and ``block.profile`` is the whole, a ``pikos.stats.Profile``."""
    from pikos.plugins._own_calls import under
    from pikos.plugins._tests.block import Block

    is_own = under(str(request.config.rootpath))
    return lambda: Block(request.config.pluginmanager.get_plugin(PLUGIN), is_own)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        # Of argparse's errors, the one that says it in our words.
        raise _refusal(f"must be a whole number from 0 up, got {text!r}")
    return int(text)


def _percent(text: str) -> float:
    number = text.strip().removesuffix("%").strip()
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise _refusal(f"must be a percentage such as 10%, got {text!r}")
    return value / 100


def _refusal(sentence: str) -> Exception:
    from argparse import ArgumentTypeError

    return ArgumentTypeError(sentence)
