"""Command lines with anything in them end with 0, or with 2 and one message; never with a traceback."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shares import cases
from typer.testing import CliRunner

from roughntk.cli import app

VALUES = st.one_of(
    st.sampled_from(
        [
            "",
            "-",
            "0",
            "1",
            "2",
            "3",
            "-1",
            "1.5",
            "1e400",
            "nan",
            "inf",
            "-inf",
            "9" * 25,
            "abc",
            "none",
            "a",
            "t",
            ",",
        ]
    ),
    st.text(max_size=4).filter(lambda text: "\0" not in text and not text.startswith("-")),
)
FILES = st.sampled_from(
    ["path.csv", "flat.csv", "words.csv", "path.npy", "missing.csv", "folder", "bad.npz", "broken.json"]
)
OPTIONS = {
    "signature": ["--level", "--basis", "--backend", "--times", "--delimiter", "--decimal", "--drop", "--missing"],
    "variation": ["--p", "--level", "--norm", "--times", "--scale", "--against", "--delimiter", "--drop", "--missing"],
    "weights": ["--pattern", "--initial", "--beta", "--p", "--level", "--coarsest", "--distances"],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    path = np.array([[0.0, 0.0, 1.0], [1.0, 2.0, 0.0], [2.0, 2.0, 3.0], [4.0, 0.0, 0.0]])
    np.savetxt(folder / "path.csv", path, delimiter=",", header="t,a,b", comments="")
    np.savetxt(folder / "flat.csv", np.zeros((3, 2)), delimiter=",")
    (folder / "words.csv").write_text("a,b\nx,1\ny,2\n")
    np.save(folder / "path.npy", path)
    (folder / "folder").mkdir()
    (folder / "bad.npz").write_bytes(b"PK\x03\x04nonsense")
    (folder / "broken.json").write_text('[{"a": 1}, {"a":')
    return folder


@cases("command line")
@given(data=st.data(), command=st.sampled_from(list(OPTIONS)), file=FILES)
def test_any_command_line_ends_well(place, data, command, file):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        arguments = [command, file]
        for option in data.draw(st.lists(st.sampled_from(OPTIONS[command]), max_size=2, unique=True)):
            arguments += [option, data.draw(st.one_of(VALUES, FILES))]
        done = CliRunner().invoke(app, arguments)
    assert done.exit_code in (0, 2), (arguments, done.output, done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    assert "Traceback" not in done.output
    if done.exit_code == 2:
        assert done.stderr.strip()
    else:
        assert "nan" not in done.stdout.lower()
