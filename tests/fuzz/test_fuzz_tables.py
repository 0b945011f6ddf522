"""Tables written in any dialect are read as they were meant, or refused; never as something else."""

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from shares import cases

import roughntk as rn
from roughntk.files import paths as path_files
from roughntk.files import tables

NUMBERS = st.one_of(st.floats(-1e6, 1e6, allow_nan=False), st.integers(-1000, 1000).map(float), st.just(1e-300))
NAMES = st.text("abcxyzäδ温 _", min_size=1, max_size=5).map(str.strip).filter(bool)
TIMES = {"t", "time", "times", "date", "datetime", "timestamp"}


@st.composite
def dialects(draw):
    delimiter = draw(st.sampled_from([",", ";", "\t", " ", "|"]))
    return {
        "delimiter": delimiter,
        "decimal": draw(st.sampled_from([".", ","] if delimiter != "," else ["."])),
        "header": draw(st.booleans()),
        "encoding": draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])),
        "newline": draw(st.sampled_from(["\n", "\r\n"])),
        "comment": draw(st.booleans()),
    }


@st.composite
def written(draw):
    rows, columns = draw(st.integers(2, 6)), draw(st.integers(1, 4))
    values = np.array([[draw(NUMBERS) for _ in range(columns)] for _ in range(rows)])
    names = draw(st.lists(NAMES, min_size=columns, max_size=columns, unique=True))
    return values, names, draw(dialects())


def content(values, names, dialect):
    lines = ["# made for a test"] if dialect["comment"] else []
    lines += [dialect["delimiter"].join(names)] if dialect["header"] else []
    for row in values:
        lines.append(dialect["delimiter"].join(repr(float(v)).replace(".", dialect["decimal"]) for v in row))
    return (dialect["newline"].join(lines) + dialect["newline"]).encode(dialect["encoding"])


def read(data, suffix=".csv", **known):
    with tempfile.TemporaryDirectory() as below:
        file = Path(below) / f"path{suffix}"
        file.write_bytes(data)
        return path_files.read_path(file, known.pop("times", None), tables.Reading(**known))


@cases("tables")
@given(table=written())
def test_a_table_whose_dialect_is_told_is_read_to_the_last_bit(table):
    values, names, dialect = table
    assume(dialect["delimiter"] != " " or not any(" " in name for name in names))
    found = read(
        content(values, names, dialect),
        header=dialect["header"],
        delimiter=dialect["delimiter"],
        decimal=dialect["decimal"],
        times="none",
    )
    np.testing.assert_array_equal(found.values, values)
    assert not dialect["header"] or list(found.channels) == names


@cases("tables")
@given(table=written())
def test_a_table_whose_dialect_is_guessed_is_read_right_or_refused(table):
    values, names, dialect = table
    assume(values.shape[1] > 1 or dialect["decimal"] == ".")  # 0,5 alone in a line is two numbers
    try:
        found = read(content(values, names, dialect), times="none")
    except rn.InputError as error:
        assert "expected" in str(error)
        return
    if dialect["header"]:
        assume(not all(map(str.isdigit, names)))
    index = found.values.shape[1] == values.shape[1] - 1  # a first column 0, 1, 2, ... that was said to be an index
    assert not index or "index" in " ".join(found.lines())
    np.testing.assert_array_equal(found.values, values[:, 1:] if index else values)


@cases("tables")
@given(
    data=st.one_of(
        st.binary(max_size=60),
        st.text("01.,;-\n\t #\"'aeNn+", max_size=60).map(str.encode),
        st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
    ),
    suffix=st.sampled_from([".csv", ".tsv", ".txt", ".json", ".npy", ".npz", ".gz", ".csv.gz", ".parquet"]),
)
def test_anything_at_all_is_read_or_refused(data, suffix):
    try:
        found = read(data, suffix)
    except (rn.InputError, rn.MissingBackendError) as error:
        assert str(error).isprintable() or "\n" in str(error)
        return
    assert np.isfinite(found.values).all() and len(found.values) >= 2
