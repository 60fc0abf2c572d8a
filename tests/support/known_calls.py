"""Work whose calls are known, and what a profile has counted of it."""

from __future__ import annotations

import asyncio

from pikos.cprofile import Profile


def leaf() -> None:
    pass


def work(n: int) -> None:
    for _ in range(n):
        leaf()


def counts(profile: Profile) -> dict[str, int]:
    """By the functions' names."""
    found: dict[str, int] = {}
    for entry in profile.getstats():
        if not isinstance(entry.code, str):
            found[entry.code.co_name] = found.get(entry.code.co_name, 0) + entry.callcount
    return found


async def part(n: int) -> None:
    work(n)
    await asyncio.sleep(0)
    work(n)
