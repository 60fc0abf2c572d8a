"""Listens to a live stream until it is killed; writes a line when the first message is there.

python listener.py ENDPOINT
"""

import sys

import zmq

socket = zmq.Context().socket(zmq.SUB)
socket.subscribe(b"")
socket.connect(sys.argv[1])
socket.recv()
print("listening", flush=True)
while True:
    socket.recv()
