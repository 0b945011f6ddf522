"""The bordered system of a matrix whose entries all tend to one value.

A matrix whose entries all tend to one value is K = c 1 1^T + s G, with s -> 0 and G of order one. Its inverse means
nothing in 64 bit once s < eps, but K u = c 1 + s g is the same as

    [ G    1    ] [ u  ]   [ g ]
    [ 1^T -s/c  ] [ mu ] = [ 1 ],

which stays as well conditioned as G is on the complement of 1, and has a limit as s -> 0: ordinary kriging.
"""

import numpy as np

from roughntk._checks import flag
from roughntk._checks.precision import EPS
from roughntk.linalg.exceptions import REMEDY, NotPositiveDefiniteError, singular_bordered, warn_indefinite
from roughntk.linalg.factor import Factor
from roughntk.linalg.forward_error import Errors
from roughntk.linalg.systems import DEFLATED, Solution, solve, solved

_LEAST_SCALE = 1e-290


def bordered_system(G, g, ratio: float) -> tuple[np.ndarray, np.ndarray]:
    """([[G, 1], [1^T, -ratio]], [g, 1]), shapes (n + 1, n + 1) and (n + 1, m); `ratio` is s/c.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> A, b = rn.linalg.bordered_system(np.eye(2), np.ones((2, 1)), 0.5)
    >>> A.tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 1.0, -0.5]]
    """
    n, m = np.shape(g)
    matrix = np.block([[np.asarray(G), np.ones((n, 1))], [np.ones((1, n)), np.full((1, 1), -ratio)]])
    return matrix, np.concatenate([np.asarray(g), np.ones((1, m))])


def bordered_errors(errors: Errors, ratio_error: float) -> Errors:
    """Those of the bordered system: its border of ones is exact.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> errors = rn.linalg.Errors(np.zeros((2, 2)), np.zeros((2, 1)), np.zeros((2, 1)))
    >>> rn.linalg.bordered_errors(errors, 0.0).matrix.shape
    (3, 3)
    """
    system, right = bordered_system(errors.matrix, errors.right, -ratio_error)
    system[:-1, -1] = system[-1, :-1] = 0.0
    right[-1] = 0.0
    return Errors(system, right, np.append(errors.on_data, np.zeros((1, right.shape[1])), axis=0))


def solve_deflated(
    G: np.ndarray,
    g: np.ndarray,
    ratio: float,
    *,
    errors: Errors | None = None,
    ratio_error: float = 0.0,
    scale: float = 1.0,
    what: str = "matrix",
    remedy: str = REMEDY,
    indefinite: bool = False,
    callers: int = 1,
) -> Solution:
    """The solution of K u = b, K = c 1 1^T + s G and b = c 1 + s g, without forming K; `ratio` is s/c (0 in the limit).

    Args:
        G: symmetric, shape (n, n).
        g: shape (n, m).
        ratio: s/c, of the sign of c (-0.0 in the limit where c < 0). Where |ratio| > 1, or c is 0 (ratio infinite),
            s G + c 1 1^T itself is solved.
        errors, ratio_error: bounds of the errors of G and g, by default of rounding (eps), and of ratio.
        scale: s, for that case; below the range of float64 K/s is solved in its place.
        what, remedy, indefinite, callers: as for `solve`.

    Raises, warns:
        as `solve`.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> rn.linalg.solve_deflated(np.eye(2), np.zeros((2, 1)), 0.0).coefficients.round(12).tolist()
    [[0.5], [0.5]]
    """
    errors = errors or Errors.of_rounding(G, g)
    if not abs(ratio) <= 1:
        level = 0.0 if np.isinf(ratio) else 1 / ratio
        level_error = ratio_error * level * level if level else 0.0
        tiny = not abs(scale) > _LEAST_SCALE
        s, name = (1.0, f"{what} (in units of exp(log_scale))") if tiny else (scale, what)
        K, b = s * (G + level), s * (g + level)
        scaled = Errors(
            s * (errors.matrix + level_error) + EPS * np.abs(K),
            s * (errors.right + level_error) + EPS * np.abs(b),
            errors.on_data,
        )
        return solve(K, b, errors=scaled, what=name, remedy=remedy, indefinite=indefinite, callers=callers + 1)
    return solve_bordered(
        *bordered_system(G, g, ratio), errors=bordered_errors(errors, ratio_error), what=what, remedy=remedy,
        indefinite=indefinite, callers=callers + 1,
    )  # fmt: skip


def solve_bordered(
    system: np.ndarray,
    right: np.ndarray,
    *,
    errors: Errors | None = None,
    what: str = "matrix",
    remedy: str = REMEDY,
    indefinite: bool = False,
    callers: int = 1,
) -> Solution:
    """u and mu of a bordered system and its right-hand sides, any s/c; arguments and errors as for `solve_deflated`.

    K is positive definite if the system has as many positive eigenvalues as K and the corner -s/c together (Haynsworth
    1968): n, or n + 1 where c < 0, which the sign of the corner tells, that of its zero in the limit included.

    >>> import roughntk as rn
    >>> import numpy as np
    >>> system, right = rn.linalg.bordered_system(np.eye(2), np.zeros((2, 1)), 0.0)
    >>> rn.linalg.solve_bordered(system, right).coefficients.round(12).tolist()
    [[0.5], [0.5]]
    """
    n = len(system) - 1
    G = system[:n, :n]
    below = not np.signbit(system[n, n])
    indefinite = flag(indefinite, "indefinite")
    factor = Factor(system, cholesky=False)
    inner = np.linalg.eigvalsh(_without_mean(G)) if n > 1 else np.ones(1)
    if not factor.regular:
        raise singular_bordered(what, factor.nearest, factor.largest, remedy)
    definite = int((factor.eigenvalues > 0).sum()) == n + below
    if not definite:
        lowest = f"{inner[0]:.3g} in the units of its deflated form" if inner[0] < 0 else "that of the constant vector"
        if not indefinite:
            raise NotPositiveDefiniteError(
                f"expected a positive definite {what}, got one with a negative eigenvalue: {lowest}; {remedy}"
            )
        negative = float(inner[0]) if inner[0] < 0 else factor.smallest
        warn_indefinite(f"{what} (in the units of its deflated form)", negative, factor.largest, callers)
    if errors is None:
        errors = bordered_errors(Errors.of_rounding(G, right[:n]), EPS * abs(float(system[n, n])))
    return Solution(
        **solved(factor, right, errors, rows=n),
        condition_number=factor.condition_number,
        smallest_eigenvalue=float(inner[0]),
        method=DEFLATED,
        positive_definite=definite,
    )


def _without_mean(G: np.ndarray) -> np.ndarray:
    """G on an orthonormal basis of the complement of 1, shape (n - 1, n - 1)."""
    n = len(G)
    v = np.ones(n)
    v[0] += np.sqrt(n)  # the reflection that takes 1 to a multiple of e_0
    v /= np.linalg.norm(v)
    half = G - 2 * np.outer(v, v @ G)
    return (half - 2 * np.outer(half @ v, v))[1:, 1:]
