"""Instructions for each enter/leave pair of the engine, counted by callgrind: the same on a busy machine as on a quiet one.

    python -m benchmarks.overhead.instructions --binary target/release/examples/instructions [--accept] [--python PATH ...]

Compares with the counts in instructions.txt and fails if one has grown by more than 2 %; `--accept` writes them anew.
With `--python`, also what one profiled call takes in a whole interpreter: shown, not compared, since builds differ.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which

from benchmarks.shared.callgrind import callgrind

EXPECTED = Path(__file__).with_name("instructions.txt")
#: A count may be so much more than the expected one.
TOLERANCE = 0.02
#: Pairs in the shorter run and in the longer one: what they differ by is what the pairs take, and nothing else is.
FEW, MANY = 20_000, 60_000
CALLS = 4_000, 12_000

#: What a Python program does, so often: {n}. Two calls of each kind in turn, so that each loop is the same.
PROGRAMS = {
    "Python function": "def f(): pass\ndef work():\n for _ in range({n}): f(); f()\n",
    "built-in": "def work():\n f = abs\n for _ in range({n}): f(1); f(1)\n",
}
CALLS_IN_A_ROUND = 2
#: How a profile named `p` is made; one that isn't to be had is None.
PROFILES = {
    "plain": "",
    "cProfile": "import cProfile; p = cProfile.Profile()",
    "pikos": "from pikos.cprofile import Profile; p = Profile()",
    "pikos python": "from pikos.cprofile import Profile; p = Profile(builtins=False)",
    "pikos distribution": "from pikos.cprofile import Profile; p = Profile(distribution=True)",
    "pikos cpu": "from pikos.cprofile import Profile; p = Profile(cpu=True)",
    "pikos frames": (
        "from pikos.cprofile import Profile; p = Profile(builtins=False, hook='frame-eval'); "
        "p = p if p.hook[0] == 'frame-eval' else None"
    ),
}


def per_pair(pool: ThreadPoolExecutor, binary: str) -> dict[tuple[str, str], float]:
    """By (script, target), with what the script itself takes taken out."""
    scripts, targets = (line.split() for line in subprocess.check_output([binary], text=True).splitlines())
    runs = {
        (script, target, pairs): pool.submit(callgrind, [binary, script, target, str(pairs)])
        for script in scripts
        for target in targets
        for pairs in (FEW, MANY)
    }

    def counted(script: str, target: str) -> float:
        more = runs[script, target, MANY].result() - runs[script, target, FEW].result()
        return more / (MANY - FEW)

    return {
        (script, target): counted(script, target) - counted(script, "nothing")
        for script in scripts
        for target in targets
        if target != "nothing"
    }


def expected() -> tuple[str, dict[tuple[str, str], float]]:
    """The compiler, and the counts that were accepted last."""
    compiler, counts = "", {}
    for number, line in enumerate(EXPECTED.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("# rustc "):
            compiler = line.removeprefix("# ")
        if not line or line.startswith("#"):
            continue
        try:
            script, target, count = line.split()
            counts[script, target] = float(count)
        except ValueError:
            sys.exit(f"{EXPECTED.name}:{number}: expected `script target count`, got {line!r}")
    return compiler, counts


def accept(compiler: str, counts: dict[tuple[str, str], float]) -> None:
    lines = [
        "# Instructions for each enter/leave pair (x86-64, release profile). `make bench-instructions` compares;",
        "# `make bench-instructions BENCH_ARGS=--accept` writes this file.",
        f"# {compiler}",
        *(f"{script:12} {target:12} {count:8.1f}" for (script, target), count in counts.items()),
    ]
    EXPECTED.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"written: {EXPECTED.name}")


def compare(counts: dict[tuple[str, str], float], known: dict[tuple[str, str], float]) -> list[str]:
    """Prints the table; the rows that have grown too much."""
    print("| script       | target       | instructions | expected | change |")
    print("|--------------|--------------|-------------:|---------:|-------:|")
    grown = []
    for (script, target), count in counts.items():
        before = known.get((script, target))
        change = "new" if before is None else f"{count / before - 1:+.1%}"
        print(f"| {script:12} | {target:12} | {count:12.1f} | {before or '–':>8} | {change:>6} |")
        if before is not None and count > before * (1 + TOLERANCE):
            grown.append(f"{script}, {target}: {before} → {count:.1f} ({change})")
    for script, target in sorted(known.keys() - counts.keys()):
        grown.append(f"{script}, {target}: expected, and not measured")
    return grown


def python_program(source: str, profile: str, rounds: int) -> str:
    """The same for each profile, up to the profile."""
    code = source.replace("{n}", str(rounds)) + (profile or "p = 0") + "\n"
    code += "import sys\nif p is None: sys.exit(3)\n"
    # Specialised before it counts.
    return code + ("work()\np.enable()\nwork()\np.disable()\n" if profile else "work()\nwork()\n")


def in_python(pool: ThreadPoolExecutor, python: str) -> None:
    """Instructions that a profile adds to a call of each kind, in this interpreter."""
    runs = {
        (what, name, rounds): pool.submit(callgrind, [python, "-c", python_program(source, profile, rounds)])
        for what, source in PROGRAMS.items()
        for name, profile in PROFILES.items()
        for rounds in CALLS
    }
    few, many = CALLS

    def per_call(what: str, name: str) -> float | None:
        counts = [runs[what, name, rounds].result() for rounds in (many, few)]
        # Both runs of work() are in it: the one that warms up is plain.
        return None if -1 in counts else (counts[0] - counts[1]) / ((many - few) * CALLS_IN_A_ROUND)

    version = subprocess.check_output([python, "-V"], text=True).strip()
    print()
    print(f"{version}: instructions of one plain call, and what a profile adds to it:")
    print()
    print("| call            |     plain | " + " | ".join(f"{name:>12}" for name in list(PROFILES)[1:]) + " |")
    print("|-----------------|----------:|" + "-------------:|" * (len(PROFILES) - 1))
    for what in PROGRAMS:
        plain = per_call(what, "plain")
        assert plain is not None
        added = [per_call(what, name) for name in list(PROFILES)[1:]]
        texts = ["–" if more is None else f"{more - plain:.1f}" for more in added]
        print(f"| {what:15} | {plain / 2:9.1f} | " + " | ".join(f"{text:>12}" for text in texts) + " |", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.overhead.instructions", description=__doc__.splitlines()[0])
    parser.add_argument("--binary", required=True, help="the engine's example `instructions`")
    parser.add_argument("--accept", action="store_true", help=f"write {EXPECTED.name}")
    parser.add_argument("--python", action="append", default=[], help="an interpreter that has pikos; more than once")
    args = parser.parse_args()
    if which("valgrind") is None:
        print("SKIPPED: valgrind is not installed; no instruction was counted", file=sys.stderr)
        return 0
    compiler = subprocess.check_output(["rustc", "--version"], text=True).strip()
    with ThreadPoolExecutor() as pool:  # instructions don't depend on what else the machine does
        counts = per_pair(pool, args.binary)
        known_compiler, known = expected() if EXPECTED.exists() else (compiler, {})
        grown = compare(counts, known)
        for python in args.python:
            in_python(pool, python)
    if args.accept:
        accept(compiler, counts)
        return 0
    if known_compiler != compiler:
        print(f"The expected counts are of {known_compiler}, this is {compiler}: they may differ for that alone.")
    for line in grown:
        print(f"GROWN: {line}", file=sys.stderr)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
