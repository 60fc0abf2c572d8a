"""Which task of asyncio ran, in samples of threads."""

from __future__ import annotations

import pytest
from sampler_programs import told

pytestmark = pytest.mark.beyond_cprofile


def test_named_tasks_stand_below_their_coroutines() -> None:
    stacks = told(
        """
        import asyncio

        def leaf(): return spin(200)
        async def deep(count): return await deep(count - 1) if count else leaf()
        async def first():
            while not done():
                await deep(2)
                await asyncio.sleep(0)
        async def second():
            while not done():
                leaf()
                await asyncio.sleep(0)
        def done():
            names = set(rows(sampler))
            return sampler.status()["samples"] > 200 and {"<task reload>", "<task worker-1>"} <= names
        async def main():
            tasks = [(first(), "reload"), (second(), "worker-1"), (second(), None)]
            await asyncio.gather(*(asyncio.create_task(work, name=name) for work, name in tasks))
        with Sampler(rate=2000, budget=1.0) as sampler:
            asyncio.run(main())
        nodes = sampler.snapshot().tree()
        def above(node):
            return node.name if node.parent is None else above(nodes[node.parent]) + ";" + node.name
        answer([above(node) for node in nodes if node.name.startswith(("<task", "first", "second"))])
        """
    )
    named = {stack.rpartition(";")[2] for stack in stacks if "<task" in stack.rpartition(";")[2]}
    assert named == {"<task reload>", "<task worker-1>"}
    for stack in stacks:
        below, _, name = stack.rpartition(";")
        if name == "first" and "<task" in below:
            assert below.endswith("<task reload>"), stack
        if name == "second" and "<task" in below:
            assert below.endswith("<task worker-1>"), stack
