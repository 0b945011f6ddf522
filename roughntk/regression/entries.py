"""What the entries of a kernel matrix may be off by: the rounding of the kernel, and that of the angles.

Bounds come from the kernel itself, evaluated at the angles and at two more angles beside each: the first difference is
what an error of the angle does, the second is rounding, measured (:func:`entry_errors`). What they do to the solution
of a system is told in :mod:`roughntk.linalg.forward_error`.
"""

from collections.abc import Callable

import numpy as np

from roughntk import sphere
from roughntk._checks.precision import EPS

_STEP = 2.0**-30  # relative: a second difference of the kernel is below eps, one of its rounding is not
_FEWEST_UNITS = 8.0  # of rounding in an entry; kernels were seen to be off by 4 at most where none is measured,
_MEASURED = 8.0  # and by up to 5 times the largest second difference where it is
_GRAM_LIMIT = 0.9991  # below it an angle may come from the product of two rows (`sphere.GRAM_LIMIT`)
_MOST_ENTRIES = 10_000  # beyond, errors are measured on a sample of angles and interpolated
_SAMPLE = 4096


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
