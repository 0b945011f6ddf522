"""Kernel-regression coefficients u = K(X,X)^{-1} K(X,x) in closed form, at one depth.

These are the numbers that Theorem 3 of the paper transports from depth to depth; here they are solved for
directly, with their residual and the condition number of what was solved (:mod:`roughntk.linalg`).
"""

import dataclasses
import functools
import math
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from roughntk import _checks, linalg, sphere
from roughntk._checks import InputError, MissingBackendError
from roughntk._checks.precision import EPS
from roughntk.files.checkpoints import UNKEPT, Keeper
from roughntk.kernels import KernelFamily, as_family
from roughntk.linalg import Solution
from roughntk.linalg.forward_error import relative
from roughntk.linalg.systems import CHOLESKY, DEFLATED, INDEFINITE, ITERATIVE
from roughntk.regression import kept
from roughntk.regression.exceptions import REMEDY, require_digits
from roughntk.regression.iterative import MOST_FACTORED, IterativelyConverged
from roughntk.regression.parted import PartedKernel, Rows
from roughntk.regression.proven import BALLS, is_needed, proven_solution, why_not
from roughntk.regression.systems import Systems

METHODS = ("auto", CHOLESKY, INDEFINITE, DEFLATED, ITERATIVE, BALLS)
"""What `solve` takes as a method."""


def solve(
    family: KernelFamily, X, x, *, depth, method: str = "auto", domain: str = "sphere", devices: Any = None,
    checkpoint: str | Path | None = None,
) -> Solution:  # fmt: skip
    """Solve K_L(X,X) u = K_L(X,x) for the coefficients of kernel regression at depth L, and say how it went.

    The infinitely wide network trained to convergence predicts f(x) = u(x)^T y (paper, Proposition 3).

    Args:
        family: a kernel family, for instance ``rn.kernels.ReluNTK()``.
        X: training points, unit rows, shape (n, n0).
        x: test points, unit rows, shape (m, n0).
        depth: network depth L >= 1: whole, real or infinite where the family allows it.
        method: "auto"; "cholesky", for a positive definite K; "symmetric indefinite", for any regular K; "deflated",
            for a family whose kernel matrix becomes singular as L grows (`family.collapses`): the bordered system of
            K = c 1 1^T + s G, accurate at every depth, infinity included. "auto" takes "deflated" for such a family
            once s <= c, and else "cholesky" where K is positive definite. "iterative" takes conjugate gradients and
            stores no matrix of K(X,X), as "auto" does for more than 10,000 points. "balls" takes ball arithmetic, at a
            finite depth of a sequence (`rn.kernels.sequence`) of operators and functions of NumPy or jax.numpy, with
            the extra [certify]: `forward_error` is then proven, to the last digit of float64. "auto" takes it for up to
            200 points of a sequence where the condition number is beyond 1e8, so that float64 loses half its digits.
        domain: "sphere", or "euclidean" for rows of any length and a homogeneous family, where
            u(x)_i = u(x/|x|)_i |x|/|x_i|. A test point 0 has u = 0; a training point 0 is refused.
        devices: as of `KernelOperator`, for "iterative", which "auto" takes where devices are named.
        checkpoint: a folder in which the state of "iterative" is kept, at least every 30 seconds or after the step that
            takes longer, and in the end what was found, by any method: the same call goes on from there, with the same
            bits, or has the result at once. It is not removed.

    Returns:
        A :class:`Solution`: `coefficients` of shape (n, m), `residual`, `condition_number`, `smallest_eigenvalue`,
        `method`, `positive_definite`, `forward_error`, `relative_error`.

    Raises:
        InputError: rows off the sphere, equal rows in X (named; collinear ones with domain="euclidean"), NaN,
            depth < 1, domain="euclidean" with a family that is not homogeneous; a method that does not apply;
            more devices than there are, or devices with a method that stores the matrix; a checkpoint of another
            problem (with what differs), one that is damaged or in use, or with several processes.
        NotPositiveDefiniteError: K_L(X,X) is singular to working precision, or cannot be told from a singular matrix
            by the rounding of its entries (the forward error would reach max(1, max |u|)); the message says at which
            depth and with which smallest eigenvalue or condition number.

    Warns:
        InaccurateCoefficientsWarning: fewer than three digits are certain; the message names the test rows.
        IndefiniteKernelWarning: K_L(X,X) has negative eigenvalues. u still solves the system; the result has
            ``positive_definite=False``.

    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
    >>> solution = rn.regression.solve(rn.kernels.ReluNTK(), X, x, depth=10)
    >>> solution.coefficients.shape, solution.method, solution.residual < 1e-15
    ((5, 2), 'cholesky', True)
    """
    return solution(
        family, X, x, depth=depth, method=method, domain=domain, devices=devices, checkpoint=checkpoint, callers=2
    )


def coefficients(family: KernelFamily, X, x, *, depth, domain: str = "sphere") -> Float[np.ndarray, "n m"]:
    """Coefficients u = K_L(X,X)^{-1} K_L(X,x) of kernel regression at depth L: what `solve` finds, without its report.

    Args:
        family, X, x, depth, domain: as for `solve`.

    Returns:
        u, shape (n, m).

    Raises, warns:
        as `solve`.

    >>> import math
    >>> import roughntk as rn
    >>> X, x = rn.sphere.uniform(5, 3, 0), rn.sphere.uniform(2, 3, 1)
    >>> rn.coefficients(rn.kernels.ReluNTK(), X, x, depth=math.inf).round(12)[:, 0].tolist()  # 1/(n + 3)
    [0.125, 0.125, 0.125, 0.125, 0.125]
    """
    return solution(family, X, x, depth=depth, domain=domain, callers=2).coefficients


def solution(
    family: KernelFamily, X, x, *, depth, method: str = "auto", domain: str = "sphere", devices: Any = None,
    checkpoint: str | Path | None = None, callers: int = 1,
) -> Solution:  # fmt: skip
    """`solve`; `callers` functions of this package stand between this one and the user, for the place of warnings."""
    _checks.require_x64("coefficients")
    family, depth = as_family(family), _checks.one_depth(depth)
    _checks.choice(method, METHODS, "method")
    if devices is not None:
        if method not in ("auto", ITERATIVE):
            raise InputError(f"expected method={ITERATIVE!r} with devices, got {method!r}; leave one of them out")
        method = ITERATIVE
    if _checks.choice(domain, ("sphere", "euclidean"), "domain") == "euclidean":
        return _euclidean(family, X, x, depth, method, devices, checkpoint, callers + 1)
    systems = Systems(family, *sphere.check_points(X, x))
    return known_solution(systems, depth, method=method, devices=devices, checkpoint=checkpoint, callers=callers + 1)


def known_solution(
    systems: Systems, depth, *, method: str = "auto", devices: Any = None, checkpoint: str | Path | None = None,
    callers: int = 1,
) -> Solution:  # fmt: skip
    """`solve` for checked points whose systems may be known; `callers` as for `roughntk.linalg.solve`."""
    if checkpoint is None:
        solution = closed_form(systems, depth, method=method, devices=devices, callers=callers + 1)
    else:
        with kept.section(checkpoint, systems.family, systems.X, systems.x, depth, method, devices) as section:
            work = functools.partial(
                closed_form, systems, depth, method=method, devices=devices, keeper=section, callers=callers + 2
            )
            solution = section.kept("solution", work)
            section.finish()
    require_digits(solution, f"{systems.family.name} kernel matrix at depth {depth}", callers=callers)
    return solution


def closed_form(
    systems: Systems, depth, *, method: str = "auto", devices: Any = None, keeper: Keeper = UNKEPT, callers: int = 1
) -> Solution:
    """`known_solution`, whatever is known of it."""
    family = systems.family
    what, remedy = f"{family.name} kernel matrix at depth {depth}", REMEDY
    if method == BALLS and depth == math.inf:
        raise InputError(f"expected a finite depth with method={BALLS!r}, got infinity; choose a depth")
    if method == BALLS:
        return proven_solution(systems, depth, what, callers + 1)
    if method == "auto" and is_needed(systems, depth):
        try:
            return proven_solution(systems, depth, what, callers + 1)
        except (InputError, MissingBackendError) as problem:
            remedy = f"{REMEDY}; {why_not(problem)}"
    if method == ITERATIVE or (method == "auto" and len(systems.X) > MOST_FACTORED):
        return _iterated(systems, depth, what, devices, keeper)
    if method == DEFLATED or (method == "auto" and family.collapses):
        _require_deflated(family, method)
        system = systems.deflated(depth)
        if method == "auto":
            return linalg.solve_deflated(
                system.matrix, system.right, system.ratio, errors=system.errors, ratio_error=system.ratio_error,
                scale=system.scale, what=what, remedy=remedy, indefinite=True, callers=callers,
            )  # fmt: skip
        if math.isinf(system.ratio):
            raise InputError(
                f"expected a kernel that tends to another value than 0 with method='deflated', got {family.name}, "
                f"whose bordered system has no 1/c; use method='auto'"
            )
        return linalg.solve_bordered(
            *linalg.bordered_system(system.matrix, system.right, system.ratio),
            errors=linalg.bordered_errors(system.errors, system.ratio_error), what=what, remedy=remedy,
            indefinite=True, callers=callers,
        )  # fmt: skip
    A, b, errors = systems.kernel(depth)
    return linalg.solve(A, b, errors=errors, what=what, remedy=remedy, indefinite=True, method=method, callers=callers)


def _iterated(systems: Systems, depth, what: str, devices: Any, keeper: Keeper) -> Solution:
    """By conjugate gradients, whose forward error is an estimate."""
    X, x = (Rows(points, np.ones(len(points))) for points in (systems.X, systems.x))
    kernel = PartedKernel(systems.family, X, float(depth), limit_first=False)
    solver = IterativelyConverged(kernel, 0.0, what, devices=devices, keeper=keeper)
    u = solver.weights(kernel.across(x), x.lengths).T
    size, condition = np.abs(u).max(axis=0, initial=0.0), solver.condition_number
    bound = np.broadcast_to(condition * (solver.residual + kernel.units * EPS) * np.maximum(size, 1.0), u.shape).copy()
    return Solution(
        u, solver.residual, condition, math.nan, ITERATIVE, True, bound,
        float(relative(bound, u).max(initial=0.0)), iterations=solver.iterations,
    )  # fmt: skip


def _require_deflated(family: KernelFamily, method: str) -> None:
    if not family.collapses:
        raise InputError(
            f"expected a family whose kernel matrix becomes singular with depth (`family.collapses`) with "
            f"method={method!r}, got {family.name}; use method='auto'"
        )


def _euclidean(
    family: KernelFamily, X, x, depth, method: str, devices: Any, checkpoint: str | Path | None, callers: int
) -> Solution:
    """Coefficients of a homogeneous kernel |x| |x'| K(x/|x|, x'/|x'|)."""
    X, unit, x = check_directions(family, X, x)
    systems = Systems(family, unit, np.asarray(sphere.polar(x)[1]))
    solution = known_solution(
        systems, depth, method=method, devices=devices, checkpoint=checkpoint, callers=callers + 1
    )
    ratios = sphere.length_ratios(x, X)
    with np.errstate(over="ignore", invalid="ignore"):
        scaled, bound = (
            np.where(part == 0, 0.0, part * ratios) for part in (solution.coefficients, solution.forward_error)
        )
    beyond = np.argwhere(~np.isfinite(scaled))
    if beyond.size:
        i, k = beyond[0]
        raise InputError(
            f"expected coefficients within float64, got one beyond it for training row {i} and test row {k} "
            f"({len(beyond)} in all), whose lengths are too far apart; rescale the shorter of "
            f"{_checks.name_rows(np.unique(beyond[:, 0]))} of X, or leave them out"
        )
    worst = float(relative(bound, scaled).max())
    return dataclasses.replace(solution, coefficients=scaled, forward_error=bound, relative_error=worst)


def check_directions(family: KernelFamily, X, x) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """X, its directions and x, of any length, for a homogeneous family; no row of X is 0 or collinear with another."""
    family.check_homogeneous()
    X = _checks.matrix(X, "X")
    zero = np.flatnonzero(~X.any(axis=1))
    if zero.size:
        raise InputError(
            f"expected non-zero training rows, got zeros in {_checks.name_rows(zero)}; a homogeneous kernel is 0 on "
            f"them and its matrix singular: remove them"
        )
    return X, sphere.project(X), _checks.matrix(x, "x", columns=X.shape[1])
