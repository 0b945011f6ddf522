"""What depth does to a family: its limit, how fast it is reached, data that grow with depth, criteria."""

from roughntk.depth import criteria
from roughntk.depth.diffrax_term import flow_field, flow_term
from roughntk.depth.infinite import (
    boundary_layer,
    coefficient_expansion,
    kernel_expansion,
)
from roughntk.depth.phases import Classification, classify
from roughntk.depth.proportional import JointLimit, harmonics, joint, ridge_predict
from roughntk.depth.tolerance import DepthNeeded, depth_needed

__all__ = [
    "Classification", "DepthNeeded", "JointLimit", "boundary_layer", "classify", "coefficient_expansion",
    "criteria", "depth_needed", "flow_field", "flow_term", "harmonics", "joint", "kernel_expansion",
    "ridge_predict",
]  # fmt: skip
