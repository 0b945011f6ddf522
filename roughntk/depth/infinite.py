"""Close to infinite depth: how the ReLU kernels and their coefficients approach their limits.

The limits themselves are values at infinite depth: `family.at_angle(theta, math.inf)` (off the diagonal
`family.limit_value`) and `rn.coefficients(family, X, x, depth=math.inf)`. ReLU NTK: K_L -> 1/4 for every pair of
distinct points, so K(X,X) -> (3/4) I + (1/4) 1 1^T and u -> 1/(n + 3) in every component off the data. ReLU NNGP:
rho_L -> 1 and u -> 1/n. Sigmoid composition: eta_L -> c at the rate lambda^L; the kernel matrix becomes singular, and u
tends to the solution of a bordered ("ordinary kriging") system made of the Koenigs function g of the map. For every
family u -> e_i when x is the training point x_i.
"""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.parameters import entries_within
from roughntk.maps.relu_flow import abel


def boundary_layer(s: Float[Array, "..."]) -> Float[Array, "..."]:
    """F(s) = ((1 + s)^4 - s^4) / (4 (1 + s)^3), the profile of the ReLU NTK in the layer theta_1 ~ 1/L.

    With theta_1 = 3 pi / (s L), K_L -> F(s) as L grows, with error about 1/L uniformly in s: F(0) = 1/4 away from the
    diagonal and F(inf) = 1 on it. The layer is why the limit of u_L is not continuous at the training points.

    >>> import roughntk as rn
    >>> float(rn.depth.boundary_layer(0.0)), float(rn.depth.boundary_layer(1.0))
    (0.25, 0.46875)
    """
    s = entries_within(s, "s", 0.0, math.inf)
    a = 1 / (1 + jnp.where(jnp.isinf(s), 0.0, s))
    # With a = 1/(1 + s): F = (1 - (1 - a)^4)/(4 a) = 1 - 3a/2 + a^2 - a^3/4, free of cancellation.
    profile = 1 + a * (-1.5 + a * (1 - a / 4))
    return jnp.where(jnp.isinf(s), 1.0, profile)


def kernel_expansion(theta, depth) -> Float[Array, "..."]:
    """First-order expansion of the ReLU NTK at fixed theta > 0, elementwise:

    K_L = 1/4 + (3/8) log L / L + (alpha(theta) - 3/2)/(4 L) + O(log^2 L / L^2), alpha the Abel time of the angle.

    >>> import roughntk as rn
    >>> error = rn.depth.kernel_expansion(1.0, 1e6) - rn.kernels.ReluNTK().at_angle(1.0, 1e6)
    >>> bool(abs(error) < 1e-9)
    True
    """
    theta, depth = entries_within(theta, "theta", 0.0, math.pi), entries_within(depth, "depth", 1.0, math.inf)
    settled = jnp.isinf(depth) & (theta > 0)
    finite = jnp.where(jnp.isinf(depth), 1.0, depth)
    terms = (3 / 8) * jnp.log(finite) / finite + (abel(theta) - 1.5) / (4 * finite)
    return 0.25 + jnp.where(settled, 0.0, terms)


def coefficient_expansion(X, x, depth: float) -> Float[np.ndarray, "n m"]:
    """First-order expansion of the ReLU NTK's coefficients, for test points off the data, shape (n, m):

    u_L = 1/(n+3) + (4/3) (I - J/(n+3)) (e - E 1/(n+3)) + O(log^2 L / L^2), with J = 1 1^T and E, e the expansion of
    K_L - 1/4 off the diagonal (:func:`kernel_expansion`), 0 on it.

    Raises:
        InputError: a test point coincides with a training point, where u is a unit vector at every depth.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(4, 3, seed=0), rn.sphere.uniform(1, 3, seed=1)
    >>> expansion = rn.depth.coefficient_expansion(X, x, 1e6)
    >>> bool(abs(expansion - rn.coefficients(rn.kernels.ReluNTK(), X, x, depth=1e6)).max() < 1e-9)
    True
    """
    X, x = sphere.check_points(X, x)
    depth = _checks.one_depth(depth)
    within, across = np.array(sphere.angles(X)), np.asarray(sphere.angles(X, x))
    same = np.argwhere(across <= sphere.SAME_ANGLE)
    if same.size:
        i, k = same[0]
        raise InputError(
            f"expected test points off the data, got test row {k} equal to training row {i}; its coefficients are the "
            f"unit vector e_{i} at every depth"
        )
    n = len(within)
    np.fill_diagonal(within, 1.0)  # any angle: the entry is replaced below
    E = np.asarray(kernel_expansion(within, depth)) - 0.25
    np.fill_diagonal(E, 0.0)
    right = np.asarray(kernel_expansion(across, depth)) - 0.25 - E.sum(axis=1, keepdims=True) / (n + 3)
    return 1 / (n + 3) + (4 / 3) * (right - right.sum(axis=0) / (n + 3))
