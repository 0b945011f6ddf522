"""Infinite depth: what the kernels and the coefficients tend to.

ReLU NTK: K_L -> 1/4 for every pair of distinct points, so K(X,X) -> (3/4) I + (1/4) 1 1^T and u -> 1/(n + 3) in
every component off the data. ReLU NNGP: rho_L -> 1 and u -> 1/n. Sigmoid composition: eta_L -> c at the rate
lambda^L; the kernel matrix becomes singular, and u tends to the solution of a bordered ("ordinary kriging") system
made of the Koenigs function g of the map. For every family u -> e_i when x is the training point x_i.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from roughntk import sphere
from roughntk._checks import InputError
from roughntk.kernels import KernelFamily, ReluNNGP, ReluNTK, SigmoidComposition
from roughntk.kernels.recursion import sigmoid_displacement, sigmoid_fixed_point

_KOENIGS_LAYERS = 40  # lambda^40 = 1e-22: the remaining displacement is below rounding


def limit_value(family: KernelFamily) -> float:
    """Limit of the kernel between two distinct points as the depth grows."""
    if isinstance(family, ReluNTK):
        return 0.25
    if isinstance(family, ReluNNGP):
        return 1.0
    if isinstance(family, SigmoidComposition):
        return sigmoid_fixed_point()[0]
    raise InputError(f"expected a family whose limit is known, got {type(family).__name__}")


def limit_coefficients(family: KernelFamily, X, x) -> Float[np.ndarray, "n m"]:
    """lim u_L = lim K_L(X,X)^{-1} K_L(X,x) as the depth L grows, shape (n, m).

    Args:
        family: ReluNTK, ReluNNGP or SigmoidComposition.
        X: training points, unit distinct rows, shape (n, n0).
        x: test points, unit rows, shape (m, n0).
    """
    across = np.asarray(sphere.angles(X, x))
    n = len(across)
    if isinstance(family, SigmoidComposition):
        within = np.asarray(sphere.angles(X))
        G, g = (np.asarray(sigmoid_displacement(jnp.cos(theta), _KOENIGS_LAYERS)[-1]) for theta in (within, across))
        return bordered_solve(G, g, 0.0)
    same = across <= sphere.SAME_ANGLE
    if isinstance(family, ReluNTK):
        return np.where(same.any(axis=0), same, 1 / (n + 3)) * 1.0
    if isinstance(family, ReluNNGP):
        return np.where(same.any(axis=0), same, 1 / n) * 1.0
    raise InputError(f"expected a family whose limit is known, got {type(family).__name__}")


def bordered_solve(G, g, ratio: float) -> Float[np.ndarray, "n m"]:
    """Coefficients of K = c 1 1^T + s G, b = c 1 + s g, without forming K: the bordered system

        [ G    1    ] [ u  ]   [ g ]
        [ 1^T -s/c  ] [ mu ] = [ 1 ]

    which stays well conditioned as s/c -> 0, where K itself becomes singular. `ratio` is s/c.
    """
    n = len(G)
    system = np.block([[np.asarray(G), np.ones((n, 1))], [np.ones((1, n)), np.full((1, 1), -ratio)]])
    right = np.concatenate([np.asarray(g), np.ones((1, g.shape[1]))])
    return np.linalg.solve(system, right)[:n]
