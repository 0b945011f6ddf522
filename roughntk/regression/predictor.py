"""Predictions of an infinitely wide network, trained for a while or to convergence.

    f_t(x) = K(x,X) phi_t(K(X,X)) y,    phi_t(k) = (1 - exp(-t k))/k,        f_inf(x) = u(x)^T y

for gradient flow on half the squared error from a network whose initial output is zero on average (the ensemble mean,
f_0 = 0; ``references.bib``: Lee2019, paper Propositions 3 and 6). The time t multiplies the normalised kernel K; a
time T that multiplies the unnormalised one is t = T L / (n0 2^{L-1}) in these units.

What the entries of K are off by moves f_t, and without bound where an eigenvalue is zero to rounding and t is large.
With beta and eta the components of K(X,x) and y along the eigenvectors of K, and e >= |dK|_2,

    |df| <= |dK|_F |phi beta| |phi eta| + |dK(X,x)| |phi eta|,    phi = phi_t(k - e),

since the divided differences of phi_t are at most phi_t(a) phi_t(b). At depth 1 kernels are linear in the correlation:
K = F F^T with features F of which there may be fewer than points, and f_t(x) = F(x)^T phi_t(F^T F) F^T y, where the
eigenvalues that are zero by construction do not occur.
"""

import dataclasses
import math
import warnings
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from roughntk import _checks, sphere
from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.kernels import KernelFamily, as_family
from roughntk.linalg import NotPositiveDefiniteError
from roughntk.regression.closed_form import check_directions, solution
from roughntk.regression.exceptions import FEW_DIGITS, InaccurateCoefficientsWarning
from roughntk.regression.systems import kernel_system


@dataclasses.dataclass(frozen=True, eq=False)
class PredictionReport:
    """Predictions, and what is known of them.

    Attributes:
        values: f_t(x), shape (m,) or (m, k).
        forward_error: a bound of |f - true f|, of the same shape.
        smallest_eigenvalue: of the matrix that decided, K(X, X) or F^T F at depth 1; NaN at infinite time.
    """

    values: np.ndarray
    forward_error: np.ndarray
    smallest_eigenvalue: float = math.nan


def predict(family: KernelFamily, X, y, x, *, depth, time: float = math.inf, domain: str = "sphere") -> np.ndarray:
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
        InputError: targets of another length, NaN, negative time, bad points (as for `coefficients`), or a time at
            which rounding decides the prediction; the message says until which time it is known.
        NotPositiveDefiniteError: the kernel matrix is singular to working precision, or indefinite at a finite time.

    Warns:
        InaccurateCoefficientsWarning: fewer than three digits are certain.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
    >>> rn.predict(rn.kernels.ReluNTK(), X, X[:, 0], x, depth=3).shape
    (2,)
    """
    return _prediction(family, X, y, x, depth, time, domain).values


def prediction(
    family: KernelFamily, X, y, x, *, depth, time: float = math.inf, domain: str = "sphere"
) -> PredictionReport:
    """What `predict` finds, with a bound of its error.

    Args:
        family, X, y, x, depth, time, domain: as for `predict`.

    Returns:
        A :class:`PredictionReport`: `values`, `forward_error`, `smallest_eigenvalue`.

    Raises, warns:
        as `predict`.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
    >>> report = rn.regression.prediction(rn.kernels.ReluNTK(), X, X[:, 0], x, depth=3, time=10.0)
    >>> bool((report.forward_error < 1e-12).all())
    True
    """
    return _prediction(family, X, y, x, depth, time, domain)


def _prediction(family: KernelFamily, X, y, x, depth, time: float, domain: str) -> PredictionReport:
    """`prediction`, called by what the user calls."""
    _checks.require_x64("predict")
    family, depth = as_family(family), _checks.one_depth(depth)
    given = X
    if _checks.choice(domain, ("sphere", "euclidean"), "domain") == "euclidean":
        X, _, x = check_directions(family, X, x)
    else:
        X, x = sphere.check_points(X, x)
    y = _checks.real_array(y, "y")
    if y.ndim not in (1, 2) or len(y) != len(X):
        raise InputError(
            f"expected one target for each of the {len(X)} training points, got y of shape {y.shape}; give one each"
        )
    t = _checks.training_time(time)
    columns = y.reshape(len(y), -1)
    flow = _linear_flow(family, X, columns, x, depth, domain) if _is_first(depth) and len(X) > X.shape[1] else None
    if flow is None and t == math.inf:
        solved = solution(family, given, x, depth=depth, domain=domain, callers=3)
        f, bound = solved.coefficients.T @ columns, solved.forward_error.T @ np.abs(columns)
        smallest = math.nan
    else:
        flow = flow or _kernel_flow(family, X, columns, x, depth, domain)
        f, bound = flow.at(t)
        smallest = float(flow.spectrum[0])
        _require_known(flow, f, bound, t, family, depth)
    f, bound = (value.reshape(len(x), *y.shape[1:]) for value in (f, bound))
    return PredictionReport(f, bound, smallest)


class _Flow(NamedTuple):
    """Gradient flow in the eigenbasis of its matrix A: f_t = beta^T phi_t(A) eta, and what its entries are off by."""

    spectrum: np.ndarray  # increasing, (r,)
    beta: np.ndarray  # (r, m)
    eta: np.ndarray  # (r, k)
    matrix_error: np.ndarray  # of A, entrywise, (r, r)
    beta_error: np.ndarray  # norms, (m,)
    eta_error: np.ndarray  # norms, (k,)

    @classmethod
    def of(cls, A, b, y, matrix_error, right_error, left_error) -> "_Flow":
        """From the matrix and both vectors, with bounds of the errors of their entries."""
        spectrum, Q = np.linalg.eigh(A)
        norms = (np.linalg.norm(part, axis=0) for part in (right_error, left_error))
        return cls(spectrum, Q.T @ b, Q.T @ y, matrix_error, *norms)

    @property
    def doubt(self) -> float:
        """e: how far an eigenvalue may be from the true one."""
        entries = float(np.max(self.matrix_error.sum(axis=1)))
        return entries + len(self.spectrum) * EPS * float(np.abs(self.spectrum).max())

    def at(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """f_t and the bound of its error, shapes (m, k)."""
        middle, high = _phi(self.spectrum, t), _phi(self.spectrum - self.doubt, t)
        with np.errstate(all="ignore"):
            f = (self.beta.T * middle) @ self.eta
            left, right = (np.linalg.norm(part * high[:, None], axis=0) for part in (self.beta, self.eta))
            n = len(self.spectrum)
            matrix = np.linalg.norm(self.matrix_error) + n * EPS * float(np.abs(self.spectrum).max())
            vectors = [n * EPS * np.linalg.norm(part, axis=0) for part in (self.beta, self.eta)]
            bound = matrix * np.outer(left, right)
            bound += np.outer(self.beta_error + vectors[0], right) + np.outer(left, self.eta_error + vectors[1])
        return f, np.where(np.isfinite(bound) & np.isfinite(f), bound, math.inf)

    def known_until(self, share: float) -> float:
        """The longest time, to a tenth of a decade, until which the bound is below `share` of max(1, |f|)."""
        last = 0.0
        for power in np.arange(-100, 300, 0.1):
            f, bound = self.at(10.0**power)
            if not np.all(bound <= share * np.maximum(1.0, np.abs(f))):
                break
            last = float(10.0**power)
        return last


def _phi(k: np.ndarray, t: float) -> np.ndarray:
    """(1 - exp(-t k))/k elementwise, t at k = 0."""
    if t == math.inf:
        with np.errstate(divide="ignore"):
            return np.where(k > 0, 1 / np.abs(k), math.inf)
    safe = np.where(k == 0, 1.0, k)
    with np.errstate(over="ignore"):
        return np.where(k == 0, t, -np.expm1(-t * k) / safe)


def _is_first(depth) -> bool:
    return bool(_checks.real_number(depth) == 1)


def _kernel_flow(family: KernelFamily, X, y, x, depth, domain: str) -> _Flow:
    """On the kernel itself."""
    (length_X, unit_X), (length_x, unit_x) = (map(np.asarray, sphere.polar(rows)) for rows in (X, x))
    on_sphere = domain == "sphere"
    rows, tests = (X, x) if on_sphere else (unit_X, unit_x)
    A, b, errors = kernel_system(family, rows, tests, depth)
    if not on_sphere:
        size, across = np.outer(length_X, length_X), np.outer(length_X, length_x)
        A, b = A * size, b * across
        errors = errors._replace(matrix=(errors.matrix + 4 * EPS) * size, right=(errors.right + 4 * EPS) * across)
    flow = _Flow.of(A, b, y, errors.matrix, errors.right, np.zeros_like(y))
    if flow.spectrum[0] < -2 * flow.doubt:
        raise NotPositiveDefiniteError(
            f"expected a positive definite {family.name} kernel matrix at depth {depth} for a finite training time, "
            f"got the eigenvalue {flow.spectrum[0]:.3g}: gradient flow diverges along it; train to convergence "
            f"(time=math.inf), or choose other points"
        )
    return flow


def _linear_flow(family: KernelFamily, X, y, x, depth, domain: str) -> _Flow | None:
    """On features, where the kernel is a rho + c with a, c >= 0; None where it is not, or features are not fewer."""
    angles = np.array([np.pi / 2, 0.0, 1.0, 2.5])
    c, top, *others = (float(value) for value in np.asarray(family.at_angle(jnp.asarray(angles), depth)))
    a = top - c
    c = 0.0 if abs(c) <= 8 * EPS else c
    if a < 0 or c < 0 or any(abs(a * math.cos(t) + c - k) > 16 * EPS for t, k in zip(angles[2:], others, strict=True)):
        return None
    if domain == "sphere":
        X, x = sphere.project(X, distinct=False), sphere.project(x, distinct=False)
    parts = [(math.sqrt(a) * rows, np.full((len(rows), 1), math.sqrt(c))) for rows in (X, x)]
    F, G = (np.hstack(part) if c else part[0] for part in parts)
    n, r = F.shape
    if n <= r:
        return None
    units = (8 + math.sqrt(n)) * EPS
    size = np.abs(F).T
    return _Flow.of(F.T @ F, G.T, F.T @ y, units * size @ size.T, 8 * EPS * np.abs(G).T, units * size @ np.abs(y))


def _require_known(flow: _Flow, f: np.ndarray, bound: np.ndarray, t: float, family: KernelFamily, depth) -> None:
    """Refuse predictions that rounding decides, and warn of those with few digits."""
    part = float(np.max(np.where(np.isfinite(bound), bound, math.inf) / np.maximum(1.0, np.nan_to_num(np.abs(f)))))
    if not part < 1:
        known = flow.known_until(FEW_DIGITS)
        raise InputError(
            f"expected a training time until which the prediction is known, got {t:.6g}: the {family.name} kernel "
            f"matrix at depth {depth} has the eigenvalue {flow.spectrum[0]:.3g}, known to {flow.doubt:.2g} only, and "
            f"rounding decides from there on; train until {known:.3g} at most, choose another depth, or move nearly "
            f"equal points apart"
        )
    if part > FEW_DIGITS:
        warnings.warn(
            f"the prediction after the time {t:.6g} is known to {part:.2g} of max(1, |f|) only ({family.name} kernel "
            f"matrix at depth {depth}: eigenvalue {flow.spectrum[0]:.3g}, known to {flow.doubt:.2g}); see the "
            f"forward_error of rn.regression.prediction",
            InaccurateCoefficientsWarning,
            stacklevel=4,
        )
