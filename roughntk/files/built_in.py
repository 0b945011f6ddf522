"""Data that come with scikit-learn, read by their names."""

import importlib.util
from pathlib import Path

import numpy as np

from roughntk import _checks
from roughntk.files.tables import Points, one_hot

NAMES = ("digits", "wine", "breast_cancer")

_FILES = {"digits": ("digits.csv.gz", 0), "wine": ("wine_data.csv", 1), "breast_cancer": ("breast_cancer.csv", 1)}
"""The file of each, in the folder of scikit-learn's data, and how many lines stand before the first row."""
_WINE = (
    "alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids",
    "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue", "od280/od315_of_diluted_wines", "proline",
)  # fmt: skip
_CELL = (
    "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave points", "symmetry",
    "fractal dimension",
)  # fmt: skip
_FEATURES = {
    "digits": tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
    "wine": _WINE,
    "breast_cancer": tuple(form.format(each) for form in ("mean {}", "{} error", "worst {}") for each in _CELL),
}

_CLASSES = {"breast_cancer": ("malignant", "benign")}
"""Classes that have names."""


def points(name: str) -> Points:
    """The points of a built-in data set, with its classes as targets, one-hot.

    Args:
        name: digits, wine or breast_cancer.

    Raises:
        InputError: an unknown name.

    >>> points("wine").values.shape
    (178, 13)
    """
    _checks.choice(name, NAMES, "built-in data")
    values, y = _from_file(name) or _from_package(name)
    numbers = np.unique(y)
    classes = _CLASSES.get(name) or tuple(f"{number:g}" for number in numbers)
    return Points(values, _FEATURES[name], np.arange(len(values)), one_hot(y, numbers), classes, "class", ())


def _from_file(name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows and classes from the file that scikit-learn reads, without importing it, which takes a second; or None."""
    spec = importlib.util.find_spec("sklearn")
    file, skipped = _FILES[name]
    for folder in spec.submodule_search_locations or () if spec else ():
        path = Path(folder) / "datasets" / "data" / file
        if path.is_file():
            table = np.loadtxt(path, delimiter=",", skiprows=skipped)
            return table[:, :-1], table[:, -1]
    return None


def _from_package(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The same from scikit-learn itself, where it keeps its data elsewhere."""
    from sklearn import datasets  # a second to import

    loaded = getattr(datasets, f"load_{name}")()
    return np.asarray(loaded.data, dtype=np.float64), np.asarray(loaded.target, dtype=np.float64)


__all__ = ["NAMES", "points"]
