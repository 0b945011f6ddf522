"""Rough paths on their own: tensor algebra, paths and samplers, signatures, lifts, exact p-variation,
rough differential equations.

Paths are arrays (points, channels) or `PiecewiseLinear`, with times; signatures are flat vectors, levels 1..N in
lexicographic word order, without the leading 1; log-signatures are in the Lyndon basis. `tensor` holds the
algebra on tuples of levels, `flat` the same on flat vectors with batch axes.
"""

import importlib
from typing import TYPE_CHECKING, Any

from roughntk.rough.algebra import flat, tensor
from roughntk.rough.algebra.bases import convert_basis, hall_brackets
from roughntk.rough.algebra.norms import homogeneous_norm, projective_norm
from roughntk.rough.algebra.shuffle import is_group_like, is_lie, shuffle_words
from roughntk.rough.algebra.tensor import lyndon_brackets, lyndon_words, signature_size, witt_dimension
from roughntk.rough.equations.ito_lyons import ItoLyons, ito_lyons
from roughntk.rough.equations.linear import solve_linear
from roughntk.rough.equations.options import RDEOptions
from roughntk.rough.equations.rde import RDEError, RDESolution, solve_rde
from roughntk.rough.paths.augment import (
    add_time,
    concatenate,
    lead_lag,
    levy_area,
    reparametrise,
    reverse,
    sub_path,
)
from roughntk.rough.paths.gaussian import StationaryGaussian
from roughntk.rough.paths.lifts import Lift, lift, lift_from_steps
from roughntk.rough.paths.perturbed import (
    brownian_lift,
    geometric_violation,
    is_geometric,
    ito_lift,
    perturb,
    pure_area_lift,
)
from roughntk.rough.paths.piecewise_linear import PiecewiseLinear
from roughntk.rough.paths.samplers import (
    brownian,
    fractional_brownian,
    fractional_noise_autocovariance,
    pure_area,
    random_smooth,
    spiral_area,
)
from roughntk.rough.signatures.evaluation import (
    SIGNATURE_BACKENDS,
    available_backends,
    backend_install_command,
    log_signature,
    prefix_signatures,
    signature,
    window_signatures,
)
from roughntk.rough.signatures.intervals import signatures_of_intervals
from roughntk.rough.variation.convergence import Convergence, convergence, convergence_of_distances
from roughntk.rough.variation.exact import (
    homogeneous_distance,
    p_variation,
    p_variation_distance,
    p_variation_levels,
    p_variation_partition,
)
from roughntk.rough.variation.given_distances import IncrementScaling, critical_p_of_distances, increment_scaling
from roughntk.rough.variation.given_increments import p_variation_levels_of_increments
from roughntk.rough.variation.levels import Variation, VariationTable
from roughntk.rough.variation.partitions import greedy_partition
from roughntk.rough.variation.regularity import (
    Control,
    CriticalExponent,
    HoelderNorm,
    control,
    critical_p,
    hoelder_norm,
)

if TYPE_CHECKING:
    from roughntk.rough.signatures.transformer import SignatureTransformer

__all__ = [
    "Control",
    "Convergence",
    "CriticalExponent",
    "HoelderNorm",
    "IncrementScaling",
    "ItoLyons",
    "Lift",
    "PiecewiseLinear",
    "RDEError",
    "RDEOptions",
    "RDESolution",
    "SIGNATURE_BACKENDS",
    "SignatureTransformer",
    "StationaryGaussian",
    "Variation",
    "VariationTable",
    "add_time",
    "available_backends",
    "backend_install_command",
    "brownian",
    "brownian_lift",
    "concatenate",
    "control",
    "convergence",
    "convergence_of_distances",
    "convert_basis",
    "critical_p",
    "critical_p_of_distances",
    "flat",
    "fractional_brownian",
    "fractional_noise_autocovariance",
    "geometric_violation",
    "greedy_partition",
    "hall_brackets",
    "hoelder_norm",
    "homogeneous_distance",
    "homogeneous_norm",
    "increment_scaling",
    "is_geometric",
    "is_group_like",
    "is_lie",
    "ito_lift",
    "ito_lyons",
    "lead_lag",
    "levy_area",
    "lift",
    "lift_from_steps",
    "log_signature",
    "lyndon_brackets",
    "lyndon_words",
    "p_variation",
    "p_variation_distance",
    "p_variation_levels",
    "p_variation_levels_of_increments",
    "p_variation_partition",
    "perturb",
    "prefix_signatures",
    "projective_norm",
    "pure_area",
    "pure_area_lift",
    "random_smooth",
    "reparametrise",
    "reverse",
    "shuffle_words",
    "signature",
    "signature_size",
    "signatures_of_intervals",
    "solve_linear",
    "solve_rde",
    "spiral_area",
    "sub_path",
    "tensor",
    "window_signatures",
    "witt_dimension",
]


def __getattr__(name: str) -> Any:
    if name != "SignatureTransformer":  # its module imports scikit-learn, which takes a while
        raise AttributeError(f"module 'roughntk.rough' has no attribute {name!r}")
    return importlib.import_module("roughntk.rough.signatures.transformer").SignatureTransformer
