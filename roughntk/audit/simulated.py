"""Networks with all their weights, forward and backward, in plain numpy: a second route to what `rn.networks` draws."""

import math
from typing import NamedTuple

import numpy as np

from roughntk.audit.ingredients import Numbers


class Drawn(NamedTuple):
    """Of many networks: V_L of the last hidden layer, and tangent kernels of the hidden weights, (samples, N, N)."""

    covariance: Numbers
    tangent: Numbers


def random_networks(X: Numbers, layers: int, width: int, samples: int, seed: int) -> Drawn:
    """h_l = sqrt(2/n) relu(W_l h_{l-1}), f = a.h_L, all weights N(0, 1); Theta sums over the hidden weights."""
    rng = np.random.default_rng(seed)
    scale = math.sqrt(2 / width)
    h = np.broadcast_to(X.T, (samples, *X.T.shape))
    states, active, weights = [h], [], []
    for _ in range(layers):
        W = rng.standard_normal((samples, width, h.shape[1]))
        z = W @ h
        h = scale * np.maximum(z, 0.0)
        states.append(h)
        active.append(scale * (z > 0))
        weights.append(W)
    gradient = np.broadcast_to(rng.standard_normal((samples, width, 1)), h.shape)
    tangent = np.zeros((samples, len(X), len(X)))
    for layer in reversed(range(layers)):
        before = active[layer] * gradient
        tangent += _gram(before) * _gram(states[layer])
        gradient = weights[layer].swapaxes(1, 2) @ before
    return Drawn(_gram(h), tangent)


def _gram(columns: Numbers) -> Numbers:
    return np.asarray(columns.swapaxes(1, 2) @ columns, dtype=np.float64)


def lower(gram: Numbers) -> Numbers:
    """Its Cholesky factor."""
    return np.asarray(np.linalg.cholesky(gram), dtype=np.float64)


class Walk(NamedTuple):
    """Of a shaped network of two inputs: dX_l = chol(Z_l^T Z_l/n) - I, and M_l = chol V_l, row 0 that of the inputs."""

    increments: Numbers
    factors: Numbers


def shaped_walk(weights: list[Numbers], X: Numbers, slopes: tuple[float, float]) -> Walk:
    """The walk of given weights, by whitening with the factors of the Gram matrices."""
    width = len(weights[0])
    scale = math.sqrt(2 / (width * (slopes[0] ** 2 + slopes[1] ** 2)))
    h = X.T
    factors, increments = [lower(h.T @ h)], []
    for W in weights:
        z = W @ h
        white = np.linalg.solve(factors[-1], z.T)
        increments.append(lower(white @ white.T / width) - np.eye(len(X)))
        h = scale * np.where(z > 0, slopes[0] * z, slopes[1] * z)
        factors.append(lower(h.T @ h))
    return Walk(np.array(increments), np.array(factors))


def bent(factor: Numbers, kappa: float) -> Numbers:
    """M Psi(M^{-1} b M^{-T}) of two inputs, Psi the strict lower part and half of the diagonal."""
    V = factor @ factor.T
    size = math.sqrt(V[0, 0] * V[1, 1])
    rho = min(max(V[0, 1] / size, -1.0), 1.0)
    b = kappa * (math.sqrt(1 - rho * rho) - rho * math.acos(rho)) * size
    inverse = np.linalg.inv(factor)
    inner = inverse @ np.array([[0.0, b], [b, 0.0]]) @ inverse.T
    return np.asarray(factor @ (np.tril(inner, -1) + np.diag(np.diag(inner)) / 2), dtype=np.float64)


def along_ito_lift(walk: Walk, kappa: float, step: float) -> Numbers:
    """The last M of M -> M (1 + dX) + M Psi(...) ds, what dM = M dX + ... is along the Ito lift, layer by layer."""
    M = walk.factors[0]
    for increment in walk.increments:
        M = M + M @ increment + bent(M, kappa) * step
    return M


def second_moment(layers: int, width: int) -> float:
    """E Theta^2/(E Theta)^2 on the diagonal, hidden weights, by the recursion in F, M, B, X, Y, S over layers."""
    n = float(width)
    c = 1 + 5 / n
    F, M, B, X, Y, S = 3.0, n + 2, n * (n + 2), 0.0, 0.0, 0.0
    for _ in range(layers):
        ends = F + (M - F) * (n - 2) / (n - 1) + (B - 2 * M + F) * (n * n / 4 + n / 4 - 1) / (n * n - 1)
        t2, q, r = 4 / n**2 * ends, (F + M) / n, (X + Y) / n
        S, X, Y = t2 + 2 * r + c * S, q + c * X, q + (n - 1) * t2 + c * X + (n - 1) * r
        F, M, B = c * F, c * F + (n - 1) * (F + M) / n, c * F + 2 * (n - 1) * (F + M) / n + (n * n - 1) * t2
    return S / layers**2


def limit_of_second_moment(time: float) -> float:
    """Its limit for L/n = t: e^{5t} (1/3 + 2/(9t) (1 - (1 - e^{-6t})/(6t)))."""
    t = time
    return math.exp(5 * t) * (1 / 3 + 2 / (9 * t) * (1 - (1 - math.exp(-6 * t)) / (6 * t)))


def scaled_depths(start: float, time: float, samples: int, steps: int, seed: int) -> Numbers:
    """y_t of dy = (1 + 2y) ds - sqrt 2 y dB from y_0: (y_0 + int_0^t E_s ds)/E_t, E_s = exp(sqrt 2 B_s - s)."""
    rng = np.random.default_rng(seed)
    h = time / steps
    log_E = np.zeros((samples, steps + 1))
    log_E[:, 1:] = np.cumsum(math.sqrt(2 * h) * rng.standard_normal((samples, steps)) - h, axis=1)
    E = np.exp(log_E)
    integral = h * (E[:, 1:] + E[:, :-1]).sum(axis=1) / 2
    return np.asarray((start + integral) / E[:, -1], dtype=np.float64)


__all__ = [
    "Drawn", "Walk", "along_ito_lift", "limit_of_second_moment", "random_networks", "scaled_depths", "second_moment",
    "shaped_walk",
]  # fmt: skip
