"""Kernel regression on points that stay: factored once, for any targets, test points and leave-one-out residuals.

    f_t(x) = K(x,X) phi_t(K + R) y,    phi_t(k) = (1 - exp(-t k))/k,    f_inf(x) = K(x,X) (K + R)^{-1} y

With K = c d d^T + s G (:mod:`roughntk.regression.parted`), e = d/|d| and an orthonormal basis P of its complement,

    [e P]^T (K + R) [e P] = [[kappa, s h^T], [s h, s H + R]],    kappa = c |d|^2 + s e^T G e + R,
                                                                   h = P^T G e,    H = P^T G P.

Eliminating the first row leaves w M, w = s + R and M = (s H + R)/w - (s/w) (s/kappa) h h^T, which is positive definite
where K + R is, and of which nothing is lost to rounding when s is small: M is what is factored. For a finite time the
eigenvectors are found instead (:mod:`roughntk.regression.flow`).
"""

import functools
import math
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import scipy.linalg
from scipy.linalg import lapack

from roughntk._checks import InputError
from roughntk._checks.precision import EPS
from roughntk.files.checkpoints import UNKEPT, Keeper
from roughntk.kernels import KernelFamily
from roughntk.regression.eliminated import Eliminated
from roughntk.regression.exceptions import require_known, singular
from roughntk.regression.flow import exponential, parted_flow, phi, plain_flow
from roughntk.regression.iterative import MOST_FACTORED, IterativelyConverged, Progress
from roughntk.regression.operator import parted_operator
from roughntk.regression.parted import PartedKernel, Rows

AUTO, CHOLESKY, ITERATIVE = SOLVERS = ("auto", "cholesky", "iterative")
"""How (K + R)^{-1} is found."""


class Solver(Protocol):
    """What has been factored: f = g^T alpha + w beta^T at test points with K(X, x) = c d w^T + s g."""

    def coefficients(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """alpha and beta for targets of shape (n, k), shapes (n, k) and (k,)."""
        ...

    def weights(self, g: np.ndarray, w: np.ndarray) -> np.ndarray:
        """A = K(x,X) phi_t(K + R), shape (m, n), for g of shape (n, m) and w of shape (m,)."""
        ...


class FittedRegression:
    """A network of infinite width, trained on points for a time with a ridge.

    Args:
        family: a kernel family.
        rows: training points.
        y: targets, shape (n, k).
        depth, time, ridge: as for `rn.predict`, checked.
        solver: "cholesky", "iterative" (conjugate gradients, without storing K), or "auto" by the number of points.
        devices: as of `roughntk.regression.KernelOperator`: where some are named, conjugate gradients on them.
        progress: told of every product of "iterative" with the kernel matrix.
        keeper: keeps the solves of "iterative".
        callers: how many functions of this package stand between this one and the user, for the place of warnings.

    Attributes:
        method: the solver that was taken; "eigenvectors" for a finite time.

    Raises:
        NotPositiveDefiniteError: K + R is not positive definite to rounding.
        StagnationError: conjugate gradients do not reach their tolerance.
        InputError: "iterative", or devices, for a finite time; devices with "cholesky".

    Warns:
        InaccurateCoefficientsWarning: fewer than three digits are certain.
    """

    def __init__(
        self, family: KernelFamily, rows: Rows, y: np.ndarray, *, depth: float, time: float, ridge: float,
        solver: str = AUTO, devices: Any = None, progress: Progress | None = None, keeper: Keeper = UNKEPT,
        callers: int = 0,
    ):  # fmt: skip
        self.kernel = PartedKernel(family, rows, depth, limit_first=ridge > 0 or time < math.inf)
        self.ridge, self.y, self.devices = ridge, y, devices
        what = f"{family.name} kernel matrix at depth {depth:.10g}"
        many = solver == ITERATIVE or (solver == AUTO and (devices is not None or len(y) > MOST_FACTORED))
        if devices is not None and not (many and time == math.inf):
            raise InputError(
                "expected no devices with solver='cholesky' or a finite time, which store the kernel matrix on this "
                "host; leave them out"
            )
        self.method = ITERATIVE if many else CHOLESKY
        self.solver: Converged | IterativelyConverged | Stopped
        if time < math.inf:
            if solver != AUTO:
                raise InputError(
                    f"expected solver='auto' for a finite time, got {solver!r}; it takes all eigenvectors: leave it out"
                )
            self.method, self.solver = "eigenvectors", Stopped(self.kernel, y, time, ridge, what)
        elif many:
            self.solver = IterativelyConverged(
                self.kernel, ridge, what, progress=progress, devices=devices, keeper=keeper
            )
        else:
            self.solver = Converged(self.kernel, ridge, what, callers=callers + 1)
        self.alpha, self.beta = self.solver.coefficients(y)
        if isinstance(self.solver, IterativelyConverged):
            self.solver.operator.forget()
            self.solver.check_digits(callers + 1)

    def predict(self, rows: Rows) -> np.ndarray:
        """f_t at test points, shape (m, k)."""
        return self.kernel.across(rows).T @ self.alpha + np.outer(rows.lengths, self.beta)

    def weights(self, rows: Rows) -> np.ndarray:
        """A, shape (m, n): f_t = A y."""
        return self.solver.weights(self.kernel.across(rows), rows.lengths)

    def variance(self, rows: Rows) -> np.ndarray:
        """Of f_t at test points over initialisations of the network, in units of that of f_0, shape (m,).

            C Sigma C^T,    C = [-A, I],    Sigma the covariance `family.nngp`    (``references.bib``: Lee2019)

        A family that is no tangent kernel is that covariance itself; trained to convergence, its is the posterior
        variance of the Gaussian process with noise of the variance R, which has R A A^T more. What is below 0 by
        rounding is 0.
        """
        (prior, applied), A, w = self._prior, self.weights(rows), rows.lengths
        spread = prior.own(rows) - 2 * (A * prior.across(rows).T).sum(axis=1) + (applied(A.T).T * A).sum(axis=1)
        value = prior.level * (w - A @ prior.rows.lengths) ** 2 + prior.scale * spread
        if not self.kernel.family.is_tangent and not isinstance(self.solver, Stopped):
            value = value + self.ridge * (A**2).sum(axis=1)
        return np.maximum(value, 0.0)

    @functools.cached_property
    def _prior(self) -> tuple[PartedKernel, Callable[[np.ndarray], np.ndarray]]:
        """The covariance of the network before training, and what multiplies by G of it at the training points."""
        family: Any = self.kernel.family
        covariance = family.nngp if family.is_tangent else family
        prior = PartedKernel(covariance, self.kernel.rows, self.kernel.depth, limit_first=True)
        if isinstance(self.solver, IterativelyConverged):
            return prior, parted_operator(prior, devices=self.devices).apply
        matrix = prior.within()
        return prior, functools.partial(np.matmul, matrix)

    def leave_one_out(self) -> np.ndarray:
        """y_i - f_i(X_i), f_i trained to convergence on all points but the i-th, shape (n, k): in closed form,
        ((K + R)^{-1} y)_i/((K + R)^{-1})_ii. Raises `InputError` where K was not factored."""
        if not isinstance(self.solver, Converged):
            raise InputError(
                f"expected a factored kernel matrix to leave one of {len(self.y):,} points out, got one solved by "
                f"method {self.method!r}; take fewer points, or solver='cholesky'"
            )
        applied, diagonal = self.solver.inverse(self.y)
        return applied / diagonal[:, None]


class Converged(Eliminated):
    """(K + R)^{-1}, by Cholesky's method for M; see the module."""

    def __init__(self, kernel: PartedKernel, ridge: float, what: str, *, callers: int = 0):
        super().__init__(kernel, ridge)
        turned = self._reflect(self._reflect(kernel.within()).T)
        self._units = kernel.units
        self._eliminate(turned[:, 0], what)
        M = self.share * turned[1:, 1:]
        M[np.diag_indices(len(M))] += self._own_ridge
        M -= (self.share * self.s / self.kappa) * np.outer(self.h, self.h)
        self._lower = self._factored((M + M.T) / 2, ridge, what, callers + 1)

    def _factored(self, M: np.ndarray, ridge: float, what: str, callers: int) -> np.ndarray:
        """The Cholesky factor of M, refused where rounding decides."""
        if not M.size:
            return M
        size = float(np.abs(M).sum(axis=0).max())
        lower, info = lapack.dpotrf(M, lower=1)
        nearness = lapack.dpocon(lower, size, uplo="L")[0] if info == 0 else 0.0
        condition = 1 / nearness if nearness > 0 else math.inf
        require_known(condition, self._units, what, ridge, callers=callers)
        return lower

    def _solved(self, right: np.ndarray) -> np.ndarray:
        """M^{-1} right."""
        if not self._lower.size:
            return right
        return np.asarray(scipy.linalg.cho_solve((self._lower, True), right, check_finite=False))

    def inverse(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """w (K + R)^{-1} y, and the diagonal of w (K + R)^{-1}, shapes (n, k) and (n,)."""
        first, others = self._parts(y)
        solved = self._reflect(np.concatenate([self.w * first, others]), back=True)
        n = len(y)
        block = np.empty((n, n))
        block[1:, 1:] = self._solved(np.eye(n - 1))
        column = block[1:, 1:] @ self.h * (self.s / self.kappa)
        block[1:, 0] = block[0, 1:] = -column
        block[0, 0] = (self.w + self.s * float(self.h @ column)) / self.kappa
        full = self._reflect(self._reflect(block, back=True).T, back=True)
        return solved, np.diagonal(full).copy()


class Stopped:
    """phi_t(K + R) for a finite time, in the eigenbasis."""

    def __init__(self, kernel: PartedKernel, y: np.ndarray, time: float, ridge: float, what: str):
        lengths, unit = kernel.rows.lengths, kernel.log_scale
        none = np.zeros((len(lengths), 0))
        G = kernel.within()
        errors = kernel.units * EPS * np.maximum(np.abs(G), kernel.level == 0)
        self.level, self.s, self.lengths = kernel.level, exponential(unit), lengths
        flow = None
        if self.level > 0:
            flow = parted_flow(
                G, none, y, errors, none, level=self.level, direction=lengths, weights=np.zeros(0), log_unit=unit,
                unit_error=0.0,
            )  # fmt: skip
        if flow is None:
            constant = self.level / self.s if self.level else 0.0
            flow = plain_flow(G + constant * np.outer(lengths, lengths), none, y, errors, none, log_unit=unit)
        self.flow = flow
        log_time = math.log(time) if time > 0 else -math.inf
        if flow.diverges(log_time, ridge):
            raise singular(what, ridge, f"the eigenvalue {flow.smallest:.3g}, along which gradient flow diverges")
        clock = flow.clock(log_time, ridge)
        self.middle = phi(flow.spectrum + clock.scaled_ridge, clock.scaled_time)
        self.first = float(phi(np.asarray(flow.large.value + ridge), clock.time)) if flow.large else 0.0

    def coefficients(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As `Solver`."""
        vectors, large = self.flow.vectors, self.flow.large
        scaled = self.middle[:, None] * (vectors.T @ y)
        if large is None:
            constant = self.level / self.s if self.level else 0.0
            alpha = vectors @ scaled
            return alpha, constant * (self.lengths @ alpha)
        first = self.first * (large.vector @ y)
        alpha = vectors @ scaled + self.s * np.outer(large.vector, first)
        return alpha, self.level * ((large.vector @ self.lengths) * first - large.length * (large.shares @ scaled))

    def weights(self, g: np.ndarray, w: np.ndarray) -> np.ndarray:
        """As `Solver`."""
        vectors, large = self.flow.vectors, self.flow.large
        if large is None:
            constant = self.level / self.s if self.level else 0.0
            g = g + constant * np.outer(self.lengths, w)
            return (vectors @ (self.middle[:, None] * (vectors.T @ g))).T
        beta = vectors.T @ g - self.level * large.length * np.outer(large.shares, w)
        first = self.level * (large.vector @ self.lengths) * w + self.s * (large.vector @ g)
        return (vectors @ (self.middle[:, None] * beta) + np.outer(large.vector, self.first * first)).T
