"""Theorem 3: carrying coefficients from depth to depth."""

from roughntk.transport.coefficients import (
    CoefficientReport,
    InaccurateCoefficientsWarning,
    IndefiniteKernelWarning,
    NotPositiveDefiniteError,
    coefficients,
)
from roughntk.transport.depth_needed import DepthNeeded, depth_needed
from roughntk.transport.drivers import Segment, SegmentDriver, quadrature_driver, segment_driver
from roughntk.transport.equation import TransportError, TransportResult, across_segment, between_depths
from roughntk.transport.predictor import PredictionReport, predict
from roughntk.transport.to_depth import DepthTransportResult, to_depth

__all__ = [
    "CoefficientReport", "DepthNeeded", "DepthTransportResult",
    "InaccurateCoefficientsWarning", "IndefiniteKernelWarning", "NotPositiveDefiniteError", "PredictionReport",
    "Segment", "SegmentDriver", "TransportError", "TransportResult", "across_segment", "between_depths",
    "coefficients", "depth_needed", "predict", "quadrature_driver", "segment_driver", "to_depth",
]  # fmt: skip
