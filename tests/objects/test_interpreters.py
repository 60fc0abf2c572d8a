"""Objects are counted in a program that has other interpreters, with and without a GIL of their own."""

from __future__ import annotations

import sys

import pytest
from interpreters import INTERPRETERS
from running import evaluate

pytestmark = [pytest.mark.beyond_cprofile]

PROGRAM = """
from pikos.objects import ObjectMonitor, census

CODE = '''
    class Model:
        def __init__(self, number):
            self.rows = [number]
        def __del__(self):
            pass
    for _ in range(5):
        made = [Model(number) for number in range(500)]
        del made
'''

class Model:
    pass

def work():
    kept = [Model() for _ in range(1000)]
    return census()["__main__.Model"].count, len(kept)

counts = []
monitor = ObjectMonitor(["Model", "list", "dict"], where=True)
with monitor:
    for _ in range(3):
        counts.append(beside(3, CODE, work))
(row,) = [row for row in monitor.rows() if row.type == "Model"]
answer([counts, row.module, row.created, row.destroyed, row.alive])
"""


@pytest.mark.parametrize("own_gil", [False, True], ids=["one GIL", "their own GIL"])
def test_those_of_other_interpreters_are_theirs(own_gil: bool) -> None:
    if own_gil and sys.version_info < (3, 12):
        pytest.skip("from Python 3.12 on")
    answered = evaluate(f"OWN_GIL = {own_gil}\n{INTERPRETERS}{PROGRAM}")
    assert answered == [[[1000, 1000]] * 3, "__main__", 3000, 3000, 0]
