"""Profile's surface: how it is made, switched and asked, as cProfile's is. Checked against the running cProfile."""

from __future__ import annotations

import cProfile
import inspect
import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout

import pytest
from running import PATIENCE, evaluate, python, subject

pytestmark = pytest.mark.in_process

profiler = subject()


def leaf() -> int:
    return len("leaf")


def branch() -> int:
    return leaf() + leaf()


def counts(profile: cProfile.Profile) -> dict[str, tuple[int, int]]:
    return {
        entry.code if isinstance(entry.code, str) else entry.code.co_name: (entry.callcount, entry.reccallcount)
        for entry in profile.getstats()
    }


@pytest.fixture
def profile() -> Iterator[cProfile.Profile]:
    profile = profiler.Profile()
    yield profile
    profile.disable()


def test_module_has_all_that_cprofile_has() -> None:
    assert set(cProfile.__all__) <= set(profiler.__all__)
    assert all(hasattr(profiler, name) for name in profiler.__all__)
    public = {name for name in dir(cProfile.Profile) if not name.startswith("_")}
    assert public <= set(dir(profiler.Profile))


def test_native_type_carries_cprofiles_name() -> None:
    native = next(base for base in profiler.Profile.__mro__ if base.__name__ == "Profiler")
    assert f"{native.__module__}.{native.__qualname__}" == "_lsprof.Profiler"


@pytest.mark.parametrize(
    "method", ["run", "runctx", "runcall", "print_stats", "dump_stats", "create_stats", "snapshot_stats"]
)
def test_methods_take_cprofiles_arguments(method: str) -> None:
    def shape(function: object) -> list[tuple[str, object, object]]:
        return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]  # type: ignore[arg-type]

    assert shape(getattr(profiler.Profile, method)) == shape(getattr(cProfile.Profile, method))


@pytest.mark.parametrize("function", ["run", "runctx"])
def test_functions_take_cprofiles_arguments(function: str) -> None:
    def shape(module: object) -> list[tuple[str, object]]:
        return [(p.name, p.default) for p in inspect.signature(getattr(module, function)).parameters.values()]

    assert shape(profiler) == shape(cProfile)


@pytest.mark.parametrize("arguments", [(), (None,), (lambda: 0,), (lambda: 0, 0.5), (lambda: 0, 0.5, False, False)])
def test_constructor_takes_positions(arguments: tuple[object, ...]) -> None:
    assert profiler.Profile(*arguments).getstats() == []


def test_constructor_takes_names() -> None:
    assert profiler.Profile(timer=lambda: 0, timeunit=1.0, subcalls=False, builtins=False).getstats() == []


@pytest.mark.parametrize("wrong", [{"timeunit": "second"}, {"clock": 1}, {"timer": None, "timeunit": None}])
def test_constructor_refuses_wrong_arguments(wrong: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        profiler.Profile(**wrong)


def test_getstats_gives_cprofiles_struct_sequences(profile: cProfile.Profile) -> None:
    profile.runcall(branch)
    control = cProfile.Profile()
    control.runcall(branch)
    (ours,) = (entry for entry in profile.getstats() if entry.code is branch.__code__)
    (theirs,) = (entry for entry in control.getstats() if entry.code is branch.__code__)
    for mine, other in ((ours, theirs), (ours.calls[0], theirs.calls[0])):
        assert isinstance(mine, tuple)
        assert type(mine).__name__ == type(other).__name__
        assert type(mine).__match_args__ == type(other).__match_args__
        assert (type(mine).n_fields, type(mine).n_sequence_fields) == (
            type(other).n_fields,
            type(other).n_sequence_fields,
        )
        assert [type(value) for value in mine] == [type(value) for value in other]
    assert (ours.callcount, ours.reccallcount) == (1, 0)
    assert (ours.calls[0].code, ours.calls[0].callcount, ours.calls[0].reccallcount) == (leaf.__code__, 2, 0)


def test_counts_add_up_over_several_enables(profile: cProfile.Profile) -> None:
    for _ in range(3):
        profile.enable()
        branch()
        profile.disable()
    assert counts(profile) == {
        "branch": (3, 0),
        "leaf": (6, 0),
        "<built-in method builtins.len>": (6, 0),
        "<method 'disable' of '_lsprof.Profiler' objects>": (3, 0),
    }


def test_nothing_is_recorded_while_disabled(profile: cProfile.Profile) -> None:
    branch()
    profile.enable()
    profile.disable()
    branch()
    assert "branch" not in counts(profile)


def test_clear_forgets(profile: cProfile.Profile) -> None:
    profile.enable()
    branch()
    profile.disable()
    profile.clear()
    assert profile.getstats() == []
    profile.enable()
    leaf()
    profile.disable()
    assert counts(profile)["leaf"] == (1, 0)
    assert "branch" not in counts(profile)


def test_disable_twice_does_nothing(profile: cProfile.Profile) -> None:
    profile.enable()
    leaf()
    profile.disable()
    before = counts(profile)
    profile.disable()
    assert counts(profile) == before


def test_getstats_while_enabled_leaves_out_what_has_not_returned(profile: cProfile.Profile) -> None:
    seen = []

    def still_open() -> None:
        leaf()
        seen.append(counts(profile))

    profile.enable()
    still_open()
    profile.disable()
    assert seen[0]["leaf"] == (1, 0)
    assert "still_open" not in seen[0]
    assert counts(profile)["still_open"] == (1, 0)


def test_disable_ends_what_is_open(profile: cProfile.Profile) -> None:
    def outer() -> None:
        inner()

    def inner() -> None:
        profile.disable()

    profile.enable()
    outer()
    assert counts(profile) == {
        "outer": (1, 0),
        "inner": (1, 0),
        "<method 'disable' of '_lsprof.Profiler' objects>": (1, 0),
    }


def test_builtins_off(profile: cProfile.Profile) -> None:
    profile.enable(builtins=False)
    branch()
    profile.disable()
    assert {name for name in counts(profile) if not name.startswith("<")} == {"branch", "leaf"}
    assert not any("len" in name for name in counts(profile))


def test_subcalls_off(profile: cProfile.Profile) -> None:
    profile.enable(subcalls=False)
    branch()
    profile.disable()
    assert counts(profile)["leaf"] == (2, 0)
    assert all(entry.calls is None for entry in profile.getstats())


def test_enable_takes_positions(profile: cProfile.Profile) -> None:
    profile.enable(False, False)
    branch()
    profile.disable()
    assert all(entry.calls is None for entry in profile.getstats())
    assert "<built-in method builtins.len>" not in counts(profile)


@pytest.mark.beyond_cprofile  # from 3.14 on its enable() forgets what the constructor was told
@pytest.mark.parametrize("way", ["enable", "with", "runcall"])
def test_constructors_options_hold(way: str) -> None:
    profile = profiler.Profile(subcalls=False, builtins=False)
    if way == "enable":
        profile.enable()
        branch()
        profile.disable()
    elif way == "with":
        with profile:
            branch()
    else:
        profile.runcall(branch)
    assert "<built-in method builtins.len>" not in counts(profile)
    assert all(entry.calls is None for entry in profile.getstats())


def test_context_manager() -> None:
    with profiler.Profile() as profile:
        branch()
    assert counts(profile)["branch"] == (1, 0)
    branch()
    assert counts(profile)["branch"] == (1, 0)


def test_context_manager_lets_exceptions_pass_and_stops() -> None:
    profile = profiler.Profile()
    with pytest.raises(ZeroDivisionError), profile:
        1 / 0  # noqa: B018
    branch()
    assert "branch" not in counts(profile)


def test_runcall_passes_arguments_result_and_exception() -> None:
    profile = profiler.Profile()
    assert profile.runcall(divmod, 7, 2) == (3, 1)
    assert profile.runcall(dict, func=1, self=2) == {"func": 1, "self": 2}
    with pytest.raises(ZeroDivisionError):
        profile.runcall(divmod, 1, 0)
    branch()
    assert "branch" not in counts(profile)


def test_runctx_uses_the_namespaces_and_returns_the_profile() -> None:
    profile = profiler.Profile()
    names: dict[str, object] = {"branch": branch}
    assert profile.runctx("result = branch()", names, names) is profile
    assert names["result"] == 8
    assert counts(profile)["branch"] == (1, 0)


def test_run_is_in_main() -> None:
    got = evaluate("""
        def work(): return 1
        profile = Profile()
        assert profile.run("kept = work()") is profile
        answer([kept, sum(e.callcount for e in profile.getstats() if e.code is work.__code__)])
    """)
    assert got == [1, 1]


def test_profile_run_does_not_swallow_system_exit() -> None:
    with pytest.raises(SystemExit):
        profiler.Profile().runctx("raise SystemExit(3)", {}, {})


def test_module_run_swallows_system_exit_and_prints() -> None:
    got = evaluate("""
        import io
        from contextlib import redirect_stdout
        def work(): raise SystemExit(3)
        texts = []
        for statement in ("work()", "profiler.__name__"):
            with redirect_stdout(io.StringIO()) as out:
                profiler.run(statement, sort="name")
            texts.append(out.getvalue())
        answer(texts)
    """)
    assert "(work)" in got[0] and "Ordered by: function name" in got[0]
    assert "function calls in" in got[1]


def test_module_runctx_writes_a_file_even_when_the_statement_fails(tmp_path: object) -> None:
    got = evaluate(f"""
        import pstats
        path = {str(tmp_path)!r} + "/out.pstats"
        def work(): raise LookupError("of the program")
        try:
            profiler.runctx("work()", {{"work": work}}, {{}}, path)
        except LookupError as error:
            answer([str(error), [name for _, _, name in pstats.Stats(path).stats if name == "work"]])
    """)
    assert got == ["of the program", ["work"]]


@pytest.mark.parametrize(
    "call",
    [
        "profiler.run(text, os.devnull)",
        "profiler.runctx(text, space, None, os.devnull)",
        "profiler.runctx(text, space, {}, os.devnull)",
        "Profile().run(text)",
        "Profile().runctx(text, space, space)",
        "Profile().runctx(text, space, {})",
        "Profile().runctx(text.encode(), space, space)",
        "Profile().runcall(exec, text, space)",
    ],
)
def test_text_is_compiled_without_future_imports_of_ours(call: str) -> None:
    lines = [
        "@dataclass",
        "class Point:",
        "    x: int",
        "    kind: ClassVar[str] = 'a'",
        "seen[:] = [str(Point.__annotations__['x']), [field.name for field in fields(Point)]]",
    ]
    text = "\n".join(lines)
    names = "import os; from dataclasses import *; from typing import ClassVar; seen = []; space = globals()"
    found = evaluate(f"{names}; text = {text!r}; {call}; answer(seen)")
    assert found == ["<class 'int'>", ["x"]]


def test_subclass_with_its_own_init_and_hooks() -> None:
    class Counting(profiler.Profile):  # type: ignore[name-defined,misc]
        def __init__(self, label: str, **options: object) -> None:
            super().__init__(**options)
            self.label = label
            self.enabled = 0

        def enable(self, *args: object, **kwargs: object) -> None:
            self.enabled += 1
            super().enable(*args, **kwargs)

    profile = Counting("mine", builtins=True)
    with profile:
        branch()
    profile.runcall(branch)
    assert (profile.label, profile.enabled, counts(profile)["branch"]) == ("mine", 2, (2, 0))


def test_subclass_with_a_timer_that_is_its_method() -> None:
    class OwnClock(profiler.Profile):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            self.now = 0
            super().__init__(self.clock, 1.0)

        def clock(self) -> int:
            self.now += 1
            return self.now

    profile = OwnClock()
    profile.enable()
    leaf()
    profile.disable()
    times = {
        getattr(entry.code, "co_name", entry.code): (entry.totaltime, entry.inlinetime) for entry in profile.getstats()
    }
    assert times["leaf"] == (3.0, 2.0)
    assert times["<built-in method builtins.len>"] == (1.0, 1.0)


def test_use_without_init_does_not_crash() -> None:
    assert profiler.Profile.__new__(profiler.Profile).getstats() == []


def test_init_again_starts_anew_with_new_options(profile: cProfile.Profile) -> None:
    profile.__init__(lambda: 1)  # type: ignore[misc]
    profile.enable()
    branch()
    profile.disable()
    assert all(entry.totaltime == 0 for entry in profile.getstats())


def test_init_again_while_enabled_takes_effect_at_once(profile: cProfile.Profile) -> None:
    readings = [0]

    def timer() -> int:
        readings.append(readings[-1] + 1)
        return readings[-1]

    profile.enable()
    branch()
    branch()
    profile.__init__(timer)  # type: ignore[misc]
    branch()
    profile.disable()
    assert len(readings) > 4


@pytest.mark.beyond_cprofile  # on 3.11 it is no part of the garbage collection
def test_profile_is_collected_in_a_cycle() -> None:
    assert evaluate("""
        import gc, weakref
        class Mine(Profile):
            def clock(self): return 0
        mine = Mine()
        Profile.__init__(mine, mine.clock)
        mine.itself = mine
        gone = weakref.ref(mine)
        del mine
        gc.collect()
        answer(gone() is None)
    """)


def test_enable_twice_keeps_counting_or_refuses_as_cprofile_does() -> None:
    code = """
        def leaf(): pass
        profile = Profile()
        profile.enable()
        leaf()
        try:
            profile.enable()
            refused = None
        except ValueError:
            refused = "ValueError"
        leaf()
        profile.disable()
        leaf()
        answer([refused, [e.callcount for e in profile.getstats() if e.code is leaf.__code__]])
    """
    assert evaluate(code) == evaluate(code, profiler="cProfile")


def test_interpreter_is_left_as_it_was() -> None:
    got = evaluate("""
        import sys, threading
        def state():
            seen = {"profile": sys.getprofile() is None, "trace": sys.gettrace() is None, "threading": threading.getprofile() is None,
                    "limit": sys.getrecursionlimit(), "switch": sys.getswitchinterval()}
            if hasattr(sys, "monitoring"):
                seen["tools"] = [sys.monitoring.get_tool(tool) for tool in range(6)]
                seen["events"] = [sys.monitoring.get_events(tool) if sys.monitoring.get_tool(tool) else 0 for tool in range(6)]
            return seen
        before = state()
        profile = Profile()
        profile.enable()
        during = state()
        profile.disable()
        answer([before, during, state()])
    """)
    before, during, after = got
    assert before == after
    assert before != during  # or the test looked at the wrong things


@pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring came with 3.12")
def test_tool_is_registered_under_cprofiles_name() -> None:
    assert evaluate("""
        import sys
        profile = Profile()
        profile.enable()
        name = sys.monitoring.get_tool(sys.monitoring.PROFILER_ID)
        profile.disable()
        answer([name, sys.monitoring.get_tool(sys.monitoring.PROFILER_ID)])
    """) == ["cProfile", None]


def test_import_pulls_in_nothing_heavy() -> None:
    got = set(evaluate("answer([name for name in sys.modules])"))
    assert not got & {
        "pstats",
        "threading",
        "asyncio",
        "inspect",
        "typing",
        "dataclasses",
        "argparse",
        "optparse",
        "socket",
    }


def test_print_stats_sorts_by_each_key(profile: cProfile.Profile) -> None:
    profile.runcall(branch)
    for sort, heading in (
        ("cumulative", "Ordered by: cumulative time"),
        (2, "Ordered by: cumulative time"),
        ("tottime", "Ordered by: internal time"),
        (-1, "Ordered by: standard name"),
    ):
        with redirect_stdout(io.StringIO()) as out:
            profile.print_stats(sort)
        assert heading in out.getvalue()
        assert "(branch)" in out.getvalue()


@pytest.mark.beyond_cprofile  # it takes a tuple from 3.13 on
def test_print_stats_sorts_by_a_tuple(profile: cProfile.Profile) -> None:
    profile.runcall(branch)
    with redirect_stdout(io.StringIO()) as out:
        profile.print_stats(("calls", "name"))
    assert "Ordered by: call count, function name" in out.getvalue()


def test_print_stats_refuses_an_unknown_key(profile: cProfile.Profile) -> None:
    profile.runcall(branch)
    with pytest.raises(KeyError), redirect_stdout(io.StringIO()):
        profile.print_stats("beauty")


def test_snapshot_and_create_stats(profile: cProfile.Profile) -> None:
    def label(function: object) -> tuple[str, int, str]:
        code = function.__code__  # type: ignore[attr-defined]
        return (code.co_filename, code.co_firstlineno, code.co_name)

    profile.enable()
    branch()
    profile.snapshot_stats()
    first = profile.stats[label(branch)]
    branch()
    profile.create_stats()
    cc, nc, tottime, cumtime, callers = profile.stats[label(leaf)]
    assert (first[0], profile.stats[label(branch)][0], cc, nc) == (1, 2, 4, 4)
    assert 0 <= tottime <= cumtime
    ((caller, (caller_nc, caller_cc, _, caller_cumtime)),) = callers.items()
    assert (caller, caller_nc, caller_cc) == (label(branch), 4, 4)
    assert caller_cumtime == pytest.approx(cumtime)
    branch()
    profile.snapshot_stats()
    assert profile.stats[label(branch)][0] == 2  # create_stats() stopped the recording


def test_recursion_puts_counts_in_cprofiles_order() -> None:
    code = """
        def descend(depth):
            if depth: descend(depth - 1)
        profile = Profile()
        profile.enable()
        descend(4)
        descend(0)
        profile.disable()
        profile.create_stats()
        row = next(row for (_, _, name), row in profile.stats.items() if name == "descend")
        answer([row[:2], [caller[:2] for caller in row[4].values()]])
    """
    assert evaluate(code) == evaluate(code, profiler="cProfile") == [[2, 6], [[4, 1]]]


def test_one_liner_prints_the_table() -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import re, {profiler.__name__} as c; c.run('re.compile(\"foo|bar\")')"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "ncalls  tottime  percall  cumtime  percall filename:lineno(function)" in done.stdout


def test_conflict_with_another_profiler_is_an_error_that_names_it() -> None:
    if sys.version_info < (3, 12):
        pytest.skip("before 3.12 a second profiler silently replaces the first, as sys.setprofile does")
    run = python(
        [
            "-c",
            f"""
import sys, {profiler.__name__} as profiler
sys.monitoring.use_tool_id(sys.monitoring.PROFILER_ID, "somebody else")
try:
    profiler.Profile().enable()
except ValueError as error:
    print(error)
print(sys.monitoring.get_tool(sys.monitoring.PROFILER_ID))
""",
        ]
    ).succeeded()
    message, owner = run.out.splitlines()
    assert owner == "somebody else"
    if profiler.__name__ != "cProfile":
        assert "somebody else" in message
