"""The magics, in IPython's own InteractiveShell."""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pikos.stats
import pytest

pytest.importorskip("IPython", reason="IPython is optional")
pytestmark = [
    pytest.mark.any_release,
    pytest.mark.in_process,
    pytest.mark.beyond_cprofile,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of foreign packages
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
]


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    # A shell whose cell is interrupted leaves its own.
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(history_length=0)
    shell.history_manager.enabled = False

    def run(code: str) -> tuple[Any, Any]:
        with capture_output() as captured:
            result = shell.run_cell(code)
        return result, captured

    shell.profiled = run
    run("%load_ext pikos")[0].raise_error()
    run("def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)")
    yield shell
    history = shell.history_manager
    if history is not None:
        history.end_session()
    InteractiveShell.clear_instance()


def test_a_line_shows_table_and_flame_graph(shell: Any) -> None:
    result, captured = shell.profiled("%pikos fib(12)")
    result.raise_error()
    assert result.result is None
    (shown,) = captured.outputs
    plain, rich = shown.data["text/plain"], shown.data["text/html"]
    assert re.search(r"465/1 .*\(fib\)", plain)
    assert "Ordered by: internal time" in plain
    assert "<td>465/1</td>" in rich and ">fib</code>" in rich
    (frame,) = re.findall(r'<iframe sandbox="allow-scripts" srcdoc="(.*?)"', rich, re.DOTALL)
    page = html.unescape(frame)
    assert page.lower().startswith("<!doctype html>")
    assert "approximated" not in page


def test_a_cell_runs_in_the_users_namespace(shell: Any) -> None:
    result, captured = shell.profiled("%%pikos -l 3 -s calls start = 10\nvalue = fib(start)\nvalue2 = !echo shell")
    result.raise_error()
    assert shell.user_ns["value"] == 55
    assert list(shell.user_ns["value2"]) == ["shell"]
    plain = captured.outputs[0].data["text/plain"]
    assert "Ordered by: call count" in plain
    assert len(re.findall(r"^ *\d+(?:/\d+)? +\d+\.\d{3} ", plain, re.MULTILINE)) == 3


def test_the_profile_can_be_had(shell: Any) -> None:
    result, captured = shell.profiled("p = %pikos -q -r -t -b fib(5)")
    result.raise_error()
    assert captured.outputs == []
    profile = shell.user_ns["p"]
    assert isinstance(profile, pikos.stats.Profile)
    (row,) = [row for row in profile if row.name == "fib"]
    assert (row.ncalls, row.primitive_calls) == (15, 1)
    assert all(row.file != "~" for row in profile)
    assert b"approximated" not in profile.dumps("html")
    assert ">fib</code>" in profile._repr_html_()


def test_limits_sort_and_graph_options(shell: Any) -> None:
    _, captured = shell.profiled("%pikos -g -l fib -s nfl -s time fib(5)")
    data = captured.outputs[0].data
    assert "Ordered by: name/file/line, internal time" in data["text/plain"]
    assert data["text/plain"].count("(fib)") == 1 and "exec" not in data["text/plain"]
    assert "iframe" not in data["text/html"]
    _, captured = shell.profiled("%pikos -l 0.5 fib(5)")
    rows = re.findall(r"^ *\d+(?:/\d+)? +\d+\.\d{3} ", captured.outputs[0].data["text/plain"], re.MULTILINE)
    assert 1 <= len(rows) <= 3


def test_files_are_written(shell: Any, tmp_path: Path) -> None:
    prof, graph, table = (tmp_path / name for name in ("a b.dat", "a.html", "a.txt"))
    result, captured = shell.profiled(f'%pikos -q -D "{prof}" -T {table} fib(5)')
    result.raise_error()
    assert str(prof) in captured.stdout
    assert [row.ncalls for row in pikos.stats.load(prof) if row.name == "fib"] == [15]
    assert "(fib)" in table.read_text()
    # What %prun writes, for what reads that; with -t, all that is known.
    assert prof.read_bytes()[:1] == b"{" and pikos.stats.load(prof).tree() is None
    shell.profiled(f'%pikos -q -t -D "{prof}" fib(5)')
    assert pikos.stats.load(prof).tree()
    for options in ("", "-t"):
        _, captured = shell.profiled(f"%pikos {options} -q -D {graph} fib(5)")
        assert graph.read_text().lower().startswith("<!doctype html>")
        assert "approximated" not in captured.stdout + graph.read_text()


@pytest.mark.parametrize(
    "line", ["%pikos", "%pikos -s colour fib(1)", "%pikos -l '(' fib(1)", "%pikos -Z fib(1)", "%%pikos\n"]
)
def test_wrong_use_is_told(shell: Any, line: str) -> None:
    from IPython.core.error import UsageError

    result, captured = shell.profiled(line)
    assert isinstance(result.error_in_exec or result.error_before_exec, UsageError)
    assert "Traceback" not in captured.stdout + captured.stderr


def test_exceptions_are_the_programs_and_recording_stops(shell: Any) -> None:
    result, captured = shell.profiled("%pikos fib(None)")
    assert isinstance(result.error_in_exec, TypeError)
    assert captured.outputs == []
    result, captured = shell.profiled("%pikos fib(3)")
    result.raise_error()
    assert "(fib)" in captured.outputs[0].data["text/plain"], "the next one can record"
    result, captured = shell.profiled("%pikos raise SystemExit(3)")
    result.raise_error()
    assert "SystemExit" in captured.outputs[0].data["text/plain"]


# ---- await ----

ASYNC = """
import asyncio
async def naps(n):
    for _ in range(n):
        await asyncio.sleep(0.001)
    return fib(n)
"""


def rows_of(profile: pikos.stats.Profile) -> dict[str, int | None]:
    return {row.name: row.ncalls for row in profile}


@pytest.fixture(params=["terminal", "notebook"])
def anywhere(shell: Any, request: pytest.FixtureRequest) -> Any:
    """How cells run there: a notebook's event loop runs already."""
    import asyncio

    from IPython.utils.capture import capture_output

    def in_a_notebook(code: str) -> tuple[Any, Any]:
        async def cell() -> Any:
            transformed = shell.transform_cell(code)
            if shell.should_run_async(code, transformed_cell=transformed):
                return await shell.run_cell_async(code, transformed_cell=transformed)
            return shell.run_cell(code)

        with capture_output() as captured:
            result = asyncio.run(cell())
        return result, captured

    run = shell.profiled if request.param == "terminal" else in_a_notebook
    run(ASYNC)[0].raise_error()
    return run


def test_a_cell_may_await(shell: Any, anywhere: Any) -> None:
    code = """%%pikos -r
kept = await naps(3)
async def counts():
    return fib(5)
await asyncio.gather(counts(), asyncio.create_task(naps(4)), asyncio.to_thread(fib, 10))
async for nap in (naps(k) async for k in arange()):
    await nap
"""
    anywhere("async def arange():\n    yield 1\n    yield 2")[0].raise_error()
    result, captured = anywhere(code)
    result.raise_error()
    assert shell.user_ns["kept"] == 2
    rows = rows_of(result.result)
    # fib of 3, 5, 4 and 10, and of 1 and 2; a step more than naps, of each coroutine.
    assert (rows["fib"], rows["naps"], rows["counts"]) == (5 + 15 + 9 + 177 + 1 + 3, 4 + 5 + 2 + 3, 1)
    files = [row.file for row in result.result]
    assert not [file for file in files if "_notebook" in file or "interactiveshell" in file]
    assert not [row.file for row in result.result if row.name == "<module>" and "ipython-input" in row.file]
    (shown,) = captured.outputs[:1]
    assert re.search(r"\d ms in all, \d.* of it waiting\.", shown.data["text/plain"])
    assert ">fib</code>" in shown.data["text/html"]


def test_a_line_may_await_where_its_cell_may(shell: Any, anywhere: Any) -> None:
    anywhere("p = %pikos -q -r -b await naps(3)")[0].raise_error()
    assert rows_of(shell.user_ns["p"])["naps"] == 4
    within = "async def outer():\n    ä = %pikos -q -r await naps(2)\n    return ä\np = await outer()\n%pikos -q await naps(1)"
    anywhere(within)[0].raise_error()
    assert rows_of(shell.user_ns["p"])["naps"] == 3
    result, captured = anywhere("%pikos await naps('x')\nwent_on = True")
    assert isinstance(result.error_in_exec, TypeError) and captured.outputs == [] and "went_on" not in shell.user_ns
    result, captured = anywhere("%pikos await naps(1); raise SystemExit")
    assert "SystemExit was raised" in captured.outputs[0].data["text/plain"]
    anywhere("%pikos -q fib(2)")[0].raise_error()


def test_where_no_cell_can_await(shell: Any) -> None:
    import asyncio

    from IPython.core.error import UsageError

    shell.profiled(ASYNC)
    shell.profiled("def plain():\n    p = %pikos -q -r await naps(2)\n    return p")[0].raise_error()
    # A terminal has no loop that runs.
    assert rows_of(shell.profiled("plain()")[0].result)["naps"] == 3

    async def in_a_notebook() -> Any:
        with pytest.raises(UsageError, match="the event loop runs already"):
            shell.user_ns["plain"]()

    asyncio.run(in_a_notebook())
    shell.profiled("%autoawait off")
    try:
        assert isinstance(shell.profiled("%pikos await naps(1)")[0].error_in_exec, SyntaxError)
    finally:
        shell.profiled("%autoawait on")


def test_what_is_reloaded_awaits_once(shell: Any) -> None:
    before = len(shell.input_transformers_post)
    shell.profiled("%reload_ext pikos")[0].raise_error()
    assert len(shell.input_transformers_post) == before
    shell.profiled(ASYNC)
    shell.profiled("p = %pikos -q -r await naps(2)")[0].raise_error()


def test_ctrl_c_ends_what_is_awaited(shell: Any) -> None:
    shell.profiled("import asyncio, os, signal")
    code = "%pikos asyncio.get_running_loop().call_later(0.01, os.kill, os.getpid(), signal.SIGINT); await asyncio.sleep(60)"
    result, captured = shell.profiled(code)
    assert isinstance(result.error_in_exec, KeyboardInterrupt) or isinstance(
        result.error_before_exec, KeyboardInterrupt
    )
    assert captured.outputs == []
    shell.profiled("p = %pikos -q -r fib(5)")[0].raise_error()
    assert rows_of(shell.user_ns["p"])["fib"] == 15


def test_names_from_the_program_are_no_markup(shell: Any) -> None:
    code = "f = lambda: 1; f.__code__ = f.__code__.replace(co_name='<script>alert(1)</script>', co_qualname='<b>')"
    shell.profiled(code)
    _, captured = shell.profiled("%pikos f()")
    rich = captured.outputs[0].data["text/html"]
    assert "<script>alert" not in rich and "<b>" not in rich
    assert "&lt;b&gt;" in rich


def test_the_statement_is_taken_as_it_stands(shell: Any) -> None:
    shell.user_ns["x"] = 5
    for magic in ("%prun", "%pikos"):
        _, captured = shell.profiled(f"{magic} -q print({{x}}, '{{x}}', '{{{{x}}}}', '$x', '$$x')")
        assert captured.stdout.strip() == "{5} {x} {{x}} $x $$x"
        result, _ = shell.profiled(f"{magic} -q print($x)")
        assert isinstance(result.error_in_exec, SyntaxError)
    _, captured = shell.profiled("%%pikos -q y = {x}\nprint(f'{y} {x}', '{x}')")
    assert captured.stdout == "{5} 5 {x}\n"


def test_the_users_code_has_no_future_imports_of_ours(shell: Any) -> None:
    code = "def f(x: int): 0\nprint(f.__annotations__['x'])\n"
    shell.profiled(f"%%pikos -q\n{code}")[0].raise_error()
    for source in (f"%%pikos -q\n{code}", "%pikos -q exec(code)", f"%%pikos -q import dataclasses\n{code}"):
        shell.user_ns["code"] = code
        _, captured = shell.profiled(source)
        assert captured.stdout == "<class 'int'>\n"
    # One that the user writes there holds.
    _, captured = shell.profiled(f"%%pikos -q from __future__ import annotations\n{code}")
    assert captured.stdout == "int\n"
    _, captured = shell.profiled(f"%%pikos -q\n{code}")
    assert captured.stdout == "<class 'int'>\n"


@pytest.mark.parametrize(
    "raised", ["KeyboardInterrupt", "GeneratorExit", "BaseException", "ZeroDivisionError", "StopIteration"]
)
@pytest.mark.parametrize("magic", ["%prun -q", "%pikos -q", "%pikos"])
def test_an_exception_ends_the_cell(shell: Any, raised: str, magic: str) -> None:
    result, captured = shell.profiled(f"{magic} raise {raised}('ours')\nwent_on = True")
    assert type(result.error_in_exec).__name__ == raised
    assert "went_on" not in shell.user_ns and captured.outputs == []
    result, captured = shell.profiled(f"%%pikos\nfib(2)\nraise {raised}")
    assert type(result.error_in_exec).__name__ == raised and captured.outputs == []
    shell.profiled("%pikos -q fib(2)")[0].raise_error()


def test_a_signal_ends_the_cell(shell: Any) -> None:
    code = (
        "import os, signal\n%pikos -q os.kill(os.getpid(), signal.SIGINT); import time; time.sleep(60)\nwent_on = True"
    )
    result, _ = shell.profiled(code)
    assert isinstance(result.error_in_exec, KeyboardInterrupt)
    assert "went_on" not in shell.user_ns


@pytest.mark.parametrize("limit", ["-1", "-0.5", "1.0", "2.5", "1e9", "inf", "nan", "100000"])
def test_a_number_that_is_no_limit_limits_nothing(shell: Any, limit: str) -> None:
    _, captured = shell.profiled(f"%pikos -l {limit} fib(5)")
    plain = captured.outputs[0].data["text/plain"]
    assert "(fib)" in plain and "builtins.exec" in plain and "more rows" not in plain


@pytest.mark.parametrize("limit", ["0", "0.0"])
def test_no_row_is_shown_where_none_is_wanted(shell: Any, limit: str) -> None:
    _, captured = shell.profiled(f"%pikos -l {limit} fib(5)")
    assert "(fib)" not in captured.outputs[0].data["text/plain"]


def test_a_traceback_has_the_programs_frames_and_lines(shell: Any) -> None:
    for code in ("%pikos nosuch()", "%%pikos a = 1\nnosuch(a)", "%pikos fib(None)"):
        result, captured = shell.profiled(code)
        text = re.sub(r"\x1b\[[\d;]*m", "", captured.stdout + captured.stderr)
        assert result.error_in_exec is not None and "Traceback" in text
        assert "Could not get source" not in text
        assert "magics.py" not in text and "profile.py" not in text and "_notebook" not in text
        assert code.rpartition("\n")[2].removeprefix("%pikos ") in text
    assert "n if n < 2" in text


def test_the_table_reads_as_the_other_views(shell: Any) -> None:
    shell.profiled("import time, re, threading")
    code = "%pikos -g [threading.Lock().acquire() for _ in range(3)]; time.sleep(0.02); re.compile('x+y'); fib(15)"
    _, captured = shell.profiled(code)
    rich = html.unescape(captured.outputs[0].data["text/html"])
    assert "<code>{built-in method time.sleep}</code>" in rich and "<built-in" not in rich
    assert re.search(r"<td>(?:[2-9]\d\.\d|\d{3,}|\d\.\d+\xa0s)", rich), (
        "a call of 20 ms, or more where the machine is busy"
    )
    assert re.search(r"<td>\d+(?:\.\d+)?\xa0(?:µs|ns)</td>", rich) and "<td>0.000000</td><td>" not in rich
    assert re.search(r">re/__init__\.py:\d+</small>", rich)


@pytest.mark.parametrize(
    "seconds, shown",
    [
        (2.5, "2.50&nbsp;s"),
        (0.0125, "12.5&nbsp;ms"),
        (123.4e-6, "123&nbsp;µs"),
        (5e-9, "5.00&nbsp;ns"),
        (1e-10, "0.10&nbsp;ns"),
        (0, "0"),
    ],
)
def test_times_have_units_that_fit(seconds: float, shown: str) -> None:
    from pikos._notebook.html import per_call

    assert per_call(seconds * 4, 4, in_seconds=True) == shown
    assert per_call(seconds, 0, in_seconds=True) == ""


def test_the_frame_is_as_high_as_its_graph(shell: Any) -> None:
    def height(code: str) -> int:
        _, captured = shell.profiled(code)
        (found,) = re.findall(
            r'title="flame graph" style="width: 100%; height: (\d+)px', captured.outputs[0].data["text/html"]
        )
        return int(found)

    flat, deep, deepest = (
        height("%pikos sum([1])"),
        height("%pikos fib(12)"),
        height("%pikos fib(100) if 0 else fib(19)"),
    )
    assert flat < deep < deepest <= 600


def test_profiles_show_themselves(shell: Any) -> None:
    shell.profiled("from pikos.cprofile import Profile\nwith Profile() as p: fib(5)")
    profile = shell.user_ns["p"]
    assert "<td>15/1</td>" in profile._repr_html_() and ">fib</code>" in profile._repr_html_()
    assert "<td>15/1</td>" in pikos.stats.of(profile)._repr_html_()
    shell.profiled("empty = Profile()")
    assert "0 calls" in shell.user_ns["empty"]._repr_html_()


def test_a_profile_with_stacks_shows_the_page(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shell.profiled("from pikos.cprofile import Profile\nwith Profile(tree=True) as p: fib(5)")
    whole = pikos.stats.of(shell.user_ns["p"])
    for profile in (shell.user_ns["p"], whole):
        table, _, frame = profile._repr_html_().partition("<iframe ")
        assert ">fib</code>" in table
        page = html.unescape(re.search('srcdoc="(.*?)"', frame, re.DOTALL)[1])  # type: ignore[index]
        # It runs its own script alone, and can ask nobody for anything.
        assert 'sandbox="allow-scripts"' in frame and "default-src 'none'" in page
        assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    # Some of its rows are no profile of their own.
    assert "<iframe" not in whole[:1]._repr_html_()
    monkeypatch.setattr("pikos._notebook.html.LARGEST_PAGE", 1000)
    assert "<iframe" not in whole._repr_html_() and "export(" in whole._repr_html_()


def test_a_census(shell: Any) -> None:
    result, _ = shell.profiled("%census")
    result.raise_error()
    assert result.result["function"].count > 100
    shell.profiled("class Mine: pass")[0].raise_error()
    shell.profiled("mine = [Mine() for _ in range(7)]")[0].raise_error()
    more = shell.profiled("%census -d")[0].result
    assert more["Mine"].count == 7
    by_module = shell.profiled("%census -m")[0].result
    assert by_module.key == "module"
    assert [row.type for row in shell.profiled("%census __main__.M*")[0].result] == ["Mine"]


@pytest.mark.parametrize(
    ("line", "message"), [("%census Mien", "no object of a type 'Mien'"), ("%census -dm", "no %census before")]
)
def test_a_census_that_can_not_be(shell: Any, line: str, message: str) -> None:
    assert message in str(shell.profiled(line)[0].error_in_exec)


def test_a_census_shows_its_table(shell: Any) -> None:
    from IPython.lib.pretty import pretty

    census = shell.profiled("%census")[0].result
    assert pretty(census).split() == str(census).split()


def test_lprun_shows_lines(shell: Any, tmp_path: Path) -> None:
    result, captured = shell.profiled("%lprun -f fib fib(9)")
    result.raise_error()
    (shown,) = captured.outputs
    plain, rich = shown.data["text/plain"], shown.data["text/html"]
    assert re.search(r"^ +1 +109 .*def fib\(n\)", plain, re.MULTILINE), plain
    assert "<iframe" in rich and "Pikos" in rich
    target = tmp_path / "lines.json"
    result, captured = shell.profiled(f"text = %lprun -r -n 2 -T {target} fib(3)")
    result.raise_error()
    assert "fib  <ipython-input" in shell.user_ns["text"] and "--all" not in shell.user_ns["text"]
    assert '"hits"' in target.read_text()
    for wrong in (
        "%lprun -f nobody fib(1)",
        "%lprun -f len fib(1)",
        "%lprun",
        "%lprun -u often fib(1)",
        "%lprun -n 0 fib(1)",
    ):
        result, captured = shell.profiled(wrong)
        assert "UsageError" in captured.stderr + captured.stdout, wrong


def test_mprun_and_memit_show_memory(shell: Any) -> None:
    shell.profiled("def take():\n    kept = bytearray(b'x') * (40 << 20)\n    return len(kept)\n")
    result, captured = shell.profiled("%mprun -f take take()")
    result.raise_error()
    plain = captured.outputs[0].data["text/plain"]
    assert re.search(r"^ +2 +1 +\+\d+\.\d MiB +\+\d+\.\d MiB .*bytearray", plain, re.MULTILINE), plain
    result, captured = shell.profiled("figures = %memit -o -r 2 take()")
    result.raise_error()
    assert re.match(r"peak memory: [\d,.]+ MiB, increment: \+\d+\.\d MiB\n", captured.stdout)
    peak, increment = shell.user_ns["figures"]
    assert peak > increment > 30 << 20
