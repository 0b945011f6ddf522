"""Linear systems: factored once, solved and refined, with a bound of their error. Knows nothing of kernels.

What is positive definite, indefinite or singular is decided in `definiteness`; `exceptions` holds what is then raised
or warned of.
"""

from roughntk.linalg.bordered import bordered_errors, bordered_system, solve_bordered, solve_deflated
from roughntk.linalg.exceptions import IndefiniteKernelWarning, NotPositiveDefiniteError
from roughntk.linalg.factor import Factor, log_determinant
from roughntk.linalg.forward_error import Errors
from roughntk.linalg.systems import Solution, solve

__all__ = [
    "Errors", "Factor", "IndefiniteKernelWarning", "NotPositiveDefiniteError", "Solution", "bordered_errors",
    "bordered_system", "log_determinant", "solve", "solve_bordered", "solve_deflated",
]  # fmt: skip
