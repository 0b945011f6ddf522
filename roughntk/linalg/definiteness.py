"""Is a symmetric matrix positive definite, indefinite or singular? Decided here, from its eigenvalues."""

import functools

import numpy as np
from jaxtyping import Float

from roughntk._checks.precision import EPS


class Spectrum:
    """The eigenvalues of a symmetric matrix A, and what they say of it.

    An eigenvalue up to n eps max |eigenvalue| is zero to working precision. A is positive definite where all lie above
    it, singular where one lies within it, and indefinite where one lies below its negative. What follows, an error or
    a warning, is up to who solves (:mod:`roughntk.linalg.systems`, :mod:`roughntk.linalg.bordered`).

    Args:
        matrix: A, shape (n, n), symmetric.

    >>> import numpy as np
    >>> from roughntk.linalg.definiteness import Spectrum
    >>> spectrum = Spectrum(np.array([[1.0, 2.0], [2.0, 1.0]]))
    >>> spectrum.eigenvalues.round(12).tolist(), spectrum.positive_definite, spectrum.regular
    ([-1.0, 3.0], False, True)
    """

    def __init__(self, matrix: Float[np.ndarray, "n n"]):
        self.matrix = matrix

    @functools.cached_property
    def eigenvalues(self) -> Float[np.ndarray, " n"]:
        """The eigenvalues of A, increasing."""
        return np.linalg.eigvalsh(self.matrix)

    @property
    def smallest(self) -> float:
        """The smallest eigenvalue."""
        return float(self.eigenvalues[0])

    @functools.cached_property
    def largest(self) -> float:
        """max |eigenvalue|."""
        return float(np.abs(self.eigenvalues).max())

    @functools.cached_property
    def nearest(self) -> float:
        """min |eigenvalue|: how near A is to a singular matrix."""
        return float(np.abs(self.eigenvalues).min())

    @property
    def noise(self) -> float:
        """n eps max |eigenvalue|: eigenvalues up to it are zero to working precision."""
        return len(self.matrix) * EPS * self.largest

    @property
    def positive_definite(self) -> bool:
        """Whether all eigenvalues are positive to working precision."""
        return self.smallest > self.noise

    @property
    def regular(self) -> bool:
        """Whether none is zero to working precision."""
        return self.nearest > self.noise

    @property
    def condition_number(self) -> float:
        """The 2-norm condition number, infinite where an eigenvalue is 0."""
        return self.largest / self.nearest if self.nearest > 0 else float("inf")
