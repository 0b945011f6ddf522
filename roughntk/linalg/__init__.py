"""Linear systems of kernel regression: solved, refined, with a bound of their error."""

from roughntk.linalg.bordered import bordered_solve, bordered_system
from roughntk.linalg.systems import (
    CoefficientReport,
    InaccurateCoefficientsWarning,
    IndefiniteKernelWarning,
    NotPositiveDefiniteError,
)

__all__ = [
    "CoefficientReport", "InaccurateCoefficientsWarning", "IndefiniteKernelWarning", "NotPositiveDefiniteError",
    "bordered_solve", "bordered_system",
]  # fmt: skip
