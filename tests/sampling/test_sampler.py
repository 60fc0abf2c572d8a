"""``pikos.sampling.Sampler``: what it sees of a program whose every stack is known, and what can be asked of it.

No test waits for a time: each works until so many samples are there.
"""

from __future__ import annotations

import json
import math
import os
import textwrap
from pathlib import Path

import pytest
from running import python
from sampler_programs import BEGIN, told

pytestmark = pytest.mark.beyond_cprofile


def test_shares_are_those_of_the_time_within_the_error_of_sampling() -> None:
    own = told(
        """
        sampler = Sampler(rate=2000, budget=1.0)
        spent = {"busy": 0.0, "idle": 0.0}
        def timed(work, times):
            start = time.perf_counter()
            work(times)
            spent[work.__name__] += time.perf_counter() - start
        with sampler:
            while sampler.status()["samples"] < 1500:
                timed(busy, 3)
                timed(idle, 1)
        found = rows(sampler)
        status = sampler.status()
        answer([found["spin"].cumtime, found["other"].cumtime, spent["busy"], spent["idle"],
                status["samples"], status["interval_stdev"] / status["interval_mean"]])
        """
    )
    spin, other, busy, idle, samples, deviation = own
    true = busy / (busy + idle)
    # Samples that stand for more than others tell less. Five times the standard error: one run in two million is further off by
    # chance.
    error = 5 * math.sqrt(true * (1 - true) / (samples / (1 + deviation**2))) + 0.01
    assert abs(spin / (spin + other) - true) < error, own


def test_each_sample_is_a_stack_that_the_program_had() -> None:
    stacks = told(
        """
        def leaf(): return spin(200)
        def left(): return leaf()
        def right(): return leaf()
        def deep(count): return deep(count - 1) if count else right()
        with Sampler(rate=2000, budget=1.0) as sampler:
            while sampler.status()["samples"] < 500:
                for _ in range(100):
                    left()
                    right()
                    deep(5)
        stacks = []
        nodes = sampler.snapshot().tree()
        for node in nodes:
            names, place = [], node
            while place is not None:
                names.append(place.name)
                place = None if place.parent is None else nodes[place.parent]
            stacks.append([names[::-1], node.ncalls])
        answer(stacks)
        """
    )
    allowed = {
        "spin": {("left", "leaf"), ("right", "leaf")},
        "leaf": {("left",), ("right",)},
    }
    seen = 0
    for names, _ in stacks:
        assert names[0] == "<module>", names
        if names[-1] in allowed and "status" not in names:
            below = tuple(names[1:-1][-len(next(iter(allowed[names[-1]]))) :])
            assert below in allowed[names[-1]], names
            seen += 1
        if "deep" in names:
            rest = names[names.index("deep") :]
            depth = rest.count("deep")
            assert depth <= 6 and rest[:depth] == ["deep"] * depth
            assert len(rest) == depth or (depth == 6 and rest[6] == "right"), names
    assert seen


def test_threads_have_the_names_that_the_program_gave_them() -> None:
    found = told(
        """
        from pathlib import Path
        import json
        stop = threading.Event()
        def work(): until(stop.is_set)
        threads = [threading.Thread(target=work, name=name) for name in ("left", "right")]
        with Sampler(rate=1000, budget=1.0) as sampler:
            for thread in threads:
                thread.start()
            def all_seen():
                return sampler.status()["samples"] > 300 and sampler.status()["threads"] >= 3
            until(all_seen)
            threads[1].name = "renamed"
            path = Path(f"out-{os.getpid()}.speedscope.json")
            sampler.save(path)
            stop.set()
            for thread in threads:
                thread.join()
        names = [each["name"] for each in json.loads(path.read_text())["profiles"]]
        path.unlink()
        answer([names, sampler.status()["threads"]])
        """
    )
    names, threads = found
    # The main thread, and those two: none of ours is among them.
    assert threads == 3, names
    assert sum("MainThread" in name for name in names) == 1
    assert sum("left" in name for name in names) == 1
    assert sum("renamed" in name for name in names) == 1


def test_a_thread_is_named_while_the_main_thread_waits_in_c() -> None:
    names = told(
        """
        from pathlib import Path
        import json
        def work(): until(lambda: sampler.status()["samples"] > 400)
        with Sampler(rate=1000, budget=1.0) as sampler:
            thread = threading.Thread(target=work, name="worker")
            thread.start()
            thread.join()
        # By now `threading` has forgotten it.
        path = Path(f"named-{os.getpid()}.speedscope.json")
        sampler.save(path)
        names = [each["name"] for each in json.loads(path.read_text())["profiles"]]
        path.unlink()
        answer(names)
        """
    )
    assert sum("worker" in name for name in names) == 1, names


def test_pause_really_pauses_and_unpause_goes_on() -> None:
    before, during, after, threads = told(
        """
        def native(): return len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else 0
        alone = native()
        sampler = Sampler(rate=1000, budget=1.0)
        assert sampler.is_paused()
        sampler.start()
        until(lambda: sampler.status()["samples"] > 50)
        running = native()
        sampler.pause()
        assert sampler.is_paused() and sampler.status()["paused"]
        before = sampler.status()
        paused = native()
        for _ in range(200): spin()
        during = sampler.status()
        sampler.unpause()
        assert not sampler.is_paused()
        until(lambda: sampler.status()["samples"] > before["samples"] + 50)
        sampler.stop()
        after = sampler.status()
        wanted = ("samples", "looks", "seconds", "cost")
        answer([[each[name] for name in wanted] for each in (before, during, after)] + [[alone, running, paused]])
        """
    )
    assert before == during
    assert after[0] > before[0] and after[2] > before[2]
    alone, running, paused = threads
    if alone:
        # A thread that has ended may be counted for a moment more.
        assert running > alone and paused <= running


def test_a_pause_is_nobodys_time() -> None:
    total, seconds = told(
        """
        sampler = Sampler(rate=1000, budget=1.0)
        for _ in range(3):
            sampler.start()
            wanted = sampler.status()["samples"] + 30
            until(lambda: sampler.status()["samples"] > wanted)
            sampler.pause()
            for _ in range(300): spin()
        profile = sampler.snapshot()
        answer([profile.metadata["tottime"], sampler.status()["seconds"]])
        """
    )
    assert 0 < total <= seconds * 1.01


def test_the_interval_changes_while_it_samples() -> None:
    slow, fast, interval = told(
        """
        sampler = Sampler(rate=1000, budget=1.0)
        sampler.start()
        until(lambda: sampler.status()["looks"] > 100)
        sampler.pause()
        fast = sampler.status()["interval_mean"]
        sampler.clear()
        sampler.set_interval(0.02)
        sampler.start()
        until(lambda: sampler.status()["looks"] > 20)
        sampler.stop()
        answer([sampler.status()["interval_mean"], fast, sampler.interval])
        """
    )
    assert interval == pytest.approx(0.02)
    # Gaps are random, from half of what is asked for to one and a half; a busy machine makes them longer.
    assert slow > 0.015 and fast < slow


def test_clear_forgets_all_running_or_not() -> None:
    running, paused = told(
        """
        def early():
            until(lambda: sampler.status()["samples"] > 100)
        sampler = launch(1000, budget=1.0)
        early()
        sampler.clear()
        running = list(rows(sampler))
        until(lambda: sampler.status()["samples"] > 20)
        sampler.stop()
        sampler.clear()
        answer([running, [list(rows(sampler)), sampler.status()["samples"], sampler.status()["seconds"]]])
        """
    )
    assert "early" not in running
    assert paused[:2] == [[], 0] and paused[2] == 0


def test_a_snapshot_is_written_in_all_formats(tmp_path: Path) -> None:
    formats = "pikos speedscope.json folded html svg pb.gz firefox.json callgrind json csv md txt dot pstats".split()
    code = BEGIN + (
        "sampler = launch(1000, budget=1.0)\n"
        "until(lambda: sampler.status()['samples'] > 100)\n"
        "sampler.stop()\n"
        f"for ending in {formats!r}: sampler.save(f'out.{{ending}}')\n"
        "sampler.save('out')\n"
        "print(sampler.status()['samples'])\n"
    )
    run = python(["-c", code], cwd=tmp_path).succeeded()
    samples = int(run.out)
    for ending in formats:
        assert (tmp_path / f"out.{ending}").stat().st_size > 0, ending
    import pikos.stats

    for name in ("out.pikos", "out", "out.json", "out.pstats"):
        profile = pikos.stats.load(tmp_path / name)
        assert profile.metadata["counts"] == "samples", name
        assert sum(row.primitive_calls or 0 for row in profile) == samples, name
    assert pikos.stats.load(tmp_path / "out.pikos").tree()
    facts = pikos.stats.load(tmp_path / "out.pikos").metadata["facts"]
    assert any("sampl" in name or "interval" in name for name in facts), facts
    scope = json.loads((tmp_path / "out.speedscope.json").read_text())
    assert scope["profiles"]


def test_show_and_query() -> None:
    table, records, some, total, first = told(
        """
        sampler = launch(1000, budget=1.0)
        until(lambda: sampler.status()["samples"] > 100)
        sampler.stop()
        records, total = sampler.query()
        some, _ = sampler.query("spin", 1)
        answer([sampler.show(3), records, some, [total, sampler.status()["samples"]],
                [records[0].name, records[0].hits, records[0].self_hits, sampler.show(query=(records, total))]])
        """
    )
    assert total[0] == total[1] > 100
    assert table.splitlines()[0].split() == ["Function", "Hits", "%", "%", "self"] and len(table.splitlines()) <= 4
    assert ["<module>(__main__)", total[0]] == records[0][:2] == first[:2]
    assert [record[0] for record in some] == ["spin(__main__)"]
    assert "spin(__main__)" in first[3]


def test_the_seeds_four_lines() -> None:
    shown, stats = told(
        """
        profiler = SimpleLauncher.launch()
        until(lambda: profiler.status()["samples"] > 20)
        shown = profiler.show()
        profiler.set_interval(5)
        assert profiler.interval == 5
        profiler.pause()
        assert profiler.is_paused()
        profiler.unpause()
        profiler.cancel()
        assert profiler.sampler.my_db.query(max_records=1)[0][0] == profiler.query(max_records=1)[0][0]
        waits = SimpleLauncher(interval=0.01)
        waits.start()
        assert waits.is_paused()
        waits.cancel()
        answer([shown, profiler.tracker.stats()])
        """
    )
    assert "Function" in shown and "(__main__)" in shown
    assert set(stats) == {"mean", "stdev"} and stats["mean"] > 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("rate=0", "rate must be from 0.1 to 10,000 looks a second, got 0"),
        ("rate=1e6", "rate must be from 0.1 to 10,000 looks a second, got 1000000.0"),
        ("rate=float('nan')", "rate must be from 0.1 to 10,000 looks a second, got nan"),
        ("mode='all'", "mode must be wall or cpu or gil, got 'all'"),
        ("budget=1.5", "budget must be from 0.0001 to 1, got 1.5"),
        ("live='nowhere'", "nowhere"),
    ],
)
def test_wrong_arguments_are_refused(arguments: str, sentence: str) -> None:
    message = told(
        f"""
        try: Sampler({arguments})
        except ValueError as error: answer(str(error))
        """
    )
    assert sentence in message


@pytest.mark.parametrize("seconds", ["0", "11", "float('nan')"])
def test_a_wrong_interval_changes_nothing(seconds: str) -> None:
    message, interval = told(
        f"""
        sampler = Sampler()
        try: sampler.set_interval({seconds})
        except ValueError as error: answer([str(error), sampler.interval])
        """
    )
    assert "interval must be from 0.0001 to 10 seconds, got" in message and interval == 0.01


def test_modes_count_what_they_say() -> None:
    wall, gil = told(
        """
        stop = threading.Event()
        thread = threading.Thread(target=stop.wait, name="waits")
        thread.start()
        found = {}
        for mode in ("wall", "gil"):
            with Sampler(1000, mode, 1.0) as sampler:
                until(lambda: sampler.status()["samples"] > 100)
            found[mode] = {name: row.primitive_calls for name, row in rows(sampler).items()}
        stop.set()
        thread.join()
        answer([found["wall"], found["gil"]])
        """
    )
    assert wall.get("wait", 0) > 10
    # It waits for a lock: what has the GIL is the main thread.
    assert gil.get("wait", 0) < wall["wait"]


def test_a_sampler_that_is_dropped_leaves_no_thread() -> None:
    left = told(
        """
        import gc
        for _ in range(20):
            sampler = launch(1000, budget=1.0)
            spin()
            del sampler
        gc.collect()
        from pathlib import Path
        def ours():
            names = []
            for task in Path("/proc/self/task").iterdir():
                try: names.append((task / "comm").read_text())
                except OSError: pass
            return [name for name in names if name.startswith("pikos")]
        while ours(): time.sleep(0.001)
        answer(ours())
        """
        if os.path.exists("/proc/self/task")
        else "answer([])"
    )
    assert left == []


#: Has the kernel answer process_vm_readv with EPERM, as a container's filter does.
FORBIDS = """
import ctypes, platform, struct
numbers = {"x86_64": (0xC000003E, 310), "aarch64": (0xC00000B7, 270)}
audit, number = numbers[platform.machine()]
rules = [(0x20, 0, 0, 4), (0x15, 0, 3, audit), (0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50001), (0x06, 0, 0, 0x7FFF0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
forbidden = libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(
    22, 2, ctypes.byref(Program(len(rules), ctypes.addressof(code)))) == 0
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="Linux has such filters")
def test_where_memory_cant_be_read_each_sample_takes_the_gil() -> None:
    found = told(
        FORBIDS
        + textwrap.dedent("""
        if not forbidden:
            answer(None)
            raise SystemExit
        def work(): until(lambda: sampler.status()["samples"] > 200)
        sampler = launch(500, budget=1.0)
        thread = threading.Thread(target=work, name="worker")
        thread.start()
        thread.join()
        pid = os.fork()
        if not pid: os._exit(0 if sampler.is_paused() else 1)
        assert os.waitpid(pid, 0)[1] == 0
        sampler.stop()
        status = sampler.status()
        try: Sampler(mode="gil").start()
        except RuntimeError as error: refused = str(error)
        answer([status["how"], status["why"], list(rows(sampler)), refused])
        """)
    )
    if found is None:
        pytest.skip("this machine allows no such filter")
    how, why, names, refused = found
    assert how == "gil" and "process_vm_readv" in why
    assert {"work", "spin", "<module>"} <= set(names)
    assert 'mode="gil" needs to read this process\' memory' in refused
