"""``%load_ext pikos``: the magics ``%pikos STATEMENT`` and ``%%pikos``, with the options of ``%prun``; those of `lines`; and ``%census``.

A notebook shows a table and a flame graph; a terminal shows the table as pstats prints it.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import linecache
import os
import re
import sys
from typing import TYPE_CHECKING

import IPython
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display

from pikos._notebook.awaiting import Awaiting
from pikos._notebook.lines import LineMagics, unquoted
from pikos.cprofile import Profile, write_whole
from pikos.stats import Profile as Finished
from pikos.stats import of

if TYPE_CHECKING:
    from types import CodeType
    from typing import Any

    from IPython.core.interactiveshell import ExecutionResult, InteractiveShell

    from pikos.objects import Census

#: A table that nobody limited ends here.
ROWS = 30
#: What awaits the user's code is not in its profile: this package, and IPython's way to it.
_AROUND = (
    re.escape(os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep)
    + "|"
    + re.escape(os.path.join(os.path.dirname(IPython.__file__), "core", ""))
    + r"(interactiveshell|async_helpers)\.py"
)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%load_ext pikos`` calls."""
    magics = PikosMagics(shell)
    shell.register_magics(magics)
    shell.register_magics(LineMagics)
    # %reload_ext comes here again.
    others = [each for each in shell.input_transformers_post if type(each).__name__ != Awaiting.__name__]
    awaiting = Awaiting(
        "pikos", magics.is_async, f"get_ipython().magics_manager.registry[{type(magics).__name__!r}].pikos_awaited"
    )
    shell.input_transformers_post = [*others, awaiting]


class Shown:
    """A profile as a cell's result: a table and a flame graph in a notebook, a table in a terminal."""

    def __init__(self, profile: Finished, chosen: Finished, note: str, graph: bool) -> None:
        self.profile = profile
        self.chosen = chosen
        self.note = note
        self.graph = graph

    def __repr__(self) -> str:
        return str(self.chosen) + self.note

    def _repr_html_(self) -> str:
        from html import escape

        from pikos._notebook.html import flame_graph, height_for, shown

        note = f"<p>{escape(self.note)}</p>" if self.note else ""
        table = shown(self.chosen._native)
        if not self.graph:
            return table + note
        return table + note + flame_graph(self.profile.dumps("html"), height_for(self.profile.tree()))


#: Said of code that ends so.
EXITED = "SystemExit was raised. "


@magics_class
class PikosMagics(Magics):  # type: ignore[misc]  # IPython is not there when types are checked
    """``%pikos``, ``%%pikos``, ``%census``."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        #: The last census of each kind.
        self.counted: dict[str, Census] = {}

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_cell_magic  # type: ignore[untyped-decorator]
    def pikos(self, line: str, cell: str | None = None) -> Finished | None:
        """Run a statement (%pikos) or the cell (%%pikos) under the profiler, and show where its time went.

        %pikos [OPTIONS] STATEMENT
        %%pikos [OPTIONS] [STATEMENT]
        CELL

        In a cell, STATEMENT runs before the rest of the cell, within the profile. Both may await at the top, where a cell may: the profile
        then has what the cell does, with its tasks and threads, and nothing else of the event loop.

        -l LIMIT  show only so many rows (a number), that part of them (0.1), or those whose name has this text;
                  may be given again; a number that is no count and no part, such as -1, limits nothing
        -s KEY    sort by a key of pstats (cumulative, calls, …); may be given again; default: time
        -r        return the profile, a pikos.stats.Profile
        -T FILE   write the table to FILE
        -D FILE   write the profile to FILE, in the format that its name says (default: pstats; with -t, .pikos)
        -q        show nothing
        -t        with -D: keep the full stacks in the file, too; they are recorded anyway
        -g        show no flame graph
        -b        leave built-ins out
        """
        # IPython leaves frames that say so out of tracebacks.
        __tracebackhide__ = True
        options, code = self.parsed(line, cell)
        compiled = self.compiled(code)
        if not is_coroutine(compiled):
            return self.told(options, *self.run(compiled, builtins="b" not in options))
        # Nobody has rewritten the cell: it has loaded us itself, or the magic stands in a function.
        if has_loop():
            raise UsageError(
                "the event loop runs already, so a function can't wait here: put %load_ext pikos into a cell before this one, "
                "and %pikos outside of functions that aren't asynchronous"
            )
        result: Finished | None = self.shell.loop_runner(self.pikos_awaited(line, cell))
        return result

    async def pikos_awaited(self, line: str, cell: str | None = None) -> Finished | None:
        """The same where there is something to await: the cell awaits this."""
        __tracebackhide__ = True
        options, code = self.parsed(line, cell)
        cells = sys._getframe(1).f_code
        around = rf"|^{re.escape(cells.co_filename)}:\d+\(<module>\)$" if cells.co_name == "<module>" else ""
        compiled, builtins = self.compiled(code), "b" not in options
        return self.told(options, *await self.run_awaited(compiled, builtins=builtins, exclude=_AROUND + around))

    def is_async(self, line: str, cell: str | None) -> bool:
        """Whether there is something to await at the top."""
        try:
            return is_coroutine(self.compiled(self.parsed(line, cell)[1]))
        except (UsageError, SyntaxError, ValueError, RecursionError, MemoryError):
            return False

    def parsed(self, line: str, cell: str | None) -> tuple[Any, str]:
        """(the options, the code)"""
        options, statement = self.parse_options(line, "D:l:rs:T:qtgb", list_all=True, posix=False)
        code = statement if cell is None else f"{statement}\n{cell}"
        if not code.strip():
            raise UsageError("there is nothing to profile: write %pikos STATEMENT, or %%pikos above a cell")
        return options, code

    def told(self, options: Any, profile: Finished, ending: str) -> Finished | None:
        """Show the profile, and do with it what the options say. ending: what there is to be said of how it went."""
        keys = [unquoted(key) for key in options.get("s", ["time"])]
        limits = [limit(unquoted(text)) for text in options.get("l", [])]
        chosen = restrict(sorted_rows(profile, keys), limits)
        shown_rows = chosen if limits else chosen.top(ROWS)
        left_out = len(chosen) - len(shown_rows)
        note = f"{left_out} more rows: -l shows as many as you say" if left_out else ""
        if "q" not in options:
            display(Shown(profile, shown_rows, f"{ending}{note}".rstrip(), graph="g" not in options))
        if "T" in options:
            path = os.path.expanduser(unquoted(options["T"][0]))
            write_whole(path, str(chosen).encode("utf-8"))
            print(f"The table is in {path!r}.")
        if "D" in options:
            self.dump(profile, os.path.expanduser(unquoted(options["D"][0])), keeps_stacks="t" in options)
        return profile if "r" in options else None

    @no_var_expand  # type: ignore[untyped-decorator]
    @line_magic  # type: ignore[untyped-decorator]
    def census(self, line: str) -> Census:
        """Count all objects by type: how many, and how many bytes.

        %census [-m] [-d] [TYPE...]

        TYPE: only these, by name; stars stand for anything (app.*)

        -m  by the module of the types
        -d  what there is more than at the last %census of all types, or modules
        """
        from pikos.objects import census

        options, names = self.parse_options(line, "md")
        by = "module" if "m" in options else "type"
        try:
            found = census(by, types=names.split() or None)
        except ValueError as error:
            raise UsageError(str(error)) from None
        before = self.counted.get(by)
        if not names.strip():
            self.counted[by] = found
        if "d" not in options:
            return found
        if before is None:
            raise UsageError("there was no %census before that this could be held against; the next one has this")
        return found - before

    def compiled(self, code: str) -> CodeType:
        """The code as IPython would run it."""
        name = f"<{'%%' if chr(10) in code else '%'}pikos>"
        source = self.shell.transform_cell(code)
        # A traceback shows the lines. Without a time of change the entry stays.
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if self.shell.autoawait else 0
        # Without dont_inherit, this module's `from __future__` would hold in the user's code.
        compiled: CodeType = compile(source, name, "exec", flags, dont_inherit=True)
        return compiled

    def run(self, code: CodeType, *, builtins: bool) -> tuple[Finished, str]:
        """(the profile of this code, in the user's namespace; how it ended, if by SystemExit).

        Other exceptions, Ctrl-C among them, are the user's to see: they go up and end the cell, and nothing is shown.
        """
        __tracebackhide__ = True
        recorder = Profile(tree=True, builtins=builtins)
        ending = ""
        try:
            # Not runctx(), which would be in the traceback.
            recorder.enable()
            try:
                exec(code, self.shell.user_ns, self.shell.user_ns)
            finally:
                recorder.disable()
        except SystemExit:
            ending = EXITED
        return of(recorder), ending

    async def run_awaited(self, code: CodeType, *, builtins: bool, exclude: str) -> tuple[Finished, str]:
        """The same of code that awaits: a profile of what runs in the cell's context, its tasks and threads among it, and not of what else the
        notebook's loop does meanwhile. exclude: what stands around it."""
        __tracebackhide__ = True
        recorder = Profile(context=True, tree=True, tasks=True, builtins=builtins, exclude=exclude)
        ending = ""

        def left_behind(result: ExecutionResult) -> None:
            # Ctrl-C may end the loop that runs us, and leave us where we wait.
            if isinstance(result.error_in_exec, KeyboardInterrupt):
                recorder.disable()

        self.shell.events.register("post_run_cell", left_behind)
        try:
            recorder.enable()
            try:
                await eval(code, self.shell.user_ns, self.shell.user_ns)
            finally:
                recorder.disable()
                self.shell.events.unregister("post_run_cell", left_behind)
        except SystemExit:
            ending = EXITED
        from pikos._notebook.html import in_unit

        # The time of the loop in between is in no row.
        for row in recorder.coroutine_stats():
            if row.code == code:
                ending += f"{in_unit(row.elapsed)} in all, {in_unit(row.parked)} of it waiting. "
        return of(recorder), ending

    def dump(self, profile: Finished, path: str, keeps_stacks: bool) -> None:
        """Write the profile, as what a recording is saved as under that name."""
        from pikos._lsprof import _recorded_as

        for sentence in profile.export(path, _recorded_as(path, keeps_stacks)):
            print(f"Note: {sentence}.")
        print(f"The profile is in {path!r}.")


def is_coroutine(code: CodeType) -> bool:
    return bool(code.co_flags & inspect.CO_COROUTINE)


def has_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def sorted_rows(profile: Finished, keys: list[str]) -> Finished:
    try:
        return profile.sort(*keys)
    except ValueError as error:
        raise UsageError(str(error)) from None


def limit(text: str) -> int | float | str:
    """A limit as it was written: rows, a part of them, or a text."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def restrict(profile: Finished, limits: list[int | float | str]) -> Finished:
    """pstats' restrictions, one after another; numbers that mean nothing to it (-1, 2.5) limit nothing."""
    for each in limits:
        if isinstance(each, str):
            try:
                profile = profile.filter(each)
            except ValueError as error:
                raise UsageError(str(error)) from None
        elif isinstance(each, int) and each >= 0:
            profile = profile.top(each)
        elif isinstance(each, float) and 0 <= each < 1:
            profile = profile.top(int(len(profile) * each + 0.5))
    return profile
