"""Networks of finite width: simulated, exactly in law, and in the limit where depth and width grow together.

What this room says about that limit was derived and measured, not proved.
"""

from roughntk.networks.weight_results import DepthRoughness, PathRoughness, WeightRoughness
from roughntk.networks.weight_verdicts import Exponent
from roughntk.networks.weights import (
    weight_roughness,
    weight_roughness_by_depth,
    weight_roughness_of_distances,
)

__all__ = [
    "DepthRoughness",
    "Exponent",
    "PathRoughness",
    "WeightRoughness",
    "weight_roughness",
    "weight_roughness_by_depth",
    "weight_roughness_of_distances",
]
