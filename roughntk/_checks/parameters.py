"""Parameters of kernel families: float64 scalars, checked where they are known, differentiable where traced; and the
functions that users bring."""

import math
import os
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk import _checks
from roughntk._checks import InputError

Known = TypeVar("Known")

_TRACED = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.UnexpectedTracerError,
)

SCALES = (1e-50, 1e50)
"""Range of variances, and of the sizes of biases, within which no layer under- or overflows."""

SINGLE_SCALES = (1e-6, 1e6)
"""The same for float32."""


def number(
    value: Any, name: str, *, above: float = -math.inf, least: float = -math.inf, below: float = math.inf
) -> Array:
    """A real scalar as an array, finite, > above, >= least and < below; a traced one is taken as it is."""
    if _checks.is_traced(value):
        return jnp.asarray(value, dtype=jnp.result_type(float))
    several = isinstance(value, list | tuple) or getattr(value, "ndim", 0) > 0
    remedy = "use jax.vmap for many" if several else "correct it"
    checked = _checks.number(value, name, above=above, least=least, below=below, remedy=remedy)
    kept = jnp.finfo(jnp.result_type(float))
    if checked != 0 and not float(kept.tiny) <= abs(checked) <= float(kept.max):
        _checks.require_x64(f"{name} = {checked:g}")
    with jax.ensure_compile_time_eval():  # a known parameter stays known where a family is built within a trace
        return jnp.asarray(checked, dtype=jnp.result_type(float))


def scale(value: Any, name: str, *, or_zero: bool = False) -> Array:
    """A number that is positive (or 0, where that is allowed), within the range whose products float64 can hold."""
    array = number(value, name, least=0.0) if or_zero else number(value, name, above=0.0)
    if not _checks.is_traced(array) and float(array) != 0:
        _within_scales(array, name, float(array))
    return array


def signed_scale(value: Any, name: str) -> Array:
    """A number that is 0, or whose absolute value lies within the same range."""
    array = number(value, name)
    if not _checks.is_traced(array) and float(array) != 0:
        _within_scales(array, name, abs(float(array)))
    return array


def _within_scales(array: Array, name: str, size: float) -> None:
    if not SCALES[0] <= size <= SCALES[1]:
        least, most, got = _checks.apart(*SCALES, float(array))
        raise InputError(f"expected {name} within {least} and {most} in size, got {got}; rescale it")
    if not SINGLE_SCALES[0] <= size <= SINGLE_SCALES[1]:
        _checks.require_x64(f"{name} = {float(array):g}")


def entries_within(value: Any, name: str, least: float, most: float) -> Array:
    """`value` as a float64 array with entries in [least, most]: others are an error, or NaN if traced."""
    if _checks.is_traced(value):
        _checks.require_x64("fractional iteration")
        array = jnp.asarray(value, dtype=jnp.float64)
        return jnp.where((array >= least) & (array <= most), array, jnp.nan)
    entries = _checks.float64_array(value, name)
    bad = ~((entries >= least) & (entries <= most))
    if bad.any():
        raise InputError(
            f"expected {name} in [{least:.17g}, {most:.17g}], got {float(entries[bad].flat[0])!r} "
            f"({int(bad.sum())} such entries); correct or remove those entries"
        )
    _checks.require_x64("fractional iteration")
    return jnp.asarray(entries, dtype=jnp.float64)


def known(compute: Callable[[], Known], what: str) -> Known:
    """`compute()`, which decides something by numbers that must be known, also within a trace that is under way.

    Raises:
        InputError: they are traced; `what` names them, as in "parameters of erf-ntk at infinite depth".
    """
    try:
        with jax.ensure_compile_time_eval():
            return compute()
    except _TRACED:
        raise InputError(
            f"expected known {what}, got traced ones, and Python has to decide by them; call it outside jit, grad and "
            f"vmap"
        ) from None


def function(value: Any, noun: str) -> Callable[[Array], Array]:
    """A callable that can be hashed, as a static field of a family must be; `noun` names it, as in "a map"."""
    try:
        hash(value)
    except TypeError:
        raise InputError(
            f"expected {noun} that can be hashed, got {type(value).__name__}; wrap it in a function"
        ) from None
    if not callable(value):
        raise InputError(f"expected {noun}, got {value!r}; pass a function written with jax.numpy")
    return value


def elementwise(value: Callable, noun: str, probe: np.ndarray) -> tuple[Callable[[Array], Array], np.ndarray]:
    """The compiled function and its values at `probe`, if it takes arrays to real arrays and acts on each entry alone.

    Args:
        value: as `function` returns it.
        noun: "a map", "an activation".
        probe: where it is tried, shape (k,).

    Raises:
        InputError: it fails, changes the shape, is not real, or mixes entries.
    """
    compiled = jax.jit(value)
    odd = np.arange(len(probe)) % 2 == 1
    with _checks.blamed(
        lambda reason: (
            f"expected {noun} written for JAX arrays, got {reason}, raised by {_called(value)}; write it elementwise "
            f"with jax.numpy"
        ),
        passing=(InputError,),
    ):
        values, others = compiled(jnp.asarray(probe)), compiled(jnp.asarray(np.where(odd, probe, probe / 2)))
    dtype, shape = getattr(values, "dtype", None), getattr(values, "shape", None)
    if shape != probe.shape or dtype != jnp.result_type(float):
        raise InputError(
            f"expected {noun} from arrays to real arrays of the same shape, got shape {shape} and dtype {dtype} from "
            f"shape {probe.shape}; write it elementwise with jax.numpy"
        )
    if not np.array_equal(np.asarray(values)[odd], np.asarray(others)[odd], equal_nan=True):
        raise InputError(
            f"expected an elementwise {noun.split()[-1]}, got one that mixes the entries of an array; treat each alone"
        )
    return compiled, np.asarray(values)


def _called(value: Callable) -> str:
    """A user's function by its name and file."""
    code = getattr(value, "__code__", None)
    name = getattr(value, "__name__", type(value).__name__)
    return name if code is None else f"{name} in {os.path.basename(code.co_filename)}"
