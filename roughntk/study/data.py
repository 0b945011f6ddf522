"""Data for the study: built-in sets, a user's file, the choice of points and the projection onto the sphere."""

import dataclasses
from pathlib import Path

import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.rough.tensor import check_memory
from roughntk.study import files

BUILT_IN = ("digits", "wine", "breast_cancer", "sphere", "cube")
PROJECTIONS = ("canonical", "stereographic", "none")
MOST = 10**12  # far more than fits in memory; larger numbers are slips of the pen
DEFAULT_DIMENSION = {"sphere": 10, "cube": 128}


@dataclasses.dataclass(frozen=True)
class DataSet:
    """Training and test points on the unit sphere.

    Attributes:
        name: built-in name or file name.
        X: training points, unit distinct rows, shape (n, dim).
        x: test points, unit rows, shape (m, dim).
        projection: how the rows came onto the sphere.
        rows: row numbers in the source, training points first, shape (n + m,).
        y: targets of all chosen rows where the source has them, shape (n + m,).
    """

    name: str
    X: np.ndarray
    x: np.ndarray
    projection: str
    rows: np.ndarray
    y: np.ndarray | None = None

    def describe(self) -> dict[str, object]:
        """The `data` entry of study.json; `dim` is the dimension of the space that holds the sphere."""
        n, dim = self.X.shape
        return {"name": self.name, "n": n, "m": len(self.x), "dim": dim, "projection": self.projection}


def load(
    data: str = "digits",
    *,
    points: int,
    test_points: int,
    seed: int,
    projection: str = "canonical",
    drop_duplicates: bool = False,
    dimension: int | None = None,
) -> DataSet:
    """Load `data`, choose points by `seed`, put them on the sphere.

    Args:
        data: a built-in name (digits, wine, breast_cancer, sphere, cube) or a .npy, .npz or .csv file.
        points, test_points: numbers of training and test points, n and m.
        seed: fixes the choice of points (and the points themselves for sphere and cube).
        projection: "canonical" x/|x|, "stereographic" (one more dimension), or "none" (norms must be 1).
        drop_duplicates: use only the first of several rows that land on the same point.
        dimension: of the random sets `sphere` and `cube`.

    Raises:
        InputError: anything wrong with the data, naming the rows of the source and the remedy.
    """
    points = _checks.integer(points, "points", least=1, most=MOST)
    test_points = _checks.integer(test_points, "test points", least=1, most=MOST)
    seed = _checks.integer(seed, "seed", least=0)
    _checks.choice(projection, PROJECTIONS, "projection")
    raw = _raw(str(data), points + test_points, seed, dimension)
    pool = np.arange(len(raw))
    if drop_duplicates:
        keep = _nonzero_rows(raw, projection)
        pool = keep[sphere.distinct_rows(raw[keep], projection=projection)]
    if points + test_points > len(pool):
        extra = " after dropping duplicates" if drop_duplicates else ""
        raise InputError(
            f"expected at most {len(pool)} points in all, which is what {data} has{extra}, got {points} training "
            f"and {test_points} test points; lower --points or --test-points"
        )
    count = points + test_points
    check_memory(float(count) ** 2, f"a kernel matrix of {count} points", "lower --points or --test-points")
    rows = np.random.default_rng(seed).permutation(pool)[:count]
    unit = _on_sphere(raw[rows], rows, projection)
    pairs = sphere.coincident_rows(unit[:points])
    if pairs:
        named = _checks.name_pairs(sorted((int(min(rows[i], rows[j])), int(max(rows[i], rows[j]))) for i, j in pairs))
        kind = "positively collinear" if projection == "canonical" else "equal"
        other = "; or use --projection stereographic, which keeps collinear rows apart" * (projection == "canonical")
        if projection == "stereographic" and any((raw[rows[i]] != raw[rows[j]]).any() for i, j in pairs):
            kind = "indistinguishable (in 64 bit, after the projection)"
            other = "; or rescale the data to order one"
        raise InputError(
            f"expected training rows on distinct points of the sphere, got {kind} {named} of {data} (counted from "
            f"0); use --drop-duplicates to keep the first of each{other}"
        )
    targets = _targets(str(data), len(raw))
    return DataSet(
        Path(data).name, unit[:points], unit[points:], projection, rows, None if targets is None else targets[rows]
    )


def _targets(data: str, count: int) -> np.ndarray | None:
    """Targets of a built-in set of real data, or the numeric array y of a .npz file; None where there are none."""
    if data in BUILT_IN and data not in DEFAULT_DIMENSION:
        from sklearn import datasets

        return np.asarray(getattr(datasets, f"load_{data}")().target, dtype=np.float64)
    if Path(data).suffix.lower() != ".npz":
        return None
    with np.load(data, allow_pickle=False) as content:  # the file was read before, for its points
        if "y" not in content.files:
            return None
        try:
            y = _checks.real_array(content["y"], "y")
        except ValueError:  # labels that are not numbers: no targets, as a study needs none
            return None
    if y.shape != (count,):
        raise InputError(f"expected one target a point in y, shape ({count},), got {y.shape}; leave y out of the file")
    return y


def _on_sphere(chosen: np.ndarray, rows: np.ndarray, projection: str) -> np.ndarray:
    """The chosen rows on the sphere; errors name the rows of the source."""
    if projection == "stereographic":
        return sphere.lift(chosen, distinct=False)
    if projection == "canonical":
        zero = np.sort(rows[~chosen.any(axis=1)])
        if zero.size:
            raise InputError(
                f"expected non-zero rows for the canonical projection, got zeros in {_checks.name_rows(zero)} "
                f"(counted from 0); remove them, use --drop-duplicates, which leaves them out, or use "
                f"--projection stereographic"
            )
        return sphere.project(chosen, distinct=False)
    norms = np.linalg.norm(chosen, axis=1)
    off = np.flatnonzero(~(np.abs(norms - 1) <= sphere.UNIT_TOLERANCE))
    if off.size:
        named = _checks.name_rows(sorted(rows[off]))
        raise InputError(
            f"expected rows of norm 1 under --projection none, got {named} off the sphere "
            f"(row {rows[off[0]]} has norm {norms[off[0]]:.6g}); use --projection canonical or stereographic"
        )
    return chosen


def _nonzero_rows(raw: np.ndarray, projection: str) -> np.ndarray:
    return np.flatnonzero(raw.any(axis=1)) if projection == "canonical" else np.arange(len(raw))


def _raw(data: str, count: int, seed: int, dimension: int | None) -> np.ndarray:
    """The unprojected rows of a data set, finite float64, shape (rows, features)."""
    if data in DEFAULT_DIMENSION:
        size = DEFAULT_DIMENSION[data] if dimension is None else dimension
        size = _checks.integer(size, "dimension", least=1, most=MOST)
        check_memory(float(count) * size, f"{count} points in {size} dimensions", "lower --points or --dim")
        if data == "sphere":
            return sphere.uniform(count, size, seed)
        return np.random.default_rng(seed).uniform(size=(count, size))
    if dimension is not None:
        raise InputError(f"expected a dimension only for sphere and cube, got --dim {dimension} with {data}; drop it")
    if data in BUILT_IN:
        from sklearn import datasets

        return np.asarray(getattr(datasets, f"load_{data}")().data, dtype=np.float64)
    path = Path(data)
    if path.suffix.lower() not in files.SUFFIXES:
        return _unknown(data)
    files.check_exists(path)
    if path.suffix.lower() == ".csv":
        return _checks.matrix(files.read_csv(path).values, path.name)

    def points(names: list[str]) -> list[str]:
        others = [name for name in names if name != "y"]  # y holds targets
        if "X" in names or len(others) == 1:
            return ["X" if "X" in names else others[0]]
        raise InputError(
            f"expected one array in {path.name}, or one named X, got {', '.join(names) or 'none'}; save the points as X"
        )

    return _checks.matrix(files.read_numpy(path, points)[0], path.name)


def _unknown(data: str) -> np.ndarray:
    if data and files.answer(Path(data).exists):
        if Path(data).is_dir():
            raise InputError(f"expected a .npy, .npz or .csv file, got the folder {data}; name a file in it")
        raise InputError(f"expected a .npy, .npz or .csv file, got {data}; convert it to one of these")
    _checks.choice(data, BUILT_IN, "data (or the name of a .npy, .npz or .csv file)")
    raise AssertionError("unreachable: the name is not built in")
