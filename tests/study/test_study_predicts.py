"""What a study says of predictions: which targets are classified, which regressed, and what it says without any."""

import math

import numpy as np
import pytest
from driver_routes import silent

import roughntk as rn
from roughntk.kernels import ReluNTK
from roughntk.study.analysis.prediction import Prediction, Targets, Trained, prediction, targets_of
from roughntk.study.data import load

RNG = np.random.default_rng(3)
X = RNG.normal(size=(30, 3))
REAL = X[:, 0] * X[:, 1] + 5


def loaded(y, points=8, **settings):
    table = X if y is None else np.column_stack([X, y])
    return load(table, points=points, test_points=2, seed=0, target=None if y is None else "4", **settings)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.arange(30) % 3, ("0", "1", "2")),
        (np.arange(30) % 2 * 2.0 - 1, ("-1", "1")),
        (np.arange(30), ()),  # every value once: no labels
        (np.arange(30) % 3 + 0.5, ()),
        (REAL, ()),
    ],
)
def test_whole_numbers_of_few_values_are_labels(y, classes):
    found = targets_of(loaded(y))
    assert found.classes == classes and found.train.shape == (8, max(1, len(classes)))
    assert len(found.held) == 22


def test_a_constant_target_is_refused():
    with pytest.raises(rn.InputError, match=r"targets that vary in .* over the 30 rows of .*, got 1 in every row"):
        loaded(np.ones(30))


def test_without_a_target_nothing_is_predicted():
    assert targets_of(loaded(None)) is None
    assert prediction(ReluNTK(), loaded(None), range(1, 4), silent) is None


def test_rows_that_do_not_come_onto_the_sphere_are_left_out():
    rows = np.vstack([X[:20], np.zeros((3, 3))])
    kept = load(np.column_stack([rows, np.arange(23) % 2]), points=4, test_points=2, seed=3, target="4")
    assert len(kept.held.rows) + kept.held.left_out + 4 == 23
    assert set(kept.held.rows) | set(kept.rows[:4]) == set(range(20)) and kept.held.left_out == 3
    np.testing.assert_array_equal(kept.held.points[:2], kept.x)


def test_the_errors_without_a_ridge_are_those_of_predict_about_the_mean():
    data = loaded(REAL)
    found = prediction(ReluNTK(), data, range(2, 5), silent)
    y, wanted = data.y[:8], data.held.y
    start = np.full(8, y.mean()), np.full(22, y.mean())
    for depth in range(2, 5):
        values = rn.predict(ReluNTK(), data.X, y, data.held.points, depth=depth, initial=start)
        error = math.sqrt(np.mean((values - wanted) ** 2))
        assert found.targets.score(found.plain[depth].losses) == pytest.approx(error, rel=1e-10)
        ridge = found.at[depth].ridge
        left = rn.regression.leave_one_out(ReluNTK(), data.X, y - y.mean(), depth=depth, ridge=ridge)
        assert found.at[depth].left_out == pytest.approx(math.sqrt(np.mean(left**2)), rel=1e-10)
    assert found.targets.score(found.limit.losses) == pytest.approx(found.targets.score(found.mean), rel=1e-12)
    assert found.record()["measure"] == "rmse" and found.record()["spread"] == pytest.approx(np.std(wanted))


def test_a_difference_of_errors_has_the_error_that_resampling_has():
    rng = np.random.default_rng(0)
    held = rng.normal(size=(400, 1))
    own, other = (0.3 * rng.normal(size=400)) ** 2, (0.4 * rng.normal(size=400)) ** 2
    found = Prediction(Targets(held, held, ()), {2: Trained(0.0, 1.0, own)}, {}, None, None, math.nan, other)
    gap, error = found.ahead(own, other)
    assert gap == pytest.approx(math.sqrt(other.mean()) - math.sqrt(own.mean()))
    again = [rng.integers(400, size=400) for _ in range(2000)]
    spread = np.std([math.sqrt(other[rows].mean()) - math.sqrt(own[rows].mean()) for rows in again])
    assert error == pytest.approx(spread, rel=0.15)
