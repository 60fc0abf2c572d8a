"""What sampling costs in process: programs run with each sampler and without any, in turn.

    python -m benchmarks.sampling [--quick] [--rounds N] [--seconds S] [--programs go,sympy] [--samplers pikos] [--check]

Each round is without, with, without; a ratio is that of the second to the mean of the others, and what the two others differ by is
noise. Printed are medians over programs and rounds, with ± for the standard error of that median, by the distance between the quartiles.
Many short turns tell more than few long ones: what else the machine does comes and goes.

- own: the ratio of the CPU time of the program's own thread, which other processes hardly touch;
- all: that of all threads of the process, so that the sampler's count;
- noise: the same of the two without, of the program's own thread.

Beside ours: pyinstrument where it is installed, and from 3.15 on the interpreter's own `profiling.sampling`, which samples from outside,
so that its own time is in no figure here.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.shared import machine
from benchmarks.shared.machine import ROOT
from benchmarks.shared.turns import ENVIRONMENT
from benchmarks.shared.workloads import WORKLOADS

#: What may be added to the run time at these rates.
GOALS = {"pikos, 100 Hz": 0.005, "pikos, 1,000 Hz": 0.03}
#: Of the workloads, those that are quickly done.
QUICK = ("go", "richards", "sympy")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sampling", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=0.1, help="of one turn, at least (default 0.1)")
    parser.add_argument("--samplers", default="", help="those whose name begins with this")
    parser.add_argument("--programs", help="names, separated by commas (default: all but the micro ones)")
    parser.add_argument("--quick", action="store_true", help="3 programs, 15 rounds")
    parser.add_argument("--check", action="store_true", help="fail where a goal is missed")
    options = parser.parse_args()
    names = [each.name for each in WORKLOADS if not each.micro]
    if options.quick:
        names, options.rounds = [name for name in names if name in QUICK] or names[:3], 15
    if options.programs:
        names = options.programs.split(",")
    answers = {name: answer_of(name, options.rounds, options.seconds, options.samplers) for name in names}
    print("\n".join(f"{fact}: {value}" for fact, value in machine.facts().items()))
    print(f"{len(names)} programs, {options.rounds} rounds of {options.seconds:g} s\n")
    return report(answers, options.check)


def answer_of(name: str, rounds: int, seconds: float, samplers: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sampling.run", name, str(rounds), str(seconds), samplers],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        check=True,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    print(f"{name}: {answer['memory']:.0f} MB at most", file=sys.stderr)
    return answer


def report(answers: dict[str, Any], checks: bool) -> int:
    samplers = list(dict.fromkeys(sampler for answer in answers.values() for sampler in answer["turns"]))
    print(f"{'':28}{'own':>18}{'all':>18}{'noise':>18}")
    missed = 0
    for sampler in samplers:
        rounds = [turn for answer in answers.values() for turn in answer["turns"].get(sampler, [])]
        own, every = (added(rounds, clock) for clock in ("own", "all"))
        noise = [after["own"] / before["own"] - 1 for before, _, after in rounds]
        print(f"{sampler:28}{shown(own):>18}{shown(every):>18}{shown(noise):>18}")
        goal = GOALS.get(sampler)
        if goal is not None and statistics.median(own) > goal:
            missed += 1
            print(f"  the goal is {goal:.1%}")
    for name, answer in answers.items():
        for rate, status in answer["status"].items():
            kept = 1 / status["interval_mean"] if status["interval_mean"] else 0.0
            cost = status["cost"] / status["looks"] * 1e6 if status["looks"] else 0.0
            print(
                f"{name}, {rate} Hz: {kept:.0f} Hz kept, {cost:.1f} µs a look, {status['torn']} of {status['samples']} torn"
            )
    return 1 if checks and missed else 0


def added(rounds: list[list[dict[str, float]]], clock: str) -> list[float]:
    """What was added, as a share of the run without."""
    return [on[clock] / statistics.mean([before[clock], after[clock]]) - 1 for before, on, after in rounds]


def shown(shares: list[float]) -> str:
    middle = statistics.median(shares)
    if len(shares) < 2:
        return f"{middle:+.2%}"
    first, _, third = statistics.quantiles(shares, n=4)
    # Of a normal distribution, the quartiles are 1.349 standard deviations apart.
    error = 1.253 * (third - first) / 1.349 / math.sqrt(len(shares))
    return f"{middle:+.2%} ± {error:.2%}"


if __name__ == "__main__":
    sys.exit(main())
