"""Families of networks with the error function as activation: ordered, critical and chaotic phases.

With s = 2 q/(1 + 2 q), q = Sigma(x, x) (Williams 1997, ``references.bib``: Williams1998)

    E[erf(u) erf(u')] = (2/pi) arcsin(s c),    E[erf'(u) erf'(u')] = (4/pi) / sqrt((1 + 2 q)^2 - (2 q c)^2).
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from roughntk._checks.parameters import number
from roughntk.kernels.architecture import LEAST_VARIANCE, ODD, ActivationArchitecture, Duals, Variance
from roughntk.kernels.base import View
from roughntk.kernels.engine.growth import ROUNDED, Growth
from roughntk.kernels.layered import LayeredFamily

_SMALL_VARIANCE = 0.02
_ARC_TERMS = 8  # of the arctangent's series, below that variance to 1e-25
_NEWTON_STEPS = 600
"""More than the halvings that lead from the largest variance to the least one, at the double root q = 0."""


class Erf(ActivationArchitecture):
    """The erf network.

        Sigma_1 = sigma_w^2 v rho + sigma_b^2,    Sigma_{L+1} = sigma_w^2 E[erf(u) erf(u')] + sigma_b^2,
        Theta_1 = Sigma_1,    Theta_{L+1} = Theta_L sigma_w^2 E[erf'(u) erf'(u')] + Sigma_{L+1}

    Args:
        weight_variance: sigma_w^2 > 0.
        bias_variance: sigma_b^2 >= 0.
        input_variance: v = |x|^2/n0 of the inputs, > 0.

    >>> network = Erf(1.5, 0.1)
    >>> network.ntk
    ErfNTK(weight_variance=1.5, bias_variance=0.1, input_variance=1.0)
    """

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        super().__init__(weight_variance, bias_variance, input_variance)

    @property
    def ntk(self) -> "ErfNTK":
        return ErfNTK.of(self)

    @property
    def nngp(self) -> "ErfNNGP":
        return ErfNNGP.of(self)

    @classmethod
    def critical(cls, bias_variance=0.1, input_variance=1.0):
        """The network at the sigma_w^2 where chi = 1 for this sigma_b^2."""
        noise = float(number(bias_variance, "bias_variance", least=0.0))
        return cls(_critical_weight_variance(noise), noise, input_variance)

    @property
    def parity(self):
        return ODD

    def moments(self, variance):
        return (2 / jnp.pi) * jnp.arctan2(*_sine(variance)), (4 / jnp.pi) / jnp.sqrt(1 + 4 * variance)

    def duals(self, variance, gap, opposite):
        arc, lost = _arc_and_lost(variance, gap)
        return Duals(arc / jnp.arctan2(*_sine(variance)), opposite, lost, jnp.zeros_like(gap))

    def growth(self, prepared, state, position, opposite, settled):
        q, gap = state.variance, position
        # log(Sigma'/Sigma) and log omega = log(chi Sigma/Sigma'), by log1p where variances are small
        first = self.weight_variance * (4 / jnp.pi)
        small = q < _SMALL_VARIANCE
        safe = jnp.where(small, q, _SMALL_VARIANCE)
        noise = jnp.where(self.bias_variance > 0, self.bias_variance / jnp.maximum(q, 1e-300), 0.0)
        less = _arc_over_sine(safe)
        near = jnp.log1p((first - 1) + first * less + noise), -jnp.log1p(4 * safe) / 2 - jnp.log1p(less + noise / first)
        large = jnp.log(self.next_variance(q) / jnp.maximum(q, 1e-300))
        growth = jnp.where(small, near[0], large)
        omega = jnp.where(small, near[1], jnp.log(self.gain(q)) - large)
        omega = jnp.where(settled & (jnp.abs(omega) <= ROUNDED), 0.0, omega)
        growth = jnp.where(settled, 0.0, growth)
        # the gap over omega times it before: sines first, then what the arcsine adds
        s, root = _sine(q)
        arc, lost = _arc_and_lost(q, gap)
        outer = jnp.sqrt(root * root + s * s * gap * (2 - gap))
        factor = -s * s * (s * s * (2 - gap) / (outer + root) * gap + root * gap) / (outer + root)
        sine = gap * s * (root + s * s * (2 - gap) / (outer + root))
        bent = sine < 0.05
        square = jnp.where(bent, sine, 0.0) ** 2
        series = square * (1 / 6 + square * (3 / 40 + square * (15 / 336 + square * (105 / 3456))))
        beyond = jnp.where(bent, series, arc / jnp.where(bent, 1.0, sine) - 1)
        moved = omega + jnp.log1p(factor) + jnp.log1p(beyond)
        pull = 2 * self.bias_variance / self.next_variance(q) / (jnp.maximum(gap, 1e-300) * jnp.exp(moved))
        moved = moved + jnp.where(opposite > 0, jnp.log1p(pull), 0.0)
        return Growth(growth, growth, omega, moved, lost, gap * jnp.exp(moved))

    def settled(self):
        """At the largest q = F(q), F(q) = sigma_w^2 (2/pi) arcsin(2 q/(1 + 2 q)) + sigma_b^2, by Newton's method.

        F is concave and at most sigma_w^2 + sigma_b^2: from there the steps fall until rounding ends them, also where
        q is a double root. Derivatives are those of the implicit function.
        """

        def miss(q):
            return self.next_variance(q) - q

        def newton(miss, start):
            def body(carry):
                count, q, _ = carry
                value, slope = jax.jvp(miss, (q,), (jnp.ones_like(q),))
                falls = (slope < 0) & (value < 0) & (q > LEAST_VARIANCE)
                moved = jnp.maximum(q - value / jnp.where(falls, slope, -1.0), LEAST_VARIANCE)
                return count + 1, jnp.where(falls, moved, q), falls & (moved < q)

            going = (jnp.zeros((), int), start, jnp.asarray(True))
            return lax.while_loop(lambda carry: carry[2] & (carry[0] < _NEWTON_STEPS), body, going)[1]

        start = lax.stop_gradient(self.weight_variance + self.bias_variance)
        variance = lax.custom_root(miss, start, newton, lambda linear, y: y / linear(jnp.ones_like(y)))
        return Variance(jnp.zeros(()), variance), self.gain(variance)

    @property
    def variance_vanishes(self):
        # sigma_w^2 (2/pi) arcsin(2 q/(1 + 2 q)) < q for all q > 0
        return bool((self.bias_variance == 0) & (self.weight_variance <= jnp.pi / 4))


def _arc_and_lost(variance: Array, gap: Array) -> tuple[Array, Array]:
    """At a gap g = 1 - |c|: arcsin s - arcsin(s |c|), and 1 - E[erf' erf']/E[erf'^2]; nothing cancels."""
    s, root = _sine(variance)
    kept = 1 - gap
    beyond = s * s * gap * (1 + kept)
    outer = jnp.sqrt(root * root + beyond)  # sqrt(1 - s^2 c^2)
    sine = gap * s * (root + s * s * (1 + kept) / (outer + root))
    return jnp.arctan2(sine, root * outer + s * s * kept), beyond / (outer * (outer + root))


def _arc_over_sine(q: Array) -> Array:
    """arcsin(s)/(2 q) - 1 for small q: arctan(y)/y/sqrt(1 + 4 q) - 1, y = 2 q/sqrt(1 + 4 q)."""
    square = 4 * q * q / (1 + 4 * q)
    terms = jnp.zeros_like(q)
    for k in range(_ARC_TERMS, 0, -1):
        terms = square * ((-1) ** k / (2 * k + 1) + terms)
    return terms / jnp.sqrt(1 + 4 * q) + jnp.expm1(-jnp.log1p(4 * q) / 2)


def _sine(variance: Array) -> tuple[Array, Array]:
    """s = 2 q/(1 + 2 q) and sqrt(1 - s^2): the arctangent of both keeps the digits of arcsin s where s rounds to 1."""
    return 2 * variance / (1 + 2 * variance), jnp.sqrt(1 + 4 * variance) / (1 + 2 * variance)


def _critical_weight_variance(noise: float) -> float:
    """sigma_w^2 with chi(q*) = 1: sigma_w^2 = (pi/4) sqrt(1 + 4 q), and q = sigma_w^2 (2/pi) arcsin(s) + noise."""
    if noise == 0:
        return float(jnp.pi / 4)

    def miss(q):
        return q - noise - jnp.sqrt(1 + 4 * q) / 2 * jnp.arcsin(2 * q / (1 + 2 * q))

    low, high = jnp.asarray(0.0), jnp.asarray(1.0)
    high = lax.while_loop(lambda h: miss(h) < 0, lambda h: 2 * h, high)

    def halve(_, ends):
        middle = (ends[0] + ends[1]) / 2
        below = miss(middle) < 0
        return jnp.where(below, middle, ends[0]), jnp.where(below, ends[1], middle)

    q = lax.fori_loop(0, 200, halve, (low, high))[1]
    return float(jnp.pi / 4 * jnp.sqrt(1 + 4 * q))


class ErfNTK(LayeredFamily):
    """Normalised tangent kernel of the erf network; arguments as for :class:`Erf`.

    With chi = sigma_w^2 E[erf'^2] at the fixed point q* of the variance: at chi < 1 (ordered) all entries of the
    normalised kernel tend to 1, at chi = 1 (:meth:`critical`) those off the diagonal to 1/3, at chi > 1 (chaotic) to 0.
    Without biases and at sigma_w^2 <= pi/4 the variance falls to 0, layers become linear, and each pair keeps a limit
    of its own, which is known by measurement only (`classify`).

    >>> import roughntk as rn
    >>> round(float(rn.kernels.ErfNTK.critical().at_correlation(0.5, float("inf"))), 6)
    0.333333
    """

    name = "erf-ntk"
    symbol = "K"
    is_tangent = True
    network = Erf

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        View.__init__(self, weight_variance, bias_variance, input_variance)


class ErfNNGP(LayeredFamily):
    """Normalised covariance of the erf network; arguments as for `Erf`. It tends to 1, or to c* < 1 if chaotic.

    >>> import roughntk as rn
    >>> float(rn.kernels.ErfNNGP(1.5, 0.5).at_correlation(0.0, 1))  # 0.5 of 2 is the biases' share
    0.25
    """

    name = "erf-nngp"
    symbol = "\\rho"
    network = Erf

    def __init__(self, weight_variance=1.5, bias_variance=0.1, input_variance=1.0):
        View.__init__(self, weight_variance, bias_variance, input_variance)


__all__ = ["Erf", "ErfNNGP", "ErfNTK"]
