"""Kernel regression: coefficients at one depth, and predictions after any time of training."""

from roughntk.linalg import IndefiniteKernelWarning, NotPositiveDefiniteError, Solution
from roughntk.regression.closed_form import coefficients, solve
from roughntk.regression.exceptions import InaccurateCoefficientsWarning
from roughntk.regression.predictor import PredictionReport, predict, prediction

__all__ = [
    "InaccurateCoefficientsWarning", "IndefiniteKernelWarning", "NotPositiveDefiniteError", "PredictionReport",
    "Solution", "coefficients", "predict", "prediction", "solve",
]  # fmt: skip
