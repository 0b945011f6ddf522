"""Gradient flow of kernel regression in the eigenbasis of its kernel, with a bound of the error.

    f_t = b^T phi_t(K + ridge I) r,    phi_t(k) = (1 - exp(-t k))/k

K may come in units of its own, K = s A and b = s a: then A, a, ridge/s and t s take the places of K, b, ridge and t.

A kernel that collapses, K = c d d^T + s G with s -> 0 (d = 1 on the sphere), has one eigenvalue of the size of c |d|^2
and n - 1 of the size of s, which are lost in the rounding of K. They are parted without cancellation: with e = d/|d|
and an orthonormal basis P of its complement,

    [e P]^T K [e P] = [[kappa, s h^T], [s h, s H]],    kappa = c |d|^2 + s e^T G e,    h = P^T G e,    H = P^T G P,

the large eigenvalue has the eigenvector (1, s z) with

    z = (mu - s H)^{-1} h,    mu = kappa + s^2 h^T z,

and what is left is s M, M = H + s (kappa z z^T - z h^T - h z^T), on the columns of [-s z^T; I], whose Gram matrix is
I + s^2 z z^T. All of it is known to the rounding of G, at any s, and 0 is one.

What the entries of A and b are off by moves f_t, and without bound where an eigenvalue is zero to rounding and t is
large. With beta and eta the components of b and r along the eigenvectors of A, and e >= |dA|_2,

    |df| <= |dA|_F |phi beta| |phi eta| + |db| |phi eta|,    phi = phi_t(k - e),

since the divided differences of phi_t are at most phi_t(a) phi_t(b). A relative error of s moves an eigenvalue in
proportion, which changes f_t by at most |beta phi eta| times it, and c d d^T against s G, which is an error of c.
"""

import math
from typing import NamedTuple

import numpy as np

from roughntk._checks.precision import EPS

_APART = 4.0  # the large eigenvalue is at least so many times the others, or all are found together
_MOST_STEPS = 60  # of the iteration for z, each of which gains a factor of _APART
_GROWN = 1e-3  # a flow that has grown by less along an eigenvector of a negative eigenvalue is as good as any other


class Large(NamedTuple):
    """The mode of a kernel c d d^T + s G whose eigenvalue is not of the size of s. No quantity is in units of s.

    Attributes:
        value: its eigenvalue mu.
        beta, eta: components of b and r along its eigenvector, shapes (m,) and (k,).
        vector: the eigenvector, shape (n,).
        length: |d|.
        shares: p, where d has the component -s |d| p_i along the i-th other mode, shape (r,).
        weights: |w| of b = c d w + s g, shape (m,).
        level_error: a bound of the error of c, that of s included.
    """

    value: float
    beta: np.ndarray
    eta: np.ndarray
    vector: np.ndarray
    length: float
    shares: np.ndarray
    weights: np.ndarray
    level_error: float


class Clock(NamedTuple):
    """Time and ridge in units of 1 and of s.

    Attributes:
        time, ridge: t and the ridge.
        scaled_time, scaled_ridge: t s and ridge/s.
        units: relative errors of the last two.
    """

    time: float
    ridge: float
    scaled_time: float
    scaled_ridge: float
    units: float


class GradientFlow(NamedTuple):
    """Gradient flow in the eigenbasis of A, K = s A, and what it is off by.

    Attributes:
        spectrum: eigenvalues of A, increasing, those of `large` aside, shape (r,).
        beta, eta: components of b/s and of r along the eigenvectors, shapes (r, m) and (r, k).
        vectors: the eigenvectors, shape (n, r).
        matrix_error: a bound of the Frobenius norm of the error of A, that of rounding included.
        size: a bound of |A|, the large mode aside.
        doubt: how far an eigenvalue may be from the true one.
        beta_error, eta_error: norms of the errors of b/s and r, shapes (m,) and (k,).
        log_unit: log s.
        unit_error: a bound of the relative error of s.
        large: the mode that is not of the size of s, if there is one.
    """

    spectrum: np.ndarray
    beta: np.ndarray
    eta: np.ndarray
    vectors: np.ndarray
    size: float
    matrix_error: float
    doubt: float
    beta_error: np.ndarray
    eta_error: np.ndarray
    log_unit: float = 0.0
    unit_error: float = 0.0
    large: Large | None = None

    @property
    def unit(self) -> float:
        """s, 0 where it is below the range of float64."""
        return exponential(self.log_unit)

    @property
    def smallest(self) -> float:
        """The smallest eigenvalue of K."""
        if not self.spectrum.size:
            return self.large.value if self.large else math.nan
        return float(self.spectrum[0]) * self.unit

    def clock(self, log_time: float, ridge: float) -> Clock:
        """log t and the ridge, in units of 1 and of s."""
        scaled = math.inf if log_time == math.inf else exponential(log_time + self.log_unit)
        over = 0.0 if ridge == 0 else exponential(math.log(ridge) - self.log_unit)
        units = self.unit_error + (4 + (abs(log_time) if math.isfinite(log_time) else 0.0)) * EPS
        return Clock(exponential(log_time), ridge, scaled, over, units)

    def at(self, log_time: float, ridge: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """f_t and the bound of its error, shapes (m, k)."""
        clock = self.clock(log_time, ridge)
        k = self.spectrum + clock.scaled_ridge
        middle, high = phi(k, clock.scaled_time), phi(k - self.doubt, clock.scaled_time)
        with np.errstate(all="ignore"):
            f = (self.beta.T * middle) @ self.eta
            sizes = (np.abs(self.beta).T * high) @ np.abs(self.eta)
            left, right = (norms(part * high[:, None]) for part in (self.beta, self.eta))
            if self.large:
                first = float(phi(np.asarray(self.large.value + ridge), clock.time))
                f = f + np.outer(self.large.beta * first, self.large.eta)
                sizes = sizes + np.outer(np.abs(self.large.beta) * first, np.abs(self.large.eta))
                left = np.hypot(left, np.abs(self.large.beta) * first)
                right = np.hypot(right, self.unit * np.abs(self.large.eta) * first)
            bound = self.matrix_error * np.outer(left, right)
            bound += np.outer(self.beta_error, right) + np.outer(left, self.eta_error)
            bound += (3 * clock.units + 8 * EPS) * sizes
            if self.large:
                bound += self._of_level(self.large, first, high)
        return f, np.where(np.isfinite(bound) & np.isfinite(f), bound, math.inf)

    def _of_level(self, large: Large, first: float, high: np.ndarray) -> np.ndarray:
        """What an error of c does: dc (|b^T phi d| + |w|) |d^T phi r|, shape (m, k)."""
        shares = np.abs(large.shares) * high
        right = large.length * (first * np.abs(large.eta) + shares @ np.abs(self.eta))
        left = large.length * (first * np.abs(large.beta) + self.unit * (shares @ np.abs(self.beta)))
        return large.level_error * np.outer(left + large.weights, right)

    def diverges(self, log_time: float, ridge: float = 0.0) -> bool:
        """Whether the flow has grown by `_GROWN` along an eigenvector of a negative eigenvalue of A + ridge/s."""
        clock = self.clock(log_time, ridge)
        least = float(self.spectrum.min(initial=math.inf)) + clock.scaled_ridge
        return least < -2 * self.doubt and -least * clock.scaled_time > _GROWN

    def known_until(self, share: float, ridge: float = 0.0) -> float:
        """log of the longest time, to a tenth of a decade, until which the bound is below `share` of max(1, |f|)."""
        powers = np.arange(-100, 300, 0.1)

        def known(power: float) -> bool:
            f, bound = self.at(power * math.log(10), ridge)
            return bool(np.all(np.isfinite(bound) & (bound <= share * np.maximum(1.0, np.abs(f)))))

        low, high = 0, len(powers)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if known(powers[middle]) else (low, middle)
        return float(powers[low - 1]) * math.log(10) if low else -math.inf


def exponential(log: float) -> float:
    """exp, infinite beyond float64."""
    return math.exp(log) if log < 709.7 else math.inf


def norms(columns: np.ndarray) -> np.ndarray:
    """2-norms of columns of any size that float64 holds."""
    size = np.abs(columns).max(axis=0, initial=0.0)
    unit = np.where((size > 0) & np.isfinite(size), size, 1.0)
    return unit * np.linalg.norm(columns / unit, axis=0)


def phi(k: np.ndarray, t: float) -> np.ndarray:
    """(1 - exp(-t k))/k elementwise, t at k = 0."""
    if t == 0:
        return np.zeros_like(k)
    if t == math.inf:
        with np.errstate(divide="ignore"):
            return np.where(k > 0, 1 / np.abs(k), math.inf)
    safe = np.where(k == 0, 1.0, k)
    with np.errstate(over="ignore"):
        return np.where(k == 0, t, -np.expm1(-t * k) / safe)


def plain_flow(
    A, b, r, matrix_error, right_error, target_error=None, *, log_unit: float = 0.0, unit_error: float = 0.0
) -> GradientFlow:
    """The flow of a matrix as it is.

    Args:
        A, b, r: A = K/s, b/s and the targets, shapes (n, n), (n, m) and (n, k).
        matrix_error, right_error, target_error: bounds of the errors of their entries; of r none by default.
        log_unit, unit_error: log s, and a bound of the relative error of s.
    """
    spectrum, Q = np.linalg.eigh(A)
    units, size = len(A) * EPS, float(np.abs(spectrum).max(initial=0.0))
    rounding = units * size
    beta, eta = Q.T @ b, Q.T @ r
    of_target = 0.0 if target_error is None else norms(target_error)
    return GradientFlow(
        spectrum, beta, eta, Q, size,
        matrix_error=float(np.linalg.norm(matrix_error)) + rounding,
        doubt=float(np.max(matrix_error.sum(axis=1), initial=0.0)) + rounding,
        beta_error=norms(right_error) + units * norms(beta),
        eta_error=of_target + units * norms(eta),
        log_unit=log_unit, unit_error=unit_error,
    )  # fmt: skip


def parted_flow(
    G, g, r, matrix_error, right_error, *, level: float, direction, weights, log_unit: float, unit_error: float
) -> GradientFlow | None:
    """The flow of K = c d d^T + s G and b = c d w + s g, its large mode apart; None where no mode is that large.

    Args:
        G, g, r: shapes (n, n), (n, m) and (n, k).
        matrix_error, right_error: bounds of the errors of the entries of G and g.
        level: c.
        direction, weights: d and w, shapes (n,) and (m,).
        log_unit, unit_error: log s, -inf for s = 0, and a bound of the relative error of s.
    """
    s, length = exponential(log_unit), float(np.linalg.norm(direction))
    reflect = reflection(direction / length)
    turned = reflect(reflect(G).T)
    first, h, H = float(turned[0, 0]), turned[1:, 0], (turned[1:, 1:] + turned[1:, 1:].T) / 2
    kappa, size = level * length**2 + s * first, float(np.abs(turned).sum(axis=1).max())
    if not kappa > _APART * s * size:
        return None
    z, mu = _eigenvector(h, H, kappa, s)
    square = float(z @ z)
    root = math.sqrt(1 + s * s * square)
    share = s * s / (root * (1 + root))  # (I + s^2 z z^T)^{-1/2} = I - share z z^T

    def shrunk(v: np.ndarray) -> np.ndarray:
        return v - share * np.multiply.outer(z, z @ v)

    M = H + s * (kappa * np.outer(z, z) - np.outer(z, h) - np.outer(h, z))
    M = shrunk(shrunk(M).T)
    spectrum, Q = np.linalg.eigh((M + M.T) / 2)
    basis = shrunk(Q)
    b, right, targets = level * length * weights, reflect(g), reflect(r)
    outside = b + s * right[0]
    beta = basis.T @ (right[1:] - np.outer(z, outside))
    eta = basis.T @ (targets[1:] - s * np.outer(z, targets[0]))
    shares = basis.T @ z
    units = 4 * len(G) * EPS
    size_of_right = norms(g) + np.linalg.norm(z) * np.abs(outside)
    level_error = (unit_error + 2 * EPS) * abs(level)
    large = Large(
        mu, (outside + s * s * (z @ right[1:])) / root, (targets[0] + s * (z @ targets[1:])) / root,
        reflect(np.concatenate([[1.0], s * z])[:, None], back=True)[:, 0] / root, length, shares, np.abs(weights),
        level_error,
    )  # fmt: skip
    return GradientFlow(
        spectrum, beta, eta, reflect(np.concatenate([-s * shares[None], basis]), back=True), size,
        matrix_error=float(np.linalg.norm(matrix_error)) + units * size,
        doubt=float(np.max(matrix_error.sum(axis=1), initial=0.0)) + units * size,
        beta_error=norms(right_error) + units * size_of_right,
        eta_error=units * norms(r),
        log_unit=log_unit, unit_error=unit_error, large=large,
    )  # fmt: skip


def reflection(e: np.ndarray):
    """B -> [e P]^T B for a unit vector e and a basis P of its complement; B -> [e P] B where `back`."""
    v = e.copy()
    sign = -1.0 if v[0] >= 0 else 1.0
    v[0] -= sign
    v /= np.linalg.norm(v)  # the reflection takes e to sign e_0

    def reflect(B: np.ndarray, back: bool = False) -> np.ndarray:
        B = np.array(B)
        if back:
            B[0] *= sign
        B -= 2 * np.multiply.outer(v, v @ B)
        if not back:
            B[0] *= sign
        return B

    return reflect


def _eigenvector(h: np.ndarray, H: np.ndarray, kappa: float, s: float) -> tuple[np.ndarray, float]:
    """(z, mu): the eigenvector (1, s z) of [[kappa, s h^T], [s h, s H]] for its largest eigenvalue, which is mu."""
    z, mu = h / kappa, kappa
    for _ in range(_MOST_STEPS):
        mu = kappa + s * s * float(h @ z)
        following = (h + s * (H @ z)) / mu
        change, z = np.abs(following - z).max(initial=0.0), following
        if change <= EPS * np.abs(z).max(initial=0.0):
            break
    return z, kappa + s * s * float(h @ z)
