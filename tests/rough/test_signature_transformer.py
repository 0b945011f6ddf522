"""Signatures as features in scikit-learn."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import roughntk as rn
from roughntk import InputError

PATHS = np.random.default_rng(0).normal(size=(12, 6, 2)).cumsum(axis=1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"level": 2}, lambda: rn.rough.signature(PATHS, 2)),
        ({"level": 3, "log": True}, lambda: rn.rough.log_signature(PATHS, 3)),
        ({"level": 3, "log": True, "basis": "hall"}, lambda: rn.rough.log_signature(PATHS, 3, basis="hall")),
        ({"level": 2, "log": True, "basis": "words"}, lambda: rn.rough.log_signature(PATHS, 2, basis="words")),
    ],
)  # fmt: skip
def test_the_features_are_the_signatures_with_a_name_each(options, expected):
    transformer = rn.rough.SignatureTransformer(**options).fit(PATHS)
    features = transformer.transform(PATHS)
    np.testing.assert_array_equal(features, expected())
    assert isinstance(features, np.ndarray)
    assert len(set(transformer.get_feature_names_out())) == features.shape[1]


def test_words_are_named_by_their_channels():
    names = rn.rough.SignatureTransformer(2).fit(PATHS).get_feature_names_out()
    assert names.tolist() == ["1", "2", "1,1", "1,2", "2,1", "2,2"]


def test_a_pipeline_learns_the_area_of_a_path_from_a_table():
    area = np.asarray(rn.rough.log_signature(PATHS, 2))[:, 2]
    table = PATHS.reshape(12, -1)
    model = make_pipeline(rn.rough.SignatureTransformer(2, channels=2), StandardScaler(), Ridge(1e-10))
    assert model.fit(table, area).score(table, area) > 1 - 1e-12
    model.set_output(transform="pandas").fit(table, area)
    assert model[1].feature_names_in_.tolist()[2] == "1,1"


def test_paths_of_different_lengths_come_as_a_list():
    several = [PATHS[0], PATHS[1, :3], PATHS[2]]
    transformer = rn.rough.SignatureTransformer(2).fit(several)
    features = transformer.transform(several)
    np.testing.assert_allclose(features[1], rn.rough.signature(PATHS[1, :3], 2), rtol=1e-14)
    np.testing.assert_array_equal(transformer.transform(list(PATHS[:2])), transformer.transform(PATHS[:2]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rn.rough.SignatureTransformer(0).fit(PATHS), "level"),
        (lambda: rn.rough.SignatureTransformer(basis="hal").fit(PATHS), "basis"),
        (lambda: rn.rough.SignatureTransformer(backend="signax").fit(PATHS), "backend"),
        (lambda: rn.rough.SignatureTransformer().fit(PATHS[0]), "channels=..."),
        (lambda: rn.rough.SignatureTransformer(channels=5).fit(PATHS.reshape(12, -1)), "two points of 5 channels"),
        (lambda: rn.rough.SignatureTransformer().fit([]), "batch of paths"),
        (lambda: rn.rough.SignatureTransformer().fit(PATHS).transform(PATHS[:, :, :1]), "paths of 2 channels"),
        (lambda: rn.rough.SignatureTransformer().fit(np.full_like(PATHS, np.nan)), "NaN"),
    ],
)  # fmt: skip
def test_bad_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
