"""The flame graph page in a browser: what is drawn, search, zoom, tooltip. PIKOS_TEST_PICTURES=FOLDER keeps pictures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import browser
import pikos
import pytest
from browser import Browser
from running import subject

pytestmark = [pytest.mark.any_release, pytest.mark.in_process, pytest.mark.beyond_cprofile]


def spin(turns: int) -> int:
    return sum(turn * turn for turn in range(turns))


def left() -> int:
    return spin(60_000)


def right() -> int:
    return spin(20_000) + spin(20_000)


def work() -> None:
    left()
    right()


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    command = browser.find()
    if command is None:
        pytest.skip("Chromium is not here")
    folder = tmp_path_factory.mktemp("browser")
    profile = subject().Profile(tree=True)
    profile.runcall(work)
    assert pikos.export(profile, "html", folder / "graph.html") == []
    with Browser(command, folder) as one:
        one.open((folder / "graph.html").as_uri())
        yield one


@pytest.fixture(autouse=True)
def start_and_end(page: Browser, request: pytest.FixtureRequest) -> Iterator[None]:
    page.value("zoom(-1); search.value = ''; mark(); search.blur()")
    page.move(1, 1)
    yield
    if folder := os.environ.get("PIKOS_TEST_PICTURES"):
        page.picture(Path(folder) / f"{request.node.name}.png")
    assert page.errors == []


def boxes(page: Browser) -> dict[str, dict[str, Any]]:
    """Every box by its text: where it is, in pixels of the page, and its classes."""
    script = """[...document.querySelectorAll(".box")].filter(box => box.textContent !== "").map(box => {
        const {left, top, width, height} = box.getBoundingClientRect();
        return {name: box.textContent, left, top, width, height, classes: [...box.classList]};
    })"""
    return {box["name"]: box for box in page.value(script)}


def middle(box: dict[str, Any]) -> tuple[float, float]:
    return box["left"] + box["width"] / 2, box["top"] + box["height"] / 2


def test_boxes_lie_on_their_callers(page: Browser) -> None:
    drawn = boxes(page)
    assert {"work", "left", "right", "spin"} <= drawn.keys()
    assert drawn["work"]["width"] > 0.9 * page.value("innerWidth")
    for callee in ("left", "right"):
        assert drawn[callee]["top"] == drawn["work"]["top"] + 18
        assert drawn["work"]["left"] <= drawn[callee]["left"]
        assert drawn[callee]["left"] + drawn[callee]["width"] <= drawn["work"]["left"] + drawn["work"]["width"] + 1
    apart = sorted((drawn[name]["left"], drawn[name]["left"] + drawn[name]["width"]) for name in ("left", "right"))
    assert apart[0][1] <= apart[1][0] + 1, "callees of one caller don't overlap"
    assert "s in total" in page.value("document.querySelector('header').textContent")


def test_a_search_marks_and_says_the_share(page: Browser) -> None:
    page.press("/", 191)
    page.type("^LEFT$|right")
    assert page.value("search.value") == "^LEFT$|right", "`/` leads to the field and isn't written into it"
    drawn = boxes(page)
    assert {name for name, box in drawn.items() if "found" in box["classes"]} == {"left", "right"}
    count, rest = page.value("byId('found').textContent").split(" boxes, ")
    assert count == "2"
    shares = sum(drawn[name]["width"] for name in ("left", "right")) / page.value("graph.clientWidth")
    assert float(rest.split(" %")[0]) == pytest.approx(100 * shares, abs=0.5)


def test_a_search_that_is_no_expression_says_so(page: Browser) -> None:
    page.press("/", 191)
    page.type("(")
    assert "group" in page.value("byId('found').textContent")
    assert page.value("search.validity.valid") is False


def test_a_click_zooms_and_escape_leads_back(page: Browser) -> None:
    before = boxes(page)
    page.click(*middle(before["right"]))
    zoomed = boxes(page)
    assert zoomed["right"]["width"] == pytest.approx(page.value("graph.clientWidth"), abs=2)
    assert "left" not in zoomed
    assert "above" in zoomed["work"]["classes"] and "above" not in zoomed["right"]["classes"]
    assert page.value("reset.hidden") is False
    page.press("Escape", 27)
    assert boxes(page) == before
    page.click(*middle(before["left"]))
    button = page.value("(({left, top}) => [left + 5, top + 5])(reset.getBoundingClientRect())")
    page.click(*button)
    assert boxes(page) == before


def test_the_tooltip_has_the_figures(page: Browser) -> None:
    page.move(*middle(boxes(page)["right"]))
    tip = page.value("({text: tip.textContent, shown: getComputedStyle(tip).visibility})")
    assert tip["shown"] == "visible"
    name, place, times, calls = tip["text"].split("\n")
    assert (name, calls) == ("right", "1 call")
    assert place.endswith(f"test_flame_graph.py:{right.__code__.co_firstlineno}")
    assert " %), own " in times


def test_the_tooltip_goes_away_with_the_mouse(page: Browser) -> None:
    page.move(*middle(boxes(page)["right"]))
    page.move(500, 590)
    assert page.value("getComputedStyle(tip).visibility") == "hidden"


def test_nothing_is_fetched(page: Browser) -> None:
    assert page.value("performance.getEntriesByType('resource').length") == 0
