"""Listens to a live stream, as long as its standard input is open; writes a line when the first message is there.

python listener.py ENDPOINT
"""

import sys

import zmq

socket = zmq.Context().socket(zmq.SUB)
socket.setsockopt(zmq.LINGER, 0)
socket.subscribe(b"")
socket.connect(sys.argv[1])
poller = zmq.Poller()
poller.register(socket, zmq.POLLIN)
poller.register(sys.stdin.fileno(), zmq.POLLIN)  # at its end, too: who started this is gone
heard = False
while True:
    ready = dict(poller.poll())
    if sys.stdin.fileno() in ready:
        break
    socket.recv()
    if not heard:
        heard = True
        print("listening", flush=True)
