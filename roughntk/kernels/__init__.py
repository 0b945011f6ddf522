"""What an infinitely wide network of depth L computes: architectures, each with two kernels, and families by name."""

import importlib
from typing import TYPE_CHECKING, Any

from roughntk.kernels.activation import Activation, ActivationNNGP, ActivationNTK
from roughntk.kernels.architecture import Architecture
from roughntk.kernels.base import KernelFamily
from roughntk.kernels.biased import BiasedRelu, BiasedReluNNGP, BiasedReluNTK
from roughntk.kernels.composition import Composition, CompositionKernel, SigmoidComposition
from roughntk.kernels.engine.deflated import Deflated
from roughntk.kernels.erf import Erf, ErfNNGP, ErfNTK
from roughntk.kernels.named import Gelu, GeluNNGP, GeluNTK, Tanh, TanhNNGP, TanhNTK
from roughntk.kernels.registry import FAMILIES, as_family, family
from roughntk.kernels.relu import (
    LeakyRelu,
    LeakyReluNNGP,
    LeakyReluNTK,
    Relu,
    ReluNNGP,
    ReluNTK,
)
from roughntk.kernels.residual import ResidualRelu, ResidualReluNNGP, ResidualReluNTK
from roughntk.kernels.sequences import KernelSequence, sequence

if TYPE_CHECKING:
    from roughntk.kernels.gaussian_process import as_gp_kernel

__all__ = [
    "FAMILIES", "Activation", "ActivationNNGP", "ActivationNTK", "Architecture", "BiasedRelu", "BiasedReluNNGP",
    "BiasedReluNTK", "Composition", "CompositionKernel", "Deflated", "Erf", "ErfNNGP", "ErfNTK", "Gelu", "GeluNNGP",
    "GeluNTK", "KernelFamily", "KernelSequence", "LeakyRelu", "LeakyReluNNGP", "LeakyReluNTK", "Relu", "ReluNNGP",
    "ReluNTK", "ResidualRelu", "ResidualReluNNGP", "ResidualReluNTK", "SigmoidComposition", "Tanh", "TanhNNGP",
    "TanhNTK", "as_family", "as_gp_kernel", "family", "sequence",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name != "as_gp_kernel":  # its module imports scikit-learn, which takes a while
        raise AttributeError(f"module 'roughntk.kernels' has no attribute {name!r}")
    return importlib.import_module("roughntk.kernels.gaussian_process").as_gp_kernel
