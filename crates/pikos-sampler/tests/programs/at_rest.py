import asyncio
import sys
import threading
import time


def deep(depth):
    if depth:
        return deep(depth - 1)
    time.sleep(1000)


def waits():
    time.sleep(1000)


class Made:
    def __init__(self):
        self.value = made_in_c()


def made_in_c():
    return sorted([1], key=lambda value: waits())


def inner():
    yield Made()


def outer():
    yield from inner()


def Ünïcode_名前_𝒳():
    for _ in outer():
        pass


async def innermost():
    waits()


async def middle():
    await innermost()


async def outermost():
    await asyncio.create_task(middle())


def says_frames():
    for frame in sys._current_frames().values():
        stack = []
        while frame:
            stack.append(f"{frame.f_code.co_name} {frame.f_lineno}")
            frame = frame.f_back
        if stack[0].startswith(("deep", "waits")):
            print("|".join(stack))


def main():
    time.sleep(1000)


REST = {("deep", 10), ("waits", 14)}
threads = [lambda: deep(400), Ünïcode_名前_𝒳, lambda: asyncio.run(outermost()), waits]
for call in threads:
    threading.Thread(target=call, daemon=True).start()
while sum((frame.f_code.co_name, frame.f_lineno) in REST for frame in sys._current_frames().values()) < len(threads):
    time.sleep(0.01)
if sys.argv[1:]:
    says_frames()
print("ready", flush=True)
main()
