"""What stands around a sampler, with a real one: HTTP, watched locals, histories, and the examples of docs/sampling-around.md."""

from __future__ import annotations

import re
import textwrap
from importlib.util import find_spec
from pathlib import Path

import pytest
from running import python

pytestmark = pytest.mark.beyond_cprofile

DOCS = Path(__file__).resolve().parents[2] / "docs" / "sampling-around.md"


def run(code: str, folder: Path) -> str:
    (folder / "program.py").write_text(textwrap.dedent(code))
    return python([folder / "program.py"], cwd=folder).succeeded().out


def test_a_door_has_a_sampler_of_its_own_that_waits_to_be_told(tmp_path: Path) -> None:
    run(
        """
        import io, json, os, pikos.stats
        from pikos.sampling.wsgi import application

        TOKEN = "a-token-that-nobody-guesses"
        app = application(token=TOKEN)

        def ask(path, method="GET"):
            answered = []
            path, _, query = path.partition("?")
            environ = {
                "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": path, "QUERY_STRING": query,
                "wsgi.input": io.BytesIO(), "wsgi.url_scheme": "http", "HTTP_AUTHORIZATION": "Bearer " + TOKEN,
            }
            body = b"".join(app(environ, lambda status, headers: answered.append(status)))
            assert answered == ["200 OK"], (answered, body)
            return body

        def status():
            return json.loads(ask("/status?max_records=1000"))

        def look_for_me(n):
            return sum(k * k for k in range(n))

        assert status()["paused"] is True and status()["functions"] == []
        assert json.loads(ask("/set_interval?interval=0.002", "POST"))["sampler"]["interval"] == 0.002
        ask("/unpause", "POST")
        names = lambda: {each["function"]: each for each in status()["functions"]}
        while "look_for_me" not in names():
            look_for_me(10_000)
        told = status()
        assert told["paused"] is False and told["process"]["pid"] == os.getpid()
        assert 0 < max(each["total_share"] for each in told["functions"]) <= 1.000001
        assert json.loads(ask("/pause", "POST"))["paused"] is True
        before = status()["sampler"]["samples"]
        look_for_me(1_000_000)
        assert status()["sampler"]["samples"] == before > 0
        with open("sampled.pikos", "wb") as stream:
            stream.write(ask("/profile"))
        assert any(row.name == "look_for_me" for row in pikos.stats.load("sampled.pikos"))
        assert b"look_for_me" in ask("/profile?format=collapsed")
        ask("/clear", "POST")
        assert status()["functions"] == []
        """,
        tmp_path,
    )


def test_stop_ends_what_watch_has_begun(tmp_path: Path) -> None:
    run(
        """
        import threading
        from pikos.sampling import Sampler

        def f(x):
            return x

        for end in (Sampler.stop, lambda sampler: sampler.__exit__()):
            sampler = Sampler()
            sampler.start()
            watching = sampler.watch("__main__.f", "x", every=0.001)
            while not watching.values():
                f(3)
            end(sampler)
            assert [*{each.text for each in watching}] == ["3"]
            assert "pikos-watch" not in [each.name for each in threading.enumerate()]
        try:
            sampler.watch("__main__.f", "y")
        except ValueError as error:
            assert "has no local 'y'" in str(error)
        else:
            raise AssertionError
        """,
        tmp_path,
    )


def test_a_history_keeps_the_samplers_interval(tmp_path: Path) -> None:
    run(
        """
        from pikos.sampling import Sampler

        sampler = Sampler(rate=1000)
        history = sampler.history(10, dump_on=KeyError, folder="failures", files=1)

        @history
        def fails():
            while len(history.stacks()) < 5:
                pass
            raise KeyError

        assert history._pause() == 0.001
        sampler.set_interval(0.002)
        assert history._pause() == 0.002
        try:
            fails()
        except KeyError:
            pass
        assert len(history.written) == 1
        """,
        tmp_path,
    )


# ---- the page of the documentation ----

#: What the examples take as given.
GIVEN = """
import os, time
os.environ["PIKOS_TOKEN"] = "a-token-of-twenty-letters"
from pikos.sampling import Sampler
from shop.cart import total
import shop.cart

sampler = Sampler()
request = None
app = lambda environ, start_response: []

def serve():
    end = time.monotonic() + 0.2
    while time.monotonic() < end:
        shop.cart.total(["tea"], 2.5)

"""
NEEDS = {"flask": "flask", "werkzeug": "werkzeug", "Coverage": "coverage"}
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_run(example: str, tmp_path: Path) -> None:
    for word, module in NEEDS.items():
        if word in example and find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("")
    (tmp_path / "shop" / "cart.py").write_text("def total(items, price):\n    return len(items) * price\n")
    (tmp_path / "program.py").write_text(GIVEN + example)
    python([tmp_path / "program.py"], cwd=tmp_path).succeeded()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 5
