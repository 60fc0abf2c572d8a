"""Makes the pictures of docs/pictures/ anew: `make pictures`.

Runs the real commands over the programs of examples/, in a folder called demo, and draws what is then on their screens:
terminals as SVG, the report's page by Chromium as PNG, each for light and for dark readers. Where Chromium is
missing, the old pictures of the page stay, and the exit code says so.
"""

from __future__ import annotations

import argparse
import os
import select
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from browser import Browser, find  # noqa: E402
from terminal_picture import DARK, LIGHT, Screen, svg  # noqa: E402

PIKOS = str(Path(sysconfig.get_path("scripts")) / "pikos")
THEMES = {"light": LIGHT, "dark": DARK}
COLUMNS, LINES = 120, 36
#: Where the programs stand that are seen in the pictures: a short path, the same on every machine.
DEMO = Path("/tmp/demo")


class Studio:
    """Where pictures are taken: a folder with copies of the examples, and an environment that says nothing of us."""

    def __init__(self, folder: Path, pictures: Path) -> None:
        self.folder, self.pictures = folder, pictures
        self.demo = DEMO
        for example in (ROOT / "examples").glob("*.py"):
            shutil.copy(example, self.demo)
        dropped = ("NO_COLOR", "COLUMNS", "LINES", "XDG_RUNTIME_DIR", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        # Sockets of other live processes are not in the picture.
        self.environment = {**kept, "TMPDIR": str(folder), "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}

    def run(self, *arguments: str) -> None:
        """Run a command to its end."""
        subprocess.run(
            arguments,
            cwd=self.demo,
            env=self.environment,
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A program that runs meanwhile."""
        process = subprocess.Popen(
            arguments,
            cwd=self.demo,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    @contextmanager
    def screen(self, *arguments: str, height: int = LINES) -> Iterator[Screen]:
        """A command in a terminal."""
        environment = {**self.environment, "NO_COLOR": ""}
        with Screen([PIKOS, *arguments], COLUMNS, height, environment, str(self.demo)) as screen:
            yield screen

    def keep(self, name: str, screen: Screen, title: str) -> None:
        """Draw a screen as it is."""
        for theme, colours in THEMES.items():
            path = self.pictures / f"{name}-{theme}.svg"
            path.write_text(svg(screen, title, colours), encoding="utf-8")
            print(path.relative_to(ROOT))


def settle(screen: Screen, seconds: float) -> None:
    """Take in what comes for a while, and then until a picture is whole."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        screen.read(0.05)
    while screen.read(0.1):
        pass


def run(studio: Studio) -> None:
    """A program's summary, when it is over."""
    written = bytearray()
    with studio.screen("run", "site.py") as screen:
        while screen.process.poll() is None or select.select([screen.master], [], [], 0)[0]:
            if select.select([screen.master], [], [], 0.1)[0]:
                written += os.read(screen.master, 65536)
    lines = written.decode().split("\r\n")
    # What scrolls by in a terminal, on a screen that is high enough for all of it.
    with Screen(["true"], COLUMNS, len(lines) - 1, studio.environment, str(studio.demo)) as screen:
        placed = "".join(f"\x1b[{number};1H{line}" for number, line in enumerate(lines, 1))
        screen.feed(f"\x1b[?1049h{placed}".encode())
        studio.keep("run", screen, "pikos run site.py")


def view(studio: Studio) -> None:
    """A finished profile."""
    studio.run(sys.executable, "-m", "pikos.cprofile", "-o", "site.pstats", "site.py")
    with studio.screen("view", "site.pstats") as screen:
        screen.until("q quit")
        settle(screen, 0.5)
        studio.keep("view", screen, "pikos view site.pstats")


def top(studio: Studio) -> None:
    """A program at work."""
    with studio.started(sys.executable, "-m", "pikos.cprofile", "--live", "--tree", "site.py"):
        with studio.screen("top") as screen:
            screen.until("similarity")
            settle(screen, 1.5)
            studio.keep("top", screen, "pikos top")
            screen.keys("t")
            screen.until("under its caller")
            settle(screen, 0.6)
            studio.keep("tree", screen, "pikos top")


def memory(studio: Studio) -> None:
    """A recorder of lines and memory, when the program is over."""
    with studio.screen("top") as screen:
        settle(screen, 0.5)
        with studio.started(
            sys.executable, "-m", "pikos.runner", "line_memory", "--recording", "zmq", "memory_spike.py"
        ) as process:
            screen.until("RSS")
            while process.poll() is None:
                screen.read(0.1)
            screen.until("ended")
            settle(screen, 0.6)
            studio.keep("memory", screen, "pikos top")


def plot(studio: Studio) -> None:
    """Memory over time; the picture follows its reader's theme by itself."""
    runner = [sys.executable, "-m", "pikos.runner", "line_memory", "--recording", "csv"]
    studio.run(*runner, "--focused-on", "legacy,fixed", "memory_spike.py")
    studio.run(PIKOS, "plot", "monitor_records.csv", "-o", str(studio.pictures / "plot.svg"))


def report(studio: Studio) -> bool:
    """The page of a program, with its costliest function chosen. False without a browser."""
    command = find()
    if command is None:
        print(
            "NOT MADE ANEW: report-light.png, report-dark.png: Chromium is not here (Debian: chromium)", file=sys.stderr
        )
        return False
    studio.run(sys.executable, "-m", "pikos.cprofile", "--tree", "-o", "site.pikos", "site.py")
    studio.run(PIKOS, "report", "site.pikos")
    own = studio.folder / "browser"
    own.mkdir()
    with Browser(command, own, width=1280, height=1400) as page:
        for theme in THEMES:
            media = [{"name": "prefers-color-scheme", "value": theme}]
            page.ask("Emulation.setEmulatedMedia", features=media)
            page.open((studio.demo / "site.html").as_uri())
            page.value("document.querySelector('#body tr.own').click()")
            # Of whichever machine made the picture, nothing.
            page.value("document.querySelector('#under').textContent = 'CPython on Linux'")
            path = studio.pictures / f"report-{theme}.png"
            page.picture(path)
            print(path.relative_to(ROOT))
    return True


def serve(studio: Studio) -> bool:
    """The live page of a program at work: its flame graph, below what ran when. False without a browser."""
    command = find()
    if command is None:
        print(
            "NOT MADE ANEW: serve-light.png, serve-dark.png: Chromium is not here (Debian: chromium)", file=sys.stderr
        )
        return False
    own = studio.folder / "browser"
    own.mkdir()
    live = [sys.executable, "-m", "pikos.cprofile", "--live", "--tree", "--interval", "0.1", "site.py"]
    server = subprocess.Popen(
        [PIKOS, "serve", "--port", "0"],
        env=studio.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        with Browser(command, own, width=1440, height=900) as page, studio.started(*live) as process:
            page.open(url)
            end = time.monotonic() + 30
            while not page.value("document.querySelectorAll('#processes li').length"):
                if time.monotonic() > end:
                    raise SystemExit("the page shows no process")
                time.sleep(0.05)
            # As far as most of its picture is there.
            time.sleep(6)
            page.value("document.querySelector('#tab-flame').click()")
            for theme in THEMES:
                page.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
                time.sleep(1)
                path = studio.pictures / f"serve-{theme}.png"
                page.picture(path)
                print(path.relative_to(ROOT), "" if process.poll() is None else "(the program is over)")
    finally:
        server.terminate()
        server.wait()
    return True


#: By the names of the pictures; each says whether it could be made.
SHOTS = {"run": run, "view": view, "top": top, "memory": memory, "plot": plot, "report": report, "serve": serve}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("shots", nargs="*", help=f"some of {', '.join(SHOTS)}; default: all")
    wanted = parser.parse_args().shots or list(SHOTS)
    if unknown := set(wanted) - SHOTS.keys():
        parser.error(f"no such picture: {', '.join(sorted(unknown))}; there are {', '.join(SHOTS)}")
    pictures = ROOT / "docs" / "pictures"
    pictures.mkdir(exist_ok=True)
    made = []
    try:
        DEMO.mkdir()
    except FileExistsError:
        parser.error(f"{DEMO} is there already; the pictures need a folder of that name")
    try:
        for name in wanted:
            with tempfile.TemporaryDirectory() as folder:
                made.append(SHOTS[name](Studio(Path(folder), pictures)) is not False)
    finally:
        shutil.rmtree(DEMO)
    return 0 if all(made) else 1


if __name__ == "__main__":
    sys.exit(main())
