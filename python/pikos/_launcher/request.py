"""What a run is asked to do, checked; and as texts, for the interpreter that this process becomes."""

import os
import sys

from pikos._options import COUNTING, STACKS, Options, whether_or_where

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

    from pikos._options import Option

    Refuse = Callable[[str], NoReturn]

#: Endings that say nothing of stacks: none, pstats', and others that people give to files of cProfile. The native code need not be
#: asked for its opinion.
PSTATS = frozenset(
    ["", *".bin .cprof .cprofile .dat .data .dump .out .p .pr .prf .prof .profile .profiling .pstat .pstats".split()]
    + ".raw .stat .stats .tmp".split()
)


#: What is printed at the end of a run.
TABLE, SUMMARY, NOTHING = "table", "summary", "nothing"


class Request:
    """What a run is asked to do. outfile: an absolute path, or None; sort: how a table is sorted; shows_top: ``--top``; shows: what is
    printed at the end, one of TABLE, SUMMARY and NOTHING; opens: whether a browser shows the result; shows_page: ``--web``; rows: how many
    a table that was asked for has at most, None for all."""

    def __init__(
        self,
        options: Options,
        outfile: str | None,
        sort: "str | int",
        shows_top: bool,
        shows: str = TABLE,
        opens: bool = False,
        shows_page: bool = False,
        rows: int | None = None,
    ) -> None:
        self.options = options
        self.outfile = outfile
        self.sort = sort
        self.shows_top = shows_top
        self.shows = shows
        self.opens = opens
        self.shows_page = shows_page
        self.rows = rows

    def encoded(self) -> dict[str, str]:
        """As texts."""
        texts = {**self.options.encoded(), "sort": str(self.sort), "top": str(int(self.shows_top)), "shows": self.shows}
        if self.opens:
            texts["opens"] = "1"
        if self.shows_page:
            texts["web"] = "1"
        if self.rows is not None:
            texts["rows"] = str(self.rows)
        if self.options.checkpoint is not None:
            texts["checkpoint"] = str(self.options.checkpoint[1])
        return texts if self.outfile is None else {**texts, "out": self.outfile}

    @classmethod
    def decoded(cls, texts: "Mapping[str, str]") -> "Request":
        """encoded(), read again."""
        outfile = texts.get("out")
        rest = {name: text for name, text in texts.items() if name != "checkpoint"}
        options = Options.decoded(rest)
        if "checkpoint" in texts and outfile is not None:
            options = options.but(checkpoint=(outfile, float(texts["checkpoint"])))
        sort = texts["sort"]
        return cls(
            options,
            outfile,
            int(sort) if sort.lstrip("-").isdigit() else sort,
            texts["top"] == "1",
            texts["shows"],
            "opens" in texts,
            "web" in texts,
            int(texts["rows"]) if "rows" in texts else None,
        )


def request_of(values: "Any", refuse: "Refuse", shows: str | None = None) -> Request:
    """What a command line and the environment ask for; the environment counts where the command line says nothing of being live. shows:
    what is printed at the end; None: a table if there is no file.

    What is wrong on the command line is refused. A wrong interval or a wrong environment is said on standard error, and the program
    runs."""
    said = values.asked
    asked = dict(said)
    outfile = outfile_of(values.outfile, refuse)
    if "live" not in said:
        asked["live"] = whether_or_where(os.environ.get("PIKOS_LIVE", "0"))
    if values.top or values.web:
        asked["live"] = asked["live"] or True
    if asked["live"] is not False:
        asked["interval"] = interval(said.get("interval"))
    for name in said:
        option = Options.OPTIONS[name]
        if option.needs and asked.get(option.needs, False) is False:
            refuse(f"{option.flags[0].name} has no effect without --{option.needs}: add --{option.needs}")
        if option.of == COUNTING and asked.get("sample") and option.flags and name != "tree":
            refuse(f"{option.flags[0].name} is for counted calls, which --sample has none of: choose one of them")
    for name in ("gil_wait", "times", "rate", "mode", "budget", "slow_step"):
        if name in said:
            asked[name] = typed(said[name], Options.OPTIONS[name], refuse)
    if asked.get("times") == "sampled":
        if said.get("compensate"):
            refuse(
                "--compensate corrects times that are taken at each call, which --times sampled doesn't: choose one of them"
            )
        if said.get("gil_wait") == "out":
            refuse("--gil-wait out needs the time of each call, which --times sampled doesn't take: choose one of them")
        for name, what in ("distribution", "call"), ("cpu", "call"), ("tasks", "step"):
            if said.get(name):
                refuse(
                    f"--{name} needs the time of each {what}, which --times sampled doesn't take: choose one of them"
                )
    elif "rate" in said and not asked.get("sample"):
        refuse("--rate has no effect without --times sampled, or --sample of pikos run: add one of them")
    if said.get("gil_wait") == "out" and said.get("builtins") is False:
        refuse("--gil-wait out tells waiting from what built-ins do, which --fast leaves out: choose one of them")
    if "checkpoint" in said:
        if outfile is None:
            refuse("--checkpoint writes the file of -o: add -o OUT")
        asked["checkpoint"] = (outfile, typed(said["checkpoint"], Options.OPTIONS["checkpoint"], refuse))
    if asked.get("sample") or (outfile is not None and holds_stacks(outfile)):
        # A sample is a stack: it would take work to leave it out.
        asked["tree"] = True
    elif asked.get("tree") and asked["live"] is False and not keeps_stacks(outfile):
        refuse(
            "--tree keeps full stacks, which neither a table nor a pstats file can hold: write them to a file, -o x.pikos, "
            f"{STACKS}; or watch them, --live"
        )
    for name in ("distribution", "cpu"):
        if asked.get(name) and asked["live"] is False and not keeps_details(outfile):
            refuse(
                f"--{name} keeps what neither a table nor a pstats file can hold: write it to a file, -o x.pikos, x.json or x.csv; or "
                "watch it, --live"
            )
    if asked.get("follow") and outfile is None and asked["live"] is False:
        refuse("--follow has nowhere to put the children's profiles: add --live, or -o OUT")
    way_out = "leave out -o" if shows is None else "add --table"
    shows = shows or (TABLE if outfile is None else NOTHING)
    if values.rows is not None and shows != TABLE:
        refuse(f"-n is for the table, and none is printed: {way_out}")
    is_watched = values.top or values.web
    options = checked(Options(**asked), said, is_watched, refuse)
    return Request(options, outfile, values.sort, values.top, shows, values.opens, values.web, values.rows)


def typed(text: str, option: "Option", refuse: "Refuse") -> object:
    """What an option's text stands for."""
    name = option.flags[0].name
    try:
        value = option.typed(text)
        option.check(value, name)
    except ValueError:
        refuse(str(option.refusal(text, name)))
    return value


def checked(options: Options, said: "Mapping[str, Any]", is_watched: bool, refuse: "Refuse") -> Options:
    """The options, without those of the environment that can't be; what the native code has to say of texts is known before the
    program begins."""
    if not any(
        isinstance(value, str) and name not in ("hook", "gil_wait", "times", "mode")
        for name, value in options.wishes().items()
    ) and not (options.connect or options.remote):
        return options
    from pikos._launcher.recorder import recorder

    try:
        recorder(options)
    except ValueError as error:
        if "live" in said or is_watched or options.live is False:
            refuse(str(error))
        options = options.but(live=False, paused=False)
        try:
            recorder(options)
        except ValueError:
            refuse(str(error))
        sys.stderr.write(f"pikos: PIKOS_LIVE={os.environ['PIKOS_LIVE']}: {error}; the program runs unwatched\n")
    return options


def outfile_of(name: str | None, refuse: "Refuse") -> str | None:
    """The file of ``-o``, absolute: the program may change the working directory. Not normalised: ``link/../out`` is beside
    what the link leads to."""
    if name is None:
        return None
    path = name if os.path.isabs(name) else os.path.join(os.getcwd(), name)
    folder, file = os.path.split(path)
    if os.path.isdir(path):
        refuse(f"-o {name} is a folder: name a file in it")
    if not os.path.isdir(folder):
        refuse(f"-o {name}: there is no folder {os.path.dirname(name) or folder}: make it first")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        refuse(f"-o {name}: you may not write there: choose another place")
    if holds_stacks(file) is None:
        refuse(
            f"-o {name}: {ending_of(file)} is no format that Pikos writes: use .pikos for all that is known; .pstats (or no "
            f"ending) for pstats; {STACKS} for stacks; .callgrind, .json, .csv, .md, .txt or .dot for others"
        )
    return path


def holds_stacks(path: str) -> bool | None:
    """Whether a file of this name is to hold full stacks; None where it isn't clear what to write to it."""
    ending = ending_of(path)
    if ending in PSTATS or ending[1:].isdigit():
        return False
    from pikos._lsprof import _holds_stacks

    return _holds_stacks(path)


def keeps_stacks(outfile: str | None) -> bool:
    """Whether a file of this name keeps stacks that were recorded, without being made of them."""
    if outfile is None:
        return False
    from pikos._lsprof import _recorded_as

    return _recorded_as(outfile, True) == "pikos"


def keeps_details(outfile: str | None) -> bool:
    """Whether a file of this name keeps of functions more than pstats does."""
    if outfile is None:
        return False
    from pikos._lsprof import _recorded_as

    return _recorded_as(outfile, False) in ("pikos", "json", "csv")


def ending_of(path: str) -> str:
    """As formats are known by it."""
    return os.path.splitext(path)[1].lower()


def interval(text: str | None) -> float:
    """Seconds of ``--interval``, or ``PIKOS_INTERVAL``, moved to what can be done."""
    option = Options.OPTIONS["interval"]
    name = "--interval"
    if text is None:
        name, text = "PIKOS_INTERVAL", os.environ.get("PIKOS_INTERVAL")
        if text is None:
            return option.default  # type: ignore[return-value]
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    try:
        option.check(seconds)
    except ValueError:
        nearest: Any = option.default if seconds != seconds else min(max(seconds, option.least), option.most)  # type: ignore[type-var]
        sys.stderr.write(f"pikos: {option.refusal(text, name)}; using {nearest:g}\n")
        return nearest  # type: ignore[no-any-return]
    return seconds
