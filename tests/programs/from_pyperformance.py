"""Programs of the pyperformance package, run from where it is installed.

pyperformance ships each benchmark as a script that imports pyperf to repeat and time it. We want the bare work, once:
the script is loaded as a module, with a stand-in for pyperf that has the clock and nothing else, and the function
that does the work is called with a smaller load where the script has a size to set.
"""

from __future__ import annotations

import asyncio
import importlib.util
import io
import json
import logging
import sys
import time
import tomllib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import ClassVar

Work = Callable[[], object]


def load(name: str) -> ModuleType:
    """The script of the benchmark `name`, as a module."""
    package = importlib.util.find_spec("pyperformance")
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("pyperformance is not installed: pip install -r tests/requirements.txt")
    folder = Path(package.submodule_search_locations[0], "data-files", "benchmarks", f"bm_{name}")
    spec = importlib.util.spec_from_file_location(f"bm_{name}", folder / "run_benchmark.py")
    assert spec is not None and spec.loader is not None, folder
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    sys.modules.setdefault("pyperf", _clock_only())
    spec.loader.exec_module(module)
    return module


def _clock_only() -> ModuleType:
    pyperf = ModuleType("pyperf")
    pyperf.perf_counter = time.perf_counter  # type: ignore[attr-defined]
    return pyperf


def richards() -> Work:
    return partial(load("richards").Richards().run, 1)


def deltablue() -> Work:
    return partial(load("deltablue").delta_blue, 1000)


def raytrace() -> Work:
    return partial(load("raytrace").bench_raytrace, 1, 40, 40, None)


def chaos() -> Work:
    bench = load("chaos")

    class Captured:
        """The script builds its splines in main(): take the finished work from there."""

        metadata: ClassVar[dict[str, object]] = {}

        def bench_func(self, _name: str, work: Callable[..., object], *args: object) -> None:
            self.work = partial(work, *args)

    class Arguments:
        thickness, width, height, iterations, filename, rng_seed = 0.25, 64, 64, 2000, None, 1234

    captured = Captured()
    bench.main(captured, Arguments)
    return captured.work


def hexiom() -> Work:
    return partial(load("hexiom").main, 30, 10)


def go() -> Work:
    bench = load("go")
    bench.GAMES = 40
    return bench.versus_cpu


def pyflate() -> Work:
    bench = load("pyflate")
    archive = Path(bench.__file__).with_name("data") / "interpreter.tar.bz2"
    return partial(bench.bench_pyflake, 1, str(archive))


def tomli_loads() -> Work:
    # tomli's wheels are compiled by now. The standard library has the same parser in Python.
    sys.modules["tomli"] = tomllib
    bench = load("tomli_loads")
    with open(bench.DATA_FILE, encoding="utf-8") as file:
        text = file.read(120_000).rpartition("\n[")[0]  # 16 MB in the whole: some whole tables of it
    return partial(bench.tomli.loads, text)


def regex_compile() -> Work:
    bench = load("regex_compile")
    folder = str(Path(bench.__file__).parent)
    sys.path.insert(0, folder)  # the script imports its neighbours
    try:
        regexes = bench.capture_regexes()
    finally:
        sys.path.remove(folder)
    return partial(bench.bench_regex_compile, 1, regexes[: len(regexes) // 2])


def json_dumps() -> Work:
    bench = load("json_dumps")
    return partial(bench.bench_json_dumps, [(getattr(bench, case)[0], range(3000)) for case in bench.CASES[:3]])


def json_dumps_pure_python() -> Work:
    bench = load("json_dumps")
    data = [bench.NESTED_DATA] * 1500

    def work() -> str:
        c_encoder = json.encoder.c_make_encoder
        json.encoder.c_make_encoder = None  # type: ignore[misc]
        try:
            return json.dumps(data, indent=1)
        finally:
            json.encoder.c_make_encoder = c_encoder  # type: ignore[misc]

    return work


def json_loads() -> Work:
    bench = load("json_loads")
    texts = tuple(json.dumps(value) for value in (bench.DICT, bench.TUPLE, bench.DICT_GROUP))
    return partial(bench.bench_json_loads, texts * 100)


def pprint() -> Work:
    bench = load("pprint")
    return partial(bench.p.pformat, bench.printable[:2000])


def _async_tree(use_task_groups: bool) -> Work:
    bench = load("async_tree")
    bench.NUM_RECURSE_LEVELS, bench.NUM_RECURSE_BRANCHES = (
        5,
        5,
    )  # only the tree without sleeps: a sleep's wake-ups depend on the clock

    def work() -> None:
        asyncio.run(bench.NoneAsyncTree(use_task_groups=use_task_groups).run())

    return work


def async_tree() -> Work:
    return _async_tree(use_task_groups=False)


def async_tree_task_groups() -> Work:
    return _async_tree(use_task_groups=True)


def async_generators() -> Work:
    bench = load("async_generators")

    async def walk() -> int:
        return sum([1 async for _ in bench.tree(range(8000))])

    return lambda: asyncio.run(walk())


def coroutines() -> Work:
    bench = load("coroutines")

    def work() -> int:
        coroutine = bench.fibonacci(23)
        try:
            while True:
                coroutine.send(None)
        except StopIteration as done:
            return int(done.value)

    return work


def generators() -> Work:
    bench = load("generators")
    return lambda: sum(1 for _ in bench.tree(range(25_000)))


def comprehensions() -> Work:
    return partial(load("comprehensions").bench_comprehensions, 1000)


def nbody() -> Work:
    bench = load("nbody")
    return partial(bench.bench_nbody, 10, "sun", 1000)


def fannkuch() -> Work:
    return partial(load("fannkuch").fannkuch, 8)


def spectral_norm() -> Work:
    bench = load("spectral_norm")
    bench.DEFAULT_N = 60
    return partial(bench.bench_spectral_norm, 1)


def nqueens() -> Work:
    return partial(load("nqueens").bench_n_queens, 7)


def mdp() -> Work:
    bench = load("mdp")

    class ShortBattle(bench.Battle):  # type: ignore[name-defined,misc]
        """The whole game takes three seconds: look at its first states only."""

        def getSuccessorsList(self, statep: object) -> object:
            return super().getSuccessorsList(statep) if len(self.successors) < 700 else []

    return lambda: ShortBattle().evaluate(tolerance=1.0)


def deepcopy() -> Work:
    bench = load("deepcopy")

    def work() -> None:
        bench.benchmark(60)
        bench.benchmark_reduce(500)
        bench.benchmark_memo(100)

    return work


def logging_output() -> Work:
    bench = load("logging")
    stream = io.StringIO()
    logger = logging.Logger("programs.logging", level=logging.WARNING)
    logger.addHandler(logging.StreamHandler(stream=stream))

    def work() -> None:
        bench.bench_silent(500, logger, stream)
        bench.bench_simple_output(200, logger, stream)
        bench.bench_formatted_output(200, logger, stream)

    return work


SETUPS: dict[str, Callable[[], Work]] = {
    setup.__name__: setup
    for setup in (
        richards,
        deltablue,
        raytrace,
        chaos,
        hexiom,
        go,
        pyflate,
        tomli_loads,
        regex_compile,
        json_dumps,
        json_dumps_pure_python,
        json_loads,
        pprint,
        async_tree,
        async_tree_task_groups,
        async_generators,
        coroutines,
        generators,
        comprehensions,
        nbody,
        fannkuch,
        spectral_norm,
        nqueens,
        mdp,
        deepcopy,
        logging_output,
    )
}
