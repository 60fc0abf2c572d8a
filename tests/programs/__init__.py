"""Real programs to be profiled: one registry for the differential tests and for the overhead benchmark.

Every program is deterministic when PYTHONHASHSEED is fixed, does a fixed amount of work (about 0.05 to 0.5 s
unprofiled) and may be run any number of times. The first run may import modules and fill caches; from the second on
every run does exactly the same calls. No program reads a clock to decide what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import from_pyperformance, from_pypi, own


@dataclass(frozen=True)
class Program:
    """`setup()` loads the program and returns the work: a callable without arguments."""

    name: str
    setup: Callable[[], Callable[[], object]]


PROGRAMS = tuple(
    Program(name, setup) for module in (from_pyperformance, from_pypi, own) for name, setup in module.SETUPS.items()
)


def program(name: str) -> Program:
    """The program of that name."""
    for candidate in PROGRAMS:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no program {name!r}; there are {', '.join(p.name for p in PROGRAMS)}")
