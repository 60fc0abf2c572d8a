"""Two ways to make a matrix of random numbers. One of them has a copy made, and for a moment needs twice the memory.

pikos-run line_memory --focused-on legacy,fixed --recording csv examples/memory_spike.py
pikos plot monitor_records.csv -o memory.svg

Or while it runs: pikos top in one terminal, and in another
pikos-run line_memory --recording zmq examples/memory_spike.py
"""

import numpy as np

SIZE = 4_000_000


def legacy(size):
    b = np.asmatrix(np.random.random(size))
    numbers = np.random.random(size)
    a = np.matrix(numbers)  # a copy, while `numbers` is still there
    del numbers
    return float((a + b).sum())


def fixed(size):
    b = np.asmatrix(np.random.random(size))
    a = np.asmatrix(np.random.random(size))
    return float((a + b).sum())


if __name__ == "__main__":
    np.random.seed(1)
    legacy(SIZE)
    fixed(SIZE)
