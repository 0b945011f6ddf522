"""Kernel regression: coefficients at one depth, and predictions after any time of training."""

from roughntk.linalg import (
    InaccurateCoefficientsWarning,
    IndefiniteKernelWarning,
    NotPositiveDefiniteError,
    Solution,
)
from roughntk.regression.closed_form import coefficients, solve
from roughntk.regression.derivative import prediction_derivative
from roughntk.regression.predictor import PredictionReport, predict, prediction

__all__ = [
    "InaccurateCoefficientsWarning", "IndefiniteKernelWarning", "NotPositiveDefiniteError",
    "PredictionReport", "Solution", "coefficients",
    "predict", "prediction", "prediction_derivative", "solve",
]  # fmt: skip
