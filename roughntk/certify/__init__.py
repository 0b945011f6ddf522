"""Proven digits: enclosures by ball arithmetic (python-flint), with every rounding and every remainder bounded.

What it takes is imported when it is touched; python-flint is an extra, `pip install 'roughntk[certify]'`.
"""

from roughntk.certify.balls import Enclosure, available, error_bound
from roughntk.certify.limits import LimitBound, limit, limit_bound
from roughntk.certify.values import angle, correlation, kernel

__all__ = [
    "Enclosure", "LimitBound", "angle", "available", "correlation", "error_bound", "kernel", "limit", "limit_bound",
]  # fmt: skip
