"""Error estimates from three step sizes, and whether they can be trusted.

Y_h, Y_{h/2} and a third solution are compared at the times of Y_h: with steps h/4 (the Davie scheme, and partitions of
fewer than four steps) or 2h (the log-ODE, whose steps cost more). The driver is known at all times, being log-linear
between its sample points, so that steps can be halved everywhere. With r the ratio of the two successive differences,
coarse over fine, of a method whose error falls like h^q, r = 2^q, the error of Y_h is |Y_h - Y_{h/2}| r / (r - 1); r is
taken as at most 2. Where r is below 2^{1/4} the steps are not in the range in which this holds.

The inner solves of the halved steps have tighter tolerances, so that what the difference shows holds the error of
the inner solves of Y_h, too. Differences of the size of that error, or of rounding, say nothing about r.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks
from roughntk._checks.precision import EPS
from roughntk.rough.algebra import tensor
from roughntk.rough.equations.schemes import Scheme, take_steps
from roughntk.rough.paths.lifts import SLACK, Lift
from roughntk.rough.paths.products import fractions, joined

LEAST_RATIO = 2**0.25
"""The least ratio of successive differences, from an order of 1/4, that counts as convergence."""

TIGHTER = 0.1
"""How much tighter the tolerances of the inner solves of the finer steps are."""

KIND = "three step sizes"


class Estimated(NamedTuple):
    """Y_h and its estimate: `error` bounds max |Y - Y_h| where `in_range`; `ratio` of successive differences."""

    values: jax.Array
    success: jax.Array
    inner: jax.Array
    error: jax.Array
    in_range: jax.Array
    ratio: jax.Array


def estimated(scheme: Scheme, vector_field: Any, y0: jax.Array, base: Lift, driver: Lift, fresh: int) -> Estimated:
    """The solution along the steps of `driver`, which were taken from `base`, with its error estimate."""
    count, compared = driver.points - 1, y0.shape[0] - fresh
    quarters = scheme.method == "davie" or count < 4
    third = refined(base, driver, 4) if quarters else _doubled(driver)
    parts = [driver.steps, refined(base, driver, 2), third]
    ends = np.cumsum([len(part) for part in parts])
    restart = np.isin(np.arange(ends[-1]), ends[:-1])
    tighter = np.repeat([1.0, TIGHTER, TIGHTER if quarters else 1.0], [len(part) for part in parts])
    xp: Any = jnp if _checks.is_traced(*parts) else np
    steps = xp.concatenate([xp.asarray(part) for part in parts])
    states, success, inner = take_steps(scheme, vector_field, y0, steps, restart, tighter, fresh)
    # NumPy for what is known: nothing is compiled for a number of steps that was not seen before.
    xp, start = (jnp, y0) if _checks.is_traced(y0, states) else (np, np.asarray(y0))
    with np.errstate(over="ignore", invalid="ignore"):
        h, half, other = (xp.concatenate([start[None], part])[:, :compared] for part in xp.split(states, ends[:-1]))
        if quarters:
            coarse, fine = _gap(h, half[::2]), _gap(half[::2], other[::4])
            shown = coarse
        else:
            common = np.append(np.arange(0, count, 2), count)
            coarse, fine = _gap(other, h[common]), _gap(h, half[::2])
            shown = fine
        size = abs(h).max()
        rounding = 16 * EPS * count * size
        noise = rounding
        if scheme.method == "log-ode":
            noise = noise + 10 * xp.sum(inner[:count]).astype(size.dtype) * (scheme.rtol * size + scheme.atol)
        ratio = coarse / xp.where(fine > 0, fine, 1.0)
        quiet = (fine <= noise) & (shown <= noise) if quarters else fine <= noise
        in_range = xp.isfinite(coarse) & xp.isfinite(fine) & (quiet | (coarse >= LEAST_RATIO * fine))
        bounded = jnp.where(quiet, 2.0, jnp.clip(ratio, LEAST_RATIO, 2.0))
        error = shown * bounded / (bounded - 1) + rounding
    values = xp.concatenate([start[None], states[:count]])
    return Estimated(*map(jnp.asarray, (values, success[:count], inner[:count], error, in_range, ratio)))


def _gap(a: Any, b: Any) -> Any:
    return abs(a - b).max()


def refined(base: Lift, driver: Lift, parts: int) -> jax.Array:
    """The steps of `driver`, each cut at `parts` - 1 times into equally long ones: those of `base` where it is finer,
    log-linear fractions else."""
    steps = driver.steps
    if base is not driver:
        times = np.asarray(driver.times, dtype=np.float64)
        cut = np.append((times[:-1, None] + np.diff(times)[:, None] * np.arange(parts) / parts).ravel(), times[-1])
        if np.diff(cut).min() > 4 * SLACK * max(abs(float(base.times[0])), abs(float(base.times[-1]))):
            return base.resample(cut).steps
    part = fractions(steps, np.full(len(steps), 1 / parts), driver.channels, driver.level)
    return jnp.repeat(part, parts, axis=0) if _checks.is_traced(part) else jnp.asarray(np.repeat(part, parts, axis=0))


def _doubled(driver: Lift) -> jax.Array:
    count = driver.points - 1
    if not _checks.is_traced(driver.steps):
        return joined(driver.steps, np.append(np.arange(0, count, 2), count), driver.channels, driver.level)
    even = count - count % 2
    paired = _products(driver.steps[:even].reshape(even // 2, 2, -1), driver.channels, driver.level)
    return jnp.concatenate([paired, driver.steps[even:]])


@functools.partial(jax.jit, static_argnums=(1, 2))
def _products(pairs: jax.Array, channels: int, level: int) -> jax.Array:
    def product(pair: jax.Array) -> jax.Array:
        return tensor.flatten(tensor.product(*(tensor.unflatten(x, channels, level) for x in pair)))

    return jax.vmap(product)(pairs)
