"""Fetch the source distributions whose own test-suites are run against Pikos.

    python tests/fetch_sdists.py [--into FOLDER]

They are unpacked into FOLDER, by default the one where the tests look for them: $PIKOS_TEST_SDISTS, or
`pikos-test-sdists` in the environment of the running Python. Nothing is installed and nothing is built: an sdist is
only unpacked. This is a step of the set-up; the tests themselves never use the network.
"""

import argparse
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from running import sdists_folder

SDISTS = ("pyprof2calltree==1.4.5", "yappi==1.7.6")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=sdists_folder())
    into = parser.parse_args().into
    into.mkdir(parents=True, exist_ok=True)
    for requirement in SDISTS:
        name, version = requirement.split("==")
        if (into / f"{name}-{version}").is_dir():
            continue
        with tempfile.TemporaryDirectory() as download:
            subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "pip",
                    "download",
                    "--quiet",
                    "--no-deps",
                    "--no-binary",
                    ":all:",
                    "--dest",
                    download,
                    requirement,
                ],
                check=True,
            )
            (archive,) = Path(download).iterdir()
            with tarfile.open(archive) as tar:
                tar.extractall(into, filter="data")
        print(f"{requirement} -> {into}")


if __name__ == "__main__":
    main()
