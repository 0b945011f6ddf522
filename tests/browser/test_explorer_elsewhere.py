"""The explorer in a notebook, with a model like anywidget's, and served by the command, for this machine only."""

import json
import os
import signal
import subprocess
import sys

import laws_of_pages as laws
import numpy as np
import pytest
from browsing import OTHER_NAME, WIDE
from explorer_panels import Panel

from roughntk.explorer import page
from roughntk.explorer.points import own_points
from roughntk.explorer.script import module, style
from roughntk.explorer.tables import driver, tables

MOUNT = """async ([source, css, data, shadow]) => {
    const el = document.createElement("div"), sheet = document.createElement("style");
    document.querySelector("main").append(el);
    const root = shadow ? el.attachShadow({ mode: "open" }) : el, place = document.createElement("div");
    sheet.textContent = css;
    root.append(sheet, place);
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const widget = (await import(address)).default;
    const model = { get: name => name === "data" ? data : undefined };
    window.undo = [...window.undo ?? [], await widget.render({ model, el: place })];
    return root.querySelectorAll("section[data-panel]").length;
}"""


@pytest.fixture(scope="module")
def contents():
    points = own_points()
    return page.as_json(page.contents(points, tables(points)))


@pytest.fixture
def notebook(visit, tmp_path):
    """A page without the explorer."""
    file = tmp_path / "notebook.html"
    file.write_text(
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        "<title>A notebook</title><body><main></main>"
    )
    return visit.size(WIDE).open(file)


@pytest.mark.parametrize("shadow", [False, True])
def test_the_module_mounts_in_a_notebook_and_goes_away(notebook, contents, shadow):
    notebook.page.evaluate("window.globals = Object.keys(window)")
    assert notebook.page.evaluate(MOUNT, [module(), style(), contents, shadow]) == 6
    notebook.settle()
    left = "Object.keys(window).filter(name => !globals.includes(name) && !['globals', 'undo'].includes(name))"
    assert notebook.page.evaluate(left) == []
    handle = notebook.page.locator("[data-panel=depth] [data-handle=point-0]")
    readout = notebook.page.locator("[data-panel=depth] [data-readout=prediction]")
    before = readout.get_attribute("data-value")
    handle.focus()
    for _ in range(2):  # the focus is found again after each drawing
        notebook.page.keyboard.press("Shift+ArrowUp")
        notebook.settle()
        now = readout.get_attribute("data-value")
        assert now != before
        before = now
    notebook.page.evaluate("undo.forEach(each => each())")
    notebook.settle()
    assert notebook.page.locator("section[data-panel]").count() == 0 and laws.quiet(notebook) == []


def test_two_of_them_on_one_page_do_not_meet(notebook, contents):
    for count in (6, 6):
        assert notebook.page.evaluate(MOUNT, [module(), style(), contents, False]) == count
    notebook.settle()
    assert not [line for line in laws.well_formed(notebook) if "id" in line]
    first, second = notebook.page.locator("[data-panel=finite] input[data-name=layers]").all()
    before = second.get_attribute("data-value")
    first.focus()
    notebook.page.keyboard.press("ArrowLeft")
    notebook.page.keyboard.press("ArrowLeft")
    assert first.get_attribute("data-value") != before == second.get_attribute("data-value")


def test_a_widget_of_the_package_has_what_the_page_has(contents):
    pytest.importorskip("anywidget")
    from roughntk.explorer import explore

    widget = explore()
    assert json.loads(widget.data)["panels"].keys() == json.loads(contents)["panels"].keys()
    assert widget._esm and "default" in str(widget._esm)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The command at work, with the address that it printed."""
    out = tmp_path_factory.mktemp("served") / "wine.html"
    call = [sys.executable, "-m", "roughntk", "explore", "wine", "--standardise", "--points", "4", "--out", str(out)]
    process = subprocess.Popen(
        [*call, "--serve", "--port", "0", "--no-open", "--quiet"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | {"COLUMNS": "200"},
    )  # fmt: skip
    try:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if "http://" in line:
                break
        else:
            raise AssertionError("".join(lines))
        yield process, "http://" + lines[-1].partition("http://")[2].split()[0], out
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_the_served_page_of_a_users_data_works(visit, served):
    _, address, out = served
    visit.size(WIDE).open(address)
    assert visit.page.content().count("<section") == 6 and out.stat().st_size > 10**6
    panel = Panel(visit, "depth")
    panel.set("depth", 7.25)
    assert panel.values()["k-0-1"] != 1 and len(panel.state()["X"]) == 4
    assert laws.violations(visit, None) == []


def test_another_name_of_this_machine_and_other_files_are_refused(visit, served):
    _, address, _ = served
    port = address.rstrip("/").rsplit(":", 1)[1]
    for where, status in (
        (f"http://{OTHER_NAME}:{port}/", 403), (f"http://localhost:{port}/", 200), (address + "etc/passwd", 404),
        (address + "?x=1", 404), (address, 200),
    ):  # fmt: skip
        answer = visit.page.goto(where)
        assert answer.status == status, where


def test_an_interrupt_ends_the_server(served):
    process, _, _ = served
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=20) in (0, 130) and "Traceback" not in process.stdout.read()


def test_a_driver_that_is_deflated_at_some_depths_only_has_all_its_channels(visit, tmp_path):
    """Terms of level 2 are found by the number of channels of the driver that is shown."""
    table = driver.stored_table("driver")
    plain = table["drivers"][0]
    numbers = {
        "size": 4,
        "depth": 20,
        "system": "deflated",
        "samples": np.outer(np.arange(1, 21), plain["times"]).tolist(),
        "level_1": list(range(20)),
        "level_2": list(range(400)),
        "areas": list(range(190)),
    }
    table = table | {"drivers": [plain, plain | numbers]}
    file = tmp_path / "drivers.html"
    file.write_text(page.html(page.contents(own_points(), {"driver": table})))
    panel = Panel(visit.size(WIDE).open(file), "driver")
    sizes = set()
    for each in table["drivers"]:
        panel.set("depth", each["depth"])
        channels = each["size"] * (each["size"] + 1)
        assert panel.section.locator("select[data-name=channel-a] option").count() == channels
        panel.choose("channel-a", str(channels - 1))
        panel.choose("channel-b", "1")
        shown = panel.values()
        assert (shown["level-1-a"], shown["level-1-b"]) == (each["level_1"][-1], each["level_1"][1])
        assert shown["level-2-ab"] == each["level_2"][(channels - 1) * channels + 1]
        assert shown["level-2-ba"] == each["level_2"][channels + channels - 1]
        sizes.add(channels)
    assert sizes == {12, 20}
