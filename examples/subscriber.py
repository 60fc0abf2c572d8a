"""Watches a live profile: python subscriber.py ENDPOINT. Needs pyzmq and msgpack. docs/wire.md describes the messages."""

import sys
import msgpack, zmq

socket = zmq.Context().socket(zmq.SUB)
socket.connect(sys.argv[1])
socket.subscribe(b"")
names, rows, base, end = {}, {}, None, None
while end is None:
    message = msgpack.unpackb(socket.recv())
    if message["kind"] == "full":  # everything: forget what was known
        names, rows, base = {}, {}, message["seq"]
    elif message["base"] != base:  # builds on a full message that we have missed: wait for the next
        continue
    names.update((number, (file, line, name)) for number, file, line, name, *_ in message["functions"])
    rows.update(((thread, function), numbers) for thread, function, *numbers in message["rows"])
    calls = sum(numbers[0] + numbers[4] for numbers in rows.values())
    print(f"{message['age']:8.2f} s  {len(names)} functions  {calls} calls", flush=True)
    end = message.get("end")
