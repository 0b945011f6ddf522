"""`roughntk explore`: what it writes, prints and refuses."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import roughntk as rn
from roughntk import cli
from roughntk.explorer import serving

ROOT = Path(rn.__file__).parent.parent


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments):
    return CliRunner().invoke(cli.app, ["explore", *arguments])


def test_a_page_is_written_and_an_earlier_one_is_replaced_with_a_word(folder):
    first, second = call("--quiet"), call("--quiet")
    assert (first.exit_code, first.stdout) == (0, "Page: explore.html\n")
    assert second.stdout == "Page: explore.html (in the place of an earlier one)\n"
    assert (folder / "explore.html").read_text().startswith("<!doctype html>")
    assert [each.name for each in folder.iterdir()] == ["explore.html"]


def test_what_is_no_page_of_the_explorer_is_not_replaced(folder):
    (folder / "notes.html").write_text("<p>mine</p>")
    result = call("--out", "notes.html")
    assert result.exit_code == 2 and "an earlier page of the explorer, got notes.html" in result.stderr
    assert (folder / "notes.html").read_text() == "<p>mine</p>"


def test_the_document_has_the_facts():
    record = json.loads(call("--json", "--depth", "inf", "--out", "a.html").stdout)
    assert list(record) == [
        "page", "bytes", "data", "rows", "points", "family", "settings", "depth", "panels", "notes",
    ]  # fmt: skip
    assert (record["page"], record["data"], record["points"], record["depth"]) == ("a.html", None, 5, "inf")
    assert record["bytes"] == Path("a.html").stat().st_size


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv"], "got missing.csv, which does not exist"),
        (["broken.csv"], "broken.csv"),
        (["--out", "page.txt"], "--out to end in .html, .htm, got 'page.txt'"),
        (["--out", "no/page.html"], "in a folder that exists"),
        (["--port", "80"], "--port with --serve only"),
        (["--serve", "--port", "70000"], "from 0 to 65535, got 70000"),
        (["--depth", "deep"], "expected a depth, got 'deep'"),
        (["--depth", "1"], "from 2 to 10000"),
        (["--depth", "nan"], "from 2 to 10000, or infinity, to begin with, got nan"),
        (["--family", "relu-ntk", "--set", "slope=1"], "no --set for relu-ntk"),
        (["--seed", "3"], "options of points with data only"),
    ],
)
def test_bad_input_ends_with_one_line_and_leaves_nothing(folder, arguments, message):
    (folder / "broken.csv").write_text("a,b\n1,2\nx,\n")
    result = call("--quiet", *arguments)
    assert result.exit_code == 2 and message in result.stderr
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.stderr
    assert [each.name for each in folder.iterdir()] == ["broken.csv"]


def test_a_busy_port_is_refused_before_anything_is_written(folder):
    with serving.PageServer(b"", 0) as other:
        result = call("--serve", "--port", str(other.port))
    assert result.exit_code == 2 and f"got --port {other.port}" in result.stderr
    assert list(folder.iterdir()) == []


def test_without_a_browser_the_address_and_the_file_are_said(monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(serving.PageServer, "serve_forever", interrupted)
    monkeypatch.setattr(serving, "open_browser", lambda address: False)
    result = call("--serve", "--port", "0", "--quiet")
    assert result.exit_code == 0
    address = re.search(r"Address: (http://127\.0\.0\.1:\d+/) \(this machine only; Ctrl-C ends it\)", result.stdout)[1]
    assert f"No browser could be started: open {address} in one, or the file explore.html." in result.stdout


def test_it_serves_until_it_is_interrupted(folder):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    arguments = [sys.executable, "-m", "roughntk", "explore", "--serve", "--port", "0", "--no-open", "--quiet"]
    with subprocess.Popen(
        arguments, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        run.stdout.readline()
        port = int(re.search(r"127\.0\.0\.1:(\d+)/", run.stdout.readline())[1])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/")
        served = connection.getresponse().read()
        connection.close()
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=30)
    assert served == (folder / "explore.html").read_bytes()
    assert (run.returncode, errors) == (130, "Interrupted.\n")
