"""A family at real depth, in constant time, and its flow in depth as a diffrax term.

For the ReLU families the depth l is the time of the flow theta' = v(theta), S' = (r' v/r) S + r P' v, r = -v sin theta,
whose values at whole depths are the layer recursion itself (:mod:`roughntk.depth.iteration`). Importing this module
gives `ReluNTK` and `ReluNNGP` their real depth.
"""

import math

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk.depth import iteration
from roughntk.kernels import ReluNNGP, ReluNTK
from roughntk.kernels.rules import Deflated, RealDepth, register_deflation, register_real_depth

_TINY = 1e-17
"""Below this angle the flow's right-hand side is its leading term to rounding, and P' (theta^-5) nears overflow."""


def relu_ntk(family: ReluNTK, theta: Float[Array, "..."], depth: Float[Array, "..."]) -> Float[Array, "..."]:
    """K(l) = S(l)/l of the ReLU neural tangent kernel at the angle theta and the real depth l >= 1; 1/4 at infinity
    (1 at theta = 0)."""
    del family
    return iteration.ntk_kernel(theta, depth - 1)


def relu_nngp(family: ReluNNGP, theta: Float[Array, "..."], depth: Float[Array, "..."]) -> Float[Array, "..."]:
    """rho(l) = cos theta_l of the ReLU covariance at the real depth l >= 1; 1 at infinity."""
    del family
    return jnp.cos(iteration.flow(theta, depth - 1))


def deflated_nngp(family: ReluNNGP, theta: np.ndarray, depth: float) -> Deflated:
    """The ReLU covariance as 1 - 2 sin^2(theta_l/2), the largest defect taken out; at infinity all are equal."""
    del family
    if depth == math.inf:
        return Deflated.all_equal(theta)
    return Deflated.below_one(2 * np.sin(np.asarray(iteration.flow(theta, depth - 1)) / 2) ** 2)


register_real_depth(ReluNTK, RealDepth(relu_ntk))
register_deflation(ReluNNGP, deflated_nngp)
register_real_depth(ReluNNGP, RealDepth(relu_nngp))


def flow_field(depth, state: tuple[Array, Array], args=None) -> tuple[Array, Array]:
    """(l, (theta, S)) -> (theta', S'), the derivative of angle and NTK sum in real depth, elementwise.

        theta' = v(theta),    S' = (r'(theta) v(theta)/r(theta)) S + r(theta) P'(theta) v(theta)

    At theta = 0: theta' = 0, S' = 1. Valid for theta < pi: v is infinite at pi.
    """
    del depth, args
    theta, total = state
    small = theta < _TINY
    safe = jnp.where(small, 1.0, theta)
    one = jnp.ones_like(safe)
    v, dv = jax.jvp(iteration.generator, (safe,), (one,))
    _, dP = jax.jvp(iteration.principal_sum, (safe,), (one,))
    sine, cosine = jnp.sin(safe), jnp.cos(safe)
    r, dr = -sine * v, -cosine * v - sine * dv
    growth = jnp.where(small, 1 - theta / jnp.pi * total, dr * v / r * total + r * dP * v)
    return jnp.where(small, -(theta**2) / (3 * jnp.pi), v), growth


def flow_term() -> diffrax.ODETerm:
    """The depth flow (theta, S) as a diffrax term, to be integrated beside a user's own equations.

    Start from theta_1 in (0, pi) and S_1 = cos theta_1 at l = 1; S(l)/l is the kernel.
    """
    return diffrax.ODETerm(flow_field)
