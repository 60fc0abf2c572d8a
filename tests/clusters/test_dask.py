"""pikos.plugins.dask on clusters of real workers: what they count, together and each, whoever is killed, retired, or without Pikos."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from running import PATIENCE

pytest.importorskip("distributed", reason="Dask is not installed: `make test-clusters` tries it")

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(5 * PATIENCE)]

#: What the tests' programs begin with: tasks whose calls are known.
HEAD = """
import os, signal, sys, time
from dask.distributed import Client, LocalCluster, wait
import pikos.plugins.dask as plugin

def leaf(x):
    return x + 1

def branch(x, width):
    return sum(leaf(x) for _ in range(width))

def calls(profile, name):
    return sum(row.ncalls for row in profile if row.name == name)

def cluster(**options):
    return LocalCluster(dashboard_address=":0", **{"n_workers": 2, "threads_per_worker": 2, **options})
"""


def run(program: str, tmp_path: Path, *, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program: its main part, after HEAD."""
    body = textwrap.indent(textwrap.dedent(program).strip(), "    ")
    path = tmp_path / "program.py"
    path.write_text(f'{HEAD}\nif __name__ == "__main__":\n{body}\n')
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        env={**os.environ, "DASK_DISTRIBUTED__WORKER__DAEMON": "True", **(environment or {})},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,  # a cluster is many processes
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize("processes", [True, False])
def test_the_sum_is_that_of_all_workers(processes: bool, tmp_path: Path) -> None:
    done = run(
        f"""
        with cluster(processes={processes}) as c, Client(c) as client:
            with plugin.profile(client, interval=0.1) as p:
                client.gather(client.map(branch, range(60), width=5) + client.map(leaf, range(40)))
                while p.profile().metadata["ncalls"] == 0:
                    time.sleep(0.05)
            client.gather(client.map(leaf, range(1000, 1010)))  # after it: not counted
        whole = p.profile()
        print(calls(whole, "branch"), calls(whole, "leaf"), p.labels)
        print(calls(p.profile("branch"), "leaf"), calls(p.profile("leaf"), "leaf"))
        each = [p.profile(worker=worker.address) for worker in p.workers]
        print(sum(calls(one, "leaf") for one in each), len(p.workers), p.stats().total_calls == whole.metadata["ncalls"])
        print(p.notes, {{worker.state for worker in p.workers}})
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == [
        "60 340 ['branch', 'leaf']",
        "300 40",
        "340 2 True",
        "[] {'running'}",
    ]
    assert "pikos:" not in done.stderr


def test_one_flame_graph_has_the_tasks_apart(tmp_path: Path) -> None:
    done = run(
        """
        with cluster() as c, Client(c) as client, plugin.profile(client) as p:
            client.gather(client.map(branch, range(6), width=5) + client.map(leaf, range(4)))
        p.export("cluster.html", by="task")
        names = {node.name: node for node in p.profile(by="task").tree() if node.parent is None}
        print(sorted(names))
        print(sorted({node.parent is None for node in p.profile(by="worker").tree() if node.name.startswith("tcp://")}))
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == ["['branch', 'leaf']", "[True]"]
    assert "leaf [branch]" in (tmp_path / "cluster.html").read_text()


def test_two_killed_workers_have_told_what_they_had_sent(tmp_path: Path) -> None:
    done = run(
        """
        with cluster(n_workers=4, threads_per_worker=1) as c, Client(c) as client:
            with plugin.profile(client, interval=0.1) as p:
                for round in range(3):
                    client.gather(client.map(branch, range(100 * round, 100 * round + 80), width=5))
                while sum(calls(p.profile(worker=w.address), "branch") for w in p.workers if w.heard) < 240:
                    time.sleep(0.05)
                victims = p.workers[:2]
                before = {w.address: calls(p.profile(worker=w.address), "branch") for w in victims}
                for worker in victims:
                    os.kill(worker.pid, signal.SIGKILL)
                while sum(worker.state == "lost" for worker in p.workers) < 2:
                    time.sleep(0.05)
                client.gather(client.map(leaf, range(50)))
        for worker in victims:
            print(worker.state, calls(p.profile(worker=worker.address), "branch") == before[worker.address])
        # A result that went with its worker may be made again.
        print(calls(p.profile(), "branch") >= 240, calls(p.profile("leaf"), "leaf"))
        (note,) = p.notes
        print(note.partition(": ")[0], all(str(worker.pid) in note for worker in victims))
        """,
        tmp_path,
    )
    lines = done.stdout.splitlines()
    assert lines[:3] == ["lost True", "lost True", "True 50"]
    told = lines[3].split(" of ")
    assert told[0] == "2" and told[1].endswith("went without a word, what they had told by then is counted True")
    assert "pikos: 2 of " in done.stderr


def test_workers_that_come_and_retire_are_counted_to_the_end(tmp_path: Path) -> None:
    done = run(
        """
        with cluster(n_workers=1, threads_per_worker=1) as c, Client(c) as client:
            # Nobody is asked again before the end: what a retired worker had counted it says itself.
            with plugin.profile(client, interval=60) as p:
                c.scale(3)
                client.wait_for_workers(3)
                client.gather(client.map(branch, range(90), width=2))
                addresses = sorted(client.nthreads())
                client.retire_workers(addresses[:2], close_workers=True)
                while len(client.nthreads()) > 1:
                    time.sleep(0.05)
        print(calls(p.profile(), "branch"), calls(p.profile(), "leaf"), sorted(w.state for w in p.workers)[:2], p.notes)
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == ["90 180 ['ended', 'ended'] []"]


def test_workers_that_were_started_by_hand(tmp_path: Path) -> None:
    done = run(
        """
        import subprocess
        with LocalCluster(n_workers=0, dashboard_address=":0") as c, Client(c) as client:
            command = [sys.executable, "-m", "distributed.cli.dask_worker", c.scheduler_address, "--no-dashboard", "--nthreads", "2"]
            started = [subprocess.Popen([*command, *more], stderr=subprocess.DEVNULL) for more in ([], ["--no-nanny"])]
            client.wait_for_workers(2)
            with plugin.profile(client, interval=0.2) as p:
                client.gather(client.map(branch, range(40), width=3))
            print(calls(p.profile(), "branch"), calls(p.profile(), "leaf"), len(p.workers), p.notes)
            for process in started:
                process.terminate()
            for process in started:
                process.wait()
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == ["40 120 2 []"]


def test_a_worker_without_pikos_runs_its_tasks(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text("import sys; sys.modules['pikos'] = None\n")
    done = run(
        """
        import subprocess
        with cluster(n_workers=1) as c, Client(c) as client:
            command = [sys.executable, "-m", "distributed.cli.dask_worker", c.scheduler_address, "--no-dashboard", "--no-nanny"]
            bare = subprocess.Popen([*command, "--name", "bare"], env={**os.environ, "PYTHONPATH": "bare"}, stderr=subprocess.DEVNULL)
            client.wait_for_workers(2)
            with plugin.profile(client, interval=0.2) as p:
                print(sum(client.gather(client.map(leaf, range(10), workers=["bare"], allow_other_workers=False))))
                client.gather(client.map(branch, range(10), width=3, workers=[0], allow_other_workers=False))
            print(calls(p.profile(), "branch"), p.labels)
            print(len(p.notes), "is not profiled: ModuleNotFoundError" in p.notes[0])
            bare.terminate()
            bare.wait()
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == ["55", "10 ['branch']", "1 True"]


def test_another_profiler_in_a_task_changes_nothing_for_it(tmp_path: Path) -> None:
    done = run(
        """
        import cProfile
        def busy(x):
            profile = cProfile.Profile()
            profile.enable()
            leaf(x)
            profile.disable()
            return sum(entry.callcount for entry in profile.getstats() if getattr(entry.code, "co_name", "") == "leaf")
        def refused(x):
            try:
                return busy(x)
            except ValueError as error:
                return "refused"
        with cluster(n_workers=1, threads_per_worker=1) as c, Client(c) as client:
            with plugin.profile(client, interval=0.2) as p:
                print(client.submit(refused, 1).result() in (1, "refused"), client.submit(leaf, 1).result())
            print(calls(p.profile("leaf"), "leaf"))
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == ["True 2", "1"]


def test_the_streams_are_passed_on(tmp_path: Path) -> None:
    done = run(
        """
        from pikos.live import Subscriber
        with cluster() as c, Client(c) as client:
            with plugin.profile(client, interval=0.1, live=True) as p:
                (endpoint,) = p.endpoints
                client.gather(client.map(branch, range(30), width=3))
                with Subscriber(endpoint) as subscriber:
                    while sum(calls(each.profile(), "leaf") for each in subscriber.processes) < 90:
                        subscriber.poll(1.0)
                    print(sorted({thread.name for each in subscriber.processes for thread in each.threads}))
                    print({each.argv[0] for each in subscriber.processes} == {"dask worker"}, len(subscriber.processes) <= 2)
                    print({each.pid for each in subscriber.processes} <= {worker.pid for worker in p.workers})
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == ["['branch']", "True True", "True"]


def test_a_plugin_alone_sends_what_each_worker_counts(tmp_path: Path) -> None:
    done = run(
        """
        from pikos.live import Subscriber
        with Subscriber(bind="tcp://127.0.0.1:*") as subscriber, cluster() as c, Client(c) as client:
            (endpoint,) = subscriber.endpoints
            client.register_plugin(plugin.TaskProfiler(endpoint, connect=True, interval=0.1))
            client.gather(client.map(branch, range(30), width=3))
            while sum(calls(each.profile(), "leaf") for each in subscriber.processes) < 90:
                subscriber.poll(1.0)
            print(sum(calls(each.profile(), "leaf") for each in subscriber.processes))
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == ["90"]


def test_what_cannot_be_is_said_at_once(tmp_path: Path) -> None:
    done = run(
        """
        def problem(**options):
            try:
                plugin.profile(client, **options)
            except (ValueError, TypeError) as error:
                return str(error)
        with cluster(n_workers=1, processes=False) as c, Client(c) as client:
            print(problem(interval=0))
            print(problem(threads=True))
            print(problem(hook="no such") is not None)
            with plugin.profile(client, interval=0.1) as p:
                client.submit(leaf, 1).result()
            for wrong in (lambda: p.profile("nothing"), lambda: p.profile(worker="nobody"), lambda: p.profile(by="day")):
                try:
                    wrong()
                except ValueError as error:
                    print(error)
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == [
        "interval must be from 0.02 to 60 seconds, got 0",
        "threads, checkpoint and follow have no meaning here: each task is profiled in its own thread",
        "True",
        "no task 'nothing' was counted; there are leaf",
        "no worker 'nobody' was heard of",
        """by must be "task" or "worker", not 'day'""",
    ]


def test_asynchronous_clients_and_cancelled_blocks(tmp_path: Path) -> None:
    done = run(
        """
        import asyncio
        async def main():
            async with LocalCluster(n_workers=1, processes=False, asynchronous=True, dashboard_address=":0") as c:
                async with Client(c, asynchronous=True) as client:
                    async with plugin.profile(client, interval=0.1) as p:
                        await client.gather(client.map(branch, range(20), width=3))
                    print(calls(p.profile(), "leaf"))
                    try:
                        async with plugin.profile(client, interval=0.1) as q:
                            await client.submit(leaf, 1)
                            raise KeyError("mine")
                    except KeyError as error:
                        print(error, calls(q.profile(), "leaf"))
        asyncio.run(main())
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == ["60", "'mine' 1"]
