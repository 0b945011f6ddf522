"""What one layer of a deep network does to what is carried, as logarithms."""

from typing import NamedTuple

from jax import Array

from roughntk._checks.precision import EPS

ROUNDED = 64 * EPS
"""A multiplier within this of 1 counts as 1: it is what a rounding of the parameters changes."""


class Growth(NamedTuple):
    """What one layer does to a state and to pairs, where it does little.

    Attributes:
        variance: log of the factor of Sigma(x, x).
        settling: log of the factor of the other number of the state; 0 where there is none.
        omega: log omega.
        position: log of the factor of the coordinate of the pair, the gap 1 - |c| or the chord 2 sin(theta/2).
        lost: 1 less the normalised derivative dual.
        added: the defect of what the layer adds to the tangent kernel.
    """

    variance: Array
    settling: Array
    omega: Array
    position: Array
    lost: Array
    added: Array


__all__ = ["ROUNDED", "Growth"]
