"""Watches a live profile and prints its final numbers: python subscriber.py ENDPOINT (docs/wire.md has the messages)."""

import sys

import msgpack
import zmq

socket = zmq.Context().socket(zmq.SUB)
socket.connect(sys.argv[1])
socket.subscribe(b"")
message, base = {}, None
while not message.get("end"):
    message = msgpack.unpackb(socket.recv())
    if message["kind"] == "full":  # everything: what was known before is void
        names, rows, base = {}, {}, message["seq"]
    if message["base"] == base:  # else it builds on a full message that was lost: the next one comes within 14 s
        names.update((number, (file, line, name)) for number, file, line, name, *_ in message["functions"])
        rows.update(((row[0], row[1]), row[2:]) for row in message["rows"])  # by thread and function
        print(f"after {message['age']:.2f} s: {sum(row[0] + row[4] for row in rows.values())} calls", flush=True)
for function, label in names.items():
    threads = [row for (_, number), row in rows.items() if number == function]
    ncalls, primitive, tottime, cumtime, *_ = (sum(column) for column in zip(*threads, strict=True))
    print(ncalls, primitive, max(0, tottime) * message["tick"], max(0, cumtime) * message["tick"], *label, sep="\t")
