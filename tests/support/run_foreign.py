"""Run unit tests that are not ours, from where they are installed, and write down how each one ended.

    python run_foreign.py RESULTS.json ALIAS MODULE [CLASS ...] [--path FOLDER] [--yappi] [--import-only]

ALIAS is the profiler module that the tests shall meet under cProfile's names. With --import-only it is only imported:
the tests are about the interpreter, and must not notice. --yappi lets yappi's tests run on ALIAS.

RESULTS.json maps each test's id to [outcome, detail], outcome being ok, failure, error or skipped. Run in a process of
its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import unittest
from pathlib import Path
from types import ModuleType
from typing import Any


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("results", type=Path)
    parser.add_argument("alias")
    parser.add_argument("module")
    parser.add_argument("classes", nargs="*")
    parser.add_argument("--path", type=Path)
    parser.add_argument("--yappi", action="store_true")
    parser.add_argument("--import-only", action="store_true")
    arguments = parser.parse_args()

    # The harness's folder must not lend its module names to the foreign tests.
    harness = str(Path(__file__).parent)
    profiler = importlib.import_module(arguments.alias)
    if not arguments.import_only:
        stand_for_cprofile(profiler)
    if arguments.yappi:
        importlib.import_module("yappi_on_profiler").install(profiler.Profile)
    sys.path.remove(harness)
    if arguments.path:
        sys.path.insert(0, str(arguments.path))

    # Tests must find their own arguments, not ours.
    sys.argv = [sys.argv[0]]
    module = importlib.import_module(arguments.module)
    loader = unittest.TestLoader()
    if arguments.classes:
        suite = unittest.TestSuite(loader.loadTestsFromTestCase(getattr(module, name)) for name in arguments.classes)
    else:
        suite = loader.loadTestsFromModule(module)
    outcomes = Outcomes()
    suite.run(outcomes)
    arguments.results.write_text(json.dumps(outcomes.by_id))


def stand_for_cprofile(profiler: ModuleType) -> None:
    """Put `profiler` where programs look for cProfile, under every name that the running release has for it."""
    if profiler.__name__ == "cProfile":
        if not hasattr(profiler, "label"):
            # 3.15's wrapper left out a function that pyprof2calltree asks cProfile for
            profiler.label = importlib.import_module("profiling.tracing").label  # type: ignore[attr-defined]
        return
    sys.modules["cProfile"] = profiler
    sys.modules["_lsprof"] = importlib.import_module("pikos._lsprof")
    try:
        package = importlib.import_module("profiling")
    except ModuleNotFoundError:
        return  # before 3.15
    sys.modules["profiling.tracing"] = profiler
    package.tracing = profiler  # type: ignore[attr-defined]


class Outcomes(unittest.TestResult):
    """Keeps the worst that happened to each test: a failed subtest fails the test."""

    def __init__(self) -> None:
        super().__init__()
        self.by_id: dict[str, tuple[str, str]] = {}

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.by_id.setdefault(test.id(), ("ok", ""))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.by_id[test.id()] = ("failure", self._exc_info_to_string(err, test))  # type: ignore[attr-defined]

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self.by_id[test.id()] = ("error", self._exc_info_to_string(err, test))  # type: ignore[attr-defined]

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self.by_id.setdefault(test.id(), ("skipped", reason))

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        self.by_id.setdefault(test.id(), ("ok", "failed as expected"))

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self.by_id[test.id()] = ("failure", "succeeded unexpectedly")

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self.by_id[test.id()] = ("failure", f"{subtest.id()}\n" + self._exc_info_to_string(err, test))  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
