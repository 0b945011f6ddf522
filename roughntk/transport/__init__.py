"""Theorem 3: carrying coefficients from depth to depth."""

from roughntk.transport.along_depth import to_depth
from roughntk.transport.certificate import Certificate, certificate_of
from roughntk.transport.drivers import Driver, QuadratureDriver, RetimedDriver
from roughntk.transport.equation import SolverOptions, vector_field
from roughntk.transport.paths import CoefficientPath, quadrature_driver
from roughntk.transport.result import TransportError, TransportResult
from roughntk.transport.segments import Segment, SegmentDriver, segment_driver
from roughntk.transport.whole_depth import across_segment, between_depths

__all__ = [
    "Certificate", "CoefficientPath", "Driver", "QuadratureDriver", "RetimedDriver", "Segment", "SegmentDriver",
    "SolverOptions", "TransportError", "TransportResult", "across_segment", "between_depths", "certificate_of",
    "quadrature_driver", "segment_driver", "to_depth", "vector_field",
]  # fmt: skip
