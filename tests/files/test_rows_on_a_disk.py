"""Files that are read a part at a time say what they say in memory: the same points, notes and errors."""

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from roughntk._checks import InputError
from roughntk.files import points, rows
from roughntk.files.tables import Reading

RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(90, 3)).round(3)
LINES = [",".join(map(str, row)) for row in NUMBERS]


def labelled(labels):
    return "\n".join(["a,b,c,kind", *(f"{line},{label}" for line, label in zip(LINES, labels, strict=True))]) + "\n"


KINDS = np.where(NUMBERS[:, 0] > 0, "up", "down")
LATE = [*["1"] * 40, *["007"] * 30, *["x1"] * 15, *["2"] * 5]
MISSING = [*LINES[:50], "1,,3", *LINES[50:70], "NA,2,3", *LINES[70:]]

TEXTS = {
    "plain": (labelled(NUMBERS[:, 1]), "kind", {}),
    "classes": (labelled(KINDS), "kind", {}),
    "by number, in quotes": (labelled([f'"{k}, {k}"' for k in KINDS]), "4", {}),
    "text that looks like numbers first": (labelled(["007", "1.50"] * 40 + ["two"] * 10), "kind", {}),
    "mistakes among numbers": (labelled(["1"] * 60 + ["one"] * 30), "kind", {}),
    "mixed as a whole": (labelled(["7"] * 30 + ["x"] * 35 + ["y"] * 25), "kind", {}),
    "truth values": (labelled(["true", "False"] * 45), "kind", {}),
    "truth values among numbers": (labelled(["1"] * 50 + ["true"] * 40), "kind", {}),
    "missing": ("\n".join(["a,b,c", *MISSING]), None, {}),
    "dropped": ("\n".join(["a,b,c", *MISSING]), None, {"missing": "drop"}),
    "no names": ("\n".join(LINES), "3", {}),
    "an index": ("\n".join([",a,b", *(f"{i},{line.partition(',')[2]}" for i, line in enumerate(LINES))]), None, {}),
    "no index": (
        "\n".join([",a,b", *(f"{i % 80},{line.partition(',')[2]}" for i, line in enumerate(LINES))]),
        None,
        {},
    ),
    "comments, blank lines": ("# a,b,c\n" + "\n\n# so\n".join(LINES) + "\n\n \n\n", None, {}),
    "decimal commas": ("\n".join(line.replace(",", ";").replace(".", ",") for line in LINES), "1", {}),
    "spaces": ("\n".join(line.replace(",", "  ") for line in LINES), "1", {}),
    "an empty end": ("\n".join(f"{line}," for line in LINES), "1", {}),
    "line ends": ("\r\n".join(["a,b,c", *LINES, ""]), "a", {}),
    "old line ends": ("\r".join(["a,b,c", *LINES, ""]), "a", {}),
    "a short line": ("\n".join([*LINES, "1,2", *LINES]), None, {}),
    "dates": (labelled(["2024-01-31"] * 90), None, {}),
    "dates dropped": (labelled(["2024-01-31"] * 90), None, {"drop": ("kind",)}),
    "text": (labelled(["n"] * 45 + ["m"] * 45), None, {}),
    "infinite": (labelled([*["1"] * 80, *["inf"] * 10]), None, {}),
    "cells of several lines": (labelled([f'"{k}\n, {k}"' for k in KINDS]), "kind", {}),
    "an inch": (labelled([f'{k}"' for k in KINDS]), "kind", {}),
    "no such target": (labelled(KINDS), "sort", {}),
    "one column": ("\n".join(["x", *(str(n) for n in NUMBERS[:, 0]), "", "4", "", ""]), None, {"missing": "drop"}),
    "empty": ("", None, {}),
    "names only": ("a,b\n", None, {}),
    "late": (labelled(LATE), "kind", {}),
}


def outcome(read):
    """What is read, or the message."""
    try:
        return read()
    except InputError as error:
        return str(error)


def assert_same(in_memory, on_disk):
    if isinstance(in_memory, str) or isinstance(on_disk, str):
        assert on_disk == in_memory
        return
    (name, one), (other_name, other) = in_memory, on_disk
    assert (name, one.names, one.classes, one.target, one.notes) == (
        other_name, other.names, other.classes, other.target, other.notes
    )  # fmt: skip
    assert not other.values.flags.writeable and other.values.flags.c_contiguous
    assert (one.y is None) == (other.y is None)
    for field in ("kept", "values", "y")[: 2 + (one.y is not None)]:
        np.testing.assert_allclose(getattr(other, field), getattr(one, field), rtol=4e-16, atol=0)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    with rows.Scratch(tmp_path_factory.mktemp("scratch"), keep=False) as made:
        yield made


def both(path, scratch, target=None, reading=None, task="auto", chunk=97):
    in_memory = outcome(lambda: points.points_in(path, target, reading, task))
    on_disk = outcome(lambda: rows.points_in(path, scratch, target, reading, task, chunk=chunk))
    assert_same(in_memory, on_disk)
    return in_memory


@pytest.mark.parametrize("case", TEXTS)
def test_text_means_what_it_means_in_memory(case, tmp_path):
    text, target, how = TEXTS[case]
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode())
    with rows.Scratch(tmp_path / "scratch") as scratch:
        said = both(path, scratch, target, Reading(**how))
        both(path, scratch, target, Reading(**how), chunk=2**20)
    assert isinstance(said, str) or len(said[1].kept)
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize(
    "content",
    [
        labelled(["é", "ü"] * 45).encode("latin-1"),
        labelled(["é", "ü"] * 45).encode("utf-16"),
        labelled(["é", "ü"] * 45).encode("utf-8-sig"),
        labelled(["é", "ü"] * 45).encode() + b"\x81\x8d",
        labelled(["é", "ü"] * 45).encode()[:-3] + b"\0\n",
    ],
)
def test_encodings_are_found_as_in_memory(content, tmp_path, scratch):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    both(path, scratch, "kind")


def test_arrays_of_any_type_and_order(tmp_path, scratch):
    y = NUMBERS[:, 0] > 0
    record = np.rec.fromarrays([NUMBERS[:, 0], NUMBERS[:, 1].astype("f4"), y], names="a,b,up")
    arrays = {
        "double": NUMBERS, "single": NUMBERS.astype("f4"), "fortran": np.asfortranarray(NUMBERS),
        "whole": (NUMBERS * 9).astype(np.int32), "swapped": NUMBERS.astype(">f8"), "record": record,
        "line": NUMBERS[:, 0], "none": NUMBERS[:0], "complex": NUMBERS + 1j, 
        "nan": np.where(NUMBERS > 2, np.nan, NUMBERS),
    }  # fmt: skip
    for name, array in arrays.items():
        np.save(path := tmp_path / f"{name}.npy", array)
        said = outcome(lambda path=path: points.points_in(path, "2"))
        on_disk = outcome(lambda path=path: rows.points_in(path, scratch, "2", chunk=240))
        assert_same(said, on_disk)
    for save in (np.savez, np.savez_compressed):
        save(path := tmp_path / "points.npz", X=np.asfortranarray(NUMBERS), y=KINDS, other=np.zeros(3))
        both(path, scratch)
        both(path, scratch, "other")
        both(path, scratch, "nothing")
    cut = tmp_path / "cut.npz"
    cut.write_bytes(path.read_bytes()[:-40])
    for broken in (cut, tmp_path / "short.npy"):
        broken.write_bytes((path if broken == cut else tmp_path / "double.npy").read_bytes()[:-40])
        with pytest.raises(InputError, match="without pickles|cannot be mapped"):
            rows.points_in(broken, scratch)


def test_parquet_by_batches(tmp_path, scratch):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(NUMBERS, columns=["a", "b", "c"]).assign(kind=KINDS, day=pandas.Timestamp("2024-01-31"))
    frame.loc[60, "b"] = np.nan
    frame.loc[70:, "kind"] = None
    path = tmp_path / "frame.parquet"
    frame.to_parquet(path)
    for target, reading in (
        ("kind", Reading(missing="drop", drop=("day",))), ("kind", Reading(drop=("day",))), ("a", Reading()),
        (None, Reading(drop=("kind", "day"))),
    ):  # fmt: skip
        both(path, scratch, target, reading, chunk=800)
    frame.set_index(np.arange(7, 97)).to_parquet(path)
    both(path, scratch, "kind", Reading(missing="drop", drop=("day",)), chunk=800)
    path.write_bytes(path.read_bytes()[:-9])
    both(path, scratch)


def test_compressed_files_and_pipes_are_unpacked_to_the_disk(tmp_path, scratch):
    text = labelled(KINDS).encode()
    (tmp_path / "table.csv.gz").write_bytes(gzip.compress(text[:500]) + gzip.compress(text[500:]))
    both(tmp_path / "table.csv.gz", scratch, "kind")
    (tmp_path / "cut.csv.gz").write_bytes(gzip.compress(text)[:-9])
    (tmp_path / "not.csv.gz").write_bytes(text)
    for name in ("cut.csv.gz", "not.csv.gz"):
        with pytest.raises(InputError, match=f"expected {name} to be a whole gzip file"):
            rows.points_in(tmp_path / name, scratch)
    (tmp_path / "table.json").write_text('[{"a": 1}]')
    with pytest.raises(InputError, match="which is JSON; save it as .csv"):
        rows.points_in(tmp_path / "table.json", scratch)
    for name in ("nothing.csv", "folder", "table.doc"):
        (tmp_path / "folder").mkdir(exist_ok=True)
        (tmp_path / "table.doc").touch()
        both(tmp_path / name, scratch)


def test_test_points_take_the_columns_of_the_training_points(tmp_path, scratch):
    train, test = tmp_path / "train.csv", tmp_path / "test.csv"
    train.write_text(labelled(KINDS))
    test.write_text(
        "\n".join(["c,kind,b,a", *(f"{c},{k},{b},{a}" for (a, b, c), k in zip(NUMBERS, KINDS, strict=True))])
    )
    _, known = points.points_in(train, "kind")
    assert_same(points.points_like(test, known, "kind"), rows.points_like(test, known, scratch, "kind", chunk=97))
    test.write_text("\n".join(["c,b,a", *LINES]))
    assert_same(points.points_like(test, known, "kind"), rows.points_like(test, known, scratch, "kind", chunk=97))


def test_a_disk_without_room_is_noticed_before_anything_is_written(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    np.save(tmp_path / "X.npy", NUMBERS)
    with rows.Scratch(tmp_path / "scratch") as scratch:
        with pytest.raises(InputError, match=r"expected room for the columns of X.npy in .*name another folder"):
            rows.points_in(tmp_path / "X.npy", scratch)
        assert list(scratch.path.iterdir()) == []
    monkeypatch.setattr(os, "posix_fallocate", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    monkeypatch.undo()


def test_a_scratch_folder_takes_away_what_it_brought_and_nothing_else(tmp_path):
    above = tmp_path / "new" / "scratch"
    with rows.Scratch(above) as scratch:
        scratch.matrix(2, 2, "two points")
        abandoned = above / "roughntk-rows-00000000.4194305"  # no process has that number
        abandoned.mkdir()
        (abandoned / "part-0").touch()
    assert sorted(each.name for each in above.iterdir()) == [abandoned.name]
    (above / "roughntk-rows-00000001.4194305").mkdir()
    (above / "roughntk-rows-00000001.4194305" / "somebody's").touch()
    with rows.Scratch(above, keep=True) as scratch:
        (scratch.path / "theirs").touch()
        scratch.keep("rows.npy", scratch.finished(scratch.matrix(2, 2, "two points")))
        scratch.keep("targets.npy", np.ones(2))
        scratch.matrix(2, 2, "two points")
    assert sorted(os.listdir(above)) == ["roughntk-rows-00000001.4194305", scratch.path.name]
    assert sorted(os.listdir(scratch.path)) == ["rows.npy", "targets.npy", "theirs"]
    assert np.load(scratch.path / "rows.npy").shape == (2, 2)
    with pytest.raises(InputError, match="expected --scratch to name a folder that can be written"):
        rows.Scratch(Path(scratch.path) / "theirs")
