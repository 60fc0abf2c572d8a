"""Loading, merging and converting a large profile: pikos against the tools of today, in one run.

    python make_large_pstats.py large-1.pstats --seed 1
    python make_large_pstats.py large-2.pstats --seed 2
    python formats.py --pikos ../target/release/pikos large-1.pstats large-2.pstats

Whole processes are timed, start included, both sides in turn, round after round; the median counts,
and the ratio is the figure to quote: seconds belong to one machine. `--python` names an interpreter
that has pyprof2calltree and gprof2dot; a tool that is not installed is said to be missing, and no
figure is made up for it. Memory is the greatest resident size of our process, over the size of the
input.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("profiles", nargs=2)
    parser.add_argument("--pikos", required=True, help="our command")
    parser.add_argument("--python", default=sys.executable, help="with the tools installed")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    version = subprocess.run([args.python, "--version"], capture_output=True, text=True)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {version.stdout.strip()}, {args.rounds} rounds")
    print(f"{'':20}{'theirs':>10}{'ours':>10}{'ratio':>8}{'memory/input':>14}")
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
            if theirs is None:
                print(f"{name:20}{'missing':>10}{our_time:>9.3f}s{'':>8}{memory:>13.1f}x")
                continue
            their_time = statistics.median(their_times)
            ratio = their_time / our_time
            print(f"{name:20}{their_time:>9.3f}s{our_time:>9.3f}s{ratio:>7.1f}x{memory:>13.1f}x")


if __name__ == "__main__":
    main()
