"""``pikos objects PID``, by what the command has Python do."""

from __future__ import annotations

import os
import sys

import pytest
from pikos._processes.attach import CantAttach, objects
from pikos._this_process import count

pytestmark = pytest.mark.in_process


def test_what_the_other_process_answers() -> None:
    lines = count(3, "type", 60)
    assert lines[0].split() == ["objects", "size", "type"]
    assert len(lines) >= 6 and all(len(line) <= 80 for line in lines)
    assert count(3, "module", 60)[0].split()[-1] == "module"


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there it can be done")
def test_what_to_do_where_it_can_not_be_had() -> None:
    with pytest.raises(CantAttach, match=r"have the program itself call `print\(pikos\.objects\.census\(\)\)`"):
        objects(os.getppid(), rows=3, by="type", timeout=1)
