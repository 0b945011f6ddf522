"""What is said of the cells of a text is refused where there is no text."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import roughntk as rn
from roughntk import cli
from roughntk.files import paths, points
from roughntk.files.tables import Reading

ROWS = np.random.default_rng(0).standard_normal((12, 3))
FRAME = pd.DataFrame(ROWS, columns=list("abc"))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", ROWS)
    np.savez("a.npz", X=ROWS)
    Path("a.npy.gz").write_bytes(gzip.compress(Path("a.npy").read_bytes()))
    FRAME.to_parquet("a.parquet")


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "a.npy.gz", "a.parquet"])
@pytest.mark.parametrize("how", [{"delimiter": ";"}, {"header": False}, {"encoding": "cp1252"}, {"decimal": ","}])
def test_options_of_text_are_refused_where_there_is_none(name, how):
    match = f"expected --{next(iter(how))} with a file of text only, got {name}, which"
    with pytest.raises(rn.InputError, match=match):
        points.points_in(name, None, Reading(**how))
    with pytest.raises(rn.InputError, match=match):
        paths.read_path(name, None, Reading(**how))
    with pytest.raises(rn.InputError, match="with a file of text only, got the DataFrame"):
        points.points_in(FRAME, None, Reading(**how))


@pytest.mark.parametrize("command", [["limit", "a.npy"], ["study", "a.npz"], ["signature", "a.npy"]])
def test_the_command_line_refuses_them_before_any_work(command):
    result = CliRunner().invoke(cli.app, [*command, "--delimiter", ";", "--no-header"])
    assert result.exit_code == 2
    assert "expected --header and --delimiter with a file of text only, got a.np" in result.stderr
    assert "leave them out" in result.stderr


def test_json_has_an_encoding_and_no_delimiter():
    Path("a.json").write_text('[{"a": 1, "b": 2}, {"a": 2, "b": 5}]', encoding="utf-16")
    assert paths.read_path("a.json", None, Reading(encoding="utf-16")).values.tolist() == [[1, 2], [2, 5]]
    with pytest.raises(rn.InputError, match="expected --delimiter with a file of text only, got a.json"):
        paths.read_path("a.json", None, Reading(delimiter=";"))
