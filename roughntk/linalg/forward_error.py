"""How far the solution of a computed linear system may be from the solution of the true one.

A computed system (A, b) differs from the true one by the errors of its entries, which no refinement of its solution
mends: they are part of the data. With |dA|, |db| bounds of them, X close to the inverse of A and r = b - A u,

    |true u - u| <= |X r| + y + |R| 1 max(|X r| + y)/(1 - q),    y = |X| (|dA| |u| + |db| + rounding of r),
    |R| = |I - X A| + |X| |dA|,    q = its largest row sum < 1,

componentwise (Krawczyk's operator: Rump 2010, Theorem 10.2). Where q is 1 or more, A cannot be told from a singular
matrix, nothing is known of u, and the bound is infinite.

Bounds of the entries come from the kernel itself, evaluated at the angles and at two more angles beside each: the
first difference is what an error of the angle does, the second is rounding, measured (:func:`entry_errors`).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from roughntk import sphere

EPS = float(np.finfo(np.float64).eps)

_STEP = 2.0**-30  # relative: a second difference of the kernel is below eps, one of its rounding is not
_FEWEST_UNITS = 8.0  # of rounding in an entry; kernels were seen to be off by 4 at most where none is measured,
_MEASURED = 8.0  # and by up to 5 times the largest second difference where it is
_GRAM_LIMIT = 0.9991  # below it an angle may come from the product of two rows (`sphere.GRAM_LIMIT`)
_MOST_ENTRIES = 10_000  # beyond, errors are measured on a sample of angles and interpolated
_SAMPLE = 4096


class Errors(NamedTuple):
    """What is known of the entries of a system (A, b).

    Attributes:
        matrix: bounds of the errors of A, shape (n, n).
        right: of b, shape (n, m).
        on_data: where column k of b is column i of A exactly, the unit vector e_i in column k; 0 elsewhere. (n, m).
    """

    matrix: np.ndarray
    right: np.ndarray
    on_data: np.ndarray

    @classmethod
    def of_rounding(cls, matrix: np.ndarray, right: np.ndarray) -> "Errors":
        """Of entries that were rounded once."""
        return cls(EPS * np.abs(matrix), EPS * np.abs(right), np.zeros_like(right))


def forward_error(matrix, right, solution, inverse, errors: Errors) -> Float[np.ndarray, "n m"]:
    """The bound above for each entry of a solution; infinite where nothing is known.

    Args:
        matrix, right: A and b as they were computed, shapes (n, n) and (n, m).
        solution: u, shape (n, m).
        inverse: an approximate inverse of A.
        errors: bounds of the errors of A and b.
    """
    n = len(matrix)
    units = (2 + np.sqrt(n)) * EPS  # of a sum of n products
    size = np.abs(inverse)
    with np.errstate(all="ignore"):
        free = ~errors.on_data.any(axis=0)
        gap = solution - errors.on_data
        residual = right * free - matrix @ gap
        doubt = (errors.matrix + units * np.abs(matrix)) @ np.abs(gap) + (errors.right + EPS * np.abs(right)) * free
        bound = np.abs(inverse @ residual) + size @ (doubt + units * np.abs(residual))
        rows = np.abs(inverse @ matrix - np.eye(n)).sum(axis=1)
        rows += size @ (errors.matrix + units * np.abs(matrix)).sum(axis=1)
        q = float(rows.max())
        if not q < 1:
            return np.full_like(right, np.inf)
        bound += rows[:, None] * bound.max(axis=0) / (1 - q)
        return np.where(np.isfinite(bound), bound, np.inf)


def relative(bound: np.ndarray, solution: np.ndarray) -> np.ndarray:
    """max |error| / max(1, max |u|) of each column, shape (m,)."""
    return bound.max(axis=0) / np.maximum(1.0, np.abs(solution).max(axis=0))


def on_data(X: np.ndarray, x: np.ndarray, theta: np.ndarray, depth) -> np.ndarray:
    """1 where a test point is the row of X, 0 elsewhere, shape (n, m).

    It is where the two are equal; at infinite depth, where kernels jump at the angle 0, within rounding.
    """
    on = np.zeros((len(X), len(x)))
    infinite = np.ndim(depth) == 0 and depth == np.inf
    for i, k in np.argwhere(theta[:, len(X) :] == 0):
        on[i, k] = float((infinite and not on[:, k].any()) or np.array_equal(X[i], x[k]))
    return on


def angle_errors(X: np.ndarray, x: np.ndarray, theta: np.ndarray, on: np.ndarray) -> np.ndarray:
    """Bounds of the errors of `sphere.joint_angles(X, x)`, shape (n, n + m); none where a test point is `on_data`.

    Rows whose norms deviate from 1 make their share: the product of two rows is then not the cosine. Near 0 and pi,
    where angles come from differences of rows, only the difference of two norms counts.
    """
    both = np.concatenate([X, x])
    norms = ((both * both).sum(axis=1) - 1) / 2
    units = (2 + np.sqrt(X.shape[1])) * EPS
    off = np.abs(norms)[: len(X), None] + np.abs(norms)
    apart = np.abs(norms[: len(X), None] - norms) + EPS
    sine, cosine = np.sin(theta), np.cos(theta)
    product = (units + off) / np.maximum(sine, 1e-300)
    chord = (units + off) * sine + 2 * EPS * theta + apart * apart / np.maximum(2 * theta, 1e-300)
    error = np.where(np.abs(cosine) <= _GRAM_LIMIT, product, chord)
    error = np.where(theta == 0, sphere.SAME_ANGLE, error)
    np.fill_diagonal(error, 0.0)
    error[:, len(X) :][on > 0] = 0.0
    return error


def entry_errors(
    values: Callable[[np.ndarray], np.ndarray], theta: np.ndarray, angle_error: np.ndarray, least: float
) -> np.ndarray:
    """Bounds of the errors of kernel values at known angles, of the shape of the angles.

        E = units eps (max(|K|, least) + |theta K'|) + |K'| |d theta|,    units = 8 + 8 max |second difference|/eps

    Args:
        values: theta -> K, elementwise.
        theta: angles, any shape.
        angle_error: bounds of their errors.
        least: 1 for kernels, whose rounding is that of their largest value; 0 for deflated ones, accurate in each.
    """
    at, sampled = theta.ravel(), theta.size > _MOST_ENTRIES
    if sampled:
        positive = at[at > 0]
        ends = positive.min(), positive.max()
        at = np.concatenate([[0.0], ends, positive[np.linspace(0, positive.size - 1, _SAMPLE - 2).astype(int)]])
        at.sort()
    base, near, far = (values(at * (1 - k * _STEP)) for k in range(3))
    moved = np.abs(near - base) / _STEP
    size = np.where(at > 0, np.maximum(np.abs(base), least), np.where(base == 1, 0.0, np.abs(base))) + moved
    noise = np.divide(np.abs(far - 2 * near + base), 4 * size, out=np.zeros_like(size), where=size > 0)
    rounding = (_FEWEST_UNITS * EPS + _MEASURED * float(noise.max(initial=0.0))) * size
    slope = np.divide(moved, at, out=np.zeros_like(moved), where=at > 0)
    if sampled:
        rounding, slope = (
            np.where(theta.ravel() > 0, np.interp(theta.ravel(), at[1:], part[1:]), part[0])
            for part in (rounding, slope)
        )
    error = rounding + slope * angle_error.ravel()
    snapped = (theta.ravel() == 0) & (angle_error.ravel() > 0)
    if snapped.any():  # a kernel may be steepest at 0
        beside, at_zero = values(np.array([sphere.SAME_ANGLE, 0.0]))
        error[snapped] += 2 * abs(beside - at_zero) + EPS * max(abs(at_zero), least)
    return error.reshape(theta.shape)
