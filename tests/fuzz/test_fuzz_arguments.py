"""Every public function with one or two arguments replaced by something hostile: a result that is finite, or an error
that is documented and says what was expected. A number in another coat is the same number, to the last bit."""

import dataclasses
import decimal
import fractions
import math
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shares import cases

import roughntk as rn
from roughntk.regression import IndefiniteKernelWarning, NotPositiveDefiniteError
from roughntk.transport import TransportError

X, x = rn.sphere.uniform(4, 3, seed=0), rn.sphere.uniform(2, 3, seed=1)
Y = np.array([0.5, -1.0, 2.0, 0.25])
PATH = np.array([[0.0, 0.0], [1.0, 0.5], [0.25, 1.5], [2.0, -1.0], [1.5, 0.0]])
OTHER = PATH + np.array([[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [0.0, 0.0], [0.1, 0.1]])
MATRICES = np.array([[[0.0, 1.0], [-1.0, 0.0]], [[0.5, 0.0], [0.0, -0.5]]])
K2, K3 = (np.asarray(rn.kernels.ReluNTK()(X, depth=depth)) for depth in (2, 3))
B2, B3 = (np.asarray(rn.kernels.ReluNTK()(X, x, depth=depth)) for depth in (2, 3))
RELU, KEY = rn.kernels.ReluNTK(), jax.random.key(0)

DOCUMENTED = (rn.InputError, rn.MissingBackendError, NotPositiveDefiniteError, TransportError, rn.rough.RDEError)


def rotation(y):
    return jnp.stack([jnp.stack([-y[1], y[0]]), y]).T


@dataclasses.dataclass(frozen=True)
class Call:
    """A call that is right, and which of its arguments are real numbers, whole numbers, and others."""

    function: object
    arguments: dict
    real: tuple = ()
    whole: tuple = ()


CALLS = {
    "kernel": Call(RELU.__call__, {"X": X, "Z": x, "depth": 3.5}, real=("depth",)),
    "at_angle": Call(RELU.at_angle, {"theta": np.array([0.5, 1.0]), "depth": 3.0}, real=("depth",)),
    "at_correlation": Call(RELU.at_correlation, {"rho": np.array([0.5, -1.0]), "depth": 3.0}, real=("depth",)),
    "trajectory": Call(RELU.trajectory, {"theta": np.array([0.5, 1.0]), "layers": 4}, whole=("layers",)),
    "coefficients": Call(rn.coefficients, {"family": RELU, "X": X, "x": x, "depth": 3}, real=("depth",)),
    "predict": Call(
        rn.predict, {"family": RELU, "X": X, "y": Y, "x": x, "depth": 3, "time": 2.0}, real=("depth", "time")
    ),
    "depth_needed": Call(
        rn.depth_needed, {"family": RELU, "X": X, "x": x, "tolerance": 0.125}, real=("tolerance",)
    ),
    "between_depths": Call(
        rn.transport.between_depths, {"family": RELU, "X": X, "x": x, "depth": 3, "clock": "arc"}, whole=("depth",)
    ),
    "across_segment": Call(
        rn.transport.across_segment, {"K0": K2, "K1": K3, "B0": B2, "B1": B3, "clock": "arc", "rhs": "joint"}
    ),
    "solve": Call(
        rn.regression.solve, {"family": RELU, "X": X, "x": x, "depth": 3, "method": "cholesky"}, real=("depth",)
    ),
    "coefficient_expansion": Call(
        rn.depth.coefficient_expansion, {"X": X, "x": x, "depth": 1024.0}, real=("depth",)
    ),
    "joint": Call(
        rn.depth.joint, {"family": RELU, "dimension": 5, "gamma": 0.5}, real=("gamma",), whole=("dimension",)
    ),
    "uniform": Call(rn.sphere.uniform, {"n": 3, "dim": 2, "seed": 0}, whole=("n", "dim", "seed")),
    "project": Call(rn.sphere.project, {"X": PATH[1:]}),
    "lift_points": Call(rn.sphere.lift, {"X": PATH}),
    "angles": Call(rn.sphere.angles, {"X": X, "Z": x}),
    "erf": Call(
        lambda **given: rn.kernels.ErfNTK(**given).at_angle(np.array([0.5, 1.0]), 3),
        {"weight_variance": 1.5, "bias_variance": 0.125, "input_variance": 1.0},
        real=("weight_variance", "bias_variance", "input_variance"),
    ),
    "biased": Call(
        lambda **given: rn.kernels.BiasedReluNTK(**given).at_angle(np.array([0.5, 1.0]), 3),
        {"bias": 1.0, "weight_variance": 1.0},
        real=("bias", "weight_variance"),
    ),
    "leaky": Call(
        lambda **given: rn.kernels.LeakyReluNTK(**given).at_angle(np.array([0.5, 1.0]), 3), {"slope": 0.25},
        real=("slope",),
    ),  # fmt: skip
    "signature": Call(rn.rough.signature, {"path": PATH, "level": 3, "backend": "jax"}, whole=("level",)),
    "log_signature": Call(rn.rough.log_signature, {"path": PATH, "level": 3, "basis": "lyndon"}, whole=("level",)),
    "p_variation": Call(
        rn.rough.p_variation, {"path": PATH, "p": 2.5, "level": 1, "norm": "l2"}, real=("p",), whole=("level",)
    ),
    "p_variation_distance": Call(
        rn.rough.p_variation_distance, {"path_a": PATH, "path_b": OTHER, "p": 2.5, "norm": "l1"}, real=("p",)
    ),
    "homogeneous_distance": Call(
        rn.rough.homogeneous_distance, {"path_a": PATH, "path_b": OTHER, "p": 2.5}, real=("p",)
    ),
    "hoelder_norm": Call(rn.rough.hoelder_norm, {"path": PATH, "exponent": 0.5}, real=("exponent",)),
    "lift": Call(rn.rough.lift, {"path": PATH, "level": 2}, whole=("level",)),
    "greedy_partition": Call(
        rn.rough.greedy_partition, {"rough_path": PATH, "p": 2.5, "threshold": 1.0}, real=("p", "threshold")
    ),
    "solve_linear": Call(
        rn.rough.solve_linear, {"matrices": MATRICES, "path": PATH, "y0": np.array([1.0, 0.0]), "tolerance": 2.0**-20},
        real=("tolerance",),
    ),  # fmt: skip
    "solve_rde": Call(
        rn.rough.solve_rde,
        {"vector_field": rotation, "rough_path": PATH, "y0": np.array([1.0, 0.0]), "max_steps": 4096},
        whole=("max_steps",),
    ),  # fmt: skip
    "witt_dimension": Call(rn.rough.witt_dimension, {"channels": 2, "length": 5}, whole=("channels", "length")),
    "shuffle_words": Call(rn.rough.shuffle_words, {"u": (1, 2), "v": (2,)}),
    "pure_area": Call(rn.rough.pure_area, {"n": 2}, whole=("n",)),
    "brownian": Call(rn.rough.brownian, {"key": KEY, "points": 5, "channels": 2}, whole=("points", "channels")),
    "signature_size": Call(rn.rough.signature_size, {"channels": 2, "level": 3}, whole=("channels", "level")),
    "sub_path": Call(rn.rough.sub_path, {"path": PATH, "start": 1.0, "stop": 3.0}, real=("start", "stop")),
}  # fmt: skip

BAD_ARRAYS = [
    np.array([]), np.zeros((0, 3)), np.zeros((3, 0)), np.zeros((2, 2, 2, 2)), np.full((4, 3), np.nan),
    np.full((4, 3), np.inf), np.ones((4, 3), complex), np.array([["a", "b"], ["c", "d"]]), np.array([object()]),
    np.array("2020-01-01", dtype="datetime64[s]"), np.ma.masked_equal([[0.0, 1.0], [1.0, 0.0], [5.0, 5.0]], 5.0),
    [[1.0, 2.0], [3.0]], [[1e308, 1e308], [-1e308, 1e308]], [[1e-320, 0.0], [0.0, 1e-320]], np.float64(1.0),
    np.array([[True, False], [False, True]]), np.ones((4, 3), np.float16), np.arange(12).reshape(4, 3),
    np.array([[2**70, 1], [0, 1]], dtype=object), np.zeros((4, 3)), X[:1], x, X.T, PATH.astype(np.float32),
    np.longdouble("1e4000") * np.ones((4, 3), np.longdouble), np.array([1.0, 2.0, 3.0]), [2.0, 3.0, 40.0], [], [[]],
]  # fmt: skip
BAD_THINGS = [
    None, "abc", "", b"x", object(), object, RELU, rn.kernels.ReluNTK, "relu-ntk", {}, {"a": 1}, (), (1, 2), {1, 2},
    math.nan, math.inf, -math.inf, -1, 0, 1, 2, 3.5, -0.0, 1e308, 5e-324, 10**400, -(10**400), 2**63, 1 << 40, 1e17,
    1j, True, False, np.bool_(True), jnp.asarray(True), decimal.Decimal("3"), fractions.Fraction(3), np.float32(3),
    np.longdouble(3), np.datetime64("2020-01-01"), lambda *_: 1.0, lambda: None, range(3), iter([1, 2]), ...,
]  # fmt: skip
COATS = [
    np.float64, np.asarray, jnp.asarray, np.float32, np.float16, float,
    lambda v: jnp.asarray(v, jnp.float32), lambda v: np.asarray(v, np.float32),
]  # fmt: skip
WHOLE_COATS = [
    int, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint64, lambda v: jnp.asarray(v, jnp.int32),
    lambda v: np.asarray(v, np.int64), lambda v: jnp.asarray(v, jnp.uint8),
]  # fmt: skip


RANGES = ("at least", "at most", "above", "below", "between", "from")
NARROW = [np.int8, np.uint8, WHOLE_COATS[-1]]


def leaves(value):
    """The numbers of a result."""
    if dataclasses.is_dataclass(value):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, dict):
        return [leaf for each in value.values() for leaf in leaves(each)]
    if isinstance(value, list | tuple):
        return [leaf for each in value for leaf in leaves(each)]
    if isinstance(value, int | float | np.ndarray | np.number | jax.Array) and not jnp.issubdtype(
        getattr(value, "dtype", np.float64), jax.dtypes.prng_key
    ):
        return [np.asarray(value)]
    return []


def result(call, arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("default", IndefiniteKernelWarning)
        return call.function(**arguments)


@pytest.fixture(scope="module")
def right():
    """The results of the calls as they stand."""
    return {name: leaves(result(call, call.arguments)) for name, call in CALLS.items()}


# Numbers of points that just fit into the memory of this machine would be computed, for minutes.
WHOLE = st.one_of(st.integers(-(10**4), 10**4), st.integers(min_value=2**45), st.integers(max_value=-(2**45)))


@cases("arguments")
@given(
    name=st.sampled_from(list(CALLS)),
    data=st.data(),
    hostile=st.one_of(st.sampled_from(BAD_THINGS), st.sampled_from(BAD_ARRAYS), st.floats(), WHOLE),
)
def test_a_hostile_argument_gives_a_finite_result_or_a_documented_error(name, data, hostile):
    call = CALLS[name]
    argument = data.draw(st.sampled_from(list(call.arguments)))
    try:
        found = result(call, {**call.arguments, argument: hostile})
    except DOCUMENTED as error:
        assert str(error).strip()
        if isinstance(error, rn.InputError):
            assert "expected" in str(error), str(error)
            says = str(error)  # and what to do: a remedy, or the range
            assert ";" in says or any(word in says for word in RANGES), says
        return
    except MemoryError as error:
        pytest.fail(f"tried what does not fit: {error}")
    coefficients = getattr(found, "coefficients", found)
    for leaf in leaves(coefficients):
        if leaf.dtype.kind == "f":
            assert not np.isnan(leaf).any(), (name, argument, hostile)


@cases("arguments")
@given(name=st.sampled_from([n for n, call in CALLS.items() if call.real or call.whole]), data=st.data())
def test_a_number_in_another_coat_is_the_same_number(right, name, data):
    call = CALLS[name]
    argument = data.draw(st.sampled_from([*call.real, *call.whole]))
    value = call.arguments[argument]
    coats = WHOLE_COATS if argument in call.whole else COATS + (WHOLE_COATS if value == int(value) else [])
    coats = [coat for coat in coats if value < 128 or coat not in NARROW]
    found = leaves(result(call, {**call.arguments, argument: data.draw(st.sampled_from(coats))(value)}))
    assert len(found) == len(right[name])
    for a, b in zip(found, right[name], strict=True):
        np.testing.assert_array_equal(a, b)
