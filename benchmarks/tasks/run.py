"""One program under one profiler, in a process of its own that runs when it is told to.

    python -m benchmarks.tasks.run PROGRAM PROFILER

Each line on standard input is a request for one run; every answer is a line of JSON: {"cpu": …} in seconds of the process, or
{"skip": why}.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable

from pikos.cprofile import Profile

from benchmarks.shared.workloads import workload

Work = Callable[[], object]


def ping_pong(times: int = 4_000) -> Work:
    """Two tasks that hand a value to and fro by queues."""

    async def answer(asked: asyncio.Queue[int], answered: asyncio.Queue[int]) -> None:
        for _ in range(times):
            await answered.put(await asked.get() + 1)

    async def main() -> None:
        asked: asyncio.Queue[int] = asyncio.Queue(1)
        answered: asyncio.Queue[int] = asyncio.Queue(1)
        task = asyncio.ensure_future(answer(asked, answered))
        for number in range(times):
            await asked.put(number)
            await answered.get()
        await task

    return lambda: asyncio.run(main())


def many_tasks(count: int = 4_000) -> Work:
    """Tasks that await three coroutines deep, and wait once."""

    async def leaf() -> int:
        await asyncio.sleep(0)
        return 1

    async def middle() -> int:
        return await leaf()

    async def handle() -> int:
        return sum([len(str(number)) for number in range(20)]) + await middle()

    async def main() -> None:
        await asyncio.gather(*(handle() for _ in range(count)))

    return lambda: asyncio.run(main())


def streams(count: int = 60_000) -> Work:
    """An asynchronous generator over another one, without a wait."""

    async def numbers() -> object:
        for number in range(count):
            yield number

    async def doubled() -> object:
        async for number in numbers():  # type: ignore[attr-defined]
            yield 2 * number

    async def main() -> None:
        async for _ in doubled():  # type: ignore[attr-defined]
            pass

    return lambda: asyncio.run(main())


#: Programs of asyncio, and some that have no coroutines.
ASYNCIO = {"ping pong": ping_pong, "many tasks": many_tasks, "streams": streams}
PLAIN = ("sorting", "fractions", "strings", "methods_and_builtins", "recursion")

PROFILERS = ("plain", "pikos", "pikos tasks", "yappi")


def session(name: str) -> tuple[Callable[[], object], Callable[[], object], Callable[[], object]]:
    """How a profiler is started, stopped, and made to forget. ImportError if it isn't there."""
    if name == "plain":
        return (lambda: None,) * 3
    if name == "yappi":
        import yappi

        yappi.set_clock_type("wall")
        return (lambda: yappi.start(builtins=True)), yappi.stop, yappi.clear_stats
    profile = Profile(tasks=name == "pikos tasks")
    return profile.enable, profile.disable, profile.clear


def main() -> None:
    program, name = sys.argv[1:]
    try:
        start, stop, forget = session(name)
        work = ASYNCIO[program]() if program in ASYNCIO else workload(program).setup()
    except (ImportError, KeyError) as error:
        print(json.dumps({"skip": str(error)}), flush=True)
        return

    def one_run() -> None:
        gc.collect()
        cpu = time.process_time()
        start()
        work()
        stop()
        print(json.dumps({"cpu": time.process_time() - cpu}), flush=True)
        forget()

    one_run()
    for _ in sys.stdin:
        one_run()


if __name__ == "__main__":
    main()
