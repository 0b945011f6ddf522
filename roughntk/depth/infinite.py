"""Infinite depth: what the kernels and the coefficients tend to.

ReLU NTK: K_L -> 1/4 for every pair of distinct points, so K(X,X) -> (3/4) I + (1/4) 1 1^T and u -> 1/(n + 3) in
every component off the data. ReLU NNGP: rho_L -> 1 and u -> 1/n. Sigmoid composition: eta_L -> c at the rate
lambda^L; the kernel matrix becomes singular, and u tends to the solution of a bordered ("ordinary kriging") system
made of the Koenigs function g of the map. For every family u -> e_i when x is the training point x_i.
"""

import math

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.depth.proportional import JointLimit, harmonics, joint, ridge_predict
from roughntk.kernels import KernelFamily, ReluNTK, as_family
from roughntk.linalg import bordered_solve
from roughntk.maps.relu_flow import _within, abel

__all__ = [
    "JointLimit", "boundary_layer", "coefficient_expansion", "harmonics", "joint",
    "kernel_expansion", "limit_coefficients", "limit_kernel", "limit_value", "ridge_predict",
]  # fmt: skip


def limit_value(family: KernelFamily) -> float:
    """Limit of the kernel between two distinct points as the depth grows."""
    return as_family(family).limit_value


def limit_coefficients(family: KernelFamily, X, x) -> Float[np.ndarray, "n m"]:
    """lim u_L = lim K_L(X,X)^{-1} K_L(X,x) as the depth L grows, shape (n, m).

    Where all entries of the kernel tend to one value (`family.collapses`), u solves the bordered system of the
    deflated kernel at infinite depth. Where K tends to (1 - r) I + r 1 1^T, u is off the data

        u = r/(1 + (n - 1) r) in every component;

    elsewhere it solves the system of the kernel at infinite depth.

    Args:
        family: a kernel family whose limit is known.
        X: training points, unit distinct rows, shape (n, n0).
        x: test points, unit rows, shape (m, n0).

    Raises:
        InputError: bad or equal rows, a family whose limit is not known, a singular system, JAX in 32-bit mode.
    """
    family = as_family(family)
    _checks.require_x64("limit_coefficients")
    theta = sphere.joint_angles(*sphere.check_points(X, x))
    n = len(theta)
    same = theta[:, n:] == 0
    try:
        if family.collapses:
            system = family.deflated(theta, math.inf)
            G, g = system.values[:, :n], system.values[:, n:]
            off = bordered_solve(G, g, 0.0) if system.level else np.linalg.solve(G, g)
        elif isinstance(family, ReluNTK):
            off = np.full(same.shape, family.limit_value / (1 + (n - 1) * family.limit_value))
        else:
            both = np.asarray(family.at_angle(jnp.asarray(theta), math.inf))
            off = np.linalg.solve(both[:, :n], both[:, n:])
    except np.linalg.LinAlgError:
        raise InputError(
            f"expected a regular {family.name} system at infinite depth, got a singular one; move nearly equal or "
            f"opposite points apart, or choose a finite depth"
        ) from None
    return np.where(same.any(axis=0), same, off) * 1.0


def limit_kernel(family: KernelFamily, theta: Float[Array, "..."]) -> Float[Array, "..."]:
    """Kernel at infinite depth at the angle theta, its value on the diagonal at 0."""
    return as_family(family).at_angle(theta, math.inf)


def boundary_layer(s: Float[Array, "..."]) -> Float[Array, "..."]:
    """F(s) = ((1 + s)^4 - s^4) / (4 (1 + s)^3), the profile of the ReLU NTK in the layer theta_1 ~ 1/L.

    With theta_1 = 3 pi / (s L), K_L -> F(s) as L grows, with error about 1/L uniformly in s: F(0) = 1/4 away from the
    diagonal and F(inf) = 1 on it. The layer is why the limit of u_L is not continuous at the training points.
    """
    s = _within(s, "s", 0.0, math.inf)
    a = 1 / (1 + jnp.where(jnp.isinf(s), 0.0, s))
    # With a = 1/(1 + s): F = (1 - (1 - a)^4)/(4 a) = 1 - 3a/2 + a^2 - a^3/4, free of cancellation.
    profile = 1 + a * (-1.5 + a * (1 - a / 4))
    return jnp.where(jnp.isinf(s), 1.0, profile)


def kernel_expansion(theta, depth) -> Float[Array, "..."]:
    """First-order expansion of the ReLU NTK at fixed theta > 0, elementwise:

    K_L = 1/4 + (3/8) log L / L + (alpha(theta) - 3/2)/(4 L) + O(log^2 L / L^2), alpha the Abel time of the angle.
    """
    theta, depth = _within(theta, "theta", 0.0, math.pi), _within(depth, "depth", 1.0, math.inf)
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
