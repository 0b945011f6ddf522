"""Statements of the paper that do not hold, refuted by enclosures; and what holds in their place.

Every function evaluates the kernel anew, and takes another one in its place: the verdict is computed.
"""

import fractions
from collections.abc import Callable, Sequence
from typing import Any

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.certify.balls import Ball, Enclosure, exact, exactly, flint, proven
from roughntk.certify.evidence.circles import circulant_eigenvalues, smallest, whole_depth
from roughntk.certify.evidence.power_series import Series, derivative_at_0, logistic
from roughntk.certify.evidence.proofs import Proof
from roughntk.certify.flow import kernel_at
from roughntk.certify.limits import limit_bound
from roughntk.certify.recursion import angle_of, kernel_ball
from roughntk.certify.values import check_correlation, check_depth

Kernel = Callable[[Ball, int], Ball]
"""(theta_1, L) -> K_L."""

ODD_PART_SCALE = fractions.Fraction(1, 10**50)
"""How near 0 an eigenvalue of K_2 is enclosed that is 0 by symmetry."""


def _kernel_values(rho: Any, depths: Sequence[int], kernel: Kernel, digits: int = 12) -> tuple[Enclosure, ...]:
    correlation = check_correlation(rho)

    def value(depth: int) -> Enclosure:
        return proven(f"K_{depth}({rho})", lambda bits: kernel(angle_of(correlation), depth), digits, absolute=True)

    return tuple(map(value, map(whole_depth, depths)))


def theorem_2_is_not_monotone(rho: Any = 0, peak: int = 12, *, kernel: Kernel = kernel_ball) -> Proof:
    """Theorem 2 says that K_L increases strictly with depth: it falls behind a depth, here from L = 12 to 13.

    Args:
        rho: correlation of the inputs, from -1 to 1.
        peak: a depth L >= 2 with K_(L-1) < K_L > K_(L+1).
        kernel: in place of the ReLU tangent kernel.

    >>> print(theorem_2_is_not_monotone().evidence[1])
    0.316437416510
    """
    before, top, after = _kernel_values(rho, (peak - 1, peak, peak + 1), kernel)
    return Proof(
        f"K_L at rho_1 = {rho} is larger at L = {peak} than at L = {peak - 1} and L = {peak + 1}",
        "enclosures of three values",
        (before, top, after),
        before.upper < top.lower and after.upper < top.lower,
    )


def theorem_2_stays_below(rho: Any = 0, peak: int = 12, deep: int = 100, *, kernel: Kernel = kernel_ball) -> Proof:
    """Theorem 2 says that K_L increases strictly to 1: at correlation 0 it is largest at L = 12, of all depths.

    Up to L = `deep` every value is enclosed. From there on K_L <= 1/4 + B(L), the bound of `limit_bound`, which falls
    with L: in its terms U/L and V/L, V falls, and L U' <= 3/8 < U.

    Args:
        rho: correlation of the inputs, from -1 to below 1.
        peak: the depth of the largest value.
        deep: from where on the bound is taken.
        kernel: in place of the ReLU tangent kernel, up to `deep`.

    Raises:
        InputError: rho out of range, a peak that is not from 1 to `deep`.

    >>> theorem_2_stays_below().proven
    True
    """
    peak = _checks.integer(peak, "peak", least=1, most=deep)
    values = _kernel_values(rho, range(1, deep + 1), kernel)
    top = values[peak - 1]
    bound = fractions.Fraction(limit_bound(rho, deep).value)
    others = [each for each in values if each is not top]
    return Proof(
        f"K_L at rho_1 = {rho} is largest at L = {peak}, of all depths L >= 1",
        f"enclosures up to L = {deep}, and the proven bound of |K_L - 1/4| from there on",
        (top, exactly(f"bound of |K_L - 1/4| for L >= {deep}", bound, 15)),
        all(each.upper < top.lower for each in others) and fractions.Fraction(1, 4) + bound < top.lower,
    )


def theorem_2_falls_from_the_start(
    correlations: Sequence[Any] = ("1/2", "3/4"), depth: int = 10, *, kernel: Kernel = kernel_ball
) -> Proof:
    """Theorem 2 says that K_L increases strictly with depth: at correlations from 1/2 on it falls from L = 1 on.

    Args:
        correlations: rho_1.
        depth: up to which the fall is proven, layer by layer.
        kernel: in place of the ReLU tangent kernel.

    >>> theorem_2_falls_from_the_start().proven
    True
    """
    values = [_kernel_values(rho, range(1, depth + 1), kernel) for rho in correlations]
    falls = [later.upper < earlier.lower for each in values for earlier, later in zip(each, each[1:], strict=False)]
    return Proof(
        f"K_L decreases strictly from L = 1 to {depth} at rho_1 = {', '.join(map(str, correlations))}",
        "enclosures of the values at every depth",
        tuple(value for each in values for value in each),
        bool(falls) and all(falls),
    )


def proposition_4_leaves_the_unit_interval(
    rho: Any = "-0.9", depths: Sequence[int] = (1, 2), *, kernel: Kernel = kernel_ball
) -> Proof:
    """Proposition 4 says that K_L has values in [0, 1]: at negative correlations it is negative, at L = 2 as well.

    >>> [each.text for each in proposition_4_leaves_the_unit_interval().evidence]
    ['-0.900000000000', '-0.0598356324856']
    """
    evidence = _kernel_values(rho, depths, kernel)
    return Proof(
        f"K_L at rho_1 = {rho} is negative at L = {', '.join(map(str, depths))}",
        "enclosures of the values",
        evidence,
        bool(evidence) and all(each.upper < 0 for each in evidence),
    )


def kernel_2_is_singular(points: int = 8, *, kernel: Kernel = kernel_ball) -> Proof:
    """The paper takes K_2(X,X) to be invertible: on an even number of equispaced points of a circle, 6 or more, it is
    singular.

    2 K_2 = 2 (1 - theta/pi) cos theta + sin(theta)/pi, so that K_2(theta) - K_2(pi - theta) = cos theta exactly
    (`antipodal_difference`): the odd part of K_2 is cos(theta)/2. On points that come with their antipodes the
    eigenvalue of an odd harmonic j takes the odd part alone, and the sum of cos(theta_k) cos(j theta_k) is 0 unless j
    is 1 or n - 1. The eigenvalue of j = 3 is enclosed, too.

    Args:
        points: n, even, at least 6.
        kernel: in place of the ReLU tangent kernel.

    >>> kernel_2_is_singular(12).proven, kernel_2_is_singular(8).evidence[0].upper < 1e-50
    (True, True)
    """
    if points % 2 or points < 6:
        raise InputError(f"expected an even number of points, at least 6, got {points}; take 8")
    eigenvalue = proven(
        f"eigenvalue j = 3 of K_2, {points} points",
        lambda bits: circulant_eigenvalues(lambda theta: kernel(theta, 2), points)[3],
        50,
        absolute=True,
    )
    near = -ODD_PART_SCALE < eigenvalue.lower <= 0 <= eigenvalue.upper < ODD_PART_SCALE
    return Proof(
        f"K_2 is singular on {points} equispaced points of a circle",
        "exact: the odd part of K_2 is cos(theta)/2; and the eigenvalue of the third harmonic enclosed within 1e-50",
        (eigenvalue,),
        near and list(antipodal_difference()) == [1, 0, 0],
    )


def antipodal_difference() -> tuple[fractions.Fraction, fractions.Fraction, fractions.Fraction]:
    """K_2(theta) - K_2(pi - theta) as coefficients of cos(theta), (theta/pi) cos(theta) and sin(theta)/pi, exactly.

    K_2 = (1/2) (1 - theta/pi) rho_1 + (1/2) rho_2, rho_1 = cos theta, rho_2 = (1 - theta/pi) cos theta + sin(theta)/pi.

    >>> [int(each) for each in antipodal_difference()]
    [1, 0, 0]
    """
    half = fractions.Fraction(1, 2)
    first = (half, -half, fractions.Fraction(0))
    second = (half, -half, half)
    cosine, turned, sine = (a + b for a, b in zip(first, second, strict=True))
    # pi - theta: cos -> -cos, (theta/pi) cos -> -(1 - theta/pi) cos, sin -> sin
    return cosine - (-cosine - turned), turned - turned, sine - sine


def smallest_on_a_circle(points: Any, depth: Any, *, digits: int = 10, kernel: Kernel = kernel_ball) -> Enclosure:
    """The smallest eigenvalue of K_L at n equispaced points of a circle, with proven digits.

    Args:
        points: n, 1 to 1000.
        depth: L, whole, from 1 to 100,000.
        digits: significant decimals, or decimals behind the point where it is 0.
        kernel: in place of the ReLU tangent kernel.

    Raises:
        InputError: points or depth out of range.
        MissingBackendError: python-flint is not installed.

    >>> smallest_on_a_circle(9, 2).text, smallest_on_a_circle(8, 3).text
    ('0.04098380734', '0.1826096031')
    """
    layers = _checks.integer(whole_depth(depth), "depth", least=1, most=100_000)
    return proven(
        f"smallest eigenvalue of K_{layers}, {points} points",
        lambda bits: smallest(circulant_eigenvalues(lambda theta: kernel(theta, layers), points)),
        digits,
        absolute=True,
    )


def kernel_3_is_definite(counts: Sequence[int] = (6, 8, 12), *, kernel: Kernel = kernel_ball) -> Proof:
    """Where K_2 is singular K_3 is positive definite: its smallest eigenvalue has a proven lower bound.

    >>> [each.text for each in kernel_3_is_definite().evidence]
    ['0.2221518280', '0.1826096031', '0.08439288546']
    """
    evidence = tuple(smallest_on_a_circle(points, 3, kernel=kernel) for points in counts)
    return Proof(
        f"K_3 is positive definite on {', '.join(map(str, counts))} equispaced points of a circle",
        "enclosures of the smallest eigenvalues of circulant matrices",
        evidence,
        bool(evidence) and all(each.lower > 0 for each in evidence),
    )


def real_depth_is_indefinite(points: int = 9, depths: Sequence[Any] = ("5/4", "3/2", "7/4")) -> Proof:
    """Between depths 1 and 2 the kernel at real depth is indefinite on some points: here on 9 of a circle.

    >>> [each.text for each in real_depth_is_indefinite().evidence]
    ['-0.2473639491', '-0.1183550635', '-0.02680464181']
    """

    def at(depth: Any) -> Enclosure:
        layers = check_depth(depth, infinite=False)
        assert layers is not None

        def kernel(theta: Ball) -> Ball:
            return kernel_at(theta, layers) if theta > 0 else flint().arb(1)

        return proven(
            f"smallest eigenvalue of K_{depth}, {points} points",
            lambda bits: smallest(circulant_eigenvalues(kernel, points)),
            10,
            absolute=True,
        )

    evidence = tuple(map(at, depths))
    return Proof(
        f"K at depth {', '.join(map(str, depths))} is indefinite on {points} equispaced points of a circle",
        "enclosures of the smallest eigenvalues of circulant matrices",
        evidence,
        bool(evidence) and all(each.upper < 0 for each in evidence),
    )


def clock_series(scale: Any, count: int = 4) -> Series:
    """The Maclaurin coefficients of psi_d(z) = 1/(1 + exp(-2z/(d (1 - z^2)))), exactly.

    Args:
        scale: d > 0; text and fractions are taken exactly.
        count: how many, 2 to 100.

    Raises:
        InputError: d that is not above 0, count out of range.

    >>> [str(each) for each in clock_series("1/10")]
    ['1/2', '5', '0', '-485/3']
    """
    count = _checks.integer(count, "count", least=2, most=100)
    d = exact(scale, "d")
    if d <= 0:
        raise InputError(f"expected d above 0, got {_checks.shown(scale)}; it is a product of determinants")
    return logistic([2 / d * (k % 2) for k in range(count)])  # z/(1 - z^2) = z + z^3 + ...


def proposition_5_derivatives_grow(scales: Sequence[Any] = ("1", "1/10", "1/1000")) -> Proof:
    """Proposition 5(4) says that all derivatives of psi_d tend to 0 with d: psi_d'(0) = 1/(2d) tends to infinity.

    >>> [str(each.lower) for each in proposition_5_derivatives_grow().evidence]
    ['1/2', '5', '500']
    """
    numbers = [exact(scale, "d") for scale in scales]
    slopes = [derivative_at_0(clock_series(scale), 1) for scale in numbers]
    return Proof(
        "psi_d'(0) = 1/(2d), which grows without bound as d falls to 0",
        "exact power series in rational numbers",
        tuple(exactly(f"psi_d'(0), d = {scale}", slope, 15) for scale, slope in zip(scales, slopes, strict=True)),
        bool(slopes) and all(slope == 1 / (2 * d) for slope, d in zip(slopes, numbers, strict=True)),
    )


def determinant_stays_positive(points: int = 5, rho: Any = "1/2", deep: int = 10_000) -> Proof:
    """The paper says that det K_L tends to 0: on points of which no two have a correlation above rho it stays above 0.

    For all L >= `deep` the entries off the diagonal are within B(L) of 1/4, so that the eigenvalues of K_L are within
    (n - 1) B(L) of those of the limit, 3/4 (n - 1 times) and (n + 3)/4; B falls with L (`theorem_2_stays_below`).

    Args:
        points: n.
        rho: the largest correlation of two of them, below 1.
        deep: the first depth.

    >>> proof = determinant_stays_positive()
    >>> proof.proven, str(proof.evidence[0].lower)
    (True, '81/128')
    """
    limit = determinant_of_the_limit(points)
    moved = (points - 1) * fractions.Fraction(limit_bound(rho, deep).value)
    three, last = fractions.Fraction(3, 4) - moved, fractions.Fraction(points + 3, 4) - moved
    least = max(three, fractions.Fraction(0)) ** (points - 1) * last
    return Proof(
        f"det K_L of {points} points of correlations up to {rho} is above {float(least):.4g} at every L >= {deep}",
        "the exact determinant of the limit, and Weyl's inequality with the proven bound of |K_L - 1/4|",
        (exactly("det of the limit", limit, 15), exactly(f"lower bound for L >= {deep}", least, 15)),
        three > 0 and least > 0,
    )


def determinant_of_the_limit(points: int) -> fractions.Fraction:
    """det((3/4) I + (1/4) 1 1^T) of n points, by exact elimination: (3/4)^(n-1) (n + 3)/4, which is above 0.

    >>> str(determinant_of_the_limit(2))
    '15/16'
    """
    points = _checks.integer(points, "points", least=1, most=200)
    quarter = fractions.Fraction(1, 4)
    rows = [[1 if i == j else quarter for j in range(points)] for i in range(points)]
    determinant = fractions.Fraction(1)
    for k in range(points):
        determinant *= rows[k][k]
        for row in rows[k + 1 :]:
            factor = fractions.Fraction(row[k]) / rows[k][k]
            for j in range(k, points):
                row[j] -= factor * rows[k][j]
    return determinant


__all__ = [
    "Kernel", "antipodal_difference", "clock_series", "determinant_of_the_limit", "determinant_stays_positive",
    "kernel_2_is_singular", "kernel_3_is_definite", "proposition_4_leaves_the_unit_interval",
    "proposition_5_derivatives_grow", "real_depth_is_indefinite",
    "smallest_on_a_circle", "theorem_2_falls_from_the_start", "theorem_2_is_not_monotone", "theorem_2_stays_below",
]  # fmt: skip
