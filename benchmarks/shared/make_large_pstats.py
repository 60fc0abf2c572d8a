"""Makes a pstats file of a given size, the same one for the same arguments.

    python -m benchmarks.shared.make_large_pstats large.pstats --functions 50000 --edges 300000 --seed 1

It looks like cProfile's: methods in files, a tenth built-ins, a few functions that everything calls,
most edges from a function to one defined near it. Own and cumulative times fit each other: a
callee's times are shared out among its callers, and nobody's callees take longer than it does.
Needs only the standard library.
"""

import argparse
import marshal
import random


def labels(count, chance):
    names = []
    for number in range(count):
        if number % 10 == 9:
            names.append(("~", 0, f"<method 'method_{number}' of 'type_{number % 97}' objects>"))
        else:
            package, module = number // 1000, number // 40
            file = f"/srv/app/lib/python3.13/site-packages/package_{package}/module_{module}.py"
            names.append((file, 10 + 12 * (number % 40), f"function_{number}_{chance.choice('abcxyz')}"))
    return names


def callers_of(count, edges, chance):
    """Callers for each function, all of a smaller number, so that nothing recurses."""
    callers = [set() for _ in range(count)]
    for callee in range(1, count):
        callers[callee].add(chance.randrange(max(0, callee - 50), callee))
    missing = edges - (count - 1)
    popular = list(range(9, count, 10))[:200] or [count - 1]
    while missing > 0:
        callee = chance.choice(popular) if chance.random() < 0.2 else chance.randrange(1, count)
        caller = chance.randrange(0, callee)
        if caller not in callers[callee]:
            callers[callee].add(caller)
            missing -= 1
    return [sorted(of_one) for of_one in callers]


def profile(count, edges, seed):
    chance = random.Random(seed)
    names = labels(count, chance)
    callers = callers_of(count, edges, chance)
    own = [chance.expovariate(1e5) for _ in range(count)]
    total = own[:]
    rows = [None] * count
    # From the last function to the first: whoever calls has a smaller number, so a function's
    # cumulative time is known when its callers are reached.
    for callee in range(count - 1, -1, -1):
        of_one = callers[callee]
        weights = [chance.randint(1, 50) for _ in of_one]
        calls = sum(weights)
        shares = {}
        for caller, weight in zip(of_one, weights, strict=False):
            part = weight / calls
            shares[names[caller]] = (weight, weight, own[callee] * part, total[callee] * part)
            total[caller] += total[callee] * part
        ncalls = max(calls, 1)
        rows[callee] = (ncalls, ncalls, own[callee], total[callee], shares)
    return dict(zip(names, rows, strict=True))


def main():
    parser = argparse.ArgumentParser(
        "python -m benchmarks.shared.make_large_pstats", description=__doc__.splitlines()[0]
    )
    parser.add_argument("path")
    parser.add_argument("--functions", type=int, default=50_000)
    parser.add_argument("--edges", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    stats = profile(args.functions, args.edges, args.seed)
    with open(args.path, "wb") as file:
        marshal.dump(stats, file)


if __name__ == "__main__":
    main()
