"""Depth and data that grow together: n training points, depth L, n/L -> gamma.

At fixed n the limit of depth is trivial: away from the training points the predictor tends to a multiple of the sum
of the targets. When n grows in proportion to L it is not. To first order in 1/L the ReLU kernels are affine in the
Abel time alpha(theta) of the angle (`roughntk.maps.relu_flow.abel`), off the diagonal:

    NTK:   4 L K_L      = L + (3/2) log L - 3/2 + alpha(theta) + ...,                  4 L on the diagonal,
    NNGP:  (L/2a) rho_L = (1 - a) L/(2a) + (3/2) log L - 1 + alpha(theta) + ...,     L/(2a) on the diagonal,

with a = 9 pi^2/(2 L^2). alpha is infinite at theta = 0, but the diagonal of the kernel is finite. So the matrix to use
is A, A_ij = alpha(theta_ij) with zeros on the diagonal, and what the diagonal of the kernel has beyond the constant is
a ridge: 3 L (NTK) or L/2 (NNGP), up to O(log L). Another number on the diagonal of A is the same as a ridge smaller by
it. The constant itself has a weight of order L (NTK) or L^3 (NNGP) and is free in the limit. Hence kernel ridge
regression with the kernel alpha, the ridge 3 L or L/2, and an unpenalised constant.

Data uniform on S^{d-1}: A/n tends to the integral operator of alpha, whose eigenvalues are, on harmonics of degree k,

    lam_k = int_0^pi alpha(theta) P_k(cos theta) sin^{d-2}(theta) dtheta / int_0^pi sin^{d-2}(theta) dtheta,

P_k the Gegenbauer polynomial of the sphere with P_k(1) = 1. So a harmonic of degree k >= 1 in the targets comes out
multiplied by gamma lam_k/(gamma lam_k + 3) (NTK) or 2 gamma lam_k/(2 gamma lam_k + 1) (NNGP), degree 0 by 1.

Why d >= 4. alpha = 3 pi/theta + ... near 0. lam_k is finite for d >= 3 and infinite for d = 2. That A/n is near its
operator follows from the law of large numbers for alpha^2, whose mean is finite for d >= 4. The same bound keeps all
pairs out of the layer theta ~ 1/L, where K_L is not affine in alpha: the smallest of n^2/2 angles is of order
n^{-2/(d-1)}.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk.kernels import KernelFamily, ReluNNGP, ReluNTK, as_family
from roughntk.linalg import Factor
from roughntk.maps import relu_flow as iteration

_RIDGE: dict[type[KernelFamily], float] = {ReluNTK: 3.0, ReluNNGP: 0.5}  # ridge per layer
_NODES = 32  # Gauss points in a panel: exact for polynomials of degree 63
_MOST_DEGREE = 10_000  # beyond, the recursion of the polynomials takes minutes
_MOST_DIMENSION = 1_000_000
_MOST_RATIO = 1e100  # times eigenvalues it must not overflow
_BLOCK = 2**15  # angles whose Abel time is computed at once
_GRADING = 4  # theta = (pi/2) u^4 near 0 turns theta^(d-2) log theta into u^(4d-5) log u


@dataclasses.dataclass(frozen=True)
class JointLimit:
    """What depth L and n = gamma L uniform points on S^{d-1} do to each harmonic of the targets.

    Attributes:
        family: ReluNTK or ReluNNGP.
        dimension: d, of the space around the sphere S^{d-1}.
        gamma: limit of n/L.
        time: t, in units of the normalised kernel K; infinity is training to convergence.
        degrees: k, shape (number of degrees,).
        eigenvalues: lam_k of the kernel alpha, same shape.
        rates: for k >= 1 the limits of the eigenvalues of K_L(X,X): (3 + gamma lam_k)/4. For the NNGP, of L^2 times
            them: (9 pi^2/2) (1 + 2 gamma lam_k). Infinite for k = 0, whose eigenvalue grows like n/4 (NNGP: n).
        factors: what the predictor multiplies a harmonic of degree k by, same shape; 1 for k = 0 and t > 0 (at finite
            n it is about n/(n + 3) for the NTK).
        ridge_per_layer: the ridge divided by L in the regression with kernel alpha: 3, or 1/2 for the NNGP.
    """

    family: KernelFamily
    dimension: int
    gamma: float
    time: float
    degrees: Int[np.ndarray, " k"]
    eigenvalues: Float[np.ndarray, " k"]
    rates: Float[np.ndarray, " k"]
    factors: Float[np.ndarray, " k"]
    ridge_per_layer: float


@dataclasses.dataclass(frozen=True)
class RidgePrediction:
    """Kernel ridge regression with the kernel alpha: f(x) = sum_i weights_i alpha(theta(x, x_i)) + constant.

    Attributes:
        values: f(x), shape (m,) or (m, k).
        weights: shape (n,) or (n, k).
        constant: shape () or (k,).
        ridge: what was added to the zero diagonal.
        residual: largest entry by which the linear system is missed, in units of the largest target.
    """

    values: Float[np.ndarray, "m ..."]
    weights: Float[np.ndarray, "n ..."]
    constant: Float[np.ndarray, "..."]
    ridge: float
    residual: float


def joint(
    family: KernelFamily, dimension: int, gamma: float, *, degrees: Sequence[int] = (0, 1, 2, 3), time: float = math.inf
) -> JointLimit:
    """The predictor as n, L -> infinity with n/L -> gamma, on uniform data, harmonic by harmonic.

        NTK:   gamma lam_k/(gamma lam_k + 3) (1 - exp(-t (3 + gamma lam_k)/4)),    k >= 1
        NNGP:  2 gamma lam_k/(2 gamma lam_k + 1),                                  k >= 1, t = infinity

    Degree 0 has factor 1 as soon as t > 0: its eigenvalue in K_L(X,X) is about n/4, so that it is learnt at once, and
    its share n/(n + 3) tends to 1. The formulas rest on expansions of the kernel and are checked against the predictor
    at finite depth (docs/pages/explanation/joint-limit.md).

    Args:
        family: ReluNTK or ReluNNGP.
        dimension: d >= 4; the points are uniform on S^{d-1} in R^d.
        gamma: limit of n/L, positive and finite.
        degrees: degrees k of the harmonics.
        time: training time t >= 0 in units of the normalised kernel K (ReluNTK only).

    Raises:
        InputError: another family; d < 4; gamma not positive; bad degrees; negative time; a finite time for ReluNNGP,
            whose eigenvalues fall like 1/L^2, so that no harmonic of degree >= 1 is learnt in a fixed time.

    >>> import roughntk as rn
    >>> limit = rn.depth.joint(rn.kernels.ReluNTK(), 5, 0.5)
    >>> limit.degrees.tolist(), bool(limit.factors[1] > limit.factors[2])
    ([0, 1, 2, 3], True)
    """
    family, ridge = _ridge_per_layer(family)
    dimension = _checks.integer(dimension, "dimension", least=1, most=_MOST_DIMENSION)
    if dimension < 4:
        raise InputError(
            f"expected a dimension of at least 4, got {dimension}; the limit rests on a finite mean square of alpha ~ "
            f"3 pi/theta on S^(d-1), which begins at d = 4: use more dimensions (rn.sphere.lift adds one)"
        )
    gamma = _checks.number(gamma, "gamma = n/L", above=0, below=_MOST_RATIO, remedy="give points over layers")
    time = _checks.training_time(time)
    lam = harmonics(dimension, degrees)
    ks = np.array(_whole_degrees(degrees))
    load = gamma * lam / ridge
    ntk = isinstance(family, ReluNTK)
    if not ntk and time != math.inf:
        raise InputError(
            f"expected time = math.inf for {family.name}, got {time}; its eigenvalues are JointLimit.rates / L^2, so a "
            f"harmonic of degree k >= 1 is learnt up to 1 - exp(-time rates_k / L^2), which tends to 0 at a fixed time"
        )
    rates = np.where(ks == 0, math.inf, (0.75 if ntk else 4.5 * math.pi**2) * (1 + load))
    fitted = np.where(ks == 0, float(time > 0), -np.expm1(-time * rates) if time > 0 else 0.0)
    factors = np.where(ks == 0, 1.0, load / (1 + load)) * fitted
    return JointLimit(family, dimension, float(gamma), float(time), ks, lam, rates, factors, ridge)


def harmonics(dimension: int, degrees: Sequence[int]) -> Float[np.ndarray, " k"]:
    """lam_k = int alpha P_k dmu on S^{d-1}, mu the uniform measure: the eigenvalues of the kernel alpha.

    Gauss-Legendre in panels. On [0, pi/2] theta = (pi/2) u^4 smooths the singularity 3 pi/theta and log theta. The
    absolute error is about 1e-14 (seen: 2e-15 against 30 digits, d = 4, 5, 10); lam_k itself may be smaller.

    Args:
        dimension: d >= 3. At d = 2 the integral of 3 pi/theta diverges.
        degrees: degrees k >= 0.

    Returns:
        lam_k, one for each degree. d = 5: 5.15693, 0.81014, 0.32030 for k = 0, 1, 2.

    Raises:
        InputError: d < 3; no degrees, or one that is not a whole number >= 0.

    >>> import roughntk as rn
    >>> rn.depth.harmonics(3, (0, 1, 2)).shape
    (3,)
    """
    dimension = _checks.integer(dimension, "dimension", least=1, most=_MOST_DIMENSION)
    if dimension < 3:
        raise InputError(
            f"expected a dimension of at least 3, got {dimension}; alpha ~ 3 pi/theta is not integrable on the sphere "
            f"S^(d-1) below: use more dimensions (rn.sphere.lift adds one)"
        )
    ks = _whole_degrees(degrees)
    theta, weight = _uniform_rule(dimension, max(ks))
    weighted = _alpha(theta) * weight
    sums = {}
    before, now = np.zeros_like(theta), np.ones_like(theta)
    for k in range(max(ks) + 1):
        sums[k] = weighted @ now
        # (k + d - 2) P_{k+1} = (2 k + d - 2) x P_k - k P_{k-1}
        before, now = now, ((2 * k + dimension - 2) * np.cos(theta) * now - k * before) / (k + dimension - 2)
    return np.array([sums[k] for k in ks])


def _whole_degrees(degrees: Any) -> list[int]:
    """Degrees of harmonics from any sequence or array of whole numbers."""
    axes = getattr(degrees, "ndim", 1)
    if isinstance(degrees, str | bytes) or not hasattr(degrees, "__len__") or axes != 1 or not len(degrees):
        raise InputError(f"expected a sequence of degrees, got {_checks.shown(degrees)}; for instance (0, 1, 2)")
    return [_checks.integer(k, "degree", least=0, most=_MOST_DEGREE) for k in degrees]


def _uniform_rule(dimension: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """Angles and weights, of sum 1, for integrals over the uniform measure of S^{d-1} up to a degree."""
    panels = 2 + math.ceil(degree / 12 + math.sqrt(dimension) / 2)
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    u = ((np.arange(panels)[:, None] + (nodes + 1) / 2) / panels).ravel()
    du = np.tile(weights / (2 * panels), panels)
    theta = math.pi / 2 * np.concatenate([u**_GRADING, 1 + u])
    weight = np.concatenate([_GRADING * u ** (_GRADING - 1) * du, du]) * np.sin(theta) ** (dimension - 2)
    return theta, weight / weight.sum()


def ridge_predict(family: KernelFamily, X, y, x, *, depth, form: str = "limit") -> RidgePrediction:
    """The predictor at depth L as kernel ridge regression with the kernel alpha and a free constant.

    With A_ij = alpha(theta_ij) and A_ii = 0, and targets y, the weights c and the constant b solve

        [ A + ridge I    1   ] [ c ]   [ y ]
        [ 1^T         -1/kap ] [ b ] = [ 0 ],        f(x) = sum_i alpha(theta(x, x_i)) c_i + b.

    "limit": ridge = 3 L (NTK) or L/2 (NNGP), and an unpenalised constant, 1/kap = 0. "tangent": the kernel at depth L,
    as a function k of alpha, replaced by its tangent at the mean m of the alpha(theta_ij): ridge = (1 - k)/k' + m and
    kap = k/k' - m. For the NTK that ridge is 3 L - (3/2) log L - 3 + o(1). Both tend to the predictor at depth L when
    n/L tends to a limit. Relative distance from it, measured for the NTK on uniform points of S^4 with n = L/2 and the
    targets x_1, ..., x_5, at L = 100, 400, 1600: 5e-2, 1e-2, 3e-3 ("limit") and 1e-2, 8e-4, 7e-5 ("tangent").

    Args:
        family: ReluNTK or ReluNNGP.
        X: training points, unit distinct rows, shape (n, n0), n >= 2.
        y: targets, shape (n,) or (n, k).
        x: test points, unit rows, off the training points, shape (m, n0).
        depth: L >= 2, real and finite.
        form: "limit" or "tangent".

    Raises:
        InputError: bad points or targets; test points on the data, where alpha is infinite; training points so near
            (about pi/L) that A + ridge I is not positive definite, and no ridge regression stands for the kernel.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(4, 3, seed=0), rn.sphere.uniform(1, 3, seed=1)
    >>> rn.depth.ridge_predict("relu-ntk", X, [0.0, 1.0, 2.0, 3.0], x, depth=1000.0).values.shape
    (1,)
    """
    family, per_layer = _ridge_per_layer(family)
    _checks.choice(form, ("limit", "tangent"), "form")
    X, y, x = _checked_data(X, y, x)
    depth = _checks.one_depth(depth)
    if not 2 <= depth < math.inf:
        raise InputError(f"expected a finite depth of at least 2, got {depth}; the ridge grows with the depth")
    within, across = np.array(sphere.angles(X)), np.asarray(sphere.angles(X, x))
    same = np.argwhere(across <= sphere.SAME_ANGLE)
    if same.size:
        raise InputError(
            f"expected test points off the data, got test row {same[0][1]} equal to training row {same[0][0]}; alpha "
            f"is infinite there: use rn.predict, which returns the fitted value"
        )
    np.fill_diagonal(within, 1.0)  # any angle: the entry is replaced below
    A, a = _alpha(within), _alpha(across)
    np.fill_diagonal(A, 0.0)
    ridge, penalty = per_layer * depth, 0.0
    if form == "tangent":
        mean = float(A.sum()) / (len(A) * (len(A) - 1))
        k, slope = _tangent(family, mean, depth)
        ridge, penalty = (1 - k) / slope + mean, 1 / (k / slope - mean)
    np.fill_diagonal(A, ridge)
    weights, constant = _bordered(A, y, penalty, _nearest(within, ridge))
    missed = np.abs(A @ weights + constant - y).max(), np.abs(weights.sum(axis=0) - penalty * constant).max()
    residual = float(max(missed)) / (float(np.abs(y).max()) or 1.0)
    return RidgePrediction(a.T @ weights + constant, weights, constant, ridge, residual)


def _alpha(theta: np.ndarray) -> np.ndarray:
    """The Abel function of many angles, in blocks of one size, so that it is compiled once."""
    flat = np.concatenate([theta.ravel(), np.ones(-theta.size % _BLOCK)])
    return np.concatenate([_abel(block) for block in flat.reshape(-1, _BLOCK)])[: theta.size].reshape(theta.shape)


_abel = jax.jit(iteration.abel)


def _ridge_per_layer(given: Any) -> tuple[KernelFamily, float]:
    """The family with 3 or 1/2; other families have no such limit, or none that is known."""
    family = as_family(given)
    ridge = next((value for kind, value in _RIDGE.items() if isinstance(family, kind)), None)
    if ridge is None:
        raise InputError(
            f"expected ReluNTK or ReluNNGP, got {family.name}; the joint limit is known where the angle falls like "
            f"3 pi/L, layer by layer without biases. A kernel that tends to its limit geometrically in L (sigmoid, "
            f"biases with weight variance 1) has no ridge that grows with L: see rn.coefficients(depth=math.inf)"
        )
    return family, ridge


def _checked_data(X, y, x) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training points, targets and test points, checked."""
    X = sphere.check_unit(X)
    sphere.check_distinct(X)
    x = sphere.check_unit(x, "x", columns=X.shape[1])
    y = _checks.real_array(y, "y")
    if len(X) < 2:
        raise InputError("expected at least two training points, got 1; the predictor is then a multiple of y")
    if y.ndim not in (1, 2) or len(y) != len(X):
        raise InputError(
            f"expected one target for each of the {len(X)} training points, got y of shape {y.shape}; give one each"
        )
    return X, y, x


@functools.partial(jax.jit, static_argnums=0)
def _value_and_slope(family: KernelFamily, time: jax.Array, depth: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The kernel and its derivative in the Abel time alpha of the angle."""
    return jax.jvp(lambda t: family.at_angle(iteration.inverse_abel(t), depth), (time,), (jnp.ones_like(time),))


def _tangent(family: KernelFamily, time: float, depth: float) -> tuple[float, float]:
    """k(alpha) and k'(alpha) at the depth."""
    value, slope = _value_and_slope(family, jnp.asarray(time), jnp.asarray(depth))
    return float(value), float(slope)


def _nearest(theta: np.ndarray, ridge: float) -> str:
    """The message for training points that are too near."""
    i, j = np.unravel_index(np.argmin(theta + 4 * np.eye(len(theta))), theta.shape)
    return (
        f"expected training points further apart than about {3 * math.pi / ridge:.2g} radians (3 pi/ridge), got rows "
        f"{i} and {j} at {theta[i, j]:.2g}; drop one of them, or use rn.predict, which holds for all points"
    )


def _bordered(M: np.ndarray, y: np.ndarray, penalty: float, message: str) -> tuple[np.ndarray, np.ndarray]:
    """c and b with M c + b 1 = y and 1^T c = penalty b, M positive definite."""
    factor = Factor(M, cholesky=True)
    try:
        by_target, by_one = factor.solve(y), factor.solve(np.ones(len(M)))
    except np.linalg.LinAlgError:
        raise InputError(message) from None
    constant = by_target.sum(axis=0) / (by_one.sum() + penalty)
    return by_target - np.multiply.outer(by_one, constant), constant
