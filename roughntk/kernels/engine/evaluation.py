"""A family evaluated elementwise: compiled once for all depths, and for few lengths."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.kernels.deflated import Deflated
from roughntk.kernels.engine.layer_loops import MOST_LAYERS
from roughntk.maps import duals

_BUCKET = 16  # the least number of entries that is compiled for; then its doubles
_LARGEST_BUCKET = 2**16


_SECONDS_A_LAYER = 1e-6


def whole(depth: int) -> Any:
    """A whole depth as an array: of integers where it is one that could be counted to, and else of floats."""
    return jnp.asarray(depth) if depth <= MOST_LAYERS else np.asarray(float(depth))


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
        return family._beyond(theta, float(depth), True)
    return _in_buckets(lambda *arguments: _compiled_layers_at_angle(family, *arguments), theta, depth)


def whole_at_correlation(family: Any, rho: Array, depth: Array) -> Array:
    """Layer by layer, at correlations."""
    if _is_beyond(family, rho, depth):
        return family._beyond(rho, float(depth), False)
    return _in_buckets(lambda *arguments: _compiled_layers_at_correlation(family, *arguments), rho, depth)


def real_at_angle(family: Any, theta: Array, depth: Array) -> Array:
    """At real depth, at angles."""
    kind, prepared = type(family), family._prepared(depth)
    return _in_buckets(lambda *arguments: _compiled_real_at_angle(kind, prepared, *arguments), theta, depth)


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

    found = compiled(filled(values), depth if depth.ndim == 0 else filled(depth))
    if _checks.is_traced(found):  # known numbers within a trace, or traced parameters
        return found[:size].reshape(shape)
    return jnp.asarray(np.asarray(found)[:size].reshape(shape))


def deflated_in_buckets(evaluate: Callable[[np.ndarray], Deflated], theta: np.ndarray) -> Deflated:
    """`evaluate` on known angles, filled up likewise; the last one again, so that the common factor stays theirs."""
    if not 0 < theta.size <= _LARGEST_BUCKET:
        return evaluate(theta)
    found = evaluate(_filled(theta))
    return found._replace(values=found.values[: theta.size].reshape(theta.shape))


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
