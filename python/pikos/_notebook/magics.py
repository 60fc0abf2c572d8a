"""``%load_ext pikos``: the magics ``%pikos STATEMENT`` and ``%%pikos``, with the options of ``%prun``; those of `lines`; and ``%census``.

A notebook shows a table and a flame graph; a terminal shows the table as pstats prints it.
"""

from __future__ import annotations

import linecache
import os
from typing import TYPE_CHECKING

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand
from IPython.display import display

from pikos._notebook.lines import LineMagics, unquoted
from pikos.cprofile import Profile, write_whole
from pikos.stats import Profile as Finished
from pikos.stats import of

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from pikos.objects import Census

#: A table that nobody limited ends here.
ROWS = 30


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%load_ext pikos`` calls."""
    shell.register_magics(PikosMagics)
    shell.register_magics(LineMagics)


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

        In a cell, STATEMENT runs before the rest of the cell, within the profile.

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
        options, statement = self.parse_options(line, "D:l:rs:T:qtgb", list_all=True, posix=False)
        code = statement if cell is None else f"{statement}\n{cell}"
        if not code.strip():
            raise UsageError("there is nothing to profile: write %pikos STATEMENT, or %%pikos above a cell")
        keys = [unquoted(key) for key in options.get("s", ["time"])]
        limits = [limit(unquoted(text)) for text in options.get("l", [])]
        profile, ending = self.run(code, builtins="b" not in options)

        chosen = restrict(sorted_rows(profile, keys), limits)
        shown_rows = chosen if limits else chosen.top(ROWS)
        left_out = len(chosen) - len(shown_rows)
        note = f"{left_out} more rows: -l shows as many as you say" if left_out else ""
        if "q" not in options:
            display(Shown(profile, shown_rows, f"{ending}{note}", graph="g" not in options))
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

    def run(self, code: str, *, builtins: bool) -> tuple[Finished, str]:
        """(the profile of this code, in the user's namespace; how it ended, if by SystemExit).

        Other exceptions, Ctrl-C among them, are the user's to see: they go up and end the cell, and nothing is shown.
        """
        __tracebackhide__ = True
        name = f"<{'%%' if chr(10) in code else '%'}pikos>"
        source = self.shell.transform_cell(code)
        # A traceback shows the lines. Without a time of change the entry stays.
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        # Without dont_inherit, this module's `from __future__` would hold in the user's code.
        compiled = compile(source, name, "exec", dont_inherit=True)
        recorder = Profile(tree=True, builtins=builtins)
        ending = ""
        try:
            # Not runctx(), which would be in the traceback.
            recorder.enable()
            try:
                exec(compiled, self.shell.user_ns, self.shell.user_ns)
            finally:
                recorder.disable()
        except SystemExit:
            ending = "SystemExit was raised. "
        return of(recorder), ending

    def dump(self, profile: Finished, path: str, keeps_stacks: bool) -> None:
        """Write the profile, as what a recording is saved as under that name."""
        from pikos._lsprof import _recorded_as

        for sentence in profile.export(path, _recorded_as(path, keeps_stacks)):
            print(f"Note: {sentence}.")
        print(f"The profile is in {path!r}.")


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
