"""Propositions 3 and 6: what the trained network predicts, at the end of gradient flow and at a time.

Gradient flow of L(w) = (1/2) |Phi w + f_0(X) - y|^2 for a model f(z) = f_0(z) + phi(z).w that is linear in its weights,
with phi(z).phi(z') = K(z, z'): the network at infinite width. K is that of depth 3, by quadrature.
"""

import math

import numpy as np
import scipy.integrate

from roughntk.audit import exact, points
from roughntk.audit.claim import DIGITS, Claim, Curve, Evidence, Looked, Picture
from roughntk.audit.grounds import by_layers
from roughntk.audit.subject import Numbers, Subject

DEPTH = 3
TIMES = 0.1, 1.0, 5.0, 40.0
CLOSE = 1e-11
"""Of numbers of order one from quadrature to 1e-14 and matrices with condition numbers below 10."""

FLOW = 1e-8
"""Of a flow that is integrated with a relative tolerance of 1e-11 a step."""


def _problem() -> tuple[Numbers, Numbers, Numbers, tuple[Numbers, Numbers]]:
    """X, y, x and the initial function at X and x."""
    generator = np.random.default_rng(5)
    X, x = points.generic(4, 4, 3), points.generic(2, 4, 11)
    return X, generator.normal(size=4), x, (generator.normal(size=4), generator.normal(size=2))


def _kernel(X: Numbers, x: Numbers) -> tuple[Numbers, Numbers]:
    """K(X, X) and K(X, x), by quadrature and the sum over layers."""
    rho = np.concatenate([points.correlations(X), points.correlations(X, x)], axis=1)
    values = np.array([[by_layers(min(float(value), 1.0), DEPTH)[1] for value in row] for row in rho])
    return values[:, : len(X)], values[:, len(X) :]


def _by_exponential(time: float) -> Numbers:
    """f_t(x) by K^{-1}(1 - exp(-tK)) = int_0^t exp(-sK) ds, the upper right block of exp [[-tK, t], [0, 0]]: without an
    inverse."""
    X, y, x, (start, at) = _problem()
    K, k = _kernel(X, x)
    n = len(K)
    block = np.zeros((2 * n, 2 * n))
    block[:n, :n], block[:n, n:] = -time * K, time * np.eye(n)
    return np.asarray(at + k.T @ exact.exponential(block)[:n, n:] @ (y - start))


def _by_flow(times: tuple[float, ...]) -> Numbers:
    """f_t(x) by integrating dw/dt = -Phi^T (Phi w + f_0(X) - y), (times, m)."""
    X, y, x, (start, at) = _problem()
    features = np.linalg.cholesky(_whole(X, x))
    training, testing = features[: len(X)], features[len(X) :]
    flow = scipy.integrate.solve_ivp(
        lambda _, w: -training.T @ (training @ w + start - y), (0.0, max(times)), np.zeros(len(features)),
        method="DOP853", t_eval=times, rtol=1e-11, atol=1e-13,
    )  # fmt: skip
    return np.asarray(at + (testing @ flow.y).T)


def _whole(X: Numbers, x: Numbers) -> Numbers:
    both = np.concatenate([X, x])
    return _kernel(both, both[:1])[0]


def _predicted(subject: Subject, time: float) -> Numbers:
    X, y, x, initial = _problem()
    return np.asarray(subject.predict(X, y, x, DEPTH, time, initial))


def _proposition_3(subject: Subject) -> Looked:
    """f_inf(x) = f_0(x) + u(x)^T (y - f_0(X))."""
    X, y, x, (start, at) = _problem()
    K, k = _kernel(X, x)
    wanted = at + exact.solution(K, k).T @ (y - start)
    given = _predicted(subject, math.inf)
    off = float(np.max(np.abs(given - wanted)))
    flow = float(np.max(np.abs(given - _by_flow((400.0,))[0])))
    on_data = float(np.max(np.abs(subject.predict(X, y, X, DEPTH, math.inf, (start, start)) - y)))
    moved = float(np.max(np.abs(given - at)))
    return [
        Evidence(
            "statement",
            f"At depth 3, with 4 training points and 2 test points, f_inf(x) is {off:.1e} from f_0(x) + u^T (y - "
            f"f_0(X)), u solved for in exact arithmetic from kernels by quadrature; it is up to {moved:.2f} from f_0.",
            off < CLOSE, DIGITS, {"difference": off, "moved": moved},
        ),
        Evidence(
            "statement",
            f"Gradient flow on the weights of a linear model with this kernel, integrated to t = 400, ends {flow:.1e} "
            "from it.",
            flow < FLOW, DIGITS, {"difference": flow},
        ),
        Evidence(
            "statement", f"At the training points f_inf is y to {on_data:.1e}.", on_data < CLOSE, DIGITS,
            {"difference": on_data},
        ),
    ], None  # fmt: skip


def _proposition_6(subject: Subject) -> Looked:
    """f_t(x) = f_0(x) + K(x,X) K(X,X)^{-1} (1 - exp(-t K(X,X))) (y - f_0(X))."""
    _, _, x, (_, at) = _problem()
    given = np.array([_predicted(subject, time) for time in TIMES])
    off = float(np.max(np.abs(given - [_by_exponential(time) for time in TIMES])))
    flow = float(np.max(np.abs(given - _by_flow(TIMES))))
    begin = float(np.max(np.abs(_predicted(subject, 0.0) - at)))
    end = float(np.max(np.abs(given[-1] - _predicted(subject, math.inf))))
    fine = tuple(np.geomspace(0.05, 60, 60))
    curves = _by_flow(fine)
    return [
        Evidence(
            "statement",
            f"At times 0.1, 1, 5 and 40 the prediction is {off:.1e} from the exponential of a matrix, by its series in "
            "50 digits.",
            off < CLOSE, DIGITS, {"difference": off},
        ),
        Evidence(
            "statement",
            f"It is {flow:.1e} from gradient flow on the weights of a linear model with this kernel, integrated.",
            flow < FLOW, DIGITS, {"difference": flow},
        ),
        Evidence(
            "statement",
            f"It begins at f_0 to {begin:.1e}, and at t = 40 it is {end:.1e} from the prediction of infinite time.",
            begin < CLOSE and end < 0.1, DIGITS, {"begin": begin, "end": end},
        ),
    ], Picture(
        "Predictions in time", "time $t$ of gradient flow on $K$", "$f_t(x)$",
        (*(Curve(f"gradient flow, test point {j + 1}", fine, tuple(curves[:, j])) for j in range(len(x))),
         *(Curve(f"formula, test point {j + 1}", TIMES, tuple(given[:, j]), True) for j in range(len(x)))),
        (), "x", "The formula of Proposition 6, and gradient flow on the weights, integrated.",
    )  # fmt: skip


CLAIMS = (
    Claim(
        "proposition-3", "Proposition 3", "Trained to convergence the network predicts f_0(x) + u(x)^T (y - f_0(X)).",
        _proposition_3,
    ),
    Claim(
        "proposition-6", "Proposition 6",
        "After a time t of gradient flow it predicts f_0(x) + K(x,X) K(X,X)^-1 (1 - exp(-t K(X,X))) (y - f_0(X)).",
        _proposition_6,
    ),
)  # fmt: skip

__all__ = ["CLAIMS"]
