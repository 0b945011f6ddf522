"""How a prediction moves with depth and with the time of training.

    df_t/dt = b^T exp(-t (K + R)) r,
    df_t/dL = b'^T phi_t(K + R) r + b^T D phi_t(K + R)[K'] r,

with K' = dK/dL and b' = dK(X,x)/dL at real depth, r = y - f_0(X), and D phi[K'] the matrix of the divided differences
of phi_t times the entries of K' in the eigenbasis of K (Daleckii and Krein). For b > a,

    phi_t[a, b] = -(phi_t(a) - exp(-t a) phi_t(b - a))/b,

and by its power series where t b < 1. A kernel that collapses has K' = s G', and G' takes the place of K' where G takes
that of K (:mod:`roughntk.regression.flow`).
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels import KernelFamily
from roughntk.regression.entries import angle_errors, entry_errors, on_data
from roughntk.regression.flow import Clock, GradientFlow, norms, phi
from roughntk.regression.predictor import PredictionReport, require_convergent, require_known
from roughntk.regression.training import Training, check_training, flow_of

ALONG = ("depth", "time")
"""What a prediction can be differentiated in."""

_TERMS = 24  # of the power series of a divided difference
_LEAST_UNIT = 1e-290


def prediction_derivative(
    family: KernelFamily,
    X,
    y,
    x,
    *,
    depth,
    along: str,
    time: float = math.inf,
    ridge: float = 0.0,
    initial=None,
    domain: str = "sphere",
) -> PredictionReport:
    """The derivative of a prediction in depth or in time, with a bound of its error.

    It is a function of its own, for `predict` needs neither K' nor divided differences, which cost a matrix product
    more; and its result a report, since a derivative without its error says little where kernels collapse.

    Args:
        family, X, y, x, depth, time, ridge, initial, domain: as for `predict`; t and the ridge belong to the
            normalised kernel, and are kept where the depth moves. The derivative in depth needs a family with real
            depth, and a finite depth.
        along: "depth" for df_t/dL, "time" for df_t/dt.

    Returns:
        A :class:`PredictionReport`: `values` are the derivative, shape (m,) or (m, k).

    Raises, warns:
        as `predict`, at a finite time or not; InputError for a family without real depth, and for infinite depth,
        along="depth". Digits count against max(1, |f|) per unit of log L or log t.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(1, 3, 1)
    >>> at = lambda depth: rn.predict("relu-ntk", X, X[:, 0], x, depth=depth, time=2.0)
    >>> slope = rn.regression.prediction_derivative("relu-ntk", X, X[:, 0], x, depth=7.5, time=2.0, along="depth")
    >>> bool(abs((at(7.501) - at(7.499)) / 0.002 - slope.values).max() < 1e-8)
    True
    """
    _checks.require_x64("prediction_derivative")
    _checks.choice(along, ALONG, "along")
    training = check_training(family, X, y, x, depth, time, ridge, initial, "normalised", domain)
    if along == "depth":
        _require_real_depth(training)
    flow = flow_of(training, features=along != "depth")  # a kernel that moves does not stay linear
    require_convergent(flow, training)
    clock = flow.clock(training.log_time, training.ridge)
    if along == "depth":
        values, bound = _by_depth(training, flow, clock)
        weight = training.depth
    else:
        values, bound = _by_time(flow, clock)
        weight = training.time if math.isfinite(training.time) else 1.0
    require_known(flow, training, weight * values, weight * bound, callers=1)
    return PredictionReport(training.shaped(values), training.shaped(bound), flow.smallest, f"derivative in {along}")


def _require_real_depth(training: Training) -> None:
    family = training.family
    if not family.has_real_depth:
        raise InputError(
            f"expected a family with real depth for a derivative in depth, got {family.name}: "
            f"{family.why_no_real_depth()}; take differences of predictions at whole depths"
        )
    if training.depth == math.inf:
        raise InputError(
            "expected a finite depth for a derivative in depth, got infinity; choose a depth, or compare the "
            "prediction there with the one at depth=math.inf"
        )


class Modes(NamedTuple):
    """All modes of a flow, the large one first, in units in which no number is beyond float64.

    Attributes:
        beta, eta: components of b and r: of b/s but for the large mode. Shapes (N, m) and (N, k).
        vectors: shape (n, N).
        factors: s phi, shape (N,).
        most, left, right: s phi, |phi b| and |s phi r| by mode, for eigenvalues lowered by their doubt.
        quotients: s^2 phi[i, j], or s phi[i, j] where i is the large mode: with beta_i, eta_j and an entry of G' it
            makes a term of the derivative.
    """

    beta: np.ndarray
    eta: np.ndarray
    vectors: np.ndarray
    factors: np.ndarray
    most: np.ndarray
    left: np.ndarray
    right: np.ndarray
    quotients: np.ndarray


def _modes(flow: GradientFlow, clock: Clock) -> Modes:
    k = flow.spectrum + clock.scaled_ridge
    factors, most = phi(k, clock.scaled_time), phi(k - flow.doubt, clock.scaled_time)
    quotients = divided_differences(k, clock.scaled_time)
    if flow.large is None:
        left, right = (np.abs(part) * most[:, None] for part in (flow.beta, flow.eta))
        return Modes(flow.beta, flow.eta, flow.vectors, factors, most, left, right, quotients)
    large, s = flow.large, flow.unit
    end = np.array([large.value + clock.ridge])
    first, beside = float(phi(end, clock.time)[0]), _beside(flow, clock)
    upper = np.concatenate([s * divided_differences(end, clock.time), beside[None]], axis=1)
    lower = np.concatenate([s * beside[:, None], quotients], axis=1)
    beta, eta = (np.concatenate(pair) for pair in ((large.beta[None], flow.beta), (large.eta[None], flow.eta)))
    vectors = np.concatenate([large.vector[:, None], flow.vectors], axis=1)
    left, right = np.abs(beta) * np.append(first, most)[:, None], np.abs(eta) * np.append(s * first, most)[:, None]
    factors, most = np.append(s * first, factors), np.append(s * first, most)
    return Modes(beta, eta, vectors, factors, most, left, right, np.concatenate([upper, lower]))


def _beside(flow: GradientFlow, clock: Clock) -> np.ndarray:
    """s phi_t[mu + R, s (m_j + R/s)] of the large mode and each other one, shape (r,)."""
    assert flow.large is not None
    s, b, k = flow.unit, flow.large.value + clock.ridge, flow.spectrum + clock.scaled_ridge
    if clock.time * b < 1:
        pairs = divided_differences(np.append(s * k, b), clock.time)
        return s * pairs[-1, :-1]
    gap = phi(flow.large.value - s * flow.spectrum, clock.time)
    return -(phi(k, clock.scaled_time) - s * decay(k, clock.scaled_time) * gap) / b


def decay(k: np.ndarray, t: float) -> np.ndarray:
    """exp(-t k) elementwise, its limit at t = inf."""
    if t == math.inf:
        return np.where(k > 0, 0.0, math.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        return np.exp(-t * k) if t else np.ones_like(k)


def divided_differences(k: np.ndarray, t: float) -> np.ndarray:
    """phi_t[k_i, k_j], a derivative where the two are equal, shape (n, n)."""
    a, b = np.minimum.outer(k, k), np.maximum.outer(k, k)
    with np.errstate(all="ignore"):
        large = -(phi(a, t) - decay(a, t) * phi(b - a, t)) / b
        if not math.isfinite(t):
            return np.where(a > 0, -1 / (a * b), -math.inf)
        p, q = t * a, t * b
        small = np.maximum(np.abs(p), np.abs(q)) < 1
        p, q = np.where(small, p, 0.0), np.where(small, q, 0.0)
        total, power, factor = np.zeros_like(p), np.ones_like(p), 1.0
        last = np.ones_like(p)  # the sum of p^i q^j over i + j = order
        for order in range(_TERMS):
            factor *= -1 / (order + 2) if order else -1 / 2
            total += factor * last
            power = power * p
            last = last * q + power
        return np.where(small, t * t * total, large)


def _by_time(flow: GradientFlow, clock: Clock) -> tuple[np.ndarray, np.ndarray]:
    """b^T exp(-t (K + R)) r and the bound of its error, shapes (m, k)."""
    s, t = flow.unit, clock.scaled_time
    k = flow.spectrum + clock.scaled_ridge
    gone, low = s * decay(k, t), k - flow.doubt
    sizes = (np.abs(flow.beta).T * gone) @ np.abs(flow.eta)
    value = (flow.beta.T * gone) @ flow.eta
    a, b = np.minimum.outer(low, low), np.maximum.outer(low, low)
    with np.errstate(all="ignore"):
        quotients = s * decay(a, t) * phi(b - a, t) if math.isfinite(t) else np.where(a > 0, 0.0, math.inf)
    beta, eta = flow.beta, flow.eta
    left, right = (norms(part * (s * decay(low, t))[:, None]) for part in (beta, eta))
    if flow.large:
        large = flow.large
        top = float(decay(np.asarray(large.value + clock.ridge), clock.time))
        value = value + np.outer(large.beta * top, large.eta)
        sizes = sizes + np.outer(np.abs(large.beta * top), np.abs(large.eta))
        with np.errstate(all="ignore"):
            beside = s * decay(low, t) * phi(large.value - s * flow.spectrum, clock.time)
            own = s * clock.time * top if math.isfinite(clock.time) else 0.0
        rows = np.append(own, beside)[None], np.concatenate([s * beside[:, None], quotients], axis=1)
        quotients = np.concatenate(rows)
        beta, eta = (np.concatenate(pair) for pair in ((large.beta[None], beta), (large.eta[None], eta)))
        left = np.hypot(left, np.abs(large.beta) * top)
        right = np.hypot(right, s * np.abs(large.eta) * top)
    with np.errstate(all="ignore"):
        matrix = flow.matrix_error + (flow.unit_error + 2 * EPS) * flow.size
        most = quotients.max(initial=0.0)  # taken out, or its square may be 0
        shares = quotients / most if 0 < most < math.inf else quotients
        bound = matrix * most * np.sqrt((beta**2).T @ shares**2 @ eta**2)
        bound += np.outer(flow.beta_error, right) + np.outer(left, flow.eta_error)
        # exp(-t k) moves by t k exp(-t k) times a relative error of t or k
        moved = 1 + np.max(np.where(np.isfinite(t * k), np.abs(t * k), 0.0), initial=0.0)
        bound += (clock.units * min(float(moved), 800.0) + 8 * EPS) * sizes
    return value, np.where(np.isfinite(bound) & np.isfinite(value), bound, math.inf)


def _by_depth(training: Training, flow: GradientFlow, clock: Clock) -> tuple[np.ndarray, np.ndarray]:
    """df_t/dL and the bound of its error, shapes (m, k)."""
    if not flow.unit > _LEAST_UNIT:
        raise InputError(
            f"expected a depth at which the {training.what} differs from its limit within float64 for a derivative in "
            f"depth, got a difference of exp({flow.log_unit:.6g}); choose a smaller depth"
        )
    slopes, across, slope_error, across_error = (part / flow.unit for part in _slopes(training))
    modes = _modes(flow, clock)
    V = modes.vectors
    turned, turned_across = V.T @ slopes @ V, V.T @ across
    with np.errstate(all="ignore"):
        value = turned_across.T @ (modes.factors[:, None] * modes.eta)
        value = value + modes.beta.T @ (modes.quotients * turned) @ modes.eta
        left, right = norms(modes.left), norms(modes.right)
        most = modes.most[:, None]
        before = norms(most * np.abs(turned_across)) + norms(most * (np.abs(turned).T @ modes.left))
        after = norms(most * (np.abs(turned) @ modes.right))
        rounding = 4 * len(V) * EPS
        matrix = flow.matrix_error + (flow.unit_error + 2 * EPS) * flow.size
        bound = matrix * (np.outer(before, right) + np.outer(left, after))
        bound += (np.linalg.norm(slope_error) + rounding * np.linalg.norm(slopes)) * np.outer(left, right)
        bound += np.outer(norms(across_error) + rounding * norms(across), right)
        bound += np.outer(flow.beta_error, after) + np.outer(before, flow.eta_error)
        sizes = np.abs(turned_across).T @ modes.right
        sizes = sizes + np.abs(modes.beta).T @ (np.abs(modes.quotients * turned)) @ np.abs(modes.eta)
        bound += (4 * clock.units + 16 * EPS) * sizes
    return value, np.where(np.isfinite(bound) & np.isfinite(value), bound, math.inf)


def _slopes(training: Training) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """dK/dL of (X, X) and of (X, x), and bounds of the errors of their entries."""
    X, x = training.directions
    theta, n = sphere.joint_angles(X, x), len(X)

    def values(angles: np.ndarray) -> np.ndarray:
        return depth_slope(training.family, angles, training.depth)

    slopes = values(theta.ravel()).reshape(theta.shape)
    error = entry_errors(values, theta, angle_errors(X, x, theta, on_data(X, x, theta, training.depth)), 0.0)
    sizes = np.outer(training.lengths[0], np.concatenate(training.lengths))
    slopes, error = slopes * sizes, (error + 4 * EPS * np.abs(slopes)) * sizes
    return slopes[:, :n], slopes[:, n:], error[:, :n], error[:, n:]


def depth_slope(family: KernelFamily, theta: np.ndarray, depth: float) -> np.ndarray:
    """dK/dL at angles and a real depth, elementwise."""
    at, one = jnp.asarray(float(depth)), jnp.ones(())
    return np.asarray(jax.jvp(lambda number: family.at_angle(jnp.asarray(theta), number), (at,), (one,))[1])
