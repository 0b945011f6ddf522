"""The clocks: in which time the equation is integrated, and where on the path of systems it then is.

Between depths L and L + 1 the paper moves the kernel matrix along the straight segment

    A(t) = K_L + psi_D(2t - 1) (K_{L+1} - K_L),    psi_d(z) = 1 / (1 + exp(-2z / (d (1 - z^2)))),

with D = det K_L(X,X) det K_{L+1}(X,X) (``references.bib``: StArnaud2025, Definition 6). psi_D only re-times the
segment. D falls from 1e-2 at n = 10 to 1e-200 and less at n = 500, so that in t the path stands still except
in a layer of width about D around t = 1/2, far below the spacing of float64 numbers: an adaptive solver in t
steps over the layer and reports success. A clock therefore names the variable tau in which an equation is
integrated, with the position s(tau) on the path, and keeps D as its logarithm:

* :class:`ArcClock`: tau = s itself;
* :class:`PsiClock`: the layer's own time tau = logit psi, for which s(tau) = 1/(1 + e^{-tau}) exactly, whatever
  D is; t is recovered from tau and log D in closed form.

Along real depth l the path has finite length up to infinity on s = 1 - 1/l, but its derivative grows there like
log(1 - s). :class:`GradedClock` runs in a time in which that derivative vanishes at infinity.
"""

import abc
import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk import _checks


def psi(z: Float[Array, "..."], log_d: Float[Array, "..."]) -> Float[Array, "..."]:
    """psi_d(z) = 1/(1 + exp(-2z/(d (1 - z^2)))) on (-1, 1), 0 to the left and 1 to the right.

    Takes log d, since d itself underflows at a few hundred points. All derivatives vanish at z = -1 and 1; for
    d -> 0 psi_d tends to a step, with psi_d'(0) = 1/(2d).
    """
    return jax.nn.sigmoid(psi_logit(z, log_d))


def psi_logit(z: Float[Array, "..."], log_d: Float[Array, "..."]) -> Float[Array, "..."]:
    """logit psi_d(z) = 2z / (d (1 - z^2)), clipped to +-1e4, where psi_d is 0 or 1 to far below rounding."""
    inside = jnp.abs(z) < 1
    inner = jnp.where(inside, z, 0.0)
    zero = inner == 0
    size = jnp.where(zero, 1.0, jnp.abs(inner))
    exponent = jnp.log(2 * size) - jnp.log1p(-inner * inner) - log_d
    logit = jnp.exp(jnp.minimum(exponent, jnp.log(1e4)))
    # Near z = 0 the logit is 2z/d to first order: written so, its derivative there is not lost.
    slope = jnp.where(zero, 2 * inner * jnp.exp(jnp.minimum(-log_d, 700.0)), jnp.sign(inner) * logit)
    return jnp.where(inside, slope, jnp.sign(z) * 1e4)


class Clock(eqx.Module):
    """A time tau and the position s(tau) on a path of linear systems."""

    @property
    @abc.abstractmethod
    def knots(self) -> np.ndarray | Array:
        """Increasing times that a solver must step on; the first and last are start and stop."""

    @abc.abstractmethod
    def position(self, tau: Any) -> Array:
        """s(tau)."""

    @abc.abstractmethod
    def rate(self, tau: Any) -> Array:
        """ds/dtau."""


class SegmentClock(Clock):
    """A clock of the segment between two depths, positions in [0, 1], that knows the paper's time t in [0, 1]."""

    @abc.abstractmethod
    def paper_time(self, tau: Any) -> Array:
        """The paper's t in [0, 1]."""

    @abc.abstractmethod
    def position_at_paper_time(self, t: Any) -> Array:
        """s as a function of the paper's t."""


class ArcClock(SegmentClock):
    """tau = s: constant speed along the segment, the paper's path without its time change."""

    @property
    def knots(self) -> np.ndarray:
        return np.linspace(0.0, 1.0, 9)

    def position(self, tau):
        return jnp.asarray(tau)

    def rate(self, tau):
        return jnp.ones_like(jnp.asarray(tau))

    def paper_time(self, tau):
        return jnp.asarray(tau)

    def position_at_paper_time(self, t):
        return jnp.asarray(t)


class PsiClock(SegmentClock):
    """The paper's clock s = psi_D(2t - 1), run in the layer's own time tau = logit psi_D(2t - 1).

    Outside |tau| <= 40 psi is 0 or 1 to 4e-18. Knots two units of tau apart make sure that no solver can step
    over the layer, whose width in tau is about 4 for every D.
    """

    log_d: Array
    half_width = 40.0

    def __init__(self, log_d):
        self.log_d = jnp.asarray(log_d, dtype=float)

    @property
    def knots(self) -> np.ndarray:
        return np.linspace(-self.half_width, self.half_width, 41)

    def position(self, tau):
        # Exactly 0 and 1 at the ends, which stand for t = 0 and t = 1.
        inside = jax.nn.sigmoid(tau)
        return jnp.where(tau <= -self.half_width, 0.0, jnp.where(tau >= self.half_width, 1.0, inside))

    def rate(self, tau):
        return jax.nn.sigmoid(tau) * jax.nn.sigmoid(-tau)

    def paper_time(self, tau):
        """t = (1 + z)/2 with z = D tau / (1 + sqrt(1 + D^2 tau^2)), the root of tau = 2z/(D (1 - z^2)).

        Times closer to 1/2 than rounding come out as 1/2: use `log_offset` where the layer itself matters.
        """
        product = jnp.exp(jnp.minimum(self.log_d, 0.0)) * jnp.asarray(tau)
        return (1 + product / (1 + jnp.sqrt(1 + product * product))) / 2

    def log_offset(self, tau):
        """log |t - 1/2| at the layer time tau, exact even where t itself rounds to 1/2."""
        log_product = self.log_d + jnp.log(jnp.abs(tau))
        return log_product - jnp.log1p(jnp.sqrt(1 + jnp.exp(2 * log_product))) - jnp.log(2.0)

    def position_at_paper_time(self, t):
        return psi(2 * jnp.asarray(t) - 1, self.log_d)


class GradedClock(Clock):
    """Graded time tau of the path along real depth l, with the compact s = 1 - 1/l at it.

        1/l = r^4,    r = 1 - (1 - |tau|)^3,    |tau| in [0, 1].

    dK/dtau falls like r^3 log r at infinity (tau = 0). The cube opens the other end in the same way: the angle of
    antipodal points leaves pi like (l - 1)^(1/3), which is smooth in tau at l = 1 (|tau| = 1). Time runs upwards from
    start to stop: negative times go deeper, positive ones come back.
    """

    times: Float[Array, " k"]

    @property
    def knots(self) -> Array:
        return self.times

    def position(self, tau):
        """The position on the path: tau itself. (s would not do: near 1 it holds no depth beyond 1e16.)"""
        return jnp.asarray(tau)

    def rate(self, tau):
        """1."""
        return jnp.ones_like(jnp.asarray(tau, dtype=float))

    def depth(self, tau):
        """l = r^-4; infinity at tau = 0."""
        r = graded_root(jnp.abs(tau))
        end = r == 0
        return jnp.where(end, jnp.inf, jnp.where(end, 1.0, r) ** -4)

    def compact(self, tau):
        """s = 1 - 1/l in [0, 1]."""
        return -jnp.expm1(4 * jnp.log1p(-((1 - jnp.abs(tau)) ** 3)))

    def time(self, depth):
        """tau of a depth, with the sign of this clock's times."""
        return (1 if float(self.times[-1]) > 0 else -1) * graded_time(depth)


def graded_time(depth: float | Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    """|tau| of the depths: 1 at l = 1, 0 at l = infinity; 1 - (1 - r)^(1/3) with r = l^(-1/4), without cancellation."""
    depth = np.asarray(depth, dtype=float)
    q = np.cbrt(-np.expm1(-np.log(depth) / 4))
    return depth**-0.25 / (1 + q + q * q)


def graded_root(size):
    """r = 1 - (1 - |tau|)^3 at |tau|, without cancellation."""
    return size * (3 - size * (3 - size))


def graded_depth(size: float) -> float:
    """The depth at |tau|; beyond 1e100 it is infinity, which no kernel value tells from it."""
    r = graded_root(size)
    return max(1.0, r**-4) if r > 1e-25 else math.inf


CLOCKS: dict[str, Callable[[float], SegmentClock]] = {"arc": lambda log_d: ArcClock(), "psi": PsiClock}
"""The clocks of a segment by name, each made from log D."""


def clock(name: str, log_d: float) -> SegmentClock:
    """The clock of that name ("arc" or "psi"); `log_d` = log det K_L + log det K_{L+1}.

    Args:
        name: one of `CLOCKS`.
        log_d: log D, which only "psi" needs.

    Raises:
        InputError: another name (with the nearest one).

    >>> float(clock("psi", log_d=-460.0).position_at_paper_time(0.5))
    0.5
    """
    _checks.choice(name, tuple(CLOCKS), "clock")
    return CLOCKS[name](log_d)
