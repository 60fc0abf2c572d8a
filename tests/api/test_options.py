"""What a recording is asked to do is written down once: all who offer it, say it or hand it on, agree with that."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from running import python

pytestmark = pytest.mark.beyond_cprofile


@pytest.fixture
def options() -> Any:
    from pikos._options import Options

    return Options


def ranged(options: Any) -> Iterator[Any]:
    return (each for each in options.OPTIONS.values() if each.least is not None)


def recorder(option: Any) -> Any:
    """Who takes an option."""
    from pikos.cprofile import Profile
    from pikos.sampling import Sampler

    return Sampler if option.of == "sampling" else Profile


def with_number(option: Any, number: float) -> dict[str, object]:
    """The arguments that ask for a number of an option."""
    value = ("file", number) if option.name == "checkpoint" else number
    # That it samples need not be said to a sampler.
    needs = {option.needs: True} if option.needs not in (None, "sample") else {}
    return {option.name: value, **needs}


def test_profiles_and_live_profiles_take_them_by_name_with_their_defaults(options: Any) -> None:
    from pikos import live
    from pikos.cprofile import Profile
    from pikos.sampling import Sampler

    # cProfile's own, and what another monitor counts beside it.
    others = ["timer", "timeunit", "subcalls", "objects"]
    taken = {name: each.default for name, each in inspect.signature(Profile).parameters.items() if name not in others}
    # A Profile waits for its enable().
    assert taken == {
        name: each.default for name, each in options.OPTIONS.items() if name != "paused" and each.of != "sampling"
    }

    taken = {name: each.default for name, each in inspect.signature(Sampler).parameters.items()}
    # A sample is a stack.
    assert taken.pop("tree") is True
    # What None stands for.
    assert taken.pop("rate") == 100
    untaken = ("paused", "sample", "tree", "rate")
    assert taken == {
        name: each.default
        for name, each in options.OPTIONS.items()
        if name not in untaken and (each.of != "counting" or name in ("tree_depth", "tree_nodes"))
    }

    parameters = inspect.signature(live.start).parameters.values()
    started = {each.name: each.default for each in parameters if each.kind is not each.VAR_KEYWORD}
    # Who asks for a process wants all of it, live, and may say where.
    assert started.pop("threads") is True and started.pop("endpoint") is None
    assert started == {name: options.OPTIONS[name].default for name in started}


def test_they_never_change(options: Any) -> None:
    asked = options(interval=2, live=True)
    for change in (
        lambda: setattr(asked, "interval", 3),
        lambda: delattr(asked, "interval"),
        lambda: setattr(asked, "new", 1),
    ):
        with pytest.raises(AttributeError):
            change()
    other = asked.but(interval=3)
    assert (asked.interval, other.interval, other.live) == (2, 3, True)
    assert asked == options(live=True, interval=2) != other
    with pytest.raises(TypeError, match="intervall"):
        options(intervall=1)


def test_what_children_are_told_arrives(options: Any) -> None:
    endpoint = "tcp://127.0.0.1:9001"
    asked = options(
        builtins=False,
        threads=False,
        hook="fast",
        compensate=True,
        gil_wait="out",
        times="sampled",
        distribution=True,
        cpu=True,
        gc=True,
        tree=True,
        tree_depth=7,
        tree_nodes=70,
        tasks=True,
        generators=True,
        slow_step=0.25,
        label_sets=7,
        include="^a;b",
        exclude="%3B",
        sample=True,
        rate=50.5,
        mode="cpu",
        budget=0.02,
        live=endpoint,
        interval=0.125,
        remote=True,
        follow=True,
        checkpoint=("out", 3.0),
        paused=True,
    )
    # All differ from the defaults, so that one that is forgotten is missed. A context is nothing for another process.
    assert asked.wishes().keys() == options.OPTIONS.keys() - {"connect", "context"}
    told = asked.for_children()
    # The endpoint is bound by the parent, and so is the file its own.
    assert told == asked.but(live=True, remote=False, checkpoint=None)
    assert options.decoded(told.encoded()) == told

    connected = asked.but(connect=True).for_children()
    assert (connected.live, connected.connect, connected.remote) == (endpoint, True, True)
    assert options.decoded({**connected.encoded(), "pid": "7"}) == connected
    assert options.decoded(options(live=False).encoded()) == options()


def test_what_another_process_is_asked_to_start(options: Any) -> None:
    from pikos import live

    asked = options(live="tcp://127.0.0.1:9001", interval=1, builtins=False, hook="fast", tree=True).for_start()
    assert asked == {"endpoint": "tcp://127.0.0.1:9001", "interval": 1, "builtins": False, "hook": "fast", "tree": True}
    assert asked.keys() <= inspect.signature(live.start).parameters.keys()


def test_ranges_are_checked(options: Any) -> None:
    for option in ranged(options):
        taker = recorder(option)
        edges = [option.least] if option.most is None else [option.least, option.most]
        for number in edges:
            taker(**with_number(option, number))
        beyond = [option.least * 0.99 if isinstance(option.least, float) else option.least - 1, -1, math.nan]
        for number in [*beyond, *([] if option.most is None else [option.most * 1.01 + 1])]:
            with pytest.raises(ValueError, match=f"{option.name} must be .*{option.range()}.*, got {number!r}"):
                taker(**with_number(option, number))
        with pytest.raises(TypeError, match=f"{option.name} must be a number, got 'many'"):
            taker(**with_number(option, "many"))


def test_the_publisher_knows_the_same_intervals(options: Any) -> None:
    """It has a range of its own, for requests to change it."""
    from pikos._lsprof import Profiler

    option = options.OPTIONS["interval"]
    plain = {name: each.default for name, each in options.OPTIONS.items()}
    for number, fits in [
        (option.least, True),
        (option.most, True),
        (math.nextafter(option.least, 0), False),
        (math.nextafter(option.most, math.inf), False),
    ]:
        asked: Any = SimpleNamespace(**{**plain, "live": True, "interval": number}, wishes=dict)
        if fits:
            Profiler(options=asked)
        else:
            with pytest.raises(ValueError, match="interval"):
                Profiler(options=asked)


@pytest.mark.parametrize(
    "name", ["threads", "hook", "compensate", "tree", "live", "connect", "remote", "follow", "checkpoint"]
)
def test_what_is_nothing_of_the_kind_is_named(name: str) -> None:
    from pikos.cprofile import Profile

    wrong: Any = {name: 1j, **({"live": True} if name in ("connect", "remote", "follow") else {})}
    if name == "checkpoint":
        wrong = {name: ("file", 1, 2)}
    with pytest.raises(TypeError, match=f"{name} can't be "):
        Profile(**wrong)


def test_the_native_profiler_reads_names(options: Any) -> None:
    from pikos._lsprof import Profiler

    values = {name: each.default for name, each in options.OPTIONS.items()}
    asked: Any = SimpleNamespace(**{**values, "tree": True, "threads": False}, wishes=dict)
    profiler = Profiler(options=asked)
    assert profiler.tree and profiler.threads is False
    del asked.tree
    with pytest.raises(AttributeError, match="tree"):
        Profiler(options=asked)


@pytest.mark.parametrize(("command", "other"), [("pikos.cprofile", "sampling"), ("pikos.sampling", "counting")])
def test_help_has_all_flags_with_their_ranges(options: Any, command: str, other: str) -> None:
    text = python(["-m", command, "--help"], env={"COLUMNS": "1000"}).succeeded().out
    assert text.index("\nExamples:\n") > text.index("--paused")
    flat = " ".join(text.split())
    for option in options.OPTIONS.values():
        for flag in option.flags:
            # That a command samples is in its name.
            if option.of == other or flag.name == "--sample":
                assert flag.help not in flat
                continue
            assert flag.name in flat
            assert flag.help in flat
            assert option.range(is_typed=True) in flat


def test_flags_are_documented(options: Any) -> None:
    folder = Path(__file__).parents[2]
    pages = [folder / "README.md", *(folder / "docs").rglob("*.md")]
    text = "\n".join(page.read_text() for page in pages)
    flags = [flag.name for option in options.OPTIONS.values() for flag in option.flags]
    assert len(flags) > 10
    assert [name for name in flags if f"`{name}" not in text] == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--interval", "1"], "--interval has no effect without --live: add --live"),
        (["--connect"], "--connect has no effect without --live: add --live"),
        (["--live-remote"], "--live-remote has no effect without --live: add --live"),
        (["--checkpoint", "9"], "--checkpoint writes the file of -o: add -o OUT"),
        (["-o", "x", "--checkpoint", "many"], "--checkpoint must be from 0.1 to 86,400 seconds, got 'many'"),
        (["--include", "("], "include is not a regular expression"),
        (["-o", "x", "--checkpoint", "0.01"], "--checkpoint must be from 0.1 to 86,400 seconds, got '0.01'"),
    ],
)
def test_the_launcher_says_what_is_wrong_and_what_to_do(tmp_path: Path, arguments: list[str], words: str) -> None:
    run = python(["-m", "pikos.cprofile", *arguments, "-c", "print(1)"], cwd=tmp_path)
    assert (run.code, run.out) == (2, "")
    assert f"\npython -m pikos.cprofile: error: {words}" in run.err
    assert list(tmp_path.iterdir()) == []
