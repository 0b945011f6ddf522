"""Large tables: what is looked at is looked at a piece at a time, and says what a look at all of it would say."""

import re
import tracemalloc

import numpy as np
import pytest

from roughntk.files import tables
from roughntk.files.tables import selection, targets
from roughntk.study import data

ROWS = 2**17


def reading_peak(values, path):
    """The peak of memory while a table is read, in units of its size in float64, and the points."""
    np.save(path, values)
    tracemalloc.start()
    try:
        name, points = data.source_of(str(path), 5, 0, None, None, tables.Reading())
        said = data.scales(points.values, points.kept, points.names)
        return tracemalloc.get_traced_memory()[1] / (8 * values.size), points, said
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [np.float64, np.int64])
@pytest.mark.parametrize("fill", ["zeros", "whole", "fractions"])
def test_reading_takes_the_array_and_one_copy(tmp_path, kind, fill):
    values = np.zeros((ROWS, 16), dtype=kind)
    if fill != "zeros":
        values += (np.arange(ROWS)[:, None] % 7 + np.arange(16)).astype(kind)
    if fill == "fractions" and kind is np.float64:
        values[:, :15] += 0.5
    peak, points, _ = reading_peak(values, tmp_path / "large.npy")
    assert peak < 2.4  # it was 3.1 to 5; the row numbers are 1/16
    np.testing.assert_array_equal(points.values, values)


def test_wide_zeros_are_not_searched_column_by_column_for_each_column(monkeypatch):
    looked = []
    original = targets._pieces
    monkeypatch.setattr(targets, "_pieces", lambda column, kept: looked.append(column.number) or original(column, kept))
    table = tables.memory_table(np.zeros((100, 300)), "zeros")
    assert selection.points_of(table, None, tables.Reading()).notes[-1].endswith("300 features.") and looked == [300]


def labelled(columns, kept):
    """The rule in plain words, on whole columns."""
    last = np.unique(columns[kept, -1])
    few = 2 <= len(last) <= min(20, max(len(kept) // 2, 2)) and bool((last == np.round(last)).all())
    fractions = sum(bool((column % 1 != 0).any()) for column in columns[kept, :-1].T)
    return len(kept) >= 6 and few and 2 * fractions >= columns.shape[1] - 1


@pytest.mark.parametrize("seed", range(40))
def test_the_last_column_looks_like_a_label_as_a_look_at_all_rows_says(seed, monkeypatch):
    monkeypatch.setattr(selection, "PIECE", 7)
    rng = np.random.default_rng(seed)
    rows, width = int(rng.integers(4, 90)), int(rng.integers(2, 6))
    columns = rng.integers(0, rng.choice([2, 5, 19, 22]), size=(rows, width)).astype(float)
    columns[rng.integers(rows), rng.random(width) < 0.5] += 0.25
    columns[rng.random(rows) < 0.1, 0] = np.nan
    if not np.isfinite(columns[:, 0]).sum() > 1:
        columns[:, 0] = 0.5
    found = selection.points_of(tables.memory_table(columns, "table"), None, tables.Reading(missing="drop"))
    kept = np.flatnonzero(np.isfinite(columns[:, 0]))
    assert any("looks like a label" in each for each in found.notes) == labelled(columns, kept)


def test_scales_are_those_of_all_rows(monkeypatch):
    monkeypatch.setattr(data, "PIECE", 10)
    raw = np.random.default_rng(0).normal(size=(50, 3)) * [1e-200, 1.0, 1e5]
    kept = np.arange(1, 50)
    sizes = np.sqrt((raw[kept, 2] ** 2).mean()), 1e-200 * np.sqrt(((raw[kept, 0] * 1e200) ** 2).mean())
    (said,) = data.scales(raw, kept, ("a", "b", "c"))
    words = re.fullmatch("Scales differ: c has root mean square (.*), a (.*), so that .*", said)
    assert words and [float(each) for each in words.groups()] == pytest.approx(sizes, rel=0.006)  # three digits
