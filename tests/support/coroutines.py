"""Random programs of coroutines, and what is true of them.

A program is a tree of nodes: each is a call of one of a few coroutine functions, which work (a clock of the program's own goes on),
let others go first, await others, start tasks, and go through asynchronous generators. What is true is noted by the functions
themselves: they know when they begin, when they are parked and when they go on, since nothing else moves the clock.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

#: How many coroutine functions there are, and as many asynchronous generators.
FUNCTIONS = 4


class Oops(Exception):
    """What a coroutine raises that is asked to."""


@dataclass
class Figures:
    started: int = 0
    steps: int = 0
    run: int = 0
    parked: int = 0
    elapsed: int = 0
    longest: int = 0
    returned: int = 0
    raised: int = 0
    cancelled: int = 0
    dropped: int = 0


@dataclass(eq=False)
class Activation:
    """One coroutine object."""

    name: str
    caller: str | None
    began: int
    since: int
    is_running: bool = True


@dataclass
class Truth:
    """What happens, by (who awaits first, function)."""

    now: int = 1000
    figures: dict[tuple[str | None, str], Figures] = field(default_factory=dict)

    def clock(self) -> int:
        return self.now

    def of(self, activation: Activation) -> Figures:
        return self.figures.setdefault((activation.caller, activation.name), Figures())

    def begin(self, chain: list[Activation], name: str) -> Activation:
        activation = Activation(name, chain[-1].name if chain else None, self.now, self.now)
        self.of(activation).started += 1
        chain.append(activation)
        return activation

    def park(self, chain: list[Activation]) -> None:
        """All that run are parked: the innermost awaits something."""
        for activation in chain:
            if activation.is_running:
                self._end_step(activation)

    def wake(self, chain: list[Activation]) -> None:
        """The loop goes on with the outermost, and so with all."""
        for activation in chain:
            self.wake_one(activation)

    def wake_one(self, activation: Activation) -> None:
        """An exception arrives at one: those that await it hear of it when it is through with that."""
        if not activation.is_running:
            self.of(activation).parked += self.now - activation.since
            activation.since, activation.is_running = self.now, True

    def end(self, chain: list[Activation], activation: Activation, how: str) -> None:
        self._end_step(activation)
        figures = self.of(activation)
        figures.elapsed += self.now - activation.began
        setattr(figures, how, getattr(figures, how) + 1)
        assert chain.pop() is activation

    def _end_step(self, activation: Activation) -> None:
        figures = self.of(activation)
        took = self.now - activation.since
        figures.steps += 1
        figures.run += took
        figures.longest = max(figures.longest, took)
        activation.since, activation.is_running = self.now, False


@dataclass
class Node:
    """A call. actions: (what, argument)."""

    function: int
    actions: list[tuple[str, object]]


def random_node(rng: random.Random, depth: int) -> Node:
    actions: list[tuple[str, object]] = []
    for _ in range(rng.randrange(1, 5)):
        what = rng.choice(["work", "work", "park", "call", "call", "iterate", "spawn", "cancel", "raise"])
        if what == "work":
            actions.append((what, rng.randrange(1, 100)))
        elif what == "park":
            actions.append((what, rng.randrange(1, 3)))
        elif what == "raise":
            if rng.random() < 0.3:
                actions.append((what, None))
        elif depth > 0:
            if what == "spawn":
                actions.append((what, [random_node(rng, depth - 1) for _ in range(rng.randrange(1, 4))]))
            else:
                actions.append((what, random_node(rng, depth - 1)))
    return Node(rng.randrange(FUNCTIONS), actions)


class Library:
    """What an event loop has. cancelled: what a task is cancelled by; throws_in: whether that is thrown into the innermost coroutine, or
    raised there by a function of the library. Each method that waits parks once."""

    cancelled: type[BaseException]
    throws_in = True

    async def give_way(self) -> None:
        """Let others go first."""
        raise NotImplementedError

    def start(self, start: "Callable[[], Awaitable[None]]") -> object:
        """Start a task."""
        raise NotImplementedError

    def cancel(self, task: Any) -> None:
        """Ask a task to end."""
        raise NotImplementedError

    async def join(self, tasks: list[Any]) -> None:
        """Wait for the end of these tasks, whatever it is."""
        raise NotImplementedError

    def run(self, main: "Callable[[], Awaitable[None]]") -> None:
        """Run a program, whatever comes of it."""
        raise NotImplementedError


class Program:
    """Runs nodes. ``functions`` are those whose figures are compared."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.truth = Truth()
        namespace = {"run": self}
        for number in range(FUNCTIONS):
            exec(SOURCE.replace("NUMBER", str(number)), namespace)
        self.coroutines = [namespace[f"f{number}"] for number in range(FUNCTIONS)]
        self.generators = [namespace[f"g{number}"] for number in range(FUNCTIONS)]

    def starter(self, node: Node) -> "Callable[[], Awaitable[None]]":
        """What makes the coroutine of a task, which nobody awaits."""
        return lambda: self.coroutines[node.function](node, [])  # type: ignore[no-any-return]


#: The same for all functions, whose names tell them apart. A task has a chain of its own: who awaits whom.
SOURCE = """
async def fNUMBER(node, chain):
    truth, library = run.truth, run.library
    me = truth.begin(chain, "fNUMBER")
    depth = len(chain)
    try:
        for what, argument in node.actions:
            if what == "work":
                truth.now += argument
            elif what == "park":
                for _ in range(argument):
                    truth.park(chain)
                    await library.give_way()
                    truth.wake(chain)
            elif what == "call":
                try:
                    await run.coroutines[argument.function](argument, chain)
                except run.Oops:
                    del chain[depth:]
                    truth.wake_one(me)
                    truth.now += 1
            elif what == "iterate":
                try:
                    async for _ in run.generators[argument.function](argument, chain):
                        truth.now += 3
                except run.Oops:
                    del chain[depth:]
                    truth.wake_one(me)
            elif what == "spawn":
                tasks = [library.start(run.starter(child)) for child in argument]
                truth.park(chain)
                await library.join(tasks)
                truth.wake(chain)
            elif what == "cancel":
                task = library.start(run.starter(argument))
                truth.park(chain)
                await library.give_way()
                truth.wake(chain)
                library.cancel(task)
                truth.park(chain)
                await library.join([task])
                truth.wake(chain)
            elif what == "raise":
                raise run.Oops
    except run.Oops:
        truth.wake_one(me)
        del chain[depth:]
        truth.end(chain, me, "raised")
        raise
    except library.cancelled:
        truth.wake_one(me) if library.throws_in else truth.wake(chain)
        del chain[depth:]
        truth.now += 2
        truth.end(chain, me, "cancelled")
        raise
    truth.end(chain, me, "returned")

async def gNUMBER(node, chain):
    truth, library = run.truth, run.library
    me = truth.begin(chain, "gNUMBER")
    depth = len(chain)
    try:
        for what, argument in node.actions:
            if what == "work":
                truth.now += argument
            elif what == "park":
                truth.park(chain)
                await library.give_way()
                truth.wake(chain)
            elif what == "raise":
                raise run.Oops
            else:
                truth._end_step(me)
                chain.pop()
                yield what
                chain.append(me)
                truth.wake_one(me)
    except run.Oops:
        truth.wake_one(me)
        truth.end(chain, me, "raised")
        raise
    except library.cancelled:
        truth.wake_one(me) if library.throws_in else truth.wake(chain)
        truth.end(chain, me, "cancelled")
        raise
    truth.end(chain, me, "returned")
"""
Program.Oops = Oops  # type: ignore[attr-defined]


class Asyncio(Library):
    """asyncio, on whichever loop."""

    def __init__(self, new_loop: "Callable[[], Any] | None" = None) -> None:
        import asyncio

        self.asyncio = asyncio
        self.cancelled = asyncio.CancelledError
        self.new_loop = new_loop

    async def give_way(self) -> None:
        await self.asyncio.sleep(0)

    def start(self, start: "Callable[[], Awaitable[None]]") -> object:
        task = self.asyncio.ensure_future(start())
        # Asked for, so that nobody says that it was not.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())
        return task

    def cancel(self, task: Any) -> None:
        task.cancel()

    async def join(self, tasks: list[Any]) -> None:
        await self.asyncio.wait(tasks)

    def run(self, main: "Callable[[], Awaitable[None]]") -> None:
        with self.asyncio.Runner(loop_factory=self.new_loop) as runner:
            try:
                runner.run(main())  # type: ignore[arg-type]
            except Oops:
                pass


class Trio(Library):
    """trio."""

    throws_in = False

    def __init__(self) -> None:
        import trio

        self.trio = trio
        self.cancelled = trio.Cancelled

    async def give_way(self) -> None:
        await self.trio.lowlevel.cancel_shielded_checkpoint()

    def start(self, start: "Callable[[], Awaitable[None]]") -> object:
        scope, is_over = self.trio.CancelScope(), self.trio.Event()

        async def within() -> None:
            try:
                with scope:
                    await start()
            except Oops:
                pass
            finally:
                is_over.set()

        self.nursery.start_soon(within)
        return scope, is_over

    def cancel(self, task: Any) -> None:
        task[0].cancel()

    async def join(self, tasks: list[Any]) -> None:
        for _, is_over in tasks:
            if not is_over.is_set():
                await is_over.wait()

    def run(self, main: "Callable[[], Awaitable[None]]") -> None:
        async def within() -> None:
            async with self.trio.open_nursery() as self.nursery:
                try:
                    await main()
                except Oops:
                    pass

        self.trio.run(within)
