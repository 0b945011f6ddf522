"""A kernel matrix as polynomials of the correlation and a multiple of the identity, whose inverse is known.

At one depth the kernel is a function of the correlation rho of two unit rows, close to a polynomial of low degree where
correlations are small, as those of many rows in many dimensions are:

    G = g(rho) ~ Gamma + left I,    Gamma = a_0 + sum_{1 <= j <= d} a_j rho^j,    a_1, ..., a_d >= 0,

left being what the diagonal g(1) has more than the polynomial. rho^j = (x.x')^j is an inner product of the monomials of
degree j of x and x', each times the root of its multinomial coefficient, so that the inverse needs the Cholesky factor
of a matrix of the size of these features, which are made a block of rows at a time (Woodbury's formula). On the sphere
they hold the harmonics of degree d and less, along which a deep kernel has all its larger eigenvalues.
"""

import dataclasses
import functools
import math
from collections.abc import Iterable, Iterator

import numpy as np
import scipy.linalg
from scipy.optimize import nnls

from roughntk.regression.promise import Promise, Sample

MOST_FEATURES = 3000
"""Whose matrix, 72 MB, is factored in some seconds."""
LEAST_SHARE = 4
"""Rows for each feature at least: with fewer, the matrix of features is not much smaller than that of the kernel."""
HIGHEST_DEGREE = 12
BLOCK_ENTRIES = 2**22
"""Features that are made at once (32 MiB)."""
LEAST_LEFT = 1e-12
"""Of the diagonal: with less, a polynomial is no positive definite matrix to rounding."""


@dataclasses.dataclass(frozen=True)
class Polynomial:
    """g(rho) ~ a_0 + sum_j a_j rho^j off the diagonal.

    Attributes:
        coefficients: a_1, ..., a_d, none negative.
        left: g(1) - a_0 - sum_j a_j.
        features: how many monomials have a coefficient.
        promise: of the steps with it.
    """

    coefficients: np.ndarray
    left: float
    features: int
    promise: Promise

    @property
    def degree(self) -> int:
        """d."""
        return len(self.coefficients)


def fitted_polynomials(sample: Sample, points: int, dimension: int) -> Iterator[Polynomial]:
    """The polynomials of degree 0, 1, ... that are nearest to a kernel over a sample of its entries.

    Coefficients are found by least squares, none negative; where the polynomial takes as much as the diagonal or more,
    there are no further ones.

    Args:
        sample: of the entries of the kernel matrix.
        points: rows of the whole matrix.
        dimension: of its points.
    """
    powers = np.empty((sample.rho.size, 0))
    for degree in range(HIGHEST_DEGREE + 1):
        if degree:
            if math.comb(dimension + degree, degree) - 1 > min(MOST_FEATURES, points // LEAST_SHARE):
                return
            powers = np.column_stack([powers, sample.rho.ravel() ** degree])
        means = powers.mean(axis=0)
        centred, values = powers - means, sample.values.ravel()
        sizes = np.linalg.norm(centred, axis=0)
        sizes[sizes == 0] = 1.0
        a = nnls(centred / sizes, values - values.mean())[0] / sizes if degree else np.zeros(0)
        constant = values.mean() - means @ a
        left = sample.diagonal - constant - a.sum()
        if not left > LEAST_LEFT * abs(sample.diagonal):
            return
        features = sum(math.comb(dimension + j - 1, j) for j in range(1, degree + 1) if a[j - 1] > 0)
        apart = (values - constant - powers @ a).reshape(sample.rho.shape)
        yield Polynomial(a, left, features, sample.promise(apart, left))


def monomials(X: np.ndarray, degree: int) -> Iterator[np.ndarray]:
    """F_1, ..., F_d with F_j^T F_j = (X X^T)^j entry by entry, of shape (C(n0 + j - 1, j), n) for X of shape (n, n0).

    Those of degree j whose last variable is x_i are those of degree j - 1 up to x_i, times x_i; a multinomial
    coefficient grows by j over the power of x_i.
    """
    variables = np.ascontiguousarray(X.T)
    values, last, power = variables, np.arange(len(variables)), np.ones(len(variables))
    yield values
    for j in range(2, degree + 1):
        counts = np.searchsorted(last, np.arange(len(variables)), side="right")
        following = np.empty((counts.sum(), len(X)))
        powers, start = np.empty(len(following)), 0
        for i, count in enumerate(counts.tolist()):
            part = slice(start, start + count)
            powers[part] = np.where(last[:count] == i, power[:count] + 1, 1)
            np.multiply(values[:count], variables[i], out=following[part])
            following[part] *= np.sqrt(j / powers[part])[:, None]
            start += count
        last = np.repeat(np.arange(len(variables)), counts)
        values, power = following, powers
        yield values


class PolynomialInverse:
    """(D + B B^T)^{-1} for D = share left diag(lengths)^2 + ridge and B B^T = share (Gamma - a_0) of points.

        D^{-1/2} (I - F^T (I + F F^T)^{-1} F) D^{-1/2},    F^T = D^{-1/2} B

    Args:
        polynomial: a_j and left.
        directions, lengths: of the points.
        share, ridge: what G is multiplied by, and what is added to its diagonal.
    """

    def __init__(
        self, polynomial: Polynomial, directions: np.ndarray, lengths: np.ndarray, share: float, ridge: float
    ):  # fmt: skip
        self._polynomial, self._directions = polynomial, directions
        squared = share * polynomial.left * lengths**2 + ridge
        self._root = np.sqrt(np.maximum(squared, LEAST_LEFT * max(float(squared.max(initial=0.0)), LEAST_LEFT)))
        self._scales = math.sqrt(share) * lengths / self._root
        few = len(lengths) * polynomial.features <= BLOCK_ENTRIES
        self._kept = list(self._made()) if few else None  # all in one block
        small = np.eye(polynomial.features)
        for _, features in self._blocks():
            small += features @ features.T
        self._small = scipy.linalg.cho_factor(small, lower=True, overwrite_a=True, check_finite=False)

    def _blocks(self) -> Iterable[tuple[slice, np.ndarray]]:
        """Columns of F, some rows of data at a time."""
        return self._made() if self._kept is None else self._kept

    def _made(self) -> Iterator[tuple[slice, np.ndarray]]:
        """The same, made anew."""
        n, step = len(self._root), max(1, BLOCK_ENTRIES // max(self._polynomial.features, 1))
        for start in range(0, n, step):
            part = slice(start, min(start + step, n))
            powers = monomials(np.asarray(self._directions[part]), self._polynomial.degree)
            yield (
                part,
                np.concatenate(
                    [
                        power * (math.sqrt(a) * self._scales[part])
                        for a, power in zip(self._polynomial.coefficients, powers, strict=True)
                        if a > 0
                    ]
                ),
            )

    def __call__(self, U: np.ndarray) -> np.ndarray:
        """(D + B B^T)^{-1} U, shape (n, k)."""
        U = U / self._root[:, None]
        along = np.zeros((self._polynomial.features, U.shape[1]))
        for part, features in self._blocks():
            along += features @ U[part]
        along = scipy.linalg.cho_solve(self._small, along, check_finite=False)
        for part, features in self._blocks():
            U[part] -= features.T @ along
        U /= self._root[:, None]
        return U

    def curvature(self, e: np.ndarray) -> float:
        """e^T (D + B B^T) e."""
        scaled = self._root * e
        along = functools.reduce(np.add, (features @ scaled[part] for part, features in self._blocks()))
        return float(scaled @ scaled + along @ along)


__all__ = ["Polynomial", "PolynomialInverse", "fitted_polynomials", "monomials"]
