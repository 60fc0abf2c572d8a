"""The page in a browser, used as a person does. PIKOS_TEST_PICTURES=FOLDER keeps pictures."""

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

ROW = 22


def spin(turns: int) -> int:
    return sum(turn * turn for turn in range(turns))


def left() -> int:
    return spin(60_000)


def right() -> int:
    return spin(20_000) + spin(20_000)


def work() -> None:
    left()
    right()


@pytest.fixture(scope="module", params=[(1280, "light"), (400, "dark")], ids=["wide-light", "narrow-dark"])
def page(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Browser]:
    command = browser.find()
    if command is None:
        pytest.skip("Chromium is not here")
    width, theme = request.param
    folder = tmp_path_factory.mktemp("browser")
    profile = subject().Profile(tree=True)
    profile.runcall(work)
    assert pikos.export(profile, "pikos", folder / "graph.pikos") == []
    python(["-m", "pikos", "report", folder / "graph.pikos", "-o", folder / "graph.html"]).succeeded()
    with Browser(command, folder, width=width, height=900) as one:
        one.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        one.open((folder / "graph.html").as_uri())
        yield one


@pytest.fixture(autouse=True)
def start_and_end(page: Browser, request: pytest.FixtureRequest) -> Iterator[None]:
    page.value("pikos.show(JSON.parse(document.getElementById('data').textContent))")
    page.value("document.activeElement.blur(); document.getElementById('flame').scrollIntoView()")
    page.move(1, 1)
    yield
    if folder := os.environ.get("PIKOS_TEST_PICTURES"):
        page.picture(Path(folder) / f"{request.node.name}.png")
    assert page.errors == []


def boxes(page: Browser) -> dict[str, dict[str, Any]]:
    """Every box by its name: where it is, in pixels of the window, its colour, and what it says."""
    return {box["name"]: box for box in page.value("pikos.boxes()")}


def middle(box: dict[str, Any]) -> tuple[float, float]:
    return box["left"] + box["width"] / 2, box["top"] + ROW / 2


def text(page: Browser, id: str) -> str:
    found: str = page.value(f"document.getElementById('{id}').innerText")
    return found


def press_button(page: Browser, id: str) -> None:
    """Click a control where a person would."""
    where = f"document.getElementById('{id}')"
    page.value(f"{where}.scrollIntoView({{block: 'center'}})")
    page.click(
        *page.value(
            f"(({{left, top, width, height}}) => [left + width / 2, top + height / 2])({where}.getBoundingClientRect())"
        )
    )


def graph_width(page: Browser) -> float:
    width: float = page.value("document.getElementById('canvas').clientWidth")
    return width


def tip(page: Browser, name: str) -> list[str]:
    """What the tooltip of a box says, line by line."""
    page.move(*middle(boxes(page)[name]))
    lines: list[str] = page.value("[...document.getElementById('tip').children].map(line => line.textContent)")
    return lines


def colours(page: Browser) -> dict[str, tuple[float, float, float]]:
    """Hue, saturation and lightness of each box that has them."""
    found = {}
    for name, box in boxes(page).items():
        if box["ink"].startswith("hsl("):
            hue, saturation, lightness = (float(part.rstrip("%")) for part in box["ink"][4:-1].split())
            found[name] = (hue, saturation, lightness)
    return found


def test_the_head_says_what_ran_and_how_long(page: Browser) -> None:
    assert text(page, "title").startswith("python")
    cards = text(page, "figures")
    assert "elapsed" in cards and "calls" in cards and "CPU" in cards
    assert "your code" in text(page, "legend")


def test_boxes_lie_on_their_callers(page: Browser) -> None:
    drawn = boxes(page)
    assert {"work", "left", "right", "spin"} <= drawn.keys()
    assert drawn["work"]["width"] > 0.8 * graph_width(page)
    for callee in ("left", "right"):
        assert drawn[callee]["top"] == drawn["work"]["top"] + ROW
        assert drawn["work"]["left"] <= drawn[callee]["left"]
        assert drawn[callee]["left"] + drawn[callee]["width"] <= drawn["work"]["left"] + drawn["work"]["width"] + 1
    apart = sorted((drawn[name]["left"], drawn[name]["left"] + drawn[name]["width"]) for name in ("left", "right"))
    assert apart[0][1] <= apart[1][0] + 1, "callees of one caller don't overlap"


def test_a_search_marks_and_says_the_share(page: Browser) -> None:
    page.press("/", 191)
    page.type("^LEFT$|right")
    assert page.value("document.getElementById('search').value") == "^LEFT$|right", "`/` isn't written into the field"
    drawn = boxes(page)
    assert {name for name, box in drawn.items() if box["isFound"]} == {"left", "right"}
    count, rest = text(page, "found").split(" stacks, ")
    assert count == "2"
    shares = sum(drawn[name]["width"] for name in ("left", "right")) / graph_width(page)
    assert float(rest.split("%")[0]) == pytest.approx(100 * shares, abs=0.5)
    rows = page.value("[...document.querySelectorAll('#body td.c-name')].map(cell => cell.textContent)")
    assert sorted(rows) == ["left", "right"], "the table is searched as well"


def test_escape_in_the_search_empties_it_and_zooms_nothing(page: Browser) -> None:
    page.click(*middle(boxes(page)["right"]))
    zoomed = boxes(page)["right"]["width"]
    page.press("/", 191)
    page.type("left")
    page.press("Escape", 27)
    assert page.value("document.getElementById('search').value") == ""
    assert boxes(page)["right"]["width"] == zoomed


def test_a_search_that_is_no_expression_says_so(page: Browser) -> None:
    page.press("/", 191)
    page.type("(")
    assert "group" in text(page, "found")
    assert page.value("document.getElementById('search').validity.valid") is False


def test_a_click_zooms_and_escape_leads_back(page: Browser) -> None:
    before = boxes(page)
    page.click(*middle(before["right"]))
    zoomed = boxes(page)
    assert zoomed["right"]["width"] == pytest.approx(graph_width(page), abs=2)
    assert "left" not in zoomed and "work" in zoomed
    page.press("Escape", 27)
    widths = {name: box["width"] for name, box in boxes(page).items()}
    assert widths == {name: box["width"] for name, box in before.items()}
    page.click(*middle(boxes(page)["left"]))
    press_button(page, "reset")
    assert boxes(page)["work"]["width"] == pytest.approx(before["work"]["width"], abs=1)


def test_the_tooltip_has_the_figures(page: Browser) -> None:
    name, place, times, *of_caller, calls = tip(page, "right")
    assert (name, calls) == ("right", "1 call")
    # Unless the caller has all of the time, or as good as all.
    assert all(line.endswith("% of work") for line in of_caller)
    assert place.endswith(f"test_page.py:{right.__code__.co_firstlineno}")
    assert "%), own " in times
    page.move(1, 1)
    assert page.value("document.getElementById('tip').hidden") is True


def test_a_finger_is_told_first_and_then_led(page: Browser) -> None:
    x, y = middle(boxes(page)["left"])
    for expected in (False, True):
        for kind, points in (("touchStart", [{"x": x, "y": y}]), ("touchEnd", [])):
            page.ask("Input.dispatchTouchEvent", type=kind, touchPoints=points)
        page.value("new Promise(done => setTimeout(done, 400))")
        assert ("right" not in boxes(page)) is expected
        assert page.value("document.getElementById('tip').hidden") is expected
        x, y = middle(boxes(page)["left"])


def test_arrow_keys_lead_from_box_to_box_and_say_each(page: Browser) -> None:
    page.value("document.getElementById('canvas').focus()")
    said = []
    # Up to the bottom box, wherever an earlier test has left it, then to the widest above, step by step.
    for key, code in [("ArrowDown", 40)] + [("ArrowUp", 38)] * 5 + [("ArrowDown", 40)] * 5 + [("ArrowUp", 38)]:
        page.press(key, code)
        said.append(text(page, "said").split(",")[0])
        assert page.value("document.getElementById('tip').hidden") is False
    assert "work" in said and not {"left", "right"}.isdisjoint(said)
    page.press("Enter", 13)
    assert page.value("document.getElementById('reset').disabled") is False


def test_the_chosen_function_has_callers_callees_and_source(page: Browser) -> None:
    page.click(*middle(boxes(page)["right"]))
    found = text(page, "detail")
    assert found.startswith("right") and f"test_page.py:{right.__code__.co_firstlineno}" in found
    sections = page.value(
        "[...document.querySelectorAll('#detail .edges')].map(one => [...one.querySelectorAll('.name')].map(n => n.textContent))"
    )
    assert sections == [["work"], ["spin"]]
    assert "return spin(20_000) + spin(20_000)" in found
    page.value("document.querySelectorAll('#detail .edges li button')[1].click()")
    assert text(page, "detail").startswith("spin")


def test_callers_stand_below_what_took_the_time(page: Browser) -> None:
    press_button(page, "up")
    drawn = page.value("pikos.boxes()")
    top = min(box["top"] for box in drawn)
    assert {"left", "right"} <= {box["name"] for box in drawn if box["top"] > top}
    assert next(box for box in drawn if box["top"] == top)["name"].startswith(("spin", "{sum}"))
    press_button(page, "down")
    assert "work" in boxes(page)


def test_my_code_only_keeps_the_time(page: Browser) -> None:
    all_boxes = boxes(page)
    press_button(page, "mine")
    mine = boxes(page)
    assert {"work", "left", "right", "spin"} <= mine.keys() and "{sum}" in all_boxes and "{sum}" not in mine
    part = [drawn["left"]["width"] / drawn["work"]["width"] for drawn in (all_boxes, mine)]
    assert part[0] == pytest.approx(part[1], rel=0.02)
    names = page.value("[...document.querySelectorAll('#body td.c-name')].map(cell => cell.textContent)")
    assert "{sum}" not in names and "left" in names


def test_the_import_system_is_folded_at_first(page: Browser, tmp_path: Path) -> None:
    home = page.value("location.href")
    (tmp_path / "part.py").write_text("total = sum(turn * turn for turn in range(200_000))\n")
    (tmp_path / "whole.py").write_text("import part\n")
    python(["-m", "pikos.cprofile", "--tree", "-o", tmp_path / "whole.html", tmp_path / "whole.py"]).succeeded()
    page.open((tmp_path / "whole.html").as_uri())
    names = {box["name"] for box in page.value("pikos.boxes()")}
    assert any(name.endswith("part.py") for name in names) and not {"_find_and_load", "{exec}"} & names
    press_button(page, "imports")
    assert {"_find_and_load", "{exec}"} <= {box["name"] for box in page.value("pikos.boxes()")}
    page.open(home)


def test_one_function_alone_can_be_looked_at(page: Browser) -> None:
    page.click(*middle(boxes(page)["spin"]))
    page.value("[...document.querySelectorAll('#detail .doors button')][0].click()")
    drawn = boxes(page)
    assert "work" not in drawn and drawn["spin"]["width"] == pytest.approx(graph_width(page), abs=2)
    press_button(page, "up")
    drawn = boxes(page)
    assert drawn["left"]["top"] == drawn["spin"]["top"] + ROW
    press_button(page, "focus")
    assert text(page, "focus-name") == ""


def test_the_table_is_sorted_by_its_heads(page: Browser) -> None:
    def column(name: str) -> list[str]:
        found: list[str] = page.value(f"[...document.querySelectorAll('#body td.c-{name}')].map(c => c.textContent)")
        return found

    page.value("document.querySelector('#head .c-name button').click()")
    names = column("name")
    assert names == sorted(names)
    page.value("document.querySelector('#head .c-name button').click()")
    assert column("name") == names[::-1]
    page.value("document.querySelector('#head .c-calls button').click()")
    calls = [int(cell.split(" / ")[0].replace(",", "")) for cell in column("calls")]
    assert calls == sorted(calls, reverse=True)


def test_the_theme_can_be_switched(page: Browser) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    before, boxes_before = page.value(background), colours(page)
    press_button(page, "theme")
    assert page.value(background) != before and colours(page) != boxes_before
    press_button(page, "theme")
    assert page.value(background) == before and colours(page) == boxes_before


def test_nothing_is_wider_than_the_window(page: Browser) -> None:
    assert page.value("document.documentElement.scrollWidth <= innerWidth")


def test_nothing_is_fetched_and_nothing_could_be(page: Browser) -> None:
    assert page.value("performance.getEntriesByType('resource').length") == 0
    blocked = """new Promise(done => {
        document.addEventListener("securitypolicyviolation", event => done(event.effectiveDirective), {once: true});
        const script = document.createElement("script");
        script.textContent = "globalThis.escaped = true";
        document.body.append(script);
    })"""
    assert page.value(blocked) == "script-src-elem" and page.value("globalThis.escaped === undefined")
    page.errors.clear()


def test_other_data_are_shown_in_their_place(page: Browser) -> None:
    page.value("""(() => {
        const data = JSON.parse(document.getElementById("data").textContent);
        data.functions.name = data.functions.name.map(name => name + "!");
        pikos.show(data);
    })()""")
    assert "work!" in boxes(page) and "work" not in boxes(page)


@pytest.fixture
def opened(page: Browser, tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """Opens another page, of what the command makes of stacks; that of the other tests is there again afterwards."""
    home = page.value("location.href")

    def open_page(*stacks: str) -> Browser:
        paths = []
        for number, lines in enumerate(stacks):
            paths.append(tmp_path / f"{number}.folded")
            paths[-1].write_text(lines)
        options = [] if len(stacks) == 1 else ["--diff"]
        python(["-m", "pikos", "report", *options, *paths, "-o", tmp_path / "page.html"]).succeeded()
        page.open((tmp_path / "page.html").as_uri())
        page.value("document.getElementById('flame').scrollIntoView()")
        return page

    yield open_page
    page.open(home)


def test_what_is_too_narrow_is_one_grey_box(opened: Callable[..., Browser]) -> None:
    page = opened("".join(f"main;f{number} 1\n" for number in range(20_000)) + "main;large 20000\n")
    drawn = boxes(page)
    assert drawn.keys() == {"main", "large", "20,000 more"}
    assert drawn["20,000 more"]["width"] == pytest.approx(drawn["large"]["width"], abs=2)
    assert tip(page, "20,000 more")[-1] == "20,000 samples (50.0%)"
    # Past what the page has a row for, too.
    page = opened("".join(f"main;f{number} 1\n" for number in range(150_000)))
    assert boxes(page).keys() == {"main", "150,000 more"}
    assert "aren't in this page" in text(page, "rows-count")


def test_recursion_is_collapsed_and_time_stays(opened: Callable[..., Browser]) -> None:
    page = opened("main;" + "visit;generic;" * 50 + "leaf 60\nmain;visit;other 30\nmain;visit 10\n")
    assert len(page.value("pikos.boxes()")) == 103
    press_button(page, "collapse")
    page.value("document.getElementById('flame').scrollIntoView()")
    drawn = boxes(page)
    assert drawn.keys() == {"main", "visit", "generic", "leaf", "other"}
    assert drawn["visit"]["width"] == pytest.approx(graph_width(page), abs=2)
    assert drawn["leaf"]["width"] == pytest.approx(0.6 * graph_width(page), abs=2)
    assert drawn["leaf"]["top"] == drawn["visit"]["top"] + 2 * ROW
    assert tip(page, "visit")[-1] == "100 samples (100.0%), own 10 samples"
    press_button(page, "collapse")
    assert len(page.value("pikos.boxes()")) == 103


def test_a_deep_stack_is_scrolled_to(opened: Callable[..., Browser]) -> None:
    page = opened("main;" + "f;" * 5000 + "leaf 1\n")
    page.value("document.getElementById('canvas').focus()")
    assert len(page.value("pikos.boxes()")) == 5002
    page.value("document.getElementById('graph').scrollTop = 1e9")
    page.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    leaf = boxes(page)["leaf"]
    assert 0 < leaf["top"] < page.value("innerHeight")
    assert tip(page, "leaf")[0] == "leaf"


def test_a_difference_is_red_and_blue_both_ways(opened: Callable[..., Browser]) -> None:
    page = opened("main;slower 10\nmain;gone 20\nmain;same 10\n", "main;slower 30\nmain;same 10\nmain;new 5\n")
    after = colours(page)
    assert boxes(page).keys() == {"main", "slower", "same", "new"}
    assert after["slower"][0] < 20 and after["new"][0] < 20 and "same" not in after
    assert tip(page, "slower")[1:] == [
        "10 samples → 30 samples (+20 samples)",
        "own 10 samples → 30 samples (+20 samples)",
    ]
    assert "40 samples" in text(page, "figures") and "45 samples" in text(page, "figures")
    press_button(page, "before")
    page.value("document.getElementById('flame').scrollIntoView()")
    before = colours(page)
    assert boxes(page).keys() == {"main", "slower", "same", "gone"}
    assert before["gone"][0] > 200 and before["slower"] == after["slower"]
    assert tip(page, "gone")[1] == "20 samples → 0 samples (-20 samples)"
    changes = page.value("[...document.querySelectorAll('#body td.c-change')].map(cell => cell.textContent)")
    assert (changes[0], changes[-1]) == ("+20", "-20")


def test_threads_can_be_looked_at_by_themselves(page: Browser, tmp_path: Path) -> None:
    home = page.value("location.href")
    program = tmp_path / "threads.py"
    program.write_text(
        "import threading\n"
        "def work(): return sum(turn * turn for turn in range(200_000))\n"
        "threads = [threading.Thread(target=work, name=name) for name in ('one', 'two')]\n"
        "[thread.start() for thread in threads]\n"
        "[thread.join() for thread in threads]\n"
    )
    arguments = ["-m", "pikos.cprofile", "--threads", "--tree", "-o", tmp_path / "threads.html", program]
    python(arguments).succeeded()
    page.open((tmp_path / "threads.html").as_uri())
    choose = """(value => {
        const select = document.getElementById("thread");
        select.value = value;
        select.dispatchEvent(new Event("change"));
    })"""
    page.value(f"{choose}('side')")
    assert {"MainThread", "one", "two"} <= boxes(page).keys()
    page.value(f"{choose}('=one')")
    drawn = boxes(page)
    assert drawn["work"]["width"] > 0.9 * graph_width(page) and "MainThread" not in drawn
    page.open(home)


def test_hostile_names_stay_text(opened: Callable[..., Browser]) -> None:
    names = [
        "</script><script>globalThis.escaped=1</script>",
        "<img src=x onerror=globalThis.escaped=1>",
        "\u202egnp.exe",
    ]
    page = opened("".join(f"main;{name} {100 + number}\n" for number, name in enumerate([*names, "x" * 1_000_000])))
    assert page.value("globalThis.escaped === undefined")
    drawn = boxes(page)
    assert {names[0], names[1], "\ufffdgnp.exe"} <= drawn.keys()
    assert max(map(len, drawn)) < 500
    tip(page, names[0])
    page.click(*middle(drawn[names[1]]))
    assert text(page, "detail").startswith(names[1])
    assert page.value("globalThis.escaped === undefined && document.querySelector('img') === null")


def test_a_large_profile_is_bounded_and_drawn(opened: Callable[..., Browser], tmp_path: Path) -> None:
    stacks = (f"main;m{a};f{b};g{a * b} {1 + a + b}\n" for a in range(700) for b in range(700))
    page = opened("".join(stacks))
    assert (tmp_path / "page.html").stat().st_size < 40_000_000
    data = page.value("document.getElementById('data').textContent.length")
    assert data < 12_000_000
    assert "main" in boxes(page)
    press_button(page, "up")
    assert any(name.endswith(" more") for name in boxes(page)), "each of them is too narrow"


def test_a_page_without_any_time_says_so(page: Browser, tmp_path: Path) -> None:
    home = page.value("location.href")
    empty = subject().Profile(tree=True)
    pikos.export(empty, "html", tmp_path / "empty.html")
    page.open((tmp_path / "empty.html").as_uri())
    assert text(page, "graph-empty") == "Nothing took any time here."
    page.open(home)
