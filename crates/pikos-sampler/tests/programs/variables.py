"""A call whose variables are of all kinds."""
# ruff: noqa: F841 (they are looked at from outside)

import collections
import time


class Own:
    class Inner:
        pass


def variables(first, /, *rest, **named):
    nothing, yes, no = None, True, False
    small, negative, large, huge = 5, -1234567890123, 2**100, 2**1000
    real, tiny = 0.1, 1e-300
    text, quotes, control, long = "äöü 名前 𐍈", "it's", "a\n\x1b[31m", "x" * 100
    data, empty = b"\x00a'", b""
    listed, pair, mapped, several = [1, 2, 3], (1, 2), {"a": 1}, {1, 2}
    counter, own, inner, function = collections.Counter("ab"), Own(), Own.Inner(), variables
    captured = "in a cell"

    def closure():
        time.sleep(1000)
        return captured

    unbound = 1
    del unbound
    closure()


print("ready", flush=True)
variables("one", 2, 3, key="value")
