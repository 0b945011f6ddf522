"""Products of the steps of lifts: by compiled loops where they are known, by JAX where they are traced.

The loops serve every number of steps with one machine code; JAX compiles a function for each.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from roughntk import _checks
from roughntk.rough.algebra import rows, tensor
from roughntk.rough.algebra.operations import multiply_exp


def canonical(points: Any, level: int) -> tuple[jax.Array, jax.Array]:
    """The steps and prefixes of the path through the points."""
    if _checks.is_traced(points):
        return _traced_canonical(points, level)
    from roughntk.rough.algebra.compiled import straight_products

    points = np.ascontiguousarray(points, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = rows.straight(np.diff(points, axis=0), level)
    return jnp.asarray(steps), _from_zero(straight_products(points, level, every=True))


@functools.partial(jax.jit, static_argnums=1)
def _traced_canonical(points: jax.Array, level: int) -> tuple[jax.Array, jax.Array]:
    increments = jnp.diff(points, axis=0)
    steps = jax.vmap(lambda dx: tensor.flatten(tensor.exp(dx, level)))(increments)

    def step(state: tensor.Tensor, increment: jax.Array) -> tuple[tensor.Tensor, jax.Array]:
        state = multiply_exp(state, increment)
        return state, tensor.flatten(state)

    return steps, _prefixes(step, increments, points.shape[1], level)


def running(steps: jax.Array, channels: int, level: int) -> jax.Array:
    """The prefixes of the steps."""
    if _checks.is_traced(steps):
        return _traced_chain(steps, channels, level)
    from roughntk.rough.algebra.compiled import running_products

    return _from_zero(running_products(np.asarray(steps, dtype=np.float64), channels, level))


def _from_zero(prefixes: np.ndarray) -> jax.Array:
    return jnp.asarray(np.concatenate([np.zeros((1, prefixes.shape[1])), prefixes]))


@functools.partial(jax.jit, static_argnums=(1, 2))
def _traced_chain(steps: jax.Array, channels: int, level: int) -> jax.Array:
    def step(state: tensor.Tensor, element: jax.Array) -> tuple[tensor.Tensor, jax.Array]:
        state = tensor.product(state, tensor.unflatten(element, channels, level))
        return state, tensor.flatten(state)

    return _prefixes(step, steps, channels, level)


def _prefixes(step: Any, inputs: jax.Array, channels: int, level: int) -> jax.Array:
    start = tuple(part.astype(inputs.dtype) for part in tensor.identity(channels, level))
    rows = lax.scan(step, start, inputs)[1]
    return jnp.concatenate([tensor.flatten(start)[None], rows])


def exponential(lie: tensor.Tensor) -> tensor.Tensor:
    """exp(x) = 1 + x + x^2/2! + ... (finite) of a tensor x whose scalar part is taken to be 0."""
    level = len(lie) - 1
    x = (jnp.zeros_like(lie[0]), *lie[1:])
    value: tensor.Tensor = (jnp.ones_like(lie[0]), *(jnp.zeros_like(part) for part in lie[1:]))
    # Horner: 1 + x (1 + x/2 (1 + x/3 (...))).
    for k in range(level, 0, -1):
        value = (jnp.ones_like(lie[0]), *(part / k for part in tensor.product(x, value)[1:]))
    return value


def fractions(steps: Any, theta: Any, channels: int, level: int) -> jax.Array:
    """exp(theta_i log X_i) for each row."""
    if _checks.is_traced(steps, theta):
        return _traced_fractions(jnp.asarray(steps), jnp.asarray(theta), channels, level)
    with np.errstate(over="ignore", invalid="ignore"):
        parts = rows.logarithms(rows.split(np.asarray(steps), channels, level))
        parts = rows.exponentials([np.asarray(theta)[:, None] * part for part in parts])
    return jnp.asarray(np.concatenate(parts, axis=1))


@functools.partial(jax.jit, static_argnums=(2, 3))
def _traced_fractions(steps: jax.Array, theta: jax.Array, channels: int, level: int) -> jax.Array:
    def fraction(step: jax.Array, weight: jax.Array) -> jax.Array:
        logarithm = tensor.log(tensor.unflatten(step, channels, level))
        return tensor.flatten(exponential(tuple(weight * part for part in logarithm)))

    return jax.vmap(fraction)(steps, theta)


def joined(steps: jax.Array, ends: np.ndarray, channels: int, level: int) -> jax.Array:
    """The products X_{ends[j], ends[j + 1]} of the rows of `steps`, shape (len(ends) - 1, size)."""
    lengths = np.diff(ends)
    if not _checks.is_traced(steps):
        from roughntk.rough.algebra.compiled import joined_products

        return jnp.asarray(joined_products(np.asarray(steps), np.asarray(ends), channels, level))
    steps = steps[ends[0] : ends[-1]]
    if (lengths == 1).all():
        return steps
    if (lengths == lengths[0]).all():
        return _joined_evenly(steps.reshape(len(lengths), lengths[0], -1), channels, level)
    last = np.zeros(len(steps), bool)
    last[ends[1:] - ends[0] - 1] = True
    return _joined_unevenly(steps, jnp.asarray(last), channels, level)[np.flatnonzero(last)]


@functools.partial(jax.jit, static_argnums=(1, 2))
def _joined_evenly(groups: jax.Array, channels: int, level: int) -> jax.Array:
    return jax.vmap(lambda group: _traced_chain(group, channels, level)[-1])(groups)


@functools.partial(jax.jit, static_argnums=(2, 3))
def _joined_unevenly(steps: jax.Array, last: jax.Array, channels: int, level: int) -> jax.Array:
    def step(state: jax.Array, inputs: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        element, is_last = inputs
        a, b = (tensor.unflatten(x, channels, level) for x in (state, element))
        product = tensor.flatten(tensor.product(a, b))
        return jnp.where(is_last, 0.0, product), product

    return lax.scan(step, jnp.zeros_like(steps[0]), (steps, last))[1]


def in_portions(function: Callable[[np.ndarray], Any], steps: np.ndarray) -> np.ndarray:
    """`function` of known rows, by portions of one length, filled up with zeros: one compilation for all numbers
    of rows."""
    portion = 8192 if len(steps) > 8192 else 256
    filled = np.pad(steps, ((0, -len(steps) % portion), (0, 0))).reshape(-1, portion, steps.shape[1])
    return np.concatenate([np.asarray(function(part)) for part in filled])[: len(steps)]


def shifted(steps: Any, phi: Any, channels: int, level: int) -> jax.Array:
    """exp(log X_i + phi_i) for each row, phi at level 2."""
    if _checks.is_traced(steps, phi):
        return _traced_shifted(jnp.asarray(steps), jnp.asarray(phi), channels, level)
    with np.errstate(over="ignore", invalid="ignore"):
        parts = rows.logarithms(rows.split(np.asarray(steps), channels, level))
        parts[1] = parts[1] + np.asarray(phi)
        parts = rows.exponentials(parts)
    return jnp.asarray(np.concatenate(parts, axis=1))


@functools.partial(jax.jit, static_argnums=(2, 3))
def _traced_shifted(steps: jax.Array, phi: jax.Array, channels: int, level: int) -> jax.Array:
    def shift(step: jax.Array, second: jax.Array) -> jax.Array:
        logarithm = list(tensor.log(tensor.unflatten(step, channels, level)))
        logarithm[2] = logarithm[2] + second
        return tensor.flatten(exponential(tuple(logarithm)))

    return jax.vmap(shift)(steps, phi)
