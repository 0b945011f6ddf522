"""A composed map near a neutral fixed point, at depths that layers cannot be counted to.

Around a fixed point c with h'(c) = 1 the displacement d = eta - c moves by the factor 1 + P(d), where

    P(d) = (h(c + d) - h(c))/d - 1 = (a_1 - 1) + a_2 d + a_3 d^2 + ...,    a_k = h^(k)(c)/k!,

which is summed from the derivatives, since the difference would cancel; the flow whose map for time 1 this is, as in
`roughntk.kernels.engine.deep`, leads on.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk._checks import InputError, require_x64
from roughntk.kernels.engine import deep
from roughntk.kernels.engine.growth import ROUNDED

_DERIVATIVES = 10
_AGREEMENT = 1e-12  # of the series with the mean slope, relative to 1
_GONE = 1e-40


@functools.lru_cache(maxsize=128)
def taylor(h: Callable[[Array], Array], c: float) -> np.ndarray:
    """Coefficients of P, constant term first; h'(c) within rounding of 1 counts as 1."""
    derivatives = [jax.grad(h)]
    while len(derivatives) < _DERIVATIVES:
        derivatives.append(jax.grad(derivatives[-1]))
    values = jax.jit(lambda at: jnp.stack([derivative(at) for derivative in derivatives]))(jnp.asarray(c))
    coefficients = np.asarray(values) / np.cumprod(np.arange(1.0, _DERIVATIVES + 1))
    coefficients[0] -= 1
    if abs(coefficients[0]) <= ROUNDED:
        coefficients[0] = 0.0
    coefficients.flags.writeable = False  # it is kept: compiling ten derivatives takes a second
    return coefficients


@jax.jit
def _velocity(y: Any, coefficients: Array, sign: Array) -> Array:
    def increment(y: Array) -> Array:
        d, total = sign * jnp.exp(y), jnp.zeros_like(y)
        for coefficient in coefficients[::-1]:
            total = total * d + coefficient
        return jnp.where(sign == 0, 0.0, jnp.log1p(total))

    return deep.velocity_of(increment, y)


def displacements(map_: Any, d: np.ndarray, slopes: np.ndarray, begin: int, depth: float) -> np.ndarray:
    """The displacements at a depth from those at `begin`, whose mean slopes are given; shape (k,).

    Raises:
        InputError: the map has too few derivatives at its fixed point, or is not near it.
    """
    require_x64(f"{map_} at depth {depth:g}")
    resting = (d == 0) | (slopes == 1) & (np.abs(d) > 1e-3)  # on another fixed point, which repels
    coefficients = taylor(map_.map, map_.fixed_point)
    series = np.polynomial.polynomial.polyval(d, coefficients)
    miss = np.max(np.abs(series - (slopes - 1)), initial=0.0, where=~resting)
    if not (np.all(np.isfinite(coefficients)) and miss <= _AGREEMENT):
        raise InputError(
            f"expected a map whose derivatives at its fixed point {map_.fixed_point:.10g} describe it there, for a "
            f"depth beyond {begin:,}, got depth {depth:g} and a map that differs from its series by {miss:.2g}; choose "
            f"a depth of at most {begin:,}"
        )
    sign, y, layer = np.where(resting, 0.0, np.sign(d)), np.log(np.where(resting, 1.0, np.abs(d))), float(begin)
    arguments = jnp.asarray(coefficients), jnp.asarray(sign)
    while layer < depth and np.max(np.exp(y), initial=0.0, where=~resting) > _GONE:
        end = min(depth, layer * deep.SEGMENT)
        y = deep.integrated(lambda at: np.asarray(_velocity(at, *arguments)), y, layer, end, map_)
        layer = end
    if layer < depth and coefficients[0] != 0:  # layers have become linear
        y = y + (depth - layer) * np.log1p(coefficients[0])
    return np.where(resting, d, sign * np.exp(y))
