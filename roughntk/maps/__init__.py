"""One layer on one angle or correlation, iterated, at whole and at real depth. Knows no family and no data.

Whole depth is counted in `recursion`; real depth is computed in `relu_flow`, `leaky_flow` and, for maps of the
correlation, `koenigs`.
"""

from roughntk.maps import duals, fixed_points, hermite, koenigs, leaky_flow, leaky_layer, recursion, relu_flow

__all__ = ["duals", "fixed_points", "hermite", "koenigs", "leaky_flow", "leaky_layer", "recursion", "relu_flow"]
