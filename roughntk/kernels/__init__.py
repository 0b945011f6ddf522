"""What an infinitely wide network of depth L computes: dual activations, families, the layer recursion."""

from roughntk.kernels.families import Deflated, KernelFamily, ReluNNGP, ReluNTK, SigmoidComposition
from roughntk.kernels.registry import FAMILIES, family
from roughntk.kernels.relu import BiasedReluNNGP, BiasedReluNTK, LeakyReluNNGP, LeakyReluNTK
from roughntk.kernels.smooth import ErfNNGP, ErfNTK

__all__ = [
    "FAMILIES", "BiasedReluNNGP", "BiasedReluNTK", "Deflated", "ErfNNGP", "ErfNTK", "KernelFamily", "LeakyReluNNGP",
    "LeakyReluNTK", "ReluNNGP", "ReluNTK", "SigmoidComposition", "family",
]  # fmt: skip
