"""scripts/check_architecture.py finds what it is there for: in a small house that is built here, and in a copy of this one."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
from running import TESTS, Run, python

pytestmark = [pytest.mark.any_release, pytest.mark.beyond_cprofile]

ROOT = TESTS.parent
CHECK = ROOT / "scripts" / "check_architecture.py"

#: Two crates and a package; `view` stands above `model`, in Rust and in Python.
HOUSE = {
    "Cargo.toml": '[workspace]\nmembers = ["below", "above"]\n',
    "below/Cargo.toml": '[package]\nname = "below"\n',
    "below/src/lib.rs": "pub mod cells;\n",
    "below/src/cells.rs": "pub fn write() { unsafe { core::hint::unreachable_unchecked() } }\n",
    "above/Cargo.toml": '[package]\nname = "above"\n[dependencies]\nbelow = { path = "../below" }\n',
    "above/src/lib.rs": "mod model;\nmod view;\npub use view::screen::Screen;\n",
    "above/src/model/mod.rs": "pub mod figures;\npub mod names;\npub use figures::Figures;\n",
    "above/src/model/figures.rs": "use super::names::Name;\npub struct Figures(Name);\n",
    "above/src/model/names.rs": "pub struct Name;\n",
    "above/src/view/mod.rs": "pub mod screen;\n",
    "above/src/view/screen.rs": "use crate::model::Figures;\npub struct Screen(Figures);\n",
    "pack/model/__init__.py": "from .figures import Figures as Figures\n",
    "pack/model/figures.py": "from pack.model.names import Name\nclass Figures: name: Name\n",
    "pack/model/names.py": "class Name: pass\n",
    "pack/view/screen.py": "from ..model import Figures\nclass Screen: figures: Figures\n",
    "scripts/architecture.toml": """
        [unsafe]
        "below/src/cells.rs" = "arenas"
        [systems]
        only = ["below/src/"]
        [foreign.zmq]
        only = ["above/src/view/"]
        [rust.below]
        path = "below"
        depends = []
        [rust.above]
        path = "above"
        depends = ["below"]
        rooms = { view = ["model"], model = [] }
        [python.pack]
        path = "pack"
        roots = ["."]
        rooms = { view = ["model"], model = [] }
    """,
}


def check(root: Path) -> Run:
    return python([CHECK, "--root", root])


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    put(tmp_path, HOUSE)
    return tmp_path


def test_nothing_is_wrong_with_the_house(house: Path) -> None:
    run = check(house).succeeded()
    assert "0 circles, 0 arrows up, 0 faults" in run.out


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param(
            {"above/src/model/names.rs": "use crate::model::Figures;\npub struct Name(Option<Box<Figures>>);\n"},
            ["circle of 2", "above/src/model/figures.rs", "above/src/model/names.rs"],
            id="a circle in Rust, through the table of contents",
        ),
        pytest.param(
            {"above/src/model/names.rs": "pub struct Name;\npub fn of(_: &super::figures::Figures) {}\n"},
            ["circle of 2", "above/src/model/figures.rs", "above/src/model/names.rs"],
            id="a circle in Rust, by a path in the code",
        ),
        pytest.param(
            {"pack/model/names.py": "from pack.model import Figures\nclass Name: figures: Figures\n"},
            ["circle of 2", "pack/model/figures.py", "pack/model/names.py"],
            id="a circle in Python",
        ),
        pytest.param(
            {"pack/model/names.py": "class Name:\n    def figures(self):\n        from . import figures\n"},
            ["circle of 2", "pack/model/figures.py", "pack/model/names.py"],
            id="a circle in Python, by an import in a function",
        ),
        pytest.param(
            {"above/src/model/names.rs": "use crate::view::screen::Screen;\npub struct Name;\n"},
            ["model must not use view", "above/src/model/names.rs -> above/src/view/screen.rs"],
            id="an arrow up in Rust",
        ),
        pytest.param(
            {"pack/model/names.py": "from pack.view.screen import Screen\nclass Name: pass\n"},
            ["model must not use view", "pack/model/names.py -> pack/view/screen.py"],
            id="an arrow up in Python",
        ),
        pytest.param(
            {"above/src/shed.rs": "pub struct Rake;\n"},
            ["above/src/shed.rs: stands in no room"],
            id="no room in Rust",
        ),
        pytest.param(
            {"pack/shed/rake.py": ""},
            ["pack/shed/rake.py: stands in no room"],
            id="no room in Python",
        ),
        pytest.param(
            {"below/Cargo.toml": '[package]\nname = "below"\n[dependencies]\nabove = { path = "../above" }\n'},
            ["below/Cargo.toml: below must not depend on above"],
            id="a crate that may not be used",
        ),
        pytest.param(
            {"above/src/model/names.rs": "pub struct Name;\n\npub fn f() { unsafe { g() } }\n"},
            ["above/src/model/names.rs:3: unsafe"],
            id="unsafe in a place that is not for it",
        ),
        pytest.param(
            {"above/src/model/names.rs": "pub struct Name(zmq::Socket);\n"},
            ["above/src/model/names.rs:1: zmq"],
            id="a foreign crate in a place that is not for it",
        ),
        pytest.param(
            {"above/src/model/names.rs": '#[cfg(target_os = "macos")]\npub struct Name;\n'},
            ["above/src/model/names.rs:1: asks for the system"],
            id="a system in a place that is not for it",
        ),
        pytest.param(
            {"above/src/model/names.rs": "#[cfg(not(unix))]\npub struct Name;\n"},
            ["above/src/model/names.rs:1: asks for the system"],
            id="a family of systems in a place that is not for it",
        ),
    ],
)
def test_what_is_wrong_is_named(house: Path, changes: dict[str, str], words: list[str]) -> None:
    put(house, changes)
    run = check(house)
    assert run.code == 1
    assert [word for word in words if word not in run.err] == [], run.err


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {"above/src/model/names.rs": "// use crate::view::screen::Screen;\npub struct Name;\n"}, id="a comment"
        ),
        pytest.param(
            {"above/src/model/names.rs": 'pub struct Name;\npub const WORD: &str = "unsafe";\n'}, id="a string"
        ),
        pytest.param(
            {
                "above/src/model/names.rs": "pub struct Name;\n#[cfg(test)]\nmod tests {\n"
                "    use crate::view::screen::Screen;\n}\n"
            },
            id="a test",
        ),
    ],
)
def test_what_only_looks_wrong_is_right(house: Path, changes: dict[str, str]) -> None:
    put(house, changes)
    check(house).succeeded()


# ---- this house ----


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the check reads of the repository."""
    rules = tomllib.loads((ROOT / "scripts" / "architecture.toml").read_text())
    parts = [rule["path"] for table in ("rust", "python") for rule in rules[table].values()]
    unread = shutil.ignore_patterns("target", "__pycache__", "fixtures", "golden", "*.so")
    for part in parts:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=unread)
    shutil.copy(ROOT / "Cargo.toml", tmp_path)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=unread, dirs_exist_ok=True)
    return tmp_path


def test_this_house_is_in_order_and_a_circle_in_it_would_be_found(copy: Path) -> None:
    check(copy).succeeded()

    rust = copy / "crates" / "lsprof-engine" / "src"
    with open(rust / "clock.rs", "a") as clock:
        clock.write("\nuse crate::recorder::Recorder;\n")
    python = copy / "benchmarks" / "shared"
    with open(python / "machine.py", "a") as machine:
        machine.write("\nfrom benchmarks.shared.turns import Process\n")
    run = check(copy)
    assert run.code == 1
    assert run.err.count("a circle of") == 2
    for name in ("lsprof-engine/src/clock.rs", "lsprof-engine/src/recorder.rs"):
        assert f"crates/{name}" in run.err
    for name in ("machine", "turns"):
        assert f"benchmarks/shared/{name}.py" in run.err
