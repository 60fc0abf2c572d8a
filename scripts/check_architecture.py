"""Holds the rules of the architecture: who may use pyo3, zmq and `unsafe`, and which crate may depend on which.

Reads the manifests and the Rust sources of the repository; part of `make check`. Where a rule stands in the way of a
better design, change the table here and say why in ARCHITECTURE.md.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

# Where `unsafe` may be written: a path, or a folder that ends in a slash.
UNSAFE = {
    "lsprof-rs/src/ffi/": "the doors to CPython's C API",
    "lsprof-rs/src/hooks/": "the callbacks that CPython calls",
    "lsprof-rs/src/monitors/hooks/": "those of the monitors",
    "lsprof-rs/src/events.rs": "what each callback does, on a recorder that is reached by address",
    "lsprof-rs/src/publisher/options.rs": "two socket options that the zmq crate doesn't have",
    "lsprof-rs/src/registry.rs": "that address, and who may follow it",
    "crates/lsprof-engine/src/cells.rs": "arenas that one thread writes and others read",
    "crates/lsprof-engine/src/clock.rs": "the instruction that reads the counter",
}

# Where a foreign crate may be named in a source.
FOREIGN = {
    "pyo3": ["lsprof-rs/src/", "lsprof-rs/build.rs"],
    "zmq": ["lsprof-rs/src/publisher/", "crates/pikos-client/src/"],
}

# ... and where it may not, although a rule above would allow it.
FOREIGN_NEVER = {
    "pyo3": ["lsprof-rs/src/publisher/"],
    "zmq": [],
}

# What each crate may depend on, of this workspace.
DEPENDS = {
    "lsprof-engine": set[str](),
    "pstats-compat": set[str](),
    "pikos-wire": {"pstats-compat"},
    "pikos-client": {"pikos-wire", "pstats-compat"},
    "pikos-views": {"pstats-compat", "pikos-wire", "pikos-client"},
    "pikos-cli": {"pstats-compat", "pikos-wire", "pikos-client", "pikos-views"},
    "lsprof-rs": {"lsprof-engine", "pstats-compat", "pikos-wire", "pikos-client", "pikos-cli"},
}

# What the extension may use of the command line's crate: nothing of its insides.
CLI_DOOR = re.compile(r"\bpikos_cli::(?!run\b)\w+")

ROOT = Path(__file__).resolve().parent.parent

# Comments, then strings and characters: a word in them is not code.
NOT_CODE = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | r(\#*)".*?"\1 | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\\n])'""",
    re.DOTALL | re.VERBOSE,
)


def code_of(source: str) -> str:
    """The source with comments and literals blanked out, line numbers kept."""
    return NOT_CODE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)


def within(path: str, allowed: list[str]) -> bool:
    return any(path.startswith(place) if place.endswith("/") else path == place for place in allowed)


def check_source(path: str, code: str) -> list[str]:
    faults = []
    for number, line in enumerate(code.splitlines(), 1):
        if re.search(r"\bunsafe\b", line) and not within(path, list(UNSAFE)):
            faults.append(f"{path}:{number}: unsafe outside of the places for it")
        for crate, places in FOREIGN.items():
            if not re.search(rf"\b{crate}(_ffi|_sys|::|\b)", line):
                continue
            if not within(path, places):
                faults.append(f"{path}:{number}: {crate} is only for {', '.join(places)}")
            elif within(path, FOREIGN_NEVER[crate]):
                faults.append(f"{path}:{number}: {crate} is not for {', '.join(FOREIGN_NEVER[crate])}")
        if path.startswith("lsprof-rs/") and CLI_DOOR.search(line):
            faults.append(f"{path}:{number}: of pikos_cli the extension may use run alone")
    return faults


def dependencies(manifest: dict[str, object]) -> set[str]:
    """All the dependencies, also of tests and builds and of single platforms."""
    found: set[str] = set()
    tables = [manifest]
    target = manifest.get("target")
    if isinstance(target, dict):
        tables += target.values()
    for table in tables:
        for kind in ("dependencies", "build-dependencies"):
            section = table.get(kind)
            if isinstance(section, dict):
                found.update(
                    spec["package"] if isinstance(spec, dict) and "package" in spec else name
                    for name, spec in section.items()
                )
    return found


def check_manifest(path: str, manifest: dict[str, object]) -> list[str]:
    package = manifest["package"]
    assert isinstance(package, dict)
    name = package["name"]
    if name not in DEPENDS:
        return [f"{path}: say in {Path(__file__).name} what the new crate {name} may depend on"]
    faults = []
    used = dependencies(manifest)
    for crate in sorted(used & DEPENDS.keys() - DEPENDS[name]):
        faults.append(f"{path}: {name} must not depend on {crate}")
    for crate in sorted(used):
        for foreign, places in FOREIGN.items():
            if crate == foreign or crate.startswith((f"{foreign}-", f"{foreign}_")):
                folder = path.removesuffix("Cargo.toml")
                if not any(place.startswith(folder) for place in places):
                    faults.append(f"{path}: {name} must not depend on {crate}")
    return faults


def main() -> int:
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]
    faults = []
    sources = 0
    for member in workspace["members"]:
        manifest = ROOT / member / "Cargo.toml"
        faults += check_manifest(str(manifest.relative_to(ROOT)), tomllib.loads(manifest.read_text()))
        for file in sorted((ROOT / member).rglob("*.rs")):
            sources += 1
            faults += check_source(str(file.relative_to(ROOT)), code_of(file.read_text()))
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        print(
            f"the rules, and how to change them, are in the tables of {Path(__file__).relative_to(ROOT)}",
            file=sys.stderr,
        )
    print(f"architecture: {sources} Rust sources in {len(workspace['members'])} crates, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
