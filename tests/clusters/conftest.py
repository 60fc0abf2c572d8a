"""Real clusters on this machine: Dask's workers, Spark's executors, a thousand senders."""

import shutil

import pytest


@pytest.fixture(scope="session")
def java() -> str:
    """The JVM that Spark runs on."""
    path = shutil.which("java")
    if path is None:
        pytest.skip("no Java here: Spark can't be tried")
    return path
