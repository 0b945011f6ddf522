"""The estimators: what they predict, choose, refuse, and how they live with the rest of scikit-learn."""

import math
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import roughntk as rn
from roughntk import InputError

X = np.random.default_rng(0).normal(size=(24, 3)) * 2 + 1
Y = np.sin(X[:, 0]) + X[:, 1] * 0.3
LABELS = np.where(X[:, 0] > 1, "right", "left")
TESTS = X[:5] + 0.1


def test_the_regressor_predicts_what_predict_does():
    model = rn.DeepKernelRegressor("erf-ntk", 4, ridge=0.01, parameters={"weight_variance": 2.0}).fit(X, Y)
    radius = np.sqrt(np.mean((X**2).sum(axis=1)))
    assert model.radius_ == pytest.approx(radius, rel=1e-14)
    family = rn.kernels.ErfNTK(weight_variance=2.0)
    expected = rn.predict(family, rn.sphere.lift(X / radius), Y, rn.sphere.lift(TESTS / radius), depth=4, ridge=0.01)
    np.testing.assert_allclose(model.predict(TESTS), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("projection", ["canonical", "none", "euclidean"])
def test_every_projection_is_that_of_its_name(projection):
    unit = rn.sphere.project(X)
    rows, tests = (unit, unit[:4]) if projection == "none" else (X, TESTS)
    model = rn.DeepKernelRegressor(rn.kernels.Relu(), 3, ridge=0.1, projection=projection).fit(rows, Y)
    if projection == "euclidean":
        expected = rn.predict("relu-ntk", X, Y, TESTS, depth=3, ridge=0.1, domain="euclidean")
    else:
        expected = rn.predict("relu-ntk", unit, Y, rn.sphere.project(tests), depth=3, ridge=0.1)
    np.testing.assert_allclose(model.predict(tests), expected, rtol=0, atol=1e-9)


def test_depth_auto_has_the_least_error_of_one_left_out():
    model = rn.DeepKernelRegressor(depth="auto", ridge=0.01, depths=(30, 2, 5)).fit(X, Y)
    errors = []
    for depth in (30, 2, 5):
        unit = rn.sphere.lift(X / model.radius_)
        left = rn.regression.leave_one_out("relu-ntk", unit, Y, depth=depth, ridge=0.01)
        errors.append(np.sqrt(np.mean(left**2)))
    np.testing.assert_allclose(model.leave_one_out_errors_, errors, rtol=0, atol=1e-9)
    assert model.depth_ == (30, 2, 5)[int(np.argmin(errors))]
    np.testing.assert_allclose(
        model.predict(TESTS), clone(model).set_params(depth=model.depth_).fit(X, Y).predict(TESTS), rtol=0, atol=1e-11
    )


def test_the_infinitely_deep_relu_classifier_is_the_majority_vote():
    labels = np.where(np.arange(24) % 4 == 0, "some", np.where(np.arange(24) % 3 == 0, "few", "most"))
    model = rn.DeepKernelClassifier(depth=math.inf).fit(X, labels)
    assert set(model.predict(TESTS)) == {"most"} and set(model.predict(X)) == {"some", "few", "most"}
    rng = np.random.default_rng(0)
    for classes in 4 * (2, 3, 4):  # all alike: rounding does not decide
        labels = rng.permutation(np.arange(12) % classes)
        assert set(rn.DeepKernelClassifier(depth=math.inf).fit(X[:12], labels).predict(X[12:])) == {0}


def test_three_classes_have_an_output_each_and_two_have_one():
    three = np.array(["a", "b", "c"])[np.digitize(X[:, 1], [0, 2])]
    model = rn.DeepKernelClassifier(ridge=1e-4).fit(X, three)
    assert model.decision_function(TESTS).shape == (5, 3) and model.score(X, three) == 1.0
    assert rn.DeepKernelClassifier().fit(X, LABELS).decision_function(TESTS).shape == (5,)
    assert not hasattr(model, "predict_proba")


def test_the_standard_deviation_is_that_of_the_ensemble_in_units_of_the_targets():
    model = rn.DeepKernelRegressor(depth=3, ridge=1e-3, output_scale=2.0).fit(X, Y)
    mean, deviation = model.predict(TESTS, return_std=True)
    rows, tests = rn.sphere.lift(X / model.radius_), rn.sphere.lift(TESTS / model.radius_)
    expected = rn.regression.ensemble("relu-ntk", rows, Y, tests, depth=3, ridge=1e-3)
    np.testing.assert_allclose(mean, expected.mean, rtol=0, atol=1e-9)
    np.testing.assert_allclose(deviation, 2 * expected.deviation, rtol=1e-7)
    both = np.column_stack([Y, 3 * Y])
    deviation = rn.DeepKernelRegressor().fit(X, both).predict(TESTS, return_std=True)[1]
    np.testing.assert_allclose(deviation[:, 1], 3 * deviation[:, 0])


def test_repeated_rows_need_a_ridge():
    twice, targets = np.concatenate([X, X[:2]]), np.concatenate([Y, Y[:2] + 1])
    model = rn.DeepKernelRegressor(ridge=1e-6).fit(twice, targets)
    np.testing.assert_allclose(model.predict(X[:2]), Y[:2] + 0.5, rtol=0, atol=1e-4)
    with pytest.raises(InputError, match="rows 0 and 24; rows 1 and 25"):
        rn.DeepKernelRegressor(ridge=0).fit(twice, targets)
    with pytest.raises(InputError, match="row 3"):
        rn.DeepKernelRegressor(ridge=0, projection="euclidean").fit(np.where(np.arange(24)[:, None] == 3, 0.0, X), Y)
    exact = rn.DeepKernelRegressor(ridge=0).fit(X, Y)
    np.testing.assert_allclose(exact.predict(X), Y, rtol=0, atol=1e-9)


def test_a_pipeline_searches_over_depth_and_is_pickled():
    pipeline = make_pipeline(StandardScaler(), rn.DeepKernelClassifier("relu-nngp", ridge=1e-3))
    search = GridSearchCV(pipeline, {"deepkernelclassifier__depth": [1, 3]}, cv=2).fit(X, LABELS)
    assert search.best_params_["deepkernelclassifier__depth"] in (1, 3)
    again = pickle.loads(pickle.dumps(search.best_estimator_))
    assert (again.predict(TESTS) == search.predict(TESTS)).all()
    unfitted = pickle.loads(pickle.dumps(rn.DeepKernelClassifier(rn.kernels.GeluNTK(2.0))))
    assert unfitted.family.settings == rn.kernels.GeluNTK(2.0).settings


@pytest.mark.parametrize("solver", ["cholesky", "iterative"])
def test_a_model_is_pickled_after_anything_was_predicted(solver):
    model = rn.DeepKernelRegressor("relu-nngp", 3, solver=solver).fit(X, Y)
    before = model.predict(TESTS, return_std=True)
    for one, again in zip(before, pickle.loads(pickle.dumps(model)).predict(TESTS, return_std=True), strict=True):
        np.testing.assert_array_equal(one, again)


def test_a_saved_model_of_a_family_that_is_not_known_is_refused():
    model = rn.DeepKernelRegressor("relu-ntk").fit(X, Y)
    state = model.__getstate__() | {"family": "relu-ntk-of-tomorrow", "roughntk_version": "9.1.0"}
    with pytest.raises(InputError, match=r"saved by roughntk 9\.1\.0 .*relu-ntk-of-tomorrow.*fit it again"):
        rn.DeepKernelRegressor.__new__(rn.DeepKernelRegressor).__setstate__(state)
    assert set(vars(pickle.loads(pickle.dumps(model)))) == set(vars(model))


def test_names_of_columns_are_kept_and_compared():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    model = rn.DeepKernelRegressor().fit(frame, pd.Series(Y))
    assert model.feature_names_in_.tolist() == ["a", "b", "c"]
    with pytest.raises(InputError, match="feature names should match"):
        model.predict(frame.rename(columns={"a": "z"}))


def fit(y=Y, rows=X, kind=rn.DeepKernelRegressor, **parameters):
    return kind(**parameters).fit(rows, y)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rn.DeepKernelRegressor().fit(X, Y, sample_weight=np.ones(24)), "no sample weights"),
        (lambda: fit(Y[:-1]), "inconsistent numbers of samples"),
        (lambda: fit(np.where(Y > 0.5, np.nan, Y)), "NaN"),
        (lambda: fit(np.ma.masked_greater(Y, 0.5)), "masked"),
        (lambda: fit(rows=np.ma.masked_greater(X, 2)), "masked"),
        (lambda: fit(ridge=-1.0), "ridge at least 0"),
        (lambda: fit(time=-1.0), "training time at least 0"),
        (lambda: fit(time=math.nan), "training time"),
        (lambda: fit(depth=0), "depth of at least 1"),
        (lambda: fit(depth="deep"), "depth"),
        (lambda: fit(depth="auto", time=3.0), "time=math.inf with depth='auto'"),
        (lambda: fit(depth="auto", depths=()), "at least one of depths"),
        (lambda: fit(depth="auto", depths=3), "depths as numbers"),
        (lambda: fit(depth="auto", rows=X[:1], y=Y[:1]), "at least two rows"),
        (lambda: fit(family="relu"), "relu-ntk"),
        (lambda: fit(family=rn.kernels.ReluNTK), "class ReluNTK"),
        (lambda: fit(family=rn.kernels.ReluNTK(), parameters={"slope": 1}), "no parameters beside"),
        (lambda: fit(family="erf-ntk", parameters={"slope": 1}), "parameter of erf-ntk"),
        (lambda: fit(parameters=3), "dictionary"),
        (lambda: fit(projection="lift"), "projection"),
        (lambda: fit(projection="canonical", radius=2.0), "no radius"),
        (lambda: fit(radius=-1.0), "radius above 0"),
        (lambda: fit(output_scale=0), "output_scale above 0"),
        (lambda: fit(family="erf-ntk", projection="euclidean"), "homogeneous"),
        (lambda: fit(projection="canonical", rows=X * 0), "zero"),
        (lambda: fit(LABELS), "real numbers, got dtype <U5"),
        (lambda: fit(LABELS.astype(object)), "numbers in y, got .*DeepKernelClassifier for labels"),
        (lambda: fit(rows=csr_matrix(X)), "sparse csr_matrix"),
        (lambda: fit(rows=pd.DataFrame({"a": Y, "town": LABELS})), "the column 'town'"),
        (lambda: fit(np.zeros(24), kind=rn.DeepKernelClassifier), r"got one class, 0\.0;"),
        (lambda: fit(kind=rn.DeepKernelClassifier), "Unknown label type"),
        (lambda: fit().predict(X[:, :2]), "X has 2 features"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_with_what_to_do(call, message):
    with pytest.raises(InputError, match=message) as refused:
        call()
    assert str(refused.value).startswith("expected ") and ";" in str(refused.value)


def test_no_sample_weight_is_no_weight():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rn.DeepKernelRegressor().fit(X, Y, sample_weight=None)
    with pytest.raises(TypeError, match="weights"):
        rn.DeepKernelRegressor().fit(X, Y, weights=None)


def test_the_package_is_imported_without_scikit_learn():
    rooms = "roughntk, roughntk.regression, roughntk.kernels, roughntk.rough"
    subprocess.run([sys.executable, "-c", f"import sys, {rooms}; assert 'sklearn' not in sys.modules"], check=True)


@pytest.mark.parametrize("depth", [3, "auto"])
def test_a_warning_is_placed_at_the_call_of_fit(depth):
    rows = rn.sphere.project(np.vstack([X[:5], X[0] + [1e-6, 0, 0]]))
    with pytest.warns(rn.regression.InaccurateCoefficientsWarning) as told:
        model = rn.DeepKernelRegressor("erf-ntk", depth, depths=(2, 3), ridge=1e-13, projection="none")
        model.fit(rows, np.arange(6.0))
    assert {each.filename for each in told} == {__file__}
