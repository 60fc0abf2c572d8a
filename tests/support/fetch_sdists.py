"""Fetch what is run against Pikos: source distributions with test-suites of their own, and readers of our files from npm.

    python tests/support/fetch_sdists.py [--into FOLDER]

They are unpacked into FOLDER, by default the one where the tests look for them: $PIKOS_TEST_SDISTS, or
`pikos-test-sdists` in the environment of the running Python. Nothing is installed and nothing is built: they are
only unpacked. Without npm its packages are left out, and their tests skip. This is a step of the set-up; the tests
themselves never use the network.
"""

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from running import sdists_folder

SDISTS = ("pyprof2calltree==1.4.5", "yappi==1.7.6")
# speedscope's importer, the Firefox Profiler's own code as a command, and the engine of Chrome's developer tools.
NPM = ("speedscope@1.25.0", "@firefox-devtools/profiler-cli@0.10.0", "@paulirish/trace_engine@0.0.65")


def fetch(command: list[str], target: Path, name: str) -> None:
    """Unpack into `target` the one archive that a command leaves in the folder that is its last argument."""
    with tempfile.TemporaryDirectory() as download:
        subprocess.run([*command, download], check=True, stdout=subprocess.DEVNULL)
        (archive,) = Path(download).iterdir()
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")
    print(f"{name} -> {target}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--into", type=Path, default=sdists_folder())
    into = parser.parse_args().into
    into.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    for requirement in SDISTS:
        if not (into / requirement.replace("==", "-")).is_dir():
            fetch([*pip, requirement, "--dest"], into, requirement)
    npm = shutil.which("npm")
    if npm is None:
        print(f"npm is not here, so these are left out: {', '.join(NPM)}")
        return
    for package in NPM:
        # An archive from npm holds a folder `package`, whatever its name.
        target = into / package.removeprefix("@").replace("/", "-").replace("@", "-")
        if target.is_dir():
            continue
        try:
            fetch([npm, "pack", "--silent", package, "--pack-destination"], target, package)
        except subprocess.CalledProcessError:
            print(f"npm can't bring {package}, so it is left out")


if __name__ == "__main__":
    main()
