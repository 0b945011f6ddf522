"""Proven digits: enclosures by ball arithmetic (python-flint), with every rounding and every remainder bounded.

What it takes is imported when it is touched; python-flint is an extra, `pip install 'roughntk[certify]'`.
"""

from roughntk.certify.balls import Enclosure, available, error_bound
from roughntk.certify.evidence.proofs import Proof
from roughntk.certify.limits import LimitBound, limit, limit_bound
from roughntk.certify.sigmoid import FixedPoint, sigmoid_fixed_point, sigmoid_iterate, sigmoid_koenigs
from roughntk.certify.systems.solutions import ProvenCoefficients, coefficients
from roughntk.certify.values import angle, correlation, kernel

__all__ = [
    "Enclosure", "FixedPoint", "LimitBound", "Proof", "ProvenCoefficients", "angle", "available", "coefficients",
    "correlation", "error_bound", "kernel", "limit", "limit_bound", "sigmoid_fixed_point", "sigmoid_iterate",
    "sigmoid_koenigs",
]  # fmt: skip
