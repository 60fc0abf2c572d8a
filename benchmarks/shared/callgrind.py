"""How many instructions a program runs, counted by valgrind: the same on a busy machine as on a quiet one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.shared.turns import ENVIRONMENT


def callgrind(command: Sequence[str]) -> int:
    """Instructions that the process runs. Exit code 3 of the process stands for "not to be had": -1."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command]
    done = subprocess.run(valgrind, capture_output=True, text=True, env=ENVIRONMENT)
    if done.returncode == 3:
        return -1
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or found is None:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode} under callgrind\n{done.stderr}")
    return int(found[1])
