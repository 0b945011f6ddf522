"""The paper's bridge between two consecutive depths, and the clocks in which it can be run.

Between depths L and L + 1 the paper moves the kernel matrix along the straight segment

    A(t) = K_L + psi_D(2t - 1) (K_{L+1} - K_L),    psi_d(z) = 1 / (1 + exp(-2z / (d (1 - z^2)))),

with D = det K_L(X,X) det K_{L+1}(X,X) (``references.bib``: StArnaud2025, Definition 6). psi_D only re-times the
segment. D falls from 1e-2 at n = 10 to 1e-200 and less at n = 500, so that in t the path stands still except
in a layer of width about D around t = 1/2, far below the spacing of float64 numbers: an adaptive solver in t
steps over the layer and reports success. A clock therefore names the variable tau in which an equation is
integrated, with the segment position s(tau) in [0, 1], and keeps D as its logarithm:

* :class:`ArcClock`: tau = s itself;
* :class:`PsiClock`: the layer's own time tau = logit psi, for which s(tau) = 1/(1 + e^{-tau}) exactly, whatever
  D is; t is recovered from tau and log D in closed form.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk import _checks

CLOCKS = ("arc", "psi")


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
    """A time tau in [start, stop] and the position s(tau) in [0, 1] on the segment between two depths."""

    @property
    @abc.abstractmethod
    def knots(self) -> np.ndarray:
        """Times that a solver must step on; the first and last are start and stop."""

    @abc.abstractmethod
    def position(self, tau: Array) -> Array:
        """s(tau)."""

    @abc.abstractmethod
    def rate(self, tau: Array) -> Array:
        """ds/dtau."""

    @abc.abstractmethod
    def paper_time(self, tau: Array) -> Array:
        """The paper's t in [0, 1]."""

    @abc.abstractmethod
    def position_at_paper_time(self, t: Array) -> Array:
        """s as a function of the paper's t."""


class ArcClock(Clock):
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


class PsiClock(Clock):
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


def clock(name: str, log_d: float) -> Clock:
    """The clock of that name ("arc" or "psi"); `log_d` = log det K_L + log det K_{L+1}."""
    _checks.choice(name, CLOCKS, "clock")
    return ArcClock() if name == "arc" else PsiClock(log_d)
