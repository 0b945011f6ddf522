"""What is guessed about a table is said, what has two meanings is asked for, and a message leads to the mend."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import roughntk as rn
from roughntk.files import paths as path_files
from roughntk.files.tables import Reading
from roughntk.study.data import load


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(content, name="a.csv", times=None, **how):
    Path(name).write_text(content, encoding="utf-8")
    return path_files.read_path(name, times, Reading(**how))


def refused(match, content, name="a.csv", times=None, **how):
    with pytest.raises(rn.InputError, match=match) as caught:
        read(content, name, times, **how)
    assert str(caught.value).startswith("expected ")


def points(data, target=None, **how):
    return load(data, points=2, test_points=1, seed=0, target=target, reading=Reading(**how))


# Names that are there twice, or not at all


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('[{"x": 0, "x": 5}, {"x": 1}]', r"each key once in a record of a.json, got 'x' twice in record 0 \(counted"),
        ('[{"x": 0, "y": 5}, {"x": 1, "y": 2, "y": 3}]', "got 'y' twice in record 1"),
        ('{"x": 0, "y": 1}\n{"x": 0, "y": 1, "x": 2}', "got 'x' twice in record 1"),
        ('{"x": [0, 1], "x": [2, 3]}', "got 'x' twice; rename one"),
        ('[{"x": {"y": 1, "y": 2}}]', "got 'y' twice; rename one"),
    ],
)
def test_a_key_that_is_twice_in_a_record_is_named(text, match):
    refused(match, text, "a.json")


def test_columns_of_one_name_are_refused_until_one_is_left_out():
    refused(r"name of its own .* two columns named a \(1, 2\); .* --drop 2$", "a,a\n1,2\n3,4\n")
    assert read("a,a\n1,2\n3,4\n", drop=("2",)).channels == ("a",)
    refused("got 3 columns named b", "b,a,b,b\n1,2,3,4\n3,4,5,6\n")
    refused(r"the name of columns 1, 2; .*--drop 1 or 2$", "a,a\n1,2\n3,4\n", drop=("a",))
    refused("--drop number:3$", "a,3,a\n1,2,3\n3,4,6\n", header=True)  # 3 is the name of another column
    assert read("t,t\n1,2\n3,4\n", times="1").channels == ("t",)  # which of the two is the clock was said
    Path("a.csv").write_text("a,a,y\n1,2,1\n3,4,0\n5,7,1\n")
    with pytest.raises(rn.InputError, match=r"two columns named a \(1, 2\)"):
        points("a.csv", "y")


def test_a_column_without_a_name_beside_named_ones_is_refused_unless_it_counts_the_rows():
    refused("got none for column 2; name it, or leave it out: --drop 2", ",,b\n0,1,5\n1,5,6\n2,1,1\n")
    assert read(",,b\n0,1,5\n1,5,6\n2,1,1\n", drop=("2",)).channels == ("b",)
    refused("got none for column 3", "a,b,\n0,1,5\n1,5,6\n2,1,1\n")


def test_names_that_are_twice_in_archives_parquet_files_and_frames_are_refused():
    content = io.BytesIO()
    np.save(content, np.eye(3))
    with pytest.warns(UserWarning), zipfile.ZipFile("a.npz", "w") as archive:
        archive.writestr("X.npy", content.getvalue())
        archive.writestr("X.npy", content.getvalue())
    for use in (path_files.read_path, points):
        with pytest.raises(rn.InputError, match="each name once in a.npz, got several arrays called X"):
            use("a.npz")
    frame = pd.DataFrame(np.eye(3), columns=["a", "a", "b"])
    for use in (points, lambda held: rn.rough.p_variation(held, 1.0)):
        with pytest.raises(rn.InputError, match="each name once in (the DataFrame|path), got two columns named a; ren"):
            use(frame)
    import pyarrow as pa
    import pyarrow.parquet

    columns = [pa.array([1.0, 2.0])] * 2
    pyarrow.parquet.write_table(pa.Table.from_arrays(columns, names=["a", "a"]), "a.parquet")
    with pytest.raises(rn.InputError, match="each name once in a.parquet, got two columns named a"):
        path_files.read_path("a.parquet")


def test_whole_numbers_that_pandas_has_for_names_are_names_unless_they_count():
    assert points(pd.DataFrame(np.eye(3), columns=[2019, 2020, 2021])).features == ("2019", "2020", "2021")
    assert points(pd.DataFrame(np.eye(3))).features == ()


# Names and numbers


def test_what_names_one_column_and_numbers_another_is_asked_for():
    content = "2,1\n0,1\n1,3\n"
    refused("the name of column 1 and the number of another; write --times name:2 or --times number:2", content,
            times="2", header=True)  # fmt: skip
    np.testing.assert_array_equal(read(content, times="name:2", header=True).times, [0, 1])
    np.testing.assert_array_equal(read(content, times="number:2", header=True).times, [1, 3])
    np.testing.assert_array_equal(read("1,2\n0,1\n1,3\n", times="2", header=True).times, [1, 3])  # both are the same
    np.testing.assert_array_equal(read(content, drop=("name:1",), header=True).values[:, 0], [0, 1])
    refused("the name of column 1 and", content, drop=("2",), header=True)
    assert read("name:b,b\n0,1\n1,3\n", drop=("name:name:b",)).channels == ("b",)
    assert read("number:2,b\n0,1\n1,3\n", drop=("number:2",)).channels == ("number:2",)
    assert read("none,b\n0,1\n1,3\n", times="name:none").channels == ("b",)
    assert read("0,1\n1,3\n", times="number:01").channels == ("1",)
    for unknown in ("number:3", "name:c", "name:", "number:", "number:0", "0"):
        refused("--times to name a column of a.csv", "a,b\n0,1\n1,3\n", times=unknown)
    np.savez("a.npz", **{"values": [[0.0, 5], [1, 6]], "2": [0.0, 4]})
    with pytest.raises(rn.InputError, match="name of an array and the number of a column of values; .*name:2 or .*r:2"):
        path_files.read_path("a.npz", "2")
    np.testing.assert_array_equal(path_files.read_path("a.npz", "name:2").times, [0, 4])
    np.testing.assert_array_equal(path_files.read_path("a.npz", "number:2").times, [5, 6])


@pytest.mark.parametrize("name", ["2", "none", "-x", "a b", "it's", "name:b", "number:1", "é", "plain"])
def test_a_message_names_a_column_as_its_option_takes_it(name):
    import shlex

    content = f"{name},b,c\nu,1,2\nv,3,4\n"
    with pytest.raises(rn.InputError, match="--drop ") as caught:
        read(content, header=True)
    option = shlex.split(str(caught.value).rpartition("--drop ")[2].replace("(", "'"))[0]
    assert not option.startswith("-") and read(content, header=True, drop=(option,)).channels == ("b", "c")


# Guesses


def test_truth_values_that_become_numbers_are_said():
    truths = {"a": [True, False, True], "b": [0.5, 1.5, 0.0], "c": [False, False, True]}
    said = "In columns a, c of {}: true and false are read as 1 and 0."
    frame = pd.DataFrame(truths)
    frame.to_csv("a.csv", index=False)
    frame.to_parquet("a.parquet")
    Path("a.json").write_text(json.dumps(frame.to_dict("records")))
    for name in ("a.csv", "a.parquet", "a.json"):
        found = path_files.read_path(name)
        np.testing.assert_array_equal(found.values, frame.to_numpy(dtype=float))
        assert said.format(name) in found.notes
        assert said.format(name) in points(name).notes
        assert said.format(name) not in path_files.read_path(name, None, Reading(drop=("a",))).notes
    for held in (frame, frame.astype(object), pl.DataFrame(truths)):
        assert said.format("the DataFrame") in points(held).notes
    array = np.array([[True, False], [True, True], [False, True]])
    np.save("b.npy", array)
    for held in (array, array.tolist(), "b.npy"):
        assert any("In columns 1, 2 of" in each and "read as 1 and 0" in each for each in points(held).notes)
    assert not any("true" in each for each in points(array.astype(int)).notes)
    refused("numbers in x of a.json, got the truth value true in row 1", '[{"x": 1}, {"x": true}, {"x": 3}]', "a.json")
    assert any("In column 1 of a.csv: true" in each for each in read("TRUE\nfalse\n").notes)


@pytest.mark.parametrize(
    ("dates", "sentence"),
    [
        (["01/13/2024", "02/14/2024"], "In column date of a.csv: 01/13/2024 is read as 2024-01-13, the month first."),
        (["01/02/2024", "13/02/2024"], "In column date of a.csv: 13/02/2024 is read as 2024-02-13, the day first."),
        (["1.2.2024", "13.2.2024"], "In column date of a.csv: 1.2.2024 is read as 2024-02-01, the day first."),
        (["13/02/2024 10:00", "13/02/2024 11:00"], "13/02/2024 is read as 2024-02-13, the day first."),
        (["2024-03-31T00:30:00+01:00", "2024-03-31T00:31:00+01:00"], "seconds from 2024-03-30T23:30:00 UTC, the first"),
        (["2024-03-31T00:30Z", "2024-03-31T00:31Z"], "seconds from 2024-03-31T00:30:00 UTC, the first"),
        (["2024-03-31T00:30", "2024-03-31T00:31"], "seconds from 2024-03-31T00:30:00, the first"),
    ],
)
def test_the_order_of_dates_and_their_zone_are_said(dates, sentence):
    found = read("date,x\n" + "".join(f"{date},{i}\n" for i, date in enumerate(dates)))
    assert any(sentence in each for each in found.notes) and found.times[0] == 0 < found.times[1]


def test_times_of_frames_with_a_zone_are_said_to_be_in_utc():
    frame = pd.DataFrame({"time": pd.to_datetime(["2024-03-31T00:30+01:00", "2024-03-31T01:30+01:00"]), "x": [1, 2]})
    frame.to_parquet("a.parquet")
    found = path_files.read_path("a.parquet")
    assert found.times[1] == 3600 and any("seconds from 2024-03-30T23:30:00 UTC" in each for each in found.notes)


def test_commas_between_whole_numbers_are_said_to_be_a_guess():
    sentence = (
        "Read a.csv: commas stand between the cells, though they could be decimal marks (--decimal , takes them so)."
    )
    found = read("1,5\n2,7\n3,9")
    np.testing.assert_array_equal(found.values, [[1, 5], [2, 7], [3, 9]])
    assert sentence in found.notes
    other = read("1,5\n2,7\n3,9", decimal=",")
    np.testing.assert_array_equal(other.values, [[1.5], [2.7], [3.9]])
    np.testing.assert_array_equal(read("x\n1,5\n2,7\n", decimal=",").values, [[1.5], [2.7]])
    later = "1,5\n" * 250 + "0.5,5\n"
    for content in ("1, 5\n2, 7\n", "1,5,2\n2,7,2\n", "1,5\n2,-7\n", "1,5\n2.5,7\n", "x,y\n1,5\n2,7\n", later):
        assert not any("decimal" in each for each in read(content).notes)
    assert not any("decimal" in each for each in read("1,5\n2,7\n", delimiter=",").notes)
    refused(r"1 name .* \(commas .* decimal marks \(--decimal , takes them so\)\)", "x\n1,5\n2,7\n")


def test_the_first_row_tells_the_decimal_mark_where_the_others_have_none():
    found = read("0,0;1,0\n1e-300;1e-300\n1e-300;1e-300\n")
    np.testing.assert_array_equal(found.values, [[0, 1], [1e-300, 1e-300], [1e-300, 1e-300]])
    assert any("the decimal mark is a comma" in each for each in found.notes)
    np.testing.assert_array_equal(read("1,5 2,5\n1 2\n3 4\n").values, [[1.5, 2.5], [1, 2], [3, 4]])
    refused("one meaning .* '1,000', whose comma", "1,000;2,000\n5;6\n7;8\n")
    refused("'x' in line 1, column 2, which is no number, beside '0,0', which is one", "0,0;x\n1;2\n3;4\n")
    assert read("a,x;b,y\n1;2\n3;4\n").channels == ("a,x", "b,y")


def test_marks_that_could_be_for_thousands_are_said():
    commas = "commas stand between the cells, though they could be {}marks for thousands (take those out)."
    assert read("1,234,567\n2,345,678\n").notes[0] == "Read a.csv: " + commas.format("")
    decimal = "decimal marks (--decimal , takes them so) or "
    assert read("1,234\n2,345\n").notes[0] == "Read a.csv: " + commas.format(decimal)
    refused("1 name .* for 3 columns; .*marks for thousands", "a\n1,234,567\n2,345,678\n")
    points = "the decimal mark is a point, which could be one for thousands"
    assert any(points in each for each in read("a;b\n1.234;0\n2.345;1\n").notes)
    for content in ("a;b\n1.234;0\n2.3;1\n", "a;b\n0.234;0\n2.345;1\n", "a,b\n1.234,0\n2.345,1\n", "a;b\n1;0\n2;1\n"):
        assert not any("thousands" in each for each in read(content).notes)


def test_the_line_of_names_says_what_stands_between_cells():
    refused(r"a date with the name of its month \('3 Jan 2024' in line 2\); write it as 2024-01-31",
            "date,x\n3 Jan 2024,1\n4 Jan 2024,1\n")  # fmt: skip
    assert read("my own name,y\n1.5,2\n2.5,3\n").channels == ("my own name", "y")


# Messages that lead to the mend


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ("date,x\n2024-02-28,1\n2024-02-30,2\n2024-03-01,3\n", "'2024-02-30' in line 3, and there is no such date"),
        ("date,x\n13/01/2024,1\n32/01/2024,2\n", "'32/01/2024' in line 3, and there is no such date"),
        ("date,x\n13/13/2024,1\n14/01/2024,2\n", "one order .*, got '13/13/2024' in line 2; write"),
        ("date,x\n13/01/2024,1\n01/14/2024,2\n", "'13/01/2024' in line 2, which has its day .*'01/14/2024' in line 3"),
        ("date,x\n13/01/2024,1\n2024-01-14,2\n", "'2024-01-14' in line 3 beside '13/01/2024'; write them all"),
        ("date,x\n13/01/2024,1\n14/01/2024 10:00,2\n", "one form .* the second in line 3"),
        ("date,x\n2024-01-01 25:00,1\n2024-01-02 00:00,2\n", "25:00' in line 2, and there is no such time of the day"),
        ("time,x\n09:30,1\n09:75,2\n", "'09:75' in line 3, and there is no such time of the day"),
        ("date,x\n20240228,1\n20240230,2\n", "got 20240230 in line 3, and there is no such date"),
        (
            "date,x\n2024-02-28T00:00Z,1\n2024-02-29T00:00,2\n2024-03-01T00:00Z,3\n",
            "'2024-02-28T00:00Z' in line 2, which has an offset from UTC, and '2024-02-29T00:00' in line 3, which has",
        ),
        ("date,x\n13/01/24,1\n14/01/24,2\n", r"two digits .* \('13/01/24' in line 2\); write it as 2024-01-31"),
        ("date,x\n\"Jan 3, 2024\",1\n\"Jan 4, 2024\",2\n", "the name of its month"),
        ("a\n5%\n7%\n", r"per cent sign in column a \('5%' in line 2\); write it without .* share$"),
        ("a\n1_000\n2_000\n", r"underscores in column a \('1_000' in line 2\); write it without them$"),
        ("5%\n7%\n", r"per cent sign in column 1 \('5%' in line 1\)"),
        ("a,b\n1,5%\n2,6%\n", r"per cent sign in column b .*, or leave it out: --drop b"),
        ("a\n5\n6\n7%\n", "'7%' in line 4, column 1, a number with a per cent sign; write it without"),
        ("a;b\n1.234,5;0\n2.234,5;0\n", r"thousands in column a \('1.234,5' in line 2\); write it as 1234,5, .*mal ,"),
        ("1.234,5;0\n2.234,5;0\n", "marks for thousands .* write it as 1234,5, "),
        ("a;b\n1,234.5;0\n2,234.5;0\n", "thousands .*; write it as 1234.5, or leave"),
        ("a;b\n-1 234;0\n2 234;0\n", "thousands .*; write it as -1234, or leave"),
        ("a\n$5\n$6\n", "currency"),
        ("a,b\n\u22125,1\n\u22126,2\n", "minus sign is no hyphen"),
        ('a;b\n1.5;2\n2.5;3\n"1,5";4\n', "'1,5' in line 4, column 1, a number with a comma; .*--decimal ,"),
        ("a,b\n1,red\n2,blue\n3,5%\n", r"text in column b \('red' in line 2\); leave it out: --drop b$"),
        ("a\nred\nblue\n", r"text in column 1 .*; give numbers in its place$"),
    ],
)  # fmt: skip
def test_a_message_names_the_cell_its_line_and_the_mend(content, match):
    refused(match, content)


def test_a_date_that_there_is_not_is_named_by_its_row_in_records():
    records = [{"date": date, "x": 1} for date in ("2024-02-28", "2024-02-30")]
    refused(r"'2024-02-30' in row 1 \(counted from 0\), and there is no such date", json.dumps(records), "a.json")


def test_a_frame_of_text_without_entries_has_none_to_show():
    frame = pl.DataFrame({"a": [None, None, None], "b": [1.0, 2.0, 3.0]}, schema_overrides={"a": pl.String})
    with pytest.raises(rn.InputError, match="entries in column a .*, got none at all; leave it out: --drop a"):
        points(frame)


def test_text_that_is_nearly_a_number_is_still_offered_as_a_target():
    Path("a.csv").write_text("a,b,share\n1,2,5%\n2,2,6%\n3,2,5%\n")
    with pytest.raises(
        rn.InputError, match="per cent .*, or predict it: --target share, or leave it out: --drop share"
    ):
        points("a.csv")
    assert points("a.csv", "share").classes == ("5%", "6%")
