"""Depth as a continuous parameter: real depth, the bridge between two depths, and the limit of infinite depth."""

from roughntk.depth.continuous import flow_field, flow_term
from roughntk.depth.limit import limit_coefficients, limit_value

__all__ = ["flow_field", "flow_term", "limit_coefficients", "limit_value"]
