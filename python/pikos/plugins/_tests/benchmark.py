"""Benchmarks of pytest-benchmark: their rounds run without a profile, for it would be in their times; then one more call has one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    class Around(Protocol):
        """What profiles the whole test. apart: seconds that are none of its own."""

        apart: float

        def hold(self) -> None: ...
        def go_on(self, block: None) -> None: ...


def set_apart(benchmark: Any, profiles: Around) -> None:
    """Have this fixture of a test do that, if it is pytest-benchmark's, and measures at all."""
    names = ("_raw", "_raw_pedantic")
    if type(benchmark).__name__ != "BenchmarkFixture" or not all(hasattr(benchmark, name) for name in names):
        return
    if not benchmark.enabled:
        return
    raw, pedantic = benchmark._raw, benchmark._raw_pedantic

    def unprofiled(act: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        profiles.hold()
        began = time.perf_counter()
        try:
            return act(*arguments, **named)
        finally:
            profiles.apart += time.perf_counter() - began
            profiles.go_on(None)

    def plain(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        result = unprofiled(raw, function, *arguments, **named)
        function(*arguments, **named)
        return result

    def by_rounds(target: Callable[..., Any], **options: Any) -> Any:
        result = unprofiled(pedantic, target, **options)
        arguments, named = options.get("args", ()), options.get("kwargs") or {}
        setup, teardown = options.get("setup"), options.get("teardown")
        if setup is not None:
            arguments, named = setup() or (arguments, named)
        target(*arguments, **named)
        if teardown is not None:
            teardown(*arguments, **named)
        return result

    benchmark._raw, benchmark._raw_pedantic = plain, by_rounds
