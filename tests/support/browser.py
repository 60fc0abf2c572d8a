"""A browser for tests: Chromium without a window, led through its debugging protocol over a pair of pipes.

Input goes in where a mouse's and a keyboard's would, so that what is tested is what a person meets.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from running import PATIENCE

# Chromium speaks on the descriptors 3 and 4, whatever these are here.
_START = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execvp(sys.argv[3], sys.argv[3:])"
)


def find() -> str | None:
    """Chromium or a relative of it, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for path in map(shutil.which, names) if path), None)


class Browser:
    """One page, as a context manager. `folder` takes the browser's own files."""

    def __init__(self, command: str, folder: Path, width: int = 1000, height: int = 600) -> None:
        self._orders, self._answers, self._number, self._session = -1, -1, 0, None
        its_orders, self._orders = os.pipe()
        self._answers, its_answers = os.pipe()
        self._rest = b""
        self.errors: list[str] = []
        # Above the places that they will be moved to.
        high = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (its_orders, its_answers)]
        options = [
            "--headless",
            "--no-sandbox",  # it can't have one as root or in a container; pages are our own
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            f"--user-data-dir={folder}",
            f"--window-size={width},{height}",
        ]
        with open(folder / "stderr", "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, *map(str, high), command, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=high,
            )
        for end in (its_orders, its_answers, *high):
            os.close(end)
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Runtime.enable")
        self.ask("Log.enable")
        self.ask("Page.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Processes of one that is killed go on writing to its folder for a moment.
        with contextlib.suppress(OSError):
            os.write(self._orders, json.dumps({"id": 0, "method": "Browser.close"}).encode() + b"\0")
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._orders)
        os.close(self._answers)

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The answer to one command of the protocol; an AssertionError if it is an error."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._orders, json.dumps(message).encode() + b"\0")
        answer: dict[str, Any] = self._wait(lambda answer: answer.get("id") == self._number)["result"]
        return answer

    def open(self, url: str) -> None:
        """Go to an address and wait until the page is there."""
        self.ask("Page.navigate", url=url)
        deadline = time.monotonic() + PATIENCE
        while self.value("document.readyState") != "complete" or self.value("location.href") == "about:blank":
            assert time.monotonic() < deadline, f"{url} did not load"
            time.sleep(0.02)

    def value(self, script: str) -> Any:
        """What an expression is in the page."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def move(self, x: float, y: float) -> None:
        """Put the mouse there."""
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, x: float, y: float) -> None:
        """Move the mouse there and click."""
        self.move(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Write into what has the focus."""
        self.ask("Input.insertText", text=text)

    def press(self, key: str, code: int) -> None:
        """Press one key: its name and its number, as in `KeyboardEvent`."""
        text = {"text": key} if len(key) == 1 else {}
        self.ask("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        self.ask("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def picture(self, path: Path) -> None:
        """Save what is on the page as a PNG."""
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))

    def _wait(self, wanted: Any) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE
        while True:
            while b"\0" in self._rest:
                line, self._rest = self._rest.split(b"\0", 1)
                message = json.loads(line)
                if message.get("method") in ("Runtime.exceptionThrown", "Log.entryAdded"):
                    self.errors.append(json.dumps(message["params"]))
                if wanted(message):
                    assert "error" not in message, message["error"]
                    return dict(message)
            ready, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            chunk = os.read(self._answers, 1 << 20)
            assert chunk, f"the browser ended with {self._process.wait()}"
            self._rest += chunk


def main(arguments: Sequence[str]) -> None:
    """python browser.py PAGE PICTURE: what a page looks like."""
    import tempfile

    page, picture = arguments
    with tempfile.TemporaryDirectory() as folder, Browser(find() or "chromium", Path(folder)) as browser:
        browser.open(Path(page).resolve().as_uri())
        browser.picture(Path(picture))


if __name__ == "__main__":
    main(sys.argv[1:])
