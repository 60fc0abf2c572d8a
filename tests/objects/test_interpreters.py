"""Objects are counted in a program that has other interpreters, with and without a GIL of their own."""

from __future__ import annotations

import sys
import textwrap

import pytest
from running import evaluate

pytestmark = [pytest.mark.beyond_cprofile]

PROGRAM = """
    import sys, textwrap, threading
    from pikos.objects import ObjectMonitor, census

    IS_NEW = sys.version_info >= (3, 13)
    if IS_NEW:
        import _interpreters as interpreters
    else:
        import _xxsubinterpreters as interpreters

    CODE = textwrap.dedent('''
        class Model:
            def __init__(self, number):
                self.rows = [number]
            def __del__(self):
                pass
        for _ in range(5):
            made = [Model(number) for number in range(500)]
            del made
    ''')

    class Model:
        pass

    def make():
        if IS_NEW:
            return interpreters.create("isolated" if OWN_GIL else "legacy")
        return interpreters.create(isolated=OWN_GIL)

    def run(other):
        (interpreters.exec if IS_NEW else interpreters.run_string)(other, CODE)

    def work():
        others = [make() for _ in range(3)]
        threads = [threading.Thread(target=run, args=(other,)) for other in others]
        for thread in threads:
            thread.start()
        kept = [Model() for _ in range(1000)]
        counted = census()["__main__.Model"].count
        for thread in threads:
            thread.join()
        for other in others:
            interpreters.destroy(other)
        return counted, len(kept)

    counts = []
    monitor = ObjectMonitor(["Model", "list", "dict"], where=True)
    with monitor:
        for _ in range(3):
            counts.append(work())
    (row,) = [row for row in monitor.rows() if row.type == "Model"]
    answer([counts, row.module, row.created, row.destroyed, row.alive])
"""


@pytest.mark.parametrize("own_gil", [False, True], ids=["one GIL", "their own GIL"])
def test_those_of_other_interpreters_are_theirs(own_gil: bool) -> None:
    if own_gil and sys.version_info < (3, 12):
        pytest.skip("from Python 3.12 on")
    answered = evaluate(f"OWN_GIL = {own_gil}\n" + textwrap.dedent(PROGRAM))
    assert answered == [[[1000, 1000]] * 3, "__main__", 3000, 3000, 0]
