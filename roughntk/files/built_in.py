"""Data that come with scikit-learn, read by their names."""

import numpy as np

from roughntk import _checks
from roughntk.files.tables import Points

NAMES = ("digits", "wine", "breast_cancer")


def points(name: str) -> Points:
    """The points of a built-in data set, with its classes as targets.

    Args:
        name: digits, wine or breast_cancer.

    Raises:
        InputError: an unknown name.

    >>> points("wine").values.shape
    (178, 13)
    """
    from sklearn import datasets  # a second to import, and only for these

    bunch = getattr(datasets, f"load_{_checks.choice(name, NAMES, 'built-in data')}")()
    values, y = np.asarray(bunch.data, dtype=np.float64), np.asarray(bunch.target, dtype=np.float64)
    return Points(values, tuple(map(str, bunch.feature_names)), np.arange(len(values)), y, (), "class", ())


__all__ = ["NAMES", "points"]
