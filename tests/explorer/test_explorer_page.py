"""The explorer's page holds all that it needs, asks nothing of the network, and is the widget of notebooks."""

import hashlib
import html.parser
import json
import math
import re
import sys
from importlib import resources

import numpy as np
import pytest

import roughntk as rn
from roughntk._checks import InputError, MissingBackendError
from roughntk.explorer import building, page, points, script, tables
from roughntk.files.drawing import COLOURS

VENDOR = resources.files("roughntk.explorer") / "web" / "vendor"


@pytest.fixture(scope="module")
def contents():
    return building.built().contents


@pytest.fixture(scope="module")
def text(contents):
    return page.html(contents)


class Reader(html.parser.HTMLParser):
    """The attributes of a page that fetch something, its text by element, and its scripts."""

    def __init__(self):
        super().__init__()
        self.fetched, self.found, self.element = [], {}, None

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.element = named.get("id", tag)
        self.fetched += [named[key] for key in ("src", "href", "data", "srcset", "action") if key in named]

    def handle_data(self, data):
        self.found[self.element] = self.found.get(self.element, "") + data


@pytest.fixture(scope="module")
def reader(text):
    read = Reader()
    read.feed(text)
    return read


def test_the_page_is_small_enough(text):
    assert len(text.encode()) < 3_000_000


def test_the_page_fetches_nothing(text, reader):
    assert [each for each in reader.fetched if not each.startswith("data:")] == []
    style = reader.found["style"]
    assert re.findall(r"url\((?!data:)[^)]*\)|@import", style) == []
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none';") and "connect-src" not in policy
    assert set(re.findall(r"[\w-]+-src ([^;]*)", policy)) <= {"'none'", "'unsafe-inline'", "data:"}


def test_the_tables_are_in_the_page_with_all_digits(contents, reader):
    assert json.loads(reader.found["roughntk-data"]) == json.loads(json.dumps(contents))
    assert set(contents["panels"]) == set(script.panel_names()) >= {"depth", "driver"}


def test_the_name_of_a_file_cannot_become_markup():
    own = points.own_points()
    named = points.ExplorerPoints("</script><b>&", own.X, own.x, own.y, notes=("<i>",))
    written = page.html(page.contents(named, {}))
    assert not set("<>&") & set(page.as_json(page.contents(named, {})))
    assert "<b>" not in written and "<i>" not in written
    read = Reader()
    read.feed(written)
    assert "</script><b>&" in json.loads(read.found["roughntk-data"])["subtitle"]


def test_the_vendored_files_are_those_of_the_notice():
    listed = dict(re.findall(r"sha256 ([0-9a-f]{64})  (\S+)", (VENDOR / "NOTICE").read_text()))
    found = {name: digest for digest, name in listed.items()}
    for name, digest in found.items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == digest, name
    here = {each.name for each in VENDOR.iterdir() if each.name.endswith((".js", ".css"))}
    fonts = {f"fonts/{each.name}" for each in (VENDOR / "fonts").iterdir()}
    assert here | fonts == set(found)


def test_the_licences_of_the_vendored_files_are_in_the_page(text):
    for name in ("d3", "plot", "katex"):
        assert (VENDOR / f"{name}.LICENSE.txt").read_text().strip() in text


def test_the_colours_are_those_of_the_figures():
    light = script.style().lower()
    for place, colour in enumerate(COLOURS):
        assert f"--curve-{place}: {colour}" in light


def test_the_style_takes_hold_below_its_root_only():
    """A widget shares its page with others."""
    style = re.sub(r"@font-face\{[^}]*\}", "", (VENDOR.parent / "page.css").read_text()).replace("{{ dark_rules }}", "")
    selectors = re.findall(r"(?:^|[{}])\s*([^{}@]+)\{", style)
    selectors = [each for each in selectors if each.strip()]
    assert len(selectors) > 40 and all(".roughntk" in part for each in selectors for part in each.split(","))


# Notebooks


def test_the_widget_has_the_script_and_the_tables_of_the_page(contents):
    widget = rn.explore()
    assert json.loads(widget.data) == json.loads(json.dumps(contents))
    module = str(widget._esm)
    assert script.script() in module and "export default { render(" in module
    assert not re.search(r"^\s*import\b", module, re.MULTILINE)


def test_without_anywidget_the_message_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    with pytest.raises(MissingBackendError, match=r"pip install 'roughntk\[notebook\]'"):
        rn.explore()


# Data


@pytest.fixture
def quick(monkeypatch):
    """The driver's table as it is stored, whatever the points: it takes seconds to compute."""
    stored = tables.driver.stored_table("driver")
    monkeypatch.setattr(tables.driver, "driver_table", lambda points: stored)


def test_rows_of_data_are_named_and_their_targets_explained(quick):
    made = building.built("wine", points=4, standardise=True)
    record = made.record()
    assert record["data"] == "wine" and len(record["rows"]) == 4
    assert set(made.points.y) <= {1.0, -1.0}
    assert any("Targets are 1 and -1: class" in note for note in record["notes"])
    data = made.contents["panels"]["depth"]["data"]
    assert data["dimension"] == 13 and data["rows"] == record["rows"]


def test_targets_that_are_numbers_are_drawn_in_standard_units(quick):
    rows = np.column_stack([np.cos(np.arange(9)), np.sin(np.arange(9)), 100 + np.arange(9) ** 1.5])
    made = building.built(rows, points=5, target="3", task="regression")
    assert abs(made.points.y.mean()) < 1e-12 and abs(made.points.y.std() - 1) < 1e-12
    assert any("standard units" in note for note in made.points.notes)


def test_without_targets_the_page_says_whose_they_are(quick):
    made = building.built(rn.sphere.uniform(9, 3, 0), points=5)
    assert "the page's own" in " ".join(made.points.notes)
    assert made.contents["panels"]["depth"]["data"]["dimension"] == 3


def test_targets_that_are_classes_are_said_to_be_what_the_page_makes_of_them(quick):
    rows = np.column_stack([np.cos(np.arange(9)), np.sin(np.arange(9)), np.arange(9) % 2])
    notes = " ".join(building.built(rows, points=5, target="3").points.notes)
    assert "Targets are 1 and -1" in notes and "--task regression" in notes
    assert "one-hot" not in notes and "sum is largest" not in notes


def test_a_setting_that_there_is_not_is_refused_by_its_name():
    for function in (rn.explore, rn.explorer.explorer_page):
        with pytest.raises(InputError, match=r"settings of points \(points, seed, .*got foo=1; leave it out"):
            function(foo=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"data": "no-such-file.csv"}, "does not exist"),
        ({"points": 4}, "with data only"),
        ({"data": "wine", "points": 9}, "from 2 to 8, got 9"),
        ({"data": "wine", "points": 1}, "from 2 to 8, got 1"),
        ({"depth": 1}, "from 2 to 10000, or infinity"),
        ({"depth": -math.inf}, "from 2 to 10000, or infinity, to begin with, got -inf"),
        ({"depth": math.nan}, "from 2 to 10000, or infinity, to begin with, got nan"),
        ({"depth": [2, 3]}, "expected one depth, got 2"),
        ({"data": [[1.0, 2.0]], "points": 2}, r"give at least 3 rows \(2 training and 1 test\)$"),
        ({"data": np.eye(4), "points": 5}, "and 1 test points; lower --points$"),
        ({"depth": 20000}, "got 20000"),
        ({"family": "no-family"}, "no-family"),
    ],
)
def test_bad_input_is_refused_by_name(arguments, message):
    with pytest.raises(InputError, match=message):
        building.built(**arguments)
