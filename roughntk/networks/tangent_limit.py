"""The tangent kernel of two inputs in the limit of wide and deep networks: a random 2 x 2 matrix.

Depth time s = l/n runs from 0 to t = L/n. Forward, M (units active in common), g_x and g_v are Brownian motions,

    dF = dM + 2 dg_x - (5/2) ds,     d log y = dg_x - dg_v + (1 + 1/y) ds,     F = log |h|^2,  y = 3 pi/(n theta).

Backward from s = t, given that path: phi, p_1, p_2 are the components of the gradients of the two outputs along h and
along the tangent from one h to the other, and g (2 x 2) the Gram matrix of the rest, for each unit,

    phi_s = zeta e^{(F_t - F_s)/2},      at s = t:  p_1 = p_2 = zeta',  g = 1 1^T,      zeta, zeta' normal,
    dg = 2 (phi^2 1 1^T + p p^T - 2g) ds - (3/y) [off the diagonal of g] ds + g^{1/2} (sqrt(2) dH + dM) g^{1/2},
    p_i gains the factor exp(dg_v + dM/2 - (9/4) ds), and sqrt(2) phi dk - (2/y) p_i ds + sqrt(4/y) dN_i,

H symmetric with d<H_ij, H_kl> = (1_ik 1_jl + 1_il 1_jk) ds, Cov(dN) = [[g_11, -g_12/2], [-g_12/2, g_22]] ds, and

    Theta_ij/L = (1/t) int_0^t e^{F_s} g_ij(s) ds.

The scheme splits symmetrically: half a step of decays (exponentials of int ds/y), sources and strip noise dN, a step of
the noise that multiplies a factor of g from both sides, half a step of the former. So g stays positive semi-definite.
Derived and measured, not proved.
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
from roughntk.networks.sampling import in_chunks
from roughntk.rough.paths.gaussian import random_key

_NOISES = 11  # standard normals a step
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
    steps: int = 100,
    progress: Callable[[int, int], None] | None = None,
) -> TangentRatios:
    """Samples of Theta_12/sqrt(Theta_11 Theta_22) for n, L -> infinity, L/n = t, from any fixed angle.

    For t -> 0 the ratio tends to 1/4, the value of an infinitely wide network. That it tends to 1 for t -> infinity
    is a conjecture: measured, its mean is 0.37, 0.44, 0.53 and 0.77 at t = 1, 2, 4 and 16. The bias of the scheme at
    100 steps is below 0.002 in the mean for t <= 2, and 0.01 at t = 16; twice as many steps tell it.

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
    need = 16.0 * steps * _NOISES
    kernels = in_chunks(lambda keys: _kernels(keys, jnp.asarray(grid)), key, samples, need, progress)
    roots = np.sqrt(np.diagonal(kernels, axis1=1, axis2=2))
    ratios = np.clip(kernels[:, 0, 1] / (roots[:, 0] * roots[:, 1]), -1, 1)
    return TangentRatios(t, steps, kernels, ratios)


@jax.jit
def _kernels(keys: Array, grid: Array) -> Array:
    return jax.vmap(lambda key: _kernel(key, grid))(keys)


def _kernel(key: Array, grid: Array) -> Array:
    """Theta/L of one sample. 2 x 2 matrices are written in scalars, of which vmap makes long vectors."""
    ends, rest = jax.random.split(key)
    zeta, along = jax.random.normal(ends, (2,))
    step = jnp.diff(grid)
    normals = jax.random.normal(rest, (_NOISES, step.size))
    common, g_x, g_v, turned, *bent = jnp.sqrt(step) * normals[:7]

    def forward(y: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        h, factor = now
        y = (y + h / 2) * factor + h / 2
        return y, y

    ys = jax.lax.scan(forward, jnp.zeros(()), (step, jnp.exp(g_x - g_v + step)))[1]
    passed = step * _mean_inverse(jnp.concatenate([jnp.zeros(1), ys[:-1]]), ys)  # int ds/y
    log_norms = jnp.concatenate([jnp.zeros(1), jnp.cumsum(common + 2 * g_x - 2.5 * step)])
    radial = zeta * jnp.exp((log_norms[-1] - log_norms) / 2)  # phi at the ends of the steps
    half = {"kept": jnp.exp(-passed), "spread": jnp.sqrt(-jnp.expm1(-2 * passed)), "overlap": jnp.exp(-1.5 * passed)}
    half |= {"gain": -jnp.expm1(-2 * step) / 2, "decay": jnp.exp(-2 * step)}
    now = {
        "late": half | {"square": radial[1:] ** 2, "normals": tuple(normals[7:9])},
        "early": half | {"square": radial[:-1] ** 2, "normals": tuple(normals[9:])},
        "left": _half_exponential(bent, common - 3.5 * step),
        "stretch": jnp.exp(g_v + common / 2 - 2.25 * step),
        "turn": math.sqrt(2) * (radial[1:] + radial[:-1]) / 2 * turned,
        "weight": jnp.exp(log_norms[:-1]) * (step + jnp.concatenate([jnp.zeros(1), step[:-1]])) / 2,
    }
    last = jnp.exp(log_norms[-1]) * step[-1] / 2
    one = jnp.ones(())
    first = (one, one, one), (along, along), (last, last, last)
    total = jax.lax.scan(_backward, first, now, reverse=True)[0][2]
    return jnp.stack([total[0], total[1], total[1], total[2]]).reshape(2, 2) / grid[-1]


def _backward(state: Any, now: Any) -> tuple[Any, None]:
    """One step towards the input: (g_11, g_12, g_22), (p_1, p_2) and the integral so far."""
    g, p, total = state
    g, p = _relaxed(g, p, now["late"])
    g = _multiplied(g, now["left"])
    p = tuple(now["stretch"] * each + now["turn"] for each in p)
    g, p = _relaxed(g, p, now["early"])
    total = tuple(sum_ + now["weight"] * each for sum_, each in zip(total, g, strict=True))
    return (g, p, total), None


def _relaxed(g: Any, p: Any, half: Any) -> tuple[Any, Any]:
    """Half a step of what is no noise common to all: decay, sources, and the strip between the two masks."""
    moved = tuple(half["kept"] * a + half["spread"] * b for a, b in zip(p, _across(g, half["normals"]), strict=True))
    one, other = (p[0] + moved[0]) / 2, (p[1] + moved[1]) / 2
    square, gain, decay, overlap = half["square"], half["gain"], half["decay"], half["overlap"]
    g = (
        decay * g[0] + gain * (square + one**2),
        overlap * (decay * g[1] + gain * (square + one * other)),
        decay * g[2] + gain * (square + other**2),
    )
    return g, moved


def _mean_inverse(before: Array, after: Array) -> Array:
    """The mean of 1/y over a step on which y is linear; infinite from 0."""
    gap = after - before
    near = jnp.abs(gap) < 1e-6 * after
    ratio = jnp.where(before > 0, after / jnp.where(before > 0, before, 1.0), jnp.inf)
    return jnp.where(near, 1 / after, jnp.log(ratio) / jnp.where(near, 1.0, gap))


def _across(g: Any, normals: Any) -> tuple[Array, Array]:
    """Two normals with the covariance [[g_11, -g_12/2], [-g_12/2, g_22]]."""
    first = jnp.sqrt(g[0])
    second = -g[1] / (2 * jnp.maximum(first, _TINY))
    third = jnp.sqrt(jnp.maximum(g[2] - second**2, 0.0))
    return first * normals[0], second * normals[0] + third * normals[1]


def _half_exponential(dh: Any, scalar: Array) -> tuple[Array, Array, Array]:
    """exp of half of sqrt(2) dH + scalar, entries 11, 12, 22; dh: dH_11/sqrt(2), dH_22/sqrt(2), dH_12."""
    half, off = (dh[0] - dh[1]) / 2, dh[2] / math.sqrt(2)
    distance = jnp.sqrt(half**2 + off**2 + _TINY)
    scale = jnp.exp((dh[0] + dh[1] + scalar) / 2)
    cosh, slope = scale * jnp.cosh(distance), scale * jnp.sinh(distance) / distance
    return cosh + slope * half, slope * off, cosh - slope * half


def _multiplied(g: Any, left: Any) -> tuple[Array, Array, Array]:
    """C A A C^T for g = C C^T, C lower triangular, and a symmetric A."""
    first = jnp.sqrt(g[0])
    second = g[1] / jnp.maximum(first, _TINY)
    third = jnp.sqrt(jnp.maximum(g[2] - second**2, 0.0))
    row, other = (
        (first * left[0], first * left[1]),
        (
            second * left[0] + third * left[1],
            second * left[1] + third * left[2],
        ),
    )
    return row[0] ** 2 + row[1] ** 2, row[0] * other[0] + row[1] * other[1], other[0] ** 2 + other[1] ** 2
