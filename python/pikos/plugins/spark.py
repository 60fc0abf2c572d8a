"""Exact profiles of what Spark runs in Python: every call on every executor, merged on the driver, by RDD and by UDF.

    from pikos.plugins.spark import PikosProfiler, PikosUDFProfiler

    conf = SparkConf().set("spark.python.profile", "true")
    sc = SparkContext(conf=conf, profiler_cls=PikosProfiler, udf_profiler_cls=PikosUDFProfiler)
    …
    sc.show_profiles()
    sc.dump_profiles("profiles")  # rdd_1.pikos, udf_3.pikos: with full stacks

Of Spark's own profiler of UDFs (``spark.sql.pyspark.udf.profiler = perf``) `render` makes a page:
``spark.profile.render(3, renderer=pikos.plugins.spark.render)``. docs/clusters.md
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

try:
    from pyspark.accumulators import AddingAccumulatorParam
    from pyspark.profiler import Profiler
except ImportError as error:
    raise ImportError("pikos.plugins.spark needs PySpark: pip install 'pikos[spark]'") from error

from pikos._lsprof import _StoredProfile
from pikos.cprofile import Profile
from pikos.stats import Profile as Finished
from pikos.stats import of

if TYPE_CHECKING:
    import pstats
    from collections.abc import Callable
    from typing import Any

__all__ = ["PikosProfiler", "PikosUDFProfiler", "render"]

#: What an executor makes its part of, be there a Pikos or not: text, so that nothing of ours need be there to read it.
PART = """\
class Absent:
    def __init__(self, problem):
        self.problem = problem
    def profile(self, function, *args, **kwargs):
        # Said once for each task.
        if self.problem is not None:
            ACCUMULATOR.add([self.problem])
            self.problem = None
        return function(*args, **kwargs)
def make():
    try:
        from pikos.plugins.spark import _Part
        return _Part(ACCUMULATOR, OPTIONS)
    except Exception as error:
        return Absent(f"{type(error).__name__}: {error}")
PROFILER = make()
"""

#: So many parts of a profile wait on the driver before they are added up.
MOST_PARTS = 64


class _Parts(AddingAccumulatorParam):  # type: ignore[misc]
    """Parts of a profile, from all executors: bytes of figures, texts of problems. On the driver they are added up now and then."""

    def __init__(self) -> None:
        super().__init__([])

    def addInPlace(self, value1: list[Any], value2: list[Any]) -> list[Any]:
        for told in value2:
            # An executor sends a list of each task, and the text of a problem.
            value1 += told if isinstance(told, list) else [told]
        if sum(isinstance(part, bytes) for part in value1) > MOST_PARTS:
            value1[:] = [_sum(value1).dumps("pikos"), *_problems(value1)]
        return value1

    def __reduce__(self) -> tuple[Any, ...]:
        # An executor only adds.
        return AddingAccumulatorParam, ([],)


def _sum(parts: list[bytes | str]) -> _StoredProfile:
    figures = [part for part in parts if isinstance(part, bytes)]
    return _StoredProfile.merged([(_StoredProfile.read(each, "a part", "pikos"), None) for each in figures])


def _problems(parts: list[bytes | str]) -> list[str]:
    return sorted({part for part in parts if isinstance(part, str)})


class _Part:
    """What counts in an executor's process: one profile for all calls of a task."""

    def __init__(self, accumulator: Any, options: dict[str, Any]) -> None:
        self._accumulator = accumulator
        self._counts = Profile(**options, threads=False)
        self._is_added = False
        self._problem: str | None = None

    def profile(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function, and count what it calls."""
        if not self._is_added:
            self._is_added = True
            # Spark sends it when the task has ended: by then all calls are in it.
            self._accumulator.add([_Told(self)])
        if self._problem is not None:
            return function(*args, **kwargs)
        try:
            self._counts.enable()
        except Exception as error:
            # Another tool has the interpreter's slot, say: the job is none of its business.
            self._problem = f"{type(error).__name__}: {error}"
            return function(*args, **kwargs)
        try:
            return function(*args, **kwargs)
        finally:
            self._counts.disable()

    def told(self) -> list[bytes | str]:
        """What is sent to the driver."""
        told: list[bytes | str] = [self._counts._bytes_for("part.pikos")]
        return told if self._problem is None else [*told, self._problem]


class _Told:
    """What a part has counted by the moment at which it is sent."""

    def __init__(self, part: _Part) -> None:
        self.part = part

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (self.part.told(),)


class PikosProfiler(Profiler):  # type: ignore[misc]
    """For ``SparkContext(profiler_cls=PikosProfiler)``, with ``spark.python.profile`` set to ``true``: a profile of each RDD.

    ``options`` are those of ``pikos.cprofile.Profile``: a subclass may have others. An executor without Pikos runs its part of the
    job as ever; what is shown says so.
    """

    options: dict[str, Any] = {"tree": True}  # noqa: RUF012

    #: What a profile is called, and its file.
    _kind, _file = "RDD", "rdd"

    def __init__(self, ctx: Any) -> None:
        super().__init__(ctx)
        self._accumulator = ctx.accumulator([], _Parts())

    def __reduce__(self) -> tuple[Any, ...]:
        values = {"TEXT": PART, "ACCUMULATOR": self._accumulator, "OPTIONS": self.options}
        return eval, ("(exec(TEXT), PROFILER)[1]", values)

    def profile(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call a function on the driver, and count what it calls."""
        part = _Part(self._accumulator, self.options)
        try:
            return part.profile(func, *args, **kwargs)
        finally:
            told = self._accumulator.value
            told[:] = [each for one in told for each in (one.part.told() if isinstance(one, _Told) else [one])]

    def finished(self) -> Finished:
        """The figures of all executors together."""
        return Finished(_sum(self._accumulator.value))

    @property
    def problems(self) -> list[str]:
        """Why some of it wasn't counted, if so."""
        return _problems(self._accumulator.value)

    def stats(self) -> pstats.Stats | None:
        """The same as a ``pstats.Stats``; None if nothing was counted."""
        import pstats

        profile = self.finished()
        return pstats.Stats(profile) if len(profile) else None  # type: ignore[arg-type]

    def show(self, id: int) -> None:
        """Print the table. Called by ``sc.show_profiles()``."""
        print("=" * 60)
        print(f"Profile of {self._kind}<id={id}>")
        print("=" * 60)
        print(self.finished().strip_dirs().sort("time", "cumulative"))
        for problem in self.problems:
            print(f"note: not all of it is counted: {problem}")

    def dump(self, id: int, path: str) -> None:
        """Write it to a folder. Called by ``sc.dump_profiles(path)``."""
        os.makedirs(path, exist_ok=True)
        profile = self.finished()
        if len(profile):
            profile.export(os.path.join(path, f"{self._file}_{id}.pikos"))
        for problem in self.problems:
            print(f"pikos: not all of {self._kind} {id} is counted: {problem}", file=sys.stderr)


class PikosUDFProfiler(PikosProfiler):
    """The same for ``SparkContext(udf_profiler_cls=PikosUDFProfiler)``: a profile of each UDF."""

    _kind, _file = "UDF", "udf"


def render(stats: pstats.Stats) -> Any:
    """The page with a flame graph of what Spark's own profiler counted: text, or what a notebook shows.

    For ``spark.profile.render(id, renderer=render)``. It knows callers, not full stacks: the flame graph is an estimate, and says so.
    """
    page = of(stats).dumps("html").decode()
    if "IPython" in sys.modules and sys.modules["IPython"].get_ipython() is not None:
        from html import escape

        from IPython.display import HTML

        # In a frame of its own: it is a whole page, with styles.
        return HTML(f'<iframe srcdoc="{escape(page)}" style="width: 100%; height: 640px; border: 0"></iframe>')
    return page
