import os
import threading
import time
import warnings


def in_child(parent):
    while os.getppid() == parent:
        time.sleep(0.5)


def in_parent():
    time.sleep(1000)


warnings.simplefilter("ignore")
threading.Thread(target=in_parent, daemon=True).start()
parent = os.getpid()
child = os.fork()
if child == 0:
    in_child(parent)
    os._exit(0)
print(child)
print("ready", flush=True)
in_parent()
