"""Tables: what text, archives, pipes and frames are read as, what is said of them, and what is refused."""

import gzip
import io
import json
import os
import sys
import threading
import types
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from read_files import points, read, refused
from typer.testing import CliRunner

import roughntk as rn
from roughntk import cli
from roughntk._checks import capacity
from roughntk.files import paths as path_files
from roughntk.files.tables import Reading

ROWS = np.random.default_rng(0).standard_normal((12, 3))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# Text

TWO = [[1.5, 2], [2.5, 3]]


@pytest.mark.parametrize(
    ("content", "names", "values", "sentence"),
    [
        ("x y\n1.5 2\n 2.5   3\n", "xy", TWO, "spaces stand between"),
        ("x|y\n1.5|2\n2.5|3\n", "xy", TWO, "vertical bars"),
        ("x;y\n1,5;2\n2,5;3\n", "xy", TWO, "the decimal mark is a comma"),
        ("x\ty\n1,5\t2\n2,5\t3\n", "xy", TWO, "tabs stand between"),
        ('"x","y"\n"1,5","2"\n"2,5","3"\n', "xy", TWO, "the decimal mark is a comma"),
        ("1.5,2,\n2.5,3,\n", "12", TWO, "last column without name or entries"),
        ("x,y\n1.5,2\n\n# note\n2.5,3\n", "xy", TWO, "2 blank lines or comments"),
        ("# made today\n# x y\n1.5 2\n2.5 3\n", "xy", TWO, "the comment in line 2 holds the names"),
        ("# made with x, y, z\n1.5,2\n2.5,3\n", "12", TWO, None),
        ("x,y\r\n1.5,2\r\n2.5,3\r\n", "xy", TWO, "line 1 holds the names"),
        ("x,y\r1.5,2\r2.5,3", "xy", TWO, "line 1 holds the names"),
        ("x,y\n1.5,2\n2.5,3\n".encode("utf-8-sig"), "xy", TWO, "line 1 holds the names"),
        ("x,y\n1.5,2\n2.5,3\n".encode("utf-16"), "xy", TWO, "the encoding is UTF-16"),
        ("x,y\n1.5,2\n2.5,3\n".encode("utf-16-be"), "xy", TWO, "the encoding is UTF-16-BE"),
        ("x,ß\n1.5,2\n2.5,3\n".encode("latin-1"), "xß", TWO, "the encoding is Windows-1252 (--encoding takes another)"),
        (",0,1\n0,1.5,2\n1,2.5,3\n", "01", TWO, "left out, as an index"),
        ('"","x","y"\n"1",1.5,2\n"2",2.5,3\n', "xy", TWO, "counts the rows from 1"),
        ("x,y\nTrue,2\nFalse,3\n", "xy", [[1, 2], [0, 3]], "In column x of a.csv: true and false are read as"),
        ("x,y\n 1.5 , 2\n2.5,+3e0\n", "xy", TWO, None),
        ('x,y\n1.5,"2\n"\n2.5,3\n', "xy", TWO, None),
        ("0,0\n1,1\n2,4\n", "12", [[0, 0], [1, 1], [2, 4]], None),  # outside of the range of the others, as paths are
        ("1,2\n3,4\n", "12", [[1, 2], [3, 4]], None),
    ],
)
def test_text_is_read_in_the_one_way_that_fits(content, names, values, sentence):
    found = read(content)
    np.testing.assert_array_equal(found.values, values)
    assert found.channels == tuple(names) and found.times is None
    assert sentence is None or any(sentence in each for each in found.notes)


@pytest.mark.parametrize("encoding", ["shift_jis", "utf-16", "UTF_16_LE", "euc-kr", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.json"])
def test_text_is_read_in_the_encoding_that_is_given(encoding, name):
    names = ("溫度", "δ") if encoding == "euc-kr" else ("温度", "δ")
    rows = [dict(zip(names, row, strict=True)) for row in TWO]
    lines = [names, *([str(cell) for cell in row] for row in TWO)]
    text = json.dumps(rows, ensure_ascii=False) if "json" in name else "\r\n".join(map(",".join, lines))
    content = text.encode(encoding)
    found = read(gzip.compress(content) if name.endswith("gz") else content, name, encoding=encoding)
    np.testing.assert_array_equal(found.values, TWO)
    assert found.channels == names and not any("encoding" in each for each in found.notes)


@pytest.mark.parametrize(
    ("content", "name", "encoding", "match"),
    [
        # 0x81 and 0x9d are no characters of Windows-1252: nothing tells what they are.
        (
            b"x,\x81\x9d\n1,2\n3,4\n",
            "a.csv",
            None,
            "text in UTF-8 or Windows-1252 .* 0x819d0a31 in line 1; .*--encoding",
        ),
        (
            "x,ß\n1,2\n3,4\n".encode("cp1252"),
            "a.csv",
            "utf-8",
            "text in utf-8 in a.csv, .* 0xdf0a312c in line 1; .*--enc",
        ),
        ("x,y\n1,2\n3,4".encode("utf-16") + b"z", "a.csv", None, "text in UTF-16 in a.csv, .*--encoding"),
        (b"x,y\n1,2\n3,4\xff\n", "a.csv", "ascii", "text in ascii in a.csv, .* in line 3; .*--encoding"),
        ('[{"é": 1}, {"é": 2}]'.encode("cp1252"), "a.json", None, "JSON in UTF-8, .*--encoding"),
        ("x,y\n1,2\n3,4\n", "a.csv", "utf-9", "expected --encoding to name an encoding of text, got 'utf-9'; .*cp1252"),
        ("x,y\n1,2\n3,4\n", "a.csv", "base64", "expected --encoding to name an encoding of text, got 'base64'"),
        ("x,y\n1,2\n3,4\n", "a.csv", "a\0b", "expected --encoding to name an encoding of text"),
        ("x,y\n1,2\n3,4\n", "a.csv", 8, "expected --encoding to name an encoding of text, got 8"),
    ],
)
def test_text_in_another_encoding_than_said_or_known_is_refused_with_the_option(content, name, encoding, match):
    refused(match, content, name, encoding=encoding)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("1,000;2\n2,000;3\n", "decimal mark or one for thousands; say --decimal"),
        ("name,1\n3,4\n", "'name' in line 1, column 1, .*--header .*--no-header"),
        ("0,1,2\n0.5,0.25,1.5\n1.5,2.5,3.5\n", "--header"),
        ("0,1,2\n5,3,1\n2,2,2\n", "--header"),
        (",a\n5,1\n3,2\n", "name for the first column .*--drop 1"),
        ("x,y,z\n1,2\n3,4\n", "3 names .* for 2 columns"),
        ("x\n1,2\n3,4\n", "1 name .* for 2 columns; .*--decimal ,"),
        ("x,y\n1,2\n3\n", "2 cells in every line of a.csv, got 1 in line 3"),
        ('x,y\n"1",2\n3,4,"5"\n', "got 3 in line 3"),
        ("x y\n1 2\n3 4 5\n", "got 3 in line 3"),
        ("0\n1\n\n3\n", "missing cells .* in line 3, column 1"),
        ("x,z\n1,\n2,\n", "entries in column z of a.csv, got none at all; .*--drop z"),
        ("x,y\n1,2\n3,1e400\n", "got inf in line 3, column y"),
        ("date,x\n01/02/2024,1\n02/02/2024,2\n", "whose day and month cannot be told apart"),
        ("t,x\n2024-01-01,1\n2024-01-02,2\nsoon,3\n", "expected dates in column t of a.csv, got 'soon' in line 4"),
        (
            "day,when,x\n2024-01-01,2024-01-02,1\n2024-01-02,2024-01-03,2\n",
            "dates in column day .*--drop day.*--times day",
        ),
        (
            "t,time,x\n0,1,2\n1,2,3\n",
            "columns of times in a.csv, got t, time|one column of times in a.csv, got t, time",
        ),
        (b"x,y\n1,2\n\0\xff\0\0zz", "zero bytes"),
    ],
)
def test_what_has_no_or_several_readings_is_refused(content, match):
    refused(match, content)


@pytest.mark.parametrize(
    ("content", "line"), [(',"', 1), ('a,b\n1,2\n3,"4\n5,6\n', 3), ('a,b\n"1",2\n"3\n",4\n5,"6\n', 5)]
)
def test_a_quote_that_is_not_closed_is_named_by_its_line(content, line):
    refused(f"quotes that are closed, got one that is opened in line {line}; close it", content)
    refused("check the quotes$", '"')


def test_a_delimiter_of_several_bytes_is_read_as_one_character():
    Path("a.csv").write_text("a\u00a7b\n1.5\u00a72\n3\u00a74\n", encoding="utf-8")
    found = path_files.read_path(Path("a.csv"), reading=Reading(delimiter="\u00a7"))
    np.testing.assert_array_equal(found.values, [[1.5, 2], [3, 4]])


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"missing": "ignore"}, "--missing to be one of error, drop, interpolate"),
        ({"decimal": ";"}, "--decimal"),
        ({"delimiter": "ab"}, "--delimiter to be one character"),
        ({"delimiter": ",", "decimal": ","}, "other than the --decimal mark"),
        ({"drop": ("z",)}, "--drop to name a column of a.csv .x, y, or its number, 1 to 2., got 'z'"),
        ({"drop": ("x", "y")}, "--drop of all"),
    ],
)
def test_options_of_reading_are_checked(how, match):
    with pytest.raises(rn.InputError, match=match):
        read("x,y\n1,2\n3,4\n", **how)


def test_options_decide_what_is_ambiguous():
    np.testing.assert_array_equal(read("1,000;2\n2,000;3\n", decimal=",").values, [[1, 2], [2, 3]])
    assert read("2019,2020\n0,0\n1,0\n", header=True).channels == ("2019", "2020")
    assert len(read("2019,2020\n0,0\n1,0\n", header=False).values) == 3
    np.testing.assert_array_equal(read("a,b,c\n1,x,2\n3,y,4\n", drop=("b",)).values, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    ("content", "times", "sentence"),
    [
        ("date,x\n13/01/2024,1\n01/02/2024,2\n", [0, 19], "days from 2024-01-13"),
        ("date,x\n1.2.2024,1\n13.02.2024,2\n", [0, 12], "days from 2024-02-01"),
        ("Date,x\n20240131,1\n20240301,2\n", [0, 30], "days from 2024-01-31"),
        ("TIME,x\n09:30:00,1\n09:30:02.5,2\n", [0, 2.5], "seconds from 09:30:00"),
        ("timestamp,x\n2024-01-01T00:00:00+01:00,1\n2024-01-01T00:00:00Z,2\n", [0, 3600], "from 2023-12-31T23:00:00"),
        ("when,x\n2024-01-01 00:00,1\n2024-01-01 00:01,2\n", [0, 60], "seconds from 2024-01-01T00:00:00"),
        ("t,x\n1700000000000000001,1\n1700000000000000003,2\n", [0, 2], "counted from the first"),
        ("t,x\n0.1,1\n0.30000000000000004,2\n", [0.1, 0.1 + 0.2], "those of column t"),
    ],
)
def test_times_of_every_kind_keep_their_steps(content, times, sentence):
    found = read(content)
    np.testing.assert_array_equal(found.times, times)
    assert any(sentence in each for each in found.notes) and found.channels == ("x",)


def test_cells_are_read_to_the_last_digit_and_lines_are_counted_far_down():
    values = np.random.default_rng(1).standard_normal((3000, 3)) * 10.0 ** np.arange(-150, 150, 100)
    lines = [",".join(map(repr, row)) for row in values.tolist()]
    np.testing.assert_array_equal(read("\n".join(lines)).values, values)
    refused("'bad' in line 2501, column 2", "\n".join([*lines[:2500], "1,bad,2", *lines[2500:]]))
    refused("got 2 in line 2501", "\n".join([*lines[:2500], "1,2", *lines[2500:]]))


def test_nothing_that_a_terminal_acts_on_is_said():
    found = read("\x1b[31mred,b\u202e\n1,2\n3,4\n", "a\x07.csv")
    said = " ".join(found.lines())
    assert said.isprintable() and "\\x1b[31mred" in said and "a\\x07.csv" in said
    assert refused(r"got '\\\\x1b\[2J' in line 3", "x,y\n1,2\n3,\x1b[2J\n4,5\n").isprintable()


# Archives, compressed files, pipes


def test_a_compressed_file_is_read_as_what_it_holds():
    for name, plain in (
        ("a.csv.gz", b"x,y\n1,2\n3,4\n"),
        ("a.gz", b"x,y\n1,2\n3,4\n"),
        ("a.json.gz", b"[[1,2],[3,4]]"),
    ):
        np.testing.assert_array_equal(read(gzip.compress(plain), name).values, [[1, 2], [3, 4]])
    whole = gzip.compress(b"x,y\n1,2\n") + gzip.compress(b"3,4\n")
    np.testing.assert_array_equal(read(whole, "two.csv.gz").values, [[1, 2], [3, 4]])
    refused("a whole gzip file, got a damaged one", whole[:-9], "cut.csv.gz")


@pytest.fixture
def little_memory(monkeypatch):
    """As on a machine with 100 MiB free."""
    monkeypatch.setattr(capacity, "available_memory", lambda: 100.0 * 2**20)


def test_what_unpacks_to_more_than_memory_is_refused_by_need_and_limit(little_memory):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (2**27, 4)})
    with zipfile.ZipFile("a.npz", "w") as archive:
        archive.writestr("X.npy", header.getvalue())
    Path("a.npy").write_bytes(header.getvalue())
    Path("b.csv.gz").write_bytes(gzip.compress(b"1,2\n" * 10_000_000))
    for name in ("a.npz", "a.npy", "b.csv.gz"):
        for refusal in (lambda name=name: path_files.read_path(name), lambda name=name: points(name)):
            with pytest.raises(
                rn.InputError, match=rf"table in {name} to fit in memory, got a need of .* where 90 MiB"
            ):
                refusal()
    result = CliRunner().invoke(cli.app, ["limit", "a.npz"])
    assert result.exit_code == 2 and "--points" not in result.stderr and "fewer rows or columns" in result.stderr


def test_a_parquet_file_that_does_not_fit_is_refused_before_it_is_read(little_memory):
    pd.DataFrame({f"x{i}": np.zeros(400_000) for i in range(12)}).to_parquet("a.parquet")
    assert Path("a.parquet").stat().st_size < 2**20
    with pytest.raises(rn.InputError, match="the table in a.parquet to fit in memory"):
        path_files.read_path("a.parquet")


def test_damaged_and_other_members_of_an_archive_are_named():
    np.savez("a.npz", X=ROWS, y=np.arange(12.0))
    with zipfile.ZipFile("a.npz", "a") as archive:
        archive.writestr("notes.txt", "no array")
        archive.writestr("broken.npy", "no array either")
    np.testing.assert_array_equal(points("a.npz").y, points("a.npz").rows)  # what is not asked for does no harm
    with zipfile.ZipFile("b.npz", "w") as archive:
        archive.writestr("X.npy", "no array")
    for command in ("limit", "study", "variation", "signature"):
        result = CliRunner().invoke(cli.app, [command, "b.npz"])
        assert result.exit_code == 2 and "to hold a plain numeric array X" in result.stderr, result.output


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_bad_targets_in_an_archive_are_named(bad):
    y = np.arange(12.0)
    y[[3, 7]] = bad
    np.savez("a.npz", X=ROWS, y=y)
    with pytest.raises(rn.InputError, match="row 3|rows 3 and 7"):
        points("a.npz")


def test_an_archive_may_hold_classes_as_text():
    y = np.array(["cat", "dog", "owl"])[np.arange(12) % 3]
    np.savez("a.npz", X=ROWS, y=y)
    data = points("a.npz")
    assert data.classes == ("cat", "dog", "owl") and [data.wanted(i) for i in range(6)] == list(y[data.rows])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
@pytest.mark.parametrize("kind", ["csv", "npy", "npz"])
def test_a_named_pipe_is_read_as_what_comes(kind):
    content = io.BytesIO()
    if kind == "npy":
        np.save(content, ROWS)
    elif kind == "npz":
        np.savez(content, X=ROWS)
    else:
        content.write("\n".join(",".join(map(repr, row)) for row in ROWS.tolist()).encode())
    os.mkfifo("pipe")
    writer = threading.Thread(target=lambda: Path("pipe").write_bytes(content.getvalue()))
    writer.start()
    np.testing.assert_array_equal(path_files.read_path("pipe").values, ROWS)
    writer.join()


def test_standard_input_is_read_once(monkeypatch):
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(b"t,x\n0,1\n1,3\n"), closed=False))
    found = path_files.read_path("-")
    assert found.name == "standard input" and found.channels == ("x",) and list(found.times) == [0, 1]
    result = CliRunner().invoke(cli.app, ["variation", "-", "--p", "1"], input=b"t,x\n0,1\n1,3\n")
    assert result.exit_code == 0 and "p-variation 2:" in result.stdout
    result = CliRunner().invoke(cli.app, ["variation", "-", "--against", "-"], input=b"0\n1\n")
    assert result.exit_code == 2 and "expected - once" in result.stderr
    result = CliRunner().invoke(cli.app, ["limit", "-"], input=b"")
    assert result.exit_code == 2 and "got no bytes" in result.stderr


def test_a_device_is_refused_as_one():
    if not Path("/dev/null").is_char_device():
        pytest.skip("no such device")
    result = CliRunner().invoke(cli.app, ["variation", "/dev/null"])
    assert result.exit_code == 2 and "got the device or socket" in result.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes")
def test_a_file_name_that_is_no_utf8_is_read_and_written_about():
    name = os.fsdecode(b"caf\xe9.csv")
    Path(name).write_text("\n".join(",".join(map(repr, row)) for row in ROWS.tolist()))
    data = points(name)
    assert data.name == "caf\\xe9.csv" and data.name.isprintable()
    result = CliRunner().invoke(cli.app, ["variation", name, "--figure", "f.png"])
    assert result.exit_code == 0 and "caf\\xe9.csv: 12 points" in result.stdout
