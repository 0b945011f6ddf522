"""p-variation of batches: the loop over their paths."""

import numpy as np
import pytest

from roughntk import rough
from roughntk._checks import InputError
from roughntk.rough.variation import batches

PATHS = np.random.default_rng(5).normal(size=(2, 3, 6, 2)).cumsum(axis=-2)


@pytest.mark.parametrize("options", [{}, {"level": 2, "norm": "l2"}, {"root": False, "norm": "l2"}])
def test_a_batch_is_the_loop_over_its_paths(options):
    found = rough.p_variation(PATHS, 1.5, **options)
    assert found.shape == (2, 3)
    np.testing.assert_array_equal(found, [[rough.p_variation(x, 1.5, **options) for x in row] for row in PATHS])
    assert rough.p_variation(PATHS[:1, :1], 1.5, **options).tolist() == [[found[0, 0]]]
    assert isinstance(rough.p_variation(PATHS[0, 0], 1.5, **options), float)


@pytest.mark.parametrize("function", [rough.p_variation_distance, rough.homogeneous_distance])
def test_the_leading_axes_of_two_batches_broadcast(function):
    others = PATHS[::-1, ::-1]
    expected = [[function(x, y, 2.5) for x, y in zip(*rows, strict=True)] for rows in zip(PATHS, others, strict=True)]
    np.testing.assert_array_equal(function(PATHS, others, 2.5), expected)
    one = rough.PiecewiseLinear(PATHS[0, 1])
    for first, second in ((PATHS, one), (PATHS, PATHS[0, 1]), (PATHS, rough.lift(one, 2))):
        expected = [[function(x, second, 2.5) for x in row] for row in PATHS]
        np.testing.assert_array_equal(function(first, second, 2.5), expected)
    crossed = function(PATHS[:, :1], PATHS[0], 2.5)  # (2, 1) and (3,)
    expected = [[function(x, y, 2.5) for y in PATHS[0]] for x in PATHS[:, 0]]
    np.testing.assert_array_equal(crossed, expected)
    with pytest.raises(InputError, match=r"broadcast, got \(2, 3\) and \(2,\)"):
        function(PATHS, PATHS[0, :2], 1.0)


def test_long_paths_are_shared_out_to_threads_and_change_nothing(monkeypatch):
    walks = np.random.default_rng(0).normal(size=(60, 2_001)).cumsum(axis=1)[..., None]
    expected = [rough.p_variation(x, 2.5) for x in walks]
    for workers in (1, 3):
        monkeypatch.setattr(batches, "_workers", lambda workers=workers: workers)
        assert rough.p_variation(walks, 2.5).tolist() == expected


def test_errors_name_the_path():
    far = PATHS.copy()
    far[1, 2] *= 1e300
    with pytest.raises(InputError, match=r"^path\[1, 2\]: expected a p-variation within float64"):
        rough.p_variation(far, 2.0, root=False)
    with pytest.raises(InputError, match=r"^path_a\[0, 1\], path_b\[0, 1\]: .*within float64"):
        rough.p_variation_distance(far[1:, 1:], 1e10 * PATHS[1:, 1:], 2.5)
    missing = PATHS.copy()
    missing[1, 0, 4, 1] = np.nan
    with pytest.raises(InputError, match=r"path\[1, 0, 4, 1\] = nan"):
        rough.p_variation(missing, 2.0)
    for shape, message in (((0, 5, 2), "at least one path"), ((3, 1, 2), "two points"), ((3, 5, 0), "one channel")):
        with pytest.raises(InputError, match=message):
            rough.p_variation(np.zeros(shape), 2.0)
    for function in (rough.p_variation_levels, rough.p_variation_partition):
        with pytest.raises(InputError, match="one path at a time"):
            function(PATHS[0], 2.0)
