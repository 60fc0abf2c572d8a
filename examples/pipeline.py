"""An asyncio pipeline: sources write the lines of an access log, workers parse them, a sink adds them up.

Coroutines count a call each time that they are resumed: see how often `parse` is, and how long it takes in all.

    python -m pikos.cprofile -s ncalls examples/pipeline.py
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from statistics import quantiles
from typing import NamedTuple

SOURCES = 4
WORKERS = 6
LINES_PER_SOURCE = 25_000
PATHS = ["/", "/search", "/login", "/api/items", "/api/items/7", "/static/logo.svg", "/reports/2024/annual"]
LINE = re.compile(r'(?P<host>\S+) \[(?P<second>\d+)\] "(?P<verb>[A-Z]+) (?P<path>\S+)" (?P<status>\d{3}) (?P<ms>\d+)')


class Request(NamedTuple):
    host: str
    verb: str
    path: str
    status: int
    ms: int


async def lines(source: int) -> AsyncIterator[str]:
    rng = random.Random(source)
    for second in range(LINES_PER_SOURCE):
        status = rng.choices([200, 304, 404, 500], [80, 10, 8, 2])[0]
        verb = rng.choice(["GET", "GET", "GET", "POST"])
        milliseconds = int(rng.lognormvariate(3, 1))
        yield f'10.0.{source}.{rng.randrange(256)} [{second}] "{verb} {rng.choice(PATHS)}" {status} {milliseconds}'
        if second % 50 == 0:
            await asyncio.sleep(0)


async def produce(source: int, queue: asyncio.Queue[str | None]) -> None:
    async for line in lines(source):
        await queue.put(line)


def parse(line: str) -> Request:
    found = LINE.fullmatch(line)
    if found is None:
        raise ValueError(f"not a line of the log: {line!r}")
    return Request(found["host"], found["verb"], found["path"], int(found["status"]), int(found["ms"]))


async def work(inbox: asyncio.Queue[str | None], outbox: asyncio.Queue[Request | None]) -> None:
    while (line := await inbox.get()) is not None:
        await outbox.put(parse(line))


class Totals:
    def __init__(self) -> None:
        self.times: dict[str, list[int]] = defaultdict(list)
        self.failures: dict[str, int] = defaultdict(int)
        self.hosts: set[str] = set()

    def add(self, request: Request) -> None:
        self.times[request.path].append(request.ms)
        self.hosts.add(request.host)
        if request.status >= 500:
            self.failures[request.path] += 1

    def rows(self) -> list[dict[str, object]]:
        return [
            {"path": path, "n": len(times), "p95_ms": quantiles(times, n=20)[-1], "failed": self.failures[path]}
            for path, times in sorted(self.times.items())
        ]


async def add_up(queue: asyncio.Queue[Request | None], totals: Totals) -> None:
    while (request := await queue.get()) is not None:
        totals.add(request)


async def main() -> None:
    raw: asyncio.Queue[str | None] = asyncio.Queue(maxsize=64)
    parsed: asyncio.Queue[Request | None] = asyncio.Queue(maxsize=64)
    totals = Totals()
    async with asyncio.TaskGroup() as sink:
        sink.create_task(add_up(parsed, totals))
        async with asyncio.TaskGroup() as workers:
            for _ in range(WORKERS):
                workers.create_task(work(raw, parsed))
            async with asyncio.TaskGroup() as sources:
                for source in range(SOURCES):
                    sources.create_task(produce(source, raw))
            for _ in range(WORKERS):
                await raw.put(None)
        await parsed.put(None)
    for row in totals.rows():
        print(json.dumps(row))
    print(f"{sum(len(times) for times in totals.times.values())} requests from {len(totals.hosts)} hosts")


if __name__ == "__main__":
    asyncio.run(main())
