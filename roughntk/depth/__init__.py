"""Depth as a continuous parameter: real depth, the bridge between two depths, and the limit of infinite depth."""

from roughntk.depth.continuous import flow_field, flow_term
from roughntk.depth.hyperbolic import composition_flow
from roughntk.depth.joint import JointLimit, harmonics, joint, ridge_predict
from roughntk.depth.leaky import leaky_abel, leaky_flow
from roughntk.depth.limit import (
    boundary_layer,
    coefficient_expansion,
    kernel_expansion,
    limit_coefficients,
    limit_kernel,
    limit_value,
)
from roughntk.depth.table import kernel_table

__all__ = [
    "JointLimit", "boundary_layer", "coefficient_expansion", "composition_flow", "flow_field", "flow_term", "harmonics",
    "joint", "kernel_expansion", "kernel_table", "leaky_abel", "leaky_flow", "limit_coefficients", "limit_kernel",
    "limit_value", "ridge_predict",
]  # fmt: skip
