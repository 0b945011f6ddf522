"""What an infinitely wide network of depth L computes: dual activations, families, the layer recursion."""

from roughntk.kernels.activation import ActivationNNGP, ActivationNTK
from roughntk.kernels.base import KernelFamily
from roughntk.kernels.composition import CompositionKernel, SigmoidComposition
from roughntk.kernels.deflated import Deflated
from roughntk.kernels.erf import ErfNNGP, ErfNTK
from roughntk.kernels.named import GeluNNGP, GeluNTK, TanhNNGP, TanhNTK
from roughntk.kernels.registry import FAMILIES, as_family, family
from roughntk.kernels.relu import BiasedReluNNGP, BiasedReluNTK, LeakyReluNNGP, LeakyReluNTK, ReluNNGP, ReluNTK
from roughntk.kernels.residual import ResidualReluNNGP, ResidualReluNTK
from roughntk.kernels.sequences import KernelSequence, sequence

__all__ = [
    "FAMILIES", "ActivationNNGP", "ActivationNTK", "BiasedReluNNGP", "BiasedReluNTK", 
    "CompositionKernel", "Deflated", "ErfNNGP", "ErfNTK", "GeluNNGP", "GeluNTK", "KernelFamily", "KernelSequence",
    "LeakyReluNNGP", "LeakyReluNTK", "ReluNNGP", "ReluNTK", "ResidualReluNNGP", "ResidualReluNTK",
    "SigmoidComposition", "TanhNNGP", "TanhNTK", "as_family", "family", "sequence",
]  # fmt: skip
