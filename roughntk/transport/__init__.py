"""Theorem 3: carrying coefficients from depth to depth."""

from roughntk.transport.coefficients import CoefficientReport, NotPositiveDefiniteError, coefficients
from roughntk.transport.drivers import Segment, SegmentDriver, quadrature_driver, segment_driver
from roughntk.transport.equation import TransportError, TransportResult, across_segment, between_depths

__all__ = [
    "CoefficientReport", "NotPositiveDefiniteError", "Segment", "SegmentDriver", "TransportError",
    "TransportResult", "across_segment", "between_depths", "coefficients", "quadrature_driver", "segment_driver",
]  # fmt: skip
