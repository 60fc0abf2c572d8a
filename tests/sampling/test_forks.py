"""A sampler and forks: nobody hangs, nothing warns, and a child is silent, or sampled by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import python
from sampler_programs import told

pytestmark = pytest.mark.beyond_cprofile


def test_a_child_is_silent_and_the_parent_goes_on() -> None:
    child, parent = told(
        """
import json, warnings
warnings.simplefilter("error")
sampler = launch(1000, budget=1.0)
until(lambda: sampler.status()["samples"] > 50)
ours, theirs = os.pipe()
pid = os.fork()
if not pid:
    for _ in range(100): spin()
    os.write(theirs, json.dumps([sampler.is_paused(), sampler.status()["samples"], len(sampler.snapshot())]).encode())
    os._exit(0)
os.waitpid(pid, 0)
before = sampler.status()["samples"]
until(lambda: sampler.status()["samples"] > before + 50)
answer([json.loads(os.read(ours, 1000)), sampler.is_paused()])
"""
    )
    assert child == [True, 0, 0]
    assert parent is False


def test_a_child_that_is_followed_is_sampled_from_zero() -> None:
    child, parent = told(
        """
import json
def before(): until(lambda: sampler.status()["samples"] > 50)
def within(): until(lambda: sampler.status()["samples"] > 50)
sampler = launch(1000, budget=1.0, follow=True)
before()
ours, theirs = os.pipe()
pid = os.fork()
if not pid:
    within()
    os.write(theirs, json.dumps(list(rows(sampler))).encode())
    os._exit(0)
os.waitpid(pid, 0)
sampler.stop()
answer([json.loads(os.read(ours, 10_000)), list(rows(sampler))])
"""
    )
    assert "within" in child and "before" not in child
    assert "before" in parent and "within" not in parent


def test_many_forks_and_threads_at_once() -> None:
    ended = told(
        """
import signal
stop = threading.Event()
threads = [threading.Thread(target=until, args=(stop.is_set,)) for _ in range(2)]
sampler = launch(2000, budget=1.0, follow=True)
for thread in threads: thread.start()
ended = []
for number in range(15):
    pid = os.fork()
    if not pid:
        spin()
        os._exit(number)
    ended.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
stop.set()
for thread in threads: thread.join()
sampler.stop()
answer(ended)
""".replace("import signal", "import signal, warnings; warnings.simplefilter('ignore')")
    )
    assert ended == list(range(15))


def test_the_launcher_follows_children(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import os, subprocess, sys\n"
        "def work(count):\n"
        "    return sum(number * number for number in range(count))\n"
        "def forked(): work(4_000_000)\n"
        "def parent(): work(4_000_000)\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    forked()\n"
        "    os._exit(3)\n"
        "assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 3\n"
        "parent()\n"
        "subprocess.run([sys.executable, '-c', 'def spawned(): return sum(n * n for n in range(4_000_000))\\nspawned()'], check=True)\n"
    )
    run = python(
        [
            "-m",
            "pikos.sampling",
            "-q",
            "--follow",
            "--rate",
            "1000",
            "--budget",
            "100",
            "-o",
            "out.pikos",
            "program.py",
        ],
        cwd=tmp_path,
    )
    assert (run.code, run.out, run.err) == (0, "", "")
    import pikos.stats

    found = {path.name: {row.name for row in pikos.stats.load(path)} for path in tmp_path.glob("out*.pikos")}
    assert len(found) == 3, json.dumps({name: sorted(names) for name, names in found.items()})
    assert "parent" in found["out.pikos"] and "forked" not in found["out.pikos"]
    others = [names for name, names in found.items() if name != "out.pikos"]
    assert sum("forked" in names for names in others) == 1
    assert sum("spawned" in names for names in others) == 1
