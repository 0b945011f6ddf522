"""Kernel regression: coefficients at one depth, and predictions after any time of training."""

from roughntk.linalg import (
    CoefficientReport,
    InaccurateCoefficientsWarning,
    IndefiniteKernelWarning,
    NotPositiveDefiniteError,
)
from roughntk.regression.closed_form import coefficients
from roughntk.regression.predictor import PredictionReport, predict

__all__ = [
    "CoefficientReport", "InaccurateCoefficientsWarning", "IndefiniteKernelWarning", "NotPositiveDefiniteError",
    "PredictionReport", "coefficients", "predict",
]  # fmt: skip
