"""The tangent kernel of two inputs in the limit of wide and deep networks: a random 2 x 2 matrix, off the diagonal, too.

Depth time s = l/n runs from 0 to t = L/n. Forward, with independent Brownian motions M (units active in common), g_x, g_v,

    dF = dM + 2 dg_x - (5/2) ds,     d log y = dg_x - dg_v + (1 + 1/y) ds,     F = log |h|^2,  y = 3 pi/(n theta).

Backward from s = t, given that path: phi, p_1, p_2 are the components of the gradients of the two outputs along h and along
the tangent from one h to the other, and g (2 x 2) the Gram matrix of the rest, for each unit,

    phi_s = zeta e^{(F_t - F_s)/2},      at s = t:  p_1 = p_2 = zeta',  g = 1 1^T,      zeta, zeta' normal,
    dg = 2 (phi^2 1 1^T + p p^T - 2g) ds - (3/y) [off the diagonal of g] ds + g^{1/2} (sqrt(2) dH + dM) g^{1/2},
    p_i gains the factor exp(dg_v + dM/2 - (9/4) ds), and sqrt(2) phi dk - (2/y) p_i ds + sqrt(4/y) dN_i,

H symmetric with d<H_ij, H_kl> = (1_ik 1_jl + 1_il 1_jk) ds, Cov(dN) = [[g_11, -g_12/2], [-g_12/2, g_22]] ds, and

    Theta_ij/L = (1/t) int_0^t e^{F_s} g_ij(s) ds.

The scheme is of weak order 1 and keeps g positive semi-definite: what is linear in g multiplies a factor of it from both
sides, decays are exponentials of int ds/y over the step. Derived and measured, not proved.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from roughntk import _checks
from roughntk.networks._sampling import in_portions
from roughntk.rough.paths.gaussian import random_key

_NOISES = 9  # standard normals a step
_LONGEST = 100.0  # of times: e^{5 t} overflows from 141 on, and no sample mean means anything long before
_TINY = 1e-300


@dataclasses.dataclass(frozen=True, repr=False)
class TangentRatios:
    """Samples of the tangent kernel Theta(x_i, x_j)/L of two inputs in the limit.

    Attributes:
        time: t = L/n.
        steps: of the scheme.
        kernels: Theta/L, shape (samples, 2, 2).
        ratios: Theta_12/sqrt(Theta_11 Theta_22), shape (samples,).
    """

    time: float
    steps: int
    kernels: np.ndarray
    ratios: np.ndarray

    @property
    def mean(self) -> float:
        """The mean of the ratios."""
        return float(self.ratios.mean())

    @property
    def sd(self) -> float:
        """Their standard deviation."""
        return float(self.ratios.std(ddof=1)) if self.ratios.size > 1 else math.nan

    @property
    def standard_error(self) -> float:
        """Of the mean."""
        return self.sd / math.sqrt(self.ratios.size)

    def __repr__(self) -> str:
        return (
            f"<TangentRatios: {self.mean:.4g} +- {self.standard_error:.2g} (sd {self.sd:.3g}) at t = {self.time:g}, "
            f"{self.ratios.size} samples>"
        )


def tangent_ratio_limit(
    time: Any,
    *,
    key: jax.Array,
    samples: int = 4096,
    steps: int = 400,
    progress: Callable[[int, int], None] | None = None,
) -> TangentRatios:
    """Samples of Theta_12/sqrt(Theta_11 Theta_22) for n, L -> infinity, L/n = t, from any fixed angle of the two inputs.

    For t -> 0 the ratio tends to 1/4, the value of an infinitely wide network. That it tends to 1 for t -> infinity is a
    conjecture: measured, its mean is 0.37, 0.44 and 0.53 at t = 1, 2 and 4. The bias of the scheme at 400 steps is below
    0.002 in the mean for t <= 2.

    Args:
        time: t = L/n in (0, 100].
        key: a JAX random key. Sample i has the key `fold_in(key, i)`.
        samples: how many, at least 1.
        steps: of the scheme, at least 2; their ends are at s = t (k/steps)^2.
        progress: told (samples done, all samples).

    Raises:
        InputError: a time of 0 or out of range, no random key, no samples, fewer than 2 steps, JAX in 32-bit mode.

    Sources: HaninNica2020 (moments on the diagonal); the rest is derived for this package.

    >>> import jax, roughntk as rn
    >>> drawn = rn.networks.tangent_ratio_limit(0.5, key=jax.random.key(0), samples=64, steps=50)
    >>> drawn.ratios.shape, bool((abs(drawn.ratios) <= 1).all())
    ((64,), True)
    """
    t = _checks.number(time, "time", above=0, most=_LONGEST, remedy="it is layers over width")
    key = random_key(key)
    samples = _checks.integer(samples, "samples", least=1)
    steps = _checks.integer(steps, "steps", least=2, most=10**6)
    _checks.require_x64("the limit of a tangent kernel")
    grid = t * (np.arange(steps + 1) / steps) ** 2
    kernels = in_portions(lambda keys: _kernels(keys, jnp.asarray(grid)), key, samples, steps * _NOISES, progress)
    roots = np.sqrt(np.diagonal(kernels, axis1=1, axis2=2))
    ratios = np.clip(kernels[:, 0, 1] / (roots[:, 0] * roots[:, 1]), -1, 1)
    return TangentRatios(t, steps, kernels, ratios)


@jax.jit
def _kernels(keys: Array, grid: Array) -> Array:
    return jax.vmap(lambda key: _kernel(key, grid))(keys)


def _kernel(key: Array, grid: Array) -> Array:
    """Theta/L of one sample."""
    ends, rest = jax.random.split(key)
    zeta, along = jax.random.normal(ends, (2,))
    step = jnp.diff(grid)
    noise = jnp.sqrt(step)[:, None] * jax.random.normal(rest, (grid.size - 1, _NOISES))
    common, g_x, g_v, turned, bent = noise[:, 0], noise[:, 1], noise[:, 2], noise[:, 3], noise[:, 4:7]
    strip = jax.random.normal(jax.random.fold_in(rest, 1), (grid.size - 1, 2))

    def forward(y: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        h, factor = now
        y = (y + h / 2) * factor + h / 2
        return y, y

    ys = jax.lax.scan(forward, jnp.zeros(()), (step, jnp.exp(g_x - g_v + step)))[1]
    before = jnp.concatenate([jnp.zeros(1), ys[:-1]])
    gap = ys - before
    near = jnp.abs(gap) < 1e-6 * ys
    ratio = jnp.where(before > 0, ys / jnp.where(before > 0, before, 1.0), jnp.inf)
    inverse = step * jnp.where(near, 1 / ys, jnp.log(ratio) / jnp.where(near, 1.0, gap))  # int ds/y
    log_norms = jnp.cumsum(common + 2 * g_x - 2.5 * step)
    log_norms = jnp.concatenate([jnp.zeros(1), log_norms])
    radial = zeta * jnp.exp((log_norms[-1] - log_norms) / 2)  # phi
    middle = (radial[1:] + radial[:-1]) / 2
    stretch = jnp.exp(g_v + common / 2 - 2.25 * step)

    def backward(state: tuple[Array, Array], now: tuple[Array, ...]) -> tuple[tuple[Array, Array], Array]:
        g, p = state
        h, i, phi, factor, dk, dh, dm, normals = now
        after = _with_strip(p * factor + math.sqrt(2) * phi * dk, g, i, normals)
        middle_p = (p + after) / 2
        g = _multiplied(g, dh, dm - 3.5 * h)
        source = phi**2 + jnp.outer(middle_p, middle_p)
        g = jnp.exp(-4 * h) * g - jnp.expm1(-4 * h) / 2 * source
        kept = jnp.exp(-3 * i)
        g = g * jnp.where(jnp.eye(2, dtype=bool), 1.0, kept)
        return (g, after), g

    backwards = (step, inverse, middle, stretch, turned, bent, common, strip)
    first = (jnp.ones((2, 2)), jnp.full(2, along))
    grams = jax.lax.scan(backward, first, backwards, reverse=True)[1]
    grams = jnp.concatenate([grams, jnp.ones((1, 2, 2))])
    density = jnp.exp(log_norms)[:, None, None] * grams
    return jnp.sum(step[:, None, None] * (density[1:] + density[:-1]) / 2, axis=0) / grid[-1]


def _with_strip(p: Array, g: Array, i: Array, normals: Array) -> Array:
    """p after dp = -(2/y) p ds + sqrt(4/y) dN for i = int ds/y, N's covariance being held."""
    first = jnp.sqrt(g[0, 0])
    second = -g[0, 1] / (2 * jnp.maximum(first, _TINY))
    third = jnp.sqrt(jnp.maximum(g[1, 1] - second**2, 0.0))
    noise = jnp.stack([first * normals[0], second * normals[0] + third * normals[1]])
    return jnp.exp(-2 * i) * p + jnp.sqrt(-jnp.expm1(-4 * i)) * noise


def _multiplied(g: Array, dh: Array, scalar: Array) -> Array:
    """C exp(sqrt(2) dH + scalar) C^T for g = C C^T, dH = [[sqrt(2) dh_0, dh_2], [dh_2, sqrt(2) dh_1]]."""
    first = jnp.sqrt(g[0, 0])
    across = g[0, 1] / jnp.maximum(first, _TINY)
    root = jnp.array([[1.0, 0.0], [0.0, 0.0]]) * first + jnp.array([[0.0, 0.0], [1.0, 0.0]]) * across
    root = root + jnp.array([[0.0, 0.0], [0.0, 1.0]]) * jnp.sqrt(jnp.maximum(g[1, 1] - across**2, 0.0))
    # exp of half the exponent: e^{mean} (cosh d + sinh(d)/d (A - mean))
    half = (dh[0] - dh[1]) / 2
    off = dh[2] / math.sqrt(2)
    d = jnp.sqrt(half**2 + off**2 + _TINY)
    mean = (dh[0] + dh[1] + scalar) / 2
    slope = jnp.sinh(d) / d
    left = jnp.exp(mean) * (
        jnp.cosh(d) * jnp.eye(2) + slope * (half * jnp.array([[1.0, 0.0], [0.0, -1.0]]) + off * jnp.eye(2)[::-1])
    )
    factor = root @ left
    return factor @ factor.T
