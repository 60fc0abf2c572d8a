"""``pytest --pikos`` where coroutines are tests: those of pytest-asyncio, anyio and unittest."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from pytest_runs import PYTEST, calls, index, project, run

#: What a test and a fixture do; ``sleep`` is the framework's.
WORK = """
async def work(n):
    for k in range(n):
        await sleep(0)
        await one(k)

async def one(k):
    await sleep(0)
    return shop.row(k)
"""

ASYNCIO = """
import asyncio
import pytest
import pytest_asyncio
import shop
from asyncio import sleep
{work}
pytestmark = pytest.mark.asyncio

@pytest_asyncio.fixture
async def rows():
    await work(7)
    yield
    await work(11)

@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def all_rows():
    await work(13)
    yield
    await work(17)

async def test_fixture(rows):
    await work(3)

@pytest.mark.asyncio(loop_scope="module")
async def test_module(all_rows):
    await work(4)

async def test_tasks(rows):
    await asyncio.gather(work(2), asyncio.create_task(work(3)), asyncio.to_thread(shop.load, 6))

async def test_fails():
    await work(1)
    raise ValueError("ours")

async def test_naps():
    shop.row(1)
    await asyncio.sleep(0.2)

async def test_block(pikos):
    await work(1)
    with pikos() as block:
        await asyncio.gather(work(2), work(3))
        [each async for each in shop_rows(2)]
    assert block.calls_of(work) == 2
    assert block.calls_of(one) == block.calls_of(shop.row) == 5
    assert block.calls_of(shop_rows) == block.calls_of(r"\\(shop_rows\\)") == 1

async def shop_rows(n):
    for k in range(n):
        await sleep(0)
        yield k
"""

ANYIO = """
import anyio
import pytest
import shop
from anyio import sleep
{work}
pytestmark = pytest.mark.anyio

@pytest.fixture
async def rows():
    await work(7)
    yield
    await work(11)

@pytest.fixture(scope="module")
def anyio_backend():
    return "{backend}"

@pytest.fixture(scope="module")
async def all_rows(anyio_backend):
    await work(13)
    yield
    await work(17)

async def test_fixture(rows):
    await work(3)

async def test_module(all_rows):
    await work(4)

async def test_tasks(rows):
    async with anyio.create_task_group() as group:
        group.start_soon(work, 2)
        group.start_soon(work, 3)
    await anyio.to_thread.run_sync(shop.load, 6)

async def test_fails():
    await work(1)
    raise ValueError("ours")

async def test_naps():
    shop.row(1)
    await sleep(0.2)

async def test_block(pikos):
    await work(1)
    with pikos() as block:
        await work(2)
        await work(3)
    assert block.calls_of(work) == 2
    assert block.calls_of(one) == block.calls_of(shop.row) == 5
"""


@pytest.mark.parametrize(
    ("plugin", "needs", "tests"),
    [
        ("asyncio", ["pytest_asyncio"], ASYNCIO.replace("{work}", WORK)),
        ("anyio", ["anyio"], ANYIO.replace("{work}", WORK).replace("{backend}", "asyncio")),
        ("anyio", ["anyio", "trio"], ANYIO.replace("{work}", WORK).replace("{backend}", "trio")),
    ],
    ids=["pytest-asyncio", "anyio-asyncio", "anyio-trio"],
)
def test_a_coroutine_is_profiled_wholly_and_its_fixtures_apart(
    tmp_path: Path, plugin: str, needs: list[str], tests: str
) -> None:
    for module in needs:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    project(tmp_path, tests)
    pytest_as = PYTEST
    if plugin == "asyncio":
        (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
        pytest_as = PYTEST[: PYTEST.index("no:asyncio") - 1]
    code, output = run(tmp_path, "--pikos-save", "kept", pytest=pytest_as)
    assert code == 1 and "1 failed, 5 passed" in output, output
    rows: dict[str, int] = {}
    for name, told in index(tmp_path / "kept").items():
        for file in told["files"]:  # type: ignore[attr-defined]
            rows[name.rpartition("::")[2]] = (
                rows.get(name.rpartition("::")[2], 0) + calls(tmp_path / "kept" / file)["row"]
            )
    assert rows == {
        "test_fixture": 3,
        "test_module": 4,
        "test_tasks": 2 + 3 + 6,
        "test_fails": 1,
        "test_naps": 1,
        "test_block": 1 + 5,
    }
    fixtures = 2 * (7 + 11) + 13 + 17
    assert calls(tmp_path / "kept" / "run.pikos")["row"] == sum(rows.values()) + fixtures
    # Waiting is the test's own time, not that of the little which its code does.
    assert "test_naps (test_shop.py:" in str(index(tmp_path / "kept")["test_shop.py::test_naps"]["at"])
    assert float(str(index(tmp_path / "kept")["test_shop.py::test_naps"]["share"])) > 0.5
    # How often a loop turns meanwhile counts for nothing.
    again, output = run(tmp_path, "--pikos-compare", "kept", "--pikos-fail-above", "0%", pytest=pytest_as)
    assert again == 1 and "more calls in 0, fewer in 0, as many in 5" in output, output


def test_unittests_that_await(tmp_path: Path) -> None:
    project(
        tmp_path,
        """
        import asyncio
        import unittest
        import shop

        class TestShop(unittest.IsolatedAsyncioTestCase):
            async def test_it(self):
                await asyncio.sleep(0)
                await asyncio.gather(self.work(2), self.work(3))

            async def work(self, n):
                await asyncio.sleep(0)
                shop.load(n)
        """,
    )
    code, output = run(tmp_path, "--pikos-save", "kept")
    assert code == 0, output
    ((_, told),) = index(tmp_path / "kept").items()
    (file,) = told["files"]  # type: ignore[misc, attr-defined]
    assert calls(tmp_path / "kept" / file)["row"] == 5


def test_a_block_counts_what_begins(tmp_path: Path) -> None:
    project(
        tmp_path,
        """
        import asyncio
        import shop

        def numbers(n):
            yield from range(n)

        async def fetch(n):
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        async def main():
            await asyncio.gather(*(fetch(k) for k in range(3)))

        def test_it(pikos):
            left = numbers(3)
            next(left)
            with pikos() as block:
                asyncio.run(main())
                assert sum(numbers(5)) == 10
                assert sum(left) == 3
            assert block.calls_of(fetch) == 3
            assert block.calls_of(main) == 1
            assert block.calls_of(numbers) == block.calls_of(r"\\(numbers\\)") == 1
            assert block.calls_of(r"method 'poll' of|select\\.select|method 'control' of") >= 3
        """,
    )
    for options in ([], ["--pikos"]):
        code, output = run(tmp_path, *options)
        assert code == 0, output
