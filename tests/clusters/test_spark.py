"""pikos.plugins.spark on executors of its own, in local-cluster mode: figures are those of one process."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from running import PATIENCE

pytest.importorskip("pyspark", reason="Spark is not installed: `make test-clusters` tries it")

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(5 * PATIENCE), pytest.mark.usefixtures("java")]

HEAD = """
import os, sys
from pyspark import SparkConf, SparkContext
from pyspark.sql import SparkSession
from pyspark.sql.functions import udf
from pikos.plugins.spark import PikosProfiler, PikosUDFProfiler, render
from pikos.stats import load

def leaf(x):
    return x + 1

def branch(x):
    return sum(leaf(x) for _ in range(3))

def calls(profile, name):
    return sum(row.ncalls for row in profile if row.name == name)

def context(master="local-cluster[2,1,1024]", profile=True, **settings):
    conf = SparkConf().setMaster(master).setAppName("test").set("spark.ui.enabled", "false")
    conf.set("spark.python.profile", "true" if profile else "false").set("spark.driver.bindAddress", "127.0.0.1")
    conf.set("spark.driver.host", "127.0.0.1")
    for name, value in settings.items():
        conf.set(name.replace("_", "."), value)
    return SparkContext(conf=conf, profiler_cls=PikosProfiler, udf_profiler_cls=PikosUDFProfiler)
"""


def run(program: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    body = textwrap.indent(textwrap.dedent(program).strip(), "    ")
    path = tmp_path / "program.py"
    path.write_text(f'{HEAD}\nif __name__ == "__main__":\n{body}\n')
    done = subprocess.run(
        [sys.executable, str(path)],
        cwd=tmp_path,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1", **environment},
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,  # a cluster is many processes
    )
    assert done.returncode == 0, done.stderr
    return done


def test_an_rdd_on_two_executors_has_the_figures_of_one_process(tmp_path: Path) -> None:
    done = run(
        """
        counted = {}
        for master in ("local-cluster[2,1,1024]", "local[1]"):
            sc = context(master)
            print(sc.parallelize(range(1000), 4).map(branch).sum())
            (((_, profiler, _),)) = sc.profiler_collector.profilers
            profile = profiler.finished()
            counted[master] = {(row.name, row.ncalls) for row in profile if "program.py" in row.file or row.file.startswith("<")}
            print(calls(profile, "branch"), calls(profile, "leaf"), profile.tree() is not None, profiler.stats().total_calls > 5000)
            sc.dump_profiles(master[:7])
            sc.stop()
        one, other = counted.values()
        print({pair for pair in one if pair[0] in ("branch", "leaf", "<genexpr>")} <= other)
        print(sorted(os.listdir("local-c")), calls(load("local-c/rdd_1.pikos"), "leaf"))
        """,
        tmp_path,
    )
    assert done.stdout.splitlines() == [
        "1501500",
        "1000 3000 True True",
        "1501500",
        "1000 3000 True True",
        "True",
        "['rdd_1.pikos'] 3000",
    ]


def test_udfs_are_told_apart_and_counted_once_for_each_row(tmp_path: Path) -> None:
    done = run(
        """
        sc = context()
        spark = SparkSession(sc)
        first, second = udf(branch, "long"), udf(lambda x: leaf(x), "long")
        frame = spark.range(0, 500, numPartitions=3)
        frame.select(first("id")).collect()
        frame.select(second("id")).collect()
        profiles = {id: profiler.finished() for id, profiler, _ in sc.profiler_collector.profilers}
        found = sorted((calls(each, "branch"), calls(each, "leaf")) for each in profiles.values() if calls(each, "leaf"))
        print(found)
        sc.show_profiles()
        sc.stop()
        """,
        tmp_path,
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "[(0, 500), (500, 1500)]"
    assert sum(line.startswith("Profile of UDF<id=") for line in lines) == 2


def test_an_executor_without_pikos_does_its_part(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare" / "sitecustomize.py").write_text(
        "import os, sys\nif os.environ.get('SPARK_EXECUTOR_DIRS') or 'pyspark.daemon' in ' '.join(sys.orig_argv): sys.modules['pikos'] = None\n"
    )
    done = run(
        """
        sc = context("local[2]")
        print(sc.parallelize(range(100), 2).map(branch).sum())
        (((_, profiler, _),)) = sc.profiler_collector.profilers
        print(len(profiler.finished()), profiler.problems)
        sc.show_profiles()
        sc.stop()
        """,
        tmp_path,
        PYTHONPATH=str(tmp_path / "bare"),
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "15150"
    assert lines[1].startswith("0 [") and "ModuleNotFoundError" in lines[1]
    assert any(line.startswith("note: not all of it is counted: ModuleNotFoundError") for line in lines)


def test_sparks_own_profiler_of_udfs_is_rendered(tmp_path: Path) -> None:
    done = run(
        """
        spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
        if not hasattr(spark, "profile"):
            print("older")
            raise SystemExit
        spark.conf.set("spark.sql.pyspark.udf.profiler", "perf")
        spark.range(0, 50).select(udf(branch, "long")("id")).collect()
        (id,) = spark.profile.profiler_collector._perf_profile_results
        page = spark.profile.render(id, renderer=render)
        print(page.lstrip()[:15].lower(), "leaf" in page)
        spark.stop()
        """,
        tmp_path,
    )
    assert done.stdout.split() in (["older"], ["<!doctype", "html>", "True"])
