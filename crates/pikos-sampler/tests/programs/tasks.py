"""Tasks that wait in every way there is, and one that runs. Says where each one is, as Python sees it."""

import asyncio
import threading
import time
import types


async def sleeps():
    await asyncio.sleep(1000)


async def outer():
    await sleeps()


async def items():
    yield 1
    await asyncio.sleep(1000)
    yield 2


async def over_items():
    async for _ in items():
        pass


class Awaitable:
    def __await__(self):
        yield from asyncio.sleep(1000).__await__()


async def own_awaitable():
    await Awaitable()


@types.coroutine
def yields():
    for _ in iter(int, 1):
        yield


async def lets_others():
    await yields()


async def awaits(task):
    await task


async def gathers(*tasks):
    await asyncio.gather(*tasks)


async def waits_for(task):
    await asyncio.wait([task])


async def shields(task):
    await asyncio.shield(task)


async def groups():
    async with asyncio.TaskGroup() as group:
        group.create_task(sleeps(), name="member")
        group.create_task(sleeps(), name="member too")


async def blocks():
    waits_in_thread()


def waits_in_thread():
    time.sleep(1000)


async def in_thread():
    await asyncio.create_task(blocks(), name="blocks")


def awaited(coroutine):
    for name in ("cr_await", "gi_yieldfrom", "ag_await"):
        if hasattr(coroutine, name):
            return getattr(coroutine, name)
    return None


def chain(coroutine):
    found = []
    while coroutine is not None:
        for prefix in ("cr", "gi", "ag"):
            frame = getattr(coroutine, prefix + "_frame", None)
            if frame:
                found.append(f"{frame.f_code.co_name} {frame.f_lineno}")
        coroutine = awaited(coroutine)
    return "|".join(reversed(found))


async def main():
    def start(coroutine, name):
        return asyncio.create_task(coroutine, name=name)

    worker = start(outer(), "worker")
    also = start(outer(), "also")
    tasks = [worker, also, start(awaits(worker), "waits"), start(gathers(worker, also), "gathers")]
    tasks.append(asyncio.create_task(sleeps()))
    # What these await, Python doesn't tell.
    untold = [start(over_items(), "items"), start(own_awaitable(), "own")]
    third = start(sleeps(), "third")
    untold += [third, start(waits_for(third), "wait"), start(shields(third), "shield"), start(groups(), "group")]
    ready = start(lets_others(), "others")
    over = start(asyncio.sleep(0), "over")
    threading.Thread(target=lambda: asyncio.run(in_thread()), daemon=True).start()
    for _ in range(5):
        await asyncio.sleep(0.02)
    assert over.done()
    late = start(sleeps(), "late")
    for task in tasks:
        print(f"{task.get_name()}|{chain(task.get_coro())}")
    print(f"others|{chain(ready.get_coro())}")
    print("ready", flush=True)
    time.sleep(1000)
    await asyncio.gather(late, *untold)


asyncio.run(main())
