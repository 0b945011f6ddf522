"""Data: what loads, what the choice of points depends on, and how every bad file is named."""

import itertools

import numpy as np
import pytest

import roughntk as rn
from roughntk.study.data import BUILT_IN, load

EPS = np.finfo(np.float64).eps
ROWS = np.random.default_rng(0).standard_normal((9, 3))


def four_and_two(data, **settings):
    return load(str(data), **{"points": 4, "test_points": 2, "seed": 0} | settings)


def refused(match, data, **settings):
    with pytest.raises(rn.InputError, match=match):
        four_and_two(data, **settings)


# What loads


@pytest.mark.parametrize("name", BUILT_IN)
@pytest.mark.parametrize("projection", ["canonical", "stereographic"])
def test_every_built_in_set_gives_distinct_points_on_the_sphere(name, projection):
    data = four_and_two(name, projection=projection)
    dim = {"digits": 64, "wine": 13, "breast_cancer": 30, "sphere": 10, "cube": 128}[name]
    dim += projection == "stereographic"
    assert data.X.shape == (4, dim) and data.x.shape == (2, dim)
    assert data.describe() == {"name": name, "n": 4, "m": 2, "dim": dim, "projection": projection}
    # A norm of 129 squares is right to about sqrt(129) eps / 2 on average, 129 eps at worst.
    np.testing.assert_allclose(np.linalg.norm(np.vstack([data.X, data.x]), axis=1), 1, rtol=0, atol=129 * EPS)
    assert rn.sphere.coincident_rows(data.X) == []


def test_the_seed_alone_decides_which_points_are_chosen():
    first, again, other = (four_and_two("digits", seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.X, again.X)
    np.testing.assert_array_equal(first.x, again.x)
    assert not np.array_equal(first.rows, other.rows)


def test_training_and_test_points_are_different_rows_of_the_source():
    data = load("wine", points=100, test_points=78, seed=1)
    assert sorted(data.rows) == list(range(178))


@pytest.mark.parametrize("name", ["sphere", "cube"])
def test_random_sets_depend_on_seed_and_dimension(name):
    assert four_and_two(name, dimension=7).X.shape == (4, 7)
    assert not np.array_equal(four_and_two(name, seed=1).X, four_and_two(name, seed=2).X)


def test_projections_do_what_they_say(tmp_path):
    np.save(tmp_path / "rows.npy", ROWS)
    canonical, stereographic = (
        four_and_two(tmp_path / "rows.npy", projection=name) for name in ("canonical", "stereographic")
    )
    chosen = ROWS[canonical.rows[:4]]
    np.testing.assert_allclose(canonical.X, chosen / np.linalg.norm(chosen, axis=1)[:, None], atol=4 * EPS)
    square = (chosen**2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(stereographic.X, np.hstack([2 * chosen, square - 1]) / (square + 1), atol=8 * EPS)
    unit = ROWS / np.linalg.norm(ROWS, axis=1)[:, None]
    np.save(tmp_path / "unit.npy", unit)
    none = four_and_two(tmp_path / "unit.npy", projection="none")
    np.testing.assert_array_equal(none.X, unit[none.rows[:4]])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int16, np.uint64, bool])
def test_real_arrays_of_any_type_load(tmp_path, dtype):
    array = (np.eye(7) + (np.arange(49).reshape(7, 7) % 5 > 2)).astype(dtype)
    np.save(tmp_path / "Größe – 数据 [x].npy", array)
    data = four_and_two(tmp_path / "Größe – 数据 [x].npy", projection="stereographic")
    square = (array[data.rows[0]].astype(float) ** 2).sum()
    assert data.X[0, -1] == pytest.approx((square - 1) / (square + 1), abs=8 * EPS)


def test_an_npz_file_gives_its_only_array_or_the_one_named_X(tmp_path):
    np.savez(tmp_path / "single.npz", anything=ROWS)
    np.savez(tmp_path / "named.npz", X=ROWS, y=np.arange(9) / 3)
    np.save(tmp_path / "plain.npy", ROWS)
    expected = four_and_two(tmp_path / "plain.npy").X
    np.testing.assert_array_equal(four_and_two(tmp_path / "single.npz").X, expected)
    np.testing.assert_array_equal(four_and_two(tmp_path / "named.npz").X, expected)


@pytest.mark.parametrize("header", ["", "first,second,third\n", ' "a" , "b" , "c" \n'])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_reads_the_same_with_and_without_header_mark_and_blank_lines(tmp_path, header, encoding, end):
    body = "\n\n".join(",".join(map(repr, row)) for row in ROWS.tolist()) + "\n"
    (tmp_path / "rows.CSV").write_bytes((header + body).replace("\n", end).encode(encoding))
    np.save(tmp_path / "rows.npy", ROWS)
    np.testing.assert_array_equal(four_and_two(tmp_path / "rows.CSV").X, four_and_two(tmp_path / "rows.npy").X)


# Files that cannot be used


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("1,2\n3,4\n5,6,7\n", "expected 2 cells in every line of file.csv, got 3 in line 3"),
        ("a,b\n\n1,2\n3\n", "got 1 in line 4"),
        ("a,b\n1,2\n3,x\n", "got 'x' in line 3, column 2"),
        ("1,2\n3,\n", "missing cells .* in line 2, column 2: .*--missing drop"),
        ("1_0,2\n3,4\n", "got '1_0' in line 1, column 1"),
        ("name,1\n3,4\n", "got 'name' in line 1, column 1"),
        ("a,b\n1,2\n3,nan\n", "missing cells .* in line 3, column b"),
        ("1,2\n-inf,2\n", "finite numbers in file.csv, got -inf in line 2, column 1"),
        ("", "rows of numbers in file.csv, got none"),
        ("\n \n", "rows of numbers in file.csv, got none"),
        ("a,b\n", "rows of numbers in file.csv, got none"),
    ],
)
def test_a_bad_csv_is_refused_by_line_and_column(tmp_path, text, match):
    (tmp_path / "file.csv").write_text(text)
    refused(match, tmp_path / "file.csv")


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (
            np.where(np.arange(27).reshape(9, 3) == 13, np.nan, ROWS),
            r"missing cells .* in file.npy\[4, 1\] \(counted from 0\)",
        ),
        (np.where(np.arange(27).reshape(9, 3) > 24, np.inf, ROWS), r"got inf in file.npy\[8, 1\] \(counted from 0\)"),
        (np.ones(9), r"shape \(9,\)"),
        (np.ones((9, 3, 3)), r"shape \(9, 3, 3\)"),
        (np.ones((0, 3)), r"at least one row"),
        (np.ones((9, 0)), r"at least one row and one column"),
        (ROWS * 1j, "dtype complex128"),
        (np.array([["a", "b"]]), "text in column 1 .*--target 1.*--drop 1"),
        (np.zeros((9, 3), dtype="M8[s]"), "dates in column 1"),
    ],
)
def test_a_bad_array_is_refused_by_entry_shape_or_type(tmp_path, array, match):
    np.save(tmp_path / "file.npy", array)
    refused(match, tmp_path / "file.npy")


@pytest.mark.parametrize("name", ["file.npy", "file.npz"])
def test_pickles_are_refused_without_being_loaded(tmp_path, name):
    array = np.array([[1, "a"]], dtype=object)
    if name.endswith("npy"):
        np.save(tmp_path / name, array, allow_pickle=True)
    else:
        np.savez(tmp_path / name, X=array)
    refused(f"{name} to hold a plain numeric array.*pickles.*numpy.save", tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("file.npy", b""),
        ("file.npy", b"\x93NUMPY\x01\x00v\x00{"),
        ("file.npy", b"no array at all"),
        ("file.npz", b"PK\x03\x04 damaged"),
        ("file.npz", b""),
    ],
)
def test_a_damaged_file_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    refused(f"{name} to hold a plain numeric array", tmp_path / name)


def test_a_truncated_archive_is_refused(tmp_path):
    np.savez_compressed(tmp_path / "whole.npz", X=np.arange(3000.0).reshape(1000, 3))
    whole = (tmp_path / "whole.npz").read_bytes()
    for kept in (10, len(whole) // 2, len(whole) - 5):
        (tmp_path / "file.npz").write_bytes(whole[:kept])
        refused("file.npz to hold a plain numeric array", tmp_path / "file.npz")
    damaged = bytearray(whole)
    damaged[200:240] = bytes(40)
    (tmp_path / "file.npz").write_bytes(damaged)
    refused("file.npz to hold a plain numeric array", tmp_path / "file.npz")


def test_an_npz_with_several_arrays_names_them(tmp_path):
    np.savez(tmp_path / "several.npz", train=ROWS, test=ROWS)
    refused("got train, test; save the points as X", tmp_path / "several.npz")
    np.savez(tmp_path / "none.npz")
    refused("got none", tmp_path / "none.npz")


def test_what_is_no_data_file_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.doc").write_text("1 2")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "folder").mkdir()
    refused("missing.csv, which does not exist", "missing.csv")
    refused("folder.csv, which is a folder", "folder.csv")
    refused("folder, which is a folder; name a file in it", "folder")
    refused("got notes.doc; rename it or convert it", "notes.doc")
    refused("'digit'; did you mean 'digits'", "digit")
    refused("digits, wine, breast_cancer, sphere, cube, got ''", "")
    refused("does not exist", "a" * 5000 + ".csv")
    refused("to be one of", "a" * 5000)


# Rows that cannot be used


def with_twins(tmp_path):
    """Rows 2 and 6 are equal, row 4 is three times row 0, row 7 is minus row 1 (which is allowed)."""
    rows = ROWS[:8].copy()
    rows[6], rows[4], rows[7] = rows[2], 3 * rows[0], -rows[1]
    np.save(tmp_path / "twins.npy", rows)
    return tmp_path / "twins.npy"


TWINS_CHOSEN = [seed for seed in range(20) if np.random.default_rng(seed).permutation(8)[7] not in (0, 2, 4, 6)][:3]


@pytest.mark.parametrize("seed", TWINS_CHOSEN)
def test_rows_in_one_direction_are_named_by_their_numbers_in_the_source(tmp_path, seed):
    refused(
        "positively collinear rows 0 and 4; rows 2 and 6 of .*--drop-duplicates.*--projection stereographic",
        with_twins(tmp_path), points=7, test_points=1, seed=seed,
    )  # fmt: skip


def test_stereographic_refuses_equal_rows_only(tmp_path):
    with pytest.raises(rn.InputError, match="equal rows 2 and 6 of .*--drop-duplicates") as caught:
        load(str(with_twins(tmp_path)), points=7, test_points=1, seed=TWINS_CHOSEN[0], projection="stereographic")
    assert "rows 0 and 4" not in str(caught.value) and "--projection stereographic" not in str(caught.value)


@pytest.mark.parametrize(
    ("projection", "kept"), [("canonical", [0, 1, 2, 3, 5, 7]), ("stereographic", [0, 1, 2, 3, 4, 5, 7])]
)
def test_drop_duplicates_keeps_the_first_of_each(tmp_path, projection, kept):
    settings = {"projection": projection, "drop_duplicates": True, "test_points": 1}
    data = four_and_two(with_twins(tmp_path), points=len(kept) - 1, **settings)
    assert sorted(data.rows) == kept
    refused(
        f"at most {len(kept)} points.*after dropping duplicates", with_twins(tmp_path), points=len(kept), **settings
    )


def test_equal_test_points_are_allowed(tmp_path):
    """Only the training points must be distinct; u is e_i at a test point that is a training point."""
    path = with_twins(tmp_path)
    seeds = (seed for seed in itertools.count() if set(np.random.default_rng(seed).permutation(8)[6:]) == {2, 4})
    data = load(str(path), points=6, test_points=2, seed=next(seeds))
    # Rows 2 and 6 are equal to the last bit; 3 x / |3 x| differs from x / |x| by rounding.
    assert np.abs(data.X @ data.x.T).max(axis=0) == pytest.approx([1, 1], abs=4 * EPS)


def test_rows_too_large_for_the_stereographic_projection_are_told_to_be_rescaled(tmp_path):
    np.save(tmp_path / "big.npy", 1e200 * ROWS)
    refused("indistinguishable.*rescale", tmp_path / "big.npy", projection="stereographic")
    assert four_and_two(tmp_path / "big.npy").X.shape == (4, 3)


def test_a_zero_row_is_named_and_dropped_or_kept_on_request(tmp_path):
    rows = ROWS.copy()
    rows[[5, 3]] = 0.0
    np.save(tmp_path / "zero.npy", rows)
    refused("zeros in rows 3 and 5", tmp_path / "zero.npy", points=8, test_points=1)
    kept = four_and_two(tmp_path / "zero.npy", points=5, drop_duplicates=True)
    assert not {3, 5} & set(kept.rows)
    rows[5] = ROWS[5]
    np.save(tmp_path / "one_zero.npy", rows)
    refused("zeros in row 3 .*stereographic", tmp_path / "one_zero.npy", points=8, test_points=1)
    lifted = four_and_two(tmp_path / "one_zero.npy", points=8, test_points=1, projection="stereographic")
    place = list(lifted.rows).index(3)
    np.testing.assert_array_equal(np.vstack([lifted.X, lifted.x])[place], [0, 0, 0, -1])


def test_rows_off_the_sphere_are_named_when_nothing_projects_them(tmp_path):
    unit = ROWS / np.linalg.norm(ROWS, axis=1)[:, None]
    unit[[7, 2]] *= [[1.001], [2.0]]
    np.save(tmp_path / "off.npy", unit)
    refused(
        r"rows 2 and 7 off the sphere \(row . has norm (2|1.001)\).*--projection canonical",
        tmp_path / "off.npy", points=8, test_points=1, projection="none",
    )  # fmt: skip


# Settings


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"points": 175, "test_points": 4}, "at most 178 points.*175 training and 4 test.*lower --points"),
        ({"points": 0}, "points"),
        ({"points": 2.5}, "whole number"),
        ({"points": True}, "whole number"),
        ({"test_points": 0}, "test points"),
        ({"seed": -1}, "seed at least 0, got -1"),
        ({"projection": "stereo"}, "did you mean 'stereographic'"),
        ({"dimension": 3}, "only for sphere and cube, got --dim 3 with wine"),
        ({"points": 10**400}, "points from 1 to"),
    ],
)
def test_bad_settings_are_named(settings, match):
    refused(match, "wine", **settings)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"dimension": 0}, "dimension"),
        ({"dimension": 10**12}, "to fit in memory.*lower --points or --dim"),
        ({"points": 10**12}, "to fit in memory.*lower --points or --dim"),
        (
            {"points": 500_000},
            "linear systems of 500000 training and 2 test points to fit in memory.*lower --points or --test-points",
        ),
        ({"dimension": 1}, "collinear"),
    ],
)
def test_random_sets_that_cannot_be_made_are_refused_before_memory_runs_out(settings, match):
    refused(match, "sphere", **settings)
