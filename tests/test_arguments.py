"""Every public function takes the same numbers, families and holders of data, and refuses the same things alike."""

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import polars as pl
import pytest

import roughntk as rn
from roughntk._checks import capacity
from roughntk.depth import (
    boundary_layer,
    coefficient_expansion,
    harmonics,
    joint,
    kernel_expansion,
    ridge_predict,
)
from roughntk.kernels.table import kernel_table

NTK = rn.kernels.ReluNTK()
X, x = rn.sphere.uniform(4, 3, 0), rn.sphere.uniform(2, 3, 1)
Y = np.arange(4.0)
KEY = jax.random.key(0)
NETWORK = rn.networks.FiniteNetwork(2, 8)
PARAMETERS = NETWORK.sample(KEY, 3)

# name -> a call that takes a family in one place
OF_A_FAMILY: dict[str, Callable] = {
    "coefficients": lambda family: rn.coefficients(family, X, x, depth=3),
    "solve": lambda family: rn.regression.solve(family, X, x, depth=3).coefficients,
    "prediction": lambda family: rn.regression.prediction(family, X, Y, x, depth=3).values,
    "predict": lambda family: rn.predict(family, X, Y, x, depth=3),
    "regressor": lambda family: rn.DeepKernelRegressor(family, projection="none").fit(X, Y).predict(x),
    "between_depths": lambda family: rn.transport.between_depths(family, X, x, depth=3),
    "to_depth": lambda family: rn.transport.to_depth(family, X, x, start=3, stop=4),
    "depth_needed": lambda family: rn.depth_needed(family, X, x, 0.1),
    "joint": lambda family: joint(family, 5, 0.5),
    "ridge_predict": lambda family: ridge_predict(family, X, Y, x, depth=30),
    "limits": lambda family: rn.coefficients(family, X, x, depth=math.inf),
    "classify": rn.classify,
    "criteria.check": lambda family: rn.depth.criteria.check(family, deepest=20),
}
CHEAP = [name for name in OF_A_FAMILY if name not in ("classify", "criteria.check", "between_depths", "to_depth")]

# name -> (a call that takes one depth, whether it must be whole)
OF_A_DEPTH: dict[str, Callable] = {
    "coefficients": lambda depth: rn.coefficients(NTK, X, x, depth=depth),
    "predict": lambda depth: rn.predict(NTK, X, Y, x, depth=depth),
    "regressor": lambda depth: rn.DeepKernelRegressor("relu-ntk", depth, projection="none").fit(X, Y).predict(x),
    "predict for a time": lambda depth: rn.predict(NTK, X, Y, x, depth=depth, time=1.0),
    "between_depths": lambda depth: rn.transport.between_depths(NTK, X, x, depth=depth).coefficients,
    "to_depth": lambda depth: rn.transport.to_depth(NTK, X, x, start=2, stop=depth).coefficients,
    "ridge_predict": lambda depth: ridge_predict(NTK, X, Y, x, depth=depth).values,
    "coefficient_expansion": lambda depth: coefficient_expansion(X, x, depth),
    "log_scale": NTK.log_scale,
    "erf log_scale": lambda depth: rn.kernels.ErfNTK().log_scale(depth),
    "kernel": lambda depth: NTK(X, depth=depth),
    "erf kernel": lambda depth: rn.kernels.ErfNTK()(X, depth=depth),
    "is_positive_definite": lambda depth: NTK.is_positive_definite(X, depth),
    "deflated": lambda depth: rn.kernels.ReluNNGP().deflated([1.0], depth).values,
    "unnormalised": lambda depth: NTK.unnormalised(X, depth=depth),
}  # fmt: skip
SEVERAL_DEPTHS = {"kernel"}  # an array of depths broadcasts against the matrix

NINE = [
    9, np.int8(9), np.int64(9), np.uint16(9), jnp.asarray(9), jnp.int8(9), np.array(9), 9.0, np.float32(9),
    np.longdouble(9), jnp.bfloat16(9), Fraction(9), Decimal(9),
]  # fmt: skip
NO_DEPTHS = [True, np.True_, jnp.asarray(True), "3", None, object(), 3j, 0.5, math.nan, -math.inf, int, 10**400]


def named(value) -> str:
    return type(value).__name__


@pytest.mark.parametrize("name", OF_A_DEPTH)
def test_a_depth_of_any_kind_is_one_number(name):
    call = OF_A_DEPTH[name]
    kinds = NINE if name not in ("between_depths", "to_depth") else [np.int64(9), jnp.bfloat16(9)]
    wanted = np.asarray(call(9))
    for value in kinds:
        np.testing.assert_array_equal(np.asarray(call(value)), wanted, err_msg=named(value))


@pytest.mark.parametrize("name", OF_A_DEPTH)
def test_what_is_no_depth_is_refused_alike(name):
    for value in NO_DEPTHS:
        with pytest.raises(rn.InputError, match="^expected .*depth.*, got .*; "):
            OF_A_DEPTH[name](value)


@pytest.mark.parametrize("name", sorted(set(OF_A_DEPTH) - SEVERAL_DEPTHS))
@pytest.mark.parametrize("depths", [np.array([2.0, 3.0, 40.0]), [3.0, 4.0], [], (3,), jnp.ones(4)], ids=range(5))
def test_several_depths_are_refused_where_one_is_wanted(name, depths):
    with pytest.raises(rn.InputError, match="expected one depth"):
        OF_A_DEPTH[name](depths)


@pytest.mark.parametrize("name", OF_A_FAMILY)
def test_what_is_no_family_is_refused_with_the_remedy(name):
    call = OF_A_FAMILY[name]
    with pytest.raises(rn.InputError, match=r"got the class ReluNTK; write ReluNTK\(\)"):
        call(rn.kernels.ReluNTK)
    with pytest.raises(rn.InputError, match=r"got the class CompositionKernel; write CompositionKernel\(h\)"):
        call(rn.kernels.CompositionKernel)
    with pytest.raises(rn.InputError, match="did you mean 'relu-ntk'"):
        call("relu-ntl")
    for value in (None, 3, 1.5, object(), np.ones(2), int):
        with pytest.raises(rn.InputError, match="^expected a kernel family.*, got .*; use one of rn.kernels"):
            call(value)
    if name != "criteria.check":
        with pytest.raises(rn.InputError, match=r"got the function gram of \(X, depth\).*rn\.kernels\.sequence"):
            call(gram)
    with pytest.raises(rn.InputError, match="two arguments, got lambda"):
        call(lambda correlation: correlation)


def gram(X, depth):
    return X @ X.T


def flattening(correlation, depth):
    return jnp.exp((correlation - 1) / depth)


NOT_OF_A_SEQUENCE = {
    "to_depth": "real depth",
    "depth_needed": "got KernelSequence",
    "joint": "got flattening; the joint limit is known",
    "ridge_predict": "got flattening; the joint limit is known",
    "limits": "limit of a sequence is not known",
}


@pytest.mark.parametrize("name", OF_A_FAMILY)
def test_a_function_of_correlation_and_depth_is_a_family(name):
    call = OF_A_FAMILY[name]
    if name in NOT_OF_A_SEQUENCE:
        with pytest.raises(rn.InputError, match=NOT_OF_A_SEQUENCE[name]):
            call(flattening)
        return
    assert repr(call(flattening)) == repr(call(rn.kernels.sequence(flattening)))


@pytest.mark.parametrize("name", CHEAP)
def test_a_family_may_be_given_by_its_name(name):
    call = OF_A_FAMILY[name]
    assert repr(call("relu-ntk")) == repr(call(NTK))


@pytest.mark.parametrize(
    "call",
    [
        lambda value: rn.predict(NTK, X, Y, x, depth=3, time=value),
        lambda value: joint(NTK, 5, value).factors,
        lambda value: joint(NTK, 5, 1.0, time=value).factors,
        lambda value: rn.depth_needed(NTK, X, x, value).depth,
        lambda value: rn.kernels.ErfNTK(value).at_angle(1.0, 3),
        lambda value: rn.kernels.BiasedReluNTK(weight_variance=value).at_angle(1.0, 3),
        lambda value: rn.kernels.ResidualReluNTK(scaling=value).at_angle(1.0, 3),
    ],
    ids=["time", "gamma", "time of joint", "tolerance", "weight_variance", "weight variance", "scaling"],
)
def test_a_real_argument_of_any_kind_is_one_number(call):
    wanted = np.asarray(call(0.25))
    kinds = [np.float16(0.25), np.float64(0.25), np.longdouble(0.25), jnp.asarray(0.25), jnp.bfloat16(0.25),
                  np.array(0.25), Fraction(1, 4), Decimal("0.25")]  # fmt: skip
    for value in kinds:
        np.testing.assert_array_equal(np.asarray(call(value)), wanted, err_msg=named(value))
    for value in (True, jnp.asarray(True), None, object(), 0.25j, [0.25], np.array([0.25]), math.nan, -1, 10**400):
        with pytest.raises(rn.InputError, match="^expected .*, got .*; "):
            call(value)


def test_whole_arguments_take_every_integer_and_nothing_else():
    calls = {
        "n": lambda value: rn.sphere.uniform(value, 3, 0),
        "seed": lambda value: rn.sphere.uniform(3, 3, value),
        "layers": lambda value: NTK.trajectory(1.0, value),
        "dimension": lambda value: harmonics(value, (0, 1)),
        "degree": lambda value: harmonics(5, [value]),
        "width": lambda value: rn.networks.FiniteNetwork(1, value).width,
        "samples": lambda value: rn.networks.sample_tangent_kernel(X, 1, 6, KEY, value).covariance,
    }
    for name, call in calls.items():
        wanted = np.asarray(call(4))
        for value in (np.int8(4), np.uint64(4), jnp.asarray(4), np.array(4)):
            np.testing.assert_array_equal(np.asarray(call(value)), wanted, err_msg=name)
        for value in (True, np.True_, 4.0, np.float32(4), "4", None, -1, 10**400, 10**5000):
            with pytest.raises(rn.InputError, match=f"^expected {name}.*got "):
                call(value)


def test_frames_are_taken_wherever_arrays_are():
    frame, test = pd.DataFrame(X, columns=list("abc")), pl.DataFrame(x, schema=list("abc"))
    y = pd.Series(Y)
    pairs = [
        (rn.coefficients(NTK, frame, test, depth=3), rn.coefficients(NTK, X, x, depth=3)),
        (rn.predict(NTK, frame, y, test, depth=3), rn.predict(NTK, X, Y, x, depth=3)),
        (NTK(frame, test, depth=3), NTK(X, x, depth=3)),
        (NTK(frame, test, depth=3, domain="euclidean"), NTK(X, x, depth=3, domain="euclidean")),
        (rn.sphere.project(frame), rn.sphere.project(X)),
        (rn.sphere.lift(test), rn.sphere.lift(x)),
        (rn.sphere.angles(frame, test), rn.sphere.angles(X, x)),
        (rn.coefficients(NTK, frame, test, depth=math.inf), rn.coefficients(NTK, X, x, depth=math.inf)),
        (ridge_predict(NTK, frame, y, test, depth=30).values, ridge_predict(NTK, X, Y, x, depth=30).values),
        (NTK.at_angle(y / 2, 3), NTK.at_angle(Y / 2, 3)),
    ]
    for found, wanted in pairs:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(wanted))
    with pytest.raises(rn.InputError, match="expected numeric columns in X, got the column 'label'"):
        rn.coefficients(NTK, frame.assign(label="x"), x, depth=3)
    with pytest.raises(rn.InputError, match="masked entries, got 1 in row 2"):
        rn.coefficients(NTK, np.ma.array(X, mask=np.arange(12).reshape(4, 3) == 7), x, depth=3)


def test_norms_that_are_1_to_single_precision_are_shown_as_such_with_their_remedy():
    single = X.astype(np.float32)
    with pytest.raises(
        rn.InputError, match=r"has norm (1\.0000000\d+|0\.99999\d+)\); they are unit rows in single pre"
    ):
        rn.coefficients(NTK, single, x, depth=3)
    assert rn.coefficients(NTK, rn.sphere.project(single), x, depth=3).shape == (4, 2)


# Under JAX transformations

WORK_WHEN_TRACED: dict[str, Callable] = {
    "project": rn.sphere.project,
    "lift": rn.sphere.lift,
    "polar": lambda rows: rn.sphere.polar(rows)[1],
    "angles": rn.sphere.angles,
    "kernel": lambda rows: NTK(rows, depth=3),
    "kernel off the sphere": lambda rows: NTK(2 * rows, x, depth=3, domain="euclidean"),
    "erf kernel": lambda rows: rn.kernels.ErfNTK()(rows, depth=3),
    "real depth": lambda rows: NTK(rows, depth=9.5),
    "infinite depth": lambda rows: NTK(rows, depth=math.inf),
    "trajectory": lambda rows: NTK.trajectory(abs(rows), 3),
    "correlation_map": NTK.correlation_map,
    "limit of a kernel": lambda rows: NTK.at_angle(abs(rows), math.inf),
    "kernel_expansion": lambda rows: kernel_expansion(abs(rows) + 0.1, 100),
    "boundary_layer": lambda rows: boundary_layer(abs(rows)),
    "empirical_ntk": lambda rows: rn.networks.empirical_ntk(NETWORK, PARAMETERS, rows),
    "a finite network": lambda rows: NETWORK(PARAMETERS, rows),
    "a family's parameter": lambda rows: rn.kernels.ErfNTK(rows[0, 0] ** 2 + 1).at_angle(1.0, 3),
}
REFUSED_WHEN_TRACED: dict[str, Callable] = {
    "coefficients": lambda rows: rn.coefficients(NTK, rows, x, depth=3),
    "coefficients off the sphere": lambda rows: rn.coefficients(NTK, rows, x, depth=3, domain="euclidean"),
    "depth of coefficients": lambda rows: rn.coefficients(NTK, X, x, depth=rows[0, 0] + 3),
    "predict": lambda rows: rn.predict(NTK, rows, Y, x, depth=3),
    "targets": lambda rows: rn.predict(NTK, X, rows[:, 0], x, depth=3),
    "time": lambda rows: rn.predict(NTK, X, Y, x, depth=3, time=rows[0, 0]),
    "between_depths": lambda rows: rn.transport.between_depths(NTK, rows, x, depth=3).coefficients,
    "to_depth": lambda rows: rn.transport.to_depth(NTK, rows, x).coefficients,
    "across_segment": lambda rows: rn.transport.across_segment(rows[:3], np.eye(3), x.T, x.T).coefficients,
    "stop": lambda rows: rn.transport.to_depth(NTK, X, x, stop=rows[0, 0] + 5).coefficients,
    "depth_needed": lambda rows: rn.depth_needed(NTK, rows, x, 0.1).depth,
    "tolerance": lambda rows: rn.depth_needed(NTK, X, x, rows[0, 0]).depth,
    "joint_angles": lambda rows: rn.sphere.joint_angles(rows, x),
    "distinct_rows": rn.sphere.distinct_rows,
    "check_distinct": rn.sphere.check_distinct,
    "coincident_rows": rn.sphere.coincident_rows,
    "lengths": rn.sphere.lengths,
    "length_ratios": lambda rows: rn.sphere.length_ratios(x, rows),
    "uniform": lambda rows: rn.sphere.uniform(rows[0, 0], 3, 0),
    "layers": lambda rows: NTK.trajectory(1.0, rows[0, 0]),
    "is_positive_definite": lambda rows: NTK.is_positive_definite(rows, 3),
    "log_scale": lambda rows: NTK.log_scale(rows[0, 0]),
    "deflated": lambda rows: rn.kernels.ReluNNGP().deflated(abs(rows), 3).values,
    "limit of coefficients": lambda rows: rn.coefficients(NTK, rows, x, depth=math.inf),
    "solve": lambda rows: rn.regression.solve(NTK, rows, x, depth=3).coefficients,
    "prediction": lambda rows: rn.regression.prediction(NTK, rows, Y, x, depth=3).values,
    "coefficient_expansion": lambda rows: coefficient_expansion(rows, x, 100.0),
    "gamma": lambda rows: joint(NTK, 5, rows[0, 0]).factors,
    "harmonics": lambda rows: harmonics(5, rows[0]),
    "ridge_predict": lambda rows: ridge_predict(NTK, rows, Y, x, depth=30).values,
    "kernel_table": lambda rows: kernel_table("ntk", rows[0, 0]),
    "classify": lambda rows: rn.classify(rn.kernels.ErfNTK(rows[0, 0] ** 2 + 1)),
    "criteria.check": lambda rows: rn.depth.criteria.check(NTK, rows),
    "sample_tangent_kernel": lambda rows: rn.networks.sample_tangent_kernel(rows, 2, 8, KEY).covariance,
    "simulate_kernels": lambda rows: rn.networks.simulate_kernels(NETWORK, rows, KEY).covariance,
    "train": lambda rows: rn.networks.train(NETWORK, rows, Y, x, KEY, time=1.0).predictions,
    "a map": lambda rows: rn.kernels.CompositionKernel(lambda c: c * rows[0, 0]),
    "random covariance": lambda rows: rn.networks.covariance(rows[:3] @ rows[:3].T, 1.0, key=jax.random.key(0)).values,
    "network_driver": lambda rows: rn.networks.network_driver(jax.random.key(0), rows, layers=3, width=9).increments,
}


@pytest.mark.parametrize("name", WORK_WHEN_TRACED)
def test_under_jit_vmap_and_grad_the_values_are_the_same_and_slopes_finite(name):
    call = WORK_WHEN_TRACED[name]
    wanted = np.asarray(call(X))
    # traced angles come from row differences, known ones partly from a matrix product: some 1e-14 apart
    np.testing.assert_allclose(np.asarray(jax.jit(call)(X)), wanted, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(np.asarray(jax.vmap(call)(X[None]))[0], wanted, rtol=1e-12, atol=1e-12)
    assert np.isfinite(np.asarray(jax.grad(lambda rows: jnp.sum(call(rows)))(X))).all()


@pytest.mark.parametrize("name", REFUSED_WHEN_TRACED)
@pytest.mark.parametrize("transform", ["jit", "grad", "vmap"])
def test_what_needs_known_values_says_so(name, transform):
    call = REFUSED_WHEN_TRACED[name]
    run = {
        "jit": lambda: jax.jit(call)(X),
        "grad": lambda: jax.grad(lambda rows: jnp.sum(call(rows)))(X),
        "vmap": lambda: jax.vmap(call)(X[None]),
    }[transform]
    with pytest.raises(rn.InputError, match="^expected .*known .*(traced|tracing)"):
        run()


def test_slopes_off_the_sphere_agree_with_differences_and_vanish_at_zero():
    points = jnp.asarray([[0.3, -1.2, 0.4], [0.0, 0.0, 0.0], [2.0, 0.1, 0.5]])

    def total(rows):
        return jnp.sum(NTK(rows, x, depth=3, domain="euclidean") * jnp.arange(1.0, 7.0).reshape(3, 2))

    slope = np.asarray(jax.grad(total)(points))
    assert np.array_equal(slope[1], np.zeros(3))
    step = 1e-6
    for i, j in ((0, 0), (0, 2), (2, 1)):
        difference = (total(points.at[i, j].add(step)) - total(points.at[i, j].add(-step))) / (2 * step)
        # central differences: step^2 and eps/step, both about 1e-10
        assert abs(slope[i, j] - difference) < 1e-8


@pytest.mark.parametrize("depth", [0.5, 0.0, -3.0, math.nan])
def test_a_traced_depth_out_of_range_gives_nan(depth):
    for family in (NTK, rn.kernels.ReluNNGP(), rn.kernels.SigmoidComposition()):
        assert math.isnan(jax.jit(family.at_angle)(1.0, depth))
        assert math.isnan(jax.jit(family.at_correlation)(0.5, depth))
        assert math.isnan(jax.jit(lambda d, family=family: family(X, depth=d))(depth)[0, 1])
    if not math.isnan(depth):
        assert math.isnan(jax.jit(lambda d: rn.kernels.ErfNTK().at_angle(1.0, d))(int(depth)))


@pytest.mark.parametrize("theta", [-0.1, 3.2, math.nan, math.inf])
@pytest.mark.parametrize("depth", [3, 9.5, math.inf])
def test_a_traced_angle_or_correlation_out_of_range_gives_nan(theta, depth):
    for family in (NTK, rn.kernels.ReluNNGP()):
        assert math.isnan(jax.jit(lambda angle, family=family: family.at_angle(angle, depth))(theta))
        assert math.isnan(jax.jit(lambda rho, family=family: family.at_correlation(rho, depth))(theta - 1.2))
    assert np.isnan(jax.jit(lambda angle: NTK.trajectory(angle, 3))(theta)).all()
    assert math.isnan(jax.jit(NTK.correlation_map)(theta - 1.2))
    assert math.isnan(jax.jit(lambda angle: rn.kernels.ResidualReluNTK().at_time(angle, 1.0))(theta))


# Memory, scale, many rows


def test_what_cannot_fit_in_memory_is_refused_before_it_is_tried(monkeypatch):
    monkeypatch.setattr(capacity, "available_memory", lambda: 2.0**33)
    many = np.broadcast_to(rn.sphere.uniform(1, 3, 0), (40_000, 3))
    calls = {
        "lower layers": lambda: NTK.trajectory([0.5, 1.0], 10**9),
        "lower deepest": lambda: rn.depth.criteria.check(NTK, deepest=10**8),
        "lower n or dim": lambda: rn.sphere.uniform(10**9, 10**3, 0),
        "one block of rows": lambda: NTK(many, depth=3),
        "use fewer points": lambda: rn.sphere.angles(many),
    }
    for remedy, call in calls.items():
        with pytest.raises(
            rn.InputError, match=f"to fit in memory, got a need of .*iB where 7.2 GiB are free; .*{remedy}"
        ):
            call()


def test_equal_rows_among_many_cost_no_table_of_pairs():
    import tracemalloc

    rows = np.random.default_rng(0).integers(0, 2, (50_000, 4)).astype(float)
    rows = rows[rows.any(axis=1)]
    tracemalloc.start()
    kept = rn.sphere.distinct_rows(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(kept) == 15  # the corners of the cube but the origin
    assert kept[0] == 0 and (np.diff(kept) > 0).all()
    assert peak < 200e6  # a table of pairs takes gigabytes
    assert len(rn.sphere.distinct_rows(rn.sphere.uniform(100_000, 3, 0))) == 100_000


@pytest.mark.parametrize("seed", range(20))
def test_coincident_rows_are_those_of_a_table_of_pairs(seed):
    rng = np.random.default_rng(seed)
    dimension, count = int(rng.integers(1, 6)), int(rng.integers(2, 60))
    base = rn.sphere.uniform(max(1, count // 3), dimension, seed)
    rows = base[rng.integers(0, len(base), count)] * (1 + rng.integers(-3, 4, (count, dimension)) * 2.0**-53)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    near = np.linalg.norm(rows[:, None] - rows, axis=2) <= rn.sphere.SAME_ANGLE
    head = np.arange(count)
    for j in range(count):
        first = [i for i in range(j) if head[i] == i and near[i, j]]
        head[j] = first[0] if first else j
    wanted = [(i, j) for j, i in enumerate(head.tolist()) if i != j]
    assert rn.sphere.coincident_rows(rows) == sorted(wanted)


@pytest.mark.parametrize("scale", [1e-310, 1e-300, 1.0, 1e300])
def test_coefficients_off_the_sphere_do_not_lose_the_scale(scale):
    rows, tests = np.array([[0.3, 1.0, 2.0], [1.0, -2.0, 0.5]]), np.array([[1.0, 1.0, 1.0]])
    wanted = rn.coefficients(NTK, rows, tests, depth=3, domain="euclidean")
    found = rn.coefficients(NTK, scale * rows, scale * tests, depth=3, domain="euclidean")
    # entries near 1e-310 have some 43 bits
    np.testing.assert_allclose(found, wanted, rtol=1e-12 if scale == 1e-310 else 1e-14)


def test_coefficients_beyond_float64_are_refused_by_row():
    rows, tests = np.array([[0.3, 1.0, 2.0], [1.0, -2.0, 0.5]]), np.array([[1.0, 1.0, 1.0]])
    with pytest.raises(
        rn.InputError, match=r"within float64.*training row 0 and test row 0 \(2 in all\).*rows 0 and 1"
    ):
        rn.coefficients(NTK, 1e-310 * rows, tests, depth=3, domain="euclidean")
