"""Facts of the machine, the interpreter and the source that a result belongs to (nothing that names either), and its place."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def facts() -> dict[str, str]:
    """In the order in which they are shown."""
    return {
        "CPU": f"{cpu_model()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": python_build(),
        "commit": commit(),
    }


def results(room: str, whole: bool) -> Path:
    """Where a run's tables go: only a whole run belongs to the results that are kept."""
    return ROOT / "benchmarks" / room / "results" if whole else ROOT / "build" / "bench" / room


def write_runs(table: Path, runs: object) -> None:
    """Puts every single run beside its table, as JSON, and removes that of this release's older tables."""
    newest = table.with_suffix(".json")
    newest.write_text(json.dumps(runs) + "\n", encoding="utf-8")
    release = table.stem.rpartition("-")[2]
    for path in table.parent.glob(f"*-{release}.json"):
        if path.name < newest.name:  # names begin with the date
            path.unlink()


def release() -> str:
    """As in 3.13."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def cpu_model() -> str:
    """The processor's own name for itself, or the architecture's."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return " ".join(value.split())
    except OSError:
        pass
    return platform.processor() or platform.machine()


def python_build() -> str:
    """Release, compiler, and what it was built with that makes it faster or slower."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    named = {"--enable-optimizations": "PGO", "--with-lto": "LTO", "--with-pydebug": "debug", "--disable-gil": "no GIL"}
    kinds = [kind for option, kind in named.items() if option in options]
    return f"CPython {platform.python_version()}, {platform.python_compiler()}, {' and '.join(kinds) or 'plain'} build"


def commit() -> str:
    """The checked out commit, and whether sources differ from it."""
    try:
        name = git("rev-parse", "--short=10", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown: not a git checkout"
    return name + (", with changes" if changed else "")


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
