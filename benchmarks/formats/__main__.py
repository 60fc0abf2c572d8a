"""Loading, merging and converting a large profile: pikos against the tools of today, in one run.

    python -m benchmarks.shared.make_large_pstats large-1.pstats --seed 1
    python -m benchmarks.shared.make_large_pstats large-2.pstats --seed 2
    python -m benchmarks.formats --pikos .venv/bin/pikos large-1.pstats large-2.pstats

`make bench-formats` does that. Whole processes are timed, start included, both sides in turn, round
after round; the median counts, and the ratio is the figure to quote: seconds belong to one machine.
`--python` names an interpreter that has pyprof2calltree and gprof2dot; a tool that is not installed
is said to be missing, and no figure is made up for it. Memory is the greatest resident size of our
process, over the size of the input.

The last line is 1,000 smaller files in one command, of which the sum alone is held: its memory is
over that of the same command with 10 of them. `--check` fails where a goal is missed.
"""

import argparse
import marshal
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks.shared import make_large_pstats

# Seconds for the large files, and memory as a multiple of the input (for 1,000 files: of that of 10).
GOALS = {"load, sort, print": 0.10, "merge two": 0.25, "to callgrind": 0.30, "to DOT": 0.30}
MEMORY_GOAL = 4.0
MANY_MEMORY_GOAL = 1.5

LOAD = "import pstats, sys; pstats.Stats(sys.argv[1]).sort_stats('cumulative').print_stats(30)"
MERGE = "import pstats, sys; pstats.Stats(*sys.argv[2:]).dump_stats(sys.argv[1])"


def run(command):
    """Seconds and the greatest resident size in bytes of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)}: {errors.decode(errors='replace')}")
    unit = 1 if sys.platform == "darwin" else 1024
    return seconds, usage.ru_maxrss * unit


def has_module(python, module):
    return subprocess.run([python, "-c", f"import {module}"], stderr=subprocess.DEVNULL).returncode == 0


def cases(args, folder):
    first, second = args.profiles
    out = os.path.join(folder, "out")
    pikos, python = args.pikos, args.python
    yield (
        "load, sort, print",
        None,
        [first],
        [python, "-c", LOAD, first],
        [pikos, "stats", first, "-n", "30"],
    )
    yield (
        "merge two",
        None,
        [first, second],
        [python, "-c", MERGE, out + ".pstats", first, second],
        [pikos, "merge", first, second, "-o", out + ".pstats"],
    )
    yield (
        "to callgrind",
        "pyprof2calltree",
        [first],
        [python, "-m", "pyprof2calltree", "-i", first, "-o", out + ".callgrind"],
        [pikos, "export", first, "-o", out + ".callgrind"],
    )
    yield (
        "to DOT",
        "gprof2dot",
        [first],
        [python, "-m", "gprof2dot", "-f", "pstats", first, "-o", out + ".dot"],
        [pikos, "export", first, "-o", out + ".dot"],
    )


def make_many(folder, count):
    """Paths of so many files, of ten different profiles."""
    made = []
    for seed in range(10):
        path = os.path.join(folder, f"{seed}.pstats")
        with open(path, "wb") as file:
            marshal.dump(make_large_pstats.profile(500, 3000, seed), file)
        made.append(path)
    paths = made[:]
    while len(paths) < count:
        paths.append(os.path.join(folder, f"{len(paths)}.pstats"))
        os.link(made[len(paths) % len(made)], paths[-1])
    return paths


def merge_many(args, folder, missed):
    paths = make_many(folder, 1000)
    out = os.path.join(folder, "sum.out")
    theirs, _ = run([args.python, "-c", MERGE, out, *paths])
    ours, of_thousand = run([args.pikos, "merge", *paths, "-o", out])
    _, of_ten = run([args.pikos, "merge", *paths[:10], "-o", out])
    memory = of_thousand / of_ten
    size = sum(map(os.path.getsize, paths)) / 2**20
    print(f"{'merge 1,000':20}{theirs:>9.3f}s{ours:>9.3f}s{theirs / ours:>7.1f}x{memory:>13.1f}x", end="")
    print(f"  ({of_thousand / 2**20:.0f} MB for {size:.0f} MB of files)")
    if memory > MANY_MEMORY_GOAL:
        missed.append(f"merge 1,000: {memory:.1f} times the memory of 10 files, at most {MANY_MEMORY_GOAL}")


def main():
    parser = argparse.ArgumentParser("python -m benchmarks.formats", description=__doc__.splitlines()[0])
    parser.add_argument("profiles", nargs=2)
    parser.add_argument("--pikos", required=True, help="our command")
    parser.add_argument("--python", default=sys.executable, help="with the tools installed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="fail where a goal is missed")
    args = parser.parse_args()
    version = subprocess.run([args.python, "--version"], capture_output=True, text=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {version.stdout.strip()}, {args.rounds} rounds")
    print(f"{'':20}{'theirs':>10}{'ours':>10}{'ratio':>8}{'memory/input':>14}")
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        for name, module, inputs, theirs, ours in cases(args, folder):
            if module is not None and not has_module(args.python, module):
                theirs = None
            their_times, our_times, sizes = [], [], []
            for _ in range(args.rounds):
                if theirs is not None:
                    their_times.append(run(theirs)[0])
                seconds, size = run(ours)
                our_times.append(seconds)
                sizes.append(size)
            our_time = statistics.median(our_times)
            memory = max(sizes) / sum(map(os.path.getsize, inputs))
            if our_time > GOALS[name] or memory > MEMORY_GOAL:
                missed.append(f"{name}: at most {GOALS[name]} s and {MEMORY_GOAL} times the input")
            if theirs is None:
                print(f"{name:20}{'missing':>10}{our_time:>9.3f}s{'':>8}{memory:>13.1f}x")
                continue
            their_time = statistics.median(their_times)
            ratio = their_time / our_time
            print(f"{name:20}{their_time:>9.3f}s{our_time:>9.3f}s{ratio:>7.1f}x{memory:>13.1f}x")
        merge_many(args, folder, missed)
    for goal in missed:
        print(f"MISSED: {goal}", file=sys.stderr)
    return 1 if missed and args.check else 0


if __name__ == "__main__":
    sys.exit(main())
