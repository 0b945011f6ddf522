"""Predictions of an infinitely wide network, trained for a while or to convergence.

    f_t(x) = K(x,X) K(X,X)^{-1} (I - exp(-t K(X,X))) y,        f_inf(x) = u(x)^T y

for gradient flow on half the squared error from a network whose initial output is zero on average (the ensemble mean,
f_0 = 0; ``references.bib``: Lee2019, paper Propositions 3 and 6). The time t multiplies the normalised kernel K; a
time T that multiplies the unnormalised one is t = T L / (n0 2^{L-1}) in these units.
"""

import math

import numpy as np
from jaxtyping import Float

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels import KernelFamily, as_family
from roughntk.transport.coefficients import EPS, NotPositiveDefiniteError, check_directions, coefficients


def predict(
    family: KernelFamily, X, y, x, *, depth, time: float = math.inf, domain: str = "sphere"
) -> Float[np.ndarray, "m ..."]:
    """Ensemble-mean prediction at the test points after training for a time.

    Args:
        family: a kernel family.
        X: training points, unit distinct rows, shape (n, n0); with domain="euclidean", rows of any length in different
            directions.
        y: targets, shape (n,) or (n, k).
        x: test points, unit rows, shape (m, n0).
        depth: network depth, whole, real or infinite where the family allows it.
        time: t >= 0 in units of the normalised kernel; infinity is training to convergence.
        domain: "sphere", or "euclidean" for a homogeneous family: t then multiplies |x| |x'| K(x/|x|, x'/|x'|).

    Returns:
        f_t(x), shape (m,) or (m, k).

    Raises:
        InputError: targets of another length, NaN, negative time, or bad points (as for `coefficients`).
        NotPositiveDefiniteError: the kernel matrix is singular to working precision, or indefinite at a finite time.
    """
    family, depth = as_family(family), _checks.one_depth(depth)
    if _checks.choice(domain, ("sphere", "euclidean"), "domain") == "euclidean":
        X, _, x = check_directions(family, X, x)
    else:
        X, x = sphere.check_points(X, x)
    y = _checks.real_array(y, "y")
    if y.ndim not in (1, 2) or len(y) != len(X):
        raise InputError(f"expected one target for each of the {len(X)} training points, got y of shape {y.shape}")
    time = _checks.training_time(time)
    if time == math.inf:
        return coefficients(family, X, x, depth=depth, domain=domain).T @ y
    K, B = (np.asarray(family(X, Z, depth=depth, domain=domain)) for Z in (None, x))
    spectrum, Q = np.linalg.eigh(K)
    if spectrum[0] < -len(K) * EPS * spectrum[-1]:
        raise NotPositiveDefiniteError(
            f"expected a positive definite {family.name} kernel matrix at depth {depth} for a finite training time, "
            f"got the eigenvalue {spectrum[0]:.3g}: gradient flow diverges along it; train to convergence "
            f"(time=math.inf), or choose other points"
        )
    # (1 - exp(-t k))/k is t at k = 0: no eigenvalue is divided by, however small.
    safe = np.where(spectrum == 0, 1.0, spectrum)
    filtered = np.where(spectrum == 0, time, -np.expm1(-time * spectrum) / safe)
    return (Q.T @ B).T @ ((Q.T @ y).T * filtered).T
