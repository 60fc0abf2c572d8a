"""Many live processes that are none: sockets that send what processes would, byte for byte as docs/wire.md has it.

    python senders.py ENDPOINT [--processes N] [--functions N] [--seconds S] [--interval S] [--hosts N] [--leave N]

Each has so many functions, and a caller for each; with every message each function has been called once more. All begin with a full message, then
come deltas on it; the last one ends the stream, but of those that are told to leave without a word. Says at the end, as JSON, how many messages there
were, and the sums that whoever heard all of them must have.
"""

from __future__ import annotations

import argparse
import json
import random
import time

import msgpack
import zmq

#: Ticks of each call.
TICKS = 1000


class Sender:
    """A process."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], endpoint: str, number: int, host: str, functions: int
    ) -> None:
        self.socket = context.socket(zmq.XPUB)
        self.socket.linger = 60_000
        self.socket.sndhwm = 1000
        self.socket.connect(endpoint)
        self.number, self.host, self.functions = number, host, functions
        self.seq = 0

    def await_subscriber(self) -> None:
        self.socket.recv()

    def send(self, bodies: Bodies, interval: float, start: float, is_last: bool = False) -> None:
        """The next message."""
        self.seq += 1
        is_full = self.seq == 1 or is_last
        head = {
            "v": 1,
            "kind": "full" if is_full else "delta",
            "id": f"{self.host}-{self.number}",
            "seq": self.seq,
            "base": self.seq if is_full else 1,
            "epoch": 0,
            "time": time.time(),
            "age": time.monotonic() - start,
            "tick": 1e-6,
            "interval": interval,
            "threads": [[1, "MainThread", self.number, False]],
        }
        if is_full:
            head["facts"] = {
                "pid": self.number,
                "host": self.host,
                "started": time.time(),
                "argv": ["/srv/web.py"],
                "python": "CPython 3.13.0",
                "pikos": "0",
                "clock": "tsc",
                "hook": "none",
            }
        if is_last:
            head["end"] = {"how": "normal", "detail": ""}
        self.socket.send(bodies.message(head, self.seq, is_full), copy=False)


class Bodies:
    """The parts of messages that are the same in all processes, packed once."""

    def __init__(self, functions: int) -> None:
        self.functions = functions
        names = [
            [number, f"/srv/app/module{number % 20}.py", number, f"function_{number}", None]
            for number in range(functions)
        ]
        self.names = msgpack.packb("functions") + msgpack.packb(names)
        self.rows: dict[int, bytes] = {}

    def message(self, head: dict[str, object], calls: int, is_full: bool) -> bytes:
        """A map of the head, and of what each function has after so many calls."""
        body = self.rows.get(calls)
        if body is None:
            rows = [[1, f, calls, calls, calls * TICKS, calls * TICKS, 0, 0, 0, 0] for f in range(self.functions)]
            edges = [
                [1, f, f + 1, calls, calls, calls * TICKS, calls * TICKS, 0, 0, 0] for f in range(self.functions - 1)
            ]
            body = msgpack.packb("rows") + msgpack.packb(rows) + msgpack.packb("edges") + msgpack.packb(edges)
            self.rows[calls] = body
        count = len(head) + 2 + is_full
        size = bytes([0x80 | count]) if count < 16 else bytes([0xDE, 0, count])
        packed = b"".join(msgpack.packb(each) for pair in head.items() for each in pair)
        return size + packed + (self.names if is_full else b"") + body


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("endpoint")
    parser.add_argument("--processes", type=int, default=1000)
    parser.add_argument("--functions", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--hosts", type=int, default=4)
    parser.add_argument("--leave", type=int, default=0, help="so many go without a word")
    parser.add_argument("--first", type=int, default=1, help="the number of the first process")
    options = parser.parse_args()

    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    context.set(zmq.MAX_SOCKETS, 100_000)
    bodies = Bodies(options.functions)
    senders = [
        Sender(context, options.endpoint, options.first + place, f"node{place % options.hosts}", options.functions)
        for place in range(options.processes)
    ]
    for sender in senders:
        sender.await_subscriber()
    print("connected", flush=True)
    start = time.monotonic()
    # As real ones: each at a moment of its own.
    due = sorted((start + random.random() * options.interval, place) for place in range(len(senders)))
    rounds = max(1, round(options.seconds / options.interval))
    late = 0.0
    for number in range(rounds):
        is_last = number == rounds - 1
        for when, place in due:
            wait = when + number * options.interval - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            late = max(late, -wait)
            if not (is_last and place < options.leave):
                senders[place].send(bodies, options.interval, start, is_last=is_last and rounds > 1)
    told = {
        "messages": sum(sender.seq for sender in senders),
        "calls": sum(sender.seq for sender in senders) * options.functions,
        "late": late,
    }
    print(json.dumps(told), flush=True)
    for sender in senders:
        sender.socket.close()
    context.term()


if __name__ == "__main__":
    main()
