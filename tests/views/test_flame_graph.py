"""The flame graph page in a browser: what is drawn, search, zoom, tooltip. PIKOS_TEST_PICTURES=FOLDER keeps pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import browser
import pikos
import pytest
from browser import Browser
from running import python, subject

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


@pytest.fixture
def opened(page: Browser, tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """Opens another page, of what the command makes of stacks; the graph of the other tests is there again afterwards."""
    home = page.value("location.href")

    def open_page(*stacks: str) -> Browser:
        paths = []
        for number, text in enumerate(stacks):
            paths.append(tmp_path / f"{number}.folded")
            paths[-1].write_text(text)
        command = "export" if len(stacks) == 1 else "diff"
        python(["-m", "pikos", command, *paths, "-o", tmp_path / "page.html"]).succeeded()
        page.open((tmp_path / "page.html").as_uri())
        return page

    yield open_page
    page.open(home)


def tip(page: Browser, name: str) -> list[str]:
    page.move(*middle(boxes(page)[name]))
    lines: list[str] = page.value("tip.textContent.split('\\n')")
    return lines


def test_what_is_too_narrow_is_one_grey_box(opened: Callable[..., Browser]) -> None:
    page = opened("".join(f"main;f{number} 1\n" for number in range(20_000)) + "main;large 20000\n")
    drawn = boxes(page)
    assert drawn.keys() == {"main", "large", "20,000 more"}
    assert drawn["20,000 more"]["width"] == pytest.approx(drawn["large"]["width"], abs=2)
    assert "20,000 boxes are too narrow to draw" in page.value("byId('notes').textContent")
    assert tip(page, "20,000 more")[1] == "20,000 samples (50.00 %)"
    # Past what the page has a row for, too.
    page = opened("".join(f"main;f{number} 1\n" for number in range(150_000)))
    assert boxes(page).keys() == {"main", "150,000 more"}


def test_recursion_is_collapsed_and_time_stays(opened: Callable[..., Browser]) -> None:
    page = opened("main;" + "visit;generic;" * 50 + "leaf 60\nmain;visit;other 30\nmain;visit 10\n")
    assert page.value("byId('collapse').hidden") is False
    assert page.value("document.querySelectorAll('.box').length") == 103
    page.value("byId('collapsed').click()")
    drawn = boxes(page)
    assert drawn.keys() == {"main", "visit", "generic", "leaf", "other"}
    whole = page.value("graph.clientWidth")
    assert drawn["visit"]["width"] == pytest.approx(whole, abs=2)
    assert drawn["leaf"]["width"] == pytest.approx(0.6 * whole, abs=2)
    assert drawn["leaf"]["top"] == drawn["visit"]["top"] + 36
    assert tip(page, "visit")[-1] == "100 samples (100.00 %), own 10 samples"
    page.value("byId('collapsed').click()")
    assert page.value("document.querySelectorAll('.box').length") == 103


def test_arrow_keys_lead_from_box_to_box(page: Browser) -> None:
    page.value("graph.querySelector('.box').focus()")
    names = []
    for key, code in [("ArrowDown", 40)] * 8 + [("ArrowUp", 38)]:
        names.append(page.value("document.activeElement.textContent"))
        page.press(key, code)
    assert "work" in names
    assert page.value("document.querySelectorAll('.box[tabindex=\"0\"]').length") == 1


def test_a_difference_is_red_and_blue_both_ways(opened: Callable[..., Browser]) -> None:
    page = opened("main;slower 10\nmain;gone 20\nmain;same 10\n", "main;slower 30\nmain;same 10\nmain;new 5\n")
    colours = """Object.fromEntries([...document.querySelectorAll(".box")].map(box =>
        [box.textContent, getComputedStyle(box).backgroundColor.match(/\\d+/g).map(Number)]))"""
    after = page.value(colours)
    assert after.keys() == {"main", "slower", "same", "new"}
    assert after["slower"][0] > after["slower"][2] + 50 and after["new"][0] > after["new"][2] + 20
    assert tip(page, "slower")[1:] == [
        "10 samples → 30 samples (+20 samples)",
        "own 10 samples → 30 samples (+20 samples)",
    ]
    page.value("byId('switch').click()")
    before = page.value(colours)
    assert before.keys() == {"main", "slower", "same", "gone"}
    assert before["gone"][2] > before["gone"][0] + 50 and before["slower"] == after["slower"]
    assert tip(page, "gone")[1] == "20 samples → 0 samples (-20 samples)"
    assert "40 samples in total (widths: before)" in page.value("document.querySelector('header').textContent")
