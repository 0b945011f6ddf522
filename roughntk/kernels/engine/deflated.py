"""What is left of a kernel matrix whose entries all tend to one value."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from roughntk import sphere


class Deflated(NamedTuple):
    """A kernel K = level + exp(log_scale) values near the one value that all its entries tend to.

    Attributes:
        level: the value.
        log_scale: log of the common factor; -inf at infinite depth, where `values` is the limit of (K - level)/factor.
        values: free of cancellation, of order one, elementwise.
    """

    level: float
    log_scale: float
    values: Float[np.ndarray, "..."]

    @classmethod
    def below_one(cls, defect: np.ndarray, log_factor: float = 0.0) -> "Deflated":
        """K = 1 - exp(log_factor) defect, the largest defect being taken out."""
        largest = float(np.max(defect, initial=0.0))
        if largest == 0.0:
            return cls(1.0, log_factor, -defect)
        return cls(1.0, log_factor + math.log(largest), -defect / largest)

    @classmethod
    def all_equal(cls, theta: np.ndarray) -> "Deflated":
        """The limit at a neutral fixed point 1: the defects of all distinct pairs become equal."""
        return cls(1.0, -math.inf, -np.where(theta > sphere.SAME_ANGLE, 1.0, 0.0))
