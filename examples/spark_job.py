"""A Spark job on this machine, profiled: pip install 'pikos[spark]', Java, then python examples/spark_job.py

Two executors, each a process with a Python of its own; their calls are added up on the driver.
"""

from __future__ import annotations

import os
import sys

from pikos.plugins.spark import PikosProfiler, PikosUDFProfiler
from pyspark import SparkConf, SparkContext

# The executors' Python is this one.
os.environ.setdefault("PYSPARK_PYTHON", sys.executable)


def words(line: str) -> list[str]:
    """In lower case."""
    return [word.strip(".,:`'\"()").lower() for word in line.split()]


def main() -> None:
    """Count the words of this repository's README."""
    conf = SparkConf().setMaster("local-cluster[2,1,1024]").setAppName("words").set("spark.python.profile", "true")
    context = SparkContext(conf=conf, profiler_cls=PikosProfiler, udf_profiler_cls=PikosUDFProfiler)
    try:
        with open("README.md", encoding="utf-8") as file:
            lines = context.parallelize(file.read().splitlines() * 200, 8)
        counts = lines.flatMap(words).map(lambda word: (word, 1)).reduceByKey(lambda a, b: a + b)
        print(counts.takeOrdered(10, key=lambda pair: -pair[1]))
        context.show_profiles()
        context.dump_profiles("spark_job_profiles")
        print("with full stacks: pikos spark_job_profiles")
    finally:
        context.stop()


if __name__ == "__main__":
    main()
