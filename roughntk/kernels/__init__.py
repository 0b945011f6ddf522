"""What an infinitely wide network of depth L computes: dual activations, families, the layer recursion."""

from roughntk.kernels import criteria
from roughntk.kernels.classification import Classification
from roughntk.kernels.classify import classify
from roughntk.kernels.families import Deflated, KernelFamily, ReluNNGP, ReluNTK, SigmoidComposition
from roughntk.kernels.registry import FAMILIES, family
from roughntk.kernels.relu import BiasedReluNNGP, BiasedReluNTK, LeakyReluNNGP, LeakyReluNTK
from roughntk.kernels.smooth import ErfNNGP, ErfNTK

__all__ = [
    "FAMILIES", "BiasedReluNNGP", "BiasedReluNTK", "Classification", "Deflated", "ErfNNGP", "ErfNTK", "KernelFamily",
    "LeakyReluNNGP", "LeakyReluNTK", "ReluNNGP", "ReluNTK", "SigmoidComposition", "classify", "criteria", "family",
]  # fmt: skip
