"""Conjugate gradients for a positive definite matrix that is never stored, in blocks of right-hand sides.

Each step applies the matrix to all right-hand sides at once; each of them is a system of its own otherwise. The
coefficients of the steps are those of Lanczos' tridiagonal matrix (``references.bib``: GolubVanLoan2013, 11.3), whose
eigenvalues lie between the extreme ones of the (preconditioned) matrix: they say how well conditioned it is, and where
one is not positive, that the matrix is not.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float
from scipy.linalg import eigvalsh_tridiagonal

from roughntk._checks.precision import EPS
from roughntk.linalg.exceptions import NotPositiveDefiniteError

Apply = Callable[[np.ndarray], np.ndarray]
MOST_STEPS = 1000
"""Of one solve."""
RESTARTS = 3
"""How often the true residual, where it lags behind, is solved for again."""
STALLED = 100
"""Steps without a smaller residual before a solve is given up."""


class States(Protocol):
    """Where the state of a solve is kept, from which it goes on."""

    def offer(self, state: Callable[[], dict[str, Any]]) -> None:
        """Take the state, if it is time to."""
        ...

    def recall(self) -> dict[str, Any] | None:
        """The state that was kept last; None if there is none."""
        ...


class StagnationError(ValueError):
    """Conjugate gradients do not come nearer to the solution."""


@dataclasses.dataclass(frozen=True, eq=False)
class Iterated:
    """What conjugate gradients found.

    Attributes:
        solution: x, shape (n, k).
        residual: |B - A x| / |B| of each column, of the true residual computed at the end, shape (k,).
        iterations: applications of A, those for the true residual not counted.
        smallest, largest: extreme Ritz values of the (preconditioned) matrix, which its spectrum encloses.
    """

    solution: Float[np.ndarray, "n k"]
    residual: Float[np.ndarray, " k"]
    iterations: int
    smallest: float
    largest: float

    @property
    def condition_number(self) -> float:
        """An estimate from below."""
        return self.largest / self.smallest


def conjugate_gradients(
    apply: Apply, B: Float[np.ndarray, "n k"], *, precondition: Apply | None = None, tolerance: float = 1e-12,
    most: int = MOST_STEPS, norm: float = 0.0, what: str = "matrix",
    remedy: str = "raise the ridge, or use method='cholesky'", states: States | None = None,
) -> Iterated:  # fmt: skip
    """Solve A x = B by conjugate gradients.

    Args:
        apply: V -> A V, shape (n, k).
        B: right-hand sides, shape (n, k).
        precondition: V -> about A^{-1} V, symmetric and positive definite.
        tolerance: of |B - A x| / |B|, column by column; where A x is rounded by more, that is enough.
        most: steps at most.
        norm: about |A|, as far as it is known, from which it is told how A x is rounded.
        what: how to name A in an error.
        remedy: what to do about one that is not solved.
        states: keeps the state of the iteration after a step, from which it goes on with the same bits.

    Raises:
        NotPositiveDefiniteError: a direction p with p^T A p <= 0 is met.
        StagnationError: the tolerance is not reached in so many steps, or the residual does not fall any more.

    >>> import numpy as np
    >>> A, B = np.array([[2.0, 1.0], [1.0, 3.0]]), np.array([[3.0], [4.0]])
    >>> iterated = conjugate_gradients(lambda V: A @ V, B)
    >>> iterated.solution.ravel().round(12).tolist(), iterated.iterations
    ([1.0, 1.0], 2)
    """
    peak = np.abs(B).max(axis=0, initial=0.0)
    peak = np.where(peak > 0, peak, 1.0)  # whose square may be beyond float64
    B = B / peak
    size = np.linalg.norm(B, axis=0)
    unit = np.where(size > 0, size, 1.0)
    x, left, steps, ritz = np.zeros_like(B), B / unit, 0, _Ritz()
    first, state = 0, None if states is None else states.recall()
    if state is not None:
        first, x, left, steps = (state[name] for name in ("run", "x", "left", "steps"))
        ritz = _Ritz.of(state["ritz"])
    for number in range(first, RESTARTS):
        before = {"run": number, "x": x, "left": left, "steps": steps}
        step, taken = _run(
            apply, left, precondition, tolerance, most - steps, ritz, what, remedy, _Kept(states, before, state)
        )
        state = None
        x, steps = x + step, steps + taken
        left = B / unit - apply(x)
        residual = np.linalg.norm(left, axis=0)
        if (residual <= tolerance).all() or steps >= most:
            break
    gain = max(np.sqrt(len(B)) * ritz.gain, norm)
    rounded = EPS * gain * np.linalg.norm(x, axis=0)  # of A x, which no step mends
    if (residual <= np.maximum(tolerance, rounded)).all():
        return Iterated(x * unit * peak, residual, steps, ritz.smallest, ritz.largest)
    worst = float(residual.max())
    raise StagnationError(
        f"expected conjugate gradients to solve the {what} to {tolerance:.1g}, got a residual of {worst:.3g} after "
        f"{steps:,} steps (condition number at least {ritz.largest / ritz.smallest:.3g}); raise tolerance, or {remedy}"
    )


def _run(
    apply: Apply, B: np.ndarray, precondition: Apply | None, tolerance: float, most: int, ritz: "_Ritz", what: str,
    remedy: str, kept: "_Kept",
) -> tuple[np.ndarray, int]:  # fmt: skip
    """(x, steps taken) of one run from x = 0, or from where it was."""
    prepared = precondition or (lambda V: V)
    if kept.state is not None:
        x, r, p, rz, least, stalled, steps = (kept.state[name] for name in _Kept.NAMES)
    else:
        x, r = np.zeros_like(B), B.copy()
        z = prepared(r)
        p, rz = z.copy(), (r * z).sum(axis=0)
        least, stalled, steps = float(np.linalg.norm(r, axis=0).max(initial=0.0)), 0, 0
    active = np.linalg.norm(r, axis=0) > tolerance
    while active.any() and steps < most and stalled < STALLED:
        q = apply(p[:, active])
        curvature = (p[:, active] * q).sum(axis=0)
        ritz.gain = max(ritz.gain, float((np.linalg.norm(q, axis=0) / np.linalg.norm(p[:, active], axis=0)).max()))
        if not (curvature > 0).all():
            k = int(np.argmin(curvature))
            size = float((p[:, active][:, k] ** 2).sum())
            raise NotPositiveDefiniteError(
                f"expected a positive definite {what}, got a direction p with p^T A p = {curvature[k] / size:.3g} "
                f"|p|^2; {remedy}"
            )
        alpha = rz[active] / curvature
        x[:, active] += alpha * p[:, active]
        r[:, active] -= alpha * q
        z = prepared(r[:, active])
        following = (r[:, active] * z).sum(axis=0)
        beta = following / rz[active]
        ritz.add(np.flatnonzero(active), alpha, beta)
        p[:, active] = z + beta * p[:, active]
        rz[active] = following
        norms = np.linalg.norm(r, axis=0)
        worst = float(norms.max())
        least, stalled = (worst, 0) if worst < least else (least, stalled + 1)
        active = norms > tolerance
        steps += 1
        kept.offer(ritz, x, r, p, rz, least, stalled, steps)
    ritz.close()
    return x, steps


class _Kept:
    """What one run was begun with and what it goes on from, and where its state after a step is kept."""

    NAMES = ("step", "r", "p", "rz", "least", "stalled", "taken")

    def __init__(self, states: States | None, before: dict[str, Any], state: dict[str, Any] | None):
        self._states, self._before, self.state = states, before, state

    def offer(self, ritz: "_Ritz", *values: Any) -> None:
        """The state after a step."""
        if self._states is not None:
            self._states.offer(lambda: self._before | self._now(values) | {"ritz": ritz.state()})

    def _now(self, values: tuple[Any, ...]) -> dict[str, Any]:
        """Copies: the next step changes the arrays."""
        copies = (np.array(each) if isinstance(each, np.ndarray) else each for each in values)
        return dict(zip(self.NAMES, copies, strict=True))


class _Ritz:
    """Extreme eigenvalues of Lanczos' tridiagonal matrices of all columns; `gain`, the largest |A p|/|p|."""

    def __init__(self) -> None:
        self.smallest, self.largest, self.gain = np.inf, 0.0, 0.0
        self._steps: dict[int, list[tuple[float, float]]] = {}

    def add(self, columns: np.ndarray, alpha: np.ndarray, beta: np.ndarray) -> None:
        """One more step of some columns."""
        for column, a, b in zip(columns.tolist(), alpha.tolist(), beta.tolist(), strict=True):
            self._steps.setdefault(column, []).append((a, b))

    def state(self) -> tuple[float, float, float, list[tuple[int, np.ndarray]]]:
        """What it goes on from."""
        return self.smallest, self.largest, self.gain, [(key, np.array(each)) for key, each in self._steps.items()]

    @classmethod
    def of(cls, state: tuple[float, float, float, list[tuple[int, np.ndarray]]]) -> "_Ritz":
        """That of a state."""
        made = cls()
        made.smallest, made.largest, made.gain, steps = state
        made._steps = {key: [(a, b) for a, b in each.tolist()] for key, each in steps}
        return made

    def close(self) -> None:
        """The end of a run."""
        for steps in self._steps.values():
            alpha, beta = np.array(steps).T
            diagonal = 1 / alpha
            diagonal[1:] += beta[:-1] / alpha[:-1]
            values = eigvalsh_tridiagonal(diagonal, np.sqrt(np.maximum(beta[:-1], 0.0)) / alpha[:-1])
            self.smallest, self.largest = min(self.smallest, float(values[0])), max(self.largest, float(values[-1]))
        self._steps.clear()


__all__ = ["Iterated", "StagnationError", "States", "conjugate_gradients"]
