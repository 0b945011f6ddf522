"""Rough paths on their own: tensor algebra, signatures, lifts, exact p-variation.

Paths are arrays (points, channels); signatures are flat vectors, levels 1..N in lexicographic word order,
without the leading 1; log-signatures are in the Lyndon basis.
"""

from roughntk.rough import tensor
from roughntk.rough.lift import Lift, lift, lift_from_steps
from roughntk.rough.path import PiecewiseLinear
from roughntk.rough.signature import (
    available_backends,
    backend_install_command,
    log_signature,
    signature,
)
from roughntk.rough.tensor import lyndon_brackets, lyndon_words, signature_size, witt_dimension
from roughntk.rough.variation import p_variation, p_variation_distance, variation_partition

__all__ = [
    "Lift",
    "PiecewiseLinear",
    "available_backends",
    "backend_install_command",
    "lift",
    "lift_from_steps",
    "log_signature",
    "lyndon_brackets",
    "lyndon_words",
    "p_variation",
    "p_variation_distance",
    "signature",
    "signature_size",
    "tensor",
    "variation_partition",
    "witt_dimension",
]
