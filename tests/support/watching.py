"""A live process and its subscriber, for the tests: nothing but pyzmq and msgpack, and what docs/wire.md says."""

from __future__ import annotations

import os
import pstats
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgpack
import zmq
from running import PATIENCE, PIKOS, environment

Message = dict[str, Any]
Label = tuple[str, int, str]


def sockets(folder: Path) -> Path:
    """Where a process started with ``live_environment(folder)`` puts its sockets."""
    return folder / f"pikos-{os.getuid()}"


def live_environment(folder: Path, **changes: str) -> dict[str, str]:
    kept = {name: value for name, value in environment(**changes).items() if name != "XDG_RUNTIME_DIR"}
    return {**kept, "TMPDIR": str(folder), **changes}


def pikos_at(folder: Path, *arguments: str | os.PathLike[str] | int) -> subprocess.CompletedProcess[str]:
    """What the `pikos` command says of the processes of this folder."""
    return subprocess.run(
        [PIKOS, *map(str, arguments)],
        env=live_environment(folder),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def until(condition: Any, what: str) -> Any:
    """What ``condition()`` returns as soon as it is true."""
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.01)
    return result


@contextmanager
def started(folder: Path, arguments: Sequence[str | Path], **changes: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process; killed at the end, with all its children: they may wait for something that never comes."""
    process = subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env=live_environment(folder, **changes),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def endpoint(folder: Path, pid: int) -> str:
    """Where that process's messages come from, as soon as it is live."""

    def found() -> list[Path]:
        return [path for path in sockets(folder).glob("*.pub") if path.name.startswith(f"{pid}-")]

    return f"ipc://{until(found, f'a socket of process {pid}')[0]}"


class Subscriber:
    """Takes messages in, as docs/wire.md says."""

    def __init__(self, address: str, *, bind: bool = False, queue: int = 1000) -> None:
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, queue)
        self.socket.bind(address) if bind else self.socket.connect(address)
        self.socket.subscribe(b"")
        self.messages: list[Message] = []
        self.base: int | None = None
        self.tree_base: int | None = None
        self.nodes: dict[tuple[int, int], list[Any]] = {}
        self.lost = 0

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def receive(self) -> Message:
        assert self.socket.poll(int(PATIENCE * 1000)), "no message came"
        message: Message = msgpack.unpackb(self.socket.recv())
        assert message["v"] == 1
        if self.messages and message["epoch"] != self.messages[-1]["epoch"]:
            self.tree_base, self.nodes = None, {}
        if self.messages:
            self.lost += message["seq"] - self.messages[-1]["seq"] - 1
        self.messages.append(message)
        if message["kind"] == "full":
            self.names: dict[int, list[Any]] = {}
            self.rows: dict[tuple[int, int], list[int]] = {}
            self.edges: dict[tuple[int, int, int], list[int]] = {}
            self.base = message["seq"]
            self.facts = message["facts"]
        if message["base"] == self.base:
            self.names.update((name[0], name[1:]) for name in message["functions"])
            self.rows.update(((row[0], row[1]), row[2:]) for row in message["rows"])
            self.edges.update(((row[0], row[1], row[2]), row[3:]) for row in message["edges"])
        if tree := message.get("tree"):
            if tree["base"] == message["seq"]:
                self.tree_base, self.nodes = message["seq"], {}
            if tree["base"] == self.tree_base:
                self.nodes.update(((row[0], row[1]), row[2:]) for row in tree["nodes"])
        return message

    def stacks(self) -> dict[tuple[str, ...], list[int]]:
        """By function names from the bottom up, over all threads: ncalls, tottime, open, open tottime, open cumtime, cut ncalls,
        cut tottime."""
        names: dict[tuple[int, int], tuple[str, ...]] = {}
        sums: dict[tuple[str, ...], list[int]] = {}
        for (thread, node), (parent, function, *figures) in self.nodes.items():
            stack = () if node == 0 else (*names.get((thread, parent), ()), self.names[function][2])
            names[thread, node] = stack
            old = sums.get(stack, [0] * len(figures))
            sums[stack] = [one + other for one, other in zip(old, figures, strict=True)]
        return sums

    def to_the_end(self) -> Message:
        while not self.receive().get("end"):
            pass
        return self.messages[-1]

    def label(self, function: int) -> Label:
        file, line, name, *_ = self.names[function]
        return file, line, name

    def row(self, name: str) -> list[int]:
        """The sum over all threads of the one function of that name."""
        numbers = [number for number, known in self.names.items() if known[2] == name]
        assert len(numbers) == 1, f"{len(numbers)} functions are called {name}"
        rows = [row for key, row in self.rows.items() if key[1] == numbers[0]]
        return [sum(column) for column in zip(*rows, strict=True)]

    def stats(self) -> dict[Label, tuple[int, int, float, float, dict[Label, tuple[int, int, float, float]]]]:
        """What a .pstats file would hold."""
        tick = self.messages[-1]["tick"]
        ticks: dict[int, list[int]] = {}
        for (_, function), row in self.rows.items():
            add(ticks.setdefault(function, [0] * 4), row)
        pairs: dict[tuple[int, int], list[int]] = {}
        for (_, caller, callee), row in self.edges.items():
            add(pairs.setdefault((caller, callee), [0] * 4), row)
        stats: dict[Any, Any] = {}
        for function, (nc, cc, tt, ct) in ticks.items():
            old = stats.setdefault(self.label(function), (0, 0, 0.0, 0.0, {}))
            stats[self.label(function)] = (
                old[0] + cc,
                old[1] + nc,
                old[2] + max(0, tt) * tick,
                old[3] + max(0, ct) * tick,
                old[4],
            )
        for (caller, callee), (nc, cc, tt, ct) in pairs.items():
            if nc:
                callers = stats[self.label(callee)][4]
                old = callers.get(self.label(caller), (0, 0, 0.0, 0.0))
                callers[self.label(caller)] = (
                    old[0] + nc,
                    old[1] + cc,
                    old[2] + max(0, tt) * tick,
                    old[3] + max(0, ct) * tick,
                )
        return stats


def add(total: list[int], row: Sequence[int]) -> None:
    for at in range(4):
        total[at] += row[at]


def same_as_file(subscriber: Subscriber, path: Path) -> None:
    """Fails unless the subscriber has the very numbers of the file."""
    expected: dict[Any, Any] = pstats.Stats(str(path)).stats  # type: ignore[attr-defined]
    found = subscriber.stats()
    assert found.keys() == expected.keys()
    for label, (cc, nc, tt, ct, callers) in expected.items():
        assert found[label][:2] == (cc, nc), label
        close(found[label][2:4], (tt, ct))
        assert found[label][4].keys() == callers.keys(), label
        for caller, numbers in callers.items():
            assert found[label][4][caller][:2] == numbers[:2], (label, caller)
            close(found[label][4][caller][2:], numbers[2:])


def close(found: Sequence[float], expected: Sequence[float]) -> None:
    # Labels that several functions share are sums of floats, in another order.
    for one, other in zip(found, expected, strict=True):
        assert abs(one - other) <= 1e-12 + 1e-12 * abs(other)
