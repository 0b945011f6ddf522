"""One layer of a (leaky) ReLU on an angle, and on the defect 1 - cos theta, with derivatives at both ends.

For phi(u) = max(u, 0) + slope min(u, 0) and with kappa = (1 - slope)^2/(1 + slope^2) in (0, 2], the normalised duals
are

    h(c) = c + kappa (sin theta - theta cos theta)/pi,      h'(c) = 1 - kappa theta/pi,      theta = arccos c

(ChoSaul2009; kappa = 1 is the ReLU, 2 the absolute value).
"""

import jax
import jax.numpy as jnp
from jax import Array

from roughntk.maps.duals import arccos, bracket, supplement

STEEPEST_SLOPE = 0.95
"""Real depth is offered for slopes up to this one: beyond it, singularities of the germ accumulate at pi."""


def relu_angle_layer(theta: Array, kappa: Array, omega: Array, lack: Array | None = None) -> Array:
    """arccos(1 - omega (1 - h_kappa(cos theta))) on [0, pi]; all derivatives are finite at both ends.

    Near 0 it is 2 arcsin((theta/2) sqrt(omega G)), G entire. From pi/2 on a kappa above 1 folds the circle, and the
    same is done in s = pi - theta: 1 - h = (2 - kappa) + (kappa - 1)(1 - cos s) - kappa (sin s - s cos s)/pi. `lack` is
    2 - kappa, for those who know it without cancellation.
    """
    lack = 2 - kappa if lack is None else lack
    fold = (kappa > 1) & (theta > jnp.pi / 2)
    absolute = fold & (lack == 0)
    near = jnp.where(fold & ~absolute, 1.0, jnp.where(absolute, supplement(theta), theta))
    sinc = jnp.sinc(near / (2 * jnp.pi))
    growth = sinc * sinc - (2 / jnp.pi) * kappa * near * bracket(near)
    # kappa in (1, 2), beyond pi/2
    far = jnp.where(fold & ~absolute, supplement(theta), 1.0)
    middle = jnp.where(fold & ~absolute, kappa, 1.5)
    short = jnp.where(fold & ~absolute, lack, 0.5)
    versine = short + (middle - 1) * 2 * jnp.sin(far / 2) ** 2 - middle * far**3 * bracket(far) / jnp.pi
    half = jnp.where(fold & ~absolute, jnp.sqrt(versine / 2), near / 2 * jnp.sqrt(growth))
    return 2 * jnp.arcsin(jnp.sqrt(omega) * half)


@jax.custom_jvp
def relu_bracket(defect: Array) -> Array:
    """(sin theta - theta cos theta)/pi as a function of the defect 1 - cos theta; its derivative is theta/pi."""
    theta = _angle(defect)
    return theta**3 * bracket(theta) / jnp.pi


@relu_bracket.defjvp
def _relu_bracket_jvp(primals, tangents):
    return relu_bracket(primals[0]), relu_turn(primals[0]) * tangents[0]


@jax.custom_jvp
def relu_turn(defect: Array) -> Array:
    """theta/pi as a function of the defect; its derivative, infinite at c = 1 and -1, is replaced by 0 there."""
    return _angle(defect) / jnp.pi


@relu_turn.defjvp
def _relu_turn_jvp(primals, tangents):
    (defect,) = primals
    inside = (defect > 0) & (defect < 2)
    root = jnp.sqrt(jnp.where(inside, defect * (2 - defect), 1.0))
    return relu_turn(defect), jnp.where(inside, tangents[0] / (jnp.pi * root), 0.0)


def _angle(defect: Array) -> Array:
    return jnp.where(defect < 1, 2 * jnp.arcsin(jnp.sqrt(jnp.minimum(defect, 1.0) / 2)), arccos(1 - defect))
