"""The recipe for Ray in docs/clusters.md: workers that begin to be profiled when they start, and send what they count."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from running import PATIENCE

pytest.importorskip("ray", reason="Ray is not installed: `make test-clusters` tries it")

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(5 * PATIENCE)]

PROGRAM = """
import ray
from pikos.live import Subscriber

def leaf(x):
    return x + 1

def calls(process):
    return sum(row.ncalls for row in process.profile() if row.name == "leaf")

if __name__ == "__main__":
    with Subscriber(bind="tcp://127.0.0.1:*") as subscriber:
        (endpoint,) = subscriber.endpoints

        def begin():
            import pikos.live
            pikos.live.start(endpoint=endpoint, connect=True, tree=True, interval=0.1)

        ray.init(num_cpus=2, include_dashboard=False, runtime_env={"worker_process_setup_hook": begin})

        @ray.remote
        def work(n):
            return sum(leaf(i) for i in range(n))

        print(sum(ray.get([work.remote(100) for _ in range(20)])))
        while sum(map(calls, subscriber.processes)) < 2000:
            subscriber.poll(1.0)
        print(sum(map(calls, subscriber.processes)))
        ray.shutdown()
"""


def test_workers_tell_what_their_tasks_call(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(PROGRAM)
    # Its sockets have long names.
    with tempfile.TemporaryDirectory(prefix="ray") as short:
        environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "HOME": str(tmp_path), "RAY_TMPDIR": short}
        done = subprocess.run(
            [sys.executable, str(path)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=4 * PATIENCE,
        )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.isdigit()]
    assert lines == ["101000", "2000"]
