"""One layer on one angle or correlation, iterated, at whole and at real depth. Knows no family and no data."""

from roughntk.maps import duals, fixed_points, hermite, koenigs, leaky_flow, leaky_layer, recursion, relu_flow

__all__ = ["duals", "fixed_points", "hermite", "koenigs", "leaky_flow", "leaky_layer", "recursion", "relu_flow"]
