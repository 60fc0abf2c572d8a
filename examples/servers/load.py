"""Asks a server for many things at once, from a process of its own: python load.py http://127.0.0.1:8000/pay/ [REQUESTS] [AT ONCE]"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.request import urlopen


def ask(url):
    with urlopen(url, timeout=120) as answer:
        answer.read()


def main(base, requests=200, at_once=50):
    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(ask, [f"{base}{items}" for items in range(requests)]))
    print(f"{requests} requests, {requests / (time.perf_counter() - began):,.0f} a second")


main(sys.argv[1], *map(int, sys.argv[2:]))
