"""Depth as a continuous parameter: the bridge between two depths, and the limit of infinite depth."""

from roughntk.depth.limit import limit_coefficients, limit_value

__all__ = ["limit_coefficients", "limit_value"]
