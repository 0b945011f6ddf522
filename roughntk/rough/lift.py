"""Lifts: a path together with its iterated integrals, as an increment-valued object X_{s,t}.

The canonical lift of a piecewise-linear path has X_{s,t} = S(path over [s, t]); a general one is given by its
steps X_{t_i, t_{i+1}}, for instance the pure-area path exp(t [e1, e2]), which no path in R^2 has as its lift
but which is a limit of canonical lifts. Geometric rough paths are the limits of canonical lifts in
p-variation.
"""

import functools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.rough import tensor
from roughntk.rough.path import path_array


class Lift(eqx.Module):
    """A multiplicative functional on sample points: X_{s,u} = X_{s,t} (x) X_{t,u} (Chen's identity).

    `steps`: the flat X_{i,i+1}, shape (points - 1, sum_k channels^k). `prefixes`: the flat X_{0,i}, shape
    (points, sum_k channels^k), row 0 being zero. Both without the leading 1. Immutable. Built by `lift` (from
    a path) or `lift_from_steps`.
    """

    steps: jax.Array
    prefixes: jax.Array
    channels: int = eqx.field(static=True)
    level: int = eqx.field(static=True)

    @property
    def points(self) -> int:
        """The number of sample points."""
        return self.prefixes.shape[0]

    @property
    def signature(self) -> jax.Array:
        """The flat X_{0,end}, the signature of the whole path."""
        return self.prefixes[-1]

    def increment(self, i: Any, j: Any) -> jax.Array:
        """The flat X_{i,j} = X_{0,i}^{-1} (x) X_{0,j}, shape (sum_k channels^k,): for a canonical lift the
        signature of the path from sample point i to sample point j (reversed if j < i, the inverse of
        X_{j,i}).

        The rounding error is of the order of eps |X_{0,i}| |X_{0,j}|, the scale of the whole path, not of the
        piece: far from the start, recompute a short piece from its own points if its last digits matter.
        Raises `InputError` if i or j is not an index 0..points - 1 (a runtime error where they are traced).
        """
        start = self._prefix(self._index(i, "i"))
        return tensor.flatten(tensor.product(tensor.inverse(start), self._prefix(self._index(j, "j"))))

    def _prefix(self, index: Any) -> tensor.Tensor:
        return tensor.unflatten(self.prefixes[index], self.channels, self.level)

    def _index(self, index: Any, name: str) -> Any:
        if not _checks.is_traced(index):
            number = index.item() if isinstance(index, jax.Array | np.ndarray) and index.ndim == 0 else index
            return _checks.integer(number, name, least=0, most=self.points - 1)
        outside = (index < 0) | (index >= self.points)
        return eqx.error_if(index, outside, f"expected {name} to be the index of a sample point of the lift")


def lift(path: Any, level: int) -> Lift:
    """The canonical lift of the piecewise-linear path through `path`, shape (points, channels): its prefix
    signatures X_{0,i} = exp(dx_1) (x) ... (x) exp(dx_i) up to `level`.

    Raises `InputError` for a bad path or level, or where points * sum_k channels^k numbers exceed
    `tensor.MEMORY_LIMIT`. Source: Lyons, Caruana, Levy, Differential Equations Driven by Rough Paths, section
    2.
    """
    points = path_array(path)
    level = _checks.level(level)
    channels = points.shape[1]
    _check_lift_memory(points.shape[0], channels, level)
    steps, prefixes = _canonical(jnp.asarray(points), level)
    return Lift(steps, prefixes, channels, level)


def lift_from_steps(steps: Any, channels: int, level: int) -> Lift:
    """The lift with the given flat group elements X_{i,i+1}, shape (points - 1, sum_{k=1}^{level}
    channels^k).

    Any rows make a multiplicative functional; it is (weakly) geometric if they are group-like, as signatures
    and exponentials of Lie elements are, which is not checked: an Ito lift is not group-like.
    Raises `InputError` for another shape, NaN, or a result above `tensor.MEMORY_LIMIT`.
    """
    channels = _checks.integer(channels, "channels", least=1)
    level = _checks.level(level)
    size = tensor.signature_size(channels, level)
    if not _checks.is_traced(steps):
        steps = _checks.real_array(steps, "steps")
    if steps.ndim != 2 or steps.shape[0] < 1 or steps.shape[1] != size:
        raise InputError(
            f"expected steps of shape (points - 1, {size}) for {channels} channels and level {level}, "
            f"got shape {steps.shape}; give one flat signature per step, without the leading 1"
        )
    _check_lift_memory(steps.shape[0] + 1, channels, level)
    steps = jnp.asarray(steps, float)
    return Lift(steps, _chain(steps, channels, level), channels, level)


def _check_lift_memory(points: int, channels: int, level: int) -> None:
    tensor.check_memory(
        2.0 * points * tensor.signature_size(channels, level),
        f"the lift to level {level} of {points} points in {channels} channels",
        "lower the level, or use fewer points or channels",
    )


@functools.partial(jax.jit, static_argnums=1)
def _canonical(points: jax.Array, level: int) -> tuple[jax.Array, jax.Array]:
    increments = jnp.diff(points, axis=0)
    steps = jax.vmap(lambda dx: tensor.flatten(tensor.exp(dx, level)))(increments)

    def step(state: tensor.Tensor, increment: jax.Array) -> tuple[tensor.Tensor, jax.Array]:
        state = tensor.multiply_exp(state, increment)
        return state, tensor.flatten(state)

    return steps, _prefixes(step, increments, points.shape[1], level)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _chain(steps: jax.Array, channels: int, level: int) -> jax.Array:
    def step(state: tensor.Tensor, element: jax.Array) -> tuple[tensor.Tensor, jax.Array]:
        state = tensor.product(state, tensor.unflatten(element, channels, level))
        return state, tensor.flatten(state)

    return _prefixes(step, steps, channels, level)


def _prefixes(step: Any, inputs: jax.Array, channels: int, level: int) -> jax.Array:
    start = tuple(part.astype(inputs.dtype) for part in tensor.identity(channels, level))
    rows = lax.scan(step, start, inputs)[1]
    return jnp.concatenate([tensor.flatten(start)[None], rows])
