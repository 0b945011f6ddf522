"""The built-in data are read from the files of scikit-learn, without importing it, and are what it gives itself."""

import numpy as np
import pytest
from sklearn import datasets

from roughntk.files import built_in


def refuse(*_, **__):
    raise AssertionError("scikit-learn itself was asked")


@pytest.mark.parametrize("name", built_in.NAMES)
def test_a_built_in_set_is_what_scikit_learn_gives_bit_by_bit(name, monkeypatch):
    expected = getattr(datasets, f"load_{name}")()
    monkeypatch.setattr(datasets, f"load_{name}", refuse)
    read = built_in.points(name)
    np.testing.assert_array_equal(read.values, expected.data)
    np.testing.assert_array_equal(read.y, np.eye(len(expected.target_names))[expected.target])  # classes, no numbers
    assert read.classes == tuple(str(each).removeprefix("class_") for each in expected.target_names)
    assert read.values.dtype == read.y.dtype == np.float64
    assert list(read.names) == [str(each) for each in expected.feature_names]


def test_where_the_file_is_elsewhere_scikit_learn_is_asked(monkeypatch):
    usual = built_in.points("wine")
    monkeypatch.setitem(built_in._FILES, "wine", ("moved.csv", 1))
    np.testing.assert_array_equal(built_in.points("wine").values, usual.values)
    monkeypatch.setattr(datasets, "load_wine", refuse)
    with pytest.raises(AssertionError, match="was asked"):
        built_in.points("wine")
