"""What a recording is asked to do. Each option is written down here, once.

``Profile`` and ``pikos.live.start`` take these by name and are checked here. The launcher's flags, its ``--help`` and its errors are
made of them (``_launcher/options.py``). ``--follow`` hands them to other processes as text, ``pikos attach`` by name, and the
native ``Profiler`` reads them by name (``lsprof-rs/src/session/options.rs``). A new one is a line in ``Options``, an argument of ``Profile`` that is
handed on, and a field of ``Asked`` there.

``Options`` is a frozen dataclass with slots in all but name: importing ``dataclasses``, which brings ``inspect`` and ``ast``, takes more
than half as many instructions as all that the launcher does before the program begins.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, Self, TypeVar

    T = TypeVar("T")

#: What ``--fast`` stands for, on the launcher's command line and that of ``pikos attach``.
FAST = {"hook": "fast", "builtins": False}

#: What an option is of that is not of both.
COUNTING, SAMPLING = "counting", "sampling"

#: Names of files that are made of full stacks.
STACKS = "x.speedscope.json, .folded, .html, .svg, .pb.gz or .firefox.json"


class Flag:
    """How the launcher's command line asks for an option.

    sets: what it means, option by option; None if a text must follow it. metavar: what follows it; with ``sets``, it may be missing.
    """

    __slots__ = ("help", "metavar", "name", "sets")

    def __init__(
        self, name: str, help: str, sets: "Mapping[str, object] | None" = None, metavar: str | None = None
    ) -> None:
        self.name = name
        self.help = help
        self.sets = sets
        self.metavar = metavar


class Option:
    """One option: its name, its default, and what else there is to know of it.

    flags: those of the launcher. needs: the option without which it has no effect. read: makes a value of a text. least, most, unit: of a
    number. is_share: a share of 1, which is typed in percent. choices: the texts that it may be. of: COUNTING or SAMPLING, where it
    is for one of these alone.
    """

    __slots__ = ("choices", "default", "flags", "is_share", "least", "most", "name", "needs", "of", "read", "unit")

    def __init__(
        self,
        default: object,
        flags: "tuple[Flag, ...]" = (),
        needs: str | None = None,
        read: "Callable[[str], object] | None" = None,
        least: float | None = None,
        most: float | None = None,
        unit: str = "",
        choices: tuple[str, ...] = (),
        is_share: bool = False,
        of: str = "",
    ) -> None:
        self.name = ""
        self.default = default
        self.flags = flags
        self.needs = needs
        self.read = read
        self.least = least
        self.most = most
        self.unit = unit
        self.choices = choices
        self.is_share = is_share
        self.of = of

    def typed(self, text: str) -> object:
        """The value of what a user has typed."""
        if self.is_share:
            return float(text.removesuffix("%")) / 100
        return self.read(text) if self.read else text

    def range(self, is_typed: bool = False) -> str:
        """In words, as a user types it or as a program has it; empty if it has none."""
        if self.least is None:
            return ""
        factor = 100 if is_typed and self.is_share else 1
        least = number(self.least * factor)
        return f"at least {least}" if self.most is None else f"{least} to {number(self.most * factor)}"

    def typed_default(self) -> str:
        """What a user would type for it."""
        return number(100 * self.default) if self.is_share else str(self.default)  # type: ignore[operator]

    def check(self, value: object, name: str = "") -> None:
        """Raise ValueError for a number out of range or a text that is no choice, TypeError for what is no number. name: what it was
        called."""
        if self.choices:
            if value not in self.choices:
                raise self.refusal(value, name)
            return
        # NaN is nowhere.
        try:
            fits = self.least is None or (self.least <= value and (self.most is None or value <= self.most))  # type: ignore[operator]
        except TypeError:
            raise TypeError(f"{name or self.name} must be a number, got {value!r}") from None
        if not fits:
            raise self.refusal(value, name)

    def refusal(self, value: object, name: str = "") -> ValueError:
        """What is said of a value that can't be."""
        if self.choices:
            return ValueError(f"{name or self.name} must be {' or '.join(self.choices)}, got {value!r}")
        is_typed = name.startswith("-")
        words = self.range(is_typed) if self.most is None else f"from {self.range(is_typed)}"
        unit = " percent" if is_typed and self.is_share else self.unit and f" {self.unit}"
        return ValueError(f"{name or self.name} must be {words}{unit}, got {value!r}")


def option(default: object, *flags: "Flag", **facts: "Any") -> "Any":
    """An option, as a class attribute of any type."""
    return Option(default, flags, **facts)


def number(value: float) -> str:
    """As a person writes it."""
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


def seconds(text: str) -> float:
    """A time as a person writes it: ``0.05``, ``0.05s``, ``50ms``, ``50us``."""
    for unit, factor in (("ms", 1e3), ("us", 1e6), ("s", 1.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) / factor
    return float(text)


def yes_or_no(text: str) -> bool:
    return text == "1"


def whether_or_where(text: str) -> bool | str:
    """``live`` as the environment has it: 1, or an endpoint; 0 or nothing for a profile that isn't live."""
    return text == "1" or (text not in ("", "0") and text)


def frozen(body: "type[T]") -> "type[T]":
    """The class with a slot for each of its options, and ``OPTIONS``, all of them by name."""
    options = {name: value for name, value in vars(body).items() if isinstance(value, Option)}
    for name, each in options.items():
        each.name = name
    rest = {
        name: value
        for name, value in vars(body).items()
        if name not in options and name not in ("__dict__", "__weakref__")
    }
    return type(body.__name__, body.__bases__, {**rest, "__slots__": tuple(options), "OPTIONS": options})


@frozen
class Options:
    """What a recording is asked to do. Never changes. ValueError for a number that is out of range."""

    if TYPE_CHECKING:
        OPTIONS: "Mapping[str, Option]"

    #: Count built-ins, too.
    builtins: bool = option(True, read=yes_or_no, of=COUNTING)
    #: True: all threads; False: the one that enables it; None: those that the interpreter's own cProfile covers.
    threads: bool | None = option(
        None,
        Flag("--threads", "profile all threads", {"threads": True}),
        Flag("--no-threads", "profile the main thread only", {"threads": False}),
        read=yes_or_no,
        of=COUNTING,
    )
    #: Cover the context that enables the profile and those copied from it, in whatever thread. Not for the launcher, whose program is all.
    context: bool = option(False, of=COUNTING)
    #: How many sets of ``pikos.label`` are told apart; 0: none.
    label_sets: int = option(
        1_000,
        Flag(
            "--label-sets",
            "tell at most N sets of `pikos.label` apart, and count the rest as one; 0: none",
            metavar="N",
        ),
        least=0,
        most=100_000,
        read=int,
        of=COUNTING,
    )
    #: "frame-eval", "fast", or None for the interpreter's ordinary hook.
    hook: str | None = option(
        None,
        Flag("--fast", "count Python functions only, not built-ins, in the cheapest way that this release has", FAST),
        read=str,
        of=COUNTING,
    )
    #: Take what recording itself costs out of the times.
    compensate: bool = option(
        False,
        Flag("--compensate", "take the cost of recording itself out of the times", {"compensate": True}),
        read=yes_or_no,
        of=COUNTING,
    )
    #: What threads wait for the GIL: "keep" it in the times, as cProfile does, or take it "out".
    gil_wait: str = option(
        "keep",
        Flag(
            "--gil-wait",
            "out: take the time that threads wait for the GIL out of their functions' times, and tell it apart; keep: leave it in, "
            "as cProfile does (default keep; of pikos run, out)",
            metavar="keep|out",
        ),
        read=str,
        choices=("keep", "out"),
        of=COUNTING,
    )
    #: How times are found: "exact", by the clock at each call; or "sampled", by looks at the stacks, while calls are counted
    #: as ever.
    times: str = option(
        "exact",
        Flag(
            "--times",
            "sampled: count each call, and find the times by looks at the stacks, --rate times a second, which costs the "
            "program less; exact: read the clock at each call (default exact)",
            metavar="exact|sampled",
        ),
        read=str,
        choices=("exact", "sampled"),
        of=COUNTING,
    )
    #: Keep how long each call took, by function.
    distribution: bool = option(
        False,
        Flag(
            "--distribution",
            "keep how long each call took: p50, p90, p99, p99.9, the quickest and the slowest of each function",
            {"distribution": True},
        ),
        read=yes_or_no,
        of=COUNTING,
    )
    #: Keep what a processor had of each function, beside the time of the clock.
    cpu: bool = option(
        False,
        Flag(
            "--cpu",
            "tell apart how long a processor was at work on each function: the rest of its time is waiting",
            {"cpu": True},
        ),
        read=yes_or_no,
        of=COUNTING,
    )
    #: Count collections of garbage as calls of a function ``<gc>``.
    gc: bool = option(
        False,
        Flag("--gc", "count collections of garbage as calls of a function <gc>", {"gc": True}),
        read=yes_or_no,
        of=COUNTING,
    )
    #: Keep the calls and times of each full stack.
    tree: bool = option(
        False,
        Flag(
            "--tree",
            "keep full stacks: in the file of -o (.pikos, if its name has no ending of another format), and for pikos top, with "
            f"--live; a file that is made of them, -o {STACKS}, has them anyway",
            {"tree": True},
        ),
        read=yes_or_no,
        of=COUNTING,
    )
    #: A call below so many others gets no stack of its own ...
    tree_depth: int = option(1000, read=int, least=1, most=2**32 - 1)
    #: ... nor does one that needs a node beyond so many (about 70 bytes each).
    tree_nodes: int = option(500_000, read=int, least=1)
    #: Follow coroutines and tasks: how long each ran and was parked.
    tasks: bool = option(
        False,
        Flag(
            "--tasks",
            "follow coroutines and tasks: how long each ran and how long it waited, who awaits whom, and what blocks the event loop",
            {"tasks": True},
        ),
        read=yes_or_no,
        of=COUNTING,
    )
    #: Follow generators, too.
    generators: bool = option(
        False,
        Flag("--generators", "with --tasks: follow generators, too", {"tasks": True, "generators": True}),
        read=yes_or_no,
        of=COUNTING,
    )
    #: Seconds: steps of tasks that took as long block the loop, and are listed.
    slow_step: float = option(
        0.05,
        Flag(
            "--slow-step",
            "list the steps of tasks that keep the event loop for S seconds or longer; 50ms is fine, too",
            metavar="S",
        ),
        needs="tasks",
        read=seconds,
        least=0.0001,
        most=3600.0,
        unit="seconds",
        of=COUNTING,
    )
    #: Show only functions that this regular expression finds in ``file:line(name)`` (``{name}`` of a built-in); the time of all
    #: others is their callers'.
    include: str | None = option(
        None,
        Flag(
            "--include",
            "show only functions whose file:line(name) matches this regular expression; the time of all others goes to their "
            "callers",
            metavar="REGEX",
        ),
        read=str,
        of=COUNTING,
    )
    #: Don't show those that this one finds.
    exclude: str | None = option(
        None,
        Flag(
            "--exclude",
            "don't show functions whose file:line(name) matches this regular expression; their time goes to their callers",
            metavar="REGEX",
        ),
        read=str,
        of=COUNTING,
    )
    #: Look at the stacks of all threads now and then, instead of counting their calls.
    sample: bool = option(
        False,
        Flag(
            "--sample",
            "look at the stacks of all threads now and then instead of counting calls: cheap enough for production",
            {"sample": True},
        ),
        read=yes_or_no,
        of=SAMPLING,
    )
    #: How many looks a second; None: 100 for samples, 1,000 for sampled times.
    rate: float | None = option(
        None,
        Flag(
            "--rate",
            "look at the stacks HZ times a second (default 100; of --times sampled, 1000)",
            metavar="HZ",
        ),
        read=float,
        least=0.1,
        most=10_000,
        unit="looks a second",
    )
    #: What counts: "wall", all threads, whatever they do; "cpu", those that a processor is at work on; "gil", the one that has the GIL.
    mode: str = option(
        "wall",
        Flag(
            "--mode",
            "which threads count in a sample. wall: all; cpu: those that run or wait for a processor; gil: the one that holds the GIL "
            "(default wall). Times are those of the clock",
            metavar="wall|cpu|gil",
        ),
        needs="sample",
        read=str,
        choices=("wall", "cpu", "gil"),
        of=SAMPLING,
    )
    #: Of one processor's time this share at most goes to sampling: the rate is lowered where it would be more.
    budget: float = option(
        0.01,
        Flag(
            "--budget",
            "let sampling take at most PERCENT of a processor; where it would take more, it samples less often",
            metavar="PERCENT",
        ),
        needs="sample",
        read=float,
        is_share=True,
        least=0.0001,
        most=1.0,
        of=SAMPLING,
    )
    #: Publish the numbers while they grow; a text is an endpoint where they are published, too.
    live: bool | str = option(
        False,
        Flag(
            "--live",
            "publish the numbers while the program runs, for pikos top and others; --live=ENDPOINT publishes them there, too "
            "(tcp://127.0.0.1:9001 or ipc:///path)",
            {"live": True},
            "ENDPOINT",
        ),
        read=whether_or_where,
    )
    #: Seconds from one message to the next.
    interval: float = option(
        0.5,
        Flag("--interval", "send a message every S seconds", metavar="S"),
        needs="live",
        read=float,
        least=0.02,
        most=60.0,
        unit="seconds",
    )
    #: The subscriber binds the endpoint, so connect to it.
    connect: bool = option(
        False,
        Flag("--connect", "connect to ENDPOINT, which the subscriber binds", {"connect": True}),
        needs="live",
        read=yes_or_no,
    )
    #: The endpoint may be beyond this host's loopback.
    remote: bool = option(
        False,
        Flag(
            "--live-remote",
            "allow an ENDPOINT that other hosts can reach; whoever reaches it can read the profile",
            {"remote": True},
        ),
        needs="live",
        read=yes_or_no,
    )
    #: Profile the processes that this one makes, too: of a ``Profile``, those of ``os.fork``; of the launcher, all Pythons.
    follow: bool = option(
        False,
        Flag(
            "--follow",
            "profile the Python processes that the program starts, too: live, or each into OUT with its process number",
            {"follow": True},
        ),
        read=yes_or_no,
    )
    #: (file, seconds): write the profile so far to that file so often. Children have files of their own.
    checkpoint: tuple[str, float] | None = option(
        None,
        Flag(
            "--checkpoint",
            "write the file of -o every S seconds, so that a program that is killed leaves one",
            metavar="S",
        ),
        least=0.1,
        most=86_400.0,
        read=float,
        unit="seconds",
    )
    #: Record nothing before a subscriber asks for it. Not for ``Profile``, which waits for its enable() anyway.
    paused: bool = option(
        False,
        Flag("--paused", "record nothing until `pikos ctl resume`", {"paused": True}),
        needs="live",
        read=yes_or_no,
    )

    def __init__(self, **asked: "Any") -> None:
        for name, each in self.OPTIONS.items():
            object.__setattr__(self, name, asked.pop(name, each.default))
        if asked:
            raise TypeError(f"there is no option {', '.join(asked)}")
        for name, each in self.OPTIONS.items():
            if each.choices:
                each.check(getattr(self, name))
            elif each.least is not None and (each.needs is None or getattr(self, each.needs) is not False):
                value = getattr(self, name)
                if value is None and each.default is None:
                    continue
                if name == "checkpoint":
                    if not isinstance(value, tuple):
                        continue
                    value = value[-1]
                each.check(value)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("options can't be changed: but() returns a changed copy")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("options can't be changed: but() returns a changed copy")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Options) and self.wishes() == other.wishes()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Options({', '.join(f'{name}={value!r}' for name, value in self.wishes().items())})"

    def but(self, **others: "Any") -> "Self":
        """The same but for these."""
        return type(self)(**{**self.wishes(), **others})

    def wishes(self) -> "dict[str, Any]":
        """What differs from the defaults, by name."""
        values = ((name, getattr(self, name)) for name in self.OPTIONS)
        return {name: value for name, value in values if value != self.OPTIONS[name].default}

    def for_profile(self) -> "dict[str, Any]":
        """What ``Profile`` is to be told; or, with ``sample``, ``Sampler``."""
        wishes = self.wishes()
        wishes.pop("paused", None)
        if wishes.pop("sample", False):
            wishes["tree"] = self.tree
        return wishes

    def for_start(self) -> "dict[str, Any]":
        """What ``pikos.live.start`` is to be told: what differs, so that older ones understand."""
        wishes = self.wishes()
        if wishes.pop("live", False) not in (True, False):
            wishes["endpoint"] = self.live
        return wishes

    def for_children(self) -> "Options":
        """What the processes that this one starts are asked to do."""
        # A bound endpoint is taken; where a subscriber binds, all can connect.
        own = {} if self.connect else {"live": self.live is not False, "remote": False}
        return self.but(checkpoint=None, **own)

    def encoded(self) -> dict[str, str]:
        """The wishes as texts, for another process."""
        texts = {}
        for name, value in self.wishes().items():
            texts[name] = str(int(value)) if isinstance(value, bool) else str(value)
        return texts

    @classmethod
    def decoded(cls, texts: "Mapping[str, str]") -> "Options":
        """encoded(), read again; other texts are somebody else's."""
        return cls(
            **{name: each.read(texts[name]) for name, each in cls.OPTIONS.items() if each.read and name in texts}
        )
