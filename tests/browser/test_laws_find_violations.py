"""Each law of a page finds a page that breaks it, and nothing on one that does not."""

import laws_of_pages as laws
import pytest
from axe_core import axe, contrast
from browsing import NARROW, WIDE

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta name="viewport" content="width=device-width"><style>body { margin: 20px } HERE_STYLE</style></head>
<body><main><h1>A page</h1>HERE_BODY</main></body></html>"""

GOOD = """<h2>A section</h2><ol><li>first</li><li>second</li></ol>
<p>Words <b>and <i>more</i></b> words<sup>2</sup> that go on for some lines.</p>
<div style="width: 120px; overflow: auto; white-space: nowrap" tabindex="0" role="region" aria-label="A table">
<span style="display: inline-block; width: 500px">cut off here</span></div><div>beside</div>
<p style="position: absolute; left: 0; top: 0; visibility: hidden">A page behind</p>
<label>Depth <input type="range"></label>
<svg width="200" height="60" role="img" aria-label="two words"><text x="5" y="20">one</text>
<text x="5" y="40">two</text></svg>
<details><summary>closed</summary>hidden</details><a href="#x" id="x">a link</a><button>a button</button>"""


@pytest.fixture
def load(visit, tmp_path):
    def opened(body: str, style: str = "", size=WIDE, page: str = PAGE):
        file = tmp_path / "page.html"
        file.write_text(page.replace("HERE_STYLE", style).replace("HERE_BODY", body), encoding="utf-8")
        return visit.size(size).open(file)

    return opened


def test_a_good_page_keeps_every_law(load, axe_source):
    visit = load(GOOD)
    assert laws.violations(visit, axe_source) == []
    assert laws.tab_reaches_everything(visit) == []


@pytest.mark.parametrize(
    "body",
    [
        '<p>under</p><p style="margin-top: -30px">over it</p>',
        '<div style="position: absolute; left: 20px; top: 30px">on the heading</div>',
        '<svg width="99" height="40"><text x="5" y="20">one</text><text x="15" y="22">two</text></svg>',
        '<svg width="99" height="90"><text x="30" y="40">one</text><text transform="translate(40 60) rotate(-90)">'
        "turned</text></svg>",
        '<div style="width: 40px; white-space: nowrap; float: left">too long for its column</div><div>the next</div>',
        '<span>words</span><ol style="display: inline-block; padding: 0; margin: 0"><li>its number</li></ol>',
        '<input type="range" aria-label="depth"><span style="margin-left: -60px">on a slider</span>',
    ],
)
def test_texts_that_overlap_are_found(load, body):
    assert "overlap by" in "".join(laws.no_overlap(load(body)))


def test_texts_that_overlap_on_a_phone_only_are_found(load):
    body = '<div style="position: relative; height: 99px"><b style="position: absolute; left: 0">one of the words</b>'
    body += '<b style="position: absolute; right: 300px">another</b></div>'
    assert not laws.no_overlap(load(body)) and laws.no_overlap(load(body, size=NARROW))


def test_a_page_wider_than_the_window_is_found_with_what_makes_it_so(load):
    assert (
        "div#wide" in laws.no_wider_than_the_window(load('<div id="wide" style="width: 700px">w</div>', size=NARROW))[0]
    )


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("<script>console.error('told so')</script>", "error: told so"),
        ("<script>missing()</script>", "error: missing is not defined"),
        ("<script>Promise.reject(new Error('no promise'))</script>", "error: no promise"),
        ('<img src="https://example.org/a.png" alt="" width="1" height="1">', "request: https://example.org/a.png"),
        ('<link rel="stylesheet" href="http://192.0.2.1/a.css">', "request: http://192.0.2.1/a.css"),
        ('<script src="beside.js"></script>', "beside.js"),
        ("<script>fetch('http://127.0.0.1:9/x').catch(() => 0)</script>", "request: http://127.0.0.1:9/x"),
        ("<script>new WebSocket('ws://127.0.0.1:9/x')</script>", "request: ws://127.0.0.1:9/x"),
    ],
)
def test_errors_and_requests_are_found(load, body, found):
    visit = load(body)
    for _ in range(400):  # on a busy machine a request is seen late
        if any(found in line for line in laws.quiet(visit)):
            break
        visit.page.wait_for_timeout(50)
    assert any(found in line for line in laws.quiet(visit)), laws.quiet(visit)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ('<img src="data:image/png;base64,AAAA" alt="" width="1" height="1">', "did not load"),
        ('<img src="data:image/svg+xml,<svg xmlns=\'http://www.w3.org/2000/svg\'/>" alt="">', "no width and height"),
    ],
)
def test_images_that_fail_or_have_no_size_are_found(load, body, found):
    assert found in "".join(laws.images_are_there(load(body)))


@pytest.mark.parametrize(
    ("page", "found"),
    [
        (PAGE.replace("HERE_BODY", "<h3>deep</h3>"), 'h3 "deep" comes after h1'),
        (PAGE.replace("HERE_BODY", "<h1>again</h1>"), "expected one h1, found 2"),
        (PAGE.replace(' lang="en"', ""), "no lang"),
        (PAGE.replace("<title>A page</title>", ""), "no title"),
        (PAGE.replace('name="viewport"', 'name="view"'), "no meta viewport"),
        (PAGE.replace("HERE_BODY", '<i id="a"></i><b id="a"></b>'), "twice as an id: a"),
    ],
)
def test_a_page_that_is_not_well_formed_is_found(load, page, found):
    assert found in "".join(laws.well_formed(load("", page=page)))


def test_a_control_without_visible_focus_is_found(load):
    assert "does not show" in laws.focus_is_visible(load("<button>go</button>", "button:focus { outline: none }"))[0]
    assert "positive tabindex" in laws.focus_is_visible(load('<button tabindex="2">go</button>'))[0]


def test_a_control_that_tab_does_not_reach_is_found(load):
    body = (
        "<button>go</button><button>back</button><script>addEventListener('keydown', e => e.preventDefault())</script>"
    )
    assert laws.tab_reaches_everything(load(body)) == ["the key Tab reaches 0 of 2 controls"]


@pytest.mark.parametrize(
    ("body", "style", "rule"),
    [
        ("<input>", "", "axe label (critical)"),
        ('<p class="pale">pale</p>', ".pale { color: #ccc }", "axe color-contrast (serious)"),
    ],
)
def test_axe_finds_what_is_serious(load, axe_source, body, style, rule):
    assert any(line.startswith(rule) for check in (axe, contrast) for line in check(load(body, style), axe_source))


def test_dark_pages_are_looked_at_in_the_dark(load, axe_source):
    style = "@media (prefers-color-scheme: dark) { body { background: #111; color: #eee } p { color: #333 } }"
    assert [line[:24] for line in laws.violations(load("<p>unread</p>", style), axe_source)] == [
        "dark: axe color-contrast"
    ]


def test_a_policy_against_scripts_does_not_stop_axe(load, axe_source):
    policy = """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">"""
    page = PAGE.replace("<style>", policy + "<style>")
    assert (
        axe(load("<p>words</p>", page=page), axe_source) == []
        and laws.no_overlap(load("<p>words</p>", page=page)) == []
    )
