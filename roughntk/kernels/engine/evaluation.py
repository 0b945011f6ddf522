"""A family evaluated elementwise: compiled once for all depths, and for few lengths."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels.engine.deflated import Deflated
from roughntk.kernels.engine.layer_loops import MOST_LAYERS
from roughntk.maps import duals

TABLE_ENTRIES = 10_000
"""Matrices of at least so many entries, of known rows and at one known depth, go through a table of the kernel."""

_BUCKET = 16  # the least number of entries that is compiled for; then its doubles
_LARGEST_BUCKET = 2**16
_SECONDS_A_LAYER = 1e-6


def whole(depth: int) -> Any:
    """A whole depth as an array: of integers where it is one that could be counted to, and else of floats."""
    return jnp.asarray(depth) if depth <= MOST_LAYERS else np.asarray(float(depth))


def value_at_angle(family: Any, theta: Array, depth: Any) -> Array:
    """The kernel at checked angles."""
    if at_limit(family, depth):
        return limit(family, theta)
    whole, depth = depth_of(family, depth, theta.shape)
    return (whole_at_angle if whole else real_at_angle)(family, theta, depth)


def value_at_correlation(family: Any, rho: Array, depth: Any) -> Array:
    """The kernel at checked correlations."""
    if at_limit(family, depth):
        return limit(family, angle(rho))
    whole, depth = depth_of(family, depth, rho.shape)
    return (whole_at_correlation if whole else real_at_correlation)(family, rho, depth)


def at_limit(family: Any, depth: Any) -> bool:
    """Whether the depth is known to be infinite, and not one that the real depth of the family takes."""
    if family.has_real_depth or _checks.is_traced(depth):
        return False
    return _checks.known_number(depth) is not None and _checks.one_depth(depth) == math.inf


def limit(family: Any, theta: Array) -> Array:
    """The kernel at infinite depth; an error where it has to decide by what is traced."""
    try:
        return family._limit(theta)
    except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
        raise InputError(
            f"expected known numbers for {family.name} at infinite depth, got traced ones; its phase decides what "
            f"the limit is: call it outside jit, grad and vmap, or take a finite depth"
        ) from None


def depth_of(family: Any, depth: Any, shape: tuple[int, ...]) -> tuple[bool, Array]:
    """(whether to go layer by layer, the checked depth as an array)."""
    if _checks.is_traced(depth):
        depth = jnp.asarray(depth)
        by_layers = not family.has_real_depth
        if by_layers and not jnp.issubdtype(depth.dtype, jnp.integer):
            raise InputError(
                f"expected a traced depth of integer dtype for {family.name}, got {depth.dtype}; "
                f"{family.why_no_real_depth()}: cast it with astype(int)"
            )
        return by_layers, depth if by_layers else depth.astype(float)
    if not family.has_real_depth:
        given = _checks.known_number(depth)
        if family.may_have_real_depth and isinstance(given, float) and 1 <= given < math.inf and given != int(given):
            raise InputError(f"expected a whole depth for {family.name}, got {given!r}; {family.why_no_real_depth()}")
        return True, whole(_checks.integer_depth(depth))
    number = _checks.real_depth(depth, shape)
    if number.ndim == 0 and number < math.inf and number <= family.recursion_depth and number == int(number):
        return True, whole(int(number))
    return False, jnp.asarray(number)


def off_the_sphere(family: Any, X: Any, Z: Any, depth: Any) -> Array:
    """|x| |z| K(x/|x|, z/|z|) of a homogeneous family."""
    family.check_homogeneous()
    length_X, unit_X = sphere.polar(X)
    length_Z, unit_Z = (length_X, None) if Z is None or Z is X else sphere.polar(Z, "Z", columns=unit_X.shape[1])
    return family(unit_X, unit_Z, depth=depth) * length_X[:, None] * length_Z


def from_table(family: Any, X: Any, Z: Any, depth: Any) -> Array | None:
    """The kernel matrix of many known rows at one known depth, if the family has a table there."""
    if _checks.known_number(depth) is None or _checks.is_traced(X, Z):
        return None
    symmetric = Z is None or Z is X
    X = sphere.unit_rows(X)
    Z = None if symmetric else sphere.unit_rows(Z, "Z", columns=X.shape[1])
    if len(X) * len(X if Z is None else Z) < TABLE_ENTRIES:
        return None
    table = table_of(family, _checks.one_depth(depth))
    return None if table is None else sphere.map_angles(table, X, Z)


def table_of(family: Any, depth: float) -> sphere.AngleFunction | None:
    """The table that a family has itself at one depth, if any."""
    return type(family)._table(family, depth)  # a method bound to a family takes as long to make as 10,000 entries


def _is_beyond(family: Any, values: Array, depth: Any) -> bool:
    """Whether the depth is known and beyond what is counted; refused where what is traced has to be counted to it."""
    if _checks.is_traced(depth) or float(depth) <= family.counted_layers:
        return False
    if not _checks.is_traced(values, *jax.tree.leaves(family)):
        return True
    if float(depth) > MOST_LAYERS:
        raise InputError(
            f"expected a depth of at most {MOST_LAYERS:,} for {family.name} within jit, grad or vmap, where it goes "
            f"layer by layer, got {float(depth):g}, which would take some {float(depth) * _SECONDS_A_LAYER:.1g} "
            f"seconds; evaluate it outside of them"
        )
    return False


def whole_at_angle(family: Any, theta: Array, depth: Array) -> Array:
    """Layer by layer, at angles."""
    if _is_beyond(family, theta, depth):
        return family._deep(theta, float(depth), True)
    return _in_buckets(lambda *arguments: _compiled_layers_at_angle(family, *arguments), theta, depth)


def whole_at_correlation(family: Any, rho: Array, depth: Array) -> Array:
    """Layer by layer, at correlations."""
    if _is_beyond(family, rho, depth):
        return family._deep(rho, float(depth), False)
    return _in_buckets(lambda *arguments: _compiled_layers_at_correlation(family, *arguments), rho, depth)


def real_at_angle(family: Any, theta: Array, depth: Array) -> Array:
    """At real depth, at angles."""
    kind, prepared = type(family), family._prepared(depth)
    return _in_buckets(lambda *arguments: _compiled_real_at_angle(kind, prepared, *arguments), theta, depth)


def along_real_depth(family: Any, theta: np.ndarray) -> Callable[[float], np.ndarray]:
    """depth -> the kernel at known angles, checked already: for many depths, one after the other.

    As `real_at_angle` at an array of depths, by the same compiled function; nothing is checked in each call.
    """
    kind, size = type(family), theta.size
    angles = jnp.asarray(_filled(theta) if 0 < size <= _LARGEST_BUCKET else theta.reshape(-1))

    def at(depth: float) -> np.ndarray:
        depths: Any = np.full(angles.shape, float(depth))
        return np.asarray(_compiled_real_at_angle(kind, family._prepared(depths), angles, depths))[:size]

    return at


def real_at_correlation(family: Any, rho: Array, depth: Array) -> Array:
    """At real depth, at correlations."""
    kind, prepared = type(family), family._prepared(depth)
    return _in_buckets(lambda *arguments: _compiled_real_at_correlation(kind, prepared, *arguments), rho, depth)


def _in_buckets(compiled: Callable[[Array, Array], Array], values: Array, depth: Array) -> Array:
    """`compiled` on known values, filled up to a power of two: a closed form takes a second to compile for a length."""
    shape = np.broadcast_shapes(values.shape, depth.shape)
    size = math.prod(shape)
    if _checks.is_traced(values, depth) or not 0 < size <= _LARGEST_BUCKET:
        return compiled(values, depth)

    def filled(array: Array) -> Array:
        return jnp.asarray(_filled(np.broadcast_to(np.asarray(array), shape)))

    evaluated = compiled(filled(values), depth if depth.ndim == 0 else filled(depth))
    if _checks.is_traced(evaluated):  # known numbers within a trace, or traced parameters
        return evaluated[:size].reshape(shape)
    return jnp.asarray(np.asarray(evaluated)[:size].reshape(shape))


def deflated_in_buckets(evaluate: Callable[[np.ndarray], Deflated], theta: np.ndarray) -> Deflated:
    """`evaluate` on known angles, filled up likewise; the last one again, so that the common factor stays theirs."""
    if not 0 < theta.size <= _LARGEST_BUCKET:
        return evaluate(theta)
    deflated = evaluate(_filled(theta))
    return deflated._replace(values=deflated.values[: theta.size].reshape(theta.shape))


def _filled(array: np.ndarray) -> np.ndarray:
    """The entries in a row, the last one repeated up to a length that is compiled for."""
    flat = array.reshape(-1)
    return np.pad(flat, (0, max(_BUCKET, 1 << (flat.size - 1).bit_length()) - flat.size), mode="edge")


# One compiled function for all families and depths: the depth is traced, so a new depth compiles nothing.
@eqx.filter_jit
def _compiled_layers_at_angle(family: Any, theta: Array, depth: Array) -> Array:
    return family._at_angle(theta, depth)


@eqx.filter_jit
def _compiled_layers_at_correlation(family: Any, rho: Array, depth: Array) -> Array:
    return family._at_correlation(rho, depth)


@eqx.filter_jit
def _compiled_real_at_angle(kind: type[Any], prepared: Any, theta: Array, depth: Array) -> Array:
    return kind._real_at_angle(prepared, theta, depth)


@eqx.filter_jit
def _compiled_real_at_correlation(kind: type[Any], prepared: Any, rho: Array, depth: Array) -> Array:
    return kind._real_at_correlation(prepared, rho, depth)


@jax.custom_jvp
def angle(rho: Array) -> Array:
    """arccos rho; its derivative, infinite at rho = 1 and -1, is replaced by 0 there."""
    return duals.arccos(rho)


@angle.defjvp
def _angle_jvp(primals, tangents):
    (rho,) = primals
    inside = jnp.abs(rho) < 1
    root = jnp.sqrt(jnp.where(inside, (1 - rho) * (1 + rho), 1.0))
    return angle(rho), jnp.where(inside, -tangents[0] / root, 0.0)


def in_range(value, name: str, low: float, high: float) -> Array:
    """A float array within [low, high]: other known entries are an error, other traced ones become NaN."""
    dtype = jnp.result_type(float)
    # in 32-bit mode pi rounds upwards
    low, high = min(low, float(np.asarray(low, dtype))), max(high, float(np.asarray(high, dtype)))
    if _checks.is_traced(value):
        if not (jnp.issubdtype(value.dtype, jnp.floating) or jnp.issubdtype(value.dtype, jnp.integer)):
            raise InputError(f"expected {name} to hold real numbers, got dtype {value.dtype}; convert it to float64")
        array = jnp.asarray(value, dtype=dtype)
        return jnp.where((array >= low) & (array <= high), array, jnp.nan)
    known = _checks.real_array(value, name)
    outside = np.flatnonzero((known < low) | (known > high))
    if outside.size:
        first = known.reshape(-1)[outside[0]]
        raise InputError(
            f"expected {name} within [{low:.17g}, {high:.17g}], got {outside.size} value(s) outside "
            f"(first: {float(first)!r}); project the data onto the sphere first (rn.sphere.project)"
        )
    return jnp.asarray(known, dtype=dtype)


def guarded(evaluate: Callable[[Array, Any], Array], value: Array, depth: Any) -> Array:
    """evaluate(value, depth); where traced, NaN for a value that is NaN and a depth that is not at least 1."""
    if not _checks.is_traced(value, depth):
        return evaluate(value, depth)
    good = ~jnp.isnan(value)
    if _checks.is_traced(depth):
        if not (jnp.issubdtype(depth.dtype, jnp.floating) or jnp.issubdtype(depth.dtype, jnp.integer)):
            raise InputError(f"expected a depth that is a real number, got dtype {depth.dtype}; convert it to float64")
        deep = depth >= 1
        depth, good = jnp.where(deep, depth, 1), good & deep
    return jnp.where(good, evaluate(jnp.where(jnp.isnan(value), 0.5, value), depth), jnp.nan)


@eqx.filter_jit
def trajectory(family: Any, theta: Array, layers: int) -> Array:
    """`_trajectory`, compiled."""
    return family._trajectory(theta, layers)


@eqx.filter_jit
def correlation_map(family: Any, c: Array) -> Array:
    """`_correlation_map`, compiled."""
    return family._correlation_map(c)
