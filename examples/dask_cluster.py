"""A Dask cluster on this machine, profiled: pip install 'pikos[dask]', then python examples/dask_cluster.py

Prints where the tasks spent their time while they run and at the end, and writes a flame graph of the whole cluster.
"""

from __future__ import annotations

import math
import time

import pikos.plugins.dask
from dask.distributed import Client, LocalCluster


def primes(start: int, count: int) -> list[int]:
    """The primes among so many numbers."""
    return [number for number in range(start, start + count) if is_prime(number)]


def is_prime(number: int) -> bool:
    """By trial."""
    return number > 1 and all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def total(parts: list[list[int]]) -> int:
    """Of all that were found."""
    return sum(map(len, parts))


def main() -> None:
    """Count the primes below two million."""
    with LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0") as cluster, Client(cluster) as client:
        with pikos.plugins.dask.profile(client, live=True) as profile:
            print(f"watch it: pikos top {profile.endpoints[0]}")
            parts = client.map(primes, range(0, 2_000_000, 20_000), count=20_000)
            found = client.submit(total, parts)
            while not found.done():
                time.sleep(2)
                print(f"{profile.profile().metadata['ncalls']:,} calls so far, of {', '.join(profile.labels)}")
            print(f"{found.result():,} primes")
    profile.print_stats("tottime", top=10)
    profile.export("dask_cluster.html", by="task")
    print("flame graph of the cluster: dask_cluster.html")


if __name__ == "__main__":
    main()
