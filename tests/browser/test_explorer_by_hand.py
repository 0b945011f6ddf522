"""The explorer's page in the hands of a reader: mouse, finger, keyboard, narrow and wide, light and dark."""

import json
import math

import laws_of_pages as laws
import numpy as np
import pytest
from axe_core import contrast
from browsing import NARROW, WIDE, Visit
from browsing import visit as visiting
from explorer_panels import Panel, write_page


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    return write_page(tmp_path_factory.mktemp("explorer") / "explorer.html")


@pytest.fixture(scope="module")
def opened(visit, file):
    """The page, loaded once."""
    visit.open(file)
    visit.settle()
    return visit


@pytest.fixture
def finger(browser, file):
    """The page on a phone."""
    with visiting(browser, NARROW, has_touch=True, is_mobile=True, reduced_motion="reduce") as seen:
        seen.open(file).settle()
        yield seen


def test_the_page_keeps_every_law(opened, axe_if_there):
    found = laws.violations(opened.size(WIDE), axe_if_there)
    assert found + laws.tab_reaches_everything(opened) == []


def test_it_is_one_small_file_that_asks_for_nothing(file, opened):
    assert file.stat().st_size < 3_000_000
    assert opened.requests == [] and opened.errors == []
    assert len(opened.page.locator("section[data-panel]").all()) == 6
    assert opened.page.locator("#roughntk-waiting").count() == 0  # words for a reader whose browser cannot run it


def test_a_bracket_stays_on_the_line_of_its_formula(opened):
    """Whatever the width of the lines."""
    note = opened.page.locator("[data-panel=pure_area] .note").last
    joined = note.locator(".joined").all()
    assert [each.inner_text()[0] for each in joined[1:]] == ["("] * (len(joined) - 1) and len(joined) > 2
    tallest = note.evaluate(
        """note => { const sizes = [];
            for (let width = 200; width < 400; width += 7) {
                note.style.width = `${width}px`;
                const all = [...note.querySelectorAll(".joined")].slice(1);
                sizes.push(...all.map(each => each.getBoundingClientRect().height));
            }
            note.style.width = "";
            return Math.max(...sizes); }"""
    )
    assert tallest < 25  # pixels: one line


STATES = [("max", 0), ("max", 1), ("max", 2), ("max", 3), ("min", 0)]
SET = """([end, place]) => {
    for (const input of document.querySelectorAll("section input[type=range]")) {
        input.value = input[end];
        input.dispatchEvent(new Event("input", { bubbles: true }));
    }
    for (const select of document.querySelectorAll("section select")) {
        if (select.options.length <= place || select.disabled) continue;
        select.selectedIndex = place;
        select.dispatchEvent(new Event("change", { bubbles: true }));
    }
}"""


@pytest.mark.parametrize("size", [WIDE, NARROW])
def test_texts_do_not_overlap_whatever_is_chosen(opened, size):
    """Both ends of every slider, and the first options of every choice, of which the last ones hold long numbers."""
    seen = {}
    opened.size(size)
    for state in STATES:
        opened.page.evaluate(SET, state)
        opened.settle()
        seen |= {line: state for law in laws.LAYOUT for line in law(opened)}
    assert seen == {} and laws.quiet(opened) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_are_told_apart_in_the_theme_that_is_chosen(opened, axe_source, theme):
    opened.size(WIDE).page.emulate_media(color_scheme="light" if theme == "dark" else "dark")
    opened.page.locator("select[data-name=theme]").select_option(theme)
    opened.settle()
    assert contrast(opened, axe_source) == []
    paper = opened.page.evaluate("getComputedStyle(document.querySelector('.roughntk')).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (theme == "light")
    opened.page.locator("select[data-name=theme]").select_option("system")
    opened.page.emulate_media(color_scheme="light")


def test_every_slider_moves_by_keyboard_and_changes_what_is_shown(opened):
    opened.size(WIDE)
    count = 0
    for section in opened.page.locator("section[data-panel]").all():
        panel = Panel(opened, section.get_attribute("data-panel"))
        for slider in section.locator("input[type=range]").all():
            if not slider.is_visible():
                continue
            name, before = slider.get_attribute("data-name"), (panel.values(), slider.get_attribute("data-value"))
            shown = slider.get_attribute("aria-valuetext")
            at_the_end = slider.evaluate("input => Number(input.value) === Number(input.max)")
            slider.focus()
            for _ in range(3):
                opened.page.keyboard.press("ArrowLeft" if at_the_end else "ArrowRight")
            opened.settle()
            assert slider.get_attribute("data-value") != before[1], name
            assert slider.get_attribute("aria-valuetext") != shown or name == "depth", name
            assert panel.values() != before[0], name
            count += 1
    assert count >= 10


def test_a_depth_can_be_typed_and_the_arrow_keys_meet_whole_depths(opened):
    panel = Panel(opened.size(WIDE), "depth")
    panel.choose("family", "relu-ntk")
    field = panel.section.locator("[data-field=depth]")
    typed = {"2.5": 2.5, "17,25": 17.25, "inf": math.inf, "20000": 10000, "deep": 10000, "1": 2}
    for text, depth in typed.items():
        field.fill(text)
        field.press("Enter")
        opened.settle()
        assert panel.slider("depth") == depth == float(panel.state()["depth"]), text
    slider, met = panel.section.locator("input[data-name=depth]"), set()
    slider.focus()
    for _ in range(85):
        opened.page.keyboard.press("ArrowRight")
        met.add(panel.slider("depth"))
    assert {2.5, 3, 3.5, 4} <= met and len(met) == 85
    panel.choose("family", "biased-relu-ntk")
    field.fill("9")
    field.press("Enter")
    assert panel.slider("depth") in (8, 10)
    panel.choose("family", "relu-ntk")


def angle(panel, index):
    x, y = panel.state()["X"][index]
    return math.atan2(y, x)


def dragged_to(panel, name, turn):
    """Where a handle on the circle is and where it comes by a turn about the middle of the circle."""
    x, y = panel.middle(name)
    ring = panel.section.locator("[data-figure=points] svg g > circle[fill=none]").first.bounding_box()
    cx, cy = ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2
    dx, dy = x - cx, cy - y
    c, s = math.cos(turn), math.sin(turn)
    return (x, y), (cx + c * dx - s * dy, cy - (s * dx + c * dy))


def turned(after, before):
    return math.remainder(after - before, 2 * math.pi)


def test_a_point_follows_the_mouse(opened):
    panel, mouse = Panel(opened.size(WIDE), "depth"), opened.page.mouse
    panel.choose("points-on", "circle")
    before, shown = angle(panel, 0), panel.values()
    start, end = dragged_to(panel, "point-0", 0.3)
    mouse.move(*start)
    mouse.down()
    mouse.move(*end, steps=5)
    mouse.up()
    opened.settle()
    assert turned(angle(panel, 0), before) == pytest.approx(0.3, abs=0.02)
    assert panel.values()["k-0-1"] != shown["k-0-1"] and panel.values()["k-1-1"] == shown["k-1-1"]
    mouse.move(*start)
    assert turned(angle(panel, 0), before) == pytest.approx(0.3, abs=0.02)  # let go of


def test_a_point_moves_by_arrow_keys_and_keeps_the_focus(opened):
    panel = Panel(opened.size(WIDE), "depth")
    panel.choose("points-on", "circle")
    before = angle(panel, 1)
    panel.handle("point-1").focus()
    for _ in range(4):
        opened.page.keyboard.press("ArrowUp")
        opened.settle()
    assert turned(angle(panel, 1), before) == pytest.approx(4 * math.pi / 180, abs=1e-9)
    assert opened.page.evaluate("document.activeElement.dataset.handle") == "point-1"


def test_a_target_is_dragged_and_the_prediction_follows(opened):
    panel, mouse = Panel(opened.size(WIDE), "depth"), opened.page.mouse
    before = panel.state()["y"][0]
    x, y = panel.middle("target-0")
    mouse.move(x, y)
    mouse.down()
    mouse.move(x, y + (25 if before > 0 else -25), steps=4)
    mouse.up()
    opened.settle()
    state, shown = panel.state(), panel.values()
    assert state["y"][0] != before
    u = [shown[f"u-{i}"] for i in range(len(state["y"]))]
    assert shown["prediction"] == pytest.approx(np.dot(u, state["y"]), abs=1e-9)


def touch(seen: Visit, kind: str, *points: tuple[float, float]) -> None:
    seen.cdp = seen.cdp or seen.page.context.new_cdp_session(seen.page)
    seen.cdp.send(
        "Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": [{"x": x, "y": y} for x, y in points]}
    )


def swipe(seen: Visit, points: list[tuple[float, float]]) -> None:
    touch(seen, "Start", points[0])
    for point in points[1:]:
        touch(seen, "Move", point)
    touch(seen, "End")
    seen.settle()


def test_a_point_follows_a_finger_and_the_page_stays_where_it_is(finger):
    panel = Panel(finger, "depth")
    before = angle(panel, 0)
    start, end = dragged_to(panel, "point-0", 0.4)
    scrolled = finger.page.evaluate("scrollY")
    ways = [(start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1])) for t in (0, 0.3, 0.7, 1)]
    swipe(finger, ways)
    assert turned(angle(panel, 0), before) == pytest.approx(0.4, abs=0.03)
    assert finger.page.evaluate("scrollY") == scrolled and finger.errors == []


def test_a_path_is_drawn_with_a_finger(finger):
    panel = Panel(finger, "variation")
    x, y = panel.middle("surface")
    size = panel.handle("surface").bounding_box()["width"] / 2
    corners = [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)]
    ways = [(x + right * size, y - up * size) for right, up in corners]
    swipe(finger, ways)
    shown = panel.values()
    points = json.loads(panel.section.locator("[data-figure=surface] svg").get_attribute("data-points"))
    np.testing.assert_allclose([points[0], points[-1]], [corners[0], corners[-1]], atol=0.02)
    assert shown["points"] >= 4 and shown["length"] == pytest.approx(3, abs=0.05)
    assert shown["area"] == pytest.approx(0.5 * 1 * 1 + 0.5, abs=0.05)  # of the closed square: 1


def test_a_path_is_drawn_by_keyboard(opened):
    panel, keyboard = Panel(opened.size(WIDE), "variation"), opened.page.keyboard
    panel.section.locator("button[data-name=clear]").click()
    opened.settle()
    panel.handle("surface").focus()
    for key in ("Space", "Shift+ArrowRight", "Space", "Shift+ArrowUp", "Space"):
        keyboard.press(key)
        opened.settle()
    shown = panel.values()
    assert (shown["points"], shown["length"]) == (3, pytest.approx(0.5)) and shown["area"] == pytest.approx(1 / 32)
    keyboard.press("Backspace")
    opened.settle()
    assert panel.values()["points"] == 2


def test_nothing_moves_by_itself_where_the_reader_wants_no_motion(finger):
    panel = Panel(finger, "depth")
    panel.choose("points-on", "sphere")
    panel.section.locator("button[data-name=turn]").click()
    finger.settle()
    picture = panel.section.locator("[data-figure=points] svg")
    before = picture.inner_html()
    finger.page.wait_for_timeout(120)
    assert picture.inner_html() == before


def test_the_sphere_turns_where_motion_is_wanted_and_stops(opened):
    panel = Panel(opened.size(WIDE), "depth")
    panel.choose("points-on", "sphere")
    picture, button = (
        panel.section.locator("[data-figure=points] svg"),
        panel.section.locator("button[data-name=turn]"),
    )
    before = picture.inner_html()
    button.click()
    opened.page.wait_for_function(
        "before => document.querySelector('[data-panel=depth] [data-figure=points] svg').innerHTML !== before",
        arg=before,
    )
    button.click()
    opened.settle()
    still = picture.inner_html()
    opened.page.wait_for_timeout(80)
    assert picture.inner_html() == still
    panel.choose("points-on", "circle")


def test_the_console_is_quiet_after_all_of_it(opened):
    assert laws.quiet(opened) == []
