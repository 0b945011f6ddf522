"""The options of the integration: one immutable object, or single ones by name."""

import dataclasses

import diffrax
import numpy as np
import pytest

import roughntk as rn
from roughntk.transport import SolverOptions, across_segment, between_depths, to_depth

FAMILY = rn.kernels.ReluNTK()
X, x = rn.sphere.uniform(3, 5, 0), rn.sphere.uniform(2, 5, 1)


def test_an_object_and_single_names_are_the_same():
    options = SolverOptions(rtol=1e-6, atol=1e-7, max_steps=500, solver=diffrax.Tsit5())
    ways = (
        between_depths(FAMILY, X, x, depth=2, options=options),
        between_depths(FAMILY, X, x, depth=2, rtol=1e-6, atol=1e-7, max_steps=500, solver=diffrax.Tsit5()),
        between_depths(FAMILY, X, x, depth=2, options=dataclasses.replace(options, rtol=1e-3), rtol=1e-6),
    )
    for found in ways:
        assert found.stats == ways[0].stats
        assert (found.stats["rtol"], found.stats["atol"], found.stats["solver"]) == (1e-6, 1e-7, "Tsit5")
        np.testing.assert_array_equal(found.coefficients, ways[0].coefficients)


def test_options_do_not_change():
    options = SolverOptions()
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.rtol = 1.0  # type: ignore[misc]
    assert options == SolverOptions(rtol=1e-10, atol=1e-12, max_steps=4096)


def test_tolerances_are_not_below_the_rounding_of_the_field():
    assert SolverOptions().above_rounding(1e9).rtol == pytest.approx(0.5 * 2.0**-52 * 1e9)
    assert SolverOptions().above_rounding(1.0) == SolverOptions()


CALLS = {
    "between_depths": lambda **options: between_depths(FAMILY, X, x, depth=2, **options),
    "to_depth": lambda **options: to_depth(FAMILY, X, x, stop=3, **options),
    "across_segment": lambda **options: across_segment(np.eye(2), 2 * np.eye(2), np.eye(2), np.eye(2), **options),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rtols": 1e-3}, "did you mean 'rtol'"),
        ({"rtol": 0}, "rtol > 0, got 0"),
        ({"atol": "small"}, "atol > 0|number"),
        ({"max_steps": 1.5}, "max_steps"),
        ({"solver": diffrax.Tsit5}, "give an instance"),
        ({"options": {"rtol": 1e-3}}, r"SolverOptions, got .*; write SolverOptions\(rtol"),
    ],
)
def test_bad_options_are_named(call, options, message):
    with pytest.raises(rn.InputError, match=message):
        CALLS[call](**options)
