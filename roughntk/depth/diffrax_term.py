"""The depth flow of the ReLU families as a term for a user's own equations in diffrax.

For the ReLU families the depth l is the time of the flow theta' = v(theta), S' = (r' v/r) S + r P' v, r = -v sin theta,
whose values at whole depths are the layer recursion itself (:mod:`roughntk.maps.relu_flow`).
"""

from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jaxtyping import Array

from roughntk.maps import relu_flow

if TYPE_CHECKING:
    import diffrax

_TINY = 1e-17
"""Below this angle the flow's right-hand side is its leading term to rounding, and P' (theta^-5) nears overflow."""


def flow_field(depth, state: tuple[Array, Array], args=None) -> tuple[Array, Array]:
    """(l, (theta, S)) -> (theta', S'), the derivative of angle and NTK sum in real depth, elementwise.

        theta' = v(theta),    S' = (r'(theta) v(theta)/r(theta)) S + r(theta) P'(theta) v(theta)

    At theta = 0: theta' = 0, S' = 1. Valid for theta < pi: v is infinite at pi.

    >>> import roughntk as rn
    >>> import jax.numpy as jnp
    >>> angle, total = rn.depth.flow_field(2.0, (jnp.array(1.0), jnp.array(1.0)))
    >>> bool(angle < 0 < total)
    True
    """
    del depth, args
    theta, total = state
    small = theta < _TINY
    safe = jnp.where(small, 1.0, theta)
    one = jnp.ones_like(safe)
    v, dv = jax.jvp(relu_flow.generator, (safe,), (one,))
    _, dP = jax.jvp(relu_flow.principal_sum, (safe,), (one,))
    sine, cosine = jnp.sin(safe), jnp.cos(safe)
    r, dr = -sine * v, -cosine * v - sine * dv
    growth = jnp.where(small, 1 - theta / jnp.pi * total, dr * v / r * total + r * dP * v)
    return jnp.where(small, -(theta**2) / (3 * jnp.pi), v), growth


def flow_term() -> "diffrax.ODETerm":
    """The depth flow (theta, S) as a diffrax term, to be integrated beside a user's own equations.

    Start from theta_1 in (0, pi) and S_1 = cos theta_1 at l = 1; S(l)/l is the kernel.

    >>> import roughntk as rn
    >>> type(rn.depth.flow_term()).__name__
    'ODETerm'
    """
    import diffrax  # heavy, and needed by nothing else in `roughntk.depth`

    return diffrax.ODETerm(flow_field)
