"""Watches one profiled process: `python -m pikos.cprofile --live ipc:///tmp/demo.sock script.py`, then this with that endpoint."""

import sys

import msgpack
import zmq

socket = zmq.Context().socket(zmq.SUB)
socket.subscribe(b"")
socket.connect(sys.argv[1])
names, rows, message = {}, {}, {}
while not message.get("end"):
    message = msgpack.unpackb(socket.recv())
    if message["kind"] == "full":
        names, rows = {}, {}
    names |= {number: label for number, *label in message["functions"]}
    rows |= {(thread, function): figures for thread, function, *figures in message["rows"]}
for (_, function), (calls, _, own, total, *_) in sorted(rows.items(), key=lambda row: -row[1][2]):
    file, line, name, _ = names[function]
    print(f"{calls:9} {own * message['tick']:9.3f} {total * message['tick']:9.3f}  {file}:{line}({name})")
