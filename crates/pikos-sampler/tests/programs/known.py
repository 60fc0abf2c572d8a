"""A program whose every stack is known: a function is only ever called from lines that name it, with a bracket behind the name.

Short calls in turn, recursion, generators, calls by way of C, exceptions, in some threads at once.
"""

import sys
import threading


def empty_a():
    pass


def empty_b():
    pass


def adds(left, right):
    return left + right


def nests(value):
    inner = adds(value, 1)
    empty_a()
    return inner


def in_turn():
    for number in range(100):
        empty_a()
        empty_b()
        adds(number, 2)
        nests(number)
        empty_b()


def left_of(depth):
    if depth <= 0:
        return 0
    total = left_of(depth - 2)
    total += right_of(depth - 1)
    return total


def right_of(depth):
    if depth <= 0:
        return 1
    total = right_of(depth - 2)
    total += left_of(depth - 3)
    return total


def recursion():
    left_of(9)
    right_of(8)


def counts(limit):
    for number in range(limit):
        empty_a()
        yield number


def passes_on(limit):
    yield from counts(limit)


def doubles(limit):
    for number in counts(limit):
        yield adds(number, number)


def generators():
    for number in counts(20):
        empty_b()
    for number in doubles(20):
        adds(number, 1)
    for number in passes_on(10):
        empty_a()
    sum(doubles(20))


def key_a(value):
    return -value


def key_b(value):
    return adds(value, 1)


class Made:
    def __init__(self, value):
        self.value = nests(value)

    def method(self):
        return adds(self.value, 1)


def by_way_of_c():
    values = [3, 1, 2]
    values.sort(key=key_a)  # key_a()
    sorted(values, key=key_b)  # key_b()
    made = Made(1)  # __init__()
    made.method()
    list(map(adds, values, values))  # adds()
    empty_b()


def raises():
    raise ValueError


def raises_below(value):
    adds(value, 1)
    raises()


def exceptions():
    for number in range(10):
        try:
            raises_below(number)
        except ValueError:
            empty_a()
        try:
            raises()
        except ValueError:
            empty_b()


def again_and_again(first):
    parts = [in_turn, recursion, generators, by_way_of_c, exceptions]
    parts = parts[first:] + parts[:first]
    while True:
        for part in parts:
            part()  # in_turn() recursion() generators() by_way_of_c() exceptions()


if __name__ == "__main__":
    sys.setswitchinterval(0.001)
    for first in range(int(sys.argv[1]) - 1):
        threading.Thread(target=again_and_again, args=(first,), daemon=True).start()
    print("ready", flush=True)
    again_and_again(0)
