"""The plugin that profiles tests, in each process that runs some, and tells of them in the one that was asked."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import pikos.stats
from pikos.cprofile import Profile
from pikos.plugins._own_calls import own_calls, shown_code, under
from pikos.plugins._tests import SLOWEST, tables
from pikos.plugins._tests.benchmark import set_apart
from pikos.plugins._tests.block import code_of
from pikos.plugins._tests.comparison import Comparison
from pikos.plugins._tests.folder import INDEX, WHOLE, Kept, Test, Unreadable, file_name, put, write_index

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import CodeType
    from typing import Any

    from pikos.plugins._own_calls import OwnCalls
    from pikos.plugins._tests.block import Block
    from pikos.plugins._tests.comparison import Change

#: What a worker of pytest-xdist's is told, and what a report has.
FOLDER, TOLD = "pikos_folder", "pikos"
#: Files that one `pikos merge` takes: a command line has an end.
AT_ONCE = 500


def plugin(config: pytest.Config) -> TestProfiles:
    """What is to be registered. In a worker of pytest-xdist's it only records. Raises UsageError for what can't be compared with."""
    root = str(config.rootpath)
    told: dict[str, Any] = getattr(config, "workerinput", {})
    if FOLDER in told:
        return TestProfiles(Path(told[FOLDER]), root)
    return Run(config, root)


class TestProfiles:
    """Profiles the tests of this process into files."""

    #: Not a class of tests.
    __test__ = False

    def __init__(self, folder: Path, root: str) -> None:
        self.folder = folder
        self.root = root
        self.is_own = under(root)
        #: What is no test: collection and fixtures.
        self.rest = Profile(threads=True, tree=True)
        self.has_rest = False
        self.running: Profile | None = None
        self.blocks: list[Block] = []
        #: Seconds of the test that runs which were none of its own: a benchmark's rounds.
        self.apart = 0.0
        self.told: dict[str, dict[str, Any]] = {}
        #: Why something wasn't profiled, or kept.
        self.problem: str | None = None

    # ---- recording ----

    def begin(self, profile: Profile) -> None:
        try:
            profile.enable()
        except (ValueError, RuntimeError) as error:
            self.problem = str(error)
            return
        self.running = profile

    def end(self) -> bool:
        """Return whether there was a profile."""
        profile, self.running = self.running, None
        if profile is not None:
            profile.disable()
        return profile is not None

    def hold(self) -> None:
        """A block begins."""
        if self.running is not None:
            self.running.disable()

    def go_on(self, block: Block | None) -> None:
        """It is over."""
        if block is not None:
            self.blocks.append(block)
        if self.running is not None:
            self.running.enable()

    def around(self) -> Generator[None, Any, Any]:
        """What is no test."""
        if self.running is not None:
            # A test that runs pytest within itself.
            return (yield)
        self.begin(self.rest)
        try:
            return (yield)
        finally:
            self.has_rest |= self.end()

    @pytest.hookimpl(wrapper=True)
    def pytest_collection(self) -> Generator[None, Any, Any]:
        return (yield from self.around())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, Any]:
        return (yield from self.around())

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, Any]:
        return (yield from self.around())

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, Any, Any]:
        # The innermost one: what other plugins do around a test is none of it.
        profile = Profile(threads=True, tree=True)
        self.blocks, self.apart = [], 0.0
        set_apart(getattr(item, "funcargs", {}).get("benchmark"), self)
        # Now: a plugin that runs coroutines puts something in its place meanwhile.
        code = code_of(inspect.unwrap(function)) if callable(function := getattr(item, "function", None)) else None
        began = time.perf_counter()
        self.begin(profile)
        try:
            return (yield)
        finally:
            if self.end():
                self.keep(item.nodeid, code, profile, time.perf_counter() - began - self.apart)

    def keep(self, test: str, code: CodeType | None, profile: Profile, seconds: float) -> None:
        """code: the test function's."""
        parts = [own_calls(pikos.stats.of(profile), self.is_own), *(block.own for block in self.blocks)]
        at, share = most(parts, None if code is None else shown_code(code), seconds)
        name = file_name(test)
        files = [name]
        made: list[tuple[str, Profile | pikos.stats.Profile]] = [(name, profile)]
        for number, block in enumerate(self.blocks, 1):
            files.append(f"{name.removesuffix('.pikos')}-block{number}.pikos")
            made.append((files[-1], block.profile))
        calls = sum(part.calls for part in parts)
        self.told[test] = {"seconds": seconds, "calls": calls, "at": at, "share": share, "files": files}
        for file, each in made:
            self.write(file, each)

    def write(self, name: str, profile: Profile | pikos.stats.Profile) -> None:
        try:
            pikos.stats.export(profile, "pikos", self.folder / name)
        except OSError as error:
            self.problem = f"can't write {self.folder / name}: {error.strerror or error}"

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
        report = yield
        if call.when == "call" and item.nodeid in self.told:
            setattr(report, TOLD, self.told.pop(item.nodeid))
        return report

    def close(self) -> None:
        """All is over: what is left is written."""
        if self.has_rest:
            self.has_rest = False
            self.write(f"rest-{os.getpid()}.pikos", self.rest)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.close()
        output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
        if output is not None:
            output[TOLD] = self.problem


def most(parts: list[OwnCalls], test: str | None, seconds: float) -> tuple[str | None, float]:
    """(which function of the project most of a test's time went to, its share); None if it took no time.

    test: the test's function. What an event loop does meanwhile, waiting above all, is that of the test that has it run.
    """
    spent: dict[str, float] = {}
    for part in parts:
        for name, time_spent in part.spent.items():
            spent[name] = spent.get(name, 0.0) + time_spent
    if test is not None:
        spent[test] = spent.get(test, 0.0) + max(0.0, seconds - sum(spent.values()))
    at = max(spent, key=lambda name: spent[name], default=None)
    whole = sum(spent.values())
    return (None, 0.0) if at is None or whole <= 0 else (at, spent[at] / whole)


class Run(TestProfiles):
    """The same in the process that was asked: it says at the end what was found. With pytest-xdist no test runs here."""

    def __init__(self, config: pytest.Config, root: str) -> None:
        option = config.option
        self.save: str | None = option.pikos_save
        self.by: str = option.pikos_by or "calls"
        self.limit: float | None = option.pikos_fail_above
        self.slowest: int = SLOWEST if option.pikos_slowest is None else option.pikos_slowest
        self.tests: dict[str, Test] = {}
        self.comparison: Comparison | None = None
        self.whole: pikos.stats.Profile | None = None
        self.notes: list[str] = []
        self.verdict = ""
        self.before: Kept | None = None
        invoked = config.invocation_params.dir
        if self.save is not None:
            if not self.save:
                raise pytest.UsageError("--pikos-save needs the name of a folder")
            self.save = str(invoked / self.save)
            if os.path.exists(self.save) and not os.path.isdir(self.save):
                raise pytest.UsageError(f"--pikos-save {self.save}: that is no folder")
        if option.pikos_compare is not None:
            try:
                self.before = Kept(invoked / option.pikos_compare)
            except Unreadable as error:
                raise pytest.UsageError(f"--pikos-compare: {error}") from None
        super().__init__(Path(tempfile.mkdtemp(prefix="pikos-tests-")), root)
        config.add_cleanup(lambda: shutil.rmtree(self.folder, ignore_errors=True))

    # ---- pytest-xdist ----

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput[FOLDER] = str(self.folder)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.problem = getattr(node, "workeroutput", {}).get(TOLD) or self.problem

    # ---- what is told ----

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        told: dict[str, Any] | None = getattr(report, TOLD, None)
        if told is not None:
            self.tests[report.nodeid] = Test(**told, outcome=report.outcome)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.close()
        if not self.tests:
            self.judge(session, [], "no test was profiled")
            return
        if not any(self.folder.glob("*.pikos")):
            self.notes.append("the workers' profiles are not on this machine, so there is nothing to keep but figures")
        self.whole = self.merged()
        try:
            write_index(self.folder, self.root, self.tests)
            after = Kept(self.folder)
        except (OSError, Unreadable) as error:
            self.problem = f"can't write {self.folder / INDEX}: {error}"
            return
        if self.before is not None:
            self.compare(session, self.before, after)
        if self.save is not None:
            self.keep_folder(Path(self.save))

    def compare(self, session: pytest.Session, before: Kept, after: Kept) -> None:
        self.comparison = comparison = Comparison(before, after, self.by)
        # Read now: the folder may be the one that this run is to be kept in.
        self.changed = tables.changes(comparison, self.limit)
        if before.python != sys.version.split()[0]:
            self.notes.append(
                f"the run before was of CPython {before.python}, this one is of {sys.version.split()[0]}: counts may differ for that alone"
            )
        worse = [] if self.limit is None else comparison.above(self.limit)
        self.judge(session, worse, "" if comparison.changes else "no test passed in both runs")

    def judge(self, session: pytest.Session, worse: list[Change], trouble: str) -> None:
        """Whether the run fails, where a limit is set. A run of which nothing can be said does."""
        if self.limit is None:
            return
        what = "makes" if self.by == "calls" else "takes"
        unit = "calls" if self.by == "calls" else "time"
        if worse:
            many = "test " + what if len(worse) == 1 else "tests " + what.removesuffix("s")
            self.verdict = f"{len(worse):,} {many} over {100 * self.limit:g} % more {unit} than before"
        elif trouble:
            self.verdict = f"nothing could be compared: {trouble}"
        if self.verdict and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def keep_folder(self, kept: Path) -> None:
        try:
            put(self.folder, kept)
        except OSError as error:
            self.problem = f"can't keep the profiles in {kept}: {error.strerror or error}"
            return
        self.notes.append(f"profiles are in {kept}: pikos report {kept / WHOLE} --open")

    def merged(self) -> pikos.stats.Profile | None:
        """All profiles in one, as ``run.pikos``."""
        files = sorted(str(path) for path in self.folder.glob("*.pikos"))
        whole = self.folder / WHOLE
        for first in range(0, len(files), AT_ONCE):
            some = files[first : first + AT_ONCE]
            out = f"{whole}.part"
            command = [sys.executable, "-P", "-m", "pikos", "merge", *some, "-f", "pikos", "-o", out]
            if first:
                command.insert(5, str(whole))
            environment = {name: value for name, value in os.environ.items() if name != "PIKOS_FOLLOW"}
            done = subprocess.run(command, capture_output=True, text=True, env=environment, errors="replace")
            if done.returncode != 0:
                self.problem = f"the profiles can't be merged: {done.stderr.strip()[-300:]}"
                return None
            os.replace(out, whole)
        return pikos.stats.load(whole) if files else None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        tell = terminalreporter

        def write(line: str) -> None:
            tell.write_line(printable(line, tell))

        if self.tests and self.slowest:
            shown = min(self.slowest, len(self.tests))
            tell.section(f"pikos: slowest {shown:,} of {len(self.tests):,} tests" if len(self.tests) > 1 else "pikos")
            for line in tables.slowest(self.tests, self.slowest, tell._tw.fullwidth):
                write(line)
            if self.whole is not None:
                write("")
                write(f"The whole run, {tables.seconds(self.whole.metadata['tottime'])} with collection and fixtures:")
                for line in tables.functions(self.whole, tell._tw.fullwidth):
                    write(line)
        if self.comparison is not None:
            assert self.before is not None
            tell.section(f"pikos: {self.by} compared with {self.before.folder}")
            for line in self.changed:
                write(line)
            write(tables.sentence(self.comparison))
        if self.verdict:
            tell.write_line(f"pikos: {self.verdict}", red=True, bold=True)
        if self.problem is not None:
            write(f"pikos: not everything was profiled: {self.problem}")
        for note in self.notes:
            write(f"pikos: {note}")


def printable(line: str, reporter: pytest.TerminalReporter) -> str:
    """What the terminal's encoding can't say is written as Python would."""
    encoding = getattr(reporter._tw._file, "encoding", None) or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)
