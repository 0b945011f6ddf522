"""Kernel regression: coefficients at one depth, and predictions after any time of training."""

from roughntk.linalg import IndefiniteKernelWarning, NotPositiveDefiniteError, Solution
from roughntk.regression.closed_form import coefficients, solve
from roughntk.regression.derivative import prediction_derivative
from roughntk.regression.exceptions import InaccurateCoefficientsWarning
from roughntk.regression.operator import KernelOperator
from roughntk.regression.predictor import PredictionReport, predict, prediction
from roughntk.regression.uncertainty import (
    Gaussian,
    ensemble,
    leave_one_out,
    log_marginal_likelihood,
    posterior,
    sample_initial,
    sample_trained,
)

__all__ = [
    "Gaussian", "InaccurateCoefficientsWarning", "IndefiniteKernelWarning", "KernelOperator",
    "NotPositiveDefiniteError", "PredictionReport", "Solution", "coefficients", "ensemble", "leave_one_out",
    "log_marginal_likelihood", "posterior", "predict", "prediction", "prediction_derivative", "sample_initial",
    "sample_trained", "solve",
]  # fmt: skip
