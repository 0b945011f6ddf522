"""Theorem 3: carrying coefficients from depth to depth."""

from roughntk.transport.drivers import Segment, SegmentDriver, quadrature_driver, segment_driver
from roughntk.transport.equation import TransportError, TransportResult, across_segment, between_depths
from roughntk.transport.real_depth import DepthTransportResult, to_depth

__all__ = [
    "DepthTransportResult", "Segment", "SegmentDriver", "TransportError", "TransportResult", "across_segment",
    "between_depths", "quadrature_driver", "segment_driver", "to_depth",
]  # fmt: skip
