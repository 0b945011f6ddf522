"""Proven coefficients u_L = K_L(X,X)^(-1) K_L(X,x) of a few points, every step in ball arithmetic."""

import dataclasses
import fractions
import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from roughntk import _checks
from roughntk._checks import InputError
from roughntk.certify.balls import Ball, Enclosure, ball, check_digits, exactly, flint, proven, upwards, working
from roughntk.certify.flow import state_at
from roughntk.certify.recursion import states
from roughntk.certify.systems.definiteness import is_positive_definite, smallest_eigenvalue
from roughntk.certify.systems.rows import ExactRows, exact_rows
from roughntk.certify.values import check_depth

KERNELS = ("relu-ntk", "relu-nngp")
MOST_POINTS = 200
DEEP = 40
"""From this depth on the flow in real depth, whose cost is free of depth, takes less time than the layers."""
_SPARE = 32  # bits beyond those of the digits, at the first attempt
_WORD = 64  # precisions are multiples of it, so that what was computed serves again
_ATTEMPTS = 6


@dataclasses.dataclass(frozen=True, eq=False)
class ProvenCoefficients:
    """Coefficients between proven ends.

    Attributes:
        kernel: "relu-ntk" or "relu-nngp".
        depth: L, a fraction, or infinity.
        enclosures: u, an array of `Enclosure`, shape (n, m).
        positive_definite: whether K_L(X,X) is proven to be so.
        smallest_eigenvalue: of K_L(X,X).
        bits: the precision that it took.
    """

    kernel: str
    depth: fractions.Fraction | float
    enclosures: np.ndarray
    positive_definite: bool
    smallest_eigenvalue: Enclosure
    bits: int

    @property
    def values(self) -> np.ndarray:
        """The nearest float64 numbers to the midpoints, shape (n, m)."""
        return self._each(float)

    @property
    def lower(self) -> np.ndarray:
        """The largest float64 numbers that are not above the lower ends, shape (n, m)."""
        return self._each(lambda each: -upwards(-each.lower))

    @property
    def upper(self) -> np.ndarray:
        """The smallest float64 numbers that are not below the upper ends, shape (n, m)."""
        return self._each(lambda each: upwards(each.upper))

    @property
    def texts(self) -> list[list[str]]:
        """Every coefficient with its proven digits, a list a training point; of one that may be 0 both ends."""
        return [[each.text for each in row] for row in self.enclosures]

    def error_of(self, u: Any) -> np.ndarray:
        """Proven bounds of |u - exact coefficients|, entry by entry, rounded upwards.

        Args:
            u: coefficients, shape (n, m), as `rn.coefficients` returns them.

        Raises:
            InputError: another shape, or entries that are no finite numbers.
        """
        given = _checks.real_array(u, "u")
        if given.shape != self.enclosures.shape:
            raise InputError(
                f"expected u of shape {self.enclosures.shape}, got {given.shape}; a row a training point and a column "
                f"a test point"
            )
        bounds = [each.error_of(float(value)) for each, value in zip(self.enclosures.flat, given.flat, strict=True)]
        return np.array(bounds).reshape(given.shape)

    def _each(self, take: Callable[[Enclosure], float]) -> np.ndarray:
        return np.array([take(each) for each in self.enclosures.flat]).reshape(self.enclosures.shape)


def coefficients(
    X: Any, x: Any, *, depth: Any, digits: int = 15, kernel: str = "relu-ntk", projection: str = "canonical"
) -> ProvenCoefficients:
    """u_L = K_L(X,X)^(-1) K_L(X,x) with proven digits, and a proof that K_L(X,X) is positive definite.

    The rows are taken as the float64 numbers that they are, and their projection onto the sphere is not rounded: angles
    come from exact inner products. The recursion, or at real and at large depth the flow, is evaluated in ball
    arithmetic, the matrix is proven to be positive definite by interval Cholesky, the system is solved in balls, all
    with more and more bits until the digits are proven. A test row with the direction of a training row i has u = e_i,
    exactly. At infinite depth the others have 1/(n + 3) each (relu-ntk), or 1/n (relu-nngp).

    Args:
        X: training rows, shape (n, n0), n at most 200; they need not have norm 1.
        x: test rows, shape (m, n0).
        depth: L, whole or real, at least 1, or infinity; text and fractions are taken exactly.
        digits: significant decimals of each coefficient, 1 to 1000; decimals behind the point of one that may be 0.
        kernel: "relu-ntk" or "relu-nngp".
        projection: "canonical", x/|x|, or "stereographic", (2x, |x|^2 - 1)/(|x|^2 + 1).

    Raises:
        InputError: rows in the same direction, a kernel matrix that is not positive definite or cannot be proven to
            be, a depth below 1, more digits than can be proven.
        MissingBackendError: python-flint is not installed.

    Source: Johansson2017.

    >>> result = coefficients([[1.0, 0.0], [0.0, 1.0]], [[3.0, 4.0]], depth=3)
    >>> result.texts, result.positive_definite
    ([['0.379658642971397'], ['0.591272080166310']], True)
    """
    _checks.choice(kernel, KERNELS, "kernel")
    layers = check_depth(depth)
    digits = check_digits(digits)
    X = _checks.matrix(X, "X")
    if len(X) > MOST_POINTS:
        raise InputError(f"expected at most {MOST_POINTS} training rows to prove digits of, got {len(X)}; take fewer")
    rows = exact_rows(X, x, projection)
    if layers is None:
        return _at_infinity(rows, kernel, digits)
    if layers == 1 and (rank := rows.gram_rank()) < rows.training:
        raise InputError(
            f"expected training rows with an invertible kernel matrix at depth 1, got {rows.training} rows of rank "
            f"{rank}, whose matrix of correlations is singular; take depth 2 or more"
        )
    return _at_depth(rows, layers, kernel, digits)


def _at_infinity(rows: ExactRows, kernel: str, digits: int) -> ProvenCoefficients:
    n, tangent = rows.training, kernel == "relu-ntk"
    share = fractions.Fraction(1, n + 3 if tangent else n)
    enclosures = np.empty((n, rows.testing), dtype=object)
    for j in range(rows.testing):
        equal = rows.equal_to(j)
        for i in range(n):
            enclosures[i, j] = exactly(_name(i, j), share if equal is None else fractions.Fraction(i == equal), digits)
    least = fractions.Fraction(1) if n == 1 else fractions.Fraction(3 if tangent else 0, 4)
    return ProvenCoefficients(kernel, math.inf, enclosures, least > 0, exactly("smallest eigenvalue", least, digits), 0)


def _at_depth(rows: ExactRows, depth: fractions.Fraction, kernel: str, digits: int) -> ProvenCoefficients:
    n, m = rows.training, rows.testing
    equal = [rows.equal_to(j) for j in range(m)]

    @functools.cache
    def entries(bits: int) -> list[list[Ball]]:
        with working(bits):
            upper_part = [[_entry(rows, i, j, depth, kernel) for j in range(i, n + m)] for i in range(n)]
        return [[upper_part[min(i, j)][max(i, j) - min(i, j)] for j in range(n + m)] for i in range(n)]

    @functools.cache
    def solved(bits: int) -> Any:
        mat = flint().arb_mat
        with working(bits):
            both = entries(bits)
            return mat([row[:n] for row in both]).solve(mat([row[n:] for row in both]), nonstop=True)

    bits = _bits_of_definiteness(entries, n, depth, digits)
    more = bits - _words(math.ceil(digits * math.log2(10)) + _SPARE) + _SPARE  # so that both begin alike
    enclosures = np.empty((n, m), dtype=object)
    for j in range(m):
        for i in range(n):
            if equal[j] is not None:
                enclosures[i, j] = exactly(_name(i, j), fractions.Fraction(i == equal[j]), digits)
            else:
                compute = functools.partial(_solution, solved, i, j)
                enclosures[i, j] = proven(_name(i, j), compute, digits, absolute=True, extra_bits=more)
    with working(bits):
        least = smallest_eigenvalue([row[:n] for row in entries(bits)], bits)
    most = max((each.bits for each in enclosures.flat), default=bits)
    return ProvenCoefficients(kernel, depth, enclosures, True, least, max(bits, most))


def _solution(solved: Callable[[int], Any], i: int, j: int, bits: int) -> Ball:
    return solved(_words(bits))[i, j]


def _words(bits: int) -> int:
    return -(-bits // _WORD) * _WORD


def _name(i: int, j: int) -> str:
    return f"u[{i}, {j}]"


def _entry(rows: ExactRows, i: int, j: int, depth: fractions.Fraction, kernel: str) -> Ball:
    """K_L of training row i and row j, training rows first."""
    if i == j or rows.same_direction(i, j):
        return flint().arb(1)
    return kernel_entry(rows.angle(i, j), depth, kernel)


def kernel_entry(theta: Ball, depth: fractions.Fraction, kernel: str) -> Ball:
    """K_L, or rho_L, at an angle above 0 and a depth from 1 on: by layers, or by the flow at real and large depth."""
    if depth.denominator == 1 and depth <= DEEP:
        angle, total = states(theta, int(depth))
    else:
        angle, total = state_at(theta, depth)
    return total / ball(depth) if kernel == "relu-ntk" else angle.cos()


def _in_words(depth: fractions.Fraction) -> str:
    return f"{float(depth):.10g}" if depth < 10**300 else "of more than 300 digits"


def _bits_of_definiteness(
    entries: Callable[[int], list[list[Ball]]], n: int, depth: fractions.Fraction, digits: int
) -> int:
    """The first precision, doubled from one to the next, at which the matrix is proven to be positive definite."""
    bits = _words(math.ceil(digits * math.log2(10)) + _SPARE)
    for _ in range(_ATTEMPTS):
        with working(bits):
            definite = is_positive_definite([row[:n] for row in entries(bits)])
        if definite:
            return bits
        if definite is False:
            raise InputError(
                f"expected a positive definite kernel matrix, got one at depth {_in_words(depth)} that is proven not "
                f"to be; from whole depth 3 on it is"
            )
        bits *= 2
    raise InputError(
        f"expected a kernel matrix that can be proven to be positive definite, got one at depth {_in_words(depth)} "
        f"that cannot with {bits // 2} bits; at depth 2 it is singular on rows of which each has its antipode, and "
        f"more: take depth 3 or more"
    )


__all__ = ["KERNELS", "ProvenCoefficients", "coefficients", "kernel_entry"]
